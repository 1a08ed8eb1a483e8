"""Frames per second of the training loop against the bare torch step, and the cost of clipping.

Run from the repository root: `python -m benchmarks.train.speed`. Both sides run in turns, so that
what else the machine does hits both alike; medians over the rounds are given. The bare step is
torch.nn.LSTM + linear + cross-entropy, forward, backward and Adam, on dense batches (no padding)
of the same number of frames; the loop is all of `train` from batch to log, held-out loss apart.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pipeline.config import ClippingOptions, NnetOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.nnet.clipping import METHODS, make_clipper
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.targets import TrainingSet
from pipeline.nnet.train import train

DIM, NUM_PDFS = 13, 144  # as the Kaldi baseline on FSDD: MFCC, pdfs of tri3b
BATCH_FRAMES = 4000
DENSE_FRAMES = 50  # T of the dense batches


def fsdd_like(num_utterances: int) -> TrainingSet:
    """Random features with durations spread as those of FSDD: mean 43 frames, 20 to 100."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.gamma(7.0, 6.2, num_utterances).round(), 15, 120).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    names = [f"u{i:05d}" for i in range(num_utterances)]
    frames = rng.normal(size=(int(offsets[-1]), DIM)).astype(np.float32)
    features = FeatureSet(names, names, names, frames, offsets)
    return TrainingSet(features, rng.integers(NUM_PDFS, size=len(frames)), [])


def loop_speed(data: TrainingSet, options: NnetOptions) -> list[float]:
    """Frames per second of each epoch of the real loop."""
    with tempfile.TemporaryDirectory() as folder:
        train(data, NUM_PDFS, options, 1, Path(folder))
        lines = (Path(folder) / "log.jsonl").read_text().splitlines()
    return [json.loads(line)["frames_per_second"] for line in lines]


class BareStep:
    """torch alone: the reference."""

    def __init__(self, hidden_dim: int, num_layers: int) -> None:
        """The same sizes as the loop's network."""
        torch.manual_seed(0)
        self.lstm = nn.LSTM(DIM, hidden_dim, num_layers, batch_first=True)
        self.output = nn.Linear(hidden_dim, NUM_PDFS)
        parameters = [*self.lstm.parameters(), *self.output.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)
        self.features = torch.randn(BATCH_FRAMES // DENSE_FRAMES, DENSE_FRAMES, DIM)
        self.targets = torch.randint(NUM_PDFS, (BATCH_FRAMES,))

    def __call__(self) -> None:
        """One step."""
        self.optimizer.zero_grad(set_to_none=True)
        hidden, _ = self.lstm(self.features)
        logits = self.output(hidden).flatten(0, 1)
        functional.cross_entropy(logits, self.targets).backward()
        self.optimizer.step()

    def speed(self, num_steps: int) -> float:
        """Frames per second."""
        return num_steps * BATCH_FRAMES / seconds_of(self, num_steps)


def seconds_of(call: Callable[[], object], repetitions: int) -> float:
    """Seconds that `repetitions` calls take."""
    start = time.perf_counter()
    for _ in range(repetitions):
        call()
    return time.perf_counter() - start


def clipping_costs(options: NnetOptions, step_seconds: float) -> dict[str, dict[str, float]]:
    """Milliseconds of each method on a gradient that it clips, and their share of a step."""
    torch.manual_seed(0)
    model = AcousticModel(options.model, DIM, NUM_PDFS)
    costs = {}
    for method in METHODS:
        settings = ClippingOptions.model_validate({"method": method, "threshold": 1e-3})
        clipper = make_clipper(model, settings, DIM)
        times = []
        for _ in range(200):
            for parameter in model.parameters():
                parameter.grad = torch.randn_like(parameter)
            times.append(seconds_of(clipper, 1))
        milliseconds = 1e3 * statistics.median(times)
        costs[method] = {"ms": milliseconds, "percent_of_step": milliseconds / step_seconds / 10.0}
    return costs


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden-dim", type=int, default=94, help="126k parameters")
    parser.add_argument("--num-layers", type=int, default=2)
    parser.add_argument("--num-utterances", type=int, default=2600)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--num-threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.num_threads)
    model = {"hidden_dim": args.hidden_dim, "num_layers": args.num_layers}
    training: dict[str, Any] = {
        "num_epochs": 1,
        "batch_frames": BATCH_FRAMES,
        "num_threads": args.num_threads,
    }
    options = NnetOptions.model_validate({"alignment": "x", "model": model, "training": training})
    data = fsdd_like(args.num_utterances)
    bare = BareStep(args.hidden_dim, args.num_layers)
    loop_speed(data, options)
    bare.speed(10)
    pairs = [(loop_speed(data, options)[0], bare.speed(30)) for _ in range(args.rounds)]
    loop, reference = (statistics.median(side) for side in zip(*pairs, strict=True))
    result = {
        "parameters": AcousticModel(options.model, DIM, NUM_PDFS).num_parameters,
        "threads": args.num_threads,
        "loop_frames_per_second": loop,
        "bare_frames_per_second": reference,
        "ratio": statistics.median(a / b for a, b in pairs),
        "ratios": [a / b for a, b in pairs],
        "clipping": clipping_costs(options, BATCH_FRAMES / loop),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()

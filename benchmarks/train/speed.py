"""Frames per second of the training loop against the bare torch step, and the cost of clipping.

Run from the repository root: `python -m benchmarks.train.speed`. Both sides run in turns, step by
step, so that what else the machine does hits both alike; medians over the rounds are given. The
bare step is torch.nn.LSTM + linear + cross-entropy, forward, backward and Adam, on dense batches
(no padding) of the same number of frames; the loop is all of `train` from batch to log, the
drawing of the epoch's batches included, held-out loss apart.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pipeline.config import ClippingOptions, ModelOptions, NnetOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.nnet import trainer as trainer_module
from pipeline.nnet.clipping import METHODS, make_clipper
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.targets import TrainingSet
from pipeline.nnet.train import train

DIM, NUM_PDFS = 13, 144  # as the Kaldi baseline on FSDD: MFCC, pdfs of tri3b
BATCH_FRAMES = 4000
DENSE_FRAMES = 50  # T of the dense batches
# The process's own time says more than the wall's where other processes share the cores.
Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}
INSIDE_GRAPH = ("time_step", "truncation", "sequence_filter")


def fsdd_like(num_utterances: int) -> TrainingSet:
    """Random features with durations spread as those of FSDD: mean 43 frames, 20 to 100."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.gamma(7.0, 6.2, num_utterances).round(), 15, 120).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    names = [f"u{i:05d}" for i in range(num_utterances)]
    frames = rng.normal(size=(int(offsets[-1]), DIM)).astype(np.float32)
    features = FeatureSet(names, names, names, frames, offsets)
    return TrainingSet(features, rng.integers(NUM_PDFS, size=len(frames)), [])


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


def seconds_of(call: Callable[[], object], repetitions: int, clock: Clock) -> float:
    """Seconds that `repetitions` calls take."""
    start = clock()
    for _ in range(repetitions):
        call()
    return clock() - start


def speeds(
    data: TrainingSet, options: NnetOptions, bare: BareStep, clock: Clock
) -> tuple[float, float]:
    """Frames per second of one epoch of the real loop, and of a bare step after each of its steps.

    The loop's clock stands still during the bare steps.
    """
    spent: list[float] = []

    def one_bare_step(record: dict[str, Any]) -> None:
        spent.append(seconds_of(bare, 1, clock))

    own = SimpleNamespace(monotonic=lambda: clock() - sum(spent))
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(trainer_module, "time", own),
    ):
        train(data, NUM_PDFS, options, 1, Path(folder), on_step=one_bare_step)
        (line,) = (Path(folder) / "log.jsonl").read_text().splitlines()
    return json.loads(line)["frames_per_second"], len(spent) * BATCH_FRAMES / sum(spent)


class ClippedStep:
    """Forward, backward, clipping and Adam of one method on a dense batch, timed apart."""

    def __init__(self, method: str, model: ModelOptions, learning_rate: float = 0.0) -> None:
        """A threshold that the gradient passes, so that clipping has work to do."""
        torch.manual_seed(0)
        self.model = AcousticModel(model, DIM, NUM_PDFS)
        keys = {"threshold": 1e-3, "warmup_steps": 3, "history": 1000}
        own = {key: value for key, value in keys.items() if key in ClippingOptions.KEYS[method]}
        options = ClippingOptions.model_validate({"method": method, **own})
        self.clipper = make_clipper(self.model, options, DIM)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=learning_rate, fused=True)
        self.features = torch.randn(BATCH_FRAMES // DENSE_FRAMES, DENSE_FRAMES, DIM)
        self.lengths = torch.full((len(self.features),), DENSE_FRAMES)
        self.targets = torch.randint(NUM_PDFS, (BATCH_FRAMES,))

    def passes(self) -> None:
        """Forward and backward, where the methods inside the graph act."""
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.model(self.features, self.lengths).flatten(0, 1)
        loss = functional.cross_entropy(logits, self.targets)
        self.clipper.before_backward(1.0 / BATCH_FRAMES)
        loss.backward()

    def clip(self, clock: Clock) -> float:
        """Clipping after backward and after the step; seconds, the optimiser's step left out."""
        start = clock()
        seen = self.clipper()
        done = clock() - start
        self.optimizer.step()
        start = clock()
        self.clipper.after_step(seen, self.optimizer)
        return done + clock() - start


def clipping_costs(model: ModelOptions, rounds: int, clock: Clock) -> dict[str, dict[str, float]]:
    """Milliseconds of each method beside `none`, and their share of a whole step, in turns.

    What a method does after backward is timed by itself; what it does inside the graph is the
    difference of forward and backward with it and without it.
    """
    steps = {method: ClippedStep(method, model) for method in METHODS}
    passes: dict[str, list[float]] = {method: [] for method in METHODS}
    clips: dict[str, list[float]] = {method: [] for method in METHODS}
    for number in range(rounds + 3):
        for method, step in steps.items():
            if method in INSIDE_GRAPH or method == "none":
                seconds = seconds_of(step.passes, 1, clock)
            elif number == 0:
                step.passes()
            else:
                for parameter in step.model.parameters():
                    parameter.grad = torch.randn_like(parameter)
            clip = step.clip(clock)
            if number >= 3:
                clips[method].append(clip)
                if method in INSIDE_GRAPH or method == "none":
                    passes[method].append(seconds)
    bare = statistics.median(passes["none"])
    whole = bare + statistics.median(clips["none"])
    costs = {}
    for method in METHODS:
        cost = statistics.median(clips[method])
        if method in INSIDE_GRAPH:
            pairs = zip(passes[method], passes["none"], strict=True)
            cost += statistics.median(own - other for own, other in pairs)
        costs[method] = {"ms": 1e3 * cost, "percent_of_step": 100.0 * cost / whole}
    return costs


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hidden-dim", type=int, default=94, help="126k parameters")
    parser.add_argument("--num-layers", type=int, default=2)
    parser.add_argument("--num-utterances", type=int, default=2600)
    parser.add_argument("--rounds", type=int, default=7, help="0: not the loop")
    parser.add_argument("--num-threads", type=int, default=1)
    parser.add_argument("--clipping-rounds", type=int, default=40, help="0: not")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: the process's time")
    args = parser.parse_args()
    torch.set_num_threads(args.num_threads)
    load = os.getloadavg()[0]
    model = {"hidden_dim": args.hidden_dim, "num_layers": args.num_layers}
    training: dict[str, Any] = {
        "num_epochs": 1,
        "batch_frames": BATCH_FRAMES,
        "num_threads": args.num_threads,
    }
    options = NnetOptions.model_validate({"alignment": "x", "model": model, "training": training})
    clock = CLOCKS[args.clock]
    result: dict[str, Any] = {
        "parameters": AcousticModel(options.model, DIM, NUM_PDFS).num_parameters,
        "threads": args.num_threads,
        "cores": os.cpu_count(),
        "clock": args.clock,
        "load_before": load,
    }
    if args.rounds:
        data = fsdd_like(args.num_utterances)
        bare = BareStep(args.hidden_dim, args.num_layers)
        speeds(data, options, bare, clock)
        pairs = [speeds(data, options, bare, clock) for _ in range(args.rounds)]
        loop, reference = (statistics.median(side) for side in zip(*pairs, strict=True))
        result["loop_frames_per_second"] = loop
        result["bare_frames_per_second"] = reference
        result["ratio"] = statistics.median(a / b for a, b in pairs)
        result["ratios"] = [a / b for a, b in pairs]
    if args.clipping_rounds:
        result["clipping"] = clipping_costs(options.model, args.clipping_rounds, clock)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()

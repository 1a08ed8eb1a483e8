"""The folder of a small finished run: everything that a report reads, made up."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from pipeline.align.ctm import write_ctm
from pipeline.align.segments import Segment
from pipeline.config import Config
from pipeline.io.atomic import write_json, write_text
from pipeline.io.json_lines import write_json_lines
from pipeline.io.rejects import Reject, write_rejects
from pipeline.score.hypotheses import Hypothesis, Setting
from pipeline.score.references import Reference
from pipeline.score.scoring import score

DIGITS = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")
CONFUSED = {"SIX": "EIGHT", "EIGHT": "NINE", "FIVE": "NINE"}
RATE = 8000


@dataclass
class ToyRun:
    """Where it lies, and its configuration."""

    root: Path
    config: Config
    config_path: Path


def toy_config(**changes: Any) -> Config:
    """Two splits, two grammars, two rungs, one network, two decoders."""
    values: dict[str, Any] = {
        "recipe": "toy",
        "title": "Spoken digits",
        "corpus": {"name": "toy"},
        "splits": ["official", "theo"],
        "gmm": {"mono": {"type": "mono"}, "tri1": {"type": "deltas", "alignment": "mono"}},
        "nnet": {"lstm": {"alignment": "tri1"}},
        "grammars": {"g1": {"type": "one_word"}, "loop": {"type": "loop"}},
    }
    return Config.model_validate({**values, **changes})


def _cuts(folder: Path, ids: list[str], words: dict[str, list[str]]) -> list[dict[str, Any]]:
    cuts = []
    for utterance_id in ids:
        duration = 0.5 * len(words[utterance_id])
        cuts.append(
            {
                "id": utterance_id,
                "start": 0.0,
                "duration": duration,
                "channel": 0,
                "supervisions": [
                    {
                        "id": utterance_id,
                        "recording_id": utterance_id,
                        "start": 0.0,
                        "duration": duration,
                        "channel": 0,
                        "text": " ".join(words[utterance_id]),
                        "speaker": utterance_id.split("-")[0],
                    }
                ],
                "recording": {
                    "id": utterance_id,
                    "sources": [
                        {
                            "type": "file",
                            "channels": [0],
                            "source": str(folder / f"{utterance_id}.wav"),
                        }
                    ],
                    "sampling_rate": RATE,
                    "num_samples": int(duration * RATE),
                    "duration": duration,
                },
                "type": "MonoCut",
            }
        )
    return cuts


def _speech(duration: float, generator: np.random.Generator) -> np.ndarray[Any, Any]:
    time = np.arange(int(duration * RATE)) / RATE
    tone = sum(np.sin(2 * np.pi * 130 * k * time) / k for k in range(1, 12))
    wave: np.ndarray[Any, Any] = 0.1 * tone * np.abs(np.sin(np.pi * time / 0.5))
    return wave + 0.003 * generator.standard_normal(len(time))


def _hypotheses(
    references: dict[str, Reference], rate: float, generator: random.Random
) -> dict[str, Hypothesis]:
    table = {}
    for utterance_id, reference in references.items():
        words = []
        for word in reference.words:
            if generator.random() < rate * (3.0 if word in CONFUSED else 0.6):
                kind = generator.random()
                if kind < 0.7:
                    words.append(CONFUSED.get(word, generator.choice(DIGITS)))
                elif kind < 0.85:
                    words += [word, "EIGHT"]
            else:
                words.append(word)
        costs = 900.0 + 50 * generator.random(), 3.0 + generator.random()
        table[utterance_id] = Hypothesis(tuple(words), *costs)
    return table


def _steps(config: Config, generator: np.random.Generator, number: int) -> list[dict[str, Any]]:
    steps = []
    epochs = config.nnet["lstm"].training.num_epochs
    for step in range(1, number + 1):
        done = step / number
        norm = float(np.exp(generator.normal(2.2 - 1.4 * done, 0.5)))
        coefficient = min(1.0, 5.0 / norm)
        layers = ("lstm.0", "lstm.1", "output")
        steps.append(
            {
                "step": step,
                "epoch": min(epochs, 1 + int((step - 1) * epochs / number)),
                "loss": 0.4 + 3.0 * np.exp(-5 * done) + 0.05 * generator.standard_normal(),
                "learning_rate": 2e-3 * min(1.0, step / 50) * (1 - 0.95 * done),
                "norm_before": None if step == number // 2 else norm,
                "norm_after": norm * coefficient,
                "coefficient": coefficient,
                "clipped": coefficient < 1.0,
                "skipped": step == number // 2,
                "norm_by_layer": {name: norm * (0.2 + 0.3 * i) for i, name in enumerate(layers)},
            }
        )
    return steps


def _scores(ids: list[str]) -> str:
    """One utterance that was not aligned, one mismatch, the others as usual."""
    lines = ["utterance_id\tsuspicion\tlog_likelihood\tgap\tretried\tcause"]
    lines.append("ann-099\tinf\tnan\tnan\t0\tcannot be aligned: too short <b>for</b> it")
    for place, name in enumerate(ids[::-1]):
        cause = "" if place else "transcript mismatch"
        lines.append(f"{name}\t{9.5 if not place else 2 / place:.3f}\t-90.1\t0.25\t0\t{cause}")
    return "".join(f"{line}\n" for line in lines)


def make_toy_run(
    root: Path, config: Config | None = None, utterances: int = 30, words: int = 1, steps: int = 90
) -> ToyRun:
    """Write the run; the same arguments give the same files."""
    config = config or toy_config()
    generator, noise = random.Random(1), np.random.default_rng(1)
    epochs = config.nnet["lstm"].training.num_epochs if config.nnet else 0
    for place, split in enumerate(config.splits):
        ids = [f"{name}-{n:03d}" for name in ("ann", "bob") for n in range(utterances // 2)]
        said = {u: [generator.choice(DIGITS) for _ in range(words)] for u in ids}
        cuts = _cuts(root / "audio", ids, said)
        for name in ("train", "test"):
            write_json_lines(root / split / "data" / name / "cuts.jsonl.gz", cuts)
        (root / "audio").mkdir(exist_ok=True)
        for utterance_id in ids:
            samples = _speech(0.5 * words, noise)
            soundfile.write(root / "audio" / f"{utterance_id}.wav", samples, RATE)
        references = {u: Reference(u, u.split("-")[0], tuple(said[u])) for u in ids}
        for index, model in enumerate(config.decoded_models):
            for grammar in config.grammars:
                rate = 0.0 if (place, index) == (0, 1) else 0.03 * (1 + 3 * place) * (4 - index)
                fixed = _hypotheses(references, rate, generator)
                better = _hypotheses(references, rate * 0.7, generator)
                for decoder in config.decode.decoders:
                    table = {Setting(12.0, 0.0): fixed, Setting(10.0, 0.5): better}
                    path = root / split / "decode" / model / grammar / decoder / "wer.json"
                    write_json(path, score(references, table, config.decode))
        for index, rung in enumerate(config.gmm):
            write_json_lines(
                root / split / rung / "log.jsonl",
                [
                    {
                        "iteration": i,
                        "log_likelihood": -104 + 10 * index + 10 * (1 - np.exp(-i / 8)),
                        "num_gaussians": 62 + 25 * i,
                    }
                    for i in range(40)
                ]
                + [{"num_pdfs": 144}],
            )
            phones = {}
            for utterance_id in ids:
                marks = np.linspace(0, 0.5 * words, 1 + 4 * words) + 0.01 * index
                marks[0], marks[-1] = 0, 0.5 * words
                pairs = zip(marks[:-1].tolist(), marks[1:].tolist(), strict=True)
                phones[utterance_id] = [
                    Segment(("SIL", "S", "IH", "K")[i % 4], a, b) for i, (a, b) in enumerate(pairs)
                ]
            write_ctm(root / split / rung / "alignment" / "phones.ctm", phones)
            write_text(root / split / rung / "alignment" / "scores.tsv", _scores(ids))
            write_rejects(
                root / split / rung / "alignment" / "rejected.tsv",
                [Reject("ann-099", "cuts.jsonl.gz", "no path <b>here</b>", "check the transcript")],
            )
        for net in config.nnet:
            write_json_lines(
                root / split / net / "log.jsonl",
                [
                    {
                        "epoch": e,
                        "loss": 0.4 + 3 * np.exp(-0.5 * e),
                        "held_out_loss": 0.7 + 2.6 * np.exp(-0.5 * e) + 0.01 * e,
                        "frame_accuracy": 0.85 - 0.6 * np.exp(-0.5 * e),
                        "learning_rate": 2e-3 * (1 - 0.95 * e / epochs),
                        "clipping_rate": 0.5,
                    }
                    for e in range(1, epochs + 1)
                ],
            )
            write_json_lines(root / split / net / "steps.jsonl", _steps(config, noise, steps))
    write_rejects(
        root / "data" / "rejected.tsv",
        [Reject("-", "audio/x.wav", "no transcript", "add a line to text, or remove the file")],
    )
    write_rejects(root / "features" / "rejected.tsv", [])
    for job, seconds in (("data", 1.2), ("official/mono", 15.8), ("official/lstm", 79.6)):
        write_text(
            root / "benchmarks" / f"{job}.tsv",
            "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
            f"{seconds}\t0:00:00\t512.3\t900\t500\t500\t0\t0\t150\t{2 * seconds}\n",
        )
    write_text(root / "config.json", config.model_dump_json())
    return ToyRun(root, config, root / "config.json")

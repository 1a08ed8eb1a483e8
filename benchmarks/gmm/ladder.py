"""Ladders that Kaldi was timed on: options of each rung, training and alignment of all."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gmm.process import NUM_THREADS, Used, run

MONO_REALIGN = [*range(1, 11), *range(12, 21, 2), *range(23, 39, 3)]  # train_mono.sh
Options = dict[str, Any]


@dataclass(frozen=True)
class Ladder:
    """Options of each rung, and what Kaldi took for all of them with nj 2 on 2 cores."""

    rungs: dict[str, Options]
    kaldi_seconds: float
    align: Options


def fsdd(root: Path) -> Ladder:
    """At the size of Kaldi's recipe, whichever the run's own rungs are; FSDD official."""
    triphones = {"num_leaves": 500, "num_gaussians": 4000}
    mono = {
        "type": "mono",
        "num_iterations": 40,
        "realign_iterations": MONO_REALIGN,
        "max_increase_iteration": 30,
        "num_gaussians": 1000,
    }
    rungs = {
        "mono": mono,
        "tri1": {"type": "deltas", "alignment": "mono", **triphones},
        "tri2b": {"type": "lda_mllt", "alignment": "tri1", **triphones},
        "tri3b": {"type": "sat", "alignment": "tri2b", **triphones},
    }
    return Ladder(rungs, 57.2, {})  # training 52.9, alignments 4.3


def librispeech_part(root: Path) -> Ladder:
    """The run's own rungs: they have the sizes of Kaldi's run on the same utterances."""
    config = json.loads((root / "config.json").read_text(encoding="utf-8"))
    return Ladder(config["gmm"], 361.0, config["align"])  # mono 59, tri1 84, tri2b 98, tri3b 120


LADDERS: dict[str, Callable[[Path], Ladder]] = {
    "fsdd": fsdd,
    "librispeech_part": librispeech_part,
}


def data_arguments(root: Path, split: str) -> dict[str, Any]:
    """Where the programs find the training set of a finished run."""
    train = root / split / "data/train"
    return {"lang": root / "lang", "cuts": train / "cuts.jsonl.gz", "cmvn": train / "cmvn.ark"}


def train_arguments(
    ladder: Ladder, data: dict[str, Any], rung: str, output: Path
) -> dict[str, Any]:
    """Arguments of train_gmm; the source rung lies beside the output."""
    options = ladder.rungs[rung]
    source = options.get("alignment")
    return data | {
        "options": options,
        "align_options": ladder.align,
        "source_model": source and output / source,
        "alignment": source and output / source / "alignment/transition_ids.scp",
        "num_threads": NUM_THREADS,
        "output_dir": output / rung,
    }


def run_ladder(ladder: Ladder, root: Path, split: str, output: Path) -> list[Used]:
    """Train and align every rung, one process after the other."""
    data = data_arguments(root, split)
    found = []
    for rung in ladder.rungs:
        arguments = train_arguments(ladder, data, rung, output)
        found.append(run(f"{rung} training", "pipeline.bin.train_gmm", arguments))
        print(found[-1].row(), file=sys.stderr, flush=True)
        align = data | {
            "options": ladder.align,
            "model_dir": output / rung,
            "num_threads": NUM_THREADS,
            "output_dir": output / rung / "alignment",
        }
        found.append(run(f"{rung} alignment", "pipeline.bin.align_gmm", align))
        print(found[-1].row(), file=sys.stderr, flush=True)
    return found

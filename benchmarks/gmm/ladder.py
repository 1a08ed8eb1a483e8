"""The ladder at the size of Kaldi's recipe: options of each rung, training and alignment of all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.gmm.process import NUM_THREADS, Used, run

KALDI_SECONDS = 57.2  # training 52.9, alignments 4.3; FSDD official, 2 cores, nj 2
MONO_REALIGN = [*range(1, 11), *range(12, 21, 2), *range(23, 39, 3)]  # train_mono.sh
RUNGS: dict[str, dict[str, Any]] = {
    "mono": {
        "type": "mono",
        "num_iterations": 40,
        "realign_iterations": MONO_REALIGN,
        "max_increase_iteration": 30,
        "num_gaussians": 1000,
    },
    "tri1": {"type": "deltas", "alignment": "mono"},
    "tri2b": {"type": "lda_mllt", "alignment": "tri1"},
    "tri3b": {"type": "sat", "alignment": "tri2b"},
}
TRIPHONES = {"num_leaves": 500, "num_gaussians": 4000}


def data_arguments(root: Path, split: str) -> dict[str, Any]:
    """Where the programs find the training set of a finished run."""
    train = root / split / "data/train"
    return {"lang": root / "lang", "cuts": train / "cuts.jsonl.gz", "cmvn": train / "cmvn.ark"}


def train_arguments(data: dict[str, Any], rung: str, output: Path) -> dict[str, Any]:
    """Arguments of train_gmm; the source rung lies beside the output."""
    options = RUNGS[rung] if rung == "mono" else RUNGS[rung] | TRIPHONES
    source = options.get("alignment")
    return data | {
        "options": options,
        "align_options": {},
        "source_model": source and output / source,
        "alignment": source and output / source / "alignment/transition_ids.scp",
        "num_threads": NUM_THREADS,
        "output_dir": output / rung,
    }


def run_ladder(root: Path, split: str, output: Path) -> list[Used]:
    """Train and align every rung, one process after the other."""
    data = data_arguments(root, split)
    found = []
    for rung in RUNGS:
        found.append(
            run(f"{rung} training", "pipeline.bin.train_gmm", train_arguments(data, rung, output))
        )
        align = data | {
            "options": {},
            "model_dir": output / rung,
            "num_threads": NUM_THREADS,
            "output_dir": output / rung / "alignment",
        }
        found.append(run(f"{rung} alignment", "pipeline.bin.align_gmm", align))
    return found

"""Program: a study and its inputs -> one result a training; what is there already stays."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from pipeline.io.errors import UserError, run
from pipeline.study.batch import run_batch
from pipeline.study.design import Cell, load_study
from pipeline.study.results import read_stored


def shares(text: str) -> tuple[int, int]:
    """`2/8` -> (2, 8): the second of eight shares."""
    first, _, count = text.partition("/")
    if not (first.isdigit() and count.isdigit() and 1 <= int(first) <= int(count)):
        raise UserError(f"--share: {text}: give i/n, for example 2/8")
    return int(first), int(count)


def main() -> None:
    """Run the trainings of a share of the plan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", type=Path, required=True, help="study.yaml")
    parser.add_argument("--inputs", type=Path, required=True, help="folder of the collected inputs")
    parser.add_argument("--output-dir", type=Path, required=True, help="one JSON file a training")
    parser.add_argument("--stored", type=Path, help="runs.jsonl.gz: what is in it is not run again")
    parser.add_argument("--questions", nargs="*", help="only these")
    parser.add_argument("--small", action="store_true", help="the short form")
    parser.add_argument("--share", default="1/1", help="i/n of the trainings, for a cluster")
    parser.add_argument("--jobs", type=int, default=1, help="trainings side by side")
    parser.add_argument("--deadline", type=float, help="seconds; none is begun after that")
    args = parser.parse_args()
    study = load_study(args.study)
    plan = study.plan(args.small)
    chosen = args.questions or list(plan)
    for name in chosen:
        if name not in plan:
            raise UserError(f"--questions: {name}: unknown; known are {', '.join(plan)}")
    unique = {cell.run_id: cell for name in chosen for cell in plan[name]}
    if args.stored is not None:
        for run_id in read_stored(args.stored):
            unique.pop(run_id, None)
    share, count = shares(args.share)
    # All of a seed before the next seed: what is stopped early has pairs to compare.
    in_order = sorted(unique.values(), key=lambda cell: cell.seed)
    cells: list[Cell] = in_order[share - 1 :: count]
    began = time.monotonic()

    def report(finished: int, wanted: int, run_id: str) -> None:
        seconds = time.monotonic() - began
        left = seconds / finished * (wanted - finished)
        print(f"{run_id}: {finished} of {wanted}, {left / 60:.1f} min left", file=sys.stderr)

    finished = run_batch(cells, args.inputs, args.output_dir, args.jobs, args.deadline, report)
    print(f"{finished} trainings run; {len(cells)} in this share of the plan", file=sys.stderr)


if __name__ == "__main__":
    run(main)

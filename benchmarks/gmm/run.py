"""Program: time the GMM-HMM ladder on the data of a finished run, and its growth with the data.

Run it where the run was made: the archives' paths are relative to that folder.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.gmm.growth import run_growth
from benchmarks.gmm.ladder import LADDERS, data_arguments, run_ladder
from benchmarks.gmm.process import NUM_THREADS, Machine, Used, write_results

HEAD = "| {} | wall s | CPU s | peak MB |\n| --- | --- | --- | --- |"


def main() -> None:
    """Run the parts that are asked for and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="exp/<recipe> of the run")
    parser.add_argument("--ladder", choices=LADDERS, default="fsdd", help="the recipe of the run")
    parser.add_argument("--split", default="official")
    parser.add_argument("--growth", default="tri1", help="rung of the growth part, 'none' for none")
    parser.add_argument("--max-load", type=float, help="wait for a load average below this")
    parser.add_argument("--max-wait", type=float, default=300, help="s to wait at most")
    parser.add_argument("--output", type=Path, required=True, help="JSON file of the figures")
    args = parser.parse_args()
    waited_until = time.monotonic() + args.max_wait
    while args.max_load and Machine.now().load > args.max_load and time.monotonic() < waited_until:
        time.sleep(5)
    with tempfile.TemporaryDirectory() as scratch:
        ladder, trained = LADDERS[args.ladder](args.root), Path(scratch) / "ladder"
        before = Machine.now()
        stages = run_ladder(ladder, args.root, args.split, trained)
        after = Machine.now()
        wall = sum(stage.wall for stage in stages)
        total = Used("total", wall, sum(s.cpu for s in stages), max(s.peak_mb for s in stages))
        print(f"{before.num_cores} cores, {NUM_THREADS} threads; load average {before.load} at the")
        print(f"start, {after.load} at the end.\n\n" + HEAD.format("stage"))
        print("\n".join(stage.row() for stage in [*stages, total]))
        kaldi = ladder.kaldi_seconds
        print(f"\nKaldi: {kaldi} s; ratio {wall / kaldi:.2f}", flush=True)
        results = {
            "machine": [before, after],
            "ladder": [*stages, total],
            "kaldi_seconds": kaldi,
            "ratio": wall / kaldi,
        }
        write_results(args.output, results)
        if args.growth == "none":
            return
        data = data_arguments(args.root, args.split)
        growth = run_growth(ladder, data, trained, args.growth, Path(scratch))
        load = Machine.now().load
        print(f"\nLoad average {after.load} at the start, {load} at the end.\n")
        print(HEAD.format(f"{args.growth} training, 12 iterations"))
        print("\n".join(stage.row() for stage in growth))
        write_results(args.output, results | {"growth": growth, "growth_load": [after.load, load]})


if __name__ == "__main__":
    main()

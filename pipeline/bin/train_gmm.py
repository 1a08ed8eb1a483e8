"""Program: train one rung of the GMM-HMM ladder."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pipeline.config import AlignOptions, GmmOptions
from pipeline.gmm.model import GmmModel
from pipeline.gmm.shards import attach_alignments, make_shards
from pipeline.gmm.train import train_rung
from pipeline.gmm.workers import start_workers
from pipeline.hmm.lang import Lang
from pipeline.io.atomic import write_text
from pipeline.io.errors import run
from pipeline.io.options import parse_options


def main() -> None:
    """Load features and the source rung, train, write the model and its log."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lang", type=Path, required=True)
    parser.add_argument("--cuts", type=Path, required=True)
    parser.add_argument("--cmvn", type=Path, required=True)
    parser.add_argument("--options", required=True, help="GmmOptions as JSON")
    parser.add_argument("--align-options", required=True, help="AlignOptions as JSON")
    parser.add_argument(
        "--source-model", type=Path, help="folder of the rung that gives alignments"
    )
    parser.add_argument("--alignment", type=Path, help="transition_ids.scp of that rung")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--num-threads", type=int, default=2)
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args()
    options = parse_options(GmmOptions, args.options, "gmm")
    align_options = parse_options(AlignOptions, args.align_options, "align")
    lang = Lang.load(args.lang)
    log: list[dict[str, Any]] = []
    last_shown = time.monotonic()

    def report(entry: dict[str, Any]) -> None:
        nonlocal last_shown
        log.append(entry)
        if "iteration" in entry and time.monotonic() - last_shown > 5:
            last_shown = time.monotonic()
            print(
                f"iteration {entry['iteration']} of {options.num_iterations - 1}, log-likelihood "
                f"{entry['log_likelihood']:.3f} a frame, {entry['num_gaussians']} Gaussians",
                file=sys.stderr,
                flush=True,
            )

    with tempfile.TemporaryDirectory() as scratch:
        shards = make_shards(
            args.cuts,
            args.cmvn,
            options.num_shards,
            Path(scratch),
            options.max_training_utterances,
        )
        source = None
        if options.type != "mono":
            source = GmmModel.load(args.source_model)
            attach_alignments(shards, args.alignment)
        with start_workers(args.num_threads) as workers:
            model = train_rung(
                lang, shards, options, align_options, args.seed, report, source, workers
            )
    write_text(args.output_dir / "log.jsonl", "".join(json.dumps(entry) + "\n" for entry in log))
    model.save(args.output_dir)


if __name__ == "__main__":
    run(main)

"""Program: align a set with a trained rung; write transition-ids, rejects, and what to look at."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from pipeline.align.files import AlignedPart, write_alignment
from pipeline.align.forced import AlignedShard, SpeakerTransforms, align_shards
from pipeline.align.triage import judge, measure
from pipeline.config import AlignOptions
from pipeline.gmm.likelihoods import gmm_likelihoods
from pipeline.gmm.model import GmmModel
from pipeline.gmm.shards import make_shards
from pipeline.gmm.workers import Workers, start_workers
from pipeline.hmm.lang import Lang
from pipeline.io.archive import write_matrices
from pipeline.io.errors import UserError, run
from pipeline.io.options import parse_options


def main() -> None:
    """Load, align, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lang", type=Path, required=True)
    parser.add_argument("--cuts", type=Path, required=True)
    parser.add_argument("--cmvn", type=Path, required=True)
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--options", required=True, help="AlignOptions as JSON")
    parser.add_argument("--num-threads", type=int, default=2)
    parser.add_argument(
        "--num-shards", type=int, default=1, help="shares of the set, one in memory at a time"
    )
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args()
    options = parse_options(AlignOptions, args.options, "align")
    model = GmmModel.load(args.model_dir)
    lang = Lang.load(args.lang)
    with tempfile.TemporaryDirectory() as scratch:
        shards = make_shards(args.cuts, args.cmvn, args.num_shards, Path(scratch))
        with start_workers(args.num_threads) as workers:
            aligned, fmllr = align_shards(model, lang, shards, options, workers)
            if not any(np.isfinite(part.score).any() for part in aligned):
                raise UserError(f"{args.cuts}: no utterance could be aligned; see the training log")
            parts = [_part(part, model, lang, fmllr, workers) for part in aligned]
        write_matrices(args.output_dir / "fmllr.ark", None, sorted(fmllr.items()), np.float64)
        findings = judge(model.hmm, lang, [part.measured for part in parts])
        write_alignment(parts, findings, args.cuts, args.output_dir)


def _part(
    part: AlignedShard,
    model: GmmModel,
    lang: Lang,
    fmllr: SpeakerTransforms,
    workers: Workers,
) -> AlignedPart:
    """A shard with what triage needs of its utterances."""
    features = part.shard.features()
    transforms = fmllr if model.is_adapted else None
    frames = part.shard.frames(features, model.transform, transforms)
    alignment = part.with_transition_ids()
    likelihoods = gmm_likelihoods(model.gmm, frames)
    measured = measure(model.hmm, likelihoods, lang, features, alignment, workers)
    return AlignedPart(measured, part.score, part.retried, lambda: part.shard.alignment)


if __name__ == "__main__":
    run(main)

"""Program: align a set with a trained rung; write transition-ids, rejects, and what to look at."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from pipeline.align.forced import align_features
from pipeline.align.triage import triage
from pipeline.config import AlignOptions
from pipeline.features.feature_set import load_feature_set
from pipeline.gmm.model import GmmModel
from pipeline.gmm.transform import apply_fmllr
from pipeline.gmm.workers import start_workers
from pipeline.hmm.lang import Lang
from pipeline.io.archive import write_int_vectors, write_matrices
from pipeline.io.atomic import write_text
from pipeline.io.errors import UserError, run
from pipeline.io.options import parse_options
from pipeline.io.rejects import Reject, write_rejects


def main() -> None:
    """Load, align, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lang", type=Path, required=True)
    parser.add_argument("--cuts", type=Path, required=True)
    parser.add_argument("--cmvn", type=Path, required=True)
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--options", required=True, help="AlignOptions as JSON")
    parser.add_argument("--num-threads", type=int, default=2)
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args()
    options = parse_options(AlignOptions, args.options, "align")
    model = GmmModel.load(args.model_dir)
    features = load_feature_set(args.cuts, args.cmvn)
    lang = Lang.load(args.lang)
    with start_workers(args.num_threads) as workers:
        alignment, fmllr = align_features(model, lang, features, options, workers)
    good = alignment.aligned
    if not good.any():
        raise UserError(f"{args.cuts}: no utterance could be aligned; see the training log")
    out = args.output_dir
    write_matrices(out / "fmllr.ark", None, sorted(fmllr.items()), np.float64)
    frames = model.transform.apply(features.frames, features.offsets)
    if model.is_adapted:
        frames = apply_fmllr(frames, features.offsets, features.speakers, fmllr)
    findings = triage(model.hmm, model.gmm, lang, features, frames, alignment)
    retried = dict(zip(features.utterance_ids, alignment.retried, strict=True))
    columns = ("utterance_id", "suspicion", "log_likelihood", "gap", "retried", "cause")
    rows = (
        f"{f.utterance_id}\t{f.suspicion:.3f}\t{f.log_likelihood:.4f}\t{f.gap:.4f}\t"
        f"{int(retried[f.utterance_id])}\t{f.cause}\n"
        for f in findings
    )
    write_text(out / "scores.tsv", "\t".join(columns) + "\n" + "".join(rows))
    write_rejects(
        out / "rejected.tsv",
        [
            Reject(
                features.utterance_ids[u],
                str(args.cuts),
                f"no path through its transcript in {features.lengths[u]} frames",
                "check the transcript, or widen align.retry_beam",
            )
            for u in np.flatnonzero(~good)
        ],
    )
    write_int_vectors(
        out / "transition_ids.ark",
        out / "transition_ids.scp",
        (
            (features.utterance_ids[u], alignment.transition_ids[low:high])
            for u, (low, high) in enumerate(
                zip(features.offsets[:-1], features.offsets[1:], strict=True)
            )
            if good[u]
        ),
    )
    print(
        f"{int(good.sum())} utterances aligned, {int((~good).sum())} failed, "
        f"{int(alignment.retried.sum())} with the retry beam; "
        f"{sum(bool(f.cause) for f in findings)} suspicious, listed first in {out}/scores.tsv",
        file=sys.stderr,
    )


if __name__ == "__main__":
    run(main)

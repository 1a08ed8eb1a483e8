"""Program: align a set with a trained rung; write transition-ids, rejects, and what to look at."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.align.forced import AlignedShard, SpeakerTransforms, align_shards
from pipeline.align.triage import Finding, Measured, judge, measure
from pipeline.config import AlignOptions
from pipeline.gmm.model import GmmModel
from pipeline.gmm.shards import make_shards
from pipeline.gmm.workers import Workers, start_workers
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
            measured = [_measure(part, model, lang, fmllr, workers) for part in aligned]
        write_matrices(args.output_dir / "fmllr.ark", None, sorted(fmllr.items()), np.float64)
        _write(aligned, judge(model.hmm, lang, measured), args.cuts, args.output_dir)


def _write(aligned: list[AlignedShard], findings: list[Finding], cuts: Path, out: Path) -> None:
    """Write transition-ids, scores and rejects, and say what was found."""
    retried: dict[str, bool] = {}
    rejects: list[Reject] = []
    for part in aligned:
        features = part.shard.features()
        retried |= zip(features.utterance_ids, part.retried.tolist(), strict=True)
        rejects += [
            Reject(
                features.utterance_ids[u],
                str(cuts),
                f"no path through its transcript in {features.lengths[u]} frames",
                "check the transcript, or widen align.retry_beam",
            )
            for u in np.flatnonzero(~np.isfinite(part.score))
        ]
        del features
    columns = ("utterance_id", "suspicion", "log_likelihood", "gap", "retried", "cause")
    rows = (
        f"{f.utterance_id}\t{f.suspicion:.3f}\t{f.log_likelihood:.4f}\t{f.gap:.4f}\t"
        f"{int(retried[f.utterance_id])}\t{f.cause}\n"
        for f in findings
    )
    write_text(out / "scores.tsv", "\t".join(columns) + "\n" + "".join(rows))
    write_rejects(out / "rejected.tsv", rejects)
    ark, scp = out / "transition_ids.ark", out / "transition_ids.scp"
    write_int_vectors(ark, scp, (item for part in aligned for item in _good(part)))
    print(
        f"{len(findings) - len(rejects)} utterances aligned, {len(rejects)} failed, "
        f"{sum(retried.values())} with the retry beam; "
        f"{sum(bool(f.cause) for f in findings)} suspicious, listed first in {out}/scores.tsv",
        file=sys.stderr,
    )


def _measure(
    part: AlignedShard,
    model: GmmModel,
    lang: Lang,
    fmllr: SpeakerTransforms,
    workers: Workers,
) -> Measured:
    """What triage needs of a shard's utterances."""
    features = part.shard.features()
    transforms = fmllr if model.is_adapted else None
    frames = part.shard.frames(features, model.transform, transforms)
    alignment = part.with_transition_ids()
    return measure(model.hmm, model.gmm, lang, features, frames, alignment, workers)


def _good(part: AlignedShard) -> Iterator[tuple[str, NDArray[np.int32]]]:
    """Utterances that have an alignment, and their transition-ids."""
    features, transition_ids = part.shard.features(), part.shard.alignment
    for u in np.flatnonzero(np.isfinite(part.score)):
        low, high = features.offsets[u], features.offsets[u + 1]
        yield features.utterance_ids[u], transition_ids[low:high]


if __name__ == "__main__":
    run(main)

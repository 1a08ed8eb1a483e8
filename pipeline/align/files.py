"""What an alignment stage writes, whichever model aligned: transition-ids, scores, rejects."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.align.triage import Finding, Measured
from pipeline.io.archive import write_int_vectors
from pipeline.io.atomic import write_text
from pipeline.io.rejects import Reject, write_rejects

COLUMNS = ("utterance_id", "suspicion", "log_likelihood", "gap", "retried", "cause")


@dataclass(frozen=True)
class AlignedPart:
    """Some utterances U of a set.

    Attributes:
        measured: their names, lengths and what triage needs.
        score: (U,) -inf where there is no alignment.
        retried: (U,) whether the retry beam was needed.
        transition_ids: reads the (sum T,) transition-ids of all of them.
    """

    measured: Measured
    score: NDArray[np.float32]
    retried: NDArray[np.bool_]
    transition_ids: Callable[[], NDArray[np.int32]]

    def good(self) -> Iterator[tuple[str, NDArray[np.int32]]]:
        """Utterances that have an alignment, and their transition-ids."""
        transition_ids = self.transition_ids()
        ends = np.cumsum(self.measured.lengths)
        for u in np.flatnonzero(np.isfinite(self.score)):
            low = ends[u] - self.measured.lengths[u]
            yield self.measured.utterance_ids[u], transition_ids[low : ends[u]]


def write_alignment(
    parts: Iterable[AlignedPart], findings: list[Finding], cuts: Path, output_dir: Path
) -> None:
    """Write transition_ids.ark and .scp, scores.tsv and rejected.tsv, and say what was found.

    Args:
        parts: the whole set, in its order.
        findings: of triage, the worst first.
        cuts: manifest of the set, which the rejects name.
    """
    parts = list(parts)
    retried: dict[str, bool] = {}
    rejects: list[Reject] = []
    for part in parts:
        names = part.measured.utterance_ids
        retried |= zip(names, part.retried.tolist(), strict=True)
        rejects += [
            Reject(
                names[u],
                str(cuts),
                f"no path through its transcript in {part.measured.lengths[u]} frames",
                "check the transcript, or widen align.retry_beam",
            )
            for u in np.flatnonzero(~np.isfinite(part.score))
        ]
    rows = (
        f"{f.utterance_id}\t{f.suspicion:.3f}\t{f.log_likelihood:.4f}\t{f.gap:.4f}\t"
        f"{int(retried[f.utterance_id])}\t{f.cause}\n"
        for f in findings
    )
    write_text(output_dir / "scores.tsv", "\t".join(COLUMNS) + "\n" + "".join(rows))
    write_rejects(output_dir / "rejected.tsv", rejects)
    ark, scp = output_dir / "transition_ids.ark", output_dir / "transition_ids.scp"
    write_int_vectors(ark, scp, (item for part in parts for item in part.good()))
    print(
        f"{len(findings) - len(rejects)} utterances aligned, {len(rejects)} failed, "
        f"{sum(retried.values())} with the retry beam; {sum(bool(f.cause) for f in findings)} "
        f"suspicious, listed first in {output_dir}/scores.tsv",
        file=sys.stderr,
    )

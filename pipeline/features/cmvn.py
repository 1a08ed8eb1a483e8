"""Cepstral mean and variance statistics a speaker, and their application, as Kaldi does both.

Statistics are a (2, F + 1) float64 matrix: row 0 the sums and the number of frames, row 1 the
sums of squares and 0 (transform/cmvn.cc, AccCmvnStats and ApplyCmvn). That 0, which Kaldi never
reads, is 1 here where the recipe wants variances normalised (features.norm_vars): all who read the
statistics, from the first rung to the decoder, then do the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.io.archive import read_matrices, write_matrices
from pipeline.io.errors import UserError

Stats = dict[str, npt.NDArray[np.float64]]
VARIANCE_FLOOR = 1e-20


def compute_cmvn(
    frames: npt.NDArray[np.float32],
    offsets: npt.NDArray[np.int64],
    speakers: Sequence[str],
    norm_vars: bool = False,
) -> Stats:
    """Sum up each speaker's frames.

    Args:
        frames: (sum_T, F), utterance after utterance.
        offsets: (U + 1,) bounds of the utterances in `frames`.
        speakers: (U,) speaker of each utterance.
        norm_vars: whoever applies the statistics normalises variances too.
    Returns:
        speaker -> (2, F + 1) statistics, in sorted order of the speakers.
    """
    stats: Stats = {}
    for u in sorted(range(len(speakers)), key=lambda u: speakers[u]):
        block = frames[offsets[u] : offsets[u + 1]].astype(np.float64)
        total = stats.setdefault(speakers[u], np.zeros((2, frames.shape[1] + 1)))
        total[0, :-1] += block.sum(axis=0)
        total[0, -1] += len(block)
        total[1, :-1] += np.square(block).sum(axis=0)
        total[1, -1] = float(norm_vars)
    return stats


def apply_cmvn(
    frames: npt.NDArray[np.float32],
    offsets: npt.NDArray[np.int64],
    speakers: Sequence[str],
    stats: Stats,
    norm_vars: bool = False,
) -> npt.NDArray[np.float32]:
    """Subtract each speaker's mean; divide by the standard deviation too where that is asked for.

    By `norm_vars`, or by the statistics themselves. The default is that of Kaldi's apply-cmvn,
    means only.

    Returns:
        New (sum_T, F) float32 frames.
    Raises:
        UserError: a speaker has no statistics, or has none of any frame.
    """
    normalised = np.empty_like(frames)
    shift_and_scale: dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]] = {}
    for speaker in set(speakers):
        total = stats.get(speaker)
        if total is None or total[0, -1] <= 0 or total.shape[1] != frames.shape[1] + 1:
            raise UserError(f"speaker {speaker}: no CMVN statistics for it; run compute_cmvn again")
        mean = total[0, :-1] / total[0, -1]
        scale = np.ones_like(mean)
        if norm_vars or total[1, -1] == 1:
            variance = total[1, :-1] / total[0, -1] - np.square(mean)
            scale = 1.0 / np.sqrt(np.maximum(variance, VARIANCE_FLOOR))
        shift_and_scale[speaker] = (mean, scale)
    for u, speaker in enumerate(speakers):
        mean, scale = shift_and_scale[speaker]
        span = slice(offsets[u], offsets[u + 1])
        normalised[span] = (frames[span] - mean) * scale
    return normalised


def write_cmvn(path: Path | str, stats: Stats, scp: Path | str | None = None) -> None:
    """Write statistics as a Kaldi archive of double matrices, sorted by speaker."""
    write_matrices(path, scp, sorted(stats.items()), dtype=np.float64)


def read_cmvn(path: Path | str) -> Stats:
    """Read an archive (or scp) of statistics, of this program or of Kaldi's compute-cmvn-stats."""
    return {speaker: np.array(total, dtype=np.float64) for speaker, total in read_matrices(path)}

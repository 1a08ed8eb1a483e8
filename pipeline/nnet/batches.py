"""Padded batches cut out of one array of frames, without a loop over utterances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pipeline.features.feature_set import FeatureSet

IGNORED = -100  # target of padding and of the first frames under a target delay


@dataclass(frozen=True)
class Batch:
    """A padded batch.

    Attributes:
        features: (N, T, F); after the end of an utterance its last frame repeats.
        lengths: (N,) int64 frames with the target delay, so T is their maximum.
        targets: (N, T) int64 pdf_id, or IGNORED.
        num_frames: frames with a target.
    """

    features: Tensor
    lengths: Tensor
    targets: Tensor
    num_frames: int


def real_frames(batch: Batch, delay: int) -> Tensor:
    """(N, T - delay) bool: the frames of a batch that are not padding, the delay taken out."""
    time = torch.arange(batch.features.shape[1] - delay, device=batch.lengths.device)
    return time < batch.lengths.unsqueeze(1) - delay


class FrameStore:
    """The frames and targets of a set as tensors on one device."""

    def __init__(
        self,
        features: FeatureSet,
        pdfs: npt.NDArray[np.int64] | None = None,
        target_delay: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        """`pdfs` (sum_T,) may be left out where only features are needed."""
        frames = np.ascontiguousarray(features.frames, np.float32)
        self.frames = _tensor(frames).to(device)
        self.pdfs = None if pdfs is None else _tensor(pdfs).to(device)
        self.starts = _tensor(features.offsets[:-1]).to(device)
        self.lengths = _tensor(features.lengths).to(device)
        self.num_frames = [int(length) for length in features.lengths]
        self.target_delay = target_delay

    def pad(self, indices: Sequence[int]) -> Batch:
        """Batch of the utterances at `indices`, in that order."""
        rows = torch.tensor(indices, dtype=torch.int64, device=self.frames.device)
        longest = max(self.num_frames[i] for i in indices) + self.target_delay
        starts = self.starts[rows].unsqueeze(1)  # [N, 1]
        last = self.lengths[rows].unsqueeze(1) - 1  # [N, 1]
        time = torch.arange(longest, device=self.frames.device)  # [T]
        features = self.frames[starts + torch.minimum(time, last)]  # [N, T, F]
        lengths = self.lengths[rows] + self.target_delay
        if self.pdfs is None:
            targets = torch.full(features.shape[:2], IGNORED)
        else:
            target_time = time - self.target_delay
            inside = (target_time >= 0) & (target_time <= last)  # [N, T]
            place = starts + torch.minimum(target_time.clamp(min=0), last)
            targets = torch.where(inside, self.pdfs[place], IGNORED)
        return Batch(features, lengths, targets, sum(self.num_frames[i] for i in indices))

    def batches_by_length(self, max_frames: int) -> list[list[int]]:
        """All utterances, longest first, in batches of at most `max_frames` padded frames."""
        order = sorted(range(len(self.num_frames)), key=lambda i: (-self.num_frames[i], i))
        batches: list[list[int]] = []
        for i in order:
            if batches:
                padded = self.num_frames[batches[-1][0]] + self.target_delay
                if padded * (len(batches[-1]) + 1) <= max_frames:
                    batches[-1].append(i)
                    continue
            batches.append([i])
        return batches


def _tensor(array: npt.NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(array if array.flags.writeable else array.copy())

"""What a training can lower in place of cross-entropy."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from pipeline.features.feature_set import FeatureSet
from pipeline.nnet.batches import Batch, FrameStore
from pipeline.nnet.model import AcousticModel


class Criterion(Protocol):
    """What a training lowers instead of cross-entropy; see nnet.sequence, nnet.compression."""

    fingerprint: str  # of what the loss depends on beside options, alignment and start

    def prepare(self, features: FeatureSet, device: torch.device) -> None:
        """See the utterances to be trained on, perturbed copies included, before the first step."""

    def loss(
        self, model: AcousticModel, batch: Batch, utterance_ids: list[str], epoch: int
    ) -> Tensor:
        """Mean loss (nats) of a batch's frames; the epoch says which, with frame subsampling."""

    def evaluate(
        self, model: AcousticModel, store: FrameStore, utterance_ids: list[str]
    ) -> tuple[float, float]:
        """Mean loss of a set's frames, and share of frames whose best pdf_id is the target."""

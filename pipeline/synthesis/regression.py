"""The loss of a voice: squared error of the parameters, cross-entropy of voicing.

So a voice is an `AcousticModel` whose outputs are no logits but parameters, and trains in the loop
of the hybrid networks, with their clipping, checkpoints and logs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pipeline.features.feature_set import FeatureSet
from pipeline.nnet.batches import Batch, FrameStore, real_frames
from pipeline.nnet.checkpoint import digest
from pipeline.nnet.measures import EVALUATION_FRAMES
from pipeline.nnet.model import AcousticModel
from pipeline.synthesis.vocoder import VOICED


class Regression:
    """Targets (T, D) of each utterance: voiced (0 or 1), then values of mean 0 and variance 1."""

    def __init__(self, targets: Mapping[str, NDArray[np.float32]]) -> None:
        self._targets = {name: torch.from_numpy(rows) for name, rows in targets.items()}
        self.fingerprint = digest(list(targets), *targets.values())

    def prepare(self, features: FeatureSet, device: torch.device) -> None:
        """Nothing to prepare."""

    def _outputs(
        self, model: AcousticModel, batch: Batch, utterance_ids: Sequence[str]
    ) -> tuple[Tensor, Tensor]:
        delay = model.options.target_delay
        outputs = model(batch.features, batch.lengths)[:, delay:][real_frames(batch, delay)]
        targets = torch.cat([self._targets[name] for name in utterance_ids])
        return outputs, targets.to(outputs.device)

    def loss(
        self, model: AcousticModel, batch: Batch, utterance_ids: Sequence[str], epoch: int = 0
    ) -> Tensor:
        """Mean over the frames: half the squared error, a mean over the values, and voicing's."""
        outputs, targets = self._outputs(model, batch, utterance_ids)
        voicing = functional.binary_cross_entropy_with_logits(
            outputs[:, VOICED], targets[:, VOICED]
        )
        error = functional.mse_loss(outputs[:, VOICED + 1 :], targets[:, VOICED + 1 :])
        return 0.5 * error + voicing

    @torch.inference_mode()
    def evaluate(
        self, model: AcousticModel, store: FrameStore, utterance_ids: Sequence[str]
    ) -> tuple[float, float]:
        """Mean loss of the frames, and the share of them whose voicing is right."""
        model.eval()
        total, right, frames = 0.0, 0, 0
        for indices in store.batches_by_length(EVALUATION_FRAMES):
            batch = store.pad(indices)
            names = [utterance_ids[i] for i in indices]
            total += float(self.loss(model, batch, names)) * batch.num_frames
            outputs, targets = self._outputs(model, batch, names)
            right += int(((outputs[:, VOICED] > 0) == (targets[:, VOICED] > 0.5)).sum())
            frames += batch.num_frames
        return total / frames, right / frames

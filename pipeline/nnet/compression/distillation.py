"""Knowledge distillation: a small network learns the posteriors of a large one.

Hinton, Vinyals and Dean (2015), Distilling the knowledge in a neural network. With logits z of the
student, v of the teacher, a temperature H and the weight w of the teacher, the loss of a frame is

    (1 - w) * cross-entropy(pdf-id, softmax(z)) + w * H^2 * KL(softmax(v / H) || softmax(z / H)).

H^2 keeps the size of the second term's gradient, (softmax(z / H) - softmax(v / H)) * H. Two ways:
the teacher hears the very frames that the student hears, masked as they are (Beyer et al. 2022, A
good teacher is patient and consistent), or it has heard all utterances once, unmasked, and its
logits are kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.config import DistillOptions, NetworkOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.io.errors import UserError
from pipeline.nnet.batches import Batch, FrameStore, real_frames
from pipeline.nnet.checkpoint import weights_digest
from pipeline.nnet.measures import EVALUATION_FRAMES, batch_logits, evaluate, mean_loss
from pipeline.nnet.model import AcousticModel


def soft_loss(logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """H^2 * mean Kullback-Leibler divergence (nats) of two (frames, P) sets of logits."""
    soft = (teacher_logits / temperature).log_softmax(dim=1)
    divergence = functional.kl_div(
        (logits / temperature).log_softmax(dim=1), soft, reduction="batchmean", log_target=True
    )
    return temperature**2 * divergence


class Distillation:
    """What the student's training lowers; held-out results are those of plain cross-entropy."""

    def __init__(
        self, distill: DistillOptions, teacher: AcousticModel, options: NetworkOptions
    ) -> None:
        """`options` are the student's, whose label smoothing and loss_tau its own targets have.

        Raises:
            UserError: teacher and student do not read the same frames.
        """
        for role, model in (("teacher", teacher.options), ("student", options.model)):
            if model.frame_subsampling > 1:
                raise UserError(f"distill: the {role} has frame_subsampling; it must be 1")
        if teacher.options.norm_vars != options.model.norm_vars:
            raise UserError("distill: teacher and student differ in norm_vars")
        self.distill = distill
        self.teacher = teacher.eval().requires_grad_(requires_grad=False)
        self._smoothing = options.training.label_smoothing
        self._loss_tau = options.clipping.loss_tau
        self.fingerprint = weights_digest(teacher)
        self._kept: dict[str, Tensor] = {}  # utterance_id -> (T, P) float16, if they are stored

    @torch.no_grad()
    def prepare(self, features: FeatureSet, device: torch.device) -> None:
        """Compute the logits of all utterances of the training, if they are to be stored."""
        self.teacher.to(device)
        if not self.distill.stored:
            return
        delay = self.teacher.options.target_delay
        store = FrameStore(features, target_delay=delay, device=device)
        for indices in store.batches_by_length(EVALUATION_FRAMES):
            batch = store.pad(indices)
            logits = self.teacher(batch.features, batch.lengths).half().cpu()
            for row, i in enumerate(indices):
                end = delay + store.num_frames[i]
                self._kept[features.utterance_ids[i]] = logits[row, delay:end].clone()

    @torch.no_grad()
    def teacher_logits(self, batch: Batch, delay: int) -> Tensor:
        """(N, T - delay, P) of the frames of a batch that was padded for a delay of `delay`."""
        own = self.teacher.options.target_delay
        num_frames = batch.features.shape[1] - delay
        features = batch.features[:, : num_frames + own]
        if own > delay:  # each last frame once more, as often as it takes
            last = features[:, -1:].expand(-1, own - delay, -1)
            features = torch.cat([features, last], dim=1)
        logits: Tensor = self.teacher(features, batch.lengths - delay + own)
        return logits[:, own:]

    def loss(self, model: AcousticModel, batch: Batch, utterance_ids: Sequence[str]) -> Tensor:
        """Mean loss (nats) of a batch's frames."""
        logits, targets = batch_logits(model, batch)
        weight = self.distill.weight
        total = (1.0 - weight) * mean_loss(logits, targets, self._smoothing, self._loss_tau)
        if weight == 0.0:
            return total
        delay = model.options.target_delay
        real = real_frames(batch, delay)
        if self.distill.stored:
            kept = torch.cat([self._kept[name] for name in utterance_ids])
            taught = kept.to(logits.device, logits.dtype)
        else:
            taught = self.teacher_logits(batch, delay)[real]
        soft = soft_loss(logits[:, delay:][real], taught, self.distill.temperature)
        return total + weight * soft

    def evaluate(
        self, model: AcousticModel, store: FrameStore, utterance_ids: Sequence[str]
    ) -> tuple[float, float]:
        """Cross-entropy and frame accuracy, as of a network trained alone."""
        return evaluate(model, store)

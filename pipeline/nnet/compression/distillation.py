"""Knowledge distillation: a small network learns the posteriors of a large one.

Hinton, Vinyals and Dean (2015), Distilling the knowledge in a neural network. With logits z of the
student, v of the teacher, a temperature H and the weight w of the teacher, the loss of a frame is

    (1 - w) * cross-entropy(pdf-id, softmax(z)) + w * H^2 * KL(softmax(v / H) || softmax(z / H)).

H^2 keeps the size of the second term's gradient, (softmax(z / H) - softmax(v / H)) * H. Two ways:
the teacher hears the very frames that the student hears, masked as they are (Beyer et al. 2022, A
good teacher is patient and consistent), or it has heard all utterances once, unmasked, and its
logits are kept. With frame subsampling both are asked at the frame of each block that the student's
targets are of.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.config import DistillOptions, NetworkOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.io.errors import UserError
from pipeline.nnet.batches import IGNORED, Batch, FrameStore
from pipeline.nnet.checkpoint import weights_digest
from pipeline.nnet.measures import EVALUATION_FRAMES, batch_logits, evaluate, mean_loss
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.subsampling import sampled_times


def soft_loss(logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """H^2 * mean Kullback-Leibler divergence (nats) of two (frames, P) sets of logits."""
    soft = (teacher_logits / temperature).log_softmax(dim=1)
    divergence = functional.kl_div(
        (logits / temperature).log_softmax(dim=1), soft, reduction="batchmean", log_target=True
    )
    return temperature**2 * divergence


def _at_every_frame(model: AcousticModel, batch: Batch) -> Tensor:
    """(N, T, P) logits; with frame subsampling of as many passes as a block has frames."""
    factor, num_frames = model.options.frame_subsampling, batch.features.shape[1]
    passes = [model(batch.features, batch.lengths, offset) for offset in range(factor)]
    logits: Tensor = torch.stack(passes, dim=2).flatten(1, 2)[:, :num_frames]
    return logits


class Distillation:
    """What the student's training lowers; held-out results are those of plain cross-entropy."""

    def __init__(
        self, distill: DistillOptions, teacher: AcousticModel, options: NetworkOptions
    ) -> None:
        """`options` are the student's, whose label smoothing and loss_tau its own targets have.

        Raises:
            UserError: teacher and student do not read the same frames.
        """
        factor = teacher.options.frame_subsampling
        if factor not in (1, options.model.frame_subsampling):
            raise UserError(f"distill: the teacher has frame_subsampling {factor}; the student not")
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
            logits = _at_every_frame(self.teacher, batch).half().cpu()
            for row, i in enumerate(indices):
                end = delay + store.num_frames[i]
                self._kept[features.utterance_ids[i]] = logits[row, delay:end].clone()

    @torch.no_grad()
    def teacher_logits(self, batch: Batch, delay: int, frames: Tensor, offset: int) -> Tensor:
        """(N, T', P) at frames of the utterances of a batch that was padded for a delay of `delay`.

        Args:
            frames: (N, T'), of each block of the student the one that its targets are of; those
                below 0 are before the utterance, and what is said of them means nothing.
            offset: the student's of this batch.
        """
        own, factor = self.teacher.options.target_delay, self.teacher.options.frame_subsampling
        num_frames = batch.features.shape[1] - delay
        features = batch.features[:, : num_frames + own]
        if own > delay:  # each last frame once more, as often as it takes
            last = features[:, -1:].expand(-1, own - delay, -1)
            features = torch.cat([features, last], dim=1)
        start = (offset - delay + own) % factor  # so that it hears the same frames
        logits: Tensor = self.teacher(features, batch.lengths - delay + own, start)
        # Where the student's last block ends early, so may the teacher's: the block before it then.
        blocks = (frames + own - start + factor - 1).div(factor, rounding_mode="floor")
        blocks = blocks.clamp(0, logits.shape[1] - 1)
        return logits.gather(1, blocks.unsqueeze(2).expand(-1, -1, logits.shape[2]))

    def loss(
        self, model: AcousticModel, batch: Batch, utterance_ids: Sequence[str], epoch: int = 0
    ) -> Tensor:
        """Mean loss (nats) of a batch's frames, with frame subsampling of one in each block."""
        logits, targets = batch_logits(model, batch, epoch)
        weight = self.distill.weight
        total = (1.0 - weight) * mean_loss(logits, targets, self._smoothing, self._loss_tau)
        if weight == 0.0:
            return total
        delay, factor = model.options.target_delay, model.options.frame_subsampling
        offset = epoch % factor
        frames = sampled_times(batch.lengths, batch.features.shape[1], factor, offset) - delay
        real = targets != IGNORED
        if self.distill.stored:
            kept = [self._kept[name] for name in utterance_ids]
            starts = torch.tensor([0] + [len(rows) for rows in kept[:-1]]).cumsum(0)
            at = starts.to(frames.device).unsqueeze(1) + frames
            with torch.autocast(logits.device.type, enabled=False):  # float16 has no place in it
                taught = torch.cat(kept).to(logits.device, logits.dtype)[at[real]]
        else:
            taught = self.teacher_logits(batch, delay, frames, offset)[real]
        soft = soft_loss(logits[real], taught, self.distill.temperature)
        return total + weight * soft

    def evaluate(
        self, model: AcousticModel, store: FrameStore, utterance_ids: Sequence[str]
    ) -> tuple[float, float]:
        """Cross-entropy and frame accuracy, as of a network trained alone."""
        return evaluate(model, store)

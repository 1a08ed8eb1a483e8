"""What is computed on batches: the loss, held-out results, statistics of the input."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.nnet.batches import IGNORED, Batch, FrameStore
from pipeline.nnet.clipping.loss import partially_huberised_cross_entropy
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.subsampling import sample_targets

EVALUATION_FRAMES = 8000  # padded frames in a batch without gradients


def batch_logits(model: AcousticModel, batch: Batch, epoch: int = 0) -> tuple[Tensor, Tensor]:
    """(N, T, P) logits and (N, T) targets of a batch.

    With frame subsampling that is one frame of each block, another one in each `epoch`.
    """
    factor = model.options.frame_subsampling
    offset = epoch % factor
    logits = model(batch.features, batch.lengths, offset)
    if factor == 1:
        return logits, batch.targets
    return logits, sample_targets(batch.targets, batch.lengths, factor, offset)


def mean_loss(
    logits: Tensor, targets: Tensor, label_smoothing: float = 0.0, loss_tau: float | None = None
) -> Tensor:
    """Mean cross-entropy (nats) over the frames that have a target: (..., P), (...) -> ().

    With a `loss_tau` it is partially Huberised (see clipping.loss).
    """
    logits, targets = logits.flatten(0, -2), targets.flatten()
    if loss_tau is not None:
        return partially_huberised_cross_entropy(
            logits, targets, loss_tau, IGNORED, label_smoothing
        )
    return functional.cross_entropy(
        logits, targets, ignore_index=IGNORED, label_smoothing=label_smoothing
    )


def batch_loss(
    model: AcousticModel,
    batch: Batch,
    label_smoothing: float = 0.0,
    epoch: int = 0,
    loss_tau: float | None = None,
) -> Tensor:
    """What training lowers: `mean_loss` of `batch_logits`."""
    return mean_loss(*batch_logits(model, batch, epoch), label_smoothing, loss_tau)


def frames_in_loss(model: AcousticModel, batch: Batch, epoch: int = 0) -> int:
    """Number of frames that `mean_loss` of a batch is the mean of."""
    factor, targets = model.options.frame_subsampling, batch.targets
    if factor > 1:
        targets = sample_targets(targets, batch.lengths, factor, epoch % factor)
    return int((targets != IGNORED).sum())


@torch.inference_mode()
def evaluate(model: AcousticModel, store: FrameStore) -> tuple[float, float]:
    """Mean cross-entropy (nats a frame) and share of frames whose best pdf_id is the target.

    Over all frames that have a target, at their full rate even with frame subsampling.
    """
    model.eval()
    loss, correct, frames = 0.0, 0, 0
    for indices in store.batches_by_length(EVALUATION_FRAMES):
        batch = store.pad(indices)
        logits = model(batch.features, batch.lengths).flatten(0, 1)
        targets = batch.targets.flatten()
        loss += functional.cross_entropy(
            logits, targets, ignore_index=IGNORED, reduction="sum"
        ).item()
        correct += int((logits.argmax(dim=1) == targets).sum())
        frames += int((targets != IGNORED).sum())
    return loss / frames, correct / frames


@torch.inference_mode()
def normalise_input(model: AcousticModel, store: FrameStore) -> None:
    """Estimate the front end's mean and variance on all frames of `store`, in float64."""
    total = torch.zeros(model.front_end.dim, dtype=torch.float64)
    squares = torch.zeros_like(total)
    for indices in store.batches_by_length(EVALUATION_FRAMES):
        batch = store.pad(indices)
        real = torch.arange(batch.features.shape[1]) < store.lengths[indices].unsqueeze(1)
        frames = model.front_end.add_deltas(batch.features)[real].double()
        total += frames.sum(dim=0)
        squares += frames.square().sum(dim=0)
    mean = total / sum(store.num_frames)
    model.front_end.set_normalisation(mean, squares / sum(store.num_frames) - mean.square())

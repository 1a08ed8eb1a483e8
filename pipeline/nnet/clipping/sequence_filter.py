"""Sequence filter: utterances with an unusually large gradient are turned down, softly.

After icefall's GradientFilter (its LSTM recipes; threshold 10 there too): n_b is the RMS of
utterance b's gradient at a layer's input, and what goes on to the layers below is scaled by
m_b = cutoff / (cutoff + n_b), cutoff = threshold * median(n_b). The layer's own weights have the
gradients of all utterances in one sum, which is scaled by the harmonic mean of m_b. The fused
recurrent layers stay. Padding counts in the RMS, as there.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, distributed, nn

from pipeline.config import ClippingOptions
from pipeline.nnet.clipping.base import (
    Clipper,
    ClippingStatistics,
    Gradients,
    Outcome,
    tensor_norms,
    total_norm,
)
from pipeline.nnet.clipping.recurrence import recurrent_cells

TINY = 1e-20  # so that a batch without any gradient gives no 0 / 0


class _Filter(torch.autograd.Function):
    """Identity on (N, T, I); scales each utterance's gradient on the way back."""

    @staticmethod
    def forward(ctx: Any, frames: Tensor, cell: str, clipper: SequenceFilter) -> Tensor:
        ctx.cell, ctx.clipper = cell, clipper
        return frames.view_as(frames)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        masks = ctx.clipper.masks(gradients[0], ctx.cell)
        return gradients[0] * masks.view(-1, 1, 1), None, None


class SequenceFilter(Clipper):
    """Acts in the graph on what each layer hands down, then on each layer's own weights.

    It finds what differs from the rest of the batch: if all utterances explode alike the median
    does so too and nothing is scaled. As clipped counts an utterance with n_b above the cutoff
    (m_b below 1/2); the share is that of utterances and layers.
    """

    def __init__(self, model: nn.Module, options: ClippingOptions, input_dim: int) -> None:
        """Put a hook before each recurrent cell; it acts in training only."""
        super().__init__(model, options, input_dim)
        self._masks: dict[str, list[Tensor]] = defaultdict(list)  # (N,) each, of this step
        names = {id(module): name for name, module in model.named_modules()}
        for cell in recurrent_cells(model):
            cell.register_forward_pre_hook(self._hook_of(names[id(cell)]))

    def _hook_of(self, name: str) -> Any:
        def hook(cell: nn.Module, args: Any) -> Any:
            if not (self.active and cell.training and torch.is_grad_enabled()):
                return None
            frames = args[0]
            if not frames.requires_grad:  # the features: their gradient is needed for n_b alone
                frames = frames.detach().requires_grad_()
            return (_Filter.apply(frames, name, self), *args[1:])

        return hook

    def masks(self, gradient: Tensor, cell: str) -> Tensor:
        """(N, T, I) gradient -> (N,) factors m_b, which are also kept for the weights."""
        sizes = gradient.float().square().mean(dim=(1, 2)).sqrt()
        cutoff = self.threshold * sizes.median() + TINY
        masks = cutoff / (cutoff + sizes)
        self._masks[cell].append(masks)
        return masks.to(gradient.dtype)

    def before_backward(self, loss_scale: float) -> None:
        """See Clipper; also begins a step."""
        super().before_backward(loss_scale)
        self._masks.clear()

    def __call__(self) -> ClippingStatistics:
        """Scale the weights' gradients; see Clipper."""
        try:
            return super().__call__()
        finally:
            self._masks.clear()

    def _clip(self, gradients: Gradients) -> Outcome:
        if not self._masks:
            return Outcome(gradients.total, False, 0.0, self.threshold)
        joined = {cell: torch.cat(masks) for cell, masks in self._masks.items()}
        means = torch.stack([1.0 / (1.0 / masks).mean() for masks in joined.values()])
        if distributed.is_available() and distributed.is_initialized():
            # Each process has its own utterances; all must scale the shared weights alike.
            distributed.all_reduce(means)
            means /= distributed.get_world_size()
        share = float((torch.cat(list(joined.values())) < 0.5).float().mean())
        factor_of = dict(zip(joined, means.tolist(), strict=True))
        factors = [factor_of.get(name.rpartition(".")[0], 1.0) for name in gradients.names]
        torch._foreach_mul_(gradients.tensors, factors)
        norm = total_norm(tensor_norms(gradients.tensors))
        return Outcome(norm, share > 0.0, share, self.threshold)

"""Expected frame accuracy over all paths of a graph, and its gradient: the sMBR criterion.

Source: Povey and Kingsbury 2007, Evaluation of proposed modifications to MPE for large scale
discriminative training, section 3 (sMBR); Vesely et al. 2013, eqs. 12 to 14. The accuracy of a path
is the number of frames whose pdf_id is that of the reference alignment.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pipeline.nnet.sequence.forward_backward import (
    LEAST,
    GraphBatch,
    forward_backward,
    sum_by_pdf,
)


def _mean_over_arcs(matrix: Tensor, logs: Tensor, values: Tensor) -> Tensor:
    """(N, S) mean of `values` over the arcs of each state, weighted by `matrix` and exp(`logs`)."""
    weights = (logs - logs.amax(dim=1, keepdim=True).clamp(min=LEAST)).exp()
    total = (matrix @ weights.flatten()).view_as(logs)
    summed = (matrix @ (weights * values).flatten()).view_as(logs)
    return torch.where(total > 0, summed / total, 0.0)


class _ExpectedAccuracy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, log_likes: Tensor, lengths: Tensor, graphs: GraphBatch, references: Tensor
    ) -> Tensor:
        lattice = forward_backward(log_likes, lengths, graphs)
        posteriors = lattice.posteriors(lengths)
        correct = (graphs.pdf[:, None, :] == references[:, :, None]).double()  # [N, T, S]
        expected = (posteriors * correct).sum(dim=(1, 2))
        if not ctx.needs_input_grad[0]:
            return expected
        num_frames = log_likes.shape[1]
        before = correct[:, 0]  # accuracy up to frame t, its own included
        total = [before]
        for t in range(1, num_frames):
            before = correct[:, t] + _mean_over_arcs(graphs.into, lattice.forward[:, t - 1], before)
            total.append(before)
        after = torch.zeros_like(before)  # accuracy after frame t
        for t in range(num_frames - 2, -1, -1):
            next_logs = lattice.backward[:, t + 1] + lattice.emission[:, t + 1]
            mean = _mean_over_arcs(graphs.out_of, next_logs, after + correct[:, t + 1])
            after = torch.where((t + 1 < lengths)[:, None], mean, 0.0)
            total[t] = total[t] + after
        through = torch.stack(total, 1)  # [N, T, S] mean accuracy of the paths through a state
        gain = posteriors * (through - expected[:, None, None])
        gradient = sum_by_pdf(gain, graphs, log_likes.shape[2])
        ctx.save_for_backward(gradient.to(log_likes.dtype))
        return expected

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        scale = gradients[0].to(gradient.dtype)
        return scale[:, None, None] * gradient, None, None, None


def expected_accuracy(
    log_likes: Tensor, lengths: Tensor, graphs: GraphBatch, references: Tensor
) -> Tensor:
    """(N,) float64 expected number of correct frames over all paths.

    Args:
        log_likes: (N, T, P) scaled log-likelihoods.
        lengths: (N,) frames.
        graphs: all that could be said, once for each utterance.
        references: (N, T) pdf_id of the reference alignment; a negative one is never met.
    """
    expected: Tensor = _ExpectedAccuracy.apply(log_likes, lengths, graphs, references)
    return expected

"""Forward-backward over a batch of HMM graphs in torch, differentiable and exact.

Sums over paths are kept as logarithms; one step is a product of a sparse matrix and a vector that
is scaled by its largest element, in float64 (a log-semiring step: Rabiner 1989, eqs. 19 and 24). A
state that is less likely than its frame's best by more than exp(-700) is lost.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.nnet.sequence.state_graph import StateGraph

LEAST = -1e30  # in place of -inf where it would be subtracted from itself


@dataclass(frozen=True)
class GraphBatch:
    """N graphs side by side, padded to S states that no path reaches.

    Attributes:
        pdf: (N, S) int64.
        log_initial, log_final: (N, S) float64.
        into: (N S, N S) sparse; row: destination, column: source of an arc.
        out_of: its transpose.
    """

    pdf: Tensor
    log_initial: Tensor
    log_final: Tensor
    into: Tensor
    out_of: Tensor

    @classmethod
    def of(cls, graphs: Sequence[StateGraph], device: torch.device | str = "cpu") -> GraphBatch:
        """Pack graphs; the same graph may come several times."""
        num_states = max(graph.num_states for graph in graphs)

        def padded(arrays: list[NDArray[Any]], filling: float) -> Tensor:
            out = np.full((len(graphs), num_states), filling, arrays[0].dtype)
            for row, array in zip(out, arrays, strict=True):
                row[: len(array)] = array
            return torch.from_numpy(out).to(device)

        num_arcs = [len(graph.source) for graph in graphs]
        shift = np.repeat(np.arange(len(graphs)) * num_states, num_arcs)
        source = np.concatenate([graph.source for graph in graphs]) + shift
        destination = np.concatenate([graph.destination for graph in graphs]) + shift
        weight = np.exp(np.concatenate([graph.log_weight for graph in graphs]))
        before = np.repeat(np.cumsum(num_arcs) - num_arcs, num_arcs)
        order = np.concatenate([graph.by_source for graph in graphs]) + before
        size = len(graphs) * num_states
        return cls(
            padded([graph.pdf for graph in graphs], 0),
            padded([graph.log_initial for graph in graphs], -np.inf),
            padded([graph.log_final for graph in graphs], -np.inf),
            _csr(destination, source, weight, size).to(device),
            _csr(source[order], destination[order], weight[order], size).to(device),
        )


def _csr(
    rows: NDArray[np.int64], columns: NDArray[np.int64], values: NDArray[np.float64], size: int
) -> Tensor:
    """A square sparse matrix from entries that are sorted by row."""
    starts = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=size))))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")
        return torch.sparse_csr_tensor(
            torch.from_numpy(starts),
            torch.from_numpy(columns),
            torch.from_numpy(values),
            (size, size),
            check_invariants=False,
        )


@dataclass(frozen=True)
class Lattice:
    """What both passes know of a batch: logarithms (N, T, S) float64, totals (N,)."""

    emission: Tensor
    forward: Tensor  # alpha: of all ways into a state, the frame's own emission included
    backward: Tensor  # beta: of all ways on from a state
    log_total: Tensor

    def posteriors(self, lengths: Tensor) -> Tensor:
        """(N, T, S) probability of each state at each frame; 0 where there is no path."""
        log_total = torch.where(self.log_total.isfinite(), self.log_total, torch.inf)
        inside = torch.arange(self.forward.shape[1], device=lengths.device) < lengths[:, None]
        posteriors = (self.forward + self.backward - log_total[:, None, None]).exp()
        return posteriors * inside[:, :, None]


def multiply_log(matrix: Tensor, logs: Tensor) -> Tensor:
    """log(matrix @ exp(logs)) of (N, S) logarithms, row by row scaled by its largest element."""
    largest = logs.amax(dim=1, keepdim=True).clamp(min=LEAST)
    product = matrix @ (logs - largest).exp().flatten()
    return product.view_as(logs).log() + largest


def forward_pass(
    log_likes: Tensor, lengths: Tensor, graphs: GraphBatch
) -> tuple[Tensor, Tensor, Tensor]:
    """Emissions and alphas (N, T, S) and the logarithm of the sum over all paths (N,)."""
    states = graphs.pdf[:, None, :].expand(-1, log_likes.shape[1], -1)
    emission = log_likes.double().gather(2, states)
    alpha = graphs.log_initial + emission[:, 0]
    alphas = [alpha]
    for t in range(1, emission.shape[1]):
        entered = multiply_log(graphs.into, alpha) + emission[:, t]
        alpha = torch.where((t < lengths)[:, None], entered, alpha)
        alphas.append(alpha)
    return emission, torch.stack(alphas, 1), (alpha + graphs.log_final).logsumexp(1)


def forward_backward(log_likes: Tensor, lengths: Tensor, graphs: GraphBatch) -> Lattice:
    """Both passes.

    Args:
        log_likes: (N, T, P) scaled log-likelihoods.
        lengths: (N,) frames, at least 1.
        graphs: one graph for each utterance.
    """
    emission, alphas, log_total = forward_pass(log_likes, lengths, graphs)
    beta = graphs.log_final
    betas = [beta]
    for t in range(emission.shape[1] - 2, -1, -1):
        left = multiply_log(graphs.out_of, beta + emission[:, t + 1])
        beta = torch.where((t + 1 < lengths)[:, None], left, graphs.log_final)
        betas.append(beta)
    betas.reverse()
    return Lattice(emission, alphas, torch.stack(betas, 1), log_total)


def sum_by_pdf(values: Tensor, graphs: GraphBatch, num_pdfs: int) -> Tensor:
    """(N, T, S) -> (N, T, P): sums over the states of each pdf_id."""
    states = graphs.pdf[:, None, :].expand_as(values)
    out = values.new_zeros(*values.shape[:2], num_pdfs)
    return out.scatter_add_(2, states, values)


class _LogTotal(torch.autograd.Function):
    """log of the sum over all paths; its gradient is the occupancy of each pdf_id."""

    @staticmethod
    def forward(ctx: Any, log_likes: Tensor, lengths: Tensor, graphs: GraphBatch) -> Tensor:
        if not ctx.needs_input_grad[0]:
            return forward_pass(log_likes, lengths, graphs)[2]
        lattice = forward_backward(log_likes, lengths, graphs)
        occupancy = sum_by_pdf(lattice.posteriors(lengths), graphs, log_likes.shape[2])
        ctx.save_for_backward(occupancy.to(log_likes.dtype))
        return lattice.log_total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (occupancy,) = ctx.saved_tensors
        return gradients[0].to(occupancy.dtype)[:, None, None] * occupancy, None, None


def log_total(log_likes: Tensor, lengths: Tensor, graphs: GraphBatch) -> Tensor:
    """(N,) float64 log of the sum over all paths of (N, T, P) scaled log-likelihoods.

    -inf where no path has as many frames; the gradient is then zero.
    """
    total: Tensor = _LogTotal.apply(log_likes, lengths, graphs)
    return total

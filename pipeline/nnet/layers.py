"""Recurrent layers over padded batches: tanh RNN, LSTM, projected LSTM, both directions.

Padded batches, not packed ones: torch runs them through oneDNN on a CPU, and what a layer reads in
the padding never reaches a real frame. In the direction of time that holds because padding comes
last; the backward cell reads each utterance reversed within its own length.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn


class Lengths:
    """Lengths (N,) of the utterances of a padded batch, and what layers derive from them once."""

    def __init__(self, lengths: Tensor, num_frames: int) -> None:
        """`num_frames` is T, the padded length."""
        self.lengths = lengths
        self.num_frames = num_frames

    @cached_property
    def real(self) -> Tensor:
        """(N, T) bool: frames that are not padding."""
        time = torch.arange(self.num_frames, device=self.lengths.device)
        return time < self.lengths.unsqueeze(1)

    @cached_property
    def reversal(self) -> Tensor:
        """(N * T,) places in the flattened batch that reverse each utterance; its own inverse."""
        time = torch.arange(self.num_frames, device=self.lengths.device)
        ends = self.lengths.unsqueeze(1)
        return self._places(torch.where(time < ends, ends - 1 - time, time))

    @cached_property
    def held(self) -> Tensor:
        """(N * T,) places in the flattened batch that repeat each last frame in the padding."""
        time = torch.arange(self.num_frames, device=self.lengths.device)
        return self._places(torch.minimum(time, (self.lengths.unsqueeze(1) - 1).clamp(min=0)))

    def _places(self, time: Tensor) -> Tensor:
        rows = torch.arange(len(self.lengths), device=self.lengths.device).unsqueeze(1)
        return (rows * self.num_frames + time).flatten()


class _Reverse(torch.autograd.Function):
    """Permute frames by an involution; the gradient takes the same permutation."""

    @staticmethod
    def forward(ctx: Any, frames: Tensor, permutation: Tensor) -> Tensor:
        ctx.save_for_backward(permutation)
        return frames.flatten(0, 1).index_select(0, permutation).view_as(frames)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (permutation,) = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        return gradient.flatten(0, 1).index_select(0, permutation).view_as(gradient), None


def reverse(frames: Tensor, lengths: Lengths) -> Tensor:
    """(N, T, H) -> (N, T, H): each utterance reversed in time, its padding left in place."""
    return _Reverse.apply(frames.contiguous(), lengths.reversal)


def hold_last(frames: Tensor, lengths: Lengths) -> Tensor:
    """(N, T, H) -> (N, T, H): after the end of each utterance its last frame repeats."""
    return frames.flatten(0, 1).index_select(0, lengths.held).view_as(frames)


def _cell(kind: str, input_dim: int, hidden_dim: int, projection_dim: int | None) -> nn.RNNBase:
    if kind == "drnn":
        rnn = nn.RNN(input_dim, hidden_dim, nonlinearity="tanh", batch_first=True)
        # Keeps norms over time at the start (Saxe, McClelland and Ganguli 2014).
        nn.init.orthogonal_(rnn.get_parameter("weight_hh_l0"))
        return rnn
    cell = nn.LSTM(input_dim, hidden_dim, batch_first=True, proj_size=projection_dim or 0)
    # Forget gates are open at the start (Jozefowicz et al. 2015); the order of gates is i f g o.
    for name, bias in (("bias_ih_l0", 1.0), ("bias_hh_l0", 0.0)):
        nn.init.constant_(cell.get_parameter(name)[hidden_dim : 2 * hidden_dim], bias)
    return cell


class RecurrentLayer(nn.Module):
    """One layer, then layer norm and dropout if asked: (N, T, I) -> (N, T, output_dim)."""

    def __init__(
        self,
        kind: str,
        input_dim: int,
        hidden_dim: int,
        projection_dim: int | None = None,
        layer_norm: bool = False,
        dropout: float = 0.0,
    ) -> None:
        """`kind`: drnn, lstm, lstmp or blstm; `hidden_dim` is that of one direction."""
        super().__init__()
        self.forward_cell = _cell(kind, input_dim, hidden_dim, projection_dim)
        self.backward_cell = (
            _cell(kind, input_dim, hidden_dim, projection_dim) if kind == "blstm" else None
        )
        directions = 1 if self.backward_cell is None else 2
        self.output_dim = (projection_dim or hidden_dim) * directions
        self.norm = nn.LayerNorm(self.output_dim) if layer_norm else nn.Identity()
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, frames: Tensor, lengths: Lengths) -> Tensor:
        """Run over a padded batch."""
        output, _ = self.forward_cell(frames)
        if self.backward_cell is not None:
            backward, _ = self.backward_cell(reverse(frames, lengths))
            output = torch.cat([output, reverse(backward, lengths)], dim=2)
        return self.dropout(self.norm(output))

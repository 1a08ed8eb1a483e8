"""LSTM and tanh RNN written out frame by frame, with tensor hooks that clip: the slow truth."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

StateHook = Callable[[int, Tensor], Tensor]  # frame, gradient (N, R + H) or (N, H) -> gradient


def hooked(tensor: Tensor, hook: Callable[[Tensor], Tensor] | None) -> Tensor:
    """A copy whose gradient passes through `hook`."""
    copy = tensor.clone()
    if hook is not None:
        copy.register_hook(hook)
    return copy


def unrolled(
    cell: nn.RNNBase,
    frames: Tensor,
    gate_hook: Callable[[Tensor], Tensor] | None = None,
    state_hook: StateHook | None = None,
    cell_clip: float | None = None,
) -> Tensor:
    """(N, T, I) -> (N, T, R) by autograd; the clamp of the cells lets derivatives through."""
    weights: dict[str, Any] = dict(cell.named_parameters())
    bias = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    size, outer = cell.hidden_size, cell.proj_size or cell.hidden_size
    is_lstm = isinstance(cell, nn.LSTM)
    state = frames.new_zeros(len(frames), outer + (size if is_lstm else 0))
    outputs = []
    for t in range(frames.shape[1]):
        hidden, memory = state[:, :outer], state[:, outer:]
        gates = frames[:, t] @ weights["weight_ih_l0"].T + hidden @ weights["weight_hh_l0"].T + bias
        gates = hooked(gates, gate_hook)
        if is_lstm:
            i, f, g, o = gates.chunk(4, dim=1)
            memory = f.sigmoid() * memory + i.sigmoid() * g.tanh()
            if cell_clip is not None:
                memory = memory + (memory.clamp(-cell_clip, cell_clip) - memory).detach()
            hidden = o.sigmoid() * memory.tanh()
            if cell.proj_size:
                hidden = hidden @ weights["weight_hr_l0"].T
            outputs.append(hidden)
            state = torch.cat([hidden, memory], dim=1)
        else:
            hidden = gates.tanh()
            outputs.append(hidden)
            state = hidden
        if state_hook is not None:
            state = hooked(state, partial(state_hook, t))
    return torch.stack(outputs, dim=1)

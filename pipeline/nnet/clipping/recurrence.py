"""Backpropagation through time by hand, with a place to clip at every frame.

torch's fused nn.RNN and nn.LSTM let nobody see a derivative between two frames. So a forward hook
keeps their fused forward pass and gives its output a backward pass of its own: the gates of all
frames are computed again in one matrix product (the outputs are known, so only the cells need a
loop), then a loop over the frames goes back in time, and the weights' gradients are again one
matrix product each. The result is the gradient that torch gives, except for what is clipped.
Cost: benchmarks/train. Memory: about that of the fused pass once more.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from pipeline.io.errors import UserError


class FrameClipping:
    """What may be changed at each frame, in place; this one changes nothing."""

    cell_clip: float | None = None  # LSTM cells are kept within ± this

    def gates(self, derivative: Tensor) -> None:
        """(N, G) derivatives of the loss before the gates' sigmoid and tanh."""

    def state(self, hidden: Tensor, cell: Tensor | None, frame: int) -> None:
        """Derivatives that come from frame + 1 to the hidden state (N, R) and the cells (N, H)."""

    def finished(self, derivatives: Tensor) -> None:
        """(T, N, G) all that `gates` has seen, at the end of a pass; may be overwritten."""


def recurrent_cells(model: nn.Module) -> list[nn.RNNBase]:
    """The tanh RNNs and LSTMs of a model, each one layer of one direction.

    Raises:
        UserError: there is none, or one that cannot be clipped inside the graph.
    """
    cells = [module for module in model.modules() if isinstance(module, nn.RNNBase)]
    if not cells:
        raise UserError(
            "clipping: this method acts on recurrent layers and the network has none; use norm"
        )
    for cell in cells:
        known = isinstance(cell, nn.LSTM) or getattr(cell, "nonlinearity", "") == "tanh"
        if not known or cell.num_layers > 1 or cell.bidirectional or not cell.batch_first:
            raise UserError(f"clipping: this method cannot act inside {cell}; use norm")
    return cells


def weights_of(cell: nn.RNNBase) -> list[Tensor | None]:
    """W_ih, W_hh, b_ih, b_hh and the projection, None where the cell has none."""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_hr_l0")
    return [getattr(cell, name, None) for name in names]


def clip_frames(cell: nn.RNNBase, clipping: FrameClipping, args: Any, output: Any) -> Any:
    """To be called from a forward hook: the cell's output with a clipped backward pass.

    Args:
        cell: of `recurrent_cells`.
        clipping: what happens at each frame.
        args: the cell's input: (N, T, I) frames and, if given, the first state.
        output: what the cell made of it.
    """
    frames, first = args[0], args[1] if len(args) > 1 else None
    is_lstm = isinstance(cell, nn.LSTM)
    if first is None:
        shape = (frames.shape[0], cell.proj_size or cell.hidden_size)
        hidden = frames.new_zeros(shape)
        cells = frames.new_zeros((frames.shape[0], cell.hidden_size))
    else:
        hidden = (first[0] if is_lstm else first).squeeze(0)
        cells = first[1].squeeze(0) if is_lstm else hidden
    known = output[0].detach()
    weights = weights_of(cell)
    if is_lstm:
        results = _LstmFrames.apply(clipping, frames, hidden, cells, known, *weights)
        return results[0], (results[1].unsqueeze(0), results[2].unsqueeze(0))
    results = _RnnFrames.apply(clipping, frames, hidden, known, *weights[:4])
    return results[0], results[1].unsqueeze(0)


def _earlier(first: Tensor, states: Tensor) -> Tensor:
    """(N, R), (T, N, R) -> (T, N, R): what each frame gets from the one before."""
    return torch.cat([first.unsqueeze(0), states[:-1]])


def _weight_gradients(
    derivatives: Tensor, frames: Tensor, earlier: Tensor, weights: list[Tensor]
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of the input (N, T, I), W_ih, W_hh and both biases from those of the gates."""
    flat = derivatives.flatten(0, 1)  # [T * N, G]
    of_frames = (derivatives @ weights[0]).transpose(0, 1)
    of_bias = flat.sum(dim=0)
    of_input = flat.T @ frames.flatten(0, 1)
    return of_frames, of_input, flat.T @ earlier.flatten(0, 1), of_bias, of_bias


class _RnnFrames(torch.autograd.Function):
    """h_t = tanh(W_ih x_t + W_hh h_(t-1) + b)."""

    @staticmethod
    def forward(
        ctx: Any,
        clipping: FrameClipping,
        frames: Tensor,
        first: Tensor,
        known: Tensor,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        ctx.clipping = clipping
        hidden = known.transpose(0, 1).contiguous().float()  # [T, N, H]
        ctx.save_for_backward(frames.transpose(0, 1).float(), first.float(), hidden, *weights)
        return known.view_as(known), known[:, -1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        frames, first, hidden, *weights = ctx.saved_tensors
        clipping: FrameClipping = ctx.clipping
        of_output = gradients[0].transpose(0, 1).contiguous().float()
        of_hidden = gradients[1].float().clone()
        slope = 1.0 - hidden.square()
        derivatives = torch.empty_like(hidden)
        for t in range(len(hidden) - 1, -1, -1):
            clipping.state(of_hidden, None, t)
            torch.mul(of_hidden.add_(of_output[t]), slope[t], out=derivatives[t])
            clipping.gates(derivatives[t])
            of_hidden = derivatives[t] @ weights[1]
        of_frames, *of_weights = _weight_gradients(
            derivatives, frames, _earlier(first, hidden), weights
        )
        clipping.finished(derivatives)
        return None, of_frames, of_hidden, None, *of_weights


class _LstmFrames(torch.autograd.Function):
    """torch's LSTM: gates i, f, g, o; c_t = f c_(t-1) + i g; h_t = W_hr (o tanh(c_t))."""

    @staticmethod
    def forward(
        ctx: Any,
        clipping: FrameClipping,
        frames: Tensor,
        first_hidden: Tensor,
        first_cell: Tensor,
        known: Tensor,
        *weights: Any,  # Tensor, or None for no projection
    ) -> tuple[Tensor, Tensor, Tensor]:
        with torch.autocast(frames.device.type, enabled=False):
            inputs = frames.transpose(0, 1).float()
            hidden = known.transpose(0, 1).float()
            first_hidden, first_cell = first_hidden.float(), first_cell.float()
            w_ih, w_hh, b_ih, b_hh, w_hr = weights
            before = functional.linear(inputs, w_ih, b_ih + b_hh)  # [T, N, 4H]
            gates = before + functional.linear(_earlier(first_hidden, hidden), w_hh)
            _activate(gates)
            cells = _run_cells(gates, first_cell)
            clip = clipping.cell_clip
            if clip is not None and float(cells.abs().amax()) > clip:
                hidden, gates, cells = _run_clamped(
                    before, first_hidden, first_cell, w_hh, w_hr, clip
                )
                known = hidden.transpose(0, 1).to(known.dtype)
        ctx.clipping = clipping
        ctx.save_for_backward(inputs, first_hidden, first_cell, hidden, gates, cells, *weights)
        return known.view_as(known), known[:, -1].clone(), cells[-1].to(known.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, first_hidden, first_cell, hidden, gates, cells, *weights = ctx.saved_tensors
        clipping: FrameClipping = ctx.clipping
        w_hh, w_hr = weights[1], weights[4]
        of_output = gradients[0].transpose(0, 1).contiguous().float()
        of_hidden, of_cell = gradients[1].float().clone(), gradients[2].float().clone()
        num_frames, num_utterances, size = cells.shape
        input_gate, forget_gate, candidate, output_gate = gates.unflatten(2, (4, size)).unbind(2)
        tanh_cells = torch.tanh(cells)
        # How each gate's derivative follows from that of c_t (i, f, g) and of o tanh(c_t) (o).
        factors = torch.empty_like(gates).unflatten(2, (4, size))  # [T, N, 4, H]
        factors[:, :, 0] = candidate * input_gate * (1.0 - input_gate)
        factors[:, :, 1] = _earlier(first_cell, cells) * forget_gate * (1.0 - forget_gate)
        factors[:, :, 2] = input_gate * (1.0 - candidate.square())
        factors[:, :, 3] = tanh_cells * output_gate * (1.0 - output_gate)
        through_tanh = output_gate * (1.0 - tanh_cells.square())
        of_hiddens: list[Tensor] = []  # for the projection's gradient
        for t in range(num_frames - 1, -1, -1):
            clipping.state(of_hidden, of_cell, t)
            of_hidden = of_hidden + of_output[t]
            if w_hr is not None:
                of_hiddens.append(of_hidden)
                of_hidden = of_hidden @ w_hr
            of_cell.addcmul_(of_hidden, through_tanh[t])
            frame = factors[t]
            frame[:, :3] *= of_cell.unsqueeze(1)
            frame[:, 3] *= of_hidden
            derivative = frame.view(num_utterances, -1)
            clipping.gates(derivative)
            of_hidden = derivative @ w_hh
            of_cell *= forget_gate[t]
        derivatives = factors.flatten(2)
        of_frames, *of_weights = _weight_gradients(
            derivatives, inputs, _earlier(first_hidden, hidden), weights
        )
        clipping.finished(derivatives)
        of_projection = None
        if w_hr is not None:
            of_all = torch.stack(of_hiddens[::-1]).flatten(0, 1)
            of_projection = of_all.T @ (output_gate * tanh_cells).flatten(0, 1)
        return None, of_frames, of_hidden, of_cell, None, *of_weights, of_projection


def _activate(gates: Tensor) -> None:
    """Sigmoid of i, f, o and tanh of g, in place: (..., 4H)."""
    size = gates.shape[-1] // 4
    gates[..., : 2 * size].sigmoid_()
    gates[..., 2 * size : 3 * size].tanh_()
    gates[..., 3 * size :].sigmoid_()


def _run_cells(gates: Tensor, first: Tensor) -> Tensor:
    """Cells (T, N, H) from the gates (T, N, 4H)."""
    size = first.shape[1]
    cells = gates[..., :size] * gates[..., 2 * size : 3 * size]
    cell = first
    for t in range(len(cells)):
        cell = cells[t].addcmul_(gates[t, :, size : 2 * size], cell)
    return cells


def _run_clamped(
    before: Tensor,
    hidden: Tensor,
    cell: Tensor,
    w_hh: Tensor,
    w_hr: Tensor | None,
    clip: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """The forward pass with cells kept within ±clip: hidden states, gates and cells.

    The derivative passes the clamp unchanged, as in Kaldi's nnet1.
    """
    size = cell.shape[1]
    gates, hiddens, cells = before.clone(), [], []
    for t in range(len(gates)):
        gates[t] += hidden @ w_hh.T
        _activate(gates[t])
        i, f, g, o = gates[t].split(size, dim=1)
        cell = (f * cell + i * g).clamp(-clip, clip)
        hidden = o * torch.tanh(cell)
        if w_hr is not None:
            hidden = hidden @ w_hr.T
        hiddens.append(hidden)
        cells.append(cell)
    return torch.stack(hiddens), gates, torch.stack(cells)

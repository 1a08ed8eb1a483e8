"""Dynamic quantisation to int8: a trained network that is smaller and runs on integers.

Weights become 8-bit integers with one scale for each row (symmetric: code = round(w / scale), scale
= max |w| / 127, so quantising again changes nothing). What comes into a layer is quantised on the
fly, from the range of its values; biases, normalisation and the cells' states stay float32. The
products are torch's integer kernels for CPUs (Jacob et al. 2018 give the arithmetic; here
activations are dynamic). torch has none for tanh RNNs and for LSTMs with projection. Since a range
is that of a whole batch, an utterance's output depends a little on the others in it.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.io.errors import UserError
from pipeline.nnet.model import AcousticModel

LARGEST = 127  # codes are -127 ... 127


def quantize_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """(O, I) float32 -> (O, I) int8 codes and (O,) float32 scales."""
    scales = weight.abs().amax(dim=1).clamp(min=torch.finfo(torch.float32).tiny) / LARGEST
    codes = (weight / scales.unsqueeze(1)).round().clamp(-LARGEST, LARGEST)
    return codes.to(torch.int8), scales


def _pack(codes: Tensor, scales: Tensor, bias: Tensor) -> Any:
    """The form that torch's integer kernels read."""
    zeros = torch.zeros(len(scales), dtype=torch.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # quantised tensors are to leave torch; it is pinned here
        weight = torch._make_per_channel_quantized_tensor(codes, scales.double(), zeros, 0)
        return torch.ops.quantized.linear_prepack(weight, bias)


class Int8Linear(nn.Module):
    """Affine layer: (..., I) -> (..., O); for evaluation only."""

    codes: Tensor
    scales: Tensor
    bias: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        """Take over the weights of `linear`."""
        super().__init__()
        codes, scales = quantize_rows(linear.weight.detach())
        self.register_buffer("codes", codes)
        self.register_buffer("scales", scales)
        self.register_buffer("bias", linear.bias.detach().clone())
        self._packed: Any = None  # made at the first run, when the weights are there

    def forward(self, values: Tensor) -> Tensor:
        """Integer product, float32 result."""
        if self._packed is None:
            self._packed = _pack(self.codes, self.scales, self.bias)
        output: Tensor = torch.ops.quantized.linear_dynamic(
            values.contiguous(), self._packed, reduce_range=True
        )
        return output


class Int8Lstm(nn.Module):
    """One layer and direction of an LSTM: (N, T, I) -> (N, T, H); for evaluation only."""

    def __init__(self, lstm: nn.LSTM) -> None:
        """Take over the weights of `lstm`, which has one layer, one direction, no projection."""
        super().__init__()
        self.hidden_size = lstm.hidden_size
        for kind in ("ih", "hh"):
            codes, scales = quantize_rows(lstm.get_parameter(f"weight_{kind}_l0").detach())
            self.register_buffer(f"codes_{kind}", codes)
            self.register_buffer(f"scales_{kind}", scales)
            bias = lstm.get_parameter(f"bias_{kind}_l0").detach().clone()
            self.register_buffer(f"bias_{kind}", bias)
        self._packed: Any = None

    def _pack(self) -> Any:
        parts = {
            kind: [self.get_buffer(f"{name}_{kind}") for name in ("codes", "scales", "bias")]
            for kind in ("ih", "hh")
        }
        packed = [_pack(*parts[kind]) for kind in ("ih", "hh")]
        return torch.ops.quantized.make_quantized_cell_params_dynamic(
            *packed, parts["ih"][2], parts["hh"][2], True
        )

    def forward(
        self, frames: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """As nn.LSTM with batch_first: output, and (1, N, H) hidden state and cells."""
        if self._packed is None:
            self._packed = self._pack()
        if state is None:
            zeros = frames.new_zeros((1, frames.shape[0], self.hidden_size))
            state = (zeros, zeros)
        output, hidden, cells = torch.quantized_lstm(
            frames.contiguous(),
            state,
            [self._packed],
            has_biases=True,
            num_layers=1,
            dropout=0.0,
            train=False,
            bidirectional=False,
            batch_first=True,
            dtype=torch.qint8,
            use_dynamic=True,
        )
        return output, (hidden, cells)


def check_kernels(network: AcousticModel) -> None:
    """See that there are integer kernels for all layers.

    Raises:
        UserError: torch has no integer kernel for this type of network.
    """
    for module in network.modules():
        plain = isinstance(module, nn.LSTM) and not module.proj_size
        if isinstance(module, nn.RNNBase) and not plain:
            what = "LSTMs with projection" if isinstance(module, nn.LSTM) else "tanh RNNs"
            raise UserError(
                f"int8: {network.options.type}: torch has no integer kernel for {what}; "
                "keep float32, or train an lstm"
            )


def quantized_weights(network: AcousticModel) -> list[Tensor]:
    """The matrices of a float32 network that `quantize` rounds."""
    weights: list[Tensor] = []
    for module in network.modules():
        if isinstance(module, nn.Linear):
            weights.append(module.weight)
        elif isinstance(module, nn.LSTM):
            weights += [module.get_parameter(f"weight_{kind}_l0") for kind in ("ih", "hh")]
    return weights


def quantize(network: AcousticModel) -> None:
    """Replace the layers of `network`, in place, by integer ones.

    Raises:
        UserError: see `check_kernels`.
    """
    check_kernels(network)
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                setattr(module, name, Int8Linear(child))
            elif isinstance(child, nn.LSTM):
                setattr(module, name, Int8Lstm(child))
    network.weights = "int8"
    network.eval()

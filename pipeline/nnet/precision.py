"""Where a training computes, and in how many bits: torch's autocast and loss scaling.

Source: Micikevicius et al. 2018, Mixed precision training. Weights, their updates and what clipping
sees stay float32. bf16 has float32's range and needs no scaling; fp16 does.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import torch
from torch import Tensor

from pipeline.config import TrainOptions
from pipeline.io.errors import UserError

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(name: str, rank: int = 0) -> torch.device:
    """The device that `training.device` names; several processes share the GPUs there are.

    Raises:
        UserError: a GPU is asked for and torch sees none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise UserError("training.device: cuda, but torch sees no GPU; use auto or cpu")
    return torch.device("cuda", rank % torch.cuda.device_count())


@cache
def has_bf16_lstm() -> bool:
    """Whether this CPU has oneDNN's bf16 LSTM (AVX-512), which autocast takes as given."""
    try:
        with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
            torch.nn.LSTM(1, 1)(torch.zeros(1, 1, 1))
    except RuntimeError:
        return False
    return True


class Precision:
    """Runs forward passes at the configured precision and gives gradients in true size.

    Attributes:
        falls_back: whether bf16 is asked for and fp32 is used, on a CPU that has no bf16 LSTM.
    """

    def __init__(self, options: TrainOptions, device: torch.device) -> None:
        """Raises UserError for fp16 without a GPU."""
        if options.precision == "fp16" and device.type != "cuda":
            raise UserError("training.precision: fp16 needs a GPU; use bf16 or fp32")
        self._type = TYPES[options.precision]
        self._device = device
        # Without the fused LSTM torch's own loop takes 8 times as long in bf16 as in fp32.
        self.falls_back = (
            options.precision == "bf16" and device.type == "cpu" and not has_bf16_lstm()
        )
        if self.falls_back:
            self._type = torch.float32
        self._scaler = torch.amp.GradScaler(device.type, enabled=options.precision == "fp16")

    def autocast(self) -> AbstractContextManager[Any]:
        """For the forward pass and the loss."""
        enabled = self._type != torch.float32
        return torch.autocast(self._device.type, self._type, enabled=enabled)

    @property
    def scale(self) -> float:
        """What the loss is multiplied by for the backward pass: 1 without fp16."""
        return self._scaler.get_scale()

    def backward(self, loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
        """Compute the gradients; whatever reads them then sees them without the scale."""
        self._scaler.scale(loss).backward()
        self._scaler.unscale_(optimizer)

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """Let the optimiser step."""
        self._scaler.step(optimizer)

    def end_step(self) -> None:
        """Choose the next scale: lower after gradients that were not finite."""
        self._scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """The scale and its history; JSON, empty without fp16."""
        return dict(self._scaler.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        if state:
            self._scaler.load_state_dict(state)

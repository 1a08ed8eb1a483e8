"""Optimisers and learning-rate schedules by name."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from pipeline.config import TrainOptions

PLATEAU_FACTOR = 0.5  # of the rate, after an epoch without a better held-out loss


def make_optimizer(model: nn.Module, options: TrainOptions) -> torch.optim.Optimizer:
    """Adam, AdamW or SGD with momentum over all parameters; the schedule sets the rate."""
    parameters = model.parameters()
    if options.optimizer == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=options.learning_rate,
            momentum=options.momentum,
            weight_decay=options.weight_decay,
            foreach=True,
        )
    kind = torch.optim.AdamW if options.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, lr=options.learning_rate, weight_decay=options.weight_decay, fused=True)


class Schedule:
    """Learning rate as a function of the step and of the share of the training that is done."""

    def __init__(self, options: TrainOptions) -> None:
        """`options` give the kind, both rates and the warm-up."""
        self._options = options
        self._factor = 1.0  # plateau only
        self._best = math.inf

    def rate(self, step: int, progress: float) -> float:
        """Rate of a step (0-based) at `progress` in [0, 1]; rises linearly during the warm-up."""
        first, last = self._options.learning_rate, self._options.final_learning_rate
        if self._options.schedule == "exponential":
            rate = first * (last / first) ** progress
        elif self._options.schedule == "cosine":
            rate = last + (first - last) * 0.5 * (1.0 + math.cos(math.pi * progress))
        elif self._options.schedule == "plateau":
            rate = max(min(first, last), first * self._factor)
        else:
            rate = first
        return rate * min(1.0, (step + 1) / max(1, self._options.warmup_steps))

    def end_epoch(self, held_out_loss: float) -> None:
        """Take note of an epoch's result; `plateau` lowers the rate after one without gain."""
        if held_out_loss < self._best:
            self._best = held_out_loss
        else:
            self._factor *= PLATEAU_FACTOR

    def state_dict(self) -> dict[str, Any]:
        """What `plateau` remembers."""
        return {"factor": self._factor, "best": None if math.isinf(self._best) else self._best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self._factor = state["factor"]
        self._best = math.inf if state["best"] is None else state["best"]

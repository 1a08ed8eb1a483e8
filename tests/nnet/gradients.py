"""Models that are nothing but gradients, and clippers for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from pipeline.config import ClippingOptions
from pipeline.nnet.clipping import Clipper, ClippingStatistics, make_clipper

INPUT_DIM = 4


def model_with_gradients(*gradients: list[float]) -> nn.ParameterList:
    """Parameters 0, 1, ... with the given gradients; their values are zero."""
    parameters = [nn.Parameter(torch.zeros(len(gradient))) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = torch.tensor(gradient)
    return nn.ParameterList(parameters)


def gradients_of(model: nn.Module) -> list[list[float]]:
    return [p.grad.tolist() for p in model.parameters() if p.grad is not None]


def flat_gradient(model: nn.Module) -> list[float]:
    return [x for p in model.parameters() if p.grad is not None for x in p.grad.flatten().tolist()]


def make(model: nn.Module, method: str, **options: Any) -> Clipper:
    settings = ClippingOptions.model_validate({"method": method, **options})
    return make_clipper(model, settings, INPUT_DIM)


def clip(model: nn.Module, method: str, **options: Any) -> ClippingStatistics:
    return make(model, method, **options)()


def random_model(seed: int, scale: float) -> nn.Module:
    """An LSTM with gradients of standard deviation `scale`."""
    torch.manual_seed(seed)
    model = nn.LSTM(3, 4, batch_first=True)
    for parameter in model.parameters():
        parameter.grad = scale * torch.randn_like(parameter)
    return model

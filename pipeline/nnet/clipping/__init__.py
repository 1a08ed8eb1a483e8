"""Gradient clipping: one small file a method, one interface (`base.Clipper`), chosen by name."""

from __future__ import annotations

from torch import nn

from pipeline.config import ClippingOptions
from pipeline.nnet.clipping.base import Clipper, ClippingStatistics
from pipeline.nnet.clipping.none import NoClipping
from pipeline.nnet.clipping.norm import NormClipping
from pipeline.nnet.clipping.tensor_norm import TensorNormClipping
from pipeline.nnet.clipping.value import ValueClipping

METHODS: dict[str, type[Clipper]] = {
    "none": NoClipping,
    "value": ValueClipping,
    "norm": NormClipping,
    "tensor_norm": TensorNormClipping,
}


def make_clipper(model: nn.Module, options: ClippingOptions, input_dim: int) -> Clipper:
    """Clipper of the configured method for `model`; `input_dim` is d in 1/sqrt(d)."""
    return METHODS[options.method](model, options.threshold, input_dim)


__all__ = ["METHODS", "Clipper", "ClippingStatistics", "make_clipper"]

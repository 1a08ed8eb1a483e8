"""Gradient clipping: one small file a method, one interface (`base.Clipper`), chosen by name."""

from __future__ import annotations

from torch import nn

from pipeline.config import ClippingOptions
from pipeline.nnet.clipping.adagc import AdaGC
from pipeline.nnet.clipping.agc import AdaptiveGradientClipping
from pipeline.nnet.clipping.autoclip import AutoClip
from pipeline.nnet.clipping.base import Clipper, ClippingStatistics
from pipeline.nnet.clipping.max_change import MaxChange
from pipeline.nnet.clipping.median import MedianClipping
from pipeline.nnet.clipping.none import NoClipping
from pipeline.nnet.clipping.norm import NormClipping
from pipeline.nnet.clipping.normalised import NormalisedGradient
from pipeline.nnet.clipping.sequence_filter import SequenceFilter
from pipeline.nnet.clipping.tensor_norm import TensorNormClipping
from pipeline.nnet.clipping.time_step import TimeStepClipping
from pipeline.nnet.clipping.truncation import Truncation
from pipeline.nnet.clipping.value import ValueClipping
from pipeline.nnet.clipping.zclip import ZClip

METHODS: dict[str, type[Clipper]] = {
    "none": NoClipping,
    "value": ValueClipping,
    "norm": NormClipping,
    "tensor_norm": TensorNormClipping,
    "normalised": NormalisedGradient,
    "time_step": TimeStepClipping,
    "truncation": Truncation,
    "sequence_filter": SequenceFilter,
    "max_change": MaxChange,
    "median": MedianClipping,
    "autoclip": AutoClip,
    "agc": AdaptiveGradientClipping,
    "zclip": ZClip,
    "adagc": AdaGC,
}


def make_clipper(model: nn.Module, options: ClippingOptions, input_dim: int) -> Clipper:
    """Clipper of the configured method for `model`; `input_dim` is d in 1/sqrt(d).

    Raises:
        UserError: the method cannot act on this network.
    """
    return METHODS[options.method](model, options, input_dim)


__all__ = ["METHODS", "Clipper", "ClippingStatistics", "make_clipper"]

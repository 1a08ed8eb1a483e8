"""Gradient clipping: methods, and the keys of each."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from pipeline.config.base import Count, Options, Positive


class ClippingOptions(Options):
    """How gradients are clipped. A method takes only its own keys: see KEYS.

    The method's file in pipeline/nnet/clipping gives the formula and the source of its defaults.
    """

    # Each method's own keys with their defaults; all take KEYS_OF_ALL too.
    KEYS: ClassVar[dict[str, dict[str, Any]]] = {
        "none": {"threshold": 5.0},  # not used: so that the method alone switches clipping off
        "value": {"threshold": "1/sqrt(d)", "bounds": "element"},
        "norm": {"threshold": 5.0},
        "tensor_norm": {"threshold": 5.0},
        "normalised": {"threshold": 5.0},
        "time_step": {"threshold": 1.0, "cell_clip": 50.0},
        "truncation": {"threshold": 30.0, "zeroing_threshold": 15.0, "zeroing_frames": 20},
        "sequence_filter": {"threshold": 10.0},
        "max_change": {"threshold": 0.75, "global_threshold": 2.0},
        "median": {"threshold": 2.0, "history": 100, "warmup_steps": 100},
        "autoclip": {"threshold": 10.0, "history": 10000},
        "agc": {"threshold": 0.01, "min_weight_norm": 1e-3, "clip_output_layer": False},
        "zclip": {"threshold": 2.5, "decay": 0.97, "warmup_steps": 25, "max_norm": None},
        "adagc": {"threshold": 1.05, "decay": 0.98, "warmup_steps": 100, "warmup_threshold": 1.0},
    }
    KEYS_OF_ALL: ClassVar = ("method", "until_epoch", "anneal_factor", "loss_tau")
    # Methods whose threshold may be 1/sqrt(d), d the input features of a frame.
    NORM_BOUNDS: ClassVar = ("none", "value", "norm", "tensor_norm", "normalised")

    method: Literal[
        "none",
        "value",
        "norm",
        "tensor_norm",
        "normalised",
        "time_step",
        "truncation",
        "sequence_filter",
        "max_change",
        "median",
        "autoclip",
        "agc",
        "zclip",
        "adagc",
    ] = "norm"
    # The main number of each method: the bound of the gradient's norm (norm, normalised), of each
    # tensor's (tensor_norm), of each element (value), of derivatives (time_step: an element's,
    # truncation: a row's norm), of an update's norm (max_change: one layer's cell or matrix); a
    # factor of the median (median, sequence_filter), of the weights' norm (agc), of an average
    # (adagc); a percentile (autoclip); standard deviations (zclip).
    threshold: Positive | Literal["1/sqrt(d)"] = 5.0
    # value: what has a norm of at most `threshold`: element: b = c; tensor: b = c / sqrt(d_p);
    # model: b = c / sqrt(d), d numbers of elements.
    bounds: Literal["element", "tensor", "model"] = "element"
    cell_clip: Positive = 50.0  # time_step: LSTM cells are kept within ± this
    zeroing_threshold: Positive = 15.0  # truncation: norm from which a row is set to zero ...
    zeroing_frames: Count = 20  # ... every so many frames
    global_threshold: Positive = 2.0  # max_change: of the whole update
    history: Count = 100  # median, autoclip: norms that are remembered
    warmup_steps: Annotated[int, Field(ge=1)] = 100  # steps before median, zclip, adagc start
    warmup_threshold: Positive = 1.0  # adagc: bound of the gradient's norm in the warm-up
    min_weight_norm: Positive = 1e-3  # agc
    clip_output_layer: bool = False  # agc
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.97  # zclip, adagc: weight of the past
    max_norm: Positive | None = None  # zclip: bound of the norm at all times
    # Clipping may end or fade: no clipping after `until_epoch`; the threshold of epoch e (from 1)
    # is multiplied by anneal_factor ** (e - 1), so a factor above 1 takes clipping away slowly.
    until_epoch: Count | None = None
    anneal_factor: Positive = 1.0
    # Partially Huberised cross-entropy, beside any method: targets of a probability below 1 / tau
    # get the straight line of slope -tau instead of the logarithm. Menon et al. 2020: 2.
    loss_tau: Annotated[float, Field(gt=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _own_keys(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("method", "norm") not in cls.KEYS:
            return data
        method = data.get("method", "norm")
        own = cls.KEYS[method]
        for key in data:
            if key not in own and key not in cls.KEYS_OF_ALL:
                keys = ", ".join([*own, *cls.KEYS_OF_ALL[1:]])
                raise ValueError(f"method '{method}' has no key '{key}'; its keys: {keys}")
        return own | data

    @model_validator(mode="after")
    def _threshold_fits(self) -> ClippingOptions:
        if self.threshold == "1/sqrt(d)":
            if self.method not in self.NORM_BOUNDS:
                raise ValueError(f"'threshold' 1/sqrt(d) is for {', '.join(self.NORM_BOUNDS[1:])}")
            if self.bounds != "element":
                raise ValueError("'threshold' 1/sqrt(d) bounds an element; give bounds a number")
        elif self.method == "autoclip" and self.threshold > 100:
            raise ValueError("'threshold' of autoclip is a percentile, at most 100")
        return self

    @model_serializer(mode="wrap")
    def _without_foreign_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        keys = {*self.KEYS[self.method], *self.KEYS_OF_ALL}
        return {key: value for key, value in handler(self).items() if key in keys}

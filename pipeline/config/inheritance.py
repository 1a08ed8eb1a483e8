"""What a network takes from the one that it starts with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.config.compression import kept_units
from pipeline.config.network import ModelOptions, NnetOptions

STARTING = ("sequence", "quantize", "prune")  # sections that name a network as `start`
INHERITED = ("alignment", "features", "model", "prior_scale")


def inherit(name: str, net: Any, earlier: Mapping[str, Any]) -> Any:
    """The section of network `name` as written, completed from the section that it starts with.

    Nothing is validated here but that there is such a network.

    Raises:
        ValueError: there is none among the earlier ones.
    """
    if not isinstance(net, dict):
        return net
    for key in STARTING:
        section = net.get(key)
        if not isinstance(section, dict) or "start" not in section:
            continue
        start = earlier.get(str(section["start"]))
        if not isinstance(start, dict):
            raise ValueError(
                f"nnet.{name}.{key}.start: must name an earlier network, one of {list(earlier)}"
            )
        taken = {key: start[key] for key in INHERITED if key in start}
        if key == "prune" and str(section.get("units")).lower() == "true":
            taken["model"] = _with_fewer_units(taken.get("model", {}), section.get("fraction"))
        net = {**taken, **net}
    return net


def _with_fewer_units(model: Any, fraction: Any) -> Any:
    default = ModelOptions.model_fields["hidden_dim"].default
    try:  # values from the command line are text
        hidden_dim, share = int(model.get("hidden_dim", default)), float(fraction)
    except (AttributeError, TypeError, ValueError):
        return model  # the validation will say what is wrong
    if not 0 < share < 1:
        return model
    return {**model, "hidden_dim": kept_units(hidden_dim, share)}


def smaller_model(net: NnetOptions, start: ModelOptions) -> ModelOptions:
    """The shape that a network made from one of the shape `start` has."""
    if net.prune is None or not net.prune.units:
        return start
    return start.model_copy(update={"hidden_dim": kept_units(start.hidden_dim, net.prune.fraction)})

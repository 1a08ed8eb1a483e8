"""Which steps stand out: their gradient is not finite, or its norm far above the usual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.nnet.clipping import ClippingStatistics
from pipeline.nnet.clipping.base import layer_of
from pipeline.nnet.clipping.history import NormHistory

HISTORY = 100  # norms that make what is usual
MIN_HISTORY = 20  # no spikes are told before


@dataclass(frozen=True)
class Spike:
    """Why a step stands out."""

    reason: str
    layer: str | None  # that grew most against its own past, or that is not finite
    median_norm: float | None  # of the steps before


class SpikeDetector:
    """Keeps the norms of the last steps, of the whole gradient and of each layer."""

    def __init__(self, factor: float) -> None:
        """`factor` times the median makes a spike."""
        self._factor = factor
        self._norms = NormHistory(HISTORY)
        self._layers: dict[str, NormHistory] = {}

    def look(self, statistics: ClippingStatistics) -> Spike | None:
        """Judge a step by the norms before clipping, then remember them."""
        if statistics.skipped:
            tensor = statistics.culprit  # None: only the update was not finite
            reason = f"{f'gradient of {tensor}' if tensor else 'the update'} is not finite"
            return Spike(reason, layer_of(tensor) if tensor else None, self._median())
        spike = None
        median = self._median()
        norm = statistics.norm_before
        if self._norms.size >= MIN_HISTORY and median and norm > self._factor * median:
            times = {
                layer: value / (self._layers[layer].percentile(50.0) or 1e-30)
                for layer, value in statistics.norm_by_layer.items()
                if layer in self._layers
            }
            layer = max(times, key=lambda name: times[name]) if times else None
            reason = (
                f"gradient norm {norm:.4g} is {norm / median:.3g} times the median {median:.4g}"
            )
            spike = Spike(reason, layer, median)
        self._norms.add(norm)
        for layer, value in statistics.norm_by_layer.items():
            self._layers.setdefault(layer, NormHistory(HISTORY)).add(value)
        return spike

    def _median(self) -> float | None:
        return self._norms.percentile(50.0) if self._norms.size else None

    def state_dict(self) -> dict[str, Any]:
        """The norms; JSON."""
        layers = {layer: history.state() for layer, history in self._layers.items()}
        return {"norms": self._norms.state(), "layers": layers}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self._norms.load(state["norms"])
        for layer, values in state["layers"].items():
            self._layers[layer] = NormHistory(HISTORY)
            self._layers[layer].load(values)

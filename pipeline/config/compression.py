"""Networks made from other networks: distilled, quantised, pruned, or carried to another corpus."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.config.base import Fraction, Name, Options, Positive


class DistillOptions(Options):
    """The network learns a larger one's posteriors beside the alignment's pdf-ids."""

    teacher: Name  # an earlier network of the same rung and features
    temperature: Positive = 2.0  # both networks' logits are divided by it
    weight: Fraction = 0.9  # of the teacher's posteriors; the rest is that of the alignment
    # true: the teacher hears each utterance once, without masks, and its logits are kept in memory
    # (2 bytes a frame and pdf-id); false: at each step, with the masks that the student has.
    stored: bool = True


class QuantizeOptions(Options):
    """A trained network in int8."""

    start: Name  # an earlier network of float32, whose shape, features and alignment this one has
    aware: bool = False  # train on with rounded weights before; false: round the weights, no more


class PruneOptions(Options):
    """A trained network without its smallest weights or its weakest units, trained on."""

    start: Name
    fraction: Annotated[float, Field(gt=0, lt=1)]  # of each weight matrix, or of each layer's units
    units: bool = False  # whole hidden units: a smaller network; false: single weights become zero
    ramp: Annotated[float, Field(gt=0, le=1)] = 0.5  # weights: share of the training to get there


class TransferOptions(Options):
    """The hidden layers of another recipe's network, under a new output layer."""

    model_dir: str  # where that network lies: model.safetensors, model.json


def kept_units(hidden_dim: int, fraction: float) -> int:
    """Units of a layer that are left when `fraction` of them are pruned."""
    return max(1, round(hidden_dim * (1.0 - fraction)))

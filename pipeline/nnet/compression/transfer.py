"""Transfer: the hidden layers of a network of another corpus, under a new output layer."""

from __future__ import annotations

import torch
from torch import Tensor

from pipeline.config import ModelOptions
from pipeline.io.errors import UserError
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel


@torch.no_grad()
def transfer(
    source: HybridModel, options: ModelOptions, feature_dim: int, log_priors: Tensor, scale: float
) -> HybridModel:
    """A network to be trained on, whose output layer has random weights.

    The normalisation of the input is the source's, which its layers are used to.

    Args:
        source: trained on another corpus, with the same features.
        options: the shape, which must be the source's; dropout may differ.
        feature_dim: values a frame of the new corpus.
        log_priors: (P,) of the new corpus's pdf-ids.
        scale: of the priors.
    Raises:
        UserError: the source is of another shape, or int8.
    """
    old = source.network
    if old.weights == "int8":
        raise UserError("transfer: the source is int8; name the float32 network it was made from")
    shape = old.options.model_copy(update={"dropout": options.dropout})
    if shape != options or old.feature_dim != feature_dim:
        names = [
            name
            for name in ModelOptions.model_fields
            if getattr(shape, name) != getattr(options, name)
        ]
        if old.feature_dim != feature_dim:
            names.append(f"features ({old.feature_dim} values a frame, here {feature_dim})")
        raise UserError(f"transfer: the source has another shape: {', '.join(names)}")
    new = AcousticModel(options, feature_dim, len(log_priors))
    new.front_end.mean.copy_(old.front_end.mean)
    new.front_end.scale.copy_(old.front_end.scale)
    new.layers.load_state_dict(old.layers.state_dict())
    return HybridModel(new, log_priors, scale)

"""What each way of compression gives to the training loop."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pipeline.config import NnetOptions
from pipeline.io.errors import UserError
from pipeline.nnet.compression.constraint import WeightConstraint
from pipeline.nnet.compression.distillation import Distillation
from pipeline.nnet.compression.fake_quantization import FakeQuantization
from pipeline.nnet.compression.pruning import GradualPruning
from pipeline.nnet.compression.transfer import transfer
from pipeline.nnet.compression.units import prune_units
from pipeline.nnet.model_files import HybridModel
from pipeline.nnet.trainer import UNCONSTRAINED


@dataclass(frozen=True)
class Ingredients:
    """Arguments of `train` that differ from those of a training on the alignment alone."""

    start: HybridModel | None = None
    criterion: Distillation | None = None
    constraint: WeightConstraint = UNCONSTRAINED


def ingredients(
    options: NnetOptions, source: HybridModel, feature_dim: int, log_priors: Tensor
) -> Ingredients:
    """What a network's section distill, quantize, prune or transfer stands for.

    Args:
        options: of the network to be made.
        source: the network that it is made with; it may be changed.
        feature_dim: values a frame.
        log_priors: (P,) of the training set's pdf-ids.
    Raises:
        UserError: no such section, or the source does not fit it.
    """
    network = source.network
    if options.transfer is not None:
        return Ingredients(
            transfer(source, options.model, feature_dim, log_priors, options.prior_scale)
        )
    if network.num_pdfs != len(log_priors) or network.feature_dim != feature_dim:
        raise UserError(
            f"{network.num_pdfs} pdf-ids, {network.feature_dim} values a frame; the training set "
            f"has {len(log_priors)} and {feature_dim}: take a network of the same rung and features"
        )
    if options.distill is not None:
        return Ingredients(criterion=Distillation(options.distill, network, options))
    if network.weights == "int8":
        raise UserError("is int8, which is not trained on; take the float32 network")
    source.prior_scale = options.prior_scale
    if options.prune is not None and options.prune.units:
        return Ingredients(prune_units(source, options.model))
    if network.options != options.model:
        raise UserError("has another shape than --options; leave `model` to what it starts with")
    network.weights = "float32"
    if options.prune is not None:
        return Ingredients(source, constraint=GradualPruning(options.prune))
    if options.quantize is not None:
        return Ingredients(source, constraint=FakeQuantization(network))
    raise UserError("--options: no section distill, quantize, prune or transfer; use train_nnet")

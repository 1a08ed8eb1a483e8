"""Structured pruning: a smaller network of the units of a trained one that do most.

A unit's weight is the norm of all that leaves it, times the norm of all that comes to it, as the
output of a unit with small weights on either side changes little (Li et al. 2017 rank filters by
the norm of their weights). Each layer and direction keeps its strongest ones, in their order.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.config import ModelOptions
from pipeline.io.errors import UserError
from pipeline.nnet.layers import RecurrentLayer
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel

PRUNABLE = ("drnn", "lstm", "blstm", "lc_blstm")


def _gates(weight: Tensor, hidden_dim: int) -> Tensor:
    """(gates * H, ...) -> (gates, H, ...)."""
    return weight.view(-1, hidden_dim, *weight.shape[1:])


def _cells(layer: RecurrentLayer) -> list[nn.RNNBase]:
    backward = [] if layer.backward_cell is None else [layer.backward_cell]
    return [layer.forward_cell, *backward]


def strongest(cell: nn.RNNBase, leaving: Tensor, count: int) -> Tensor:
    """(count,) sorted indices of the units of a cell that are kept.

    Args:
        cell: one layer and direction, H units.
        leaving: (out, H) weights of what reads the cell's outputs after it.
    """
    hidden_dim = cell.hidden_size
    coming = torch.cat(
        [_gates(cell.get_parameter(f"weight_{kind}_l0"), hidden_dim) for kind in ("ih", "hh")],
        dim=2,
    )
    recurrent = cell.get_parameter("weight_hh_l0")
    leaving = torch.cat([leaving, recurrent])
    strength = coming.square().sum(dim=(0, 2)).sqrt() * leaving.square().sum(dim=0).sqrt()
    return strength.topk(count).indices.sort().values


@torch.no_grad()
def prune_units(model: HybridModel, options: ModelOptions) -> HybridModel:
    """The network of the shape `options`, whose hidden_dim is smaller, from the units of `model`.

    Raises:
        UserError: a type whose layers are not only cells of hidden_dim units.
    """
    old = model.network
    if options.type not in PRUNABLE:
        raise UserError(
            f"prune: {options.type}: units are pruned of {', '.join(PRUNABLE)}; "
            "set prune.units to false to prune single weights"
        )
    new = AcousticModel(options, old.feature_dim, old.num_pdfs)
    new.front_end.mean.copy_(old.front_end.mean)
    new.front_end.scale.copy_(old.front_end.scale)
    hidden_dim, count = old.options.hidden_dim, options.hidden_dim
    inputs = torch.arange(old.input_dim)  # what of a layer's input is left
    layers = [layer for layer in old.layers if isinstance(layer, RecurrentLayer)]
    smaller = [layer for layer in new.layers if isinstance(layer, RecurrentLayer)]
    for index, (layer, target) in enumerate(zip(layers, smaller, strict=True)):
        readers = [old.output.weight]
        if index + 1 < len(layers):
            cells = _cells(layers[index + 1])
            readers = [cell.get_parameter("weight_ih_l0") for cell in cells]
        leaving = torch.cat(list(readers))
        outputs = []
        for direction, (cell, small) in enumerate(zip(_cells(layer), _cells(target), strict=True)):
            columns = leaving[:, direction * hidden_dim : (direction + 1) * hidden_dim]
            kept = strongest(cell, columns, count)
            outputs.append(kept + direction * hidden_dim)
            for name, columns_kept in (("weight_ih_l0", inputs), ("weight_hh_l0", kept)):
                rows = _gates(cell.get_parameter(name), hidden_dim)[:, kept]
                small.get_parameter(name).copy_(rows[:, :, columns_kept].flatten(0, 1))
            for name in ("bias_ih_l0", "bias_hh_l0"):
                rows = _gates(cell.get_parameter(name), hidden_dim)[:, kept]
                small.get_parameter(name).copy_(rows.flatten())
        inputs = torch.cat(outputs)
        if isinstance(layer.norm, nn.LayerNorm) and isinstance(target.norm, nn.LayerNorm):
            target.norm.weight.copy_(layer.norm.weight[inputs])
            target.norm.bias.copy_(layer.norm.bias[inputs])
    new.output.weight.copy_(old.output.weight[:, inputs])
    new.output.bias.copy_(old.output.bias)
    return HybridModel(new, model.log_priors, model.prior_scale)

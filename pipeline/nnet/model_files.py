"""A trained network on disk: model.safetensors (weights) and model.json (everything else)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from pipeline.config import ModelOptions
from pipeline.io.atomic import write_bytes, write_json
from pipeline.io.errors import UserError
from pipeline.io.versions import check_format
from pipeline.nnet.compression.sparse import pack_sparse, unpack_sparse
from pipeline.nnet.int8 import quantize
from pipeline.nnet.model import AcousticModel

FORMAT = 1


@dataclass
class HybridModel:
    """A network with what turns its posteriors into likelihoods.

    Attributes:
        network: the acoustic model, in evaluation mode after loading.
        log_priors: (P,) float32 log prior of each pdf_id.
        prior_scale: how much of it is subtracted.
    """

    network: AcousticModel
    log_priors: Tensor
    prior_scale: float


def save_model(directory: Path, model: HybridModel, training: dict[str, Any]) -> None:
    """Write both files, the weights last; `training` is kept for the reader, e.g. all options."""
    network = model.network
    write_json(
        directory / "model.json",
        {
            "format": FORMAT,
            "model": network.options.model_dump(mode="json"),
            "feature_dim": network.feature_dim,
            "input_dim": network.input_dim,
            "num_pdfs": network.num_pdfs,
            "num_parameters": network.num_parameters,
            "latency_frames": network.latency_frames,
            "weights": network.weights,
            "prior_scale": model.prior_scale,
            "training": training,
            "input_mean": network.front_end.mean.tolist(),
            "input_scale": network.front_end.scale.tolist(),
            "log_priors": model.log_priors.tolist(),
        },
    )
    weights = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    if network.weights == "sparse":
        weights = pack_sparse(weights)
    write_bytes(directory / "model.safetensors", save(weights))


def load_model(directory: Path) -> HybridModel:
    """Read a network written by `save_model`.

    Raises:
        UserError: a file is not there, damaged, of another version, or the two do not belong
            together.
    """
    path = directory / "model.json"
    if not path.is_file():
        raise UserError(
            f"{directory}: no network there (model.json); give exp/RECIPE/SPLIT/NETWORK"
        )
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        check_format(data, FORMAT, path, "retrain")
        options = ModelOptions.model_validate(data["model"])
        network = AcousticModel(options, data["feature_dim"], data["num_pdfs"])
        if data.get("weights") == "int8":
            quantize(network)
        elif data.get("weights") == "sparse":
            network.weights = "sparse"
        network.front_end.mean.copy_(torch.tensor(data["input_mean"]))
        network.front_end.scale.copy_(torch.tensor(data["input_scale"]))
        log_priors = torch.tensor(data["log_priors"])
        if log_priors.shape != (network.num_pdfs,):
            raise ValueError(f"{len(log_priors)} priors for {network.num_pdfs} pdfs")
        prior_scale = float(data["prior_scale"])
    except (ValueError, KeyError, TypeError, RuntimeError, ValidationError) as error:
        raise UserError(f"{path}: damaged ({error}); train the network again") from None
    weights = directory / "model.safetensors"
    try:
        tensors = load_file(weights)
        network.load_state_dict(unpack_sparse(tensors) if network.weights == "sparse" else tensors)
    except (SafetensorError, RuntimeError, KeyError) as error:
        raise UserError(
            f"{weights}: damaged or not of {path} ({error}); train the network again"
        ) from None
    network.eval()
    return HybridModel(network, log_priors, prior_scale)

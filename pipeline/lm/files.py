"""A trained language model on disk: model.safetensors (weights) and model.json (all else)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from pipeline.config import LmOptions
from pipeline.io.atomic import write_bytes, write_json
from pipeline.io.errors import UserError
from pipeline.io.versions import check_format
from pipeline.lm.model import LstmLm

FORMAT = 1


def save_lm(directory: Path, model: LstmLm, training: dict[str, Any]) -> None:
    """Write both files, the weights last; `training` is kept for the reader, e.g. perplexities."""
    data = {
        "format": FORMAT,
        "options": model.options.model_dump(mode="json"),
        "num_parameters": model.num_parameters,
        "training": training,
        "unknown_word": model.unknown_word,
        "words": list(model.words),
    }
    write_json(directory / "model.json", data)
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    write_bytes(directory / "model.safetensors", save(weights))


def load_lm(directory: Path) -> LstmLm:
    """Read a model, in evaluation mode.

    Raises:
        UserError: a file is missing, damaged, or of another version.
    """
    path = directory / "model.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        check_format(data, FORMAT, path, "retrain")
        options = LmOptions.model_validate(data["options"])
        model = LstmLm(options, data["words"], data["unknown_word"])
        model.load_state_dict(load_file(directory / "model.safetensors"))
    except FileNotFoundError:
        raise UserError(f"{directory}: no language model; train it first") from None
    except (
        *(ValueError, KeyError, TypeError, RuntimeError),
        *(ValidationError, SafetensorError),
    ) as error:
        raise UserError(f"{directory}: damaged ({error}); train the model again") from None
    return model.eval()

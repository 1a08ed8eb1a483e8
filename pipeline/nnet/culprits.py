"""Steps of a training kept for replay: the batch, the network before the step, who is to blame.

A folder culprits/step_<number> holds model.json and model.safetensors (the network that the step
began with), batch.safetensors (features as the network got them, lengths, targets, the state of
the random generator) and culprit.json (everything else). `replay` runs the step again from that
alone; bin/replay_step prints it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from pipeline.config import ClippingOptions, NetworkOptions, TrainOptions
from pipeline.io.atomic import write_bytes, write_json
from pipeline.io.errors import UserError
from pipeline.io.options import validate_options
from pipeline.io.versions import check_format
from pipeline.nnet.batches import IGNORED, Batch
from pipeline.nnet.clipping import ClippingStatistics
from pipeline.nnet.clipping.base import layer_of, tensor_norms, total_norm
from pipeline.nnet.measures import batch_logits, batch_loss, mean_loss
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel, load_model, save_model
from pipeline.nnet.spikes import SpikeDetector
from pipeline.nnet.step_log import finite

FORMAT = 1
NUM_SUSPECTS = 5  # utterances named in culprit.json


@dataclass
class SavedStep:
    """A step as it was saved; `about` is culprit.json."""

    model: HybridModel
    batch: Batch
    rng: Tensor
    label_smoothing: float
    loss_tau: float | None
    about: dict[str, Any]


@dataclass(frozen=True)
class UtteranceGradient:
    """An utterance's part in a step.

    Attributes:
        utterance_id: its name.
        frames: its frames that have a target.
        loss: mean over them, nats, in the whole batch as the training saw it.
        norm: of its part of the batch's gradient, the utterance run alone.
        norm_by_layer: the same for each layer.
    """

    utterance_id: str
    frames: int
    loss: float
    norm: float
    norm_by_layer: dict[str, float]


@dataclass(frozen=True)
class Replay:
    """What running a step again gives; utterances from the worst to the best."""

    loss: float
    norm: float
    norm_by_layer: dict[str, float]
    utterances: list[UtteranceGradient]


class CulpritFinder:
    """Watches a training: tells which steps stand out, and saves the first of them."""

    def __init__(self, folder: Path, model: HybridModel, options: NetworkOptions) -> None:
        """`folder` is made by the first step that is saved."""
        self._folder = folder
        self._model = model
        self._options = options
        self._spikes = SpikeDetector(options.training.spike_factor)
        self._saved = 0

    def look(
        self, statistics: ClippingStatistics, batch: Batch, rng: Tensor, about: dict[str, Any]
    ) -> dict[str, Any]:
        """Judge a step; to be called while the network still has the weights it began with.

        Args:
            statistics: what clipping saw.
            batch: as the network got it.
            rng: torch's random state before the forward pass.
            about: step, epoch, loss and utterance_ids.
        Returns:
            What the step's line of steps.jsonl says of it; empty for a usual step.
        """
        spike = self._spikes.look(statistics)
        if spike is None:
            return {}
        record = {
            "spike": spike.reason,
            "culprit": statistics.culprit or spike.layer,
            "utterance_ids": about["utterance_ids"],
        }
        if self._saved >= self._options.training.max_culprits:
            return record
        self._saved += 1
        about = {
            **about,
            "reason": spike.reason,
            "layer": spike.layer,
            "tensor": statistics.culprit,
            "norm": finite(statistics.norm_before),
            "median_norm": spike.median_norm,
            "norm_by_layer": {
                layer: finite(norm) for layer, norm in statistics.norm_by_layer.items()
            },
        }
        folder = self._folder / f"step_{about['step']:06d}"
        replay = save_step(folder, self._model, batch, rng, self._options, about)
        suspects = [utterance.utterance_id for utterance in replay.utterances[:NUM_SUSPECTS]]
        return {**record, "saved": f"{self._folder.name}/{folder.name}", "suspects": suspects}

    def state_dict(self) -> dict[str, Any]:
        """The norms of the last steps and how many steps were saved; JSON."""
        return {"spikes": self._spikes.state_dict(), "saved": self._saved}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self._spikes.load_state_dict(state["spikes"])
        self._saved = state["saved"]


def culprit_message(record: dict[str, Any]) -> str:
    """A line for the user, from a step's line with what `CulpritFinder.look` added."""
    names = record.get("suspects") or record["utterance_ids"]
    which = (
        f"suspects {', '.join(names[:3])}" if "suspects" in record else f"{len(names)} utterances"
    )
    replay = f"; replay: {record['saved']}" if "saved" in record else ""
    what = "skipped" if record["skipped"] else "stands out"
    return f"step {record['step']} {what}: {record['spike']}, {which}{replay}"


def save_step(
    folder: Path,
    model: HybridModel,
    batch: Batch,
    rng: Tensor,
    options: NetworkOptions,
    about: dict[str, Any],
) -> Replay:
    """Write a step to `folder`, replay it from there and add the suspects to its culprit.json.

    Args:
        folder: is made.
        model: with the weights that the step began with.
        batch: as the network got it.
        rng: torch's random state before the forward pass.
        options: of the training.
        about: JSON: step, epoch (from 1), reason, layer, loss, norms, utterance_ids in the order
            of the batch.
    Returns:
        The replay. The state of torch's generator is left as it was.
    """
    tensors = {
        "features": batch.features,
        "lengths": batch.lengths,
        "targets": batch.targets,
        "rng": rng,
    }
    tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    save_model(folder, model, {"step": about["step"]})
    write_bytes(folder / "batch.safetensors", save(tensors))
    whole = {"format": FORMAT, **about, "options": options.model_dump(mode="json")}
    write_json(folder / "culprit.json", whole)
    before = torch.get_rng_state()
    replay = replay_step(load_step(folder))
    torch.set_rng_state(before)
    suspects = [
        {
            "utterance_id": utterance.utterance_id,
            "loss": finite(utterance.loss),
            "norm": finite(utterance.norm),
        }
        for utterance in replay.utterances[:NUM_SUSPECTS]
    ]
    write_json(folder / "culprit.json", {**whole, "suspects": suspects})
    return replay


def load_step(folder: Path) -> SavedStep:
    """Read a folder of `save_step`.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = folder / "culprit.json"
    if not path.exists():
        raise UserError(f"{path}: not found; name a folder culprits/step_... of a network")
    model = load_model(folder)
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        check_format(about, FORMAT, path)
        training = validate_options(TrainOptions, about["options"]["training"], str(path))
        clipping = validate_options(ClippingOptions, about["options"]["clipping"], str(path))
        tensors = load_file(folder / "batch.safetensors")
        targets = tensors["targets"]
        batch = Batch(
            tensors["features"],
            tensors["lengths"],
            targets,
            int((targets != IGNORED).sum()),
        )
        rng = tensors["rng"]
    except (ValueError, KeyError, TypeError, SafetensorError, OSError) as error:
        raise UserError(f"{folder}: damaged ({error}); train the network again") from None
    return SavedStep(model, batch, rng, training.label_smoothing, clipping.loss_tau, about)


def replay_step(step: SavedStep) -> Replay:
    """Run a saved step again: first the whole batch, then each utterance alone.

    The whole batch gets the same random numbers as in the training, so its loss and norms are those
    of the log. An utterance alone draws other dropout masks: its gradient is then only like its
    part of the batch's. The state of torch's generator is left as it was.
    """
    network = step.model.network.train()
    epoch = step.about["epoch"] - 1
    before = torch.get_rng_state()
    try:
        torch.set_rng_state(step.rng)
        logits, targets = batch_logits(network, step.batch, epoch)
        smoothing, tau = step.label_smoothing, step.loss_tau
        loss = mean_loss(logits, targets, smoothing, tau)
        by_layer = _norms_by_layer(network, loss)
        counts = (targets != IGNORED).sum(dim=1).tolist()
        pairs = zip(logits.detach(), targets, strict=True)
        losses = [mean_loss(row, target, smoothing, tau).item() for row, target in pairs]
        utterances = []
        for n, name in enumerate(step.about["utterance_ids"]):
            alone = _row(step.batch, n)
            part = batch_loss(network, alone, smoothing, epoch, tau) * counts[n] / sum(counts)
            norms = _norms_by_layer(network, part)
            norm = total_norm(list(norms.values()))
            utterances.append(UtteranceGradient(name, counts[n], losses[n], norm, norms))
    finally:
        torch.set_rng_state(before)
    utterances.sort(key=_badness, reverse=True)
    return Replay(loss.item(), total_norm(list(by_layer.values())), by_layer, utterances)


def _badness(utterance: UtteranceGradient) -> tuple[bool, bool, float]:
    """Order of blame: a loss that is not finite, then such a gradient, then the norm."""
    bad_norm = not math.isfinite(utterance.norm)
    return not math.isfinite(utterance.loss), bad_norm, 0.0 if bad_norm else utterance.norm


def _row(batch: Batch, n: int) -> Batch:
    """Utterance n alone, without padding."""
    length = int(batch.lengths[n])
    targets = batch.targets[n : n + 1, :length]
    return Batch(
        batch.features[n : n + 1, :length],
        batch.lengths[n : n + 1],
        targets,
        int((targets != IGNORED).sum()),
    )


def _norms_by_layer(network: AcousticModel, loss: Tensor) -> dict[str, float]:
    names = [name for name, _ in network.named_parameters()]
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    by_layer: dict[str, list[float]] = {}
    for name, norm in zip(names, tensor_norms(list(gradients)), strict=True):
        by_layer.setdefault(layer_of(name), []).append(norm)
    return {layer: total_norm(norms) for layer, norms in by_layer.items()}

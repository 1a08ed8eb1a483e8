"""Training of a hybrid network, from the first step to the model on disk."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pipeline.config import NetworkOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.io.atomic import write_bytes
from pipeline.io.errors import UserError
from pipeline.io.json_lines import write_json_lines
from pipeline.nnet.averaging import EpochModels
from pipeline.nnet.batches import Batch, FrameStore
from pipeline.nnet.checkpoint import (
    digest,
    read_checkpoint,
    restore,
    save_checkpoint,
    weights_digest,
)
from pipeline.nnet.clipping import make_clipper
from pipeline.nnet.culprits import CulpritFinder, culprit_message
from pipeline.nnet.measures import batch_loss, evaluate, normalise_input
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel, save_model
from pipeline.nnet.optimization import Schedule, make_optimizer
from pipeline.nnet.progress import Quiet, Reporter
from pipeline.nnet.sampler import DurationBatches
from pipeline.nnet.spec_augment import spec_augment
from pipeline.nnet.step_log import StepLog, TensorBoard, finite, step_record
from pipeline.nnet.targets import TrainingSet, hold_out, log_priors


class Criterion(Protocol):
    """What a training lowers instead of cross-entropy; see nnet.sequence."""

    def loss(self, model: AcousticModel, batch: Batch, utterance_ids: list[str]) -> Tensor:
        """Mean loss (nats) of a batch's frames."""

    def evaluate(
        self, model: AcousticModel, store: FrameStore, utterance_ids: list[str]
    ) -> tuple[float, float]:
        """Mean loss of a set's frames, and share of frames whose best pdf_id is the target."""


@dataclass
class EpochSums:
    """Running sums of the present epoch."""

    loss: float = 0.0  # over frames
    frames: int = 0
    steps: int = 0
    clipped: int = 0
    skipped: int = 0
    seconds: float = 0.0


@dataclass
class State:
    """What the training loop itself remembers; JSON."""

    step: int = 0
    sums: EpochSums = field(default_factory=EpochSums)
    epochs: list[dict[str, Any]] = field(default_factory=list)  # lines of log.jsonl
    best_epoch: int = 0  # 1-based; 0: none yet

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> State:
        """Read back what `dataclasses.asdict` gave."""
        return cls(data["step"], EpochSums(**data["sums"]), data["epochs"], data["best_epoch"])


def train(
    training: TrainingSet,
    num_pdfs: int,
    options: NetworkOptions,
    seed: int,
    output_dir: Path,
    augment: Callable[[TrainingSet], TrainingSet] | None = None,
    reporter: Reporter | None = None,
    on_step: Callable[[dict[str, Any]], None] | None = None,
    start: HybridModel | None = None,
    criterion: Criterion | None = None,
) -> HybridModel:
    """Train a network and write model.safetensors, model.json, log.jsonl and steps.jsonl.

    Steps that stand out are saved below `output_dir`/culprits (see nnet.culprits), TensorBoard's
    files, if asked for, in `output_dir`/tensorboard.

    While it runs, checkpoints lie in `output_dir`/checkpoints; if one of the same training is found
    there, it goes on from it and ends with the same bytes as if it had never stopped (on a CPU,
    with the same number of threads).

    Args:
        training: features and targets, all of one width.
        num_pdfs: P, outputs of the network.
        options: shape, optimisation and clipping.
        seed: for weights, order, held-out choice and dropout.
        output_dir: gets the files.
        augment: adds perturbed copies to the utterances that are not held out.
        reporter: is told of the progress.
        on_step: gets each line of steps.jsonl after its step.
        start: a trained network that goes on, with its normalisation and priors; it is changed.
        criterion: what to lower; cross-entropy if not given.
    Raises:
        UserError: too few utterances, features that are not finite, or an epoch without one finite
            gradient.
    """
    reporter = reporter or Quiet()
    settings = options.training
    torch.set_num_threads(settings.num_threads)
    torch.manual_seed(seed)
    features = training.features
    _check_finite(features)
    held_out = hold_out(features.utterance_ids, settings.held_out_fraction, seed)
    train_set = training.select([i for i, held in enumerate(held_out) if not held])
    if augment is not None:
        train_set = augment(train_set)
    delay = options.model.target_delay
    train_ids = train_set.features.utterance_ids
    store = FrameStore(train_set.features, train_set.pdfs, delay)
    test_set = training.select([i for i, held in enumerate(held_out) if held])
    test_store = FrameStore(test_set.features, test_set.pdfs, delay)

    if start is None:
        model = AcousticModel(options.model, features.dim, num_pdfs)
        normalise_input(model, store)
        priors = torch.tensor(log_priors(training.pdfs, num_pdfs)).float()
    else:
        model, priors = start.network, start.log_priors
    fill = model.front_end.mean[: features.dim]
    hybrid = HybridModel(model, priors, options.prior_scale)
    optimizer = make_optimizer(model, settings)
    schedule = Schedule(settings)
    clipper = make_clipper(model, options.clipping, model.input_dim)
    watched = options
    if criterion is not None:  # a replay would compute cross-entropy: steps are only named
        none_saved = settings.model_copy(update={"max_culprits": 0})
        watched = options.model_copy(update={"training": none_saved})
    finder = CulpritFinder(output_dir / "culprits", hybrid, watched)
    sampler = DurationBatches(store.num_frames, settings.batch_frames, seed)
    state = State()

    folder = output_dir / "checkpoints"
    fingerprint = {
        "options": options.model_dump(mode="json"),
        "seed": seed,
        "alignment": digest(training.pdfs),
        "features": digest(features.utterance_ids, features.frames, features.offsets),
        "augmentation": None if augment is None else digest(train_set.features.frames),
        "dimensions": [features.dim, num_pdfs],
        "start": None if start is None else weights_digest(model),
    }
    checkpoint, reason = read_checkpoint(folder, fingerprint)
    if reason:
        reporter.message(f"checkpoint ignored: {reason}")
    if checkpoint is None:
        for name in ("checkpoints", "culprits", "tensorboard"):
            shutil.rmtree(output_dir / name, ignore_errors=True)
    else:
        restore(checkpoint, model, optimizer)
        schedule.load_state_dict(checkpoint.state["schedule"])
        clipper.load_state_dict(checkpoint.state["clipper"])
        finder.load_state_dict(checkpoint.state["culprits"])
        sampler.load_state_dict(checkpoint.state["sampler"])
        state = State.from_json(checkpoint.state["training"])
        reporter.message(f"resumed from {folder} after step {state.step}")
    epoch_models = EpochModels(folder, settings.average_last)
    steps = StepLog(folder / "steps.jsonl", state.step)
    board = TensorBoard(output_dir / "tensorboard", state.step) if settings.tensorboard else None

    def loss_of(batch: Batch, indices: list[int]) -> Tensor:
        if criterion is not None:
            return criterion.loss(model, batch, [train_ids[i] for i in indices])
        return batch_loss(
            model, batch, settings.label_smoothing, sampler.epoch, options.clipping.loss_tau
        )

    def held_out_results() -> tuple[float, float]:
        if criterion is not None:
            return criterion.evaluate(model, test_store, test_set.features.utterance_ids)
        return evaluate(model, test_store)

    def checkpoint_now() -> None:
        steps.flush()
        if board is not None:
            board.flush()
        parts = {
            "schedule": schedule.state_dict(),
            "clipper": clipper.state_dict(),
            "culprits": finder.state_dict(),
            "sampler": sampler.state_dict(),
            "training": asdict(state),
        }
        save_checkpoint(folder, model, optimizer, parts, fingerprint)

    reporter.message(
        f"{options.model.type}: {model.num_parameters:,} parameters, {sum(store.num_frames):,} "
        f"frames of {len(store.num_frames):,} utterances, {sum(test_store.num_frames):,} held out"
    )
    while sampler.epoch < settings.num_epochs and not _stops_early(state, options):
        started = time.monotonic() - state.sums.seconds
        plan = sampler.plan()
        clipper.start_epoch(sampler.epoch + 1)
        model.train()
        while sampler.position < len(plan):
            indices = plan[sampler.position]
            progress = (sampler.epoch + sampler.position / len(plan)) / settings.num_epochs
            rate = schedule.rate(state.step, progress)
            for group in optimizer.param_groups:
                group["lr"] = rate

            batch = store.pad(indices)
            batch = replace(
                batch,
                features=spec_augment(
                    batch.features, batch.lengths, fill, options.augment, seed, state.step
                ),
            )
            random_state = torch.get_rng_state()
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(batch, indices)
            clipper.before_backward(options.model.frame_subsampling / batch.num_frames)
            loss.backward()
            clipping = clipper()
            value = loss.item()
            about: dict[str, Any] = {
                "step": state.step + 1,
                "epoch": sampler.epoch + 1,
                "loss": finite(value),
                "utterance_ids": [train_ids[i] for i in indices],
            }
            found = finder.look(clipping, batch, random_state, about)
            if not clipping.skipped:
                optimizer.step()
                clipping = clipper.after_step(clipping, optimizer)
                if clipping.skipped:  # the weights are again what they were
                    found = finder.look(clipping, batch, random_state, about)

            state.step += 1
            sampler.position += 1
            record = step_record(
                state.step, sampler.epoch + 1, value, batch.num_frames, rate, clipping
            )
            record |= found
            if found:
                reporter.message(culprit_message(record))
            steps.append(record)
            _add(state.sums, record)
            state.sums.seconds = time.monotonic() - started
            if board is not None:
                board.step(record)
            reporter.advance(sampler.epoch + 1, progress, batch.num_frames, value)
            if on_step is not None:
                on_step(record)
            if state.step % settings.checkpoint_steps == 0 and sampler.position < len(plan):
                checkpoint_now()

        _end_epoch(state, sampler.epoch + 1, rate, *held_out_results())
        schedule.end_epoch(state.epochs[-1]["held_out_loss"])
        epoch_models.save(model, sampler.epoch + 1, state.best_epoch)
        sampler.next_epoch()
        checkpoint_now()
        reporter.epoch(state.epochs[-1])
        if board is not None:
            board.epoch(state.epochs[-1])

    if board is not None:
        board.close()
    last = len(state.epochs) if settings.early_stopping_epochs is None else state.best_epoch
    averaged = epoch_models.average(model, last)
    write_bytes(output_dir / "steps.jsonl", steps.close())
    write_json_lines(output_dir / "log.jsonl", state.epochs)
    made = {"options": options.model_dump(mode="json"), "seed": seed, "epochs": averaged}
    model.eval()
    save_model(output_dir, hybrid, made)
    shutil.rmtree(folder)
    return hybrid


def _check_finite(features: FeatureSet) -> None:
    """Refuse features with a NaN or infinity: they would reach every weight through the mean.

    Raises:
        UserError: names the first such utterances.
    """
    if np.isfinite(features.frames.sum(dtype=np.float64)):
        return
    bad = [
        name
        for i, name in enumerate(features.utterance_ids)
        if not np.isfinite(features.utterance(i)).all()
    ]
    if bad:
        raise UserError(
            f"training: features of {len(bad)} utterance(s) are not finite, e.g. "
            f"{', '.join(bad[:3])}; look at their audio, then extract the features again"
        )


def _add(sums: EpochSums, record: dict[str, Any]) -> None:
    sums.steps += 1
    sums.clipped += record["clipped"]
    sums.skipped += record["skipped"]
    if record["loss"] is not None:
        sums.loss += record["loss"] * record["frames"]
        sums.frames += record["frames"]


def _end_epoch(
    state: State, epoch: int, learning_rate: float, held_out_loss: float, accuracy: float
) -> None:
    """Turn the sums of an epoch into its line of log.jsonl."""
    sums = state.sums
    if sums.skipped == sums.steps or not math.isfinite(held_out_loss):
        raise UserError(
            f"training: epoch {epoch}: {sums.skipped} of {sums.steps} gradients and the held-out "
            f"loss {held_out_loss:.3g}: not finite; lower learning_rate or clip the gradients"
        )
    state.epochs.append(
        {
            "epoch": epoch,
            "steps": state.step,
            "loss": finite(sums.loss / sums.frames),
            "held_out_loss": held_out_loss,
            "frame_accuracy": accuracy,
            "learning_rate": learning_rate,
            "clipping_rate": sums.clipped / sums.steps,
            "skipped_steps": sums.skipped,
            "frames_per_second": sums.frames / max(sums.seconds, 1e-9),
            "seconds": sums.seconds,
        }
    )
    best = min(state.epochs, key=lambda record: record["held_out_loss"])
    state.best_epoch = best["epoch"]
    state.sums = EpochSums()


def _stops_early(state: State, options: NetworkOptions) -> bool:
    patience = options.training.early_stopping_epochs
    return patience is not None and len(state.epochs) - state.best_epoch >= patience

"""Training of a hybrid network, from the first step to the model on disk."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, replace
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
from pipeline.nnet.compression.constraint import WeightConstraint
from pipeline.nnet.culprits import CulpritFinder, culprit_message
from pipeline.nnet.distributed import LossModule, Processes
from pipeline.nnet.epochs import State, add_step, end_epoch, stops_early
from pipeline.nnet.measures import batch_loss, evaluate, frames_in_loss, normalise_input
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel, save_model
from pipeline.nnet.optimization import Schedule, make_optimizer
from pipeline.nnet.precision import Precision, choose_device
from pipeline.nnet.progress import Quiet, Reporter
from pipeline.nnet.sampler import DurationBatches
from pipeline.nnet.spec_augment import spec_augment
from pipeline.nnet.step_log import StepLog, TensorBoard, finite, step_record
from pipeline.nnet.targets import TrainingSet, hold_out, log_priors

ALONE = Processes()
UNCONSTRAINED = WeightConstraint()


class Criterion(Protocol):
    """What a training lowers instead of cross-entropy; see nnet.sequence, nnet.compression."""

    fingerprint: str  # of what the loss depends on beside options, alignment and start

    def prepare(self, features: FeatureSet, device: torch.device) -> None:
        """See the utterances to be trained on, perturbed copies included, before the first step."""

    def loss(self, model: AcousticModel, batch: Batch, utterance_ids: list[str]) -> Tensor:
        """Mean loss (nats) of a batch's frames."""

    def evaluate(
        self, model: AcousticModel, store: FrameStore, utterance_ids: list[str]
    ) -> tuple[float, float]:
        """Mean loss of a set's frames, and share of frames whose best pdf_id is the target."""


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
    constraint: WeightConstraint = UNCONSTRAINED,
    processes: Processes = ALONE,
) -> HybridModel:
    """Train a network and write model.safetensors, model.json, log.jsonl and steps.jsonl.

    Steps that stand out are saved below `output_dir`/culprits (see nnet.culprits), TensorBoard's
    files and the weights of every epoch, if asked for, in `output_dir`/tensorboard and /epochs.

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
        constraint: what is demanded of the weights; nothing if not given.
        processes: this one's place among `training.num_processes`, all of which call this function
            with the same arguments; the first one writes, and has the averaged model.
    Raises:
        UserError: too few utterances, features that are not finite, or an epoch without one finite
            gradient.
    """
    settings = options.training
    if processes.count != settings.num_processes:
        raise UserError("training.num_processes: this network is trained by one process; use 1")
    first = processes.is_first
    reporter = reporter if reporter is not None and first else Quiet()
    device = choose_device(settings.device, processes.rank)
    precision = Precision(settings, device)
    torch.set_num_threads(settings.num_threads)
    torch.manual_seed(seed)
    features = training.features
    _check_finite(features)
    held_out = hold_out(features.utterance_ids, settings.held_out_fraction, seed)
    train_set = training.select([i for i, held in enumerate(held_out) if not held])
    if augment is not None:
        train_set = augment(train_set)
    if settings.max_frames is not None:
        train_set = train_set.cut(settings.max_frames)
    if criterion is not None:
        criterion.prepare(train_set.features, device)
    delay = options.model.target_delay
    train_ids = train_set.features.utterance_ids
    store = FrameStore(train_set.features, train_set.pdfs, delay, device)
    test_set = training.select([i for i, held in enumerate(held_out) if held])
    test_store = FrameStore(test_set.features, test_set.pdfs, delay, device)

    if start is None:
        model = AcousticModel(options.model, features.dim, num_pdfs)
        normalise_input(model, FrameStore(train_set.features, train_set.pdfs, delay))
        priors = torch.tensor(log_priors(training.pdfs, num_pdfs)).float()
    else:
        model, priors = start.network, start.log_priors
    model.to(device)
    fill = model.front_end.mean[: features.dim]
    hybrid = HybridModel(model, priors, options.prior_scale)
    optimizer = make_optimizer(model, settings)
    schedule = Schedule(settings)
    clipper = make_clipper(model, options.clipping, model.input_dim)
    watched = options
    replayable = criterion is None and constraint is UNCONSTRAINED
    if not replayable or not first:  # a replay would compute plain cross-entropy: only named
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
        "criterion": None if criterion is None else criterion.fingerprint,
    }
    checkpoint, reason = read_checkpoint(folder, fingerprint)
    if reason:
        reporter.message(f"checkpoint ignored: {reason}")
    processes.wait_for_all()
    if checkpoint is None and first:
        for name in ("checkpoints", "culprits", "tensorboard", "epochs"):
            shutil.rmtree(output_dir / name, ignore_errors=True)
    if checkpoint is not None:
        restore(checkpoint, model, optimizer)
        precision.load_state_dict(checkpoint.state["precision"])
        schedule.load_state_dict(checkpoint.state["schedule"])
        clipper.load_state_dict(checkpoint.state["clipper"])
        finder.load_state_dict(checkpoint.state["culprits"])
        sampler.load_state_dict(checkpoint.state["sampler"])
        state = State.from_json(checkpoint.state["training"])
        reporter.message(f"resumed from {folder} after step {state.step}")
    epoch_models = EpochModels(folder, settings.average_last, settings.wer_epochs)
    steps = StepLog(folder / "steps.jsonl", state.step) if first else None
    has_board = settings.tensorboard and first
    board = TensorBoard(output_dir / "tensorboard", state.step) if has_board else None

    def loss_of(batch: Batch, utterance_ids: list[str], weight: float) -> Tensor:
        if weight == 0:  # of several processes this one has nothing to do, but takes part
            return model(batch.features, batch.lengths).sum() * 0.0
        if criterion is not None:
            return criterion.loss(model, batch, utterance_ids) * weight
        loss = batch_loss(
            model, batch, settings.label_smoothing, sampler.epoch, options.clipping.loss_tau
        )
        return loss * weight

    loss_together = processes.together(LossModule(model, loss_of))

    def held_out_results() -> tuple[float, float]:
        constraint.before_pass(model)
        results = (
            evaluate(model, test_store)
            if criterion is None
            else criterion.evaluate(model, test_store, test_set.features.utterance_ids)
        )
        constraint.after_pass(model)
        return results

    def checkpoint_now() -> None:
        if steps is None:
            return
        steps.flush()
        if board is not None:
            board.flush()
        parts = {
            "schedule": schedule.state_dict(),
            "clipper": clipper.state_dict(),
            "precision": precision.state_dict(),
            "culprits": finder.state_dict(),
            "sampler": sampler.state_dict(),
            "training": asdict(state),
        }
        save_checkpoint(folder, model, optimizer, parts, fingerprint)

    reporter.message(
        f"{options.model.type}: {model.num_parameters:,} parameters, {sum(store.num_frames):,} "
        f"frames of {len(store.num_frames):,} utterances, {sum(test_store.num_frames):,} held out"
    )
    while sampler.epoch < settings.num_epochs and not stops_early(
        state, settings.early_stopping_epochs
    ):
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
            names = [train_ids[i] for i in indices]
            mine, my_names = processes.share(batch, names)
            weight = 1.0  # torch takes the mean of the processes' gradients
            if processes.count > 1:
                weight = processes.count * (
                    frames_in_loss(model, mine, sampler.epoch)
                    / frames_in_loss(model, batch, sampler.epoch)
                )
                torch.manual_seed(hash((seed, state.step, processes.rank)))  # other dropout
            random_state = torch.get_rng_state()
            optimizer.zero_grad(set_to_none=True)
            constraint.before_pass(model)
            with precision.autocast():
                loss = loss_together(mine, my_names, weight)
            frame_scale = options.model.frame_subsampling / batch.num_frames
            clipper.before_backward(processes.count * frame_scale * precision.scale)
            precision.backward(loss, optimizer)
            constraint.after_pass(model)
            clipping = clipper()
            value = processes.sum(loss.item()) / processes.count
            about: dict[str, Any] = {
                "step": state.step + 1,
                "epoch": sampler.epoch + 1,
                "loss": finite(value),
                "utterance_ids": names,
            }
            found = finder.look(clipping, batch, random_state, about)
            if not clipping.skipped:
                precision.step(optimizer)
                clipping = clipper.after_step(clipping, optimizer)
                if clipping.skipped:  # the weights are again what they were
                    found = finder.look(clipping, batch, random_state, about)

            precision.end_step()
            state.step += 1
            sampler.position += 1
            done = (sampler.epoch + sampler.position / len(plan)) / settings.num_epochs
            constraint.after_step(model, done)
            record = step_record(
                state.step, sampler.epoch + 1, value, batch.num_frames, rate, clipping
            )
            record |= found
            if found:
                reporter.message(culprit_message(record))
            if steps is not None:
                steps.append(record)
            add_step(state.sums, record)
            state.sums.seconds = time.monotonic() - started
            if board is not None:
                board.step(record)
            reporter.advance(sampler.epoch + 1, progress, batch.num_frames, value)
            if on_step is not None and first:
                on_step(record)
            if state.step % settings.checkpoint_steps == 0 and sampler.position < len(plan):
                checkpoint_now()

        end_epoch(state, sampler.epoch + 1, rate, *processes.of_first(held_out_results))
        schedule.end_epoch(state.epochs[-1]["held_out_loss"])
        if first:
            epoch_models.save(model, sampler.epoch + 1, state.best_epoch)
        sampler.next_epoch()
        checkpoint_now()
        reporter.epoch(state.epochs[-1])
        if board is not None:
            board.epoch(state.epochs[-1])

    processes.wait_for_all()
    if steps is None:
        return hybrid
    if board is not None:
        board.close()
    last = len(state.epochs) if settings.early_stopping_epochs is None else state.best_epoch
    averaged = epoch_models.average(model, last)
    write_bytes(output_dir / "steps.jsonl", steps.close())
    write_json_lines(output_dir / "log.jsonl", state.epochs)
    made = {"options": options.model_dump(mode="json"), "seed": seed, "epochs": averaged}
    model.eval().to("cpu")
    constraint.finish(model)
    if settings.wer_epochs:
        epoch_models.copy_to(output_dir / "epochs", test_set.features.utterance_ids)
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

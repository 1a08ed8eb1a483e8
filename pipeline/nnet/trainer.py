"""The loop of a training: steps, epochs, checkpoints, and the model at the end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipeline.config import NetworkOptions
from pipeline.io.atomic import write_bytes
from pipeline.io.json_lines import write_json_lines
from pipeline.nnet.averaging import EpochModels
from pipeline.nnet.batches import Batch
from pipeline.nnet.checkpoint import read_checkpoint, restore, save_checkpoint
from pipeline.nnet.clipping import make_clipper
from pipeline.nnet.compression.constraint import WeightConstraint
from pipeline.nnet.criterion import Criterion
from pipeline.nnet.culprits import CulpritFinder, culprit_message
from pipeline.nnet.distributed import LossModule, Processes
from pipeline.nnet.epochs import State, add_step, end_epoch, stops_early
from pipeline.nnet.measures import batch_loss, evaluate, frames_in_loss
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel, save_model
from pipeline.nnet.optimization import Schedule, make_optimizer
from pipeline.nnet.precision import Precision
from pipeline.nnet.progress import Reporter
from pipeline.nnet.sampler import DurationBatches
from pipeline.nnet.spec_augment import spec_augment
from pipeline.nnet.step_log import StepLog, TensorBoard, finite, step_record
from pipeline.nnet.training_sets import Sets

UNCONSTRAINED = WeightConstraint()


class Trainer:
    """One training; whatever it remembers from step to step is in its checkpoints."""

    def __init__(
        self,
        hybrid: HybridModel,
        sets: Sets,
        options: NetworkOptions,
        seed: int,
        output_dir: Path,
        reporter: Reporter,
        device: torch.device,
        criterion: Criterion | None,
        constraint: WeightConstraint,
        processes: Processes,
    ) -> None:
        """`hybrid` is trained in place; see ``train`` for the rest."""
        settings = options.training
        model = hybrid.network
        self.hybrid, self.model, self.sets = hybrid, model, sets
        self.options, self.settings, self.seed = options, settings, seed
        self.output_dir, self.folder = output_dir, output_dir / "checkpoints"
        self.reporter, self.processes = reporter, processes
        self.criterion, self.constraint = criterion, constraint
        self.precision = Precision(settings, device)
        self.optimizer = make_optimizer(model, settings)
        self.schedule = Schedule(settings)
        self.clipper = make_clipper(model, options.clipping, model.input_dim)
        watched = options
        replayable = criterion is None and constraint is UNCONSTRAINED
        if not replayable or not processes.is_first:
            # A replay would compute plain cross-entropy: steps are only named.
            none_saved = settings.model_copy(update={"max_culprits": 0})
            watched = options.model_copy(update={"training": none_saved})
        self.finder = CulpritFinder(output_dir / "culprits", hybrid, watched)
        self.sampler = DurationBatches(sets.store.num_frames, settings.batch_frames, seed)
        self.state = State()
        self.rate = 0.0  # of the last step
        self.epoch_models = EpochModels(self.folder, settings.average_last, settings.wer_epochs)
        self.fill = model.front_end.mean[: sets.learned.features.dim]
        self.loss_together = processes.together(LossModule(model, self._loss))
        self.fingerprint: dict[str, Any] = {}
        self.steps: StepLog | None = None  # of several processes only the first writes
        self.board: TensorBoard | None = None

    def resume(self, fingerprint: dict[str, Any]) -> None:
        """Go on from a checkpoint of the same training, or clear what another one left.

        Args:
            fingerprint: of all that the result depends on.
        """
        self.fingerprint = fingerprint
        first = self.processes.is_first
        checkpoint, reason = read_checkpoint(self.folder, fingerprint)
        if reason:
            self.reporter.message(f"checkpoint ignored: {reason}")
        self.processes.wait_for_all()
        if checkpoint is None and first:
            for name in ("checkpoints", "culprits", "tensorboard", "epochs"):
                shutil.rmtree(self.output_dir / name, ignore_errors=True)
        if checkpoint is not None:
            restore(checkpoint, self.model, self.optimizer)
            for name, part in self._parts().items():
                part.load_state_dict(checkpoint.state[name])
            self.state = State.from_json(checkpoint.state["training"])
            self.reporter.message(f"resumed from {self.folder} after step {self.state.step}")
        if first:
            self.steps = StepLog(self.folder / "steps.jsonl", self.state.step)
            if self.settings.tensorboard:
                self.board = TensorBoard(self.output_dir / "tensorboard", self.state.step)

    def _parts(self) -> dict[str, Any]:
        """What has a state of its own beside the model and the optimizer."""
        return {
            "schedule": self.schedule,
            "clipper": self.clipper,
            "precision": self.precision,
            "culprits": self.finder,
            "sampler": self.sampler,
        }

    def checkpoint(self) -> None:
        """Save everything."""
        if self.steps is None:
            return
        self.steps.flush()
        if self.board is not None:
            self.board.flush()
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        parts["training"] = asdict(self.state)
        save_checkpoint(self.folder, self.model, self.optimizer, parts, self.fingerprint)

    def _loss(self, batch: Batch, utterance_ids: list[str], weight: float) -> Tensor:
        model: AcousticModel = self.model
        if weight == 0:  # of several processes this one has nothing to do, but takes part
            return model(batch.features, batch.lengths).sum() * 0.0
        epoch = self.sampler.epoch
        if self.criterion is not None:
            return self.criterion.loss(model, batch, utterance_ids, epoch) * weight
        smoothing, tau = self.settings.label_smoothing, self.options.clipping.loss_tau
        return batch_loss(model, batch, smoothing, epoch, tau) * weight

    @property
    def is_done(self) -> bool:
        """Whether the last epoch is over."""
        return self.sampler.epoch >= self.settings.num_epochs or stops_early(
            self.state, self.settings.early_stopping_epochs
        )

    def run_epoch(self, on_step: Callable[[dict[str, Any]], None] | None = None) -> None:
        """Go on to the end of the present epoch.

        Raises:
            DivergedError: nothing in it was finite.
        """
        started = time.monotonic() - self.state.sums.seconds
        plan = self.sampler.plan()
        epoch = self.sampler.epoch + 1
        self.clipper.start_epoch(epoch)
        self.model.train()
        while self.sampler.position < len(plan):
            progress = (epoch - 1 + self.sampler.position / len(plan)) / self.settings.num_epochs
            record = self._step(plan[self.sampler.position], progress, len(plan))
            add_step(self.state.sums, record)
            self.state.sums.seconds = time.monotonic() - started
            if self.steps is not None:
                self.steps.append(record)
            if self.board is not None:
                self.board.step(record)
            if on_step is not None and self.processes.is_first:
                on_step(record)
            due = self.state.step % self.settings.checkpoint_steps == 0
            if due and self.sampler.position < len(plan):
                self.checkpoint()
        results = self.processes.of_first(self._held_out_results)
        end_epoch(self.state, epoch, self.rate, *results)
        self.schedule.end_epoch(self.state.epochs[-1]["held_out_loss"])
        if self.processes.is_first:
            self.epoch_models.save(self.model, epoch, self.state.best_epoch)
        self.sampler.next_epoch()
        self.checkpoint()
        self.reporter.epoch(self.state.epochs[-1])
        if self.board is not None:
            self.board.epoch(self.state.epochs[-1])

    def _held_out_results(self) -> tuple[float, float]:
        self.constraint.before_pass(self.model)
        store, ids = self.sets.held_out_store, self.sets.held_out.features.utterance_ids
        results = (
            evaluate(self.model, store)
            if self.criterion is None
            else self.criterion.evaluate(self.model, store, ids)
        )
        self.constraint.after_pass(self.model)
        return results

    def _step(self, indices: list[int], progress: float, num_batches: int) -> dict[str, Any]:
        """One step; its line of steps.jsonl.

        Args:
            indices: the utterances of its batch.
            progress: share of the whole training that was done before it.
            num_batches: of the epoch.
        """
        state, epoch = self.state, self.sampler.epoch + 1
        self.rate = self.schedule.rate(state.step, progress)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        batch = self.sets.store.pad(indices)
        augment = self.options.augment
        masked = spec_augment(
            batch.features, batch.lengths, self.fill, augment, self.seed, state.step
        )
        batch = replace(batch, features=masked)
        names = [self.sets.learned.features.utterance_ids[i] for i in indices]

        loss, random_state = self._loss_of_all(batch, names)
        frame_scale = self.options.model.frame_subsampling / batch.num_frames
        count = self.processes.count
        self.clipper.before_backward(count * frame_scale * self.precision.scale)
        self.precision.backward(loss, self.optimizer)
        self.constraint.after_pass(self.model)
        clipping = self.clipper()
        value = self.processes.sum(loss.item()) / count
        about: dict[str, Any] = {
            "step": state.step + 1,
            "epoch": epoch,
            "loss": finite(value),
            "utterance_ids": names,
        }
        found = self.finder.look(clipping, batch, random_state, about)
        if not clipping.skipped:
            self.precision.step(self.optimizer)
            clipping = self.clipper.after_step(clipping, self.optimizer)
            if clipping.skipped:  # the weights are again what they were
                found = self.finder.look(clipping, batch, random_state, about)

        self.precision.end_step()
        state.step += 1
        self.sampler.position += 1
        done = (epoch - 1 + self.sampler.position / num_batches) / self.settings.num_epochs
        self.constraint.after_step(self.model, done)
        record = step_record(state.step, epoch, value, batch.num_frames, self.rate, clipping)
        record |= found
        if found:
            self.reporter.message(culprit_message(record))
        self.reporter.advance(epoch, progress, batch.num_frames, value)
        return record

    def _loss_of_all(self, batch: Batch, names: list[str]) -> tuple[Tensor, Tensor]:
        """The loss of this process's share of a batch, and torch's random state before it."""
        processes, epoch = self.processes, self.sampler.epoch
        mine, my_names = processes.share(batch, names)
        weight = 1.0  # torch takes the mean of the processes' gradients
        if processes.count > 1:
            share = frames_in_loss(self.model, mine, epoch)
            weight = processes.count * (share / frames_in_loss(self.model, batch, epoch))
            # Other dropout in each.
            torch.manual_seed(hash((self.seed, self.state.step, processes.rank)))
        random_state = torch.get_rng_state()
        self.optimizer.zero_grad(set_to_none=True)
        self.constraint.before_pass(self.model)
        with self.precision.autocast():
            return self.loss_together(mine, my_names, weight), random_state

    def finish(self) -> None:
        """Average the last epochs' models and write everything; the checkpoints go."""
        self.processes.wait_for_all()
        if self.steps is None:
            return
        if self.board is not None:
            self.board.close()
        state, settings = self.state, self.settings
        last = len(state.epochs) if settings.early_stopping_epochs is None else state.best_epoch
        averaged = self.epoch_models.average(self.model, last)
        write_bytes(self.output_dir / "steps.jsonl", self.steps.close())
        write_json_lines(self.output_dir / "log.jsonl", state.epochs)
        options = self.options.model_dump(mode="json")
        made = {"options": options, "seed": self.seed, "epochs": averaged}
        self.model.eval().to("cpu")
        self.constraint.finish(self.model)
        if settings.wer_epochs:
            held_out = self.sets.held_out.features.utterance_ids
            self.epoch_models.copy_to(self.output_dir / "epochs", held_out)
        save_model(self.output_dir, self.hybrid, made)
        shutil.rmtree(self.folder)

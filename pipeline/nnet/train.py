"""Training of a hybrid network, from the first step to the model on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from pipeline.config import NetworkOptions
from pipeline.io.errors import UserError
from pipeline.nnet.checkpoint import digest, weights_digest
from pipeline.nnet.compression.constraint import WeightConstraint
from pipeline.nnet.criterion import Criterion
from pipeline.nnet.distributed import Processes
from pipeline.nnet.measures import normalise_input
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel
from pipeline.nnet.precision import choose_device
from pipeline.nnet.progress import Quiet, Reporter
from pipeline.nnet.targets import TrainingSet, log_priors
from pipeline.nnet.trainer import UNCONSTRAINED, Trainer
from pipeline.nnet.training_sets import Augment, Sets

ALONE = Processes()


def train(
    training: TrainingSet,
    num_pdfs: int,
    options: NetworkOptions,
    seed: int,
    output_dir: Path,
    augment: Augment | None = None,
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
    if reporter is None or not processes.is_first:
        reporter = Quiet()
    device = choose_device(settings.device, processes.rank)
    torch.set_num_threads(settings.num_threads)
    torch.manual_seed(seed)
    features = training.features
    sets = Sets.of(training, options, seed, device, augment)
    if criterion is not None:
        criterion.prepare(sets.learned.features, device)
    if start is None:
        model = AcousticModel(options.model, features.dim, num_pdfs)
        normalise_input(model, sets.frames_to_normalise(options.model.target_delay))
        priors = torch.tensor(log_priors(training.pdfs, num_pdfs)).float()
    else:
        model, priors = start.network, start.log_priors
    model.to(device)
    hybrid = HybridModel(model, priors, options.prior_scale)
    trainer = Trainer(
        *(hybrid, sets, options, seed, output_dir, reporter, device),
        *(criterion, constraint, processes),
    )
    trainer.resume(
        {
            "options": options.model_dump(mode="json"),
            "seed": seed,
            "alignment": digest(training.pdfs),
            "features": digest(features.utterance_ids, features.frames, features.offsets),
            "augmentation": None if augment is None else digest(sets.learned.features.frames),
            "dimensions": [features.dim, num_pdfs],
            "start": None if start is None else weights_digest(model),
            "criterion": None if criterion is None else criterion.fingerprint,
        }
    )
    reporter.message(
        f"{options.model.type}: {model.num_parameters:,} parameters, "
        f"{sum(sets.store.num_frames):,} frames of {len(sets.store.num_frames):,} utterances, "
        f"{sum(sets.held_out_store.num_frames):,} held out"
    )
    if trainer.precision.falls_back:
        reporter.message("bf16 would be slower than fp32 on this processor: trained in fp32")
    while not trainer.is_done:
        trainer.run_epoch(on_step)
    trainer.finish()
    return hybrid

"""One training of a study: train, decode with every grammar, and say all that was seen."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.decode.one_best import OneBest
from pipeline.decode.options import Setting
from pipeline.io.json_lines import read_json_lines
from pipeline.nnet.compression.distillation import Distillation
from pipeline.nnet.epochs import DivergedError
from pipeline.nnet.forward import forward
from pipeline.nnet.int8 import quantize
from pipeline.nnet.model_files import HybridModel
from pipeline.nnet.targets import TrainingSet, log_priors
from pipeline.nnet.train import train
from pipeline.score.wer import Errors, align_words, count_errors, total
from pipeline.study.design import Cell
from pipeline.study.inputs import Inputs
from pipeline.study.results import QUANTILES

SETTING = Setting(lm_weight=12.0, insertion_penalty=0.0)  # fixed before any result


def add_label_noise(training: TrainingSet, share: float, num_pdfs: int, seed: int) -> TrainingSet:
    """A share of the segments (runs of one pdf-id within an utterance) gets another pdf-id."""
    if share == 0:
        return training
    rng = np.random.default_rng([seed, 7])
    pdfs = training.pdfs
    starts = np.zeros(len(pdfs), bool)
    starts[1:] = pdfs[1:] != pdfs[:-1]
    starts[training.features.offsets[:-1]] = True
    segment = np.cumsum(starts) - 1  # (sum T,)
    count = int(segment[-1]) + 1
    wrong = rng.random(count) < share
    shift = rng.integers(1, num_pdfs, count)  # never the same pdf-id again
    noisy = np.where(wrong[segment], (pdfs + shift[segment]) % num_pdfs, pdfs)
    return TrainingSet(training.features, noisy.astype(np.int64), training.rejects)


def decode(inputs: Inputs, model: HybridModel) -> dict[str, dict[str, Any]]:
    """Grammar -> errors, words and WER (%) of the test set, at the fixed setting."""
    searches = {
        grammar: OneBest(graph, SETTING, inputs.beam, inputs.max_active)
        for grammar, graph in inputs.graphs.items()
    }
    references = dict(zip(inputs.test.utterance_ids, inputs.test.texts, strict=True))
    counts: dict[str, list[Errors]] = {grammar: [] for grammar in searches}
    for utterance_id, log_likes in forward(model, inputs.test):
        if not np.isfinite(log_likes).all():
            log_likes = np.zeros_like(log_likes)  # a network that is lost knows nothing
        reference = references[utterance_id].split()
        for grammar, search in searches.items():
            words = search.words_of(log_likes)
            counts[grammar].append(count_errors(align_words(reference, words)))
    found = {}
    for grammar, many in counts.items():
        errors = total(many)
        found[grammar] = {"errors": errors.errors, "words": errors.words, "wer": errors.wer}
    return found


def _finite(values: list[float | None]) -> NDArray[np.float64]:
    array = np.array([np.nan if value is None else value for value in values], float)
    return array[np.isfinite(array)]


def _epochs(steps: list[dict[str, Any]], epochs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """An epoch's losses, quantiles of its gradient norms, and shares of clipped, skipped steps."""
    for number, epoch in enumerate(epochs, 1):
        own = [step for step in steps if step["epoch"] == number]
        norms = _finite([step["norm_before"] for step in own])
        yield {
            "loss": epoch["loss"],
            "held_out_loss": epoch["held_out_loss"],
            "frame_accuracy": epoch["frame_accuracy"],
            "clipped": float(np.mean([bool(step["clipped"]) for step in own])),
            "skipped": float(np.mean([bool(step["skipped"]) for step in own])),
            "norms": np.quantile(norms, QUANTILES).round(5).tolist() if len(norms) else None,
        }


def _lesson(
    cell: Cell,
    inputs: Inputs,
    augment: Callable[[TrainingSet], TrainingSet] | None,
    folder: Path,
) -> Distillation | None:
    """What a teacher gives to the training, which is trained for it; nothing without one."""
    options = cell.teacher_options
    if options is None or cell.options.distill is None:
        return None
    task = (inputs.training, inputs.num_pdfs, options, cell.seed, folder)
    teacher = train(*task, augment=augment)
    return Distillation(cell.options.distill, teacher.network, cell.options)


def run_cell(cell: Cell, inputs: Inputs) -> dict[str, Any]:
    """Train, decode, report.

    Returns:
        The cell, WER by grammar (also with 8-bit weights if asked for), every epoch, and whether it
        diverged (see `has_diverged`); one that came so far that no step was possible has no WER.
    """
    options = cell.options
    began, cpu = time.monotonic(), time.process_time()
    log_prior = log_priors(inputs.training.pdfs, inputs.num_pdfs)
    guess_accuracy = float(np.exp(log_prior.max()))
    result: dict[str, Any] = {
        "run_id": cell.run_id,
        "cell": cell.model_dump(mode="json"),
        "guess_accuracy": guess_accuracy,
    }

    def noisy(training: TrainingSet) -> TrainingSet:
        return add_label_noise(training, cell.label_noise, inputs.num_pdfs, cell.seed)

    augment = noisy if cell.label_noise else None
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "network"
        try:
            model = train(
                *(inputs.training, inputs.num_pdfs, options, cell.seed, folder),
                augment=augment,
                criterion=_lesson(cell, inputs, augment, Path(scratch) / "teacher"),
            )
        except DivergedError as error:
            return {**result, "diverged": True, "stopped": str(error), "wer": None, "epochs": []}
        steps = list(read_json_lines(folder / "steps.jsonl"))
        result["epochs"] = list(_epochs(steps, list(read_json_lines(folder / "log.jsonl"))))
    trained = time.process_time()
    result["num_steps"] = len(steps)
    result["num_parameters"] = model.network.num_parameters
    result["train_cpu_seconds"] = round(trained - cpu, 2)
    result["diverged"] = has_diverged(result["epochs"][-1], guess_accuracy)
    result["wer"] = decode(inputs, model)
    if cell.int8:
        quantize(model.network)
        result["wer_int8"] = decode(inputs, model)
    result["seconds"] = round(time.monotonic() - began, 2)
    return result


def has_diverged(epoch: dict[str, Any], guess_accuracy: float) -> bool:
    """No finite loss, or fewer held-out frames right than by naming the most frequent pdf-id.

    Cross-entropy would not do: a loss that is bounded for rare targets leaves them improbable.
    """
    loss = epoch["held_out_loss"]
    return loss is None or not math.isfinite(loss) or epoch["frame_accuracy"] < guess_accuracy

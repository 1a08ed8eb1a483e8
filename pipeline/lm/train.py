"""Training of an LSTM language model, from the first step to the model on disk."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from pipeline.config import LmOptions, TrainOptions
from pipeline.hmm.lang import Lang
from pipeline.io.atomic import write_bytes
from pipeline.io.errors import UserError
from pipeline.io.json_lines import write_json_lines
from pipeline.io.quantities import duration
from pipeline.lm.files import save_lm
from pipeline.lm.model import LstmLm, make_lm, pad
from pipeline.lm.noise import NoiseSoftmax, counts_of
from pipeline.lm.perplexity import perplexity
from pipeline.nnet.checkpoint import digest, read_checkpoint, restore, save_checkpoint
from pipeline.nnet.clipping import make_clipper
from pipeline.nnet.epochs import EpochSums, State, add_step
from pipeline.nnet.layers import Lengths
from pipeline.nnet.optimization import Schedule, make_optimizer
from pipeline.nnet.progress import Quiet, Reporter
from pipeline.nnet.sampler import DurationBatches
from pipeline.nnet.step_log import StepLog, finite, step_record
from pipeline.nnet.targets import hold_out

Sentences = Sequence[list[str]]


def split_text(sentences: Sentences, options: LmOptions, seed: int) -> tuple[Sentences, Sentences]:
    """Sentences that are learned, and those held out.

    Raises:
        UserError: fewer than two sentences.
    """
    try:
        held = hold_out((str(i) for i in range(len(sentences))), options.held_out_fraction, seed)
    except UserError:
        raise UserError(
            f"lm: {len(sentences)} sentence(s) in the text; at least 2, one is held out"
        ) from None
    pairs = list(zip(sentences, held, strict=True))
    return [s for s, out in pairs if not out], [s for s, out in pairs if out]


def train_lm(
    sentences: Sentences,
    lang: Lang,
    options: LmOptions,
    seed: int,
    output_dir: Path,
    reporter: Reporter | None = None,
    test: Sentences | None = None,
) -> LstmLm:
    """Train a model and write model.safetensors, model.json, log.jsonl and steps.jsonl.

    While it runs, checkpoints lie in `output_dir`/checkpoints; if one of the same training is found
    there, it goes on from it and ends with the same bytes as if it had never stopped (with the same
    number of threads).

    Args:
        sentences: the text, words of each sentence; some of them are held out.
        seed: for weights, order, noise words, dropout and what is held out.
        test: text whose perplexity is written in model.json too.
    Raises:
        UserError: too little text, or an epoch without a finite gradient.
    """
    reporter = reporter if reporter is not None else Quiet()
    torch.set_num_threads(options.num_threads)
    torch.manual_seed(seed)
    learned, held_out = split_text(sentences, options, seed)
    model = make_lm(options, lang)
    ids = [model.ids(sentence)[: options.sequence_length] for sentence in learned]
    counts = counts_of(ids, len(model.words))
    with torch.no_grad():
        model.output.bias.copy_((counts / counts.sum()).log())
    criterion = NoiseSoftmax(counts, options.num_noise_words)
    settings = TrainOptions(
        learning_rate=options.learning_rate,
        final_learning_rate=options.final_learning_rate,
        warmup_steps=options.warmup_steps,
    )
    optimizer, schedule = make_optimizer(model, settings), Schedule(settings)
    clipper = make_clipper(model, options.clipping, options.embedding_dim)
    sampler = DurationBatches([len(words) for words in ids], options.batch_size, seed)
    state = State()

    folder = output_dir / "checkpoints"
    fingerprint = {
        "options": options.model_dump(mode="json"),
        "seed": seed,
        "text": digest([" ".join(sentence) for sentence in sentences]),
        "words": digest(list(model.words)),
    }
    checkpoint, reason = read_checkpoint(folder, fingerprint)
    if reason:
        reporter.message(f"checkpoint ignored: {reason}")
    if checkpoint is None:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        restore(checkpoint, model, optimizer)
        clipper.load_state_dict(checkpoint.state["clipper"])
        sampler.load_state_dict(checkpoint.state["sampler"])
        state = State.from_json(checkpoint.state["training"])
        reporter.message(f"resumed from {folder} after step {state.step}")
    steps = StepLog(folder / "steps.jsonl", state.step)

    def checkpoint_now() -> None:
        steps.flush()
        parts = {
            "clipper": clipper.state_dict(),
            "sampler": sampler.state_dict(),
            "training": asdict(state),
        }
        save_checkpoint(folder, model, optimizer, parts, fingerprint)

    reporter.message(
        f"lstm: {model.num_parameters:,} parameters, {len(model.words):,} words; "
        f"{sum(map(len, ids)):,} words of {len(learned):,} sentences, {len(held_out):,} held out"
    )
    while sampler.epoch < options.num_epochs:
        started = time.monotonic() - state.sums.seconds
        plan = sampler.plan()
        clipper.start_epoch(sampler.epoch + 1)
        model.train()
        while sampler.position < len(plan):
            progress = (sampler.epoch + sampler.position / len(plan)) / options.num_epochs
            rate = schedule.rate(state.step, progress)
            for group in optimizer.param_groups:
                group["lr"] = rate
            batch = [ids[i] for i in plan[sampler.position]]
            targets = pad(batch)
            real = Lengths(torch.tensor([len(words) for words in batch]), targets.shape[1]).real
            num_words = int(real.sum())
            optimizer.zero_grad(set_to_none=True)
            loss = criterion(model, model.hidden(targets)[real], targets[real])
            clipper.before_backward(1.0 / num_words)
            loss.backward()
            clipping = clipper()
            if not clipping.skipped:
                optimizer.step()
                clipping = clipper.after_step(clipping, optimizer)
            state.step += 1
            sampler.position += 1
            value = loss.item()
            record = step_record(state.step, sampler.epoch + 1, value, num_words, rate, clipping)
            steps.append(record)
            add_step(state.sums, record)
            state.sums.seconds = time.monotonic() - started
            reporter.advance(sampler.epoch + 1, progress, num_words, value)
            if state.step % options.checkpoint_steps == 0 and sampler.position < len(plan):
                checkpoint_now()
        state.epochs.append(
            _epoch_record(state, sampler.epoch + 1, rate, perplexity(model, held_out).perplexity)
        )
        state.sums = EpochSums()
        sampler.next_epoch()
        checkpoint_now()
        reporter.message(_epoch_line(state.epochs, options.num_epochs))

    training: dict[str, Any] = {"seed": seed}
    texts = {"held_out": ("held out", held_out), "test": (options.test_file, test)}
    for key, (name, text) in texts.items():
        if text is not None:
            found = perplexity(model, text)
            training[key] = asdict(found)
            reporter.message(f"{name}: {found}")
    write_bytes(output_dir / "steps.jsonl", steps.close())
    write_json_lines(output_dir / "log.jsonl", state.epochs)
    save_lm(output_dir, model, training)
    shutil.rmtree(folder)
    return model.eval()


def _epoch_record(state: State, epoch: int, rate: float, held_out: float) -> dict[str, Any]:
    """A line of log.jsonl."""
    sums = state.sums
    if sums.skipped == sums.steps or not math.isfinite(held_out):
        raise UserError(
            f"lm: epoch {epoch}: {sums.skipped} of {sums.steps} gradients and the held-out "
            f"perplexity {held_out:.3g}: not finite; lower learning_rate or clip the gradients"
        )
    return {
        "epoch": epoch,
        "steps": state.step,
        "loss": finite(sums.loss / sums.frames),
        "held_out_perplexity": held_out,
        "learning_rate": rate,
        "clipping_rate": sums.clipped / sums.steps,
        "skipped_steps": sums.skipped,
        "words_per_second": sums.frames / max(sums.seconds, 1e-9),
        "seconds": sums.seconds,
    }


def _epoch_line(epochs: list[dict[str, Any]], num_epochs: int) -> str:
    last = epochs[-1]
    left = sum(epoch["seconds"] for epoch in epochs) / len(epochs) * (num_epochs - len(epochs))
    return (
        f"epoch {last['epoch']}: loss {last['loss']:.4f}, held-out perplexity "
        f"{last['held_out_perplexity']:.2f}, rate {last['learning_rate']:.2g}, clipped "
        f"{last['clipping_rate']:.0%}, {last['words_per_second']:,.0f} words/s, "
        f"{duration(last['seconds'])}, {duration(left)} left"
    )

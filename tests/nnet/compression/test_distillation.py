"""Distillation: loss and gradient in closed form, the teacher's frames, training, resumption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.config import NnetOptions
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.nnet.batches import FrameStore
from pipeline.nnet.compression.distillation import Distillation, soft_loss
from pipeline.nnet.forward import forward
from pipeline.nnet.measures import batch_loss
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel
from pipeline.nnet.train import train
from tests.nnet.toy_data import DIM, NUM_PDFS, options, toy_task

TASK, _ = toy_task(spread=0.5)


def student(weight: float = 0.5, temperature: float = 2.0, **sections: Any) -> NnetOptions:
    distill = {"teacher": "big", "weight": weight, "temperature": temperature}
    distill |= sections.pop("distill", {})
    return NnetOptions.model_validate({**options(**sections).model_dump(), "distill": distill})


def network(**model: Any) -> AcousticModel:
    torch.manual_seed(3)
    return AcousticModel(options(model=model).model, DIM, NUM_PDFS)


def criterion(settings: NnetOptions, teacher: AcousticModel) -> Distillation:
    assert settings.distill is not None
    return Distillation(settings.distill, teacher, settings)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_loss_and_gradient_in_closed_form(temperature: float) -> None:
    generator = torch.Generator().manual_seed(1)
    student_logits, teacher_logits = (
        torch.randn(7, NUM_PDFS, generator=generator, dtype=torch.float64) for _ in range(2)
    )
    student_logits.requires_grad_()
    loss = soft_loss(student_logits, teacher_logits, temperature)
    p, q = ((x / temperature).softmax(dim=1) for x in (teacher_logits, student_logits.detach()))
    expected = temperature**2 * (p * (p / q).log()).sum() / 7
    torch.testing.assert_close(loss.detach(), expected)
    loss.backward()
    torch.testing.assert_close(student_logits.grad, temperature * (q - p) / 7)

    torch.autograd.gradcheck(  # against finite differences
        lambda logits: soft_loss(logits, teacher_logits, temperature), student_logits
    )
    assert soft_loss(teacher_logits, teacher_logits, temperature).item() == pytest.approx(0.0)


def test_weight_zero_is_cross_entropy() -> None:
    settings = student(weight=0.0, training={"label_smoothing": 0.1}, clipping={"loss_tau": 2.0})
    model, batch = network(), FrameStore(TASK.features, TASK.pdfs).pad([0, 1, 2])
    loss = criterion(settings, network(type="blstm")).loss(model, batch, ["u000", "u001", "u002"])
    torch.testing.assert_close(loss, batch_loss(model, batch, 0.1, loss_tau=2.0))


def test_temperature_one_and_weight_one_is_cross_entropy_with_posteriors_as_targets() -> None:
    settings = student(weight=1.0, temperature=1.0, distill={"stored": False})
    model, teacher = network(), network(type="blstm", hidden_dim=7)
    batch = FrameStore(TASK.features, TASK.pdfs).pad([5, 6])
    loss = criterion(settings, teacher).loss(model, batch, ["u005", "u006"])
    expected = torch.zeros(())
    for row, i in enumerate((5, 6)):
        length = int(TASK.features.lengths[i])
        with torch.no_grad():
            soft = teacher(batch.features, batch.lengths)[row, :length].softmax(dim=1)
        log_q = model(batch.features, batch.lengths)[row, :length].log_softmax(dim=1)
        expected = expected + (soft * (soft.log() - log_q)).sum()
    torch.testing.assert_close(loss, expected / batch.num_frames)


def posteriors(model: AcousticModel) -> Tensor:
    hybrid = HybridModel(model, torch.zeros(NUM_PDFS), 0.0)
    return torch.tensor(np.concatenate([rows for _, rows in forward(hybrid, TASK.features)]))


def at_offset(model: AcousticModel, i: int, offset: int) -> dict[int, Tensor]:
    """Frame -> log-posteriors of utterance i alone, evaluated at a frame of each block."""
    delay, factor = model.options.target_delay, model.options.frame_subsampling
    batch = FrameStore(TASK.features, TASK.pdfs, delay).pad([i])
    rows = model(batch.features, batch.lengths, offset)[0].log_softmax(dim=1).detach()
    times = [min(factor * b + offset, int(batch.lengths[0]) - 1) for b in range(len(rows))]
    return {t - delay: row for t, row in zip(times, rows, strict=True) if t >= delay}


@pytest.mark.parametrize("epoch", [0, 1, 2])
@pytest.mark.parametrize("own", [0, 4])
@pytest.mark.parametrize("delay", [0, 5])
@pytest.mark.parametrize("factor", [1, 3])
def test_subsampled_student_is_taught_of_its_own_frames(
    factor: int, delay: int, own: int, epoch: int
) -> None:
    kind = {"type": "lstm"} if own else {"type": "blstm"}
    teacher = network(target_delay=own, frame_subsampling=factor, splice_context=1, **kind)
    shape = {"target_delay": delay, "frame_subsampling": 3, "splice_context": 1}
    settings = student(weight=1.0, temperature=1.0, model=shape, distill={"stored": False})
    model = network(hidden_dim=9, **shape)
    i, length = 7, int(TASK.features.lengths[7])
    batch = FrameStore(TASK.features, TASK.pdfs, delay).pad([i])
    loss = criterion(settings, teacher).loss(model, batch, ["u007"], epoch)
    said = at_offset(model, i, epoch % 3)
    start = (epoch % 3 - delay + own) % factor
    heard = at_offset(teacher, i, start)
    assert set(said) - {length - 1} <= set(heard)  # the last block may end before its frame
    divergences = []
    for frame, log_q in said.items():
        p = heard.get(frame, heard[max(heard)])
        divergences.append(float((p.exp() * (p - log_q)).sum()))
    assert loss.item() == pytest.approx(np.mean(divergences), rel=1e-4)


def test_what_is_stored_of_a_subsampled_teacher_is_of_the_frames_themselves() -> None:
    shape = {"frame_subsampling": 3, "splice_context": 1}
    teacher = network(type="blstm", **shape)
    lost = []
    for stored in (True, False):
        settings = student(weight=1.0, model=shape, distill={"stored": stored})
        taught = criterion(settings, teacher)
        taught.prepare(TASK.features, torch.device("cpu"))
        batch = FrameStore(TASK.features, TASK.pdfs).pad([7, 3])
        model = network(hidden_dim=9, **shape)
        lost.append([taught.loss(model, batch, ["u007", "u003"], e).item() for e in range(3)])
    # Logits are kept in float16; a last block's frame has been heard among others before it.
    assert lost[0] == pytest.approx(lost[1], rel=1e-2)
    assert len({round(value, 3) for value in lost[0]}) == 3  # each epoch has other frames


@pytest.mark.parametrize("own", [0, 2, 5])
@pytest.mark.parametrize("delay", [0, 3])
def test_teacher_and_student_meet_at_the_same_frame(own: int, delay: int) -> None:
    kind = {} if own else {"type": "blstm"}
    teacher = network(target_delay=own, **kind)
    expected = posteriors(teacher)
    lost = []
    for stored in (True, False):
        settings = student(
            weight=1.0, temperature=1.0, model={"target_delay": delay}, distill={"stored": stored}
        )
        taught = criterion(settings, teacher)
        taught.prepare(TASK.features, torch.device("cpu"))
        store = FrameStore(TASK.features, TASK.pdfs, delay)
        model = network(target_delay=delay, hidden_dim=9)
        loss = taught.loss(model, store.pad([7, 3]), ["u007", "u003"])
        log_q = posteriors(model)
        total = 0.0
        for i in (7, 3):
            frames = slice(TASK.features.offsets[i], TASK.features.offsets[i + 1])
            p = expected[frames]
            total += float((p.exp() * (p - log_q[frames])).sum())
        lost.append(loss.item())
        count = int(TASK.features.lengths[7] + TASK.features.lengths[3])
        assert loss.item() == pytest.approx(total / count, rel=2e-3)  # logits are kept in float16
    assert lost[0] == pytest.approx(lost[1], rel=2e-3)


def test_a_student_comes_closer_to_a_teacher_who_says_otherwise(tmp_path: Path) -> None:
    big = options(model={"type": "blstm"}, training={"num_epochs": 20})
    other = type(TASK)(TASK.features, (TASK.pdfs + 1) % NUM_PDFS, [])
    teacher = train(other, NUM_PDFS, big, 1, tmp_path / "big").network
    p = posteriors(teacher)
    apart = []
    for weight in (0.0, 0.5, 1.0):
        settings = student(weight=weight, training={"num_epochs": 20})
        taught = criterion(settings, teacher)
        small = train(TASK, NUM_PDFS, settings, 1, tmp_path / str(weight), criterion=taught)
        apart.append(float((p.exp() * (p - posteriors(small.network))).sum(dim=1).mean()))
    assert apart[0] > 2.0 * apart[1] > 4.0 * apart[2]


class Stopped(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("stored", [True, False])
def test_a_stopped_distillation_goes_on_bit_for_bit(stored: bool, tmp_path: Path) -> None:
    settings = student(training={"checkpoint_steps": 3}, distill={"stored": stored})

    def stop(record: dict[str, Any]) -> None:
        if record["step"] == 8:
            raise Stopped

    def run(folder: str, teacher: AcousticModel, **more: Any) -> bytes:
        train(
            *(TASK, NUM_PDFS, settings, 1, tmp_path / folder),
            criterion=criterion(settings, teacher),
            **more,
        )
        return (tmp_path / folder / "model.safetensors").read_bytes()

    for folder in ("stopped", "changed"):
        with pytest.raises(Stopped):
            run(folder, network(type="blstm"), on_step=stop)
    whole = run("whole", network(type="blstm"))
    assert run("stopped", network(type="blstm")) == whole
    other = network(type="blstm", hidden_dim=5)  # the checkpoint is of another teacher's student
    assert run("changed", other) == run("other", other) != whole


@pytest.mark.parametrize("stored", [True, False])
def test_in_bf16_the_lesson_is_the_same(stored: bool, tmp_path: Path) -> None:
    losses = []
    for precision in ("fp32", "bf16"):
        settings = student(training={"precision": precision}, distill={"stored": stored})
        folder = tmp_path / precision
        taught = criterion(settings, network(type="blstm"))
        train(TASK, NUM_PDFS, settings, 1, folder, criterion=taught)
        losses.append([epoch["loss"] for epoch in read_json_lines(folder / "log.jsonl")])
    assert losses[1] == pytest.approx(losses[0], rel=0.02)
    assert losses[0][-1] < losses[0][0]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UserError, match="teacher has frame_subsampling"):
        criterion(student(), network(frame_subsampling=2, splice_context=1))
    with pytest.raises(UserError, match="differ in norm_vars"):
        criterion(student(), network(norm_vars=True))

"""The loss of sequence training: its parts by hand, and its gradient by finite differences."""

from __future__ import annotations

import pytest
import torch

from pipeline.config import ModelOptions, SequenceOptions
from pipeline.hmm.segments import phone_segments
from pipeline.nnet.batches import FrameStore
from pipeline.nnet.measures import evaluate
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel
from pipeline.nnet.sequence.accuracy import expected_accuracy
from pipeline.nnet.sequence.criterion import SequenceCriterion
from pipeline.nnet.sequence.forward_backward import GraphBatch, log_total
from pipeline.nnet.sequence.phone_graph import Phones
from tests.nnet.toy_speech import DIM, ToySpeech, toy_speech

DELAY = 2
INDICES = [4, 0, 7]


def phones_of(speech: ToySpeech) -> dict[str, Phones]:
    """The true phones of each utterance."""
    found: dict[str, Phones] = {}
    features = speech.features
    segments = phone_segments(speech.hmm, speech.transition_ids, features.offsets)
    for utterance, name in enumerate(features.utterance_ids):
        found[name] = tuple(segments.phone_id[segments.utterance == utterance].tolist())
    return found


def setup(kind: str, **changes: float) -> tuple[SequenceCriterion, AcousticModel, FrameStore]:
    torch.manual_seed(1)
    speech = toy_speech(8)
    options = ModelOptions(num_layers=1, hidden_dim=5, target_delay=DELAY)
    network = AcousticModel(options, DIM, speech.hmm.num_pdfs)
    start = HybridModel(network, torch.randn(speech.hmm.num_pdfs).log_softmax(0), 0.7)
    settings = SequenceOptions.model_validate({"start": "lstm", "criterion": kind, **changes})
    criterion = SequenceCriterion(settings, speech.hmm, phones_of(speech), start)
    training = speech.training
    return criterion, network, FrameStore(training.features, training.pdfs, DELAY)


@pytest.mark.parametrize("kind", ["mmi", "smbr"])
def test_the_loss_is_made_of_its_parts(kind: str) -> None:
    criterion, network, store = setup(kind, acoustic_scale=0.4, cross_entropy_scale=0.3)
    names = [f"u{i:03d}" for i in INDICES]
    batch = store.pad(INDICES)
    logits = network(batch.features, batch.lengths)[:, DELAY:]
    log_posteriors = logits.log_softmax(2)
    log_likes = 0.4 * (log_posteriors - criterion._scaled_priors)
    every = GraphBatch.of([criterion.denominator])
    total = 0.0
    for row, (index, name) in enumerate(zip(INDICES, names, strict=True)):
        length = torch.tensor([store.num_frames[index]])
        own = log_likes[row : row + 1, : length.item()]
        if kind == "mmi":
            said = log_total(own, length, GraphBatch.of([criterion.numerator(name)]))
            total += (log_total(own, length, every) - said).item()
        else:
            targets = batch.targets[row : row + 1, DELAY : DELAY + int(length)]
            total += (length - expected_accuracy(own, length, every, targets)).item()
    frames = sum(store.num_frames[i] for i in INDICES)
    wrong = [
        log_posteriors[row, t, batch.targets[row, t + DELAY]].item()
        for row, i in enumerate(INDICES)
        for t in range(store.num_frames[i])
    ]
    expected = total / frames / 0.4 - 0.3 * sum(wrong) / frames
    loss = criterion.loss(network, batch, names)
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    assert total > 0


@pytest.mark.parametrize("kind", ["mmi", "smbr"])
def test_the_gradient_of_the_network_is_a_finite_difference(kind: str) -> None:
    criterion, network, store = setup(kind, cross_entropy_scale=0.2)
    network.double()
    criterion._scaled_priors = criterion._scaled_priors.double()
    batch, names = store.pad(INDICES), [f"u{i:03d}" for i in INDICES]
    batch = type(batch)(batch.features.double(), batch.lengths, batch.targets, batch.num_frames)
    criterion.loss(network, batch, names).backward()
    generator = torch.Generator().manual_seed(3)
    for parameter in network.parameters():
        assert parameter.grad is not None
        direction = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        losses = []
        for step in (1e-4, -1e-4):
            with torch.no_grad():
                parameter.add_(step * direction)
                losses.append(criterion.loss(network, batch, names).item())
                parameter.sub_(step * direction)
        slope = (losses[0] - losses[1]) / 2e-4
        assert (parameter.grad * direction).sum().item() == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_evaluation_is_the_mean_over_frames_whatever_the_batches() -> None:
    criterion, network, store = setup("mmi")
    names = [f"u{i:03d}" for i in range(8)]
    network.eval()
    loss, accuracy = criterion.evaluate(network, store, names)
    with torch.no_grad():
        each = [criterion.loss(network, store.pad([i]), [names[i]]).item() for i in range(8)]
    frames = store.num_frames
    mean = sum(value * n for value, n in zip(each, frames, strict=True)) / sum(frames)
    assert loss == pytest.approx(mean, rel=1e-5)
    assert accuracy == pytest.approx(evaluate(network, store)[1])


@pytest.mark.parametrize("kind", ["mmi", "smbr"])
@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_half_precision_of_the_network_leaves_the_sums_exact(kind: str) -> None:
    criterion, network, store = setup(kind)
    batch, names = store.pad(INDICES), [f"u{i:03d}" for i in INDICES]
    whole = criterion.loss(network, batch, names)
    # Without oneDNN, whose LSTM has bf16 on some processors only.
    with torch.backends.mkldnn.flags(enabled=False), torch.autocast("cpu", torch.bfloat16):
        half = criterion.loss(network, batch, names)
    half.backward()
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(whole.item(), rel=0.02)
    assert half.item() != whole.item()
    gradients = [parameter.grad for parameter in network.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)

"""Sums, occupancies and expected accuracies: against every path, and against finite differences."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.hmm.model import Hmm
from pipeline.nnet.sequence.accuracy import expected_accuracy
from pipeline.nnet.sequence.forward_backward import GraphBatch, forward_backward, log_total
from pipeline.nnet.sequence.phone_graph import EDGE, PhoneNgram, Phones
from pipeline.nnet.sequence.state_graph import StateGraph, expand
from tests.hmm.toy_hmm import random_hmm, toy_lang
from tests.nnet.sequence.every_path import scored_paths

SIL, A, B, C = 1, 2, 3, 4
SEQUENCES: list[Phones] = [(SIL, A, B), (A, B, A, SIL), (C, C), (A, SIL, A), (B,), (SIL, C)]
LENGTHS = [5, 3, 4]


def hmm_of(seed: int, triphone: bool) -> tuple[Hmm, NDArray[np.float64]]:
    """One or two states a phone, and its scaled transition probabilities."""
    rng = np.random.default_rng(seed)
    hmm = random_hmm(toy_lang(), rng, triphone, 1 + seed % 2, 1)
    return hmm, hmm.transitions.scaled_log_probs(0.8, 0.3)


def sequence_log_prob(ngram: PhoneNgram, order: int, phones: Phones) -> float:
    """The chain rule, written out."""
    padded = ((EDGE,) if order > 1 else ()) + phones
    total = 0.0
    for n, phone in enumerate((*phones, EDGE)):
        known = padded[: n + (order > 1)]
        total += ngram.log_prob(known[-(order - 1) :] if order > 1 else (), phone)
    return total


def log_prob_of_only(only: Phones, log_prob: float, phones: Phones) -> float:
    return log_prob if phones == only else -math.inf


def scores(hmm: Hmm, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (len(LENGTHS), max(LENGTHS), hmm.num_pdfs)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("triphone", [False, True])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_all_that_could_be_said(order: int, triphone: bool) -> None:
    for seed in (0, 1):
        hmm, log_probs = hmm_of(seed, triphone)
        ngram = PhoneNgram(SEQUENCES, order)
        graph = expand(ngram.graph(), hmm, log_probs)
        log_likes = scores(hmm, seed).requires_grad_()
        lengths = torch.tensor(LENGTHS)
        references = torch.randint(hmm.num_pdfs, log_likes.shape[:2])
        graphs = GraphBatch.of([graph] * len(LENGTHS))
        total = log_total(log_likes, lengths, graphs)
        (occupancy,) = torch.autograd.grad(total.sum(), log_likes)
        accuracy = expected_accuracy(log_likes.detach(), lengths, graphs, references)
        for u, length in enumerate(LENGTHS):
            likes = log_likes[u, :length].detach().numpy()
            paths = list(
                scored_paths(hmm, partial(sequence_log_prob, ngram, order), likes, log_probs)
            )
            weights = np.exp([score for _, score in paths])
            assert total[u].item() == pytest.approx(math.log(weights.sum()), abs=1e-9)
            expected = np.zeros((max(LENGTHS), hmm.num_pdfs))
            correct = 0.0
            for (pdfs, _), weight in zip(paths, weights / weights.sum(), strict=True):
                expected[np.arange(length), pdfs] += weight
                right = np.array(pdfs) == references[u, :length].numpy()
                correct += weight * right.sum()
            np.testing.assert_allclose(occupancy[u].numpy(), expected, atol=1e-9)
            assert accuracy[u].item() == pytest.approx(correct, abs=1e-9)


@pytest.mark.parametrize("triphone", [False, True])
def test_a_numerator_is_a_part_of_the_denominator(triphone: bool) -> None:
    hmm, log_probs = hmm_of(1, triphone)
    ngram = PhoneNgram(SEQUENCES, 2)
    phones = [(A, SIL), (C,), (A, B)]
    chains = [expand(ngram.chain(sequence), hmm, log_probs) for sequence in phones]
    log_likes, lengths = scores(hmm, 3), torch.tensor(LENGTHS)
    total = log_total(log_likes, lengths, GraphBatch.of(chains))
    every = log_total(
        log_likes, lengths, GraphBatch.of([expand(ngram.graph(), hmm, log_probs)] * len(LENGTHS))
    )
    for u, length in enumerate(LENGTHS):
        weight = partial(log_prob_of_only, phones[u], sequence_log_prob(ngram, 2, phones[u]))
        paths = scored_paths(hmm, weight, log_likes[u, :length].numpy(), log_probs)
        expected = np.logaddexp.reduce([score for _, score in paths])
        assert total[u].item() == pytest.approx(expected, abs=1e-9)
    assert (total < every).all()


def small_batch() -> tuple[torch.Tensor, torch.Tensor, GraphBatch, torch.Tensor]:
    hmm, log_probs = hmm_of(0, True)
    graph = expand(PhoneNgram(SEQUENCES, 2).graph(), hmm, log_probs)
    references = torch.randint(hmm.num_pdfs, (3, 5), generator=torch.Generator().manual_seed(1))
    return scores(hmm, 5), torch.tensor(LENGTHS), GraphBatch.of([graph] * 3), references


def test_gradients_are_finite_differences() -> None:
    log_likes, lengths, graphs, references = small_batch()
    log_likes.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: log_total(x, lengths, graphs), (log_likes,))
    assert torch.autograd.gradcheck(
        lambda x: expected_accuracy(x, lengths, graphs, references), (log_likes,)
    )


def test_posteriors_of_a_frame_sum_to_one() -> None:
    log_likes, lengths, graphs, _ = small_batch()
    # A range that only logarithms can hold.
    posteriors = forward_backward(300.0 * log_likes, lengths, graphs).posteriors(lengths)
    inside = torch.arange(5) < lengths[:, None]
    torch.testing.assert_close(posteriors.sum(dim=2), inside.double())


def test_without_a_path_the_total_is_minus_infinity_and_the_gradient_zero() -> None:
    hmm, log_probs = hmm_of(1, False)
    ngram = PhoneNgram(SEQUENCES, 2)
    chains: list[StateGraph] = [
        expand(ngram.chain(phones), hmm, log_probs) for phones in ((A, B, A, SIL), (A, B), (C, C))
    ]
    log_likes = scores(hmm, 2)[:, :4].requires_grad_()
    total = log_total(log_likes, torch.tensor([4, 4, 4]), GraphBatch.of(chains))
    assert total.isfinite().tolist() == [False, True, True]
    (gradient,) = torch.autograd.grad(total[1:].sum() + 0.0 * total[0], log_likes)
    assert not gradient[0].any()
    torch.testing.assert_close(gradient[1:].sum(dim=2), torch.ones(2, 4, dtype=torch.float64))

"""Perturbed speakers' fMLLR: the alignment's own for unchanged copies, a remedy for moved ones."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.align.forced import adapt
from pipeline.gmm.fmllr import MIN_COUNT
from pipeline.gmm.shards import single_shard
from pipeline.gmm.transform import apply_fmllr
from pipeline.nnet.copy_adaptation import CopyAdaptation
from tests.gmm.toy import Corpus, draw_corpus
from tests.gmm.toy_ladder import Rung, train_ladder


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return draw_corpus(48)


@pytest.fixture(scope="module")
def rung(corpus: Corpus) -> Rung:
    return train_ladder(corpus, single_shard(corpus.features))["tri3b"]


def adaptation(corpus: Corpus, rung: Rung) -> CopyAdaptation:
    hmm = rung.model.hmm
    return CopyAdaptation(rung.model, hmm.pdfs_of(corpus.lang.silence_phone_ids()))


def test_an_unchanged_copy_is_adapted_as_the_alignment_adapts(corpus: Corpus, rung: Rung) -> None:
    features, model = corpus.features, rung.model
    pdfs = model.hmm.transitions.pdf_of[rung.transition_ids].astype(np.int64)
    plain = model.transform.apply(features.frames, features.offsets)
    transforms = adapt(model, corpus.lang, features, plain, rung.transition_ids, None)
    assert len(transforms) == 4
    expected = apply_fmllr(plain, features.offsets, features.speakers, transforms)
    found = adaptation(corpus, rung)(features, pdfs)
    np.testing.assert_array_equal(found.frames, expected)
    assert (found.utterance_ids, found.speakers) == (features.utterance_ids, features.speakers)


def test_a_speaker_behind_another_channel_comes_back(corpus: Corpus, rung: Rung) -> None:
    """A constant added to all cepstra is one added to all features, which fMLLR takes away."""
    features, model = corpus.features, rung.model
    pdfs = model.hmm.transitions.pdf_of[rung.transition_ids].astype(np.int64)
    shift = np.random.default_rng(3).normal(0, 0.3, features.dim)
    moved = features.with_frames((features.frames + shift).astype(np.float32))
    adapt_copies = adaptation(corpus, rung)
    original, again = adapt_copies(features, pdfs).frames, adapt_copies(moved, pdfs).frames
    before, after = (model.transform.apply(one.frames, one.offsets) for one in (features, moved))
    assert np.abs(again - original).mean() < 0.1 * np.abs(after - before).mean()


def test_a_speaker_of_few_frames_keeps_the_rungs_features(corpus: Corpus, rung: Rung) -> None:
    few = corpus.features.select([0])
    assert few.num_frames < MIN_COUNT
    pdfs = rung.model.hmm.transitions.pdf_of[rung.transition_ids[: few.num_frames]]
    found = adaptation(corpus, rung)(few, pdfs.astype(np.int64))
    expected = rung.model.transform.apply(few.frames, few.offsets)
    np.testing.assert_array_equal(found.frames, expected)

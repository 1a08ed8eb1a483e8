"""Triage looks at about as many frames of a long utterance as of a short one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.align import triage
from pipeline.align.triage import MEASURED_FRAMES, measure
from pipeline.config import AlignOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.gmm.aligner import align
from pipeline.gmm.likelihoods import gmm_likelihoods
from pipeline.hmm.packed_graphs import PackedGraphs
from tests.gmm.toy import random_gmm
from tests.hmm.toy_hmm import random_hmm, toy_lang

LENGTHS = (3000, 80)
OFFSETS = np.array([0, *np.cumsum(LENGTHS)], np.int64)


def test_a_sample_of_a_long_utterance_has_the_means_of_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(5)
    lang = toy_lang()
    hmm = random_hmm(lang, rng, True, 1, 3)
    gmm = random_gmm(rng, [2] * hmm.num_pdfs, 2)
    frames = rng.normal(0, 2, (sum(LENGTHS), 2)).astype(np.float32)
    texts = [" ".join(["ab c"] * 150), "ab c"]
    graphs = PackedGraphs(lang, hmm, texts)
    alignment = align(graphs, hmm, gmm, frames, OFFSETS, AlignOptions(beam=1e6))
    features = FeatureSet(["long", "short"], ["s", "s"], texts, frames, OFFSETS)
    likelihoods = gmm_likelihoods(gmm, frames)
    asked: list[int] = []

    def counted(rows: NDArray[np.int64], pdfs: NDArray[np.int32]) -> NDArray[np.float32]:
        asked.extend(rows.tolist())
        return likelihoods(rows, pdfs)

    some = measure(hmm, counted, lang, features, alignment)
    of_long = sum(row < LENGTHS[0] for row in asked)
    assert MEASURED_FRAMES / 4 < of_long < 2 * MEASURED_FRAMES
    assert all(row % 2 == 0 for row in asked)
    asked.clear()
    monkeypatch.setattr(triage, "MEASURED_FRAMES", 10**9)
    nearly_all = measure(hmm, counted, lang, features, alignment)
    assert sum(row < LENGTHS[0] for row in asked) > 5 * of_long
    assert some.likelihood[1] == nearly_all.likelihood[1]
    assert some.gap[1] == nearly_all.gap[1]
    assert some.likelihood[0] == pytest.approx(nearly_all.likelihood[0], rel=0.2)
    assert some.gap[0] == pytest.approx(nearly_all.gap[0], rel=0.2)

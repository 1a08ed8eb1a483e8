"""Alignment of many utterances at once: against enumeration, and against one at a time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.config import AlignOptions
from pipeline.gmm import aligner
from pipeline.gmm.aligner import Alignment, align, align_equally, align_to_graphs
from pipeline.gmm.diag_gmm import AmDiagGmm, with_squares
from pipeline.gmm.likelihoods import gmm_likelihoods
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.packed_graphs import PackedGraphs
from pipeline.hmm.segments import phone_segments
from tests.gmm.toy import random_gmm
from tests.hmm.toy_hmm import all_paths, random_hmm, toy_lang
from tests.hmm.viterbi_inputs import accepts

WIDE = 1e6
TEXTS = ["ab", "ba", "c", "ab", "ba", "c c", "ab"]
LENGTHS = [7, 5, 6, 3, 6, 7, 1]  # the last one is too short for its transcript
OFFSETS = np.concatenate(([0], np.cumsum(LENGTHS))).astype(np.int64)
Scales = tuple[float, float, float]


def setup(seed: int = 0) -> tuple[Lang, Hmm, AmDiagGmm, NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    lang = toy_lang()
    hmm = random_hmm(lang, rng, True, 1, 3)
    gmm = random_gmm(rng, rng.integers(1, 4, hmm.num_pdfs).tolist(), 2)
    return lang, hmm, gmm, rng.normal(0, 2, (int(OFFSETS[-1]), 2)).astype(np.float32)


def align_all(
    seed: int, beam: float = WIDE, retry_beam: float = WIDE, scales: Scales = (0.1, 1.0, 0.1)
) -> Alignment:
    lang, hmm, gmm, frames = setup(seed)
    graphs = PackedGraphs(lang, hmm, TEXTS)
    return align(graphs, hmm, gmm, frames, OFFSETS, options(beam, retry_beam, scales))


def options(
    beam: float = WIDE, retry_beam: float = WIDE, scales: Scales = (0.1, 1.0, 0.1)
) -> AlignOptions:
    names = ("acoustic_scale", "transition_scale", "self_loop_scale")
    return AlignOptions(beam=beam, retry_beam=retry_beam, **dict(zip(names, scales, strict=True)))


@pytest.mark.parametrize("scales", [(0.1, 1.0, 0.1), (1.0, 0.5, 1.0)])
@pytest.mark.parametrize("boost", [None, 3.0])
def test_every_utterance_gets_its_best_path(scales: Scales, boost: float | None) -> None:
    lang, hmm, gmm, frames = setup()
    silence = np.array([0, 1, 2], np.int32)
    found = align(
        PackedGraphs(lang, hmm, TEXTS),
        *(hmm, gmm, frames, OFFSETS, options(scales=scales)),
        None if boost is None else (silence, boost),
    )
    likes = gmm.log_likelihoods(with_squares(frames)).astype(np.float64)
    if boost is not None:
        likes[:, silence] += np.log(boost)
    likes *= scales[0]
    scaled = hmm.transitions.scaled_log_probs(*scales[1:])
    for u in range(len(TEXTS) - 1):
        span = slice(OFFSETS[u], OFFSETS[u + 1])
        paths = all_paths(hmm, lang, TEXTS[u], likes[span], scaled)
        assert found.score[u] * LENGTHS[u] == pytest.approx(max(paths.values()), abs=1e-3)
        path = tuple(found.transition_ids[span].tolist())
        assert paths[path] == pytest.approx(max(paths.values()), abs=1e-3)


def test_an_utterance_too_short_for_its_words_fails_alone() -> None:
    found = align_all(0)
    assert found.aligned.tolist() == [True] * 6 + [False]
    assert found.score[6] == -np.inf
    assert not found.transition_ids[OFFSETS[6] :].any()
    assert (found.transition_ids[: OFFSETS[6]] > 0).all()


def test_packing_and_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lang, hmm, gmm, frames = setup(3)
    together = align_all(3)
    monkeypatch.setattr(aligner, "CHUNK_FRAMES", 8)
    likelihoods = gmm_likelihoods(gmm, frames)  # of all pdfs of a graph, not where the search is
    packed = PackedGraphs(lang, hmm, TEXTS)
    chunked = align_to_graphs(packed, hmm, likelihoods, OFFSETS, options())
    for u, text in enumerate(TEXTS):
        span = slice(OFFSETS[u], OFFSETS[u + 1])
        offsets = np.array([0, LENGTHS[u]])
        graphs = PackedGraphs(lang, hmm, [text])
        alone = align(graphs, hmm, gmm, frames[span], offsets, options())
        for other in (together, chunked):
            np.testing.assert_array_equal(other.transition_ids[span], alone.transition_ids)
            assert other.score[u] == pytest.approx(alone.score[0], abs=1e-5)


def test_the_retry_beam_saves_what_a_narrow_beam_loses() -> None:
    scales = (1.0, 1.0, 1.0)
    wide = align_all(1, scales=scales)
    narrow = align_all(1, 0.01, 0.01, scales)
    retried = align_all(1, 0.01, WIDE, scales)
    lost = wide.aligned & ~narrow.aligned
    assert 0 < lost.sum() < 6
    np.testing.assert_array_equal(retried.retried, narrow.retried)
    for u in np.flatnonzero(lost):
        assert retried.retried[u]
        span = slice(OFFSETS[u], OFFSETS[u + 1])
        np.testing.assert_array_equal(retried.transition_ids[span], wide.transition_ids[span])
    assert not wide.retried.any()


def test_equal_alignment_of_an_utterance_depends_on_its_id_alone() -> None:
    lang, hmm, _, _ = setup()
    ids = [f"utterance{u}" for u in range(len(TEXTS))]
    graphs = PackedGraphs(lang, hmm, TEXTS)
    found = align_equally(graphs, hmm, OFFSETS, ids, 5)
    assert found.aligned.tolist() == [True] * 6 + [False]
    for u in range(len(TEXTS) - 1):
        span = slice(OFFSETS[u], OFFSETS[u + 1])
        own = PackedGraphs(lang, hmm, [TEXTS[u]])
        alone = align_equally(own, hmm, np.array([0, LENGTHS[u]]), [ids[u]], 5)
        np.testing.assert_array_equal(found.transition_ids[span], alone.transition_ids)
        assert accepts(own.graphs[0], alone.transition_ids.tolist())


def test_no_utterance_gives_an_empty_alignment() -> None:
    lang, hmm, gmm, frames = setup()
    graphs = PackedGraphs(lang, hmm, ["ab c ab"])
    found = align(graphs, hmm, gmm, frames[:2], np.array([0, 2]), options())
    assert not found.aligned.any()
    assert found.transition_ids.tolist() == [0, 0]


def test_equal_alignment_takes_every_silence_where_asked() -> None:
    lang, hmm, _, _ = setup()
    silence = lang.silence_phone_ids()
    graphs = PackedGraphs(lang, hmm, ["c c"])
    num_frames = 60
    found = align_equally(graphs, hmm, np.array([0, num_frames]), ["u"], 1, silence)
    assert accepts(graphs.graphs[0], found.transition_ids.tolist())
    phones = phone_segments(hmm, found.transition_ids, np.array([0, num_frames])).phone_id
    silent = np.isin(phones, silence).tolist()
    # Before, between and after the two words, and nowhere else.
    runs = [silent[0], *(b for a, b in itertools.pairwise(silent) if a != b)]
    assert runs == [True, False, True, False, True]

"""The ladder on speech drawn from a known HMM: truth found again, and the same for any sharding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.features.feature_set import FeatureSet
from pipeline.gmm.diag_gmm import with_squares
from pipeline.gmm.shards import Shard, single_shard
from pipeline.gmm.train import train_rung
from pipeline.gmm.workers import start_workers
from pipeline.hmm.tree import PDF_CLASS, Leaf, Node
from pipeline.io.errors import UserError
from tests.gmm.toy import Corpus, draw_corpus
from tests.gmm.toy_ladder import ALIGN, RUNGS, Rung, shares, train_ladder

NUM_UTTERANCES = 48
Ladder = dict[str, Rung]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return draw_corpus(NUM_UTTERANCES)


@pytest.fixture(scope="module")
def ladder(corpus: Corpus) -> Ladder:
    return train_ladder(corpus, single_shard(corpus.features))


def bytes_of(rung: Rung, folder: Path) -> dict[str, bytes]:
    rung.model.save(folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("name", RUNGS)
def test_frames_are_aligned_to_the_phone_that_they_were_drawn_from(
    corpus: Corpus, ladder: Ladder, name: str
) -> None:
    rung = ladder[name]
    phones = rung.model.hmm.transitions.phone_of[rung.transition_ids]
    assert np.mean(phones == corpus.phone_of_frame) >= 0.95


@pytest.mark.parametrize("name", RUNGS)
def test_training_raises_the_likelihood_and_grows_to_its_size(ladder: Ladder, name: str) -> None:
    rung, options = ladder[name], RUNGS[name]
    assert len(rung.iterations) == options.num_iterations - (name != "mono")
    assert rung.log_likelihoods[-1] > rung.log_likelihoods[0] + 0.2
    sizes = [entry["num_gaussians"] for entry in rung.iterations]
    assert 0.8 * options.num_gaussians < sizes[-1] <= options.num_gaussians
    assert sizes[-1] == rung.model.gmm.num_gaussians
    assert all(entry["num_failed"] == 0 for entry in rung.iterations)
    assert (rung.transition_ids > 0).all()


def test_each_rung_fits_better_than_the_one_before_in_its_own_space(ladder: Ladder) -> None:
    gains = [e["mllt_gain"] for e in ladder["tri2b"].log if "mllt_gain" in e]
    assert len(gains) == 2
    assert min(gains) > 0
    gains = [e["fmllr_gain"] for e in ladder["tri3b"].log if "fmllr_gain" in e]
    assert len(gains) == 3  # on the source's alignment, and twice in training
    assert min(gains) > 0.5  # speakers were drawn far apart
    # Both are of the same dimension and size; speaker adaptation is what differs.
    assert ladder["tri3b"].log_likelihoods[-1] > ladder["tri2b"].log_likelihoods[-1] + 0.5


def test_an_adapted_model_has_the_same_gaussians_fitted_to_plain_features(
    corpus: Corpus, ladder: Ladder
) -> None:
    model = ladder["tri3b"].model
    assert model.speaker_independent is not None
    np.testing.assert_array_equal(model.speaker_independent.offsets, model.gmm.offsets)
    np.testing.assert_array_equal(model.speaker_independent.weights, model.gmm.weights)
    pdfs = model.hmm.transitions.pdf_of[ladder["tri3b"].transition_ids]
    plain = model.transform.apply(corpus.features.frames, corpus.features.offsets)
    here = np.arange(len(plain)), pdfs
    first_pass, adapted = (
        gmm.log_likelihoods(with_squares(plain))[here].mean()
        for gmm in (model.speaker_independent, model.gmm)
    )
    assert first_pass > adapted + 0.1
    assert not any(ladder[name].model.is_adapted for name in ("mono", "tri1", "tri2b"))


def pdf_means(rung: Rung) -> np.ndarray:
    """(num_pdfs, D) mean of each mixture, which is that of its frames.

    After a transform was estimated, rounding differs with the order of its sums, and grows in
    Gaussians that were split a moment ago; it does not in their mixture.
    """
    gmm = rung.model.gmm
    return np.add.reduceat(gmm.weights[:, None] * gmm.means, gmm.offsets[:-1])


@pytest.mark.parametrize("num_shards", [2, 3, 5])
def test_any_number_of_shards_trains_the_same_models(
    corpus: Corpus, ladder: Ladder, tmp_path: Path, num_shards: int
) -> None:
    sharded = train_ladder(corpus, shares(corpus, num_shards, tmp_path))
    for name, rung in ladder.items():
        other = sharded[name]
        np.testing.assert_allclose(other.log_likelihoods, rung.log_likelihoods, atol=1e-4)
        assert other.model.hmm.tree.to_json() == rung.model.hmm.tree.to_json()
        np.testing.assert_array_equal(other.transition_ids, rung.transition_ids)
        np.testing.assert_allclose(pdf_means(other), pdf_means(rung), atol=1e-3)
    for name in ("mono", "tri1"):
        means = ladder[name].model.gmm.means
        np.testing.assert_allclose(sharded[name].model.gmm.means, means, atol=1e-4)


def test_the_same_seed_gives_the_same_bytes_with_threads_too(
    corpus: Corpus, ladder: Ladder, tmp_path: Path
) -> None:
    with start_workers(2) as workers:
        again = train_ladder(corpus, single_shard(corpus.features), workers=workers)
    for name in RUNGS:
        files = bytes_of(ladder[name], tmp_path / name)
        assert sorted(files) == ["gmm.safetensors", "hmm.json", "transform.safetensors"]
        assert bytes_of(again[name], tmp_path / f"{name}_again") == files


def test_another_seed_gives_other_mixtures(corpus: Corpus, ladder: Ladder, tmp_path: Path) -> None:
    other = train_ladder(corpus, single_shard(corpus.features), seed=2, rungs=("mono",))
    name = "gmm.safetensors"
    files = bytes_of(other["mono"], tmp_path / "two"), bytes_of(ladder["mono"], tmp_path / "one")
    assert files[0][name] != files[1][name]


def with_extra(corpus: Corpus, num_frames: int, text: str) -> Corpus:
    """The corpus and one more utterance, of noise."""
    old = corpus.features
    noise = np.random.default_rng(0).normal(0, 1, (num_frames, old.dim)).astype(np.float32)
    features = FeatureSet(
        [*old.utterance_ids, "zzz"],
        [*old.speakers, "speaker0"],
        [*old.texts, text],
        np.concatenate([old.frames, noise]),
        np.append(old.offsets, old.offsets[-1] + num_frames),
    )
    return replace(corpus, features=features)


def test_an_utterance_too_short_for_its_words_does_not_stop_the_rest(
    corpus: Corpus, ladder: Ladder
) -> None:
    longer = with_extra(corpus, 4, "sik sik sik")
    shards = single_shard(longer.features)
    found = train_ladder(longer, shards, rungs=("mono", "tri1"))
    for name, rung in found.items():
        if name == "mono":
            assert {entry["num_failed"] for entry in rung.iterations} == {1}
        assert not rung.transition_ids[-4:].any()
        assert (rung.transition_ids[:-4] > 0).all()
        phones = rung.model.hmm.transitions.phone_of[rung.transition_ids[:-4]]
        assert np.mean(phones == corpus.phone_of_frame) >= 0.95
        assert rung.iterations[-1]["num_frames"] == len(corpus.phone_of_frame)


def test_if_nothing_can_be_aligned_training_stops_with_one_line(corpus: Corpus) -> None:
    features = with_extra(corpus, 4, "sik sik sik").features.select([NUM_UTTERANCES])
    with pytest.raises(UserError, match="no utterance could be aligned"):
        train_rung(corpus.lang, single_shard(features), RUNGS["mono"], ALIGN, 1, lambda entry: None)


def test_too_little_data_for_lda_stops_with_one_line(corpus: Corpus, ladder: Ladder) -> None:
    mono = ladder["mono"]
    few = corpus.features.select([0])
    shard = Shard(0, lambda: few)
    shard.alignment = mono.transition_ids[: few.num_frames]
    wide = RUNGS["tri2b"].model_copy(update={"splice_context": 20})
    with pytest.raises(UserError, match=r"LDA: .*too few"):
        train_rung(corpus.lang, [shard], wide, ALIGN, 1, lambda entry: None, mono.model)


def questions_of(node: Node) -> list[frozenset[int]]:
    """Sets of phones asked about below a node."""
    if isinstance(node, Leaf):
        return []
    here = [node.values] if node.key != PDF_CLASS else []
    return here + questions_of(node.yes) + questions_of(node.no)


def test_the_tree_of_position_dependent_phones_asks_for_positions() -> None:
    corpus = draw_corpus(NUM_UTTERANCES, position_dependent=True)
    rungs = train_ladder(corpus, single_shard(corpus.features), rungs=("mono", "tri1"))
    roots = rungs["tri1"].model.hmm.tree.roots.values()
    asked = {question for root in roots for question in questions_of(root)}
    sets = [set(members) for members in corpus.lang.phone_set_ids()]
    cut = {q for q in asked if any(q & members and not members <= q for members in sets)}
    assert cut
    assert cut <= set(corpus.lang.position_questions())
    phones = rungs["tri1"].model.hmm.transitions.phone_of[rungs["tri1"].transition_ids]
    assert np.mean(phones == corpus.phone_of_frame) >= 0.95

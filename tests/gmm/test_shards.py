"""Training in shards: the same models, and memory that does not grow with the data."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.align.forced import align_features, align_shards
from pipeline.config import GmmOptions
from pipeline.gmm.model import GmmModel
from pipeline.gmm.shards import Shard, attach_alignments, sort_frames
from pipeline.hmm.model import Hmm
from pipeline.hmm.packed_graphs import PackedGraphs
from pipeline.hmm.topology import Topology
from pipeline.hmm.tree import monophone_tree
from pipeline.io.archive import write_int_vectors
from pipeline.io.errors import UserError
from tests.gmm.sharded_corpus import ALIGN, MONO, Files, train, write_corpus

SHORT: dict[str, Any] = {
    "num_iterations": 8,
    "realign_iterations": (4,),
    "max_increase_iteration": 6,
}
TRIPHONES: dict[str, Any] = {**SHORT, "num_leaves": 30, "num_gaussians": 80}
RUNGS = {
    "mono": MONO,
    "tri1": GmmOptions(type="deltas", alignment="mono", **TRIPHONES),
    "tri2b": GmmOptions(
        type="lda_mllt", alignment="tri1", lda_dim=8, mllt_iterations=(2, 4), **TRIPHONES
    ),
    "tri3b": GmmOptions(type="sat", alignment="tri2b", fmllr_iterations=(2, 4), **TRIPHONES),
}


@dataclass(frozen=True)
class Trained:
    """A ladder."""

    models: dict[str, GmmModel]
    logs: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_corpus(tmp_path_factory.mktemp("corpus"), num_copies=2)


@pytest.fixture(scope="module")
def ladders(files: Files, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Trained]:
    """The ladder in 1, 2 and 5 shards."""
    found: dict[int, Trained] = {}
    for num_shards in (1, 2, 5):
        shards = files.shards(num_shards, tmp_path_factory.mktemp(f"scratch{num_shards}"))
        assert len(shards) == num_shards
        models: dict[str, GmmModel] = {}
        logs = {}
        source = None
        for rung, options in RUNGS.items():
            source, logs[rung] = train(files, shards, options, source)
            models[rung] = source
        found[num_shards] = Trained(models, logs)
    return found


@pytest.mark.parametrize("num_shards", [2, 5])
@pytest.mark.parametrize("rung", RUNGS)
def test_same_likelihoods_for_any_number_of_shards(
    ladders: dict[int, Trained], rung: str, num_shards: int
) -> None:
    one, several = ladders[1].logs[rung], ladders[num_shards].logs[rung]
    assert len(one) == len(several)
    for ours, theirs in zip(one, several, strict=True):
        assert ours.keys() == theirs.keys()
        for key in ("log_likelihood", "mllt_gain", "fmllr_gain"):
            if key in ours:
                assert theirs[key] == pytest.approx(ours[key], abs=1e-4)
        for key in ("num_frames", "num_gaussians", "num_failed", "num_pdfs"):
            assert ours.get(key) == theirs.get(key)


@pytest.mark.parametrize("num_shards", [2, 5])
@pytest.mark.parametrize("rung", RUNGS)
def test_same_tree_for_any_number_of_shards(
    ladders: dict[int, Trained], rung: str, num_shards: int
) -> None:
    one, several = ladders[1].models[rung].hmm, ladders[num_shards].models[rung].hmm
    assert one.num_pdfs > 10
    assert several.tree.to_json() == one.tree.to_json()
    assert several.transitions.tuples == one.transitions.tuples


@pytest.mark.parametrize("rung", ["mono", "tri3b"])
def test_same_final_alignment_for_any_number_of_shards(
    ladders: dict[int, Trained], files: Files, tmp_path: Path, rung: str
) -> None:
    model = ladders[1].models[rung]
    whole, transforms = align_features(
        model, files.lang, files.shards(1, tmp_path)[0].features(), ALIGN
    )
    parts, again = align_shards(model, files.lang, files.shards(5, tmp_path), ALIGN)
    together = np.concatenate([part.shard.alignment for part in parts])
    np.testing.assert_array_equal(together, whole.transition_ids)
    scores = np.concatenate([part.score for part in parts])
    np.testing.assert_allclose(scores, whole.score, atol=1e-4)
    assert again.keys() == transforms.keys()
    assert bool(transforms) == (rung == "tri3b")
    for speaker, matrix in transforms.items():
        np.testing.assert_allclose(again[speaker], matrix, atol=1e-3)


def test_shards_hold_every_utterance_once_in_order(files: Files, tmp_path: Path) -> None:
    whole = files.shards(1, tmp_path)[0].features()
    parts = [shard.features() for shard in files.shards(7, tmp_path)]
    assert [i for part in parts for i in part.utterance_ids] == whole.utterance_ids
    assert [t for part in parts for t in part.texts] == whole.texts
    np.testing.assert_array_equal(np.concatenate([p.frames for p in parts]), whole.frames)


@pytest.mark.parametrize("num_shards", [1, 3])
def test_only_the_shortest_utterances(files: Files, tmp_path: Path, num_shards: int) -> None:
    whole = files.shards(1, tmp_path)[0].features()
    kept = [i for s in files.shards(num_shards, tmp_path, 10) for i in s.features().utterance_ids]
    assert len(kept) == 10
    longest = max(whole.lengths[whole.index_of[i]] for i in kept)
    others = [n for i, n in zip(whole.utterance_ids, whole.lengths, strict=True) if i not in kept]
    assert longest <= min(others)


def test_more_shards_than_utterances(files: Files, tmp_path: Path) -> None:
    shards = files.shards(9, tmp_path, limit=4)
    assert [s.features().num_utterances for s in shards] == [1, 1, 1, 1]


def test_the_second_look_at_a_shard_needs_no_archive(tmp_path: Path) -> None:
    own = write_corpus(tmp_path)
    shard = own.shards(2, tmp_path)[1]
    first = shard.features()
    for ark in tmp_path.glob("feats.*.ark"):
        ark.unlink()
    second = shard.features()
    np.testing.assert_array_equal(second.frames, first.frames)
    np.testing.assert_array_equal(second.offsets, first.offsets)
    assert (second.utterance_ids, second.speakers) == (first.utterance_ids, first.speakers)


def test_graphs_come_back_from_disk(files: Files, tmp_path: Path) -> None:
    topology = Topology.for_lang(files.lang)
    hmm = Hmm.initial(topology, monophone_tree(files.lang, topology))
    graphs = PackedGraphs(files.lang, hmm, ["ti ka", "sik", "ti ka", "akas ta"])
    graphs.save(tmp_path / "graphs.npz")
    again = PackedGraphs.load(tmp_path / "graphs.npz")
    assert vars(again).keys() == vars(graphs).keys()
    for name, value in vars(graphs).items():
        if name != "graphs":
            np.testing.assert_array_equal(getattr(again, name), value)
    for ours, theirs in zip(graphs.graphs, again.graphs, strict=True):
        for name, value in vars(ours).items():
            np.testing.assert_array_equal(getattr(theirs, name), value)


def test_another_hmm_gets_other_graphs(files: Files, tmp_path: Path) -> None:
    topology = Topology.for_lang(files.lang)
    hmms = [Hmm.initial(topology, monophone_tree(files.lang, topology)) for _ in range(2)]
    shard = files.shards(2, tmp_path)[0]
    features = shard.features()
    shard.graphs(files.lang, hmms[0], features)
    path = tmp_path / "graphs.0.npz"
    path.unlink()
    with pytest.raises(FileNotFoundError):  # it is read again for the same HMM
        shard.graphs(files.lang, hmms[0], features)
    shard.graphs(files.lang, hmms[1], features)
    assert path.exists()


@pytest.mark.parametrize("num_shards", [1, 3])
def test_alignments_reach_their_utterances(files: Files, tmp_path: Path, num_shards: int) -> None:
    whole = files.shards(1, tmp_path)[0].features()
    left_out = whole.utterance_ids[3]
    given = {
        name: np.full(length, n + 1, np.int32)
        for n, (name, length) in enumerate(zip(whole.utterance_ids, whole.lengths, strict=True))
        if name != left_out
    }
    scp = tmp_path / "a.scp"
    write_int_vectors(tmp_path / "a.ark", scp, reversed(list(given.items())))
    shards = files.shards(num_shards, tmp_path)
    attach_alignments(shards, scp)
    for shard in shards:
        features = shard.features()
        for u, name in enumerate(features.utterance_ids):
            found = shard.alignment[features.offsets[u] : features.offsets[u + 1]]
            np.testing.assert_array_equal(found, given.get(name, np.zeros(len(found))))


def test_an_alignment_of_another_length_is_named(files: Files, tmp_path: Path) -> None:
    shards = files.shards(1, tmp_path)
    name = shards[0].features().utterance_ids[2]
    write_int_vectors(tmp_path / "a.ark", tmp_path / "a.scp", [(name, np.ones(3, np.int32))])
    with pytest.raises(UserError, match=f"{name}: 3 frames aligned"):
        attach_alignments(shards, tmp_path / "a.scp")


def test_frames_by_pdf_leave_out_what_they_should(files: Files) -> None:
    topology = Topology.for_lang(files.lang)
    hmm = Hmm.initial(topology, monophone_tree(files.lang, topology))
    transition_ids = np.array([0, 5, 1, 0, 9, 5, 2], np.int32)
    pdf_of = hmm.transitions.pdf_of
    without = np.array([pdf_of[9]], np.int32)
    sort = sort_frames(hmm, transition_ids, without)
    for pdf in range(hmm.num_pdfs):
        expected = [
            t
            for t, i in enumerate(transition_ids)
            if i > 0 and pdf_of[i] == pdf and pdf != without[0]
        ]
        assert sort.order[sort.starts[pdf] : sort.starts[pdf + 1]].tolist() == expected


def test_a_shard_forgets_its_order_with_a_new_alignment(files: Files) -> None:
    topology = Topology.for_lang(files.lang)
    hmm = Hmm.initial(topology, monophone_tree(files.lang, topology))
    frames = np.arange(12, dtype=np.float32).reshape(6, 2)
    shard = Shard(0, lambda: pytest.fail("no features are needed"))
    for transition_ids in ([1, 2, 0, 0, 0, 0], [0, 0, 0, 0, 2, 1]):
        shard.alignment = np.array(transition_ids, np.int32)
        found = shard.sorted_frames(hmm, frames)
        np.testing.assert_array_equal(sorted(found.order), np.flatnonzero(transition_ids))
        assert shard.sorted_frames(hmm, frames) is found


def peak_mb(folder: Path, num_copies: int, num_shards: int) -> float:
    folder.mkdir()
    arguments = [str(folder), str(num_copies), str(num_shards)]
    command = [sys.executable, "-m", "tests.gmm.sharded_corpus", *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_memory_does_not_grow_with_the_data(tmp_path: Path) -> None:
    little = peak_mb(tmp_path / "2", 2, 2)
    much = peak_mb(tmp_path / "8", 8, 8)
    in_one = peak_mb(tmp_path / "one", 8, 1)
    assert in_one - little > 50  # four times the data shows where it is in memory at once
    assert much - little < 0.1 * (in_one - little)

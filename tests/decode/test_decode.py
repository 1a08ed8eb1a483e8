"""Whole sets through both programs: files, rejects, warnings, errors, determinism."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.decode.decode import BATCH_FRAMES, batches
from pipeline.decode.inputs import SearchGraph, Utterance
from pipeline.decode.k2_environment import k2_python
from pipeline.decode.shards import merge_shards
from pipeline.graph.fst import from_tuples
from pipeline.graph.openfst import write_fst
from pipeline.io.archive import write_matrices
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines, write_json_lines
from pipeline.io.rejects import read_rejects, write_rejects
from pipeline.io.symbols import SymbolTable
from tests.decode.brute_force import save_graph
from tests.decode.paths import path_costs

ROOT = Path(__file__).parents[2]
NAMES = ("hypotheses.jsonl", "lattices.jsonl.gz", "rejected.tsv")  # what a search writes
# Three frames at least: word 1 is pdfs 0 0 1, word 2 is pdfs 0 1 1; self-loop on the last state.
GRAPH = SearchGraph(
    from_tuples(
        [
            (0, 1, 1, 0.5, 1),
            (0, 1, 2, 0.7, 2),
            (1, 1, 0, 0.0, 3),
            (2, 2, 0, 0.0, 3),
            (3, 2, 0, 0.1, 4),
            (4, 2, 0, 0.3, 4),
        ],
        {4: 0.2},
    ),
    np.array([-1, 0, 1], np.int32),
    2,
    SymbolTable(["one", "two"]),
)


def run_program(decoder: str, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run a decoder's program on a folder that ``save_graph`` filled."""
    python = k2_python(ROOT, os.environ) if decoder == "k2" else sys.executable
    places = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [
            *(python, "-m", f"pipeline.bin.decode_{decoder}"),
            *("--graph", str(folder / "HCLG.fst"), "--words", str(folder / "words.txt")),
            *("--loglikes", str(folder / "loglikes.scp"), "--output-dir", str(folder / decoder)),
            *more,
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The graph and six utterances, two of them bad and one too short for the graph."""
    save_graph(GRAPH, tmp_path)
    likes = {
        "c_one": [[0, -9], [0, -9], [-9, 0], [-9, 0]],
        "a_two": [[0, -9], [-9, 0], [-9, 0]],
        "d_short": [[0, -9], [0, -9]],
        "b_nan": [[0, np.nan], [0, -9]],
        "f_empty": np.zeros((0, 2)),
        "e_one": [[0, -9], [0, -9], [-9, 0]],
    }
    items = ((name, np.array(rows, np.float32)) for name, rows in likes.items())
    write_matrices(tmp_path / "loglikes.ark", tmp_path / "loglikes.scp", items)
    return tmp_path


@pytest.mark.parametrize("decoder", ["kaldi", "native", "k2"])
def test_good_utterances_go_on_and_bad_ones_are_listed(decoder: str, folder: Path) -> None:
    options = {"lm_weight": 2.0, "lm_weights": [1.0, 4.0], "insertion_penalties": [0.0, 0.5]}
    done = run_program(decoder, folder, "--options", json.dumps(options))
    assert done.returncode == 0, done.stderr
    lines = list(read_json_lines(folder / decoder / "hypotheses.jsonl"))
    ids = [line["utterance_id"] for line in lines]
    assert ids == sorted(ids)
    settings = {(line["lm_weight"], line["insertion_penalty"]) for line in lines}
    assert settings == {(1.0, 0.0), (1.0, 0.5), (2.0, 0.0), (4.0, 0.0), (4.0, 0.5)}
    assert len(lines) == 4 * len(settings)
    fixed = {line["utterance_id"]: line for line in lines if line["lm_weight"] == 2.0}
    words = {name: line["words"] for name, line in fixed.items()}
    assert words["c_one"] == words["e_one"] == ["one"]
    assert words["a_two"] == ["two"]
    assert words["d_short"] == ["one"]
    assert fixed["c_one"]["acoustic_cost"] == 0.0
    assert fixed["c_one"]["graph_cost"] == pytest.approx(0.5 + 0.1 + 0.3 + 0.2, abs=1e-4)
    rejects = {
        reject.utterance_id: reject for reject in read_rejects(folder / decoder / "rejected.tsv")
    }
    assert set(rejects) == {"b_nan", "f_empty"}
    assert rejects["f_empty"].reason == "no frames"
    assert "d_short: no path came to a final state" in done.stderr
    assert "4 utterances, 12 frames" in done.stderr
    assert "1 without a final state, 2 rejected" in done.stderr
    lattices = {
        line["utterance_id"]: line
        for line in read_json_lines(folder / decoder / "lattices.jsonl.gz")
    }
    assert sorted(lattices) == ["a_two", "c_one", "d_short", "e_one"]
    assert [lattices[name]["reached_final"] for name in sorted(lattices)] == [
        True,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize("decoder", ["kaldi", "native", "k2"])
def test_same_input_gives_the_same_bytes(decoder: str, folder: Path) -> None:
    contents = []
    for _ in range(2):
        assert run_program(decoder, folder).returncode == 0
        contents.append([(folder / decoder / name).read_bytes() for name in NAMES])
    assert contents[0] == contents[1]


@pytest.mark.parametrize("decoder", ["kaldi", "native", "k2"])
def test_shards_are_merged_to_the_bytes_of_one_job(decoder: str, folder: Path) -> None:
    assert run_program(decoder, folder).returncode == 0
    out = folder / decoder
    whole = {name: (out / name).read_bytes() for name in NAMES}
    num_shards = 3 if decoder == "k2" else 8  # more than there are utterances: some are empty
    for shard in range(num_shards):
        place = ("--shard", str(shard), "--num-shards", str(num_shards))
        done = run_program(decoder, folder, *place, "--output-dir", str(out / f"shards/{shard}"))
        assert done.returncode == 0, done.stderr
    for name in NAMES:
        (out / name).unlink()
    assert merge_shards([out / f"shards/{n}" for n in range(num_shards)], out) == 4
    assert {name: (out / name).read_bytes() for name in NAMES} == whole


def test_shards_without_any_utterance_are_an_error(folder: Path) -> None:
    for shard in (0, 1):
        write_rejects(folder / f"{shard}/rejected.tsv", [])
        for name in NAMES[:2]:
            write_json_lines(folder / str(shard) / name, [])
    with pytest.raises(UserError, match="no utterance could be decoded; see "):
        merge_shards([folder / "0", folder / "1"], folder)


def test_a_shard_without_its_lattices_is_named_with_the_remedy(folder: Path) -> None:
    shard = folder / "shards/0"
    write_json_lines(shard / "hypotheses.jsonl", [])
    with pytest.raises(UserError, match=r"shards/0/lattices\.jsonl\.gz: missing; delete .*hypoth"):
        merge_shards([shard], folder)


def test_an_archive_is_not_read_in_shards(folder: Path) -> None:
    ark = ("--loglikes", str(folder / "loglikes.ark"), "--num-shards", "2")
    assert "only an scp can be read in shards" in one_line_error(run_program("kaldi", folder, *ark))


def test_word_lattices_of_the_engines_agree(folder: Path) -> None:
    for decoder in ("kaldi", "native", "k2"):
        assert run_program(decoder, folder).returncode == 0
    ours, natives, theirs = (
        list(read_json_lines(folder / decoder / "lattices.jsonl.gz"))
        for decoder in ("kaldi", "native", "k2")
    )
    for mine, yours in zip([*ours, *ours], [*natives, *theirs], strict=True):
        assert mine["utterance_id"] == yours["utterance_id"]
        assert len(mine["arcs"]) == len(yours["arcs"])
        assert path_costs(mine, 8.0) == pytest.approx(path_costs(yours, 8.0), abs=1e-3)


@pytest.mark.parametrize("decoder", ["kaldi", "native", "k2"])
def test_a_long_utterance_without_a_final_state_keeps_its_words(
    decoder: str, tmp_path: Path
) -> None:
    # A circle of three states, the last one final: 80 frames end there, 81 do not.
    arcs = [(0, 1, 1, 0.5, 1), (1, 1, 0, 0.25, 2), (2, 1, 2, 0.25, 0)]
    save_graph(replace(GRAPH, fst=from_tuples(arcs, {2: 0.125})), tmp_path)
    items = ((f"u{n}", np.full((n, 2), -1.0, np.float32)) for n in (80, 81))
    write_matrices(tmp_path / "loglikes.ark", tmp_path / "loglikes.scp", items)
    done = run_program(decoder, tmp_path)
    assert "warning: u81: no path came to a final state" in done.stderr
    assert "u80" not in done.stderr
    lines = list(read_json_lines(tmp_path / decoder / "hypotheses.jsonl"))
    found = {line["utterance_id"]: line for line in lines if line["lm_weight"] == 12.0}
    assert len(found["u80"]["words"]) == 53
    assert found["u80"]["graph_cost"] == pytest.approx(26 * 1.0 + 0.75 + 0.125)
    assert len(found["u81"]["words"]) == 54
    assert found["u81"]["graph_cost"] == pytest.approx(27 * 1.0)
    assert found["u81"]["acoustic_cost"] == pytest.approx(81.0)


def one_line_error(done: subprocess.CompletedProcess[str]) -> str:
    """The message of a failed run."""
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_another_models_scores_are_refused(folder: Path) -> None:
    wide = [("u", np.zeros((3, 5), np.float32))]
    write_matrices(folder / "loglikes.ark", folder / "loglikes.scp", wide)
    message = one_line_error(run_program("kaldi", folder))
    assert "5 columns" in message
    assert "2 pdfs" in message
    assert not (folder / "kaldi" / "hypotheses.jsonl").exists()


def test_another_model_is_refused(folder: Path) -> None:
    (folder / "hmm.json").write_text(json.dumps({"log_prob": [0.0] * 7}))
    done = run_program("kaldi", folder, "--hmm", str(folder / "hmm.json"))
    assert "7 transition-ids, the graph has 2" in one_line_error(done)


def test_a_graph_with_labels_beyond_the_model_is_refused(folder: Path) -> None:
    (folder / "graph.json").write_text(json.dumps({"num_pdfs": 1, "pdf_of_transition_id": "0"}))
    assert "transition-ids" in one_line_error(run_program("kaldi", folder))
    (folder / "graph.json").write_text("5")
    assert "damaged" in one_line_error(run_program("kaldi", folder))


def test_a_missing_or_damaged_graph_is_one_line(folder: Path) -> None:
    data = (folder / "HCLG.fst").read_bytes()
    (folder / "HCLG.fst").write_bytes(data[:-5])
    assert "not a whole OpenFst" in one_line_error(run_program("kaldi", folder))
    (folder / "HCLG.fst").unlink()
    assert "no such graph" in one_line_error(run_program("kaldi", folder))


@pytest.mark.parametrize(
    ("arcs", "final", "message"),
    [
        ([(0, 1, 1, 0.0, 1)], {2: 0.0}, "no final state can be reached"),
        ([(0, 1, 1, 0.0, 1)], {}, "accepts nothing"),
        ([(0, 0, 1, -0.5, 1), (1, 0, 0, 0.1, 0), (0, 1, 1, 0.0, 1)], {1: 0.0}, "cycle of epsilons"),
    ],
)
def test_a_graph_in_which_nothing_ends_is_refused(
    arcs: list[tuple[int, int, int, float, int]],
    final: dict[int, float],
    message: str,
    folder: Path,
) -> None:
    """By all decoders, who read it by the same function."""
    fst = from_tuples([*arcs, (2, 1, 1, 0.0, 2)], final)
    write_fst(folder / "HCLG.fst", fst, "const")
    with pytest.raises(UserError, match=f"HCLG.fst: .*{message}"):
        SearchGraph.read(folder / "HCLG.fst", folder / "words.txt")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("{beam", "cannot be read"),
        ('""', "cannot be read"),
        ('{"baem": 3}', "baem: unknown key"),
        ('{"beam": 0}', "above 0"),
    ],
)
def test_wrong_options_are_one_line(folder: Path, options: str, message: str) -> None:
    assert message in one_line_error(run_program("kaldi", folder, "--options", options))


def test_nothing_decoded_is_an_error(folder: Path) -> None:
    write_matrices(
        folder / "loglikes.ark", folder / "loglikes.scp", [("u", np.zeros((0, 2), np.float32))]
    )
    done = run_program("kaldi", folder)
    assert done.returncode == 1
    assert "no utterance could be decoded" in done.stderr


def test_batches_hold_each_utterance_once_and_stay_small() -> None:
    rng = np.random.default_rng(1)
    lengths = [*rng.integers(1, 900, 40).tolist(), 3 * BATCH_FRAMES]
    utterances = [
        Utterance(f"u{n}", np.zeros((length, 2), np.float32)) for n, length in enumerate(lengths)
    ]
    groups = list(batches(utterances))
    names = [utterance.utterance_id for group in groups for utterance in group]
    assert sorted(names) == sorted(utterance.utterance_id for utterance in utterances)
    for group in groups:
        longest = max(len(utterance.log_likes) for utterance in group)
        assert len(group) == 1 or longest * len(group) <= BATCH_FRAMES

"""The program that makes HCLG: its files, and one line for what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import kaldifst
import pytest

from pipeline.config import GrammarOptions, LangOptions
from pipeline.graph.fst import from_tuples
from pipeline.graph.grammar import grammar_fst
from pipeline.graph.openfst import write_fst
from pipeline.hmm.lang import prepare_lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.topology import Topology
from pipeline.hmm.tree import monophone_tree


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A lang of two words, G and a monophone model."""
    lang = prepare_lang([("ONE", 1.0, ["w", "n"]), ("TWO", 1.0, ["t"])], LangOptions())
    lang.save(tmp_path / "lang")
    write_fst(tmp_path / "G.fst", grammar_fst(lang, GrammarOptions(type="loop")))
    topology = Topology.for_lang(lang)
    Hmm.initial(topology, monophone_tree(lang, topology)).save(tmp_path / "hmm.json")
    return tmp_path


def run_program(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run make_graph."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "pipeline.bin.make_graph", "--lang", str(folder / "lang")),
            *("--grammar", str(folder / "G.fst"), "--hmm", str(folder / "hmm.json")),
            *("--output", str(folder / "graph" / "HCLG.fst"), *more),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def test_program_writes_a_const_fst_and_its_summary(folder: Path) -> None:
    done = run_program(folder, "--options", '{"self_loop_scale": 1.0}')
    assert done.returncode == 0, done.stderr
    hclg = kaldifst.StdConstFst.read(str(folder / "graph" / "HCLG.fst"))
    summary = json.loads((folder / "graph" / "graph.json").read_text())
    assert (hclg.type, hclg.num_states) == ("const", summary["states"])
    assert sum(hclg.num_arcs(s) for s in range(hclg.num_states)) == summary["arcs"]
    hmm = Hmm.load(folder / "hmm.json")
    pdfs = [int(pdf) for pdf in summary["pdf_of_transition_id"].split()]
    assert pdfs == hmm.transitions.pdf_of[1:].tolist()
    assert summary["num_pdfs"] == hmm.num_pdfs
    # With all scales 1 a path's cost is a probability, so HCLG itself is (nearly) stochastic.
    found = summary["stages"]["HCLG"]["stochasticity"]
    assert found["highest"] - found["lowest"] < 0.05


def test_same_input_gives_the_same_bytes(folder: Path) -> None:
    contents = []
    for _ in range(2):
        assert run_program(folder).returncode == 0
        contents.append((folder / "graph" / "HCLG.fst").read_bytes())
    assert contents[0] == contents[1]


def check_one_line(done: subprocess.CompletedProcess[str], message: str) -> None:
    """It failed with one line on standard error."""
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_a_grammar_of_another_lang_is_refused(folder: Path) -> None:
    write_fst(folder / "G.fst", from_tuples([(0, 77, 77, 0.0, 1)], {1: 0.0}))
    check_one_line(run_program(folder), "label 77 is no word of the lang")


def test_missing_files_and_wrong_options_are_one_line(folder: Path) -> None:
    check_one_line(run_program(folder, "--options", '{"scale": 1}'), "scale")
    check_one_line(run_program(folder, "--hmm", str(folder / "no.json")), "no.json")
    check_one_line(run_program(folder, "--grammar", str(folder / "no.fst")), "no.fst")


def test_a_model_of_other_phones_is_refused(folder: Path) -> None:
    other = prepare_lang([("ONE", 1.0, ["w"])], LangOptions())
    topology = Topology.for_lang(other)
    Hmm.initial(topology, monophone_tree(other, topology)).save(folder / "hmm.json")
    check_one_line(run_program(folder), "no phone")

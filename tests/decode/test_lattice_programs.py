"""The programs over lattices: rescoring and export, on a search of tones with known words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.align.ctm import read_ctm
from pipeline.bin import export_lattices, rescore_lattices, rescore_n_best
from pipeline.config import DecodeOptions, GrammarOptions, LmOptions
from pipeline.decode.inputs import Utterance
from pipeline.decode.lattice_files import read_kaldi_text
from pipeline.decode.recogniser import Recogniser
from pipeline.decode.word_lattice import word_lattices
from pipeline.graph.fst import from_tuples
from pipeline.graph.grammar import grammar_fst
from pipeline.graph.openfst import parse_lattice, write_fst
from pipeline.hmm.lang import Lang
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines, write_json_lines
from pipeline.lm.train import train_lm
from pipeline.score.hypotheses import Setting, read_hypotheses
from tests.decode.tone_model import WORD_SECONDS, audio, export_tone_model
from tests.score.scoring_inputs import write_cuts

WORDS = ["LOW", "HIGH", "LOW"]


@pytest.fixture(scope="module")
def decoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the tone model, lattices.jsonl.gz of one utterance, and G of its search."""
    folder = tmp_path_factory.mktemp("decoded")
    export_tone_model(folder)
    recogniser = Recogniser.open(folder / "export")
    frames = recogniser.extract(audio(WORDS)[0].astype(np.float32))
    likes = recogniser.log_likelihoods(frames, recogniser.statistics(frames))
    batch = recogniser.search.decode([Utterance("u", likes)])
    lattices = word_lattices(batch, 10.0, 100.0, recogniser.graph.words.name)
    write_json_lines(folder / "lattices.jsonl.gz", lattices)
    loop = grammar_fst(Lang.load(folder / "lang"), GrammarOptions(type="loop"))
    write_fst(folder / "loop.fst", loop)
    return folder


def rescore(folder: Path, new: Path, output: Path) -> None:
    """Run the program."""
    options = DecodeOptions(lm_weights=(8.0, 10.0), lm_weight=10.0, insertion_penalties=(0.0,))
    rescore_lattices.main([
        *("--lattices", str(folder / "lattices.jsonl.gz")),
        *("--words", str(folder / "lang/words.txt")),
        *("--old", str(folder / "loop.fst"), "--new", str(new)),
        *("--options", options.model_dump_json(), "--output-dir", str(output)),
    ])  # fmt: skip


def test_the_new_grammar_decides(decoded: Path, tmp_path: Path) -> None:
    lang = Lang.load(decoded / "lang")
    rescore(decoded, decoded / "loop.fst", tmp_path / "same")
    same = read_hypotheses(tmp_path / "same/hypotheses.jsonl")
    assert set(same) == {Setting(8.0, 0.0), Setting(10.0, 0.0)}
    assert same[Setting(10.0, 0.0)]["u"].words == tuple(WORDS)
    assert list(read_json_lines(tmp_path / "same/lattices.jsonl.gz")) == list(
        read_json_lines(decoded / "lattices.jsonl.gz")
    )
    low = lang.words["LOW"]
    only_low = from_tuples([(0, low, low, 0.1, 0)], {0: 0.0})
    write_fst(tmp_path / "low.fst", only_low)
    with pytest.raises(UserError, match="nothing could be rescored"):
        rescore(decoded, tmp_path / "low.fst", tmp_path / "low")


def test_export(decoded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lang = Lang.load(decoded / "lang")
    cuts = write_cuts(tmp_path / "cuts.jsonl.gz", {"u": ("s", "LOW HIGH LOW"), "v": ("s", "LOW")})
    export_lattices.main([
        *("--lattices", str(decoded / "lattices.jsonl.gz"), "--lang", str(decoded / "lang")),
        *("--hmm", str(decoded / "gmm/hmm.json"), "--cuts", str(cuts)),
        *("--output-dir", str(tmp_path / "out")),
    ])  # fmt: skip
    lattices = list(read_json_lines(decoded / "lattices.jsonl.gz"))
    assert list(read_kaldi_text(tmp_path / "out/lattices.txt", lang.words, 10.0)) == lattices
    assert parse_lattice((tmp_path / "out/fst/u.fst").read_bytes()).start == 0
    segments = read_ctm(tmp_path / "out/words.ctm")["u"]
    assert [segment.label for segment in segments] == WORDS
    starts = [start for _, start in audio(WORDS)[1]]
    assert [segment.start for segment in segments] == pytest.approx(starts, abs=0.04)
    for segment in segments:
        assert segment.end - segment.start == pytest.approx(WORD_SECONDS, abs=0.05)
    assert capsys.readouterr().out == "oracle %WER 25.00 [ 1 / 4 ]\n"  # v has no lattice


def test_the_best_sentences_with_a_language_model(decoded: Path, tmp_path: Path) -> None:
    lang = Lang.load(decoded / "lang")
    text = [["LOW", "HIGH", "LOW"]] * 20
    train_lm(text, lang, LmOptions(hidden_dim=8, embedding_dim=8), 1, tmp_path / "lm")
    options = DecodeOptions(lm_weights=(8.0, 10.0), lm_weight=10.0, insertion_penalties=(0.0,))
    command = [
        *("--lattices", str(decoded / "lattices.jsonl.gz"), "--lm", str(tmp_path / "lm")),
        *("--words", str(decoded / "lang/words.txt"), "--old", str(decoded / "loop.fst")),
        *("--options", options.model_dump_json(), "--output-dir", str(tmp_path / "out")),
    ]
    rescore_n_best.main(command)
    found = read_hypotheses(tmp_path / "out/hypotheses.jsonl")
    assert set(found) == {Setting(8.0, 0.0), Setting(10.0, 0.0)}
    assert found[Setting(10.0, 0.0)]["u"].words == tuple(WORDS)
    with pytest.raises(UserError, match="--weight"):
        rescore_n_best.main([*command, "--weight", "2"])

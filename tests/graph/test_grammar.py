"""Grammars of word lists, and what is refused."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import GrammarOptions, LangOptions
from pipeline.graph.arpa import arpa_fst, read_arpa
from pipeline.graph.fst import Fst, from_tuples
from pipeline.graph.grammar import check_grammar, grammar_fst
from pipeline.graph.openfst import read_fst
from pipeline.hmm.lang import Lang, prepare_lang
from pipeline.io.errors import UserError
from pipeline.io.json_lines import write_json_lines
from tests.graph.definition import strings_of_fst

WORDS = ["NO", "ONE", "YES"]


@pytest.fixture
def lang() -> Lang:
    """Three words and an unknown one."""
    lexicon = [(word, 1.0, [*word.lower()]) for word in [*WORDS, "<UNK>"]]
    return prepare_lang(lexicon, LangOptions(unknown_word="<UNK>"))


def sentences(fst: Fst, lang: Lang, longest: int = 3) -> dict[tuple[str, ...], float]:
    """Accepted word sequences and their costs."""
    return {
        tuple(lang.words.name(i) for i in outputs): cost
        for (_, outputs), cost in strings_of_fst(fst, longest).items()
    }


def test_one_word_is_uniform_over_the_lexicon_without_the_unknown_word(lang: Lang) -> None:
    found = sentences(grammar_fst(lang, GrammarOptions(type="one_word")), lang)
    assert found == pytest.approx({(word,): math.log(3) for word in WORDS})


def test_a_list_of_words_restricts_and_repeats_nothing(lang: Lang) -> None:
    options = GrammarOptions(type="one_word", words=("YES", "NO", "YES"))
    found = sentences(grammar_fst(lang, options), lang)
    assert found == pytest.approx({("NO",): math.log(2), ("YES",): math.log(2)})


def test_loop_has_every_sequence_of_a_word_or_more(lang: Lang) -> None:
    found = sentences(grammar_fst(lang, GrammarOptions(type="loop")), lang)
    expected = {
        sentence: math.log(3) + n * math.log(4)
        for n in range(1, 4)
        for sentence in itertools.product(WORDS, repeat=n)
    }
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("words", "message"), [(("YES", "MAYBE"), "'MAYBE' has no pronunciation"), ((), "empty")]
)
def test_wrong_word_lists_are_refused(lang: Lang, words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        grammar_fst(lang, GrammarOptions(type="loop", words=words))


def test_cycles_without_words_are_refused(lang: Lang) -> None:
    word, backoff = lang.words.id("YES"), lang.words.id("#0")
    check_grammar(from_tuples([(0, word, word, 0.0, 1), (1, backoff, 0, 0.5, 0)], {1: 0.0}), lang)
    cyclic = from_tuples(
        [(0, word, word, 0.0, 1), (1, backoff, 0, 0.5, 2), (2, 0, 0, 0.5, 1)], {1: 0.0}
    )
    with pytest.raises(UserError, match="cycle"):
        check_grammar(cyclic, lang)


def test_what_accepts_nothing_or_foreign_words_is_refused(lang: Lang) -> None:
    word = lang.words.id("YES")
    with pytest.raises(UserError, match="no sentence"):
        check_grammar(from_tuples([(0, word, word, 0.0, 1)], {2: 0.0}), lang)
    with pytest.raises(UserError, match="no word of the lang"):
        check_grammar(from_tuples([(0, 99, 99, 0.0, 1)], {1: 0.0}), lang)


def run_program(lang: Lang, folder: Path, grammar: dict[str, Any], *more: str) -> Any:
    """Run make_grammar."""
    lang.save(folder / "lang")
    return subprocess.run(
        [
            *(sys.executable, "-m", "pipeline.bin.make_grammar", "--lang", str(folder / "lang")),
            *("--grammar", json.dumps(grammar), "--output", str(folder / "G.fst"), *more),
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def test_program_writes_the_grammar(lang: Lang, tmp_path: Path) -> None:
    assert run_program(lang, tmp_path, {"type": "one_word"}).returncode == 0
    found = sentences(read_fst(tmp_path / "G.fst"), lang)
    assert sorted(found) == [(word,) for word in WORDS]


def test_program_estimates_an_ngram_model(lang: Lang, tmp_path: Path) -> None:
    """Its costs are those of the model that it writes beside G."""
    sentences = [["YES", "NO"], ["NO"], ["YES", "MAYBE", "ONE"], ["YES", "NO", "YES"]]
    cuts = [{"id": "u", "supervisions": [{"text": " ".join(words)}]} for words in sentences]
    write_json_lines(tmp_path / "cuts.jsonl.gz", cuts)
    text = tmp_path / "text"
    text.write_text("".join(" ".join(words) + "\n" for words in sentences), encoding="utf-8")
    options = {"type": "ngram", "order": 2, "test_file": str(text)}
    done = run_program(lang, tmp_path, options, "--cuts", str(tmp_path / "cuts.jsonl.gz"))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("perplexity") == 2
    assert "1 unknown words left out" in done.stderr
    path = tmp_path / "lm.arpa.gz"
    model = read_arpa(path)
    model_fst = arpa_fst(model, lang.words, path, lang.unknown_word)
    found = strings_of_fst(read_fst(tmp_path / "G.fst"), 4)
    assert found == pytest.approx(strings_of_fst(model_fst, 4), abs=1e-5)
    assert math.fsum(10**p for w, (p, _) in model.ngrams[0].items()) == pytest.approx(1.0)
    done = run_program(lang, tmp_path, {"type": "ngram", "order": 2, "file": str(text)})
    assert done.returncode == 0
    assert read_arpa(path) == model
    done = run_program(lang, tmp_path, {"type": "ngram"})
    assert done.stderr.startswith("error: --cuts: an ngram grammar needs it")


@pytest.mark.parametrize(
    "grammar",
    [
        {"type": "loop", "words": ["MAYBE"]},
        {"type": "loop", "words": []},
        {"type": "loops"},
        {"type": "arpa", "file": "nowhere.arpa"},
        {"type": "ngram", "file": "nowhere.txt"},
        {"type": "jsgf", "file": "nowhere.jsgf"},
    ],
)
def test_program_gives_one_line_and_no_file(
    lang: Lang, tmp_path: Path, grammar: dict[str, Any]
) -> None:
    done = run_program(lang, tmp_path, grammar)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "G.fst").exists()

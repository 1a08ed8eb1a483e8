"""ARPA files: costs of sentences against back-off arithmetic, and damaged files."""

from __future__ import annotations

import gzip
import itertools
import logging
import math
from pathlib import Path

import pytest

from pipeline.config import GrammarOptions, LangOptions
from pipeline.graph.arpa import LN10, Arpa, arpa_fst, read_arpa, write_arpa
from pipeline.graph.grammar import grammar_fst
from pipeline.hmm.lang import Lang, prepare_lang
from pipeline.io.errors import UserError
from pipeline.io.symbols import SymbolTable
from tests.graph.definition import strings_of_fst

TRIGRAM = """
\\data\\
ngram 1=5
ngram 2=5
ngram 3=2

\\1-grams:
-99 <s> -0.30
-0.7 </s>
-0.6 a -0.2
-0.8 b -0.1
-1.2 c

\\2-grams:
-0.3 <s> a -0.15
-0.5 a b -0.25
-0.4 b a
-0.2 b </s>
-0.9 a a

\\3-grams:
-0.1 <s> a b
-0.35 a b </s>

\\end\\
"""


@pytest.fixture
def lang() -> Lang:
    """Words a, b, c."""
    return prepare_lang([(word, 1.0, [word]) for word in "abc"], LangOptions())


def write(path: Path, text: str = TRIGRAM) -> Path:
    """The file."""
    path.write_text(text, encoding="utf-8")
    return path


def log10_prob(arpa: Arpa, history: tuple[str, ...], word: str) -> float:
    """Katz's back-off recursion."""
    history = history[max(0, len(history) - arpa.order + 1) :]
    ngram = (*history, word)
    if ngram in arpa.ngrams[len(ngram) - 1]:
        return arpa.ngrams[len(ngram) - 1][ngram][0]
    backoff = arpa.ngrams[len(history) - 1].get(history, (0.0, 0.0))[1]
    return backoff + log10_prob(arpa, history[1:], word)


def least_cost(arpa: Arpa, sentence: tuple[str, ...]) -> float:
    """Cost of the best way through a back-off FST, which may back off although it need not.

    A state is a history that some n-gram continues; from the state after i words each state's
    n-grams and its back-off are tried.
    """
    continued = {ngram[:-1] for table in arpa.ngrams for ngram in table}

    def state(history: tuple[str, ...]) -> tuple[str, ...]:
        history = history[max(0, len(history) - arpa.order + 1) :]
        while history and history not in continued:
            history = history[1:]
        return history

    def best(history: tuple[str, ...], rest: tuple[str, ...]) -> float:
        ways = []
        ngram = (*history, rest[0])
        if ngram in arpa.ngrams[len(ngram) - 1]:
            here = -arpa.ngrams[len(ngram) - 1][ngram][0] * math.log(10)
            more = best(state(ngram), rest[1:]) if len(rest) > 1 else 0.0
            ways.append(here + more)
        if history:
            backoff = arpa.ngrams[len(history) - 1][history][1]
            ways.append(-backoff * math.log(10) + best(state(history[1:]), rest))
        return min(ways)

    return best(state(("<s>",)), (*sentence, "</s>"))


def test_sentences_cost_what_the_model_says(lang: Lang, tmp_path: Path) -> None:
    arpa = read_arpa(write(tmp_path / "lm.arpa"))
    fst = arpa_fst(arpa, lang.words, tmp_path / "lm.arpa")
    backoff = lang.words.id("#0")
    found: dict[tuple[str, ...], float] = {}
    for (inputs, outputs), cost in strings_of_fst(fst, 9).items():
        assert tuple(i for i in inputs if i != backoff) == outputs
        words = tuple(lang.words.name(i) for i in outputs)
        found[words] = min(cost, found.get(words, math.inf))
    for n in range(4):
        for sentence in itertools.product("abc", repeat=n):
            assert found[sentence] == pytest.approx(least_cost(arpa, sentence), abs=1e-5)
    # Where backing off is never the better way, that is the model's own probability.
    history = ("<s>", "a", "b", "</s>")
    model = sum(log10_prob(arpa, history[:n], history[n]) for n in range(1, 4))
    assert found["a", "b"] == pytest.approx(-model * math.log(10), abs=1e-5)


def test_gzipped_file_is_read(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "lm.arpa.gz", "wt", encoding="utf-8") as stream:
        stream.write(TRIGRAM)
    assert read_arpa(tmp_path / "lm.arpa.gz") == read_arpa(write(tmp_path / "lm.arpa"))


@pytest.mark.parametrize("name", ["out.arpa", "out.arpa.gz"])
def test_what_was_written_is_read_again(name: str, tmp_path: Path) -> None:
    arpa = read_arpa(write(tmp_path / "lm.arpa"))
    write_arpa(tmp_path / name, arpa)
    assert read_arpa(tmp_path / name) == arpa
    first = (tmp_path / name).read_bytes()
    write_arpa(tmp_path / name, arpa)
    assert (tmp_path / name).read_bytes() == first


def test_an_empty_model_is_refused(lang: Lang, tmp_path: Path) -> None:
    path = write(tmp_path / "lm.arpa", "\\data\\\nngram 1=0\n\\1-grams:\n\\end\\\n")
    with pytest.raises(UserError, match="no word of it is in the lexicon"):
        arpa_fst(read_arpa(path), lang.words, path)
    path = write(tmp_path / "lm.arpa", TRIGRAM.replace("</s>", "c0"))
    with pytest.raises(UserError, match="no n-gram ends with </s>"):
        arpa_fst(read_arpa(path), lang.words, path)


def test_a_missing_back_off_weight_is_one(lang: Lang, tmp_path: Path) -> None:
    """As SRILM leaves it out, log10 weight 0; c has none, and 'c c' backs off to c alone."""
    path = write(tmp_path / "lm.arpa", TRIGRAM.replace("-0.9 a a", "-0.9 c a"))
    fst = arpa_fst(read_arpa(path), lang.words, path)
    c, backoff = lang.words.id("c"), lang.words.id("#0")
    costs = {
        tuple(i for i in inputs if i != backoff): cost
        for (inputs, _), cost in sorted(strings_of_fst(fst, 6).items(), key=lambda item: -item[1])
    }
    assert costs[c, c] == pytest.approx((0.3 + 1.2 + 0.0 + 1.2 + 0.0 + 0.7) * LN10, abs=1e-5)


def test_words_without_pronunciation_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "lm.arpa")
    words = SymbolTable(["a", "#0", "<s>", "</s>"])
    with caplog.at_level(logging.WARNING):
        fst = arpa_fst(read_arpa(path), words, path)
    assert "7 of 12 n-grams left out" in caplog.text
    outputs = {out for _, out in strings_of_fst(fst, 4)}
    assert {i for out in outputs for i in out} == {words.id("a")}
    with pytest.raises(UserError, match="no word of it is in the lexicon"):
        arpa_fst(read_arpa(path), SymbolTable(["x", "#0", "<s>", "</s>"]), path)


def test_unk_stands_for_the_langs_unknown_word(tmp_path: Path) -> None:
    text = "\\data\\\nngram 1=3\n\\1-grams:\n-1 <unk>\n-0.5 a\n-0.3 </s>\n\\end\\\n"
    lexicon = [("a", 1.0, ["a"]), ("<OOV>", 1.0, ["b"])]
    lang = prepare_lang(lexicon, LangOptions(unknown_word="<OOV>"))
    options = GrammarOptions(type="arpa", file=str(write(tmp_path / "lm.arpa", text)))
    fst = grammar_fst(lang, options)
    strings = strings_of_fst(fst, 1)
    oov = lang.words.id("<OOV>")
    assert strings[(oov,), (oov,)] == pytest.approx(1.3 * math.log(10), abs=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ngram 2=5", "ngram 2=6", "line 4: it says 6 2-grams, the file has 5"),
        ("ngram 2=5", "ngram 3=5", "line 4: expected 'ngram 2=COUNT'"),
        ("ngram 2=5", "ngram 2=five", "line 4: expected 'ngram 2=COUNT'"),
        ("\\data\\", "data", "no \\\\data\\\\ line"),
        ("-0.6 a -0.2", "-0.6", "line 10: expected a log10 probability, 1 words"),
        ("-0.6 a -0.2", "0.6 a -0.2", "line 10: log10 probability 0.6 is above 0"),
        ("-0.6 a -0.2", "-O.6 a -0.2", "line 10: expected a log10 probability"),
        ("-0.9 a a", "-0.9 a b", "line 19: 'a b' comes twice"),
        ("-0.9 a a", "-0.9 x a", "line 19: the history 'x' is no 1-gram"),
        ("\\3-grams:", "\\4-grams:", "expected \\\\3-grams:"),
        ("\\end\\", "", "the file ends before"),
    ],
)
def test_damaged_files_give_one_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TRIGRAM
    with pytest.raises(UserError, match=message):
        read_arpa(write(tmp_path / "lm.arpa", TRIGRAM.replace(old, new)))


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lm.arpa").write_bytes(TRIGRAM.replace("c\n", "\xe9\n").encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8"):
        read_arpa(tmp_path / "lm.arpa")

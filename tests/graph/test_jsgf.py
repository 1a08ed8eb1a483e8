"""Command grammars: sentences and costs against enumeration, and what is refused, and where."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.config import GrammarOptions, LangOptions
from pipeline.graph.grammar import check_grammar, grammar_fst
from pipeline.graph.jsgf import JsgfError, parse_jsgf, read_jsgf
from pipeline.graph.jsgf_fst import jsgf_fst
from pipeline.hmm.lang import Lang, prepare_lang
from pipeline.io.errors import UserError
from tests.graph.definition import strings_of_fst
from tests.graph.jsgf_sentences import sentences

HEADER = "#JSGF V1.0;\ngrammar test;\n"
LANG = prepare_lang([(word, 1.0, [word]) for word in ("a", "b", "c")], LangOptions())
COMMANDS = """#JSGF V1.0 UTF-8 en;
// What the lamp obeys.
grammar lamp;
/* <name> is not public:
   no sentence begins with it. */
<name> = lamp | kitchen lamp {there};
public <switch> = [please] switch <name> (on | off);
public <dim> = /3/ dim <name> | /1/ "dim" <name> (very)+;
"""


def found(lang: Lang, text: str, longest: int) -> dict[tuple[str, ...], float]:
    """Sentences that the FST accepts."""
    fst = jsgf_fst(parse_jsgf(text), lang, Path("test.jsgf"), max_states=300)
    check_grammar(fst, lang)
    strings = strings_of_fst(fst, longest)
    assert all(inputs == outputs for inputs, outputs in strings)
    return {
        tuple(lang.words.name(i) for i in outputs): cost for (_, outputs), cost in strings.items()
    }


def test_commands() -> None:
    words = ["lamp", "kitchen", "please", "switch", "on", "off", "dim", "very"]
    lang = prepare_lang([(word, 1.0, [*word]) for word in words], LangOptions())
    table = found(lang, COMMANDS, 5)
    half = math.log(2)
    assert table["switch", "lamp", "on"] == pytest.approx(4 * half, abs=1e-4)
    assert table["please", "switch", "kitchen", "lamp", "off"] == pytest.approx(4 * half, abs=1e-4)
    assert table["dim", "lamp"] == pytest.approx(2 * half - math.log(3 / 4), abs=1e-4)
    assert table["dim", "lamp", "very", "very"] == pytest.approx(
        4 * half - math.log(1 / 4), abs=1e-4
    )
    assert len(table) == 8 + 2 + 3 + 2


def expansions() -> st.SearchStrategy[str]:
    """Texts of expansions."""
    leaves = st.sampled_from(["a", "b", "c", "<other>", "<NULL>", "<VOID>", '"a b"', "a {tag}"])

    def more(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        branches = st.lists(inner, min_size=1, max_size=3)
        weighted = st.lists(st.tuples(st.integers(0, 3), inner), min_size=1, max_size=3)
        return st.one_of(
            branches.map(" ".join),
            branches.map(lambda parts: f"({' | '.join(parts)})"),
            weighted.filter(lambda parts: any(w for w, _ in parts)).map(
                lambda parts: f"({' | '.join(f'/{w}.5e0/ {part}' for w, part in parts)})"
            ),
            inner.map(lambda part: f"[{part}]"),
            inner.map(lambda part: f"({part})*"),
            inner.map(lambda part: f"({part})+"),
        )

    return st.recursive(leaves, more, max_leaves=5)


@settings(max_examples=60)
@given(expansions(), expansions())
def test_sentences_and_costs_are_those_of_the_derivations(first: str, second: str) -> None:
    text = f"{HEADER}public <first> = {first} c;\n<other> = {second.replace('<other>', 'b')};"
    expected = sentences(parse_jsgf(text), 4)
    try:
        table = found(LANG, text, 4)
    except UserError as error:
        refused = str(error)
    else:
        refused = ""
    if not expected:
        assert "nothing can be said" in refused
        return
    assume("different costs" not in refused)
    assert table.keys() == expected.keys()
    assert table == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grammar a;", "line 1, column 1: expected '#JSGF V1.0;'"),
        ("#JSGF V1.0;\nrules a;", "line 2, column 1: expected 'grammar NAME;', found 'rules'"),
        ("#JSGF V1.0;\ngrammar a", "line 2, column 10: expected ';'"),
        (f"{HEADER}import <x.y>;", "line 3, column 1: imports are not read"),
        (f"{HEADER}public <a> b;", "line 3, column 12: expected '=' after <a>, found 'b'"),
        (f"{HEADER}public <a> = b", "line 3, column 15: expected ';' at the end of <a>"),
        (f"{HEADER}public <a> = ;", "line 3, column 14: expected words, found ';'"),
        (f"{HEADER}public <a> = (b | );", "line 3, column 19: expected words, found '\\)'"),
        (f"{HEADER}public <a> = (b;", "line 3, column 16: expected '\\)' to close line 3's '\\('"),
        (f"{HEADER}public <a> = b];", "line 3, column 15: expected ';'"),
        (f"{HEADER}public <a> = b {{c;", "line 3, column 16: this tag does not end"),
        (f'{HEADER}public <a> = "b;', "line 3, column 14: this quoted word does not end"),
        (f"{HEADER}public <a> = <b;", "line 3, column 14: this rule name does not end"),
        (f"{HEADER}public <a> = b }};", "line 3, column 16: '}' is not expected"),
        (f"{HEADER}<a> = b;", "line 3, column 9: no rule is public"),
        (f"{HEADER}public <a> = b;\n<a> = c;", "line 4, column 1: the rule <a> comes twice"),
        (f"{HEADER}public <NULL> = b;", "line 3, column 8: <NULL> cannot be defined"),
        (f"{HEADER}public <a> = b <c>;", "line 3, column 16: there is no rule <c>"),
        (f"{HEADER}public <a> = b <a>;", "line 3, column 16: <a> uses itself"),
        (f"{HEADER}public <a> = <b>;\n<b> = c [<a>];", "line 4, column 10: <a> uses itself"),
        (f"{HEADER}public <a> = /x/ b;", "line 3, column 14: weight 'x': expected a number"),
        (f"{HEADER}public <a> = /-1/ b;", "line 3, column 14: weight '-1'"),
        (f"{HEADER}public <a> = /1/ b | c;", "line 3, column 14: some alternatives have a weight"),
        (f"{HEADER}public <a> = /0/ b;", "line 3, column 14: the weights .* are all 0"),
        (f"{HEADER}public <a> = {'(' * 200}b{')' * 200};", "line 3, column 114: over 100 groups"),
    ],
)
def test_mistakes_are_named_with_their_place(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "test.jsgf"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=f"test.jsgf: {message}"):
        read_jsgf(path)


@settings(max_examples=300)
@given(
    st.one_of(
        st.text(alphabet='ab<>=|;()[]*+/{}"\\ \n.1#', max_size=40).map(lambda text: HEADER + text),
        st.text(max_size=60),
    )
)
def test_any_text_is_parsed_or_refused_with_a_place(text: str) -> None:
    try:
        grammar = parse_jsgf(text)
    except JsgfError as error:
        said = str(error)
    else:
        said = "line " if any(rule.public for rule in grammar.rules.values()) else ""
    assert said.startswith("line ")


def grammar_of(tmp_path: Path, text: str) -> None:
    """Make its G."""
    path = tmp_path / "test.jsgf"
    path.write_text(HEADER + text, encoding="utf-8")
    grammar_fst(LANG, GrammarOptions(type="jsgf", file=str(path)))


def test_what_cannot_be_said_or_built_is_refused(tmp_path: Path) -> None:
    grammar_of(tmp_path, "public <x> = a b* [c];")
    with pytest.raises(UserError, match="line 3, column 16: 'd' has no pronunciation"):
        grammar_of(tmp_path, "public <x> = a d;")
    with pytest.raises(UserError, match="nothing can be said"):
        grammar_of(tmp_path, "public <x> = a <VOID>;")
    with pytest.raises(UserError, match="different costs"):
        grammar_of(tmp_path, "public <x> = a+ | (a a a)+ b;")
    doubled = "".join(f"<r{n}> = <r{n + 1}> <r{n + 1}>;\n" for n in range(30))
    with pytest.raises(UserError, match="make it smaller"):
        grammar_of(tmp_path, f"public <x> = <r0>;\n{doubled}<r30> = a;")
    (tmp_path / "latin.jsgf").write_bytes(b"#JSGF V1.0;\ngrammar caf\xe9;")
    with pytest.raises(UserError, match="not UTF-8"):
        read_jsgf(tmp_path / "latin.jsgf")
    with pytest.raises(FileNotFoundError):
        read_jsgf(tmp_path / "none.jsgf")

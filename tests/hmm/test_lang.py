"""Lang: Kaldi's symbol tables, position-dependent phones and disambiguation symbols."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import LangOptions
from pipeline.hmm.lang import Lang, Pronunciation, disambiguate, position_phones, prepare_lang
from pipeline.io.errors import UserError
from tests.hmm.toy_hmm import LEXICON, Entry, quick, toy_lang

lexica = st.lists(
    st.tuples(
        st.sampled_from(["one", "two", "three", "four"]),
        st.just(1.0),
        st.lists(st.sampled_from("XYZ"), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=10,
)


def kaldi_disambiguation(pronunciations: list[tuple[str, ...]]) -> list[int]:
    """The rules in the comments of utils/add_lex_disambig.pl, one after the other."""
    symbols = []
    last_of: dict[tuple[str, ...], int] = {}
    for phones in pronunciations:
        unique = pronunciations.count(phones) == 1
        prefix = any(
            len(other) > len(phones) and other[: len(phones)] == phones for other in pronunciations
        )
        if unique and not prefix:
            symbols.append(0)
        else:
            last_of[phones] = last_of.get(phones, 0) + 1
            symbols.append(last_of[phones])
    return symbols


@quick
@given(lexica)
def test_disambiguation_follows_the_rules_of_add_lex_disambig(lexicon: list[Entry]) -> None:
    entries = tuple(Pronunciation(w, p, tuple(phones)) for w, p, phones in lexicon)
    assert disambiguate(entries) == kaldi_disambiguation([e.phones for e in entries])


@quick
@given(lexica)
def test_disambiguated_pronunciations_are_prefix_free_but_for_different_symbols(
    lexicon: list[Entry],
) -> None:
    lang = toy_lang(lexicon)
    strings = [
        (*entry.phones, f"#{n}") if n else entry.phones
        for entry, n in zip(lang.lexicon, disambiguate(lang.lexicon), strict=True)
    ]
    assert len(set(strings)) == len(strings)
    assert not any(a != b and b[: len(a)] == a for a in strings for b in strings)


@quick
@given(lexica)
def test_one_more_symbol_than_pronunciations_need_is_there_for_silence(
    lexicon: list[Entry],
) -> None:
    lang = toy_lang(lexicon)
    needed = max(kaldi_disambiguation([e.phones for e in lang.lexicon]))
    assert lang.num_disambiguation == needed + 1
    assert [p for p in lang.phones if p.startswith("#")] == [f"#{n}" for n in range(needed + 2)]


def test_symbol_tables_are_laid_out_as_prepare_lang_does() -> None:
    lang = toy_lang()
    assert list(lang.phones) == ["<eps>", "SIL", "A", "B", "C", "#0", "#1", "#2"]
    assert list(lang.words) == ["<eps>", "ab", "ba", "c", "#0", "<s>", "</s>"]
    assert lang.phone_set_ids() == [[1], [2], [3], [4]]
    assert lang.silence_phone_ids() == [1]
    assert lang.nonsilence_phone_ids() == [2, 3, 4]
    assert [(e.word, e.probability) for e in lang.pronunciations["ba"]] == [
        ("ba", 0.3),
        ("ba", 0.7),
    ]


@pytest.mark.parametrize(
    ("phones", "expected"),
    [
        (("A",), ("A_S",)),
        (("A", "B"), ("A_B", "B_E")),
        (("A", "B", "C"), ("A_B", "B_I", "C_E")),
        (("A", "A", "A", "A"), ("A_B", "A_I", "A_I", "A_E")),
    ],
)
def test_positions_are_marked_as_kaldi_does(
    phones: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert position_phones(phones) == expected


def test_position_dependent_phones_share_a_set_with_their_base_phone() -> None:
    lang = toy_lang([("a", 1.0, ["A"]), ("<sil>", 1.0, ["SIL"])], position_dependent=True)
    # utils/prepare_lang.sh: the bare silence phone, then _B _E _I _S; speech only with suffixes.
    assert list(lang.phones)[1:10] == [
        *("SIL", "SIL_B", "SIL_E", "SIL_I", "SIL_S"),
        *("A_B", "A_E", "A_I", "A_S"),
    ]
    assert lang.phone_set_ids() == [[1, 2, 3, 4, 5], [6, 7, 8, 9]]
    assert [(e.word, e.phones) for e in lang.lexicon] == [("<sil>", ("SIL_S",)), ("a", ("A_S",))]
    assert lang.optional_silence == "SIL"


def test_positions_are_questions_for_silence_and_for_speech() -> None:
    lang = toy_lang([("ab", 1.0, ["A", "B"])], position_dependent=True)
    # phones/extra_questions.txt of prepare_lang.sh: each suffix, and silence also without one.
    assert [{lang.phones.name(p) for p in q} for q in lang.position_questions()] == [
        *({"SIL"}, {"SIL_B"}, {"SIL_E"}, {"SIL_I"}, {"SIL_S"}),
        *({"A_B", "B_B"}, {"A_E", "B_E"}, {"A_I", "B_I"}, {"A_S", "B_S"}),
    ]
    assert toy_lang().position_questions() == []


@quick
@given(lexica, st.booleans())
def test_every_phone_of_the_lexicon_has_an_id_and_belongs_to_one_set(
    lexicon: list[Entry], position_dependent: bool
) -> None:
    lang = toy_lang(lexicon, position_dependent=position_dependent)
    members = [phone for phones in lang.phone_set_ids() for phone in phones]
    assert sorted(members) == [*sorted(lang.silence_phone_ids() + lang.nonsilence_phone_ids())]
    assert members == list(range(1, len(members) + 1))
    assert {lang.phones.id(p) for e in lang.lexicon for p in e.phones} <= set(members)


@pytest.mark.parametrize("position_dependent", [False, True])
def test_a_saved_lang_is_read_back_the_same(tmp_path: Path, position_dependent: bool) -> None:
    lexicon = [*LEXICON, ("d", 1 / 3, ["A", "C"]), ("<unk>", 1.0, ["SIL"])]
    options = LangOptions(
        position_dependent=position_dependent, silence_probability=0.1, unknown_word="<unk>"
    )
    lang = prepare_lang(lexicon, options)
    lang.save(tmp_path / "lang")
    assert Lang.load(tmp_path / "lang") == lang


@pytest.mark.parametrize(
    ("lexicon", "options", "message"),
    [
        ([], {}, "no pronunciations"),
        ([("a", 1.0, [])], {}, "a: no phones"),
        ([("a", 0.0, ["A"])], {}, "a: pronunciation probability"),
        ([("a", 1.5, ["A"])], {}, "a: pronunciation probability"),
        ([("a", float("nan"), ["A"])], {}, "a: pronunciation probability"),
        ([("#0", 1.0, ["A"])], {}, "#0: this name"),
        ([("<s>", 1.0, ["A"])], {}, "<s>: this name"),
        ([("a", 1.0, ["A"])], {"optional_silence": "PAUSE"}, "PAUSE"),
        ([("a", 1.0, ["A"])], {"unknown_word": "<unk>"}, "<unk>"),
    ],
)
def test_what_cannot_be_a_lang_is_refused_by_name(
    lexicon: list[Entry], options: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        prepare_lang(lexicon, LangOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("lexicon.txt", "a 1.0 A\nb one B\n"),
        ("lexicon.txt", "a\n"),
        ("phones.txt", "<eps> 0\nSIL\n"),
        ("lang.json", '{"silence_phones": '),
        ("lang.json", "{}"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: str) -> None:
    toy_lang().save(tmp_path)
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=name):
        Lang.load(tmp_path)


def test_the_unknown_word_gets_phones_where_the_lexicon_has_none() -> None:
    options = LangOptions(unknown_word="<UNK>", unknown_phones=("SPN",))
    lang = prepare_lang([("A", 1.0, ["a"])], options)
    assert [entry.phones for entry in lang.pronunciations["<UNK>"]] == [("SPN",)]
    assert "SPN" in lang.nonsilence_phones
    own = prepare_lang([("A", 1.0, ["a"]), ("<UNK>", 1.0, ["x"])], options)
    assert [entry.phones for entry in own.pronunciations["<UNK>"]] == [("x",)]
    assert "SPN" not in own.phones

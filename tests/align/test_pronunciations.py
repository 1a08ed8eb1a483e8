"""Pronunciation and silence probabilities against counts made by hand and of random alignments."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from pipeline.align.pronunciations import PronunciationCounts, estimate_pronunciations
from pipeline.bin.estimate_pronunciations import main
from pipeline.config import LangOptions
from pipeline.hmm.lang import Lang, prepare_lang
from pipeline.io.archive import write_int_vectors
from pipeline.io.errors import UserError
from pipeline.io.json_lines import write_json_lines
from tests.align.toy_alignment import random_truth, toy_hmm, toy_lang


def said(*utterances: tuple[str, str], lang: Lang | None = None) -> PronunciationCounts:
    """Counts of (words, phones) pairs."""
    counts = PronunciationCounts()
    for words, phones in utterances:
        counts.add(phones.split(), words.split(), lang or toy_lang())
    return counts


def probabilities(lang: Lang) -> dict[tuple[str, str], float]:
    return {(e.word, " ".join(e.phones)): e.probability for e in lang.lexicon}


HAND = said(
    ("A BEE", "SIL a SIL b"),  # silence at 2 of 3 places
    ("A A", "a a a SIL"),  # once in one phone, once in two; silence at 1 of 3
    ("BEE A", "b SIL a a"),  # 1 of 3
    ("", "SIL"),  # no word, no place
)


def test_counts_by_hand() -> None:
    assert HAND.pronunciations == Counter(
        {("A", ("a",)): 2, ("A", ("a", "a")): 2, ("BEE", ("b",)): 2}
    )
    assert (HAND.num_silences, HAND.num_places) == (4, 9)


def test_probabilities_by_hand() -> None:
    counts = said(*[("A", "SIL a")] * 7, ("A", "a a SIL"))
    lang = estimate_pronunciations(toy_lang(), counts)
    assert probabilities(lang) == {
        ("A", "a"): 1.0,  # 7 + 1
        ("A", "a a"): 0.25,  # 1 + 1
        ("AB", "a b"): 1.0,  # never said
        ("BEE", "b"): 1.0,
        ("CAB", "c a b"): 1.0,
    }
    assert lang.silence_probability == (8 + 1) / (16 + 2)
    sharper = estimate_pronunciations(toy_lang(), counts, smoothing_count=0.5)
    assert probabilities(sharper)["A", "a a"] == 1.5 / 7.5
    assert sharper.silence_probability == 8.5 / 17


def test_the_order_may_turn_round() -> None:
    counts = said(*[("A", "a a")] * 3)
    found = probabilities(estimate_pronunciations(toy_lang(), counts))
    assert (found["A", "a"], found["A", "a a"]) == (0.25, 1.0)


def test_nothing_counted() -> None:
    lang = estimate_pronunciations(toy_lang(), PronunciationCounts())
    assert set(probabilities(lang).values()) == {1.0}
    assert lang.silence_probability == toy_lang().silence_probability


def test_without_optional_silence_there_stays_none() -> None:
    lang = prepare_lang([("A", 1.0, ["a"])], LangOptions(silence_probability=0.0))
    counts = said(("A A", "a a"), lang=lang)
    assert estimate_pronunciations(lang, counts).silence_probability == 0.0


def test_words_outside_the_lexicon_count_as_the_unknown_word() -> None:
    lexicon = [("A", 1.0, ["a"]), ("<UNK>", 0.5, ["x"]), ("<UNK>", 0.5, ["y"])]
    lang = prepare_lang(lexicon, LangOptions(unknown_word="<UNK>"))
    counts = said(("A ZETA", "a y"), ("ETA <UNK>", "y x"), lang=lang)
    found = probabilities(estimate_pronunciations(lang, counts))
    assert found["<UNK>", "y"] == 1.0
    assert found["<UNK>", "x"] == 2 / 3


def test_phones_of_another_text() -> None:
    with pytest.raises(ValueError, match="do not spell"):
        said(("A BEE", "b a"))


def test_program_counts_random_alignments(tmp_path: Path) -> None:
    generator = random.Random(7)
    lang = toy_lang(position_dependent=True)  # suffixes leave one way to read the phones
    hmm = toy_hmm(lang)
    truths = {f"u{i:02d}": random_truth(generator, lang, hmm, 5) for i in range(40)}
    lang.save(tmp_path / "lang")
    hmm.save(tmp_path / "hmm.json")
    alignment = tmp_path / "transition_ids.ark"
    write_int_vectors(alignment, None, ((u, t.transition_ids) for u, t in truths.items()))
    write_json_lines(
        tmp_path / "cuts.jsonl.gz",
        [
            {"id": u, "supervisions": [{"text": " ".join(t.words), "speaker": "s"}]}
            for u, t in truths.items()
        ],
    )
    arguments = [
        *("--alignment", str(alignment), "--hmm", str(tmp_path / "hmm.json")),
        *("--lang", str(tmp_path / "lang"), "--cuts", str(tmp_path / "cuts.jsonl.gz")),
        *("--output-dir", str(tmp_path / "new")),
    ]
    main(arguments)
    # How often A was said in each way, and how often there was silence, as it was drawn.
    ways: Counter[int] = Counter()
    silences = 0
    for truth in truths.values():
        silences += sum(label == "SIL" for label, _, _ in truth.phones)
        for word, start, length in truth.word_spans:
            inside = [p for p in truth.phones if start <= p[1] < start + length]
            ways[len(inside)] += word == "A"
    new = Lang.load(tmp_path / "new")
    found = {len(e.phones): e.probability for e in new.lexicon if e.word == "A"}
    most = 1 + max(ways[1], ways[2])
    assert found == {1: (ways[1] + 1) / most, 2: (ways[2] + 1) / most}
    assert new.silence_probability == (silences + 1) / (40 * 6 + 2)
    for name in ("phones.txt", "words.txt"):
        assert (tmp_path / "new" / name).read_bytes() == (tmp_path / "lang" / name).read_bytes()
    with pytest.raises(UserError, match="smoothing-count: 0 is not above 0"):
        main([*arguments, "--smoothing-count", "0"])

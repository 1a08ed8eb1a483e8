"""Maps of phones: alignments against enumeration, a hidden map found again, espeak-ng's words."""

from __future__ import annotations

import itertools
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.digits import digit_lexicon
from pipeline.bin.propose_pronunciations import main
from pipeline.data.lexicon import read_lexicon, write_lexicon
from pipeline.data.phone_map import FLOOR, LONGEST, expected_pairs, learn_phone_map
from pipeline.io.errors import UserError

words = st.lists(st.sampled_from("xyz"), min_size=1, max_size=4).map(tuple)


@settings(max_examples=60)
@given(words, st.lists(st.sampled_from("ab"), max_size=5).map(tuple), st.integers(0, 99))
def test_expectations_are_those_of_all_alignments(
    source: tuple[str, ...], target: tuple[str, ...], seed: int
) -> None:
    target = target[: LONGEST * len(source)]
    rng = np.random.default_rng(seed)
    every = [p for n in range(LONGEST + 1) for p in itertools.product("ab", repeat=n)]
    table = {s: {phones: float(rng.random()) for phones in every} for s in "xyz"}
    expected: dict[tuple[str, tuple[str, ...]], float] = defaultdict(float)
    total = 0.0
    for sizes in itertools.product(range(LONGEST + 1), repeat=len(source)):
        if sum(sizes) != len(target):
            continue
        cuts = [0, *itertools.accumulate(sizes)]
        parts = [target[a:b] for a, b in itertools.pairwise(cuts)]
        weight = np.prod([table[s][p] + FLOOR for s, p in zip(source, parts, strict=True)])
        total += float(weight)
        for pair in zip(source, parts, strict=True):
            expected[pair] += float(weight)
    found = expected_pairs(source, target, table)
    assert found == pytest.approx({pair: weight / total for pair, weight in expected.items()})


def test_a_hidden_map_is_found_again() -> None:
    hidden = {"p": ("P",), "a": ("A",), "tS": ("T", "S"), "h": (), "r": ("R",), "i": ("I",)}
    rng = np.random.default_rng(1)
    sources = [tuple(rng.choice(list(hidden), int(rng.integers(1, 7)))) for _ in range(60)]
    pairs = [(s, [phone for p in s for phone in hidden[p]]) for s in sources]
    found = learn_phone_map(pairs)
    assert {phoneme: found.best(phoneme) for phoneme in hidden} == hidden
    assert found.apply(["h", "a", "tS"]) == ("A", "T", "S")
    with pytest.raises(KeyError):
        found.best("q")


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(UserError, match="no word of the lexicon"):
        learn_phone_map([((), ("A",)), (("x",), ("A", "B", "C"))])


def test_program_proposes_what_espeak_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lexicon(tmp_path / "lexicon.txt", digit_lexicon())
    text = tmp_path / "text"
    text.write_text("ONE TONE\nTHRONE NOTE JUDGE\n", encoding="utf-8")
    out = tmp_path / "proposed.txt"
    common = ["--lexicon", str(tmp_path / "lexicon.txt"), "--output", str(out), "--text"]
    main([*common, str(text)])
    assert {word: phones for word, _, phones in read_lexicon(out)} == {
        "TONE": ["T", "OW", "N"],
        "THRONE": ["TH", "R", "OW", "N"],
        "NOTE": ["N", "OW", "T"],
    }
    said = capsys.readouterr().err
    assert "warning: JUDGE: no word of the lexicon has espeak-ng's phoneme 'dZ'" in said
    text.write_text("ONE TWO\n", encoding="utf-8")
    with pytest.raises(UserError, match="every word of it is in"):
        main([*common, str(text)])

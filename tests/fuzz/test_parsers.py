"""No file, however damaged, makes a parser fail otherwise than in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import Target, make_targets

# Pieces that formats give a meaning to, or that arithmetic fails on.
PIECES = (
    *(b"\0", b"\0B", b"\n", b"\r\n", b" ", b"\t", b"\xff", b"\xef\xbb\xbf"),
    *(b"\xe2\x80\xa8", b"\x1f\x8b"),
    *(b"nan", b"inf", b"-1", b"0", b"1e999", b"99999999999999999999", b"-", b"null", b"true"),
    *(b"{", b"}", b"[", b"]", b'"', b"(", b")", b"<", b">", b"/", b"\\", b";", b":", b","),
    *(b"{}", b"[]"),
    *(b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\xff\xff\xff\xff\xff\xff\xff\x7f"),
)  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Target]]:
    """The folder of good files, and all targets."""
    folder = tmp_path_factory.mktemp("good")
    return folder, make_targets(folder)


@st.composite
def damaged(draw: st.DrawFn, seed: bytes) -> bytes:
    """The good file with some edits, cut short, or bytes that never were such a file."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=60))
    data = seed
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        width = draw(st.sampled_from([0, 0, 1, 1, 2, 4, 8, 30, len(data)]))
        new = draw(st.sampled_from(PIECES) | st.binary(max_size=4) | st.just(b""))
        data = data[:start] + new + data[start + width :]
    return data


def test_every_good_file_is_accepted(good: tuple[Path, list[Target]]) -> None:
    folder, targets = good
    refused = [t.name for t in targets if not t(folder, t.seed)]
    assert refused == []
    assert len({target.file for target in targets}) == len(targets)


NUMBER = 40  # of the targets


@pytest.mark.parametrize("number", range(NUMBER))
def test_damage_is_told_in_one_line(good: tuple[Path, list[Target]], number: int) -> None:
    folder, targets = good
    assert len(targets) == NUMBER
    target = targets[number]

    @settings(max_examples=60, database=None)
    @given(damaged(target.seed))
    def check(data: bytes) -> None:
        target(folder, data)  # raises what is not such a line

    try:
        check()
    finally:
        target(folder, target.seed)

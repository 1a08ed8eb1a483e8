"""local/fsdd_joined.py: strings are made of what they say, and no test file is in training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from local.digits import DIGIT_WORDS
from local.fsdd_joined import FsddJoinedOptions, draw_strings, join, prepare, quietest
from pipeline.io.errors import UserError

RATE = 8000


def level(speaker: str, digit: int, index: int) -> float:
    """A recording is a constant that names it, then silence: a string shows what it is made of."""
    return 0.1 + 0.4 * ("ab".index(speaker) * 100 + digit * 10 + index) / 200


def corpus(folder: Path) -> Path:
    (folder / "recordings").mkdir(parents=True)
    for speaker in "ab":
        for digit in range(10):
            for index in range(10):
                tone = np.r_[np.full(400, level(speaker, digit, index)), np.zeros(160)]
                name = f"{digit}_{speaker}_{index}.wav"
                soundfile.write(folder / "recordings" / name, tone, RATE, subtype="FLOAT")
    return folder


def test_strings(tmp_path: Path) -> None:
    source = corpus(tmp_path / "fsdd")
    options = {
        "source_dir": str(source),
        "splits": ["official", "a"],
        "uses_in_test": 2,
        "pause_seconds": [0.01, 0.02],
    }
    made = prepare(tmp_path / "made", options)
    by_id = {u.utterance_id: u for u in made.utterances}
    for split, sets in made.splits.items():
        for name in ("train", "test"):
            strings = [key for key in sets[name] if f"-{split}-{name}-" in key]
            lengths = {len((by_id[key].text or "").split()) for key in strings}
            assert lengths <= set(range(3, 8))
            assert len(lengths) > 2
            single = set(sets[name]) - set(strings)
            assert bool(single) == (name == "train")
            used: dict[float, int] = {}
            for key in strings:
                samples, _ = soundfile.read(by_id[key].audio)
                speaker = by_id[key].speaker
                found = []
                # Runs of a recording's constant, at 16 bits.
                for value in np.unique(samples[np.abs(samples) > 0.05].round(3)):
                    starts = np.flatnonzero(
                        np.diff(np.r_[0, np.isclose(samples, value, atol=5e-4)]) > 0
                    )
                    found += [(int(start), float(value)) for start in starts]
                words = []
                for _, value in sorted(found):
                    code = round((value - 0.1) / 0.4 * 200)
                    assert "ab"[code // 100] == speaker
                    words.append(DIGIT_WORDS[code // 10 % 10])
                    index = code % 10
                    if split == "official":
                        assert (index < 5) == (name == "test")
                    else:
                        assert (speaker == "a") == (name == "test")
                    used[value] = used.get(value, 0) + 1
                assert " ".join(words) == by_id[key].text
            assert set(used.values()) == {2 if name == "test" else 1}


def test_the_same_seed_gives_the_same_strings(tmp_path: Path) -> None:
    source = corpus(tmp_path / "fsdd")
    texts = []
    for folder, seed in (("one", 1), ("two", 1), ("three", 2)):
        options = {"source_dir": str(source), "seed": seed}
        made = prepare(tmp_path / folder, {**options, "splits": ["official"]})
        texts.append([(u.utterance_id, u.text) for u in made.utterances])
        texts[-1].append(
            ("bytes", str(sum(p.stat().st_size for p in (tmp_path / folder).iterdir())))
        )
    assert texts[0] == texts[1] != texts[2]


def test_pauses_are_as_quiet_as_their_neighbours() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal(4000) * level for level in (0.02, 0.1)]
    chosen = FsddJoinedOptions(source_dir="", pause_seconds=(0.5, 0.5))
    samples = join(parts, chosen, rng)
    first, between, last = samples[:4000], samples[8000:12000], samples[16000:]
    levels = [quietest(part, RATE) for part in parts]
    for pause, expected in ((first, levels[0]), (between, sum(levels) / 2), (last, levels[1])):
        assert np.sqrt(np.mean(pause**2)) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("count", [3, 7, 8, 9, 10, 50])
def test_every_recording_is_used(count: int) -> None:
    from pipeline.data.corpus import Utterance

    recordings = [Utterance(str(i), Path("x"), "s", "ONE") for i in range(count)]
    chosen = FsddJoinedOptions(source_dir="")
    for seed in range(20):
        strings = list(draw_strings(recordings, 1, chosen, np.random.default_rng(seed)))
        assert sorted(u.utterance_id for s in strings for u in s) == sorted(map(str, range(count)))
        assert all(3 <= len(s) <= 7 for s in strings)


def test_an_unknown_split_is_one_line(tmp_path: Path) -> None:
    source = corpus(tmp_path / "fsdd")
    with pytest.raises(UserError, match=r"corpus.options.splits: zoe: FSDD has official, a, b"):
        prepare(tmp_path / "made", {"source_dir": str(source), "splits": ["zoe"]})

"""Alignments as CTM, TextGrid and lhotse supervisions, by the program and by its parts."""

from __future__ import annotations

import random
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline.align.ctm import read_ctm
from pipeline.align.export import align_utterance, file_name
from pipeline.align.segments import FrameTimes
from pipeline.align.textgrid import parse_textgrid, read_textgrid
from pipeline.bin.export_alignment import main
from pipeline.config import LangOptions
from pipeline.hmm.lang import prepare_lang
from pipeline.io.archive import write_int_vectors
from pipeline.io.errors import UserError
from pipeline.io.json_lines import write_json_lines
from tests.align.toy_alignment import LEXICON, Truth, random_truth, toy_hmm, toy_lang

SHIFT = 0.01


def write_inputs(folder: Path) -> tuple[dict[str, Truth], list[str]]:
    """Three utterances of which the last is not aligned; the program's arguments."""
    generator = random.Random(5)
    lang = toy_lang(position_dependent=True)
    hmm = toy_hmm(lang)
    truths = {name: random_truth(generator, lang, hmm, 4) for name in ("u-1", "u/2", "u-3")}
    lang.save(folder / "lang")
    hmm.save(folder / "hmm.json")
    aligned = [(name, truths[name].transition_ids) for name in ("u-1", "u/2")]
    write_int_vectors(folder / "ids.ark", None, aligned)
    cuts = [
        {
            "id": name,
            "start": 1.5,
            "duration": len(truth.transition_ids) * SHIFT,
            "channel": 0,
            "type": "MonoCut",
            "supervisions": [
                {
                    "id": name,
                    "recording_id": "r",
                    "start": 0.0,
                    "duration": len(truth.transition_ids) * SHIFT,
                    "channel": 0,
                    "text": " ".join(truth.words),
                    "speaker": "s",
                }
            ],
        }
        for name, truth in truths.items()
    ]
    write_json_lines(folder / "cuts.jsonl.gz", cuts)
    arguments = [
        *("--alignment", str(folder / "ids.ark"), "--hmm", str(folder / "hmm.json")),
        *("--lang", str(folder / "lang"), "--cuts", str(folder / "cuts.jsonl.gz")),
        *("--output-dir", str(folder / "out")),
    ]
    return truths, arguments


def test_program_writes_what_the_alignment_was_made_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truths, arguments = write_inputs(tmp_path)
    main(arguments)
    shown = capsys.readouterr()
    assert "1 of 3 utterances have no alignment" in shown.err
    for kind, spans in (("phones", "phones"), ("words", "word_spans")):
        table = read_ctm(tmp_path / f"out/{kind}.ctm")
        assert list(table) == ["u-1", "u/2"]
        for name, segments in table.items():
            for segment, (label, start, length) in zip(
                segments, getattr(truths[name], spans), strict=True
            ):
                assert segment.label == label
                assert segment.start == pytest.approx(start * SHIFT)
                assert segment.end == pytest.approx((start + length) * SHIFT)


def test_textgrids_as_folder_and_as_zip(tmp_path: Path) -> None:
    truths, arguments = write_inputs(tmp_path)
    main([*arguments, "--textgrids", str(tmp_path / "grids")])
    main(arguments)
    names = sorted(path.name for path in (tmp_path / "grids").iterdir())
    assert names == ["u%2f2.TextGrid", "u-1.TextGrid"]
    with zipfile.ZipFile(tmp_path / "out/textgrids.zip") as archive:
        assert archive.namelist() == names
        zipped = parse_textgrid(archive.read("u-1.TextGrid").decode("utf-8"))
    grid = read_textgrid(tmp_path / "grids/u-1.TextGrid")
    assert grid == zipped
    assert [s.label for s in grid.tier("words").segments if s.label] == truths["u-1"].words
    assert [s.label for s in grid.tier("phones").segments] == [
        p for p, _, _ in truths["u-1"].phones
    ]
    assert grid.end == pytest.approx(len(truths["u-1"].transition_ids) * SHIFT)


def test_supervisions_are_read_by_lhotse(tmp_path: Path) -> None:
    from lhotse import SupervisionSet

    truths, arguments = write_inputs(tmp_path)
    main([*arguments, "--offset-ms", "7.5"])
    by_id = {s.id: s for s in SupervisionSet.from_file(tmp_path / "out/supervisions.jsonl.gz")}
    assert by_id["u-3"].alignment is None
    segment = by_id["u/2"]
    assert segment.start == 1.5
    assert segment.alignment is not None
    words, phones = segment.alignment["word"], segment.alignment["phone"]
    assert [item.symbol for item in words] == truths["u/2"].words
    assert phones[0].start == 1.5
    assert phones[1].start == pytest.approx(1.5 + truths["u/2"].phones[1][1] * SHIFT + 0.0075)
    for left, right in pairwise(phones):
        assert left.end == pytest.approx(right.start)


def test_same_bytes_again(tmp_path: Path) -> None:
    _, arguments = write_inputs(tmp_path)
    outputs = []
    for _ in range(2):
        main(arguments)
        outputs.append({p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()})
    assert outputs[0] == outputs[1]
    assert set(outputs[0]) == {
        "phones.ctm", "words.ctm", "textgrids.zip", "supervisions.jsonl.gz"
    }  # fmt: skip


def test_wrong_transcript_is_named() -> None:
    lang = toy_lang()
    hmm = toy_hmm(lang)
    truth = random_truth(random.Random(1), lang, hmm, 2)
    for words in (["CAB"] * 9, ["ZETA"]):
        with pytest.raises(UserError, match="u-7: "):
            align_utterance(
                "u-7", truth.transition_ids, words, hmm.transitions, lang, FrameTimes(SHIFT)
            )


def test_word_outside_the_lexicon_is_said_as_the_unknown_word() -> None:
    lang = prepare_lang([*LEXICON, ("<UNK>", 1.0, ["c"])], LangOptions(unknown_word="<UNK>"))
    hmm = toy_hmm(lang)
    generator = random.Random(1)
    while True:
        truth = random_truth(generator, lang, hmm, 1)
        if truth.words == ["<UNK>"]:
            break
    found = align_utterance(
        "u", truth.transition_ids, ["ZETA"], hmm.transitions, lang, FrameTimes(SHIFT)
    )
    assert [word.label for word in found.words] == ["ZETA"]


def test_alignment_of_another_set_is_refused(tmp_path: Path) -> None:
    _, arguments = write_inputs(tmp_path)
    write_int_vectors(tmp_path / "ids.ark", None, [("other", np.array([1], np.int32))])
    with pytest.raises(UserError, match="other: is not in"):
        main(arguments)


def test_file_names_cannot_leave_the_folder() -> None:
    ids = ["../../etc/passwd", "a/b", "a%2fb", ".x", "x y", "ä", "a\0b", "..", "C:\\x"]
    names = [file_name(utterance_id) for utterance_id in ids]
    assert len(set(names)) == len(ids)
    for name in names:
        assert not set(name) & set("/\\\0:")
        assert not name.startswith(".")

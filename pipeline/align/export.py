"""Alignments as others read them: CTM, Praat TextGrid, alignments in lhotse's supervisions."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.align.segments import FrameSpan, FrameTimes, Segment, Transitions, split_to_phones
from pipeline.align.textgrid import TextGrid, Tier, textgrid_text
from pipeline.align.words import Pronunciations, word_spans
from pipeline.hmm.lang import Lang
from pipeline.io.atomic import write_bytes, write_text
from pipeline.io.errors import UserError

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is written
_UNSAFE = re.compile(r"^\.|[^\w.+@=,-]")


@dataclass(frozen=True)
class AlignedUtterance:
    """Phones and words of one utterance, with times from its start."""

    utterance_id: str
    phones: tuple[Segment, ...]  # silence included; they touch
    words: tuple[Segment, ...]  # gaps between them are silence

    @property
    def end(self) -> float:
        """Time of the last frame's end."""
        return self.phones[-1].end


def pronunciations_of(lang: Lang, words: Iterable[str]) -> Pronunciations:
    """Pronunciations of the words; those outside the lexicon are said as the unknown word."""
    table = {}
    for word in words:
        entries = lang.pronunciations.get(word)
        if entries is None and lang.unknown_word is not None:
            entries = lang.pronunciations.get(lang.unknown_word)
        if entries is not None:
            table[word] = [(entry.phones, entry.probability) for entry in entries]
    return table


def align_utterance(
    utterance_id: str,
    transition_ids: NDArray[np.int32],
    words: Sequence[str],
    transitions: Transitions,
    lang: Lang,
    times: FrameTimes,
) -> AlignedUtterance:
    """Phone and word segments of one alignment, (T,) transition-ids.

    Raises:
        UserError: the alignment is broken or does not spell the words; the utterance is named.
    """
    try:
        phones = [
            FrameSpan(lang.phones.name(phone_id), start, length)
            for phone_id, start, length in split_to_phones(transition_ids, transitions)
        ]
        spans = word_spans(phones, words, pronunciations_of(lang, words), lang.silence_phones)
    except ValueError as error:
        raise UserError(f"{utterance_id}: {error}; align it again with this model") from None
    num_frames = len(transition_ids)
    return AlignedUtterance(
        utterance_id,
        tuple(times.segments(phones, num_frames)),
        tuple(times.segments(spans, num_frames)),
    )


def to_textgrid(utterance: AlignedUtterance) -> TextGrid:
    """Two tiers, words and phones."""
    tiers = (Tier("words", utterance.words), Tier("phones", utterance.phones))
    return TextGrid(0.0, utterance.end, tiers)


def file_name(utterance_id: str) -> str:
    """A name that no path can escape with; different ids give different names.

    Examples:
        >>> file_name("ann-01"), file_name("../x")
        ('ann-01', '%2e.%2fx')
    """
    return _UNSAFE.sub(
        lambda found: "".join(f"%{byte:02x}" for byte in found[0].encode("utf-8")), utterance_id
    )


def write_textgrids(target: Path, utterances: Iterable[AlignedUtterance]) -> None:
    """Write {utterance_id}.TextGrid of each utterance, into a folder or into one *.zip."""
    files = {f"{file_name(u.utterance_id)}.TextGrid": to_textgrid(u) for u in utterances}
    if target.suffix != ".zip":
        target.mkdir(parents=True, exist_ok=True)
        for name, grid in files.items():
            write_text(target / name, textgrid_text(grid))
        return
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, grid in sorted(files.items()):
            info = zipfile.ZipInfo(name, _ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, textgrid_text(grid))
    write_bytes(target, packed.getvalue())


def supervisions_with_alignment(
    cuts: Iterable[dict[str, Any]], utterances: Mapping[str, AlignedUtterance]
) -> Iterator[dict[str, Any]]:
    """Supervisions of the cuts with lhotse's AlignmentItems, kinds "word" and "phone".

    Args:
        cuts: MonoCuts with one supervision each, as dictionaries; times count from a cut's start.
        utterances: by cut id; a cut without one keeps its supervision as it is.
    Yields:
        SupervisionSegments as dictionaries, with times from the start of the recording.
    """
    from lhotse.supervision import AlignmentItem, SupervisionSegment

    for cut in cuts:
        start = float(cut["start"])
        segment = SupervisionSegment.from_dict(cut["supervisions"][0]).with_offset(start)
        utterance = utterances.get(cut["id"])
        if utterance is not None:
            for kind, parts in (("word", utterance.words), ("phone", utterance.phones)):
                items = [
                    AlignmentItem(label, round(start + first, 6), round(last - first, 6))
                    for label, first, last in parts
                ]
                segment = segment.with_alignment(kind, items)
        yield segment.to_dict()

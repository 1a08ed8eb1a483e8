"""How far the boundaries of an alignment lie from a known truth."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from pipeline.align.segments import Segment

SILENCE = "SIL"  # name of a pause in BoundaryError


class Sound(NamedTuple):
    """A true sound: one phone, or several that have no boundary between them."""

    phones: tuple[str, ...]
    start: float  # s
    end: float  # s


class BoundaryError(NamedTuple):
    """One true boundary, between the phones `left` and `right`."""

    error: float  # s, aligned minus true: positive is late
    left: str
    right: str


def boundary_errors(
    aligned: Sequence[Segment],
    sounds: Sequence[Sound],
    silence_phones: Collection[str],
    touching: float = 1e-4,
) -> list[BoundaryError]:
    """Errors of one utterance, from the start of its first sound to the end of its last.

    Two sounds that touch have one boundary. Where the truth or the alignment has a pause between
    them, the end of the one and the start of the other count as a boundary each, so a pause that
    is missed or made up costs its length.

    Args:
        aligned: phones with silence between them; which phones they are is not compared, as a
            word may have several pronunciations of as many phones.
        sounds: in order, pauses left out.
        touching: seconds; closer sounds have no pause between them.
    Raises:
        ValueError: the alignment has another number of phones than the truth.
    """
    phones = [segment for segment in aligned if segment.label not in silence_phones]
    expected = sum(len(sound.phones) for sound in sounds)
    if len(phones) != expected:
        raise ValueError(f"{len(phones)} phones are aligned, {expected} were spoken")
    errors: list[BoundaryError] = []
    before: tuple[float, float, str] | None = None  # end of the last sound: true, aligned, phone
    first = 0
    for sound in sounds:
        last = first + len(sound.phones) - 1
        start, name = phones[first].start, sound.phones[0]
        if before is None:
            errors.append(BoundaryError(start - sound.start, SILENCE, name))
        else:
            true_end, end, left = before
            pause = sound.start - true_end > touching
            if not pause and start - end <= touching:
                errors.append(BoundaryError(start - sound.start, left, name))
            else:
                between = SILENCE if pause else ""
                errors.append(BoundaryError(end - true_end, left, between or name))
                errors.append(BoundaryError(start - sound.start, between or left, name))
        before = (sound.end, phones[last].end, sound.phones[-1])
        first = last + 1
    if before is not None:
        errors.append(BoundaryError(before[1] - before[0], before[2], SILENCE))
    return errors

"""Reference transcripts of a set, read from its cuts manifest without importing lhotse."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines


@dataclass(frozen=True)
class Reference:
    """What was said in one utterance, and by whom."""

    utterance_id: str
    speaker: str
    words: tuple[str, ...]


def read_references(cuts: Path) -> dict[str, Reference]:
    """Read utterance_id -> Reference from cuts.jsonl.gz, sorted by utterance_id.

    Raises:
        UserError: no cut, a cut without exactly one transcribed supervision, an id twice.
    """
    references: dict[str, Reference] = {}
    for cut in read_json_lines(cuts):
        utterance_id = str(cut.get("id", "?"))
        supervisions = cut.get("supervisions") or []
        if not isinstance(supervisions, list) or not all(isinstance(s, dict) for s in supervisions):
            raise UserError(f"{cuts}: {utterance_id}: not a cut; run the features stage again")
        if len(supervisions) != 1 or not isinstance(supervisions[0].get("text"), str):
            raise UserError(
                f"{cuts}: {utterance_id}: expected one supervision with a text, found "
                f"{len(supervisions)}; score utterances that have a transcript"
            )
        if utterance_id in references:
            raise UserError(f"{cuts}: {utterance_id}: comes twice; make the ids unique")
        words = tuple(supervisions[0]["text"].split())
        speaker = str(supervisions[0].get("speaker") or "-")
        references[utterance_id] = Reference(utterance_id, speaker, words)
    if not any(reference.words for reference in references.values()):
        raise UserError(f"{cuts}: no reference word, so no error rate; check the test split")
    return dict(sorted(references.items()))

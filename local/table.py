"""One's own corpus: a folder of audio files and one table of their transcripts.

corpus: {name: table, options: {audio: wavs, text: transcripts.tsv, lexicon: lexicon.txt}}

The table has tabs, commas (*.csv) or bars between its columns. With a header, the columns are found
by their names: file, text, and if there speaker, start, end (seconds) and set (train or test).
Without one, the first column is the file and the last the text; a table without any separator is
read as Kaldi's text: the first word is the file. A file's ending may be left out. Without a column
of speakers, the folder of a file below the audio folder is its speaker.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from local.held_out import hold_out
from pipeline.config import Options
from pipeline.data.corpus import SETS, Corpus, Utterance
from pipeline.data.lexicon import read_lexicon
from pipeline.io.errors import UserError
from pipeline.io.options import validate_options
from pipeline.io.rejects import Reject

AUDIO_ENDINGS = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".sph")
COLUMNS = {  # what a column may be called -> what it is
    "file": ("file", "audio", "path", "wav", "filename", "file_name", "id", "utterance_id"),
    "text": ("text", "transcript", "transcription", "sentence", "words"),
    "speaker": ("speaker", "speaker_id", "client_id"),
    "start": ("start",),
    "end": ("end",),
    "set": ("set", "split"),
}
Row = dict[str, str]


class TableOptions(Options):
    """Paths from corpus.dir, or from the working directory where that is not given."""

    audio: str  # folder
    text: str  # table
    lexicon: str  # lexicon.txt or lexiconp.txt
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1  # without a column `set`
    unknown_word: str | None = None  # keep utterances with words outside the lexicon


def _separator(path: Path, first: str) -> str | None:
    if "\t" in first:
        return "\t"
    if path.suffix.lower() == ".csv":
        return ";" if first.count(";") > first.count(",") else ","
    return "|" if "|" in first else None


def _header(cells: list[str]) -> list[str] | None:
    """Meaning of each column, "" for others; None if this is no header."""
    names = [cell.strip().lower() for cell in cells]
    meaning = [
        next((what for what, known in COLUMNS.items() if name in known), "") for name in names
    ]
    return meaning if {"file", "text"} <= set(meaning) else None


def read_rows(path: Path) -> tuple[list[Row], list[Reject]]:
    """Rows of the table with at least `file` and `text`, and the lines that are none.

    Raises:
        UserError: not UTF-8, or no row at all.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"{path}: line {line} is not UTF-8; convert the file") from None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise UserError(f"{path}: holds no line; write 'file<TAB>words' lines")
    separator = _separator(path, lines[0])
    if separator is None:
        cells = [line.split(maxsplit=1) for line in lines]
    elif separator in ",;":
        cells = list(csv.reader(lines, delimiter=separator))
    else:
        cells = [line.split(separator) for line in lines]
    header = _header(cells[0])
    rows, rejects = [], []
    for number, row in enumerate(cells[1:] if header else cells, 2 if header else 1):
        if len(row) < 2 or (header and len(row) != len(header)):
            wanted = len(header) if header else 2
            reason = f"row {number} has {len(row)} columns of {wanted}"
            rejects.append(Reject(row[0], str(path), reason, "complete or delete the row"))
        elif header:
            rows.append(
                {what: cell.strip() for what, cell in zip(header, row, strict=True) if what}
            )
        else:
            rows.append({"file": row[0].strip(), "text": row[-1].strip()})
    return rows, rejects


def _audio_files(folder: Path) -> dict[str, list[Path]]:
    """Name below the folder with and without ending, and stem alone -> the files meant by it."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in AUDIO_ENDINGS and path.is_file():
            below = path.relative_to(folder)
            for name in {str(below), str(below.with_suffix("")), path.name, path.stem}:
                found[name].append(path)
    return found


def _times(row: Row) -> tuple[float, float | None]:
    start = float(row.get("start") or 0.0)
    end = row.get("end")
    return start, float(end) - start if end else None


def read_utterances(folder: Path, table: Path) -> tuple[list[Utterance], Row, list[Reject]]:
    """Utterances of a table, sets by utterance id where it names them, and what could not be used.

    Raises:
        UserError: no such folder or file, or no row can be read.
    """
    if not folder.is_dir():
        raise UserError(f"corpus.options.audio: {folder}: no such folder; correct the path")
    if not table.is_file():
        raise UserError(f"corpus.options.text: {table}: no such file; correct the path")
    rows, rejects = read_rows(table)
    files = _audio_files(folder)
    utterances: list[Utterance] = []
    sets: Row = {}
    used: set[Path] = set()
    for row in rows:
        name = row["file"]
        matching = files.get(name) or files.get(str(Path(name).with_suffix(""))) or []
        if len(matching) > 1:
            reason = f"{len(matching)} audio files are called {name}"
            rejects.append(Reject(name, str(table), reason, "write the folder too"))
            used.update(matching)
            continue
        path = matching[0] if matching else folder / name
        used.add(path)
        try:
            start, duration = _times(row)
        except ValueError:
            remedy = "write seconds, or nothing"
            rejects.append(Reject(name, str(table), "start or end is not a number", remedy))
            continue
        below = path.relative_to(folder) if path.is_relative_to(folder) else Path(path.name)
        recording_id = "_".join("-".join(below.with_suffix("").parts).split())
        speaker = row.get("speaker") or (below.parts[0] if len(below.parts) > 1 else "")
        speaker = "-".join(speaker.split()) or recording_id
        if not recording_id.startswith(speaker):
            recording_id = f"{speaker}-{recording_id}"
        utterance_id = recording_id
        if "start" in row or "end" in row:
            utterance_id += f"-{round(100 * start):07d}"
        if row.get("set"):
            sets[utterance_id] = row["set"].lower()
        utterances.append(
            Utterance(utterance_id, path, speaker, row["text"], start, duration, recording_id)
        )
    every = {path for paths in files.values() for path in paths}
    for path in sorted(every - used):
        remedy = "add its row or delete the file"
        rejects.append(Reject(path.stem, str(path), "audio without transcript", remedy))
    return utterances, sets, rejects


def make_split(
    utterances: list[Utterance], sets: Row, fraction: float, table: Path
) -> dict[str, list[str]]:
    """Sets as the table names them (others than train and test are left out), else held out.

    Raises:
        UserError: the table names sets, but not both.
    """
    if not sets:
        return hold_out(utterances, fraction)
    split = {
        name: sorted(u.utterance_id for u in utterances if sets.get(u.utterance_id) == name)
        for name in SETS
    }
    if not all(split.values()):
        raise UserError(f"{table}: the column set must name both train and test")
    return split


def prepare(corpus_dir: Path, options: dict[str, Any]) -> Corpus:
    """Read the table and find its audio.

    Raises:
        UserError: a folder or file is missing or cannot be read.
    """
    chosen = validate_options(TableOptions, options, "corpus.options")
    lexicon = corpus_dir / chosen.lexicon
    if not lexicon.is_file():
        raise UserError(f"corpus.options.lexicon: {lexicon}: no such file; correct the path")
    table = corpus_dir / chosen.text
    utterances, sets, rejects = read_utterances(corpus_dir / chosen.audio, table)
    split = make_split(utterances, sets, chosen.test_fraction, table)
    return Corpus(
        utterances, read_lexicon(lexicon), {"official": split}, rejects, chosen.unknown_word
    )

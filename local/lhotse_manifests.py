"""Any corpus that lhotse has prepared: recordings, supervisions, and a lexicon.

corpus: {name: lhotse_manifests, options: {recordings: recordings.jsonl.gz,
supervisions: supervisions.jsonl.gz, lexicon: lexicon.txt}}
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from local.held_out import hold_out
from pipeline.config import Options
from pipeline.data.corpus import Corpus, Utterance
from pipeline.data.lexicon import read_lexicon
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.io.options import validate_options
from pipeline.io.rejects import Reject


class LhotseOptions(Options):
    """Paths from corpus.dir, or from the working directory where that is not given."""

    recordings: str  # jsonl or jsonl.gz
    supervisions: str  # of the training set, or of all
    test_recordings: str | None = None
    test_supervisions: str | None = None  # default: a part of `supervisions` is held out
    lexicon: str  # lexicon.txt or lexiconp.txt
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1  # without test_supervisions
    unknown_word: str | None = None  # keep utterances with words outside the lexicon


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise UserError(f"{path}: no such manifest; correct corpus.options")
    return list(read_json_lines(path))


def read_utterances(recordings: Path, supervisions: Path) -> tuple[list[Utterance], list[Reject]]:
    """Utterances of two manifests; relative audio paths start from the working directory, as in
    lhotse.

    Raises:
        UserError: a manifest is missing or damaged.
    """
    sources: dict[str, dict[str, Any]] = {}
    try:
        for recording in _read(recordings):
            sources[recording["id"]] = recording["sources"][0]
        spoken = [
            (str(s["id"]), str(s["recording_id"]), float(s["start"]), float(s["duration"]), s)
            for s in _read(supervisions)
        ]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise UserError(
            f"{recordings} and {supervisions}: not lhotse's recordings and supervisions "
            f"({type(error).__name__}: {error})"
        ) from None
    utterances, rejects = [], []
    for name, recording_id, start, duration, item in spoken:
        source = sources.get(recording_id)
        if source is None:
            reason = f"transcript without audio: no recording {recording_id}"
            rejects.append(Reject(name, str(supervisions), reason, "add it or delete the line"))
        elif source["type"] != "file":
            reason = f"audio from a {source['type']}, not from a file"
            remedy = "write it to a file and name that"
            rejects.append(Reject(name, str(recordings), reason, remedy))
        elif item.get("channel", 0) not in (0, [0]):
            reason = f"channel {item['channel']}, expected 0"
            rejects.append(Reject(name, str(supervisions), reason, "extract the channel to a file"))
        else:
            speaker = "-".join(str(item.get("speaker") or name).split())
            utterance_id = name if name.startswith(speaker) else f"{speaker}-{name}"
            utterances.append(
                Utterance(
                    *(utterance_id, Path(source["source"]), speaker, item.get("text")),
                    *(start, duration, recording_id),
                )
            )
    return utterances, rejects


def prepare(corpus_dir: Path, options: dict[str, Any]) -> Corpus:
    """Read the manifests.

    Raises:
        UserError: a file is missing or damaged.
    """
    chosen = validate_options(LhotseOptions, options, "corpus.options")
    lexicon = corpus_dir / chosen.lexicon
    if not lexicon.is_file():
        raise UserError(f"corpus.options.lexicon: {lexicon}: no such file; correct the path")
    utterances, rejects = read_utterances(
        corpus_dir / chosen.recordings, corpus_dir / chosen.supervisions
    )
    if chosen.test_supervisions is None:
        split = hold_out(utterances, chosen.test_fraction)
    else:
        test, bad = read_utterances(
            corpus_dir / (chosen.test_recordings or chosen.recordings),
            corpus_dir / chosen.test_supervisions,
        )
        split = {
            "train": [utterance.utterance_id for utterance in utterances],
            "test": [utterance.utterance_id for utterance in test],
        }
        utterances += test
        rejects += bad
    return Corpus(
        utterances, read_lexicon(lexicon), {"official": split}, rejects, chosen.unknown_word
    )

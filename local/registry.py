"""Which corpora there are, and where each one's files come from.

Their preparation is written anew although lhotse has recipes for many: those stop at a bad file or
leave it out with a line in a log, where ours lists every file or line that is rejected, with reason
and remedy, and they read one form of the audio, where copies come in others (FLAC, Opus, WAV; raw
samples). tests/local/test_against_lhotse.py holds both against each other.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, cast

from pipeline.data.corpus import Corpus
from pipeline.io.errors import UserError


class CorpusModule(Protocol):
    """What each local/<corpus>.py offers; `download` only for "folder", "made_from"."""

    def prepare(self, corpus_dir: Path, options: dict[str, Any]) -> Corpus:
        """Read the corpus's own layout; `options` are validated here."""

    def download(self, target: Path) -> Path:
        """Fetch and verify the corpus; return its folder, at or below `target`."""


class Entry(NamedTuple):
    """How to get at a corpus."""

    module: str
    # Real files; synthesised; made from the files of another corpus; named in its options.
    source: Literal["folder", "made", "made_from", "options"]
    source_name: str = ""  # made_from: that other corpus
    converts: bool = False  # its audio may have to be made again in another form
    supplied: bool = False  # by the user: it needs a licence or a form, nothing can download it


CORPORA = {
    "fsdd": Entry("local.fsdd", "folder"),
    "fsdd_joined": Entry("local.fsdd_joined", "made_from", "fsdd"),
    "yesno": Entry("local.yesno", "folder"),
    "speech_commands": Entry("local.speech_commands", "folder"),
    "librispeech": Entry("local.librispeech", "folder"),
    "speech_commands_v1": Entry("local.speech_commands_v1", "folder"),
    "speech_commands_v2": Entry("local.speech_commands_v2", "folder"),
    "an4": Entry("local.an4", "folder", converts=True),
    "audio_mnist": Entry("local.audio_mnist", "folder"),
    "tidigits": Entry("local.tidigits", "folder", supplied=True),
    "timit": Entry("local.timit", "folder", supplied=True),
    "mini_librispeech": Entry("local.mini_librispeech", "folder"),
    "librispeech_100": Entry("local.librispeech_100", "folder"),
    "librispeech_960": Entry("local.librispeech_960", "folder"),
    "common_voice": Entry("local.common_voice", "folder", converts=True, supplied=True),
    "demo": Entry("local.demo", "made"),
    "synth": Entry("local.synth", "made"),
    "kaldi_dir": Entry("local.kaldi_dir", "options"),
    "lhotse_manifests": Entry("local.lhotse_manifests", "options"),
    "table": Entry("local.table", "options"),
}


def find_entry(name: str) -> Entry:
    """The entry of a corpus.

    Raises:
        UserError: there is none of that name.
    """
    if name not in CORPORA:
        raise UserError(
            f"corpus.name: {name}: unknown corpus; known are {', '.join(sorted(CORPORA))}, "
            "or add local/<corpus>.py and its line in local/registry.py"
        )
    return CORPORA[name]


def load_module(entry: Entry) -> CorpusModule:
    """Import the corpus's module."""
    return cast(CorpusModule, importlib.import_module(entry.module))

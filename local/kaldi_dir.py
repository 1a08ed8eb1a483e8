"""Any corpus that lies in Kaldi data directories: one to train, one to test with, and a lexicon.

corpus: {name: kaldi_dir, options: {train: data/train, test: data/test, lexicon: data/lexicon.txt}}
Without `test`, a part of `train` is held out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from local.held_out import hold_out
from pipeline.config import Options
from pipeline.data.corpus import SETS, Corpus, Utterance
from pipeline.data.kaldi_dir import read_kaldi_dir
from pipeline.data.lexicon import read_lexicon
from pipeline.io.errors import UserError
from pipeline.io.options import validate_options
from pipeline.io.rejects import Reject


class KaldiDirOptions(Options):
    """Paths from corpus.dir, or from the working directory where that is not given."""

    train: str  # data directory
    test: str | None = None  # data directory; default: a part of `train` is held out
    lexicon: str  # lexicon.txt or lexiconp.txt
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1  # without `test`
    unknown_word: str | None = None  # keep utterances with words outside the lexicon


def prepare(corpus_dir: Path, options: dict[str, Any]) -> Corpus:
    """Read both directories; paths in wav.scp start from the working directory, as in Kaldi.

    Raises:
        UserError: a folder or a file is missing, or the lexicon has a bad line.
    """
    paths = validate_options(KaldiDirOptions, options, "corpus.options")
    lexicon = corpus_dir / paths.lexicon
    if not lexicon.is_file():
        raise UserError(f"corpus.options.lexicon: {lexicon}: no such file; correct the path")
    if paths.test is None:
        utterances, rejects = read_kaldi_dir(corpus_dir / paths.train)
        split = hold_out(utterances, paths.test_fraction)
        return Corpus(
            utterances, read_lexicon(lexicon), {"official": split}, rejects, paths.unknown_word
        )
    utterances = list[Utterance]()
    rejects = list[Reject]()
    official: dict[str, list[str]] = {}
    for name in SETS:
        found, bad = read_kaldi_dir(corpus_dir / getattr(paths, name))
        utterances += found
        rejects += bad
        official[name] = [utterance.utterance_id for utterance in found]
    return Corpus(
        utterances, read_lexicon(lexicon), {"official": official}, rejects, paths.unknown_word
    )

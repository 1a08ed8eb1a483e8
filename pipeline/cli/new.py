"""`hybrid new`: a recipe for one's own corpus, with a configuration that fits its size."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.arguments import mistakes_as_lines
from pipeline.cli.new_source import Source, choose_source, recipe_path
from pipeline.cli.recipe_text import Found, recipe_text
from pipeline.data.corpus import LexiconEntry, Utterance
from pipeline.io.errors import UserError
from pipeline.io.quantities import duration
from pipeline.workflow import REPOSITORY, load_recipe, shown

NAME = re.compile(r"[a-z0-9_]+")
MAX_ONE_WORD = 200  # words of a vocabulary that is still a set of commands
MAX_LOOP = 500  # words of a vocabulary for which a loop without probabilities still serves
NGRAM_ORDER = 3


def measure_audio(utterances: list[Utterance]) -> tuple[int, float, int]:
    """The most frequent sampling rate (Hz), hours at that rate, and files that cannot be used.

    Raises:
        UserError: no file can be read.
    """
    import soundfile

    rates: Counter[int] = Counter()
    seconds: dict[int, float] = defaultdict(float)
    parts: dict[Path, list[Utterance]] = {}
    for utterance in utterances:
        parts.setdefault(utterance.audio, []).append(utterance)
    bad = 0
    for path, spoken in parts.items():
        try:
            info = soundfile.info(str(path))
        except (soundfile.SoundFileError, OSError):
            bad += 1
            continue
        rates[info.samplerate] += 1
        whole = [u for u in spoken if u.duration is None]
        seconds[info.samplerate] += sum(info.duration - u.start for u in whole)
        seconds[info.samplerate] += sum(u.duration for u in spoken if u.duration is not None)
    if not rates:
        first = next(iter(parts), None)
        raise UserError(f"{first}: cannot be read as audio, nor any other file; check the folder")
    rate = rates.most_common(1)[0][0]
    return rate, seconds[rate] / 3600.0, bad + sum(rates.values()) - rates[rate]


def _propose(words: list[str], language: str) -> list[LexiconEntry]:
    from local.espeak_lexicon import propose_pronunciations

    return propose_pronunciations(words, language)


def _language_model(path: Path, texts: list[list[str]], words: set[str]) -> None:
    """A trigram of the training texts, as ARPA."""
    from pipeline.graph.arpa import write_arpa
    from pipeline.graph.kneser_ney import estimate
    from pipeline.graph.ngram_counts import count_ngrams

    write_arpa(path, estimate(count_ngrams(texts, NGRAM_ORDER, words)).arpa())


def make_recipe(
    name: str, source: Source, lexicon: Path | None, language: str, folder: Path
) -> list[str]:
    """Write recipes/<name>/: configuration, and what it needs that was not given.

    Args:
        folder: of all recipes.
    Returns:
        Lines that say what was found and made.
    Raises:
        UserError: nothing usable in the corpus, or words without pronunciation in the lexicon.
    """
    from pipeline.data.lexicon import read_lexicon, write_lexicon

    if not source.utterances:
        given = ", ".join(f"{key} {value}" for key, value in source.options.items())
        raise UserError(f"{given}: no utterance in it; check the table and the audio")
    rate, hours, unusable = measure_audio(source.utterances)
    texts = {u.utterance_id: (u.text or "").split() for u in source.utterances}
    words = sorted({word for text in texts.values() for word in text})
    if not words:
        raise UserError("no utterance has a text; check the table")
    lines = [
        f"{len(texts)} utterances, {len({u.speaker for u in source.utterances})} speakers, "
        f"{duration(3600 * hours)} at {rate} Hz, {len(words)} words; "
        f"{len(source.train)} to train, the others to test"
    ]
    if source.num_rejected or unusable:
        lines.append(
            f"{source.num_rejected} lines and {unusable} files cannot be used as they are: the run "
            "lists them in data/rejected.tsv"
        )
    target = folder / name
    target.mkdir(parents=True)
    try:
        if lexicon is None:
            entries = _propose(words, language)
            write_lexicon(target / "lexicon.txt", entries)
            lexicon = target / "lexicon.txt"
            lines.append(
                f"{recipe_path(lexicon)}: {len(entries)} pronunciations proposed by espeak-ng "
                f"({language}): read and correct them"
            )
        else:
            entries = read_lexicon(lexicon)
        missing = [word for word in words if word not in {entry[0] for entry in entries}]
        if missing:
            lines.append(
                f"{len(missing)} words have no pronunciation, e.g. {' '.join(missing[:5])}: "
                "utterances with them will be rejected; add them to the lexicon"
            )
        train_texts = [texts[u] for u in source.train if texts[u]]
        grammar, arpa = _grammar(train_texts, len(words)), None
        if grammar == "arpa":
            arpa = target / "lm.arpa.gz"
            _language_model(arpa, train_texts, {entry[0] for entry in entries})
            lines.append(f"{recipe_path(arpa)}: trigram of the training texts")
        found = Found(
            name=name,
            corpus=source.corpus,
            options={**source.options, "lexicon": recipe_path(lexicon)},
            sampling_rate=rate,
            hours=hours,
            num_utterances=len(texts),
            num_words=len(words),
            grammar=grammar,
            arpa=recipe_path(arpa) if arpa else None,
        )
        (target / "config.yaml").write_text(recipe_text(found), encoding="utf-8")
        load_recipe({"recipe": name}, folder)  # what was written must be valid
    except BaseException:
        shutil.rmtree(target)
        raise
    lines.append(f"{recipe_path(target / 'config.yaml')}: read it, then: hybrid run {name}")
    return lines


def _grammar(texts: list[list[str]], num_words: int) -> str:
    if num_words <= MAX_ONE_WORD and all(len(text) == 1 for text in texts):
        return "one_word"
    return "loop" if num_words <= MAX_LOOP else "arpa"


def new(
    name: Annotated[str, typer.Argument(metavar="RECIPE", help="Its name, e.g. mine.")],
    audio: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of audio.")] = None,
    text: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Table of file and transcript, with tabs or commas."),
    ] = None,
    kaldi: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Kaldi data directory, or a folder with train and test."),
    ] = None,
    lhotse: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder with lhotse's manifests.")
    ] = None,
    lexicon: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="lexicon.txt [default: proposed by espeak-ng]."),
    ] = None,
    language: Annotated[
        str, typer.Option(help="Of espeak-ng, for a proposed lexicon: en-us, de, fr-fr, ...")
    ] = "en-us",
    test_fraction: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Held out where the corpus names no test.")
    ] = 0.1,
) -> None:
    """Make a recipe for your own corpus: recipes/RECIPE/config.yaml, ready to run.

    The table has a line for each audio file: its name, a tab or comma, and its words; with a
    header (file, text, and if known speaker, start, end, set) the order does not matter.

    Examples:

      hybrid new mine --audio wavs --text transcripts.tsv

      hybrid new mine --kaldi data --lexicon data/local/dict/lexicon.txt

      hybrid new mine --lhotse data/manifests --language de
    """
    with mistakes_as_lines():
        if not NAME.fullmatch(name):
            raise UserError(f"{name}: a recipe's name has small letters, digits and _ only")
        folder = REPOSITORY / "recipes"
        if (folder / name).exists():
            raise UserError(f"{shown(folder / name)}: is there already; choose another name")
        if lexicon is not None and not lexicon.is_file():
            raise UserError(f"--lexicon {lexicon}: no such file")
        source = choose_source(audio, text, kaldi, lhotse, test_fraction)
        for line in make_recipe(name, source, lexicon, language, folder):
            typer.echo(line)
    if Path.cwd() != REPOSITORY:
        typer.echo(f"results will lie in {os.path.join(Path.cwd(), 'exp', name)}")

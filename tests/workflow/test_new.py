"""pipeline/cli/new.py: recipes for one's own corpus that are valid and can be prepared."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from local.registry import find_entry, load_module
from pipeline.cli import app
from pipeline.cli.new import make_recipe
from pipeline.cli.new_source import Source, from_kaldi, from_lhotse, from_table
from pipeline.config import Config
from pipeline.data.prepare import check_splits, prepare_corpus
from pipeline.graph.arpa import read_arpa
from pipeline.io.errors import UserError
from pipeline.workflow import load_recipe
from tests.data.toy_audio import noise, write_wav
from tests.local.test_table import manifests

TEXTS = ["ZERO", "ONE TWO", "TWO", "ONE"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three speakers with four utterances each, at 8 kHz."""
    lines = []
    for speaker in ("ann", "bob", "eve"):
        for i, text in enumerate(TEXTS):
            write_wav(tmp_path / "wavs" / speaker / f"{speaker}{i}.wav", noise(seed=i))
            lines.append(f"{speaker}{i}\t{text}\n")
    (tmp_path / "text.tsv").write_text("".join(lines))
    (tmp_path / "lexicon.txt").write_text("ZERO Z\nONE W AH N\nTWO T UW\n")
    return tmp_path


def make(source: Source, folder: Path, lexicon: Path | None) -> tuple[Config, list[str]]:
    """Make the recipe, and check that the stage `data` can do its work."""
    lines = make_recipe("mine", source, lexicon, "en-us", folder / "recipes")
    config = load_recipe({"recipe": "mine"}, folder / "recipes")
    module = load_module(find_entry(config.corpus.name))
    corpus = module.prepare(Path("."), config.corpus.options)
    prepared = prepare_corpus(corpus, config.features.sampling_rate)
    assert prepared.rejects == []
    check_splits(prepared.splits, "test")
    assert prepared.splits["official"]["train"] == sorted(source.train)
    return config, lines


def test_a_table(folder: Path) -> None:
    source = from_table(folder / "wavs", folder / "text.tsv", 0.3)
    config, lines = make(source, folder, folder / "lexicon.txt")
    assert config.features.sampling_rate == 8000
    assert {g.type for g in config.grammars.values()} == {"loop"}
    assert "12 utterances, 3 speakers" in lines[0]
    assert len(source.train) == 8


def test_a_proposed_lexicon_has_every_word(folder: Path) -> None:
    config, lines = make(from_table(folder / "wavs", folder / "text.tsv", 0.3), folder, None)
    lexicon = Path(config.corpus.options["lexicon"])
    assert lexicon == folder / "recipes/mine/lexicon.txt"
    words = {line.split()[0] for line in lexicon.read_text().splitlines()}
    assert words == {"ZERO", "ONE", "TWO"}
    assert any("proposed by espeak-ng" in line for line in lines)


def test_kaldi_directories(folder: Path) -> None:
    for name, speakers in (("train", ("ann", "bob")), ("test", ("eve",))):
        data = folder / "data" / name
        data.mkdir(parents=True)
        ids = [(f"{s}-{i}", folder / "wavs" / s / f"{s}{i}.wav") for s in speakers for i in (0, 1)]
        (data / "wav.scp").write_text("".join(f"{u} {path}\n" for u, path in ids))
        (data / "text").write_text("".join(f"{u} ONE\n" for u, _ in ids))
        (data / "utt2spk").write_text("".join(f"{u} {u.split('-')[0]}\n" for u, _ in ids))
    config, _ = make(from_kaldi(folder / "data", 0.1), folder, folder / "lexicon.txt")
    assert [g.type for g in config.grammars.values()] == ["one_word"]


def test_one_kaldi_directory_is_divided(folder: Path) -> None:
    data = folder / "data"
    data.mkdir()
    ids = [
        (f"{s}-{i}", folder / "wavs" / s / f"{s}{i}.wav") for s in ("ann", "bob") for i in (0, 1)
    ]
    (data / "wav.scp").write_text("".join(f"{u} {path}\n" for u, path in ids))
    (data / "text").write_text("".join(f"{u} ONE\n" for u, _ in ids))
    source = from_kaldi(data, 0.25)
    make(source, folder, folder / "lexicon.txt")
    assert len(source.train) == 3


def test_lhotse_manifests(folder: Path) -> None:
    shelf = folder / "manifests"
    shelf.mkdir()
    manifests(shelf)
    lines = (shelf / "supervisions.jsonl").read_text().splitlines()[:2]
    (shelf / "supervisions.jsonl").write_text("\n".join(lines))
    for i in (1, 2):
        write_wav(shelf / f"{i}.wav", noise(seed=i))
    make(from_lhotse(shelf, 0.5), folder, folder / "lexicon.txt")


def test_a_large_vocabulary_gets_a_trigram_of_the_training_texts(folder: Path) -> None:
    words = [f"W{i}" for i in range(600)]
    for name, text in (("ann0", " ".join(words[:300])), ("ann1", " ".join(words[300:]))):
        with (folder / "text.tsv").open("a") as table:
            table.write(f"{name}x\t{text}\n")
        write_wav(folder / f"wavs/ann/{name}x.wav", noise())
    (folder / "lexicon.txt").write_text("".join(f"{w} A\n" for w in [*words, "ZERO", "ONE", "TWO"]))
    source = from_table(folder / "wavs", folder / "text.tsv", 0.3)
    config, lines = make(source, folder, folder / "lexicon.txt")
    (grammar,) = config.grammars.values()
    arpa = read_arpa(Path(str(grammar.file)))
    trained = {
        word
        for u in source.utterances
        if u.utterance_id in source.train
        for word in str(u.text).split()
    }
    assert arpa.order == 3
    assert ("ONE", "TWO") in arpa.ngrams[1]
    assert {w for (w,) in arpa.ngrams[0] if w.startswith("W")} <= {*words}
    assert trained - {w for (w,) in arpa.ngrams[0]} == set()
    assert any("trigram" in line for line in lines)


def test_words_without_pronunciation_are_told(folder: Path) -> None:
    (folder / "lexicon.txt").write_text("ZERO Z\nONE W AH N\n")
    source = from_table(folder / "wavs", folder / "text.tsv", 0.3)
    lines = make_recipe("mine", source, folder / "lexicon.txt", "en-us", folder / "recipes")
    assert any("1 words have no pronunciation, e.g. TWO" in line for line in lines)


def test_a_mistake_leaves_no_half_recipe(folder: Path) -> None:
    source = from_table(folder / "wavs", folder / "text.tsv", 0.3)
    (folder / "lexicon.txt").write_text("ZERO\n")
    with pytest.raises(UserError, match="ZERO has no phones"):
        make_recipe("mine", source, folder / "lexicon.txt", "en-us", folder / "recipes")
    assert not (folder / "recipes/mine").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["new", "Mine", "--kaldi", "x"], "small letters"),
        (["new", "demo", "--kaldi", "x"], "is there already"),
        (["new", "mine_"], "name the corpus"),
        (["new", "mine_", "--audio", "x"], "belong together"),
        (["new", "mine_", "--audio", "gone", "--text", "gone.tsv"], "gone: no such folder"),
        (["new", "mine_", "--kaldi", "gone"], "neither a data directory"),
        (["new", "mine_", "--lhotse", "gone"], "no recordings and supervisions"),
        (["new", "mine_", "--kaldi", "x", "--lexicon", "gone"], "--lexicon gone: no such file"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    (line,) = result.output.splitlines()
    assert line.startswith("error: ")
    assert said in line

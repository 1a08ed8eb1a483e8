"""The page: whole, self-contained, and safe against what users write; and the program."""

from __future__ import annotations

import base64
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.bin.make_report import main
from pipeline.config import Config
from pipeline.io.atomic import write_text
from pipeline.io.errors import UserError
from pipeline.io.quantities import duration, size
from pipeline.io.rejects import Reject, write_rejects
from pipeline.report.heard import NUM_HEARD
from tests.report.toy_run import RATE, ToyRun, make_toy_run, toy_config

VOID = {"br", "img", "meta"}
EVIL = "<script>alert(1)</script>"
EVIL_GRAMMAR = {"type": "one_word", "words": [EVIL]}
ONE_DECODER = {"decode": {"decoders": ["kaldi"]}}


class Page(HTMLParser):
    """Checks nesting while it collects what a test asks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def report(toy: ToyRun) -> Page:
    out = toy.root / "report"
    main(
        [
            *("--root", str(toy.root), "--config", str(toy.config_path)),
            *("--output-dir", str(out)),
        ]
    )
    return Page((out / "index.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Page, Path]:
    folder = tmp_path_factory.mktemp("whole")
    return report(make_toy_run(folder)), folder / "report"


def test_whole_page(whole: tuple[Page, Path]) -> None:
    page, folder = whole
    anchors = [attributes["href"] for attributes in page.all("a")]
    ids = [attributes["id"] for attributes in page.all("section")]
    assert anchors == [f"#{name}" for name in ids]
    assert " ".join(map(str, ids)) == "wer decoders errors training gmm alignment data time about"
    images = page.all("img")
    files = sorted(folder.glob("*.png"))
    embedded = {base64.b64decode(str(image["src"]).partition(",")[2]) for image in images}
    assert embedded == {path.read_bytes() for path in files}
    assert all(image["alt"] for image in images)
    names = [path.stem for path in files]
    for name in ("wer_official", "training_theo_lstm", "gradients_theo_lstm", "gmm_theo"):
        assert name in names
    assert "alignment_official" in names
    assert "confusion_theo_g1" in names
    assert "confusion_official_g1" not in names  # the best model makes no error there
    for text in ("0.00 %", "0 errors in 30 words", "no path <b>here</b>", "1 min 20 s"):
        assert text in page.text


def test_page_needs_nothing_from_elsewhere(whole: tuple[Page, Path]) -> None:
    page, _ = whole
    for name, attributes in page.elements:
        assert name not in ("script", "link", "iframe", "object")
        for key in ("src", "href"):
            allowed = ("data:image/png;base64,", "data:audio/wav;base64,", "#")
            assert str(attributes.get(key, "#")).startswith(allowed)
    viewport = [a["content"] for a in page.all("meta") if a.get("name") == "viewport"]
    assert viewport == ["width=device-width, initial-scale=1"]


def test_what_users_write_stays_text(tmp_path: Path) -> None:
    config = toy_config(title=f"A {EVIL} \"'&", splits=["official"], grammars={"g1": EVIL_GRAMMAR})
    toy = make_toy_run(tmp_path, config)
    for path in tmp_path.rglob("wer.json"):
        result = json.loads(path.read_text())
        first = result["per_utterance"][0]
        first |= {"utterance_id": EVIL, "speaker": EVIL, "errors": 99}
        first |= {"reference": [EVIL, "$x_"], "hypothesis": ["<img", "src=x>"]}
        result["confusions"].insert(0, {"reference": EVIL, "hypothesis": "<b>", "count": 9})
        result["speakers"][0]["speaker"] = EVIL
        result["fixed"]["errors"] = 5
        path.write_text(json.dumps(result))
    write_rejects(tmp_path / "data/rejected.tsv", [Reject(EVIL, EVIL, EVIL, EVIL)])
    page = report(toy)
    assert page.all("script") == []
    assert all(str(image["src"]).startswith("data:") for image in page.all("img"))
    assert page.text.count(EVIL) >= 8


def test_same_run_same_bytes_and_old_pictures_go_away(tmp_path: Path) -> None:
    toy = make_toy_run(tmp_path, toy_config(splits=["official"]))
    out = tmp_path / "report"
    report(toy)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / "training_gone_lstm.png").write_bytes(b"old")
    report(toy)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first


def test_run_that_has_just_begun(tmp_path: Path) -> None:
    config = toy_config(nnet={})
    write_text(tmp_path / "config.json", config.model_dump_json())
    page = report(ToyRun(tmp_path, config, tmp_path / "config.json"))
    assert "Nothing has been scored yet" in page.text
    assert [attributes["id"] for attributes in page.all("section")] == ["about"]
    results = json.loads((tmp_path / "report/results.json").read_text())
    assert results["headline"] is None
    assert Config.model_validate(results["config"]) == config


def test_one_decoder_and_long_utterances(tmp_path: Path) -> None:
    config = toy_config(gmm={"mono": {"type": "mono"}}, nnet={}, splits=["theo"], **ONE_DECODER)
    page = report(make_toy_run(tmp_path, config, words=6))
    assert "decoders" not in [attributes["id"] for attributes in page.all("section")]
    assert "said, and below: recognised" in page.text
    assert page.all("mark")


def test_wrong_configuration_is_named(tmp_path: Path) -> None:
    write_text(tmp_path / "config.json", '{"recipe": "x"}')
    with pytest.raises(UserError, match=r"config\.json: title"):
        report(ToyRun(tmp_path, toy_config(), tmp_path / "config.json"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (79.6, "1 min 20 s"), (3599.7, "1 h 00 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_worst_utterances_can_be_heard(whole: tuple[Page, Path]) -> None:
    page, folder = whole
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    sounds = page.all("audio")
    listed = [u["utterance_id"] for row in results["errors"] for u in row["worst"][:NUM_HEARD]]
    assert len(sounds) == len(listed) > 0
    for sound, utterance_id in zip(sounds, listed, strict=True):
        assert f"Spectrogram of {utterance_id}: " in str(sound["aria-label"])
        wav = base64.b64decode(str(sound["src"]).partition(",")[2])
        samples, rate = soundfile.read(io.BytesIO(wav))
        true, _ = soundfile.read(folder.parent / "audio" / f"{utterance_id}.wav")
        assert rate == RATE
        assert np.corrcoef(samples, true)[0, 1] > 0.999


@pytest.mark.parametrize(
    ("num_bytes", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2.5e9, "2.5 GB"), (3e12, "3000.0 GB")],
)
def test_sizes(num_bytes: float, said: str) -> None:
    assert size(num_bytes) == said

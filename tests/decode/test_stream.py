"""Streams of tones: final words as offline, partial ones in time, endpoints, refusals."""

from __future__ import annotations

import io
import json
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipeline.bin import transcribe_stream as program
from pipeline.bin.transcribe_stream import json_printer, text_printer, transcribe_stream
from pipeline.config import DecodeOptions, ModelOptions
from pipeline.decode.endpoint import KALDI_RULES
from pipeline.decode.inputs import Utterance
from pipeline.decode.kaldi_search import KaldiSearch
from pipeline.decode.model_directory import MANIFEST, export_model, open_model
from pipeline.decode.recogniser import Recogniser
from pipeline.decode.stream import (
    COUNTED_SILENCE,
    FinalResult,
    PartialResult,
    Result,
    StreamingRecogniser,
)
from pipeline.features.cmvn import write_cmvn
from pipeline.features.feature_set import FeatureSet
from pipeline.features.online import OnlineCmvn
from pipeline.gmm.model import GmmModel
from pipeline.io.errors import UserError
from pipeline.nnet.forward import forward
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel, save_model
from tests.decode.tone_model import FEATURES, RATE, WORD_SECONDS, audio, export
from tests.decode.tone_network import export_tone_network

WORDS = ["LOW", "HIGH", "HIGH", "LOW", "LOW", "HIGH"]
Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tones")
    export_tone_network(folder)
    return folder


@pytest.fixture(scope="module")
def model(made: Path) -> StreamingRecogniser:
    return StreamingRecogniser(Recogniser.open(made / "stream"))


def tones(words: list[str], rate: int = RATE, pause: float = 0.25, lead: float = 0.4) -> Samples:
    return audio(words, rate, pause, lead)[0].astype(np.float32)


def follow(
    model: StreamingRecogniser, samples: Samples, size: int = 800, rate: int = RATE
) -> list[Result]:
    stream = model.open(rate)
    found = []
    for start in range(0, len(samples), size):
        found += stream.push(samples[start : start + size])
    return found + stream.push(samples[:0], last=True)


def finals(results: list[Result]) -> list[list[str]]:
    return [[w.word for w in r.words] for r in results if isinstance(r, FinalResult)]


def test_final_words_and_times_are_those_of_an_offline_search(
    made: Path, model: StreamingRecogniser
) -> None:
    recogniser = model.recogniser
    for seed in range(3):
        rng = np.random.default_rng(seed)
        words = [str(word) for word in rng.choice(["LOW", "HIGH"], 7)]
        samples = tones(words) + rng.normal(size=1).astype(np.float32) * 0.01
        # The second path: the whole utterance through the network, and another search.
        frames = recogniser.extractor.compute([samples])[0]
        normalised = OnlineCmvn(model.cmvn).push(frames)
        offsets = np.array([0, len(frames)])
        ((_, likes),) = forward(model.model, FeatureSet(["a"], ["a"], [""], normalised, offsets))
        batch = KaldiSearch(recogniser.graph, recogniser.options).decode([Utterance("a", likes)])
        expected = recogniser.words_of(batch)
        assert [word.word for word in expected] == words
        stream = StreamingRecogniser(recogniser, rules=())
        (result,) = (r for r in follow(stream, samples, 777) if isinstance(r, FinalResult))
        assert [word.word for word in result.words] == words
        for ours, theirs in zip(result.words, expected, strict=True):
            assert ours.start == pytest.approx(theirs.start, abs=1e-6)
            assert ours.end == pytest.approx(theirs.end, abs=1e-6)
            assert ours.confidence == pytest.approx(theirs.confidence, abs=0.02)


@pytest.mark.parametrize(("size", "rate"), [(93, RATE), (4001, RATE), (1600, 16000), (999, 44100)])
def test_any_division_and_rate_gives_the_same_utterances(
    model: StreamingRecogniser, size: int, rate: int
) -> None:
    parts = [tones(WORDS, rate), tones(["HIGH", "LOW"], rate, lead=0.8)]
    samples = np.concatenate(parts)
    results = follow(model, samples, size, rate)
    assert finals(results) == [WORDS, ["HIGH", "LOW"]]
    first, second = (r for r in results if isinstance(r, FinalResult))
    assert first.start == 0.0
    assert first.end == second.start
    offset, (_, said) = len(parts[0]) / rate, audio(["HIGH", "LOW"], rate, 0.25, 0.8)
    for word, (_, start) in zip(second.words, said, strict=True):
        assert word.start == pytest.approx(offset + start, abs=0.05)
        assert word.end == pytest.approx(offset + start + WORD_SECONDS, abs=0.05)


def test_partial_words_come_within_300_ms_of_their_audio(model: StreamingRecogniser) -> None:
    samples, said = audio(WORDS, pause=0.25)
    stream = model.open(RATE)
    shown: list[float] = []  # s of audio given when so many words were first told
    step = RATE // 10
    for first in range(0, len(samples), step):
        given = min(first + step, len(samples)) / RATE
        for result in stream.push(samples[first : first + step].astype(np.float32)):
            if isinstance(result, PartialResult):
                assert list(result.words) == WORDS[: len(result.words)]
                assert result.end >= given - 0.1 - model.latency
                shown += [given] * (len(result.words) - len(shown))
    assert len(shown) == len(WORDS)
    for given, (_, start) in zip(shown, said, strict=True):
        assert start < given <= start + WORD_SECONDS + 0.3


def test_silence_is_told_of_by_nobody_and_forgotten(model: StreamingRecogniser) -> None:
    rng = np.random.default_rng(3)
    silence = (1e-3 * rng.normal(size=17 * RATE)).astype(np.float32)
    assert follow(model, silence) == []
    stream = model.open(RATE)
    results = []
    for part in np.split(np.concatenate((silence, tones(WORDS))), 100):
        results += stream.push(part)
        assert len(stream.utterance.raw) < 700
    results += stream.push(silence[:0], last=True)
    (result,) = (r for r in results if isinstance(r, FinalResult) and r.words)
    assert [word.word for word in result.words] == WORDS
    assert result.start > 10.0


def test_silence_does_not_move_the_normalisation(model: StreamingRecogniser) -> None:
    rng = np.random.default_rng(4)
    silence = (1e-3 * rng.normal(size=4 * RATE)).astype(np.float32)
    counted = []
    for size in (93, 800, len(silence)):
        stream = model.open(RATE)
        for start in range(0, len(silence), size):
            stream.push(silence[start : start + size])
        counted.append(len(stream.cmvn.past))
    assert len(set(counted)) == 1  # in any division
    assert COUNTED_SILENCE <= counted[0] < COUNTED_SILENCE + 40
    stream.push(tones(["LOW"]))
    assert len(stream.cmvn.past) > counted[0] + 30  # speech counts again


def test_speech_without_a_pause_is_cut_at_the_longest(model: StreamingRecogniser) -> None:
    # Without the other rules: on some processors the toy network hears half a second of silence.
    longest = StreamingRecogniser(model.recogniser, rules=KALDI_RULES[-1:])
    results = follow(longest, tones(["LOW", "HIGH"] * 26, pause=0.1))
    ends = [r.end for r in results if isinstance(r, FinalResult)]
    assert ends[0] == pytest.approx(20.0)
    assert len(ends) == 2


def test_streams_at_once_do_not_mix(model: StreamingRecogniser) -> None:
    given = [tones(["LOW"] * 4), tones(["HIGH", "LOW"]), tones(["HIGH"] * 5)]
    streams = [model.open(RATE) for _ in given]
    found: list[list[Result]] = [[] for _ in given]
    for start in range(0, max(map(len, given)), 500):
        for stream, samples, results in zip(streams, given, found, strict=True):
            results += stream.push(samples[start : start + 500])
    for stream, results in zip(streams, found, strict=True):
        results += stream.push(np.zeros(0, np.float32), last=True)
    assert [finals(r) for r in found] == [[["LOW"] * 4], [["HIGH", "LOW"]], [["HIGH"] * 5]]


@pytest.mark.parametrize("count", [0, 1, 199])
def test_too_little_audio_has_no_words(model: StreamingRecogniser, count: int) -> None:
    assert follow(model, np.zeros(count, np.float32)) == []


def test_what_cannot_follow_a_stream_is_one_line(made: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="GMMs, but a stream needs a network"):
        StreamingRecogniser(Recogniser.open(made / "export"))
    plain = export(made, made / "network", "without_cmvn")
    with pytest.raises(UserError, match=r"no CMVN .* pack the model again"):
        StreamingRecogniser(Recogniser.open(plain.folder))
    number = Recogniser.open(made / "stream").graph.num_pdfs
    network = AcousticModel(ModelOptions(type="blstm", hidden_dim=4, num_layers=1), 13, number)
    save_model(tmp_path, HybridModel(network, torch.zeros(number), 1.0), {})
    shutil.copyfile(made / "gmm/hmm.json", tmp_path / "hmm.json")
    folder = export(made, tmp_path, "blstm").folder
    with pytest.raises(UserError, match="blstm reads the whole utterance"):
        StreamingRecogniser(Recogniser.open(folder))


def test_a_network_on_adapted_features_is_refused(made: Path, tmp_path: Path) -> None:
    rung = GmmModel.load(made / "gmm")
    replace(rung, speaker_independent=rung.gmm).save(tmp_path / "sat")
    shutil.copytree(made / "network", tmp_path / "net")
    path = tmp_path / "net/model.json"
    description = json.loads(path.read_text())
    description["training"] = {"options": {"features": "fmllr"}}
    path.write_text(json.dumps(description))
    folder = export(made, tmp_path / "net", "adapted", rung=tmp_path / "sat").folder
    with pytest.raises(UserError, match="adapted to a speaker"):
        StreamingRecogniser(Recogniser.open(folder))


def test_a_folder_of_the_format_before_is_read_but_not_for_streams(
    made: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "old"
    shutil.copytree(export(made, made / "network", "before").folder, folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"format": 1}))
    assert open_model(folder).cmvn is None
    with pytest.raises(UserError, match="no CMVN statistics"):
        StreamingRecogniser(Recogniser.open(folder))


def test_statistics_of_other_features_are_not_exported(made: Path, tmp_path: Path) -> None:
    for statistics in (np.ones((2, 4)), np.zeros((2, 14)), np.full((2, 14), np.nan)):
        write_cmvn(tmp_path / "cmvn.ark", {"a": statistics})
        with pytest.raises(UserError, match=r"cmvn.ark: "):
            export_model(
                *(made / "network", made / "lang", made / "graph/HCLG.fst", FEATURES),
                *(DecodeOptions(), made / "other"),
                cmvn=tmp_path / "cmvn.ark",
            )


def pcm(samples: Samples) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


def test_the_program_tells_partial_and_final_words(model: StreamingRecogniser) -> None:
    data = pcm(np.concatenate((tones(["LOW", "HIGH"]), tones(["LOW"], lead=0.9))))
    output, beside = io.StringIO(), io.StringIO()
    transcribe_stream(io.BytesIO(data), model, text_printer(output, beside), RATE)
    assert output.getvalue() == "LOW HIGH\nLOW\n"
    assert beside.getvalue() == "LOW\nLOW HIGH\nLOW\n"
    output = io.StringIO()
    header = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    wav = io.BytesIO(header + b"data\xff\xff\xff\xff" + data)
    transcribe_stream(wav, model, json_printer(output))
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [(line["type"], line["text"]) for line in lines] == [
        ("partial", "LOW"),
        ("partial", "LOW HIGH"),
        ("final", "LOW HIGH"),
        ("partial", "LOW"),
        ("final", "LOW"),
    ]
    assert [word["word"] for word in lines[2]["words"]] == ["LOW", "HIGH"]


def test_a_terminal_shows_partial_words_in_place() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    output, terminal = io.StringIO(), Terminal()
    show = text_printer(output, terminal)
    show(PartialResult(0.0, 1.0, ("LOW",)))
    show(FinalResult(0.0, 1.0, ()))
    assert terminal.getvalue() == "\r\x1b[KLOW\r\x1b[K"
    assert output.getvalue() == ""


def test_the_program_reads_standard_input(
    made: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Input:
        buffer = io.BytesIO(pcm(tones(["HIGH"])))

    monkeypatch.setattr("sys.stdin", Input)
    threads = torch.get_num_threads()
    program.main(["--model", str(made / "stream"), "--sampling-rate", str(RATE)])
    torch.set_num_threads(threads)
    assert capsys.readouterr().out == "HIGH\n"
    with pytest.raises(UserError, match="--chunk"):
        program.main(["--model", str(made / "stream"), "--chunk", "0"])

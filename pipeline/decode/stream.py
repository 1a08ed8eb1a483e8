"""Words of speech as it comes: partial ones at any time, final ones where an utterance ends.

Features, normalisation and network follow the audio; the compiled search goes on from part to part.
An utterance is what a network has learned from: it begins with a new state of the network, and with
the frames after the last one of the utterance before. All results are the same however the audio
is divided, but for how often partial ones are told.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.data.resampling import OnlineResampler
from pipeline.decode.endpoint import KALDI_RULES, EndpointRule, is_endpoint
from pipeline.decode.recogniser import Recogniser
from pipeline.decode.transcript_files import word_entry
from pipeline.decode.word_times import TimedWord
from pipeline.features.mfcc import Frames
from pipeline.features.online import OnlineCmvn, OnlineExtractor
from pipeline.io.errors import UserError
from pipeline.nnet.streaming import StreamingNetwork

CHECK_FRAMES = 10  # between two looks for an endpoint
# Frames before the end of an utterance in which nothing was said that the next one hears again: a
# word may have begun that the search did not yet see.
HEARD_AGAIN = 30
# Silence at the end of the best path after which more of it no longer counts for normalisation: it
# says nothing of the speaker, and training had no more of it. Kaldi's OnlineSilenceWeighting
# (online2/online-ivector-feature.h) does so for i-vectors.
COUNTED_SILENCE = 50


@dataclass(frozen=True)
class PartialResult:
    """What an utterance seems to be so far. Times in s of the stream."""

    start: float
    end: float
    words: tuple[str, ...]


@dataclass(frozen=True)
class FinalResult:
    """An utterance that has ended."""

    start: float
    end: float
    words: tuple[TimedWord, ...]


Result = PartialResult | FinalResult


def as_json(result: Result) -> str:
    """A line of JSON without its end; times in s to the millisecond."""
    value: dict[str, object] = {
        "type": "final" if isinstance(result, FinalResult) else "partial",
        "start": round(result.start, 3),
        "end": round(result.end, 3),
    }
    if isinstance(result, FinalResult):
        value["text"] = " ".join(word.word for word in result.words)
        value["words"] = [word_entry(word) for word in result.words]
    else:
        value["text"] = " ".join(result.words)
    return json.dumps(value, ensure_ascii=False)


class StreamingRecogniser:
    """A model that follows streams, any number at once."""

    def __init__(self, recogniser: Recogniser, rules: Sequence[EndpointRule] = KALDI_RULES) -> None:
        """Prepare the search.

        Raises:
            UserError: no network in one direction, or no statistics for online normalisation.
        """
        folder = recogniser.folder
        model = recogniser.network
        if model is None:
            raise UserError(f"{folder}: GMMs, but a stream needs a network; pack one")
        if recogniser.rung is not None:
            raise UserError(
                f"{folder}: features adapted to a speaker (fmllr), whom a stream does not know; "
                "pack a network on cepstra"
            )
        latency = model.network.latency_frames
        if latency is None:
            raise UserError(
                f"{folder}: a blstm reads the whole utterance, so it cannot follow a stream; leave "
                "out --stream, or pack a network of another type (lstm, lc_blstm, tdnn_lstm)"
            )
        if recogniser.cmvn is None:
            raise UserError(
                f"{folder}: no CMVN statistics of the training set, which a stream needs; pack "
                "the model again"
            )
        self.recogniser, self.model, self.cmvn = recogniser, model, recogniser.cmvn
        self.rules = rules
        self.search = recogniser.search
        silent = np.array(recogniser.lang.silence_phone_ids())
        self.is_silence = np.isin(recogniser.transitions.phone_of, silent)
        window = recogniser.features.frame_length_ms / 1000.0
        self.latency = latency * recogniser.frame_shift + window  # s of audio after a frame's start

    def warm_up(self) -> None:
        """Compile and load what the first stream would otherwise wait for."""
        stream = self.open(self.recogniser.sampling_rate)
        number = round((1.0 + self.latency) * self.recogniser.sampling_rate)
        stream.push(np.zeros(number, np.float32))
        self.recogniser.words_of(stream.utterance.running.finish("nothing"))

    def open(self, sampling_rate: int) -> SpeechStream:
        """Begin a stream of samples at some rate in Hz."""
        return SpeechStream(self, sampling_rate)


class SpeechStream:
    """One stream of audio."""

    def __init__(self, model: StreamingRecogniser, sampling_rate: int) -> None:
        recogniser = model.recogniser
        self.model = model
        self.resampler = OnlineResampler(sampling_rate, recogniser.sampling_rate)
        self.extractor = OnlineExtractor(recogniser.extractor)
        self.cmvn = OnlineCmvn(model.cmvn, recogniser.norm_vars)
        self.cmvn_before = copy.copy(self.cmvn)  # the utterance
        self.utterance = _Utterance(model, 0)
        self.num_frames = 0  # that have come
        self.counts = True  # for normalisation

    def push(self, samples: NDArray[np.float32], last: bool = False) -> list[Result]:
        """Take (n,) further samples in [-1, 1].

        Returns:
            What is new: utterances that have ended, and the running one if its words have changed.
        """
        frames = self.extractor.push(self.resampler.push(samples, last))
        results: list[Result] = []
        while True:
            # What is decided by the search is decided at the same frames in any division.
            if self.num_frames % CHECK_FRAMES == 0:
                self.counts = self.utterance.num_silent < COUNTED_SILENCE
            step = CHECK_FRAMES - self.num_frames % CHECK_FRAMES
            part, frames = frames[:step], frames[step:]
            self.num_frames += len(part)
            results += self._follow(part, last and not len(frames))
            if not len(frames):
                break
        words = self.utterance.words()
        if not last and words != self.utterance.told:
            self.utterance.told = words
            results.append(PartialResult(*self.utterance.times(), words))
        return results

    def _follow(self, frames: Frames, last: bool) -> Iterator[FinalResult]:
        normalised = self.cmvn.push(frames, self.counts)
        while True:
            utterance = self.utterance
            ended = utterance.push(frames, normalised, last)
            if not ended and not last:
                return
            result = utterance.finish()
            if result.words or utterance.told:
                yield result
            if not ended:
                return
            frames, normalised = self._next(bool(result.words))

    def _next(self, spoken: bool) -> tuple[Frames, Frames]:
        """Begin the next utterance; its frames that have come, as they are and normalised."""
        first = self.utterance.running.num_frames
        if not spoken and first >= 2 * HEARD_AGAIN:
            first -= HEARD_AGAIN
        raw, normalised = self.utterance.raw[first:], self.utterance.normalised[first:]
        if spoken:
            self.cmvn_before = copy.copy(self.cmvn)
        else:  # silence says nothing of the speaker
            self.cmvn = copy.copy(self.cmvn_before)
            normalised = self.cmvn.push(raw)
        self.utterance = _Utterance(self.model, self.utterance.begin + first)
        return raw, normalised


class _Utterance:
    """The utterance that is being heard."""

    def __init__(self, model: StreamingRecogniser, begin: int) -> None:
        """`begin` is its first frame in the stream."""
        self.model, self.begin = model, begin
        self.raw = np.zeros((0, model.recogniser.extractor.dim), np.float32)
        self.normalised = self.raw
        self.network = StreamingNetwork(model.model)
        self.running = model.search.start()
        self.told: tuple[str, ...] = ()
        self.num_silent = 0  # frames at the end of the best path, when last looked at

    def push(self, frames: Frames, normalised: Frames, last: bool) -> bool:
        """Take further frames up to an endpoint; whether there is one."""
        self.raw = np.concatenate((self.raw, frames))
        self.normalised = np.concatenate((self.normalised, normalised))
        log_likes = self.network.push(normalised, last)
        place = 0
        while place < len(log_likes):
            step = CHECK_FRAMES - self.running.num_frames % CHECK_FRAMES
            self.running.advance(log_likes[place : place + step])
            place += step
            if self.running.num_frames % CHECK_FRAMES == 0 and self._has_ended():
                return True
        return False

    def _has_ended(self) -> bool:
        labels = self.model.search.fst.ilabel[self.running.best_path()]
        if not len(labels):
            return True  # no path lives: begin again
        silent = self.model.is_silence[labels[labels > 0]]
        (spoken,) = np.nonzero(~silent)
        self.num_silent = len(silent) - (int(spoken[-1]) + 1 if len(spoken) else 0)
        shift = self.model.recogniser.frame_shift
        length = self.running.num_frames * shift
        cost = self.running.final_relative_cost()
        return is_endpoint(self.model.rules, length, self.num_silent * shift, cost)

    def words(self) -> tuple[str, ...]:
        """Of the best path so far."""
        ids = self.model.search.fst.olabel[self.running.best_path()]
        name = self.model.recogniser.graph.words.name
        return tuple(name(i) for i in ids[ids > 0].tolist())

    def times(self) -> tuple[float, float]:
        """Seconds of the stream at which it begins, and up to which it has been searched."""
        shift = self.model.recogniser.frame_shift
        return self.begin * shift, (self.begin + self.running.num_frames) * shift

    def finish(self) -> FinalResult:
        """Its words, with times; nothing can be added then.

        None where the best path is silence, even if the grammar wants a word to reach its end.
        """
        start, end = self.times()
        if not self.words():
            return FinalResult(start, end, ())
        batch = self.running.finish("stream")
        return FinalResult(start, end, tuple(self.model.recogniser.words_of(batch, start)))

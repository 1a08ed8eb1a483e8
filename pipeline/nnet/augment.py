"""Perturbed copies of the training audio: speed, frequency axis, volume and noise.

A copy goes from samples to features like the original: resampled by lhotse, made louder or softer,
mixed with white noise, MFCC with warped filters, normalised with the statistics of its speaker's
copies (Kaldi too takes a perturbed speaker for another speaker), and adapted where the network
reads adapted features. Its targets are the original's, stretched to its length.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from lhotse.augmentation.resample import Resample

from pipeline.config import AugmentOptions, MfccOptions
from pipeline.data.audio import BadAudio, read_samples
from pipeline.data.copies import warp_prefix
from pipeline.features.cmvn import apply_cmvn, compute_cmvn
from pipeline.features.feature_set import FeatureSet
from pipeline.features.mfcc import Extractor
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.nnet.targets import TrainingSet

Samples = npt.NDArray[np.float32]
# Normalised cepstra of copies and their pdf_ids -> the copies as the network reads them.
Adapt = Callable[[FeatureSet, npt.NDArray[np.int64]], FeatureSet]

BATCH_UTTERANCES = 32


@dataclass(frozen=True)
class Segment:
    """Where the audio of an utterance lies; `start` in seconds."""

    path: Path
    start: float


def read_segments(cuts: Path) -> dict[str, Segment]:
    """Audio of each utterance_id of a lhotse manifest of MonoCuts."""
    return {
        cut["id"]: Segment(Path(cut["recording"]["sources"][0]["source"]), cut["start"])
        for cut in read_json_lines(cuts)
    }


def change_level(samples: Samples, options: AugmentOptions, rng: np.random.Generator) -> Samples:
    """Scale (num_samples,) by a random gain and add white noise at a random SNR, where asked."""
    if options.volume_db:
        decibels = rng.uniform(-options.volume_db, options.volume_db)
        samples = samples * np.float32(10.0 ** (decibels / 20.0))
    if options.noise_snr_db is not None:
        snr = rng.uniform(*options.noise_snr_db)
        power = float(np.square(samples, dtype=np.float64).mean())
        scale = np.sqrt(power * 10.0 ** (-snr / 10.0))
        samples = samples + np.float32(scale) * rng.standard_normal(len(samples), np.float32)
    return samples


@dataclass(frozen=True)
class Change:
    """What makes one set of copies: factors of speed and of the frequency axis."""

    speed: float = 1.0
    warp: float = 1.0

    @property
    def prefix(self) -> str:
        """What is put before utterance_ids and speakers."""
        speed = "" if self.speed == 1.0 and self.warp != 1.0 else f"sp{self.speed:g}-"
        return speed + ("" if self.warp == 1.0 else warp_prefix(self.warp))


def changes(options: AugmentOptions) -> list[Change]:
    """One for each speed factor and each warp; an unchanged copy if there is none of both."""
    speeds = [Change(speed=factor) for factor in options.speed_factors]
    return speeds + [Change(warp=warp) for warp in options.vtln_warps] or [Change()]


def stretch(pdfs: npt.NDArray[np.int64], num_frames: int, factor: float) -> npt.NDArray[np.int64]:
    """Targets of a copy `factor` times as fast: (T,) -> (num_frames,), nearest frames.

    The middle of frame t, t + 1/2 frames after the beginning, lies at (t + 1/2) * factor of the
    original.
    """
    middle = (np.arange(num_frames) + 0.5) * factor
    return pdfs[np.minimum(middle.astype(np.int64), len(pdfs) - 1)]


class AudioPerturbation:
    """Makes the perturbed copies of a training set."""

    def __init__(
        self,
        segments: dict[str, Segment],
        mfcc: MfccOptions,
        options: AugmentOptions,
        seed: int,
        num_threads: int = 1,
        norm_vars: bool = False,
        adapt: Adapt | None = None,
    ) -> None:
        """`mfcc` must be the options that made the features of the training set.

        Args:
            adapt: makes what the network reads of the cepstra of copies; None: it reads cepstra.
        """
        self._segments = segments
        self._options = options
        self._seed = seed
        self._num_threads = num_threads
        self._norm_vars = norm_vars
        self._adapt = adapt
        self._mfcc = mfcc
        self._extractor = Extractor(mfcc)

    def __call__(self, original: TrainingSet) -> TrainingSet:
        """The original utterances and, behind them, a copy of each for each speed factor or warp.

        Volume and noise perturb the copies; with neither factor nor warp there is one copy.

        Raises:
            UserError: the audio cannot be read, or is not what the features were made of.
        """
        parts = [original]
        parts += [self._copy(original, change) for change in changes(self._options)]
        sets = [part.features for part in parts]
        frames = np.concatenate([features.frames for features in sets])
        lengths = np.concatenate([features.lengths for features in sets])
        joined = FeatureSet(
            [name for features in sets for name in features.utterance_ids],
            [name for features in sets for name in features.speakers],
            [text for features in sets for text in features.texts],
            frames,
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        )
        return TrainingSet(joined, np.concatenate([p.pdfs for p in parts]), original.rejects)

    def _copy(self, original: TrainingSet, change: Change) -> TrainingSet:
        source = original.features
        prefix = change.prefix
        resampler = self._resampler(change.speed)
        extractor = Extractor(self._mfcc, change.warp)

        def one_batch(indices: range) -> list[npt.NDArray[np.float32]]:
            waveforms = [self._perturbed(original, i, prefix, resampler) for i in indices]
            return extractor.compute(waveforms)

        starts = range(0, source.num_utterances, BATCH_UTTERANCES)
        batches = [
            range(start, min(start + BATCH_UTTERANCES, source.num_utterances)) for start in starts
        ]
        with ThreadPoolExecutor(self._num_threads) as pool:
            blocks = [block for batch in pool.map(one_batch, batches) for block in batch]
        kept = [i for i, block in enumerate(blocks) if len(block)]
        offsets = np.concatenate([[0], np.cumsum([len(blocks[i]) for i in kept])]).astype(np.int64)
        frames = np.concatenate([blocks[i] for i in kept])
        speakers = [prefix + source.speakers[i] for i in kept]
        stats = compute_cmvn(frames, offsets, speakers, self._mfcc.norm_vars)
        features = FeatureSet(
            [prefix + source.utterance_ids[i] for i in kept],
            speakers,
            [source.texts[i] for i in kept],
            apply_cmvn(frames, offsets, speakers, stats, self._norm_vars),
            offsets,
        )
        pdfs = [
            stretch(
                original.pdfs[source.offsets[i] : source.offsets[i + 1]],
                len(blocks[i]),
                change.speed,
            )
            for i in kept
        ]
        targets = np.concatenate(pdfs)
        if self._adapt is not None:
            features = self._adapt(features, targets)
        return TrainingSet(features, targets, [])

    def _resampler(self, factor: float) -> Resample | None:
        rate = self._extractor.options.sampling_rate
        return None if factor == 1.0 else Resample(round(rate * factor), rate)

    def _perturbed(
        self, original: TrainingSet, i: int, prefix: str, resampler: Resample | None
    ) -> Samples:
        samples = self._samples(original.features, i)
        if resampler is not None:
            samples = resampler(torch.from_numpy(samples)).numpy()
        name = f"{self._seed}:{prefix}{original.features.utterance_ids[i]}"
        rng = np.random.default_rng(list(hashlib.sha256(name.encode()).digest()[:16]))
        return change_level(samples, self._options, rng)

    def _samples(self, features: FeatureSet, i: int) -> Samples:
        """The samples that the frames of utterance i were made of."""
        name = features.utterance_ids[i]
        rate = self._extractor.options.sampling_rate
        length = int(features.lengths[i])
        count = self._extractor.window + (length - 1) * self._extractor.shift
        segment = self._segments.get(name)
        if segment is None:
            raise UserError(f"augmentation: {name}: its cut names no audio; give the train cuts")
        try:
            samples = read_samples(segment.path, rate, segment.start, count / rate)
        except BadAudio as bad:
            raise UserError(f"{segment.path}: {name}: {bad}") from None
        if self._extractor.num_frames(len(samples)) != length:
            raise UserError(
                f"{segment.path}: {name}: {len(samples)} samples do not give its {length} frames; "
                "extract features again or give the options they were made with"
            )
        return samples

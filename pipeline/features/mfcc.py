"""MFCC and log-mel features that agree with Kaldi's, through lhotse's torch layers.

lhotse's own `Mfcc` differs from compute-mfcc-feats in three ways, mended here: samples are taken
in the range of 16-bit integers as Kaldi does, frames that would cross the end are left out
(snip_edges), and use_energy puts the log energy in the place of C0 (lhotse writes it over the
first *frame* of each batch, not over the first coefficient). All is computed in double precision:
in single, filters and spectra differ from Kaldi's by up to 1e-3 in quiet frames.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from lhotse.features.kaldi.layers import Wav2LogFilterBank, Wav2MFCC

from pipeline.config import MfccOptions
from pipeline.data.audio import BadAudio, min_samples, read_samples
from pipeline.data.manifests import Manifest
from pipeline.features.vtln import mel_filters
from pipeline.io.rejects import Reject

Frames = npt.NDArray[np.float32]
SAMPLE_SCALE = 32768.0  # Kaldi reads 16-bit samples without scaling them to [-1, 1]
ENERGY_FLOOR = float(np.finfo(np.float32).eps)  # feat/feature-window.cc takes log(max(x, epsilon))
BATCH_SECONDS = 10.0  # of padded audio in one call of the layer; more no longer fits the cache


class _Mfcc(Wav2MFCC):
    """lhotse's layer with the log energy in the place of C0."""

    def _forward_strided(self, x_strided: torch.Tensor, log_e: torch.Tensor | None) -> torch.Tensor:
        # [N, T, window], [N, T] -> [N, T, C]
        assert log_e is not None
        mfcc: torch.Tensor = super()._forward_strided(x_strided, None)
        mfcc[:, :, 0] = log_e
        return mfcc


@contextmanager
def _double_precision() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def make_layer(options: MfccOptions) -> torch.nn.Module:
    """The lhotse layer: (N, num_samples) float64 in 16-bit range -> (N, T, F) float64."""
    common: dict[str, Any] = {
        "sampling_rate": options.sampling_rate,
        "frame_length": options.frame_length_ms / 1000.0,
        "frame_shift": options.frame_shift_ms / 1000.0,
        "dither": 0.0,
        "snip_edges": True,
        "energy_floor": ENERGY_FLOOR,
        "low_freq": options.low_freq,
        "high_freq": options.high_freq,
        "num_filters": options.num_mel_bins,
    }
    with warnings.catch_warnings(), _double_precision():
        warnings.filterwarnings("ignore", message=".*snip_edges.*")
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="lhotse")
        if options.type == "fbank":
            layer = Wav2LogFilterBank(**common, use_energy=False)
        elif options.use_energy:
            layer = _Mfcc(**common, num_ceps=options.num_ceps, use_energy=True)
        else:
            layer = Wav2MFCC(**common, num_ceps=options.num_ceps, use_energy=False)
    module: torch.nn.Module = layer.double().eval()
    return module


class Extractor:
    """Computes features of many waveforms at once; safe to share among threads."""

    def __init__(self, options: MfccOptions, warp: float = 1.0) -> None:
        """`warp` is the factor of vocal tract length normalisation; 1 changes nothing."""
        self.options = options
        self.layer = make_layer(options)
        if warp != 1.0:
            filters: torch.nn.Parameter = self.layer.get_parameter("_fb")
            filters.copy_(mel_filters(options, 2 * (len(filters) - 1), warp))
        self.window = min_samples(options.sampling_rate, options.frame_length_ms)
        self.shift = min_samples(options.sampling_rate, options.frame_shift_ms)

    @property
    def dim(self) -> int:
        """F."""
        mfcc = self.options.type == "mfcc"
        return self.options.num_ceps if mfcc else self.options.num_mel_bins

    def num_frames(self, num_samples: int) -> int:
        """T of a waveform: frames that fit wholly into it."""
        return 0 if num_samples < self.window else 1 + (num_samples - self.window) // self.shift

    @torch.inference_mode()
    def compute(self, waveforms: list[npt.NDArray[np.float32]]) -> list[Frames]:
        """(num_samples,) waveforms in [-1, 1] -> (T, F) features each; T may be 0."""
        longest = max(self.window, *(len(waveform) for waveform in waveforms))
        batch = torch.zeros(len(waveforms), longest, dtype=torch.float64)
        for row, waveform in zip(batch, waveforms, strict=True):
            row[: len(waveform)] = torch.from_numpy(waveform)
        # [N, num_samples] -> [N, T, F]
        features = self.layer(batch.mul_(SAMPLE_SCALE)).float().numpy()
        return [
            features[i, : self.num_frames(len(waveform))] for i, waveform in enumerate(waveforms)
        ]


class Extracted(NamedTuple):
    """Features of one chunk of utterances, in their order, and what failed."""

    features: list[tuple[Manifest, Frames]]  # supervision, (T, F)
    rejects: list[Reject]


def _batches(items: list[tuple[Manifest, Manifest]]) -> list[list[int]]:
    """Indices of items of like length, so that little is padded; deterministic."""
    order = sorted(range(len(items)), key=lambda i: (items[i][1]["duration"], i))
    batches: list[list[int]] = [[]]
    for i in order:
        longest = items[i][1]["duration"]  # lengths grow, so the new one is the longest
        if batches[-1] and (len(batches[-1]) + 1) * longest > BATCH_SECONDS:
            batches.append([])
        batches[-1].append(i)
    return batches


def extract(
    items: list[tuple[Manifest, Manifest]], extractor: Extractor, num_threads: int = 1
) -> Extracted:
    """Features of (recording, supervision) pairs.

    Batches do not depend on the number of threads, so neither do the results.
    """
    options = extractor.options

    def one_batch(indices: list[int]) -> list[tuple[int, Frames | Reject]]:
        waveforms, kept, results = [], [], list[tuple[int, Frames | Reject]]()
        for i in indices:
            recording, supervision = items[i]
            audio = Path(recording["sources"][0]["source"])
            whole = supervision["duration"] >= recording["duration"]
            try:
                samples = read_samples(
                    audio,
                    options.sampling_rate,
                    supervision["start"],
                    None if whole else supervision["duration"],
                )
                if len(samples) < extractor.window:
                    raise BadAudio(
                        f"too short for one frame: {len(samples)} samples of {extractor.window}",
                        "leave it out or record again",
                    )
            except BadAudio as bad:
                reject = Reject(supervision["id"], str(audio), bad.reason, bad.remedy)
                results.append((i, reject))
                continue
            waveforms.append(samples)
            kept.append(i)
        if waveforms:
            results.extend(zip(kept, extractor.compute(waveforms), strict=True))
        return results

    with ThreadPoolExecutor(num_threads) as pool:
        results = dict(pair for batch in pool.map(one_batch, _batches(items)) for pair in batch)
    extracted = Extracted([], [])
    for i, (_, supervision) in enumerate(items):
        result = results[i]
        if isinstance(result, Reject):
            extracted.rejects.append(result)
        else:
            extracted.features.append((supervision, result))
    return extracted

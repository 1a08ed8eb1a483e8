"""Random mixtures, and speech drawn in memory from a known HMM."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config import LangOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.statistics import FrameSort
from pipeline.hmm.lang import Lang, prepare_lang

LEXICON = [
    ("ka", 1.0, ["K", "A"]),
    ("ta", 1.0, ["T", "A"]),
    ("ti", 0.5, ["T", "I"]),
    ("ti", 0.5, ["T", "I", "I"]),
    ("sik", 1.0, ["S", "I", "K"]),
    ("akas", 1.0, ["A", "K", "A", "S"]),
]
STATIC_DIM = 4


def random_gmm(rng: np.random.Generator, sizes: list[int], dim: int) -> AmDiagGmm:
    """Mixtures of the given sizes."""
    offsets = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    total = int(offsets[-1])
    weights = rng.uniform(0.2, 1.0, total)
    weights /= np.repeat(np.add.reduceat(weights, offsets[:-1]), sizes)
    return AmDiagGmm(
        offsets, weights, rng.normal(0, 2, (total, dim)), rng.uniform(0.3, 2.0, (total, dim))
    )


def sample(
    gmm: AmDiagGmm, rng: np.random.Generator, frames_per_pdf: int
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Frames (T, D) drawn from each pdf in turn, mixed up, and their pdfs (T,)."""
    frames, pdfs = [], []
    for pdf in range(gmm.num_pdfs):
        owned = slice(gmm.offsets[pdf], gmm.offsets[pdf + 1])
        weights = gmm.weights[owned]
        which = rng.choice(len(weights), frames_per_pdf, p=weights) + gmm.offsets[pdf]
        noise = rng.standard_normal((frames_per_pdf, gmm.dim))
        frames.append(gmm.means[which] + noise * np.sqrt(gmm.variances[which]))
        pdfs += [pdf] * frames_per_pdf
    order = rng.permutation(len(pdfs))
    return np.concatenate(frames)[order].astype(np.float32), np.array(pdfs, np.int32)[order]


def sort_of(pdfs: NDArray[np.int32], gmm: AmDiagGmm) -> FrameSort:
    """Frames grouped by pdf."""
    return FrameSort.by_pdf(pdfs, gmm.num_pdfs)


def log_density(frame: NDArray[np.float64], gmm: AmDiagGmm, m: int) -> float:
    """log(weight · N(x; μ, σ²)) of one Gaussian, term by term."""
    value = float(np.log(gmm.weights[m]))
    for x, mean, variance in zip(frame, gmm.means[m], gmm.variances[m], strict=True):
        value -= 0.5 * (np.log(2 * np.pi * variance) + (x - mean) ** 2 / variance)
    return value


def plain_posteriors(
    gmm: AmDiagGmm, frames: NDArray[np.float32], pdfs: NDArray[np.int32]
) -> NDArray[np.float64]:
    """γ of every Gaussian at every frame, by a loop: (T, M); zero beyond the frame's pdf."""
    gamma = np.zeros((len(frames), gmm.num_gaussians))
    for t, (frame, pdf) in enumerate(zip(frames.astype(np.float64), pdfs.tolist(), strict=True)):
        if pdf >= 0:
            owned = range(gmm.offsets[pdf], gmm.offsets[pdf + 1])
            values = np.exp([log_density(frame, gmm, m) for m in owned])
            gamma[t, owned.start : owned.stop] = values / values.sum()
    return gamma


@dataclass(frozen=True)
class Corpus:
    """Features with the phone that each frame was drawn from."""

    lang: Lang
    features: FeatureSet
    phone_of_frame: NDArray[np.int32]  # (sum T,)


def draw_corpus(
    num_utterances: int = 60, seed: int = 11, position_dependent: bool = False
) -> Corpus:
    """Utterances of two to four words by four speakers.

    Each HMM state of a phone is a Gaussian; the outer states lean towards the neighbouring phone.
    A speaker has an affine transform of all features. Silences are drawn too, between words and at
    the ends, so the truth is not always the same phone string. Position-dependent phones sound
    different at the end of a word.
    """
    rng = np.random.default_rng(seed)
    lang = prepare_lang(LEXICON, LangOptions(position_dependent=position_dependent))
    base = sorted({phone for _, _, phones in LEXICON for phone in phones} | {"SIL"})
    means = {phone: rng.normal(0, 4, (5, STATIC_DIM)) for phone in base}
    speakers = {
        f"speaker{s}": (
            np.eye(STATIC_DIM) + 0.08 * rng.standard_normal((STATIC_DIM, STATIC_DIM)),
            0.7 * rng.standard_normal(STATIC_DIM),
        )
        for s in range(4)
    }

    def name(phone: str) -> str:
        return phone.split("_")[0]

    at_end = rng.normal(0, 1.5, STATIC_DIM)

    ids, texts, owners, blocks, truth = [], [], [], [], []
    for n in range(num_utterances):
        speaker = sorted(speakers)[n % len(speakers)]
        entries = [
            lang.lexicon[i] for i in rng.integers(len(lang.lexicon), size=rng.integers(2, 5))
        ]
        phones: list[str] = []
        for entry in entries:
            phones += ["SIL"] * int(rng.random() < 0.5) + list(entry.phones)
        phones += ["SIL"] * int(rng.random() < 0.5)
        frames = []
        for k, phone in enumerate(phones):
            left = means[name(phones[k - 1])][1] if k else np.zeros(STATIC_DIM)
            right = means[name(phones[k + 1])][1] if k + 1 < len(phones) else np.zeros(STATIC_DIM)
            for state in range(5 if phone == "SIL" else 3):
                pull = {0: left, 2: right}.get(state, 0.0) if phone != "SIL" else 0.0
                mean = means[name(phone)][state] + 0.2 * pull
                mean = mean + at_end * phone.endswith("_E")
                duration = 1 + rng.geometric(0.4)
                noise = 0.5 * rng.standard_normal((duration, STATIC_DIM))
                frames.append(mean + noise)
                truth += [lang.phones.id(phone)] * int(duration)
        matrix, shift = speakers[speaker]
        blocks.append(np.concatenate(frames) @ matrix.T + shift)
        ids.append(f"utterance{n:03}")
        texts.append(" ".join(entry.word for entry in entries))
        owners.append(speaker)
    offsets = np.concatenate(([0], np.cumsum([len(b) for b in blocks]))).astype(np.int64)
    features = FeatureSet(ids, owners, texts, np.concatenate(blocks).astype(np.float32), offsets)
    return Corpus(lang, features, np.array(truth, np.int32))

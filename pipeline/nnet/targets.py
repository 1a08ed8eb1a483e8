"""What the network learns: a pdf-id for each frame, from the alignment of a GMM rung."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.data.copies import original_name
from pipeline.features.feature_set import FeatureSet
from pipeline.hmm.transition_model import TransitionModel
from pipeline.io.archive import read_int_vectors
from pipeline.io.errors import UserError
from pipeline.io.rejects import Reject


@dataclass(frozen=True)
class TrainingSet:
    """Features and targets of the same U utterances.

    Attributes:
        features: the utterances that have an alignment, in the order of the manifest.
        pdfs: (sum_T,) int64 pdf_id of each frame of `features`.
        rejects: the utterances left out.
    """

    features: FeatureSet
    pdfs: npt.NDArray[np.int64]
    rejects: list[Reject]

    def select(self, indices: list[int]) -> TrainingSet:
        """The utterances at `indices`, in that order."""
        offsets = self.features.offsets
        blocks = [self.pdfs[offsets[i] : offsets[i + 1]] for i in indices]
        pdfs = np.concatenate([*blocks, np.empty(0, np.int64)])
        return TrainingSet(self.features.select(indices), pdfs, self.rejects)

    def cut(self, max_frames: int) -> TrainingSet:
        """Utterances longer than `max_frames` in pieces of nearly equal length, in their order.

        A piece is called {utterance_id}.{number}; the recurrent state does not cross a cut.
        """
        ids: list[str] = []
        speakers: list[str] = []
        texts: list[str] = []
        ends: list[int] = []
        old = self.features
        for i, start in enumerate(old.offsets[:-1]):
            length = int(old.lengths[i])
            count = max(1, -(-length // max_frames))
            for piece in range(count):
                ids.append(old.utterance_ids[i] + (f".{piece}" if count > 1 else ""))
                speakers.append(old.speakers[i])
                texts.append(old.texts[i])
                ends.append(int(start) + length * (piece + 1) // count)
        offsets = np.array([0, *ends], np.int64)
        return TrainingSet(
            FeatureSet(ids, speakers, texts, old.frames, offsets), self.pdfs, self.rejects
        )


def make_training_set(
    features: FeatureSet, alignment: Path, transitions: TransitionModel
) -> TrainingSet:
    """Join features with an archive of transition-ids.

    Args:
        features: the training utterances.
        alignment: scp or ark, one transition_id a frame.
        transitions: the transition model whose ids these are.
    Raises:
        UserError: no utterance has an alignment, an alignment has another length than its features,
            or holds ids that the transition model does not know.
    """
    by_id = dict(read_int_vectors(alignment))
    kept, pdfs, rejects = [], [], []
    for i, utterance_id in enumerate(features.utterance_ids):
        ids = by_id.get(utterance_id)
        if ids is None:
            remedy = "see rejected.tsv beside the alignment"
            rejects.append(Reject(utterance_id, str(alignment), "has no alignment", remedy))
            continue
        if len(ids) != features.lengths[i]:
            raise UserError(
                f"{alignment}: {utterance_id}: {len(ids)} frames aligned, "
                f"{features.lengths[i]} frames of features; align again with these features"
            )
        if len(ids) and not 1 <= ids.min() <= ids.max() <= transitions.num_transition_ids:
            raise UserError(
                f"{alignment}: {utterance_id}: transition-ids {ids.min()} to {ids.max()}, the "
                f"model has 1 to {transitions.num_transition_ids}; give the alignment's hmm.json"
            )
        kept.append(i)
        pdfs.append(transitions.pdf_of[ids].astype(np.int64))
    if not kept:
        raise UserError(
            f"{alignment}: none of the {features.num_utterances} utterances has an alignment; "
            "give the alignment of these utterances"
        )
    if rejects:
        features = features.select(kept)
    return TrainingSet(features, np.concatenate(pdfs), rejects)


def log_priors(pdfs: npt.NDArray[np.int64], num_pdfs: int) -> npt.NDArray[np.float64]:
    """(P,) log relative frequency of each pdf_id; one frame is added to each, so none is zero.

    Negative entries of `pdfs` stand for frames without a target and are not counted.
    """
    counts = np.bincount(pdfs[pdfs >= 0], minlength=num_pdfs) + 1.0
    return np.log(counts / counts.sum())


def hold_out(utterance_ids: Iterable[str], fraction: float, seed: int) -> list[bool]:
    """Which utterances are held out: those with the smallest hash of seed and utterance_id.

    At least one is held out and at least one is not; the choice of the others' order or presence
    moves an utterance only at the border. Perturbed copies go with their original.

    Raises:
        UserError: there are fewer than two utterances.
    """
    ids = list(utterance_ids)
    originals = sorted({original_name(name) for name in ids})
    if len(originals) < 2:
        raise UserError(f"training: {len(originals)} utterance(s); at least 2, one is held out")
    digest = {name: hashlib.sha256(f"{seed}:{name}".encode()).digest() for name in originals}
    count = min(max(1, round(fraction * len(originals))), len(originals) - 1)
    chosen = set(sorted(originals, key=lambda name: (digest[name], name))[:count])
    return [original_name(name) in chosen for name in ids]

"""fMLLR of perturbed speakers: copies of the training audio as an adapted rung sees them.

Source: Kaldi's recipes, where `steps/align_fmllr.sh` adapts speed-perturbed speakers as speakers of
their own. Here nothing is aligned again: a copy's targets are the original's, stretched.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.align.forced import adapt_to_frames
from pipeline.features.feature_set import FeatureSet
from pipeline.gmm.model import GmmModel
from pipeline.gmm.statistics import FrameSort
from pipeline.gmm.transform import apply_fmllr


class CopyAdaptation:
    """Turns the cepstra of copies into a rung's adapted features."""

    def __init__(self, model: GmmModel, silence_pdfs: NDArray[np.int32]) -> None:
        """`model` is an adapted rung; `silence_pdfs` do not count in the estimate."""
        self._model = model
        self._silence_pdfs = silence_pdfs

    def __call__(self, features: FeatureSet, pdfs: NDArray[np.int64]) -> FeatureSet:
        """The same utterances with (sum_T, D) adapted frames.

        The transform of a speaker is estimated as at the end of the rung's alignment: posteriors of
        the speaker-independent mixtures, means and variances of the adapted ones. A speaker of too
        few frames keeps the rung's features without fMLLR.

        Args:
            features: (sum_T, F) normalised cepstra.
            pdfs: (sum_T,) pdf_id of each frame, of the rung's own tree.
        """
        model = self._model
        plain = model.transform.apply(features.frames, features.offsets)
        spoken = np.where(np.isin(pdfs, self._silence_pdfs), -1, pdfs).astype(np.int32)
        sort = FrameSort.by_pdf(spoken, model.hmm.num_pdfs)
        transforms = adapt_to_frames(model, features, plain, sort)
        return features.with_frames(
            apply_fmllr(plain, features.offsets, features.speakers, transforms)
        )

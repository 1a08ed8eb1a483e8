"""What a training learns from, and what is held out of it, as its loop reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from pipeline.config import NetworkOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.io.errors import UserError
from pipeline.nnet.batches import FrameStore
from pipeline.nnet.targets import TrainingSet, hold_out

Augment = Callable[[TrainingSet], TrainingSet]


@dataclass(frozen=True)
class Sets:
    """Both parts of a training set, padded batches of which come from the stores."""

    learned: TrainingSet  # with perturbed copies, cut into pieces if that is asked for
    held_out: TrainingSet
    store: FrameStore  # of `learned`
    held_out_store: FrameStore

    @classmethod
    def of(
        cls,
        training: TrainingSet,
        options: NetworkOptions,
        seed: int,
        device: torch.device,
        augment: Augment | None = None,
    ) -> Sets:
        """Split a training set.

        Args:
            seed: for the choice of what is held out.
            device: where the stores keep their frames.
            augment: adds perturbed copies to the utterances that are not held out.
        Raises:
            UserError: too few utterances, or features that are not finite.
        """
        features = training.features
        _check_finite(features)
        held = hold_out(features.utterance_ids, options.training.held_out_fraction, seed)
        learned = training.select([i for i, out in enumerate(held) if not out])
        if augment is not None:
            learned = augment(learned)
        if options.training.max_frames is not None:
            learned = learned.cut(options.training.max_frames)
        held_out = training.select([i for i, out in enumerate(held) if out])
        delay = options.model.target_delay
        stores = [FrameStore(s.features, s.pdfs, delay, device) for s in (learned, held_out)]
        return cls(learned, held_out, *stores)

    def frames_to_normalise(self, delay: int) -> FrameStore:
        """What is learned, on the CPU, where the normalisation is estimated."""
        return FrameStore(self.learned.features, self.learned.pdfs, delay)


def _check_finite(features: FeatureSet) -> None:
    """Refuse features with a NaN or infinity: they would reach every weight through the mean.

    Raises:
        UserError: names the first such utterances.
    """
    if np.isfinite(features.frames.sum(dtype=np.float64)):
        return
    bad = [
        name
        for i, name in enumerate(features.utterance_ids)
        if not np.isfinite(features.utterance(i)).all()
    ]
    if bad:
        raise UserError(
            f"training: features of {len(bad)} utterance(s) are not finite, e.g. "
            f"{', '.join(bad[:3])}; look at their audio, then extract the features again"
        )

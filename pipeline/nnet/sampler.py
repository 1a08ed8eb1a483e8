"""Order of training: batches of utterances of similar duration, new in each epoch.

The batches are those of lhotse's DynamicBucketingSampler. It works on cuts, so each utterance is
given to it as a bare cut whose duration is its number of frames. The plan of a whole epoch is drawn
at once (15 microseconds of CPU time an utterance) and depends on seed and epoch alone, so the exact
place in the training is two numbers, epoch and position, and going on replays nothing.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from typing import Any

from lhotse import CutSet, MonoCut
from lhotse.dataset import DynamicBucketingSampler

NUM_BUCKETS = 20
FULL = 0.85  # share of batch_frames from which a batch is taken as lhotse made it
MIN_UTTERANCES_IN_BUCKET = 20  # fewer utterances than this for each bucket: fewer buckets


class DurationBatches:
    """Draws each epoch's batches; has the place in the training as its state."""

    def __init__(self, num_frames: Sequence[int], batch_frames: int, seed: int) -> None:
        """Batches hold at most `batch_frames` frames with padding, or a single utterance."""
        self._num_frames = num_frames
        self.epoch = 0
        self.position = 0  # batches of this epoch already taken
        self._seed = seed
        self._batch_frames = batch_frames
        self._num_buckets = max(2, min(NUM_BUCKETS, len(num_frames) // MIN_UTTERANCES_IN_BUCKET))
        self._cuts = CutSet.from_cuts(
            MonoCut(id=str(i), start=0, duration=float(frames), channel=0)
            for i, frames in enumerate(num_frames)
        )

    def plan(self) -> list[list[int]]:
        """Batches of indices of the present epoch; each utterance comes once."""
        if len(self._num_frames) < 2 * self._num_buckets:
            return self._cut(list(range(len(self._num_frames))))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cuts in memory instead of lazy; tiny buckets
            sampler = DynamicBucketingSampler(
                self._cuts,
                max_duration=float(self._batch_frames),
                shuffle=True,
                num_buckets=self._num_buckets,
                seed=self._seed,
                buffer_size=len(self._cuts) + 1,
                world_size=1,
                rank=0,
            )
            sampler.set_epoch(self.epoch)
            drawn = [[int(cut.id) for cut in batch] for batch in sampler]
        full, rest = [], []
        for batch in drawn:
            if FULL <= self._padded_frames(batch) / self._batch_frames <= 1.0:
                full.append(batch)
            else:
                rest += batch
        # Each bucket ends with a batch that is not full, and a much longer last cut may have made
        # it too large: what these hold is cut anew, by duration, and put between the others.
        rest.sort(key=lambda i: (self._num_frames[i], i))
        order = random.Random(f"{self._seed} {self.epoch}")
        for batch in self._cut(rest):
            full.insert(order.randint(0, len(full)), batch)
        return full

    def _padded_frames(self, batch: list[int]) -> int:
        return max(self._num_frames[i] for i in batch) * len(batch)

    def _cut(self, batch: list[int]) -> list[list[int]]:
        """Cut utterances, in their order, into batches that are not too large."""
        parts: list[list[int]] = []
        longest = 0
        for i in batch:
            longest = max(longest, self._num_frames[i])
            if not parts or longest * (len(parts[-1]) + 1) > self._batch_frames:
                longest = self._num_frames[i]
                parts.append([])
            parts[-1].append(i)
        return parts

    def next_epoch(self) -> None:
        """Go to the beginning of the next epoch."""
        self.epoch += 1
        self.position = 0

    def state_dict(self) -> dict[str, Any]:
        """The place in the training."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to a place that `state_dict` gave."""
        self.epoch = state["epoch"]
        self.position = state["position"]

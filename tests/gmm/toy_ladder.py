"""The whole ladder, mono to SAT, trained on a corpus drawn in memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.align.forced import align_shards
from pipeline.config import AlignOptions, GmmOptions
from pipeline.gmm.model import GmmModel
from pipeline.gmm.shards import Shard
from pipeline.gmm.train import train_rung
from pipeline.gmm.workers import SERIAL, Workers
from tests.gmm.toy import Corpus

ALIGN = AlignOptions()
RUNGS = {
    "mono": GmmOptions(
        type="mono",
        num_iterations=12,
        realign_iterations=tuple(range(1, 12)),
        max_increase_iteration=8,
        num_gaussians=50,
    ),
    "tri1": GmmOptions(
        type="deltas",
        num_iterations=7,
        realign_iterations=(3, 5),
        max_increase_iteration=5,
        num_leaves=40,
        num_gaussians=80,
    ),
    "tri2b": GmmOptions(
        type="lda_mllt",
        num_iterations=7,
        realign_iterations=(3, 5),
        max_increase_iteration=5,
        num_leaves=40,
        num_gaussians=80,
        splice_context=2,
        lda_dim=8,
        mllt_iterations=(2, 4),
    ),
    "tri3b": GmmOptions(
        type="sat",
        num_iterations=7,
        realign_iterations=(3, 5),
        max_increase_iteration=5,
        num_leaves=40,
        num_gaussians=80,
        fmllr_iterations=(2, 4),
    ),
}


@dataclass(frozen=True)
class Rung:
    """A trained rung, what it reported, and its alignment of the training data."""

    model: GmmModel
    log: list[dict[str, Any]]
    transition_ids: NDArray[np.int32]  # (sum T,), in the order of the corpus

    @property
    def iterations(self) -> list[dict[str, Any]]:
        """The entries of iterations."""
        return [entry for entry in self.log if "iteration" in entry]

    @property
    def log_likelihoods(self) -> NDArray[np.float64]:
        """A frame, iteration by iteration."""
        return np.array([entry["log_likelihood"] for entry in self.iterations])


def shares(corpus: Corpus, num_shards: int, scratch: Path | None = None) -> list[Shard]:
    """Contiguous shards of a corpus."""
    bounds = np.linspace(0, corpus.features.num_utterances, num_shards + 1).astype(int)
    parts = [range(a, b) for a, b in pairwise(bounds)]
    load = corpus.features.select
    return [Shard(n, partial(load, part), scratch) for n, part in enumerate(parts)]


def train_ladder(
    corpus: Corpus,
    shards: list[Shard],
    seed: int = 1,
    workers: Workers = SERIAL,
    rungs: tuple[str, ...] = tuple(RUNGS),
) -> dict[str, Rung]:
    """Train rung after rung, each on the final alignment of the one before."""
    found: dict[str, Rung] = {}
    source: GmmModel | None = None
    for name in rungs:
        log: list[dict[str, Any]] = []
        source = train_rung(
            corpus.lang, shards, RUNGS[name], ALIGN, seed, log.append, source, workers
        )
        aligned, _ = align_shards(source, corpus.lang, shards, ALIGN, workers)
        ids = np.concatenate([part.with_transition_ids().transition_ids for part in aligned])
        found[name] = Rung(source, log, ids)
    return found

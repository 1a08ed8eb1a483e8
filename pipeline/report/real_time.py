"""Real-time factors of the searches, from the measured jobs of a run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pipeline.config import Config

Row = dict[str, Any]


def real_time_factor(
    config: Config,
    jobs: Sequence[Row],
    seconds: float,
    place: tuple[str, str, str, str],
) -> float | None:
    """CPU seconds of likelihoods and search for a second of speech, on one core.

    Where a rung adapts the network's speakers, its first pass is part of it.

    Args:
        jobs: rows of Snakemake's benchmarks.
        seconds: of the test set's speech.
        place: split, grammar, model, decoder.
    Returns:
        None where a job was not measured, or for a grammar that rescores.
    """
    split, grammar, model, decoder = place
    if grammar not in config.searched_grammars or not seconds:
        return None
    net = config.nnet.get(model)
    adapting = None if net is None or net.features != "fmllr" else config.rung_of(model)
    plain = rf"{model}(_{grammar})?_loglikes"
    passes = [plain, rf"{model}_{grammar}_{decoder}(_\d+)?"]
    passes += [] if adapting is None else [rf"{adapting}_{grammar}_loglikes"]
    total = 0.0
    for names in passes:
        pattern = re.compile(rf"{re.escape(split)}/decode/{names}")
        spent = [job["cpu_seconds"] for job in jobs if pattern.fullmatch(job["job"])]
        shards = (
            config.decode.num_shards if names is passes[1] and config.decode.num_shards > 1 else 1
        )
        if None in spent or len(spent) < shards:
            return None
        total += sum(spent)
    return total / seconds

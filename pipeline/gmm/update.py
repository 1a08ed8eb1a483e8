"""Maximum-likelihood update of mixtures, and their growth by splitting.

Source: Kaldi's gmm/mle-diag-gmm.cc (MleDiagGmmUpdate), gmm/am-diag-gmm.cc (SplitByCount,
GetSplitTargets) and gmm/diag-gmm.cc (Split), with their constants.
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.statistics import GmmStatistics

MIN_OCCUPANCY = 10.0
MIN_WEIGHT = 1e-5
MIN_VARIANCE = 1e-3
PERTURB = 0.01  # of a standard deviation
SPLIT_MIN_COUNT = 20.0


def update_gmm(
    gmm: AmDiagGmm, stats: GmmStatistics, min_occupancy: float = MIN_OCCUPANCY
) -> tuple[AmDiagGmm, int, int]:
    """New parameters from statistics.

    A Gaussian under ``min_occupancy`` is removed, the last one of a pdf is kept as it was.

    Returns:
        The model, how many Gaussians were removed and how many variances were floored.
    """
    pdf_of = np.repeat(np.arange(gmm.num_pdfs), np.diff(gmm.offsets))
    pdf_occupancy = np.bincount(pdf_of, stats.occupancy, gmm.num_pdfs)
    weight = stats.occupancy / np.maximum(pdf_occupancy, 1e-10)[pdf_of]
    keep = (stats.occupancy > min_occupancy) & (weight > MIN_WEIGHT)
    # Where none would be left, the strongest stays with its old parameters.
    lost = np.setdiff1d(np.arange(gmm.num_pdfs), pdf_of[keep])
    frozen = []
    for pdf in lost:
        low, high = gmm.offsets[pdf], gmm.offsets[pdf + 1]
        frozen.append(low + int(np.argmax(stats.occupancy[low:high])))
    occupancy = np.maximum(stats.occupancy, 1e-10)[:, None]
    mean = stats.moments[:, : gmm.dim] / occupancy
    variance = stats.moments[:, gmm.dim :] / occupancy - mean**2
    num_floored = int((variance[keep] < MIN_VARIANCE).sum())
    variance = np.maximum(variance, MIN_VARIANCE)
    for m in frozen:
        mean[m], variance[m], weight[m], keep[m] = gmm.means[m], gmm.variances[m], 1.0, True
    kept_pdf = pdf_of[keep]
    total = np.bincount(kept_pdf, weight[keep], gmm.num_pdfs)
    offsets = np.concatenate(([0], np.cumsum(np.bincount(kept_pdf, minlength=gmm.num_pdfs))))
    updated = AmDiagGmm(
        offsets.astype(np.int64), weight[keep] / total[kept_pdf], mean[keep], variance[keep]
    )
    return updated, int((~keep).sum()), num_floored


def split_targets(
    pdf_occupancy: NDArray[np.float64],
    target: int,
    power: float,
    min_count: float = SPLIT_MIN_COUNT,
) -> NDArray[np.int64]:
    """How many Gaussians each pdf should have: (P,), about ``target`` in all.

    Gaussians go one by one to the pdf with the highest occupancy^power / Gaussians, while each
    still has more than ``min_count`` frames (Kaldi's GetSplitTargets).
    """
    targets = np.ones(len(pdf_occupancy), np.int64)
    queue = [(-float(occ**power), pdf) for pdf, occ in enumerate(pdf_occupancy)]
    heapq.heapify(queue)
    total = len(pdf_occupancy)
    while total < target and queue:
        _, pdf = heapq.heappop(queue)
        if (targets[pdf] + 1) * min_count >= pdf_occupancy[pdf]:
            continue  # no data for one more, nor for any later
        targets[pdf] += 1
        total += 1
        heapq.heappush(queue, (-float(pdf_occupancy[pdf] ** power) / targets[pdf], pdf))
    return targets


def mix_up(
    gmm: AmDiagGmm,
    pdf_occupancy: NDArray[np.float64],
    target: int,
    power: float,
    rng: np.random.Generator,
) -> AmDiagGmm:
    """Split Gaussians until about ``target`` are there; no pdf ever loses one.

    The heaviest Gaussian of the pdf is halved, the halves moved apart by 0.01 σ at random.
    """
    targets = np.maximum(split_targets(pdf_occupancy, target, power), np.diff(gmm.offsets))
    weights, means, variances = [], [], []
    for pdf, goal in enumerate(targets):
        owned = slice(gmm.offsets[pdf], gmm.offsets[pdf + 1])
        w, mu, var = gmm.weights[owned], gmm.means[owned], gmm.variances[owned]
        if goal > len(w):
            w, mu, var = (_grow(a, int(goal)) for a in (w, mu, var))
            for size in range(gmm.offsets[pdf + 1] - gmm.offsets[pdf], goal):
                top = int(np.argmax(w[:size]))
                w[size] = w[top] = w[top] / 2
                step = PERTURB * rng.standard_normal(gmm.dim) * np.sqrt(var[top])
                mu[size], var[size] = mu[top] + step, var[top]
                mu[top] = mu[top] - step
        weights.append(w)
        means.append(mu)
        variances.append(var)
    return AmDiagGmm(
        np.concatenate(([0], np.cumsum(targets))).astype(np.int64),
        np.concatenate(weights),
        np.concatenate(means),
        np.concatenate(variances),
    )


def _grow(array: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    grown = np.zeros((size, *array.shape[1:]))
    grown[: len(array)] = array
    return grown

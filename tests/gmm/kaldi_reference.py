"""Program: Kaldi's own code (PyPI's kaldi-hmm-gmm) does a task; JSON on standard input and output.

It runs in a process of its own, as importing the package beside kaldi_decoder can hang.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import numpy as np

khg: Any = importlib.import_module("kaldi_hmm_gmm")
ALL_FLAGS = 15  # means, variances, weights, transitions


def mixtures(gmm: dict[str, Any]) -> Any:
    """AmDiagGmm from offsets, weights, means and variances."""
    am = khg.AmDiagGmm()
    arrays = {name: np.array(gmm[name], np.float32) for name in ("weights", "means", "variances")}
    for low, high in zip(gmm["offsets"][:-1], gmm["offsets"][1:], strict=True):
        one = khg.DiagGmm(high - low, arrays["means"].shape[1])
        one.set_weights(arrays["weights"][low:high])
        one.set_invvars_and_means(1.0 / arrays["variances"][low:high], arrays["means"][low:high])
        one.compute_gconsts()
        am.add_pdf(one)
    return am


def plain(am: Any) -> dict[str, Any]:
    """The inverse of ``mixtures``."""
    found: dict[str, Any] = {"offsets": [0], "weights": [], "means": [], "variances": []}
    for pdf in range(am.num_pdfs):
        one = am.get_pdf(pdf)
        found["offsets"].append(found["offsets"][-1] + one.num_gauss)
        found["weights"] += np.array(one.weights).tolist()
        for m in range(one.num_gauss):
            found["means"].append(np.array(one.get_component_mean(m)).tolist())
            found["variances"].append(np.array(one.get_component_variance(m)).tolist())
    return found


def log_likelihoods(gmm: dict[str, Any], frames: list[list[float]]) -> list[list[float]]:
    """(T, P)."""
    am = mixtures(gmm)
    rows = np.array(frames, np.float32)
    return [[am.log_likelihood(pdf, row) for pdf in range(am.num_pdfs)] for row in rows]


def update(gmm: dict[str, Any], frames: list[list[float]], pdfs: list[int]) -> dict[str, Any]:
    """One step of EM."""
    am = mixtures(gmm)
    stats = khg.AccumAmDiagGmm()
    stats.init(am, ALL_FLAGS)
    total = 0.0
    for row, pdf in zip(np.array(frames, np.float32), pdfs, strict=True):
        total += stats.accumulate_for_gmm(am, row, pdf, 1.0)
    khg.mle_am_diag_gmm_update(khg.MleDiagGmmOptions(), stats, ALL_FLAGS, am)
    return {"log_likelihood": total, **plain(am)}


def split(
    gmm: dict[str, Any], occupancy: list[float], target: int, power: float, min_count: float
) -> list[int]:
    """Gaussians of each pdf after mixing up."""
    am = mixtures(gmm)
    am.split_by_count(np.array(occupancy, np.float32), target, 0.01, power, min_count)
    return [am.num_gauss_in_pdf(pdf) for pdf in range(am.num_pdfs)]


def merging_loss(a: dict[str, Any], b: dict[str, Any], variance_floor: float) -> list[float]:
    """Log-likelihood of two Gaussians' data, and what is lost where they become one."""
    first, second = (
        khg.GaussClusterable(
            np.array(s["x"], np.float64), np.array(s["x2"], np.float64), variance_floor, s["count"]
        )
        for s in (a, b)
    )
    return [first.objf(), second.objf(), first.distance(second)]


def model_of(topology: str, phone_sets: list[list[int]]) -> tuple[Any, Any]:
    """Monophone tree and transition model."""
    topo = khg.HmmTopology()
    topo.read(topology)
    tree = khg.monophone_context_dependency_shared(phone_sets, topo.get_phone_to_num_pdf_classes())
    return tree, khg.TransitionModel(tree, topo)


def transitions(
    topology: str, phone_sets: list[list[int]], counts: list[float]
) -> dict[str, list[Any]]:
    """Everything about each transition-id, before and after an update; entry 0 unused."""
    _, model = model_of(topology, phone_sets)
    ids = range(1, model.num_transition_ids + 1)
    before = list(model.log_probs)
    gain, count = model.mle_update(np.array(counts, np.float64), khg.MleTransitionUpdateConfig())
    return {
        "pdf": [model.transition_id_to_pdf(i) for i in ids],
        "phone": [model.transition_id_to_phone(i) for i in ids],
        "is_self_loop": [model.is_self_loop(i) for i in ids],
        "is_final": [model.is_final(i) for i in ids],
        "state": list(model.id2state)[1:],
        "before": before[1:],
        "after": list(model.log_probs)[1:],
        "gain": [gain, count],
    }


TASKS = {
    task.__name__: task for task in (log_likelihoods, update, split, merging_loss, transitions)
}


if __name__ == "__main__":
    request = json.load(sys.stdin)
    json.dump(TASKS[request["task"]](**request["arguments"]), sys.stdout)

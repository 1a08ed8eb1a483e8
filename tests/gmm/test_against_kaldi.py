"""A second opinion: Kaldi's own code, as PyPI's kaldi-hmm-gmm, on the same data."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.gmm.diag_gmm import AmDiagGmm, with_squares
from pipeline.gmm.sorted_frames import SortedFrames, accumulate_sorted
from pipeline.gmm.statistics import GmmStatistics
from pipeline.gmm.tree_statistics import VARIANCE_FLOOR, log_likelihood
from pipeline.gmm.update import split_targets, update_gmm
from pipeline.hmm.model import Hmm
from pipeline.hmm.topology import Topology
from pipeline.hmm.tree import monophone_tree
from tests.gmm.toy import random_gmm, sample, sort_of
from tests.hmm.toy_hmm import toy_lang

PROGRAM = Path(__file__).with_name("kaldi_reference.py")


def ask(task: str, **arguments: Any) -> Any:
    """What Kaldi answers."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        input=json.dumps({"task": task, "arguments": arguments}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def as_json(gmm: AmDiagGmm) -> dict[str, Any]:
    return {name: array.tolist() for name, array in gmm.tensors().items()}


def topology_text(topology: Topology) -> str:
    """Kaldi's form."""
    entries = []
    for phone in topology.phone_ids:
        states = topology.states(phone)
        lines = [
            f"<State> {n} <PdfClass> {state.pdf_class} "
            + " ".join(f"<Transition> {d} {p}" for d, p in state.transitions)
            + " </State>"
            for n, state in enumerate(states)
        ]
        body = "\n".join([*lines, f"<State> {len(states)} </State>"])
        entries.append(f"<TopologyEntry>\n<ForPhones> {phone} </ForPhones>\n{body}\n")
    return "<Topology>\n" + "".join(e + "</TopologyEntry>\n" for e in entries) + "</Topology>\n"


@pytest.fixture(scope="module")
def gmm() -> AmDiagGmm:
    return random_gmm(np.random.default_rng(71), [1, 3, 2, 5], 4)


def test_log_likelihoods(gmm: AmDiagGmm) -> None:
    frames = np.random.default_rng(1).normal(0, 2, (40, 4)).astype(np.float32)
    found = gmm.log_likelihoods(with_squares(frames))
    expected = ask("log_likelihoods", gmm=as_json(gmm), frames=frames.tolist())
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_a_step_of_em(gmm: AmDiagGmm) -> None:
    rng = np.random.default_rng(2)
    # Fewer frames for the last pdf: some of its Gaussians are removed.
    frames, pdfs = sample(gmm, rng, 150)
    kept = (pdfs < 3) | (np.cumsum(pdfs == 3) <= 40)
    frames, pdfs = frames[kept], pdfs[kept]
    frames[pdfs == 0, 2] = 0.5  # no variance at all: floored
    stats = GmmStatistics.zeros(gmm)
    accumulate_sorted(gmm, SortedFrames.of(frames, sort_of(pdfs, gmm)), stats)
    updated, removed, floored = update_gmm(gmm, stats)
    assert removed > 0
    assert floored == 1
    expected = ask("update", gmm=as_json(gmm), frames=frames.tolist(), pdfs=pdfs.tolist())
    assert updated.offsets.tolist() == expected["offsets"]
    assert stats.log_likelihood == pytest.approx(expected["log_likelihood"], rel=1e-5)
    np.testing.assert_allclose(updated.weights, expected["weights"], rtol=1e-3)
    np.testing.assert_allclose(updated.means, expected["means"], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(updated.variances, expected["variances"], rtol=2e-3)


@pytest.mark.parametrize("target", [4, 11, 30, 200])
@pytest.mark.parametrize("power", [0.25, 1.0])
def test_how_many_gaussians_each_pdf_gets(target: int, power: float) -> None:
    occupancy = [37.0, 60.0, 0.0, 1000.0, 451.5, 80.0]
    gmm = random_gmm(np.random.default_rng(3), [1] * len(occupancy), 2)
    found = split_targets(np.array(occupancy), target, power, 20.0)
    expected = ask(
        "split", gmm=as_json(gmm), occupancy=occupancy, target=target, power=power, min_count=20.0
    )
    assert found.tolist() == expected


def test_what_the_tree_loses_by_a_merge() -> None:
    rng = np.random.default_rng(4)
    rows = []
    for scale in (1.0, 0.01):  # the second one's variances are under the floor
        x = rng.normal(rng.normal(0, 2, 3), scale, (30, 3))
        rows.append(np.concatenate(([30.0], x.sum(axis=0), (x**2).sum(axis=0))))
    first, second, joint = (float(log_likelihood(r)) for r in (*rows, rows[0] + rows[1]))
    sent = [{"count": r[0], "x": r[1:4].tolist(), "x2": r[4:].tolist()} for r in rows]
    expected = ask("merging_loss", a=sent[0], b=sent[1], variance_floor=VARIANCE_FLOOR)
    assert [first, second, first + second - joint] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("position_dependent", [False, True])
def test_transition_ids_and_their_update(position_dependent: bool) -> None:
    lang = toy_lang(position_dependent=position_dependent)
    topology = Topology.for_lang(lang)
    model = Hmm.initial(topology, monophone_tree(lang, topology)).transitions
    counts = np.random.default_rng(5).uniform(0, 40, len(model.log_prob))
    counts[model.state_of == 2] /= 40  # too few for an update
    counts[0] = 0
    expected = ask(
        "transitions",
        topology=topology_text(topology),
        phone_sets=lang.phone_set_ids(),
        counts=counts.tolist(),
    )
    assert model.pdf_of[1:].tolist() == expected["pdf"]
    assert model.phone_of[1:].tolist() == expected["phone"]
    assert model.state_of[1:].tolist() == expected["state"]
    assert model.is_self_loop[1:].tolist() == expected["is_self_loop"]
    assert model.is_final[1:].tolist() == expected["is_final"]
    np.testing.assert_allclose(model.log_prob[1:], expected["before"], atol=1e-6)
    gain, _ = model.update(counts)
    # Kaldi leaves a floored state's probabilities summing to a little more than one.
    np.testing.assert_allclose(np.exp(model.log_prob[1:]), np.exp(expected["after"]), atol=2e-3)
    assert gain == pytest.approx(expected["gain"][0], rel=1e-3)

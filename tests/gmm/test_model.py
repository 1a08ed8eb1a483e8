"""A rung's folder: what was saved is read back, and damage is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.gmm.model import GmmModel
from pipeline.gmm.transform import FeatureTransform
from pipeline.io.errors import UserError
from tests.gmm.toy import random_gmm
from tests.hmm.toy_hmm import random_hmm, toy_lang

FILES = ("gmm.safetensors", "hmm.json", "transform.safetensors")


def toy_model(adapted: bool) -> GmmModel:
    rng = np.random.default_rng(61)
    hmm = random_hmm(toy_lang(), rng)
    gmm, other = (random_gmm(rng, [2] * hmm.num_pdfs, 3) for _ in range(2))
    transform = FeatureTransform(context=1, matrix=rng.normal(size=(3, 6)))
    return GmmModel(hmm, gmm, transform, other if adapted else None)


@pytest.mark.parametrize("adapted", [False, True])
def test_a_saved_model_is_read_back_the_same(tmp_path: Path, adapted: bool) -> None:
    model = toy_model(adapted)
    model.save(tmp_path / "one")
    again = GmmModel.load(tmp_path / "one")
    again.save(tmp_path / "two")
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert again.is_adapted == adapted
    np.testing.assert_array_equal(again.gmm.means, model.gmm.means)
    expected = model.speaker_independent if model.speaker_independent else model.gmm
    np.testing.assert_array_equal(again.first_pass.variances, expected.variances)
    assert again.hmm.transitions.tuples == model.hmm.transitions.tuples


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named(tmp_path: Path, name: str) -> None:
    toy_model(True).save(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-20])
    with pytest.raises(UserError, match=name):
        GmmModel.load(tmp_path)


def test_a_missing_model_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="trains tri1"):
        GmmModel.load(tmp_path / "tri1")


def test_mixtures_of_another_tree_are_refused(tmp_path: Path) -> None:
    model = toy_model(False)
    model.save(tmp_path)
    other = random_hmm(toy_lang(), np.random.default_rng(1), triphone=False)
    assert other.num_pdfs != model.hmm.num_pdfs
    other.save(tmp_path / "hmm.json")
    with pytest.raises(UserError, match="pdfs"):
        GmmModel.load(tmp_path)

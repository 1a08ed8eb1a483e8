"""hmm.json: what was saved is read back, and damage is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.hmm.model import Hmm
from pipeline.io.errors import UserError
from tests.hmm.toy_hmm import random_hmm, toy_lang


@pytest.mark.parametrize("triphone", [False, True])
def test_a_saved_hmm_is_read_back_the_same(tmp_path: Path, triphone: bool) -> None:
    hmm = random_hmm(toy_lang(), np.random.default_rng(3), triphone)
    hmm.save(tmp_path / "hmm.json")
    again = Hmm.load(tmp_path / "hmm.json")
    assert again.transitions.tuples == hmm.transitions.tuples
    assert again.num_pdfs == hmm.num_pdfs
    np.testing.assert_array_equal(again.transitions.log_prob, hmm.transitions.log_prob)
    again.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "hmm.json").read_bytes()


@pytest.mark.parametrize("damage", ["truncated", "key", "probabilities", "format", "trees"])
def test_damage_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "hmm.json"
    random_hmm(toy_lang(), np.random.default_rng(3)).save(path)
    data = json.loads(path.read_text())
    match damage:
        case "truncated":
            path.write_text(path.read_text()[:-40])
        case "key":
            del data["tree"]
        case "probabilities":
            data["log_prob"].pop()
        case "format":
            data["format"] = 99
        case "trees":
            data["tree"]["trees"].pop()
    if damage != "truncated":
        path.write_text(json.dumps(data))
    with pytest.raises(UserError, match=r"hmm\.json: "):
        Hmm.load(path)

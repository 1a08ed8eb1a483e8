"""Sets of a split."""

from __future__ import annotations

import pytest

from pipeline.data.split import check_models, select_cuts
from pipeline.io.errors import UserError

SPLITS = {"official": {"train": ["a", "c", "gone"], "test": ["b"]}, "x": {"train": ["gone"]}}
CUTS = [{"id": name} for name in "abcd"]


def test_cuts_keep_their_order_and_missing_ones_are_left_out() -> None:
    assert [cut["id"] for cut in select_cuts(CUTS, SPLITS, "official", "train")] == ["a", "c"]
    assert [cut["id"] for cut in select_cuts(iter(CUTS), SPLITS, "official", "test")] == ["b"]


def test_copies_belong_to_the_train_set_of_their_originals() -> None:
    cuts = [{"id": name} for name in ("a", "b", "vtln0.9-a", "vtln0.9-b", "vtln1.1-a", "c")]
    train = [cut["id"] for cut in select_cuts(cuts, SPLITS, "official", "train")]
    assert train == ["a", "vtln0.9-a", "vtln1.1-a", "c"]
    assert [cut["id"] for cut in select_cuts(cuts, SPLITS, "official", "test")] == ["b"]


def test_an_unknown_split_or_an_empty_set_is_an_error() -> None:
    with pytest.raises(UserError, match="theo: no such split; the corpus has official, x"):
        select_cuts(CUTS, SPLITS, "theo", "train")
    with pytest.raises(UserError, match="no utterance of its train set"):
        select_cuts(CUTS, SPLITS, "x", "train")


def test_models_of_another_split_must_not_have_learned_the_test() -> None:
    splits = {**SPLITS, "dev": {"train": [], "test": ["d"]}, "seen": {"train": [], "test": ["c"]}}
    check_models(splits, "dev", "official")
    with pytest.raises(UserError, match=r"seen: 1 utterances of its test set, e\.g\. c,"):
        check_models(splits, "seen", "official")
    with pytest.raises(UserError, match="none: no such split"):
        check_models(splits, "dev", "none")

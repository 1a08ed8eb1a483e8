"""Train and test sets of a split."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.data.copies import original_name
from pipeline.data.corpus import Splits
from pipeline.data.manifests import Manifest
from pipeline.io.errors import UserError


def check_models(splits: Splits, split: str, models: str) -> None:
    """A split that is decoded with another one's models: they must not have learned its test.

    Raises:
        UserError: they have, or there is no such split.
    """
    _known(splits, split)
    _known(splits, models)
    both = set(splits[models]["train"]).intersection(splits[split]["test"])
    if both:
        raise UserError(
            f"models_from: {split}: {len(both)} utterances of its test set, e.g. {min(both)}, are "
            f"in the training set of {models}; give it models of its own"
        )


def _known(splits: Splits, split: str) -> None:
    if split not in splits:
        raise UserError(f"splits: {split}: no such split; the corpus has {', '.join(splits)}")


def select_cuts(cuts: Iterable[Manifest], splits: Splits, split: str, name: str) -> list[Manifest]:
    """Cuts of set `name` of `split`, in the order given; those without features are left out.

    Perturbed copies belong to the train set of their originals only.

    Raises:
        UserError: there is no such split, or none of its utterances has features.
    """
    _known(splits, split)
    wanted = set(splits[split][name])
    selected = [
        cut
        for cut in cuts
        if cut["id"] in wanted or (name == "train" and original_name(cut["id"]) in wanted)
    ]
    if not selected:
        raise UserError(
            f"split {split}: no utterance of its {name} set has features; see rejected.tsv"
        )
    return selected

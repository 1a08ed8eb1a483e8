"""Train and test sets of a split."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.data.copies import original_name
from pipeline.data.corpus import Splits
from pipeline.data.manifests import Manifest
from pipeline.io.errors import UserError


def select_cuts(cuts: Iterable[Manifest], splits: Splits, split: str, name: str) -> list[Manifest]:
    """Cuts of set `name` of `split`, in the order given; those without features are left out.

    Perturbed copies belong to the train set of their originals only.

    Raises:
        UserError: there is no such split, or none of its utterances has features.
    """
    if split not in splits:
        raise UserError(f"splits: {split}: no such split; the corpus has {', '.join(splits)}")
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

"""Shards of feature extraction, and their union as one cuts manifest."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.data import manifests
from pipeline.data.copies import copy_of
from pipeline.data.manifests import Manifest
from pipeline.io.archive import index_matrices
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines

Item = tuple[Manifest, Manifest]  # recording, supervision


def read_items(data_dir: Path) -> list[Item]:
    """(recording, supervision) of each utterance of a data folder, sorted by utterance id.

    Raises:
        UserError: a supervision names a recording that is not there.
    """
    recordings = {item["id"]: item for item in read_json_lines(data_dir / "recordings.jsonl.gz")}
    items = []
    for supervision in read_json_lines(data_dir / "supervisions.jsonl.gz"):
        recording = recordings.get(supervision["recording_id"])
        if recording is None:
            raise UserError(
                f"{data_dir}: {supervision['id']}: its recording {supervision['recording_id']} is "
                "not in recordings.jsonl.gz; run the data stage again"
            )
        items.append((recording, supervision))
    return sorted(items, key=lambda item: item[1]["id"])


def copies_of(items: list[Item], warp: float) -> list[Item]:
    """A copy of each, its frequency axis to be warped."""
    return [(recording, copy_of(spoken, warp)) for recording, spoken in items]


def merge_shards(
    items: list[Item],
    paths: Iterable[Path],
    kind: str,
    frame_shift: float,
    sampling_rate: int,
    ignore_unknown: bool = False,
) -> list[Manifest]:
    """MonoCuts of all utterances that have features, sorted by utterance id.

    Args:
        paths: feats.ark or feats.scp of every shard.
        kind: name of the lhotse extractor.
        frame_shift: seconds.
        ignore_unknown: pass over features of utterances that the data does not have.
    Raises:
        UserError: an archive is damaged, or holds an utterance that the data does not.
    """
    of_id = {supervision["id"]: (recording, supervision) for recording, supervision in items}
    cuts = []
    for path in paths:
        for utterance_id, place, shape in index_matrices(path):
            if utterance_id not in of_id:
                if ignore_unknown:
                    continue
                raise UserError(
                    f"{path}: {utterance_id}: features of an utterance that is not in the data; "
                    "delete the features folder and run again"
                )
            recording, supervision = of_id[utterance_id]
            features = manifests.kaldi_features(
                supervision, place, kind, shape, frame_shift, sampling_rate
            )
            cuts.append(manifests.cut(recording, supervision, features, features["duration"]))
    return sorted(cuts, key=lambda cut: cut["id"])

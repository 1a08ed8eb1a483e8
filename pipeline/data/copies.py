"""Names of perturbed copies of training utterances, which count as other speakers.

Source of the idea: Kaldi's utils/data/perturb_data_dir_speed.sh, which prefixes both names too.
"""

from __future__ import annotations

import re

from pipeline.data.manifests import Manifest

PREFIX = re.compile(r"vtln[0-9.]+-")


def copy_name(name: str, warp: float) -> str:
    """Utterance_id or speaker of the copy whose frequency axis is warped."""
    return f"vtln{warp:g}-{name}"


def original_name(name: str) -> str:
    """Utterance_id of the original; that of an original is its own."""
    return PREFIX.sub("", name, count=1) if PREFIX.match(name) else name


def copy_of(supervision: Manifest, warp: float) -> Manifest:
    """The supervision of a copy: the same words in the same audio, said by another speaker."""
    speaker = copy_name(supervision["speaker"], warp)
    return {**supervision, "id": copy_name(supervision["id"], warp), "speaker": speaker}

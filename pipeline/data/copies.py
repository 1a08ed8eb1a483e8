"""Names of perturbed copies of training utterances, which count as other speakers.

Source of the idea: Kaldi's utils/data/perturb_data_dir_speed.sh, which prefixes both names too.
"""

from __future__ import annotations

import re

from pipeline.data.manifests import Manifest

PREFIX = re.compile(r"\Avtln[0-9.]+-")


def warp_prefix(warp: float) -> str:
    """What stands before utterance_id and speaker of a copy whose frequency axis is warped."""
    return f"vtln{warp:g}-"


def original_name(name: str) -> str:
    """Utterance_id of the original; that of an original is its own."""
    return PREFIX.sub("", name)


def copy_of(supervision: Manifest, warp: float) -> Manifest:
    """The supervision of a copy: the same words in the same audio, said by another speaker."""
    prefix = warp_prefix(warp)
    names = {key: prefix + supervision[key] for key in ("id", "speaker")}
    return {**supervision, **names}

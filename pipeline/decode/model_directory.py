"""A self-contained, movable folder with all that recognition needs, and its manifest.

manifest.json   format, kind, features, decode, and the SHA-256 of every file
model/          the files of the network or the GMM rung, hmm.json among them
adaptation/     for a network on fMLLR features: the files of the rung that adapts speakers
features/       cmvn.ark: statistics of the whole training set, for streams; not in all folders
lang/           phones.txt, words.txt, lexicon.txt, lang.json
graph/          HCLG.fst, graph.json
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config import DecodeOptions, MfccOptions
from pipeline.decode.inputs import SearchGraph
from pipeline.features.cmvn import read_cmvn, write_cmvn
from pipeline.gmm.model import GmmModel
from pipeline.io.atomic import write_json
from pipeline.io.errors import UserError
from pipeline.io.options import validate_options
from pipeline.io.versions import check_format

FORMAT = 2
WITHOUT_CMVN = 1  # an earlier format, still read: it has no statistics
MANIFEST = "manifest.json"
Kind = Literal["nnet", "adapted_nnet", "gmm"]
NETWORK_FILES = ("model.json", "model.safetensors", "hmm.json")
RUNG_FILES = ("gmm.safetensors", "transform.safetensors", "hmm.json")
COMMON_FILES = {
    "lang": ("phones.txt", "words.txt", "lexicon.txt", "lang.json"),
    "graph": ("HCLG.fst", "graph.json"),
}
FILES: dict[str, dict[str, tuple[str, ...]]] = {
    "nnet": {"model": NETWORK_FILES, **COMMON_FILES},
    "adapted_nnet": {"model": NETWORK_FILES, "adaptation": RUNG_FILES, **COMMON_FILES},
    "gmm": {"model": RUNG_FILES, **COMMON_FILES},
}
CMVN_FILE = "features/cmvn.ark"
EVERYONE = "global"  # the only entry of that archive


@dataclass(frozen=True)
class ModelDirectory:
    """An opened model folder; its files are whole."""

    folder: Path
    kind: Kind
    features: MfccOptions
    decode: DecodeOptions
    cmvn: NDArray[np.float64] | None = field(compare=False)  # (2, F + 1), of the training set


def export_model(
    model_dir: Path,
    lang_dir: Path,
    graph: Path,
    features: MfccOptions,
    decode: DecodeOptions,
    output_dir: Path,
    adaptation_dir: Path | None = None,
    cmvn: Path | None = None,
) -> ModelDirectory:
    """Copy what belongs together into a new folder; the manifest is written last.

    Args:
        model_dir: output of train_nnet or train_gmm.
        graph: HCLG.fst, with graph.json beside it.
        adaptation_dir: the rung that aligned the training data, for a network on fMLLR features.
        cmvn: statistics of the training speakers, for whoever follows a stream.
    Raises:
        UserError: a file is missing, the parts do not belong together, or the folder is in use.
    """
    kind: Kind = "gmm"
    if (model_dir / "model.safetensors").is_file():
        kind = "nnet" if adaptation_dir is None else "adapted_nnet"
    if output_dir.exists() and any(output_dir.iterdir()) and not (output_dir / MANIFEST).is_file():
        raise UserError(f"{output_dir}: holds other files; name a new folder")
    folders = {"model": model_dir, "lang": lang_dir, "graph": graph.parent}
    if adaptation_dir is not None:
        folders["adaptation"] = adaptation_dir
    sources = {
        f"{part}/{name}": folders[part] / name
        for part, names in FILES[kind].items()
        for name in names
    }
    sources["graph/HCLG.fst"] = graph
    for source in sources.values():
        if not source.is_file():
            raise UserError(f"{source}: no such file; run the stage that makes it first")
    if kind != "gmm":
        _check_features(model_dir / "model.json", features, adaptation_dir)
    SearchGraph.read(graph, lang_dir / "words.txt").check_model(model_dir / "hmm.json")
    statistics = None if cmvn is None else _global_statistics(cmvn, features)
    output_dir.mkdir(parents=True, exist_ok=True)
    (output_dir / MANIFEST).unlink(missing_ok=True)  # an older export is no longer whole
    for name, source in sources.items():
        target = output_dir / name
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, target)
    (output_dir / CMVN_FILE).unlink(missing_ok=True)
    names = sorted(sources)
    if statistics is not None:
        write_cmvn(output_dir / CMVN_FILE, {EVERYONE: statistics})
        names.append(CMVN_FILE)
    write_json(
        output_dir / MANIFEST,
        {
            "format": FORMAT,
            "kind": kind,
            "features": features.model_dump(mode="json"),
            "decode": decode.model_dump(mode="json"),
            "files": {name: checksum(output_dir / name) for name in sorted(names)},
        },
    )
    return ModelDirectory(output_dir, kind, features, decode, statistics)


def _feature_dim(features: MfccOptions) -> int:
    return features.num_ceps if features.type == "mfcc" else features.num_mel_bins


def _global_statistics(path: Path, features: MfccOptions) -> NDArray[np.float64]:
    """The sum of all speakers' statistics."""
    speakers = list(read_cmvn(path).values())
    shape = (2, _feature_dim(features) + 1)
    if not speakers or any(statistics.shape != shape for statistics in speakers):
        raise UserError(
            f"{path}: not the CMVN statistics of these features; give cmvn.ark of data/"
        )
    total: NDArray[np.float64] = np.sum(speakers, axis=0)
    total[1, -1] = float(features.norm_vars)
    if not np.isfinite(total).all() or total[0, -1] <= 0:
        raise UserError(f"{path}: statistics of no frames, or damaged; run compute_cmvn again")
    return total


def _check_features(path: Path, features: MfccOptions, adaptation_dir: Path | None) -> None:
    """The network reads these features, or what the rung makes of them."""
    dim = _feature_dim(features)
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        trained = int(description["feature_dim"])
        wanted = description["training"].get("options", {}).get("features")
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: damaged ({error!r}); train the network again") from None
    if adaptation_dir is None and wanted == "fmllr":
        raise UserError(
            f"{path}: this network reads speaker-adapted (fmllr) features; "
            "give the rung that aligned its training data (--adaptation-dir)"
        )
    if adaptation_dir is not None:
        if wanted != "fmllr":
            raise UserError(f"{path}: this network reads cepstra; give no --adaptation-dir")
        rung = GmmModel.load(adaptation_dir)
        hmm = path.with_name("hmm.json")
        if not rung.is_adapted or (adaptation_dir / "hmm.json").read_bytes() != hmm.read_bytes():
            raise UserError(
                f"{adaptation_dir}: not the speaker-adapted rung of {path.parent}; "
                "give the one that aligned its training data"
            )
        dim = rung.gmm.dim
    if trained != dim:
        raise UserError(
            f"{path}: {trained} values a frame, these features have {dim}; "
            "give the features of its training"
        )


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def open_model(folder: Path) -> ModelDirectory:
    """Check a model folder against its manifest.

    Raises:
        UserError: no model folder, one of another version, or a file missing or changed.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(f"{folder}: no {MANIFEST}, so no model folder; make one with hybrid pack")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if manifest["format"] != WITHOUT_CMVN:
            check_format(manifest, FORMAT, path, "export the model again")
        kind, files = manifest["kind"], dict(manifest["files"])
        features, decode = manifest["features"], manifest["decode"]
        parts = FILES[kind]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: damaged ({error!r}); export the model again") from None
    names = [f"{part}/{name}" for part, names in parts.items() for name in names]
    for name in (*names, *(name for name in (CMVN_FILE,) if name in files)):
        if not (folder / name).is_file():
            raise UserError(f"{folder / name}: missing; copy the model folder again")
        if checksum(folder / name) != files.get(name):
            raise UserError(f"{folder / name}: damaged (its checksum is wrong); copy it again")
    return ModelDirectory(
        folder,
        kind,
        validate_options(MfccOptions, features, f"{path}: features"),
        validate_options(DecodeOptions, decode, f"{path}: decode"),
        read_cmvn(folder / CMVN_FILE)[EVERYONE] if CMVN_FILE in files else None,
    )

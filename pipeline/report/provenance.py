"""What a run was made from, where, and what it takes: checksums, processor, disk by folder."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.data.download import sha256_of
from pipeline.io.json_lines import read_json_lines

Row = dict[str, Any]
MANIFESTS = ("recordings.jsonl.gz", "supervisions.jsonl.gz", "lexicon.txt", "splits.json")
MAX_HASHED = 500_000_000  # bytes of audio whose content is read; of more, names and sizes count


def _audio_row(recordings: Path) -> Row | None:
    """One checksum over all audio files that a manifest names, by what is in them if feasible."""
    files = sorted(
        {
            source["source"]
            for recording in read_json_lines(recordings)
            for source in recording["sources"]
            if source["type"] == "file"
        }
    )
    paths = [Path(file) for file in files]
    if not paths or not all(path.is_file() for path in paths):
        return None
    sizes = [path.stat().st_size for path in paths]
    whole = sum(sizes) <= MAX_HASHED
    digest = hashlib.sha256()
    for path, size in zip(paths, sizes, strict=True):
        # Without the folder, so that a corpus has one checksum wherever it lies.
        digest.update(f"{sha256_of(path) if whole else size}  {path.name}\n".encode())
    name = "audio, by content" if whole else "audio, by names and sizes"
    return {"name": name, "files": len(paths), "bytes": sum(sizes), "sha256": digest.hexdigest()}


def checksums(root: Path) -> list[Row]:
    """name, files, bytes and sha256 of the corpus's audio and of what the stage data made of it."""
    rows: list[Row] = []
    recordings = root / "data" / MANIFESTS[0]
    if recordings.is_file():
        audio = _audio_row(recordings)
        rows += [audio] if audio else []
    for name in MANIFESTS:
        path = root / "data" / name
        if path.is_file():
            size = path.stat().st_size
            rows.append(
                {"name": f"data/{name}", "files": 1, "bytes": size, "sha256": sha256_of(path)}
            )
    return rows


def machine() -> Row:
    """The processor's name and the cores that may be used, where the report is made."""
    names = []
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return {"processor": name, "cores": len(os.sched_getaffinity(0))}


def _folders(root: Path) -> Iterator[Path]:
    """Folders of a run, the splits' ones one level deeper."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        if (folder / "data").is_dir():
            yield from sorted(path for path in folder.iterdir() if path.is_dir())
        else:
            yield folder


def disk_usage(root: Path) -> list[Row]:
    """folder, files and bytes, the largest first; links and the report itself are left out."""
    rows = []
    for folder in _folders(root) if root.is_dir() else ():
        name = folder.relative_to(root).as_posix()
        files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        # Logs and benchmarks still grow while the report is made.
        if files and name not in ("report", "logs", "benchmarks"):
            size = sum(path.stat().st_size for path in files)
            rows.append({"folder": name, "files": len(files), "bytes": size})
    return sorted(rows, key=lambda row: (-row["bytes"], row["folder"]))

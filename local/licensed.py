"""Corpora that are not free to fetch: what a user has to bring."""

from __future__ import annotations

from pathlib import Path

from pipeline.io.errors import UserError


def refuse_download(corpus: str, where: str) -> UserError:
    """The error that says so."""
    return UserError(
        f"{corpus}: it cannot be fetched without you: get it from {where}, unpack it and name its "
        "folder in corpus.dir"
    )


def find_folder(corpus_dir: Path, children: set[str], corpus: str) -> Path:
    """The folder, at most two levels down, that has these children; their case may differ.

    Raises:
        UserError: there is none.
    """
    folders = [corpus_dir]
    for _ in range(3):
        for folder in folders:
            if children <= {path.name.lower() for path in folder.iterdir()}:
                return folder
        folders = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_dir()]
    named = " and ".join(f"{name}/" for name in sorted(children))
    raise UserError(f"{corpus_dir}: no folder with {named}; point corpus.dir at {corpus}")


def child(folder: Path, name: str) -> Path:
    """The child of this name, whatever its case.

    Raises:
        UserError: there is none.
    """
    for path in folder.iterdir():
        if path.name.lower() == name:
            return path
    raise UserError(f"{folder}: no {name}; point corpus.dir at the whole corpus")

"""Find a corpus's folder: as configured, below CORPORA_DIR, or downloaded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.io.errors import UserError, one_line

VARIABLE = "CORPORA_DIR"


def locate_corpus(
    name: str,
    configured: str | None,
    environment: Mapping[str, str],
    downloads: Path,
    download: Callable[[Path], Path],
) -> Path:
    """The folder that holds corpus `name`.

    Args:
        configured: corpus.dir of the configuration; if given, nothing else is tried.
        environment: where CORPORA_DIR is looked up; its subfolder `name` comes next.
        downloads: folder below which `download` may put the corpus.
        download: fetches and verifies; called with downloads / name.
    Raises:
        UserError: names the folder, CORPORA_DIR and the remedy.
    """
    if configured is not None:
        folder = Path(configured).expanduser()
        if not folder.is_dir():
            raise UserError(f"corpus.dir: {folder}: no such folder; correct it, or remove the key")
        return folder
    below = environment.get(VARIABLE)
    missing = f"{VARIABLE} is not set"
    if below:
        if not Path(below).is_dir():
            raise UserError(
                f"{VARIABLE}={below}: no such folder; set it to the folder that holds {name}/, "
                "or unset it to download the corpus"
            )
        folder = Path(below) / name
        if folder.is_dir():
            return folder
        missing = f"{folder}: no such folder ({VARIABLE}={below})"
    target = downloads / name
    print(f"{missing}; downloading {name} into {target}", file=sys.stderr)
    try:
        return download(target)
    except (UserError, OSError) as error:
        raise UserError(
            f"corpus {name}: {missing}, and the download into {target} failed "
            f"({one_line(error)}); put the corpus into a folder and set {VARIABLE} to its parent, "
            "or set corpus.dir"
        ) from None

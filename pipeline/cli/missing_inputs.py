"""Files that jobs need, that are not there and that no job makes: one line for Snakemake's many."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

RULE = re.compile(r"Missing input files for rule (\w+):")
FILES = re.compile(r"^ *affected files:\n((?:^ +\S.*\n?)+)", re.MULTILINE)


def explain_missing_inputs(text: str, recipes: Sequence[str]) -> str | None:
    """One line with a remedy; None: Snakemake's words are about something else.

    Args:
        text: what Snakemake said.
        recipes: known ones; a file below exp/<recipe> of one of these is what that recipe makes.
    """
    rule, listed = RULE.search(text), FILES.search(text)
    if rule is None or listed is None:
        return None
    files = sorted({line.strip() for line in listed[1].splitlines()})
    more = f" (and {len(files) - 1} more)" if len(files) > 1 else ""
    folders = PurePath(files[0]).parts
    remedy = "put it there, or mend the option that names it"
    if len(folders) > 1 and folders[0] == "exp" and folders[1] in recipes:
        remedy = f"`hybrid run {folders[1]}` makes it"
    return f"{files[0]}: no such file{more}, which {rule[1]} needs; {remedy}"

"""The table in short of RESULTS.md, in the README of the recipe."""

from __future__ import annotations

IN_SHORT = "## In short\n"  # RESULTS.md: above the table
# README.md: the lines between which it lies.
BEGIN = "<!-- results: written by `hybrid report --publish` -->\n"
END = "<!-- end of results -->\n"


def table_of(page: str) -> str:
    """What stands in short in a RESULTS.md."""
    return page.partition(IN_SHORT)[2].partition("\n## ")[0].strip()


def with_table(readme: str, page: str) -> str:
    """README.md with the table of a RESULTS.md, if it has a place for it."""
    begin, end = readme.find(BEGIN), readme.find(END)
    if begin < 0 or end < begin:
        return readme
    return readme[: begin + len(BEGIN)] + f"\n{table_of(page)}\n\n" + readme[end:]

"""Tables of results in the recipes' READMEs are those of their RESULTS.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.report.readme_table import BEGIN, END, table_of, with_table

RECIPES = Path(__file__).parents[2] / "recipes"
PUBLISHED = sorted(path.parent.name for path in RECIPES.glob("*/RESULTS.md"))


@pytest.mark.parametrize("recipe", PUBLISHED)
def test_the_table_is_that_of_the_results(recipe: str) -> None:
    readme = (RECIPES / recipe / "README.md").read_text(encoding="utf-8")
    page = (RECIPES / recipe / "RESULTS.md").read_text(encoding="utf-8")
    assert table_of(page)
    assert BEGIN in readme
    assert with_table(readme, page) == readme


def test_there_are_such_pages() -> None:
    assert {"fsdd", "librispeech_part_kaldi", "yesno"} <= set(PUBLISHED)


def test_a_readme_without_a_place_is_left_alone() -> None:
    page = "# Results\n## In short\n| a |\n\n## Cost\n"
    for readme in ("# r\n", f"# r\n{BEGIN}", f"{END}{BEGIN}"):
        assert with_table(readme, page) == readme
    assert with_table(f"{BEGIN}old\n{END}rest", page) == f"{BEGIN}\n| a |\n\n{END}rest"

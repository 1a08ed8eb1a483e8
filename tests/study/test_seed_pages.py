"""Tables of seeds in the recipes' READMEs are what their command prints from the stored results."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.bin import print_seeds
from pipeline.workflow import load_recipe

RECIPES = Path(__file__).parents[2] / "recipes"
STORED = sorted(path.parent.name for path in RECIPES.glob("*/seeds.jsonl"))
HEADING = re.compile(r"^Grammar (\w+); ([^;]+); .*\.$", re.MULTILINE)


@pytest.mark.parametrize("recipe", STORED)
def test_the_page_is_what_its_command_prints(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (RECIPES / recipe / "README.md").read_text(encoding="utf-8")
    headings = list(HEADING.finditer(page))
    assert headings
    for heading in headings:
        stored = str(RECIPES / recipe / "seeds.jsonl")
        print_seeds.main([recipe, stored, "--splits", *heading[2].split(", ")])
        said = capsys.readouterr().out
        begin = next(h.start() for h in HEADING.finditer(said) if h[1] == heading[1])
        table = said[begin:].split("\n\nGrammar ")[0].strip()
        assert page[heading.start() :].startswith(table)


def test_there_are_such_pages() -> None:
    assert {"compression", "compression_synth"} <= set(STORED)


@pytest.mark.parametrize("recipe", ["compression", "compression_synth"])
def test_without_clipping_all_else_is_the_same(recipe: str) -> None:
    nets = load_recipe({"recipe": recipe}).nnet
    names = [name for name in nets if name.endswith("_no_clipping")]
    assert len(names) > 5
    for name in names:
        own, clipped = nets[name], nets[name.removesuffix("_no_clipping")]
        if own.quantize is None or own.quantize.aware:  # rounding alone trains nothing
            assert (own.clipping.method, clipped.clipping.method) == ("none", "norm")
        if clipped.source is not None:
            assert own.source == f"{clipped.source}_no_clipping"
        ours, theirs = (
            net.model_dump_json(exclude={"clipping"}).replace("_no_clipping", "")
            for net in (own, clipped)
        )
        assert ours == theirs

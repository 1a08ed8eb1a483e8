"""Program: stored results of several seeds -> the table of a recipe's networks, as Markdown."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.io.errors import UserError, run
from pipeline.io.json_lines import read_json_lines
from pipeline.study.seed_tables import difference_text, markdown, network_rows, pooled_difference
from pipeline.workflow import load_recipe


def main(arguments: list[str] | None = None) -> None:
    """Read, tabulate, print."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.bin.print_seeds", description=__doc__)
    parser.add_argument("recipe", help="a folder of recipes/")
    parser.add_argument("results", type=Path, help="what run_seeds wrote")
    parser.add_argument("--splits", nargs="*", help="only these; default: all of the recipe")
    parser.add_argument("--pool", nargs="*", default=[], help="networks: their pairs together")
    args = parser.parse_args(arguments)
    config = load_recipe({"recipe": args.recipe})
    splits = args.splits or list(config.splits)
    if not args.results.is_file():
        raise UserError(f"{args.results}: no such file; run pipeline.bin.run_seeds")
    results = [row for row in read_json_lines(args.results) if "network" in row]
    for grammar in config.searched_grammars:
        rows = network_rows(config, results, grammar, splits)
        if not rows:
            raise UserError(f"{args.results}: no network has results of {', '.join(splits)}")
        words = ", ".join(sorted({f"{row.words:,} words × {row.seeds} seeds" for row in rows}))
        print(
            f"Grammar {grammar}; {', '.join(splits)}; {words}.\n\n{markdown(rows, config.title)}\n"
        )
        if args.pool:
            pool = pooled_difference(config, results, grammar, splits, args.pool)
            print(
                f"{', '.join(args.pool)}, {pool.mean.count} pairs together: difference (95 %), p "
                f"{difference_text(pool)}.\n"
            )


if __name__ == "__main__":
    run(main)

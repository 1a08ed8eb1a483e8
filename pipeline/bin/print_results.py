"""Program: results.json of a report -> a table on the terminal."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.io.errors import run
from pipeline.report.markdown import read_results, results_table
from pipeline.report.summary import print_summary


def main(arguments: list[str] | None = None) -> None:
    """Print the error rates of a run."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.bin.print_results", description=__doc__
    )
    parser.add_argument("results", type=Path, help="report/results.json of a run")
    parser.add_argument("--markdown", action="store_true", help="as a table for a README")
    args = parser.parse_args(arguments)
    if args.markdown:
        print(results_table(read_results(args.results)), end="")
    else:
        print_summary(args.results)


if __name__ == "__main__":
    run(main)

"""Program: results of a study's trainings -> stored runs, and the page with its figures."""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

from pipeline.io.errors import UserError, run
from pipeline.study.cost import Costs
from pipeline.study.design import load_study
from pipeline.study.page import write_page
from pipeline.study.results import read_results, read_stored, stored_file, write_stored
from pipeline.workflow import shown

COSTS = "costs.json"


def main() -> None:
    """Add new results to the stored runs, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe-dir", type=Path, required=True, help="holds study.yaml")
    parser.add_argument("--results", type=Path, nargs="*", default=[], help="folders of results")
    parser.add_argument("--costs", type=Path, help="a new costs.json, to be kept in the recipe")
    parser.add_argument("--machine", help="what made these results; default: this machine")
    args = parser.parse_args()
    folder: Path = args.recipe_dir
    study = load_study(folder / "study.yaml")
    stored = stored_file(folder)
    runs = read_stored(stored)
    machine = args.machine or f"{platform.machine()} with {platform.system()}"
    for results in args.results:
        for result in read_results(results):
            runs[result["run_id"]] = {**result, "machine": machine}
    planned = {cell.run_id for name in study.questions for cell in study.cells(name)}
    runs = {run_id: runs[run_id] for run_id in sorted(planned & runs.keys())}
    if not runs:
        raise UserError(f"{stored}: no run of this study; run its trainings first")
    write_stored(stored, runs)
    command = f"python -m pipeline.bin.study_page --recipe-dir {shown(folder)}"
    kept = folder / COSTS
    costs = Costs.load(args.costs or kept)
    if costs is not None:
        costs.save(kept)
    write_page(study, runs, folder, command, costs)


if __name__ == "__main__":
    run(main)

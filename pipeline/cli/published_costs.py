"""What the jobs of a recipe took where its results were published: costs.tsv in its folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.cli.costs import Cost
from pipeline.io.atomic import write_text

NAME = "costs.tsv"
HEADER = "job\ts\tmax_rss\n"  # as Snakemake's benchmark files call seconds and MB


def write_costs(folder: Path, jobs: Iterable[dict[str, Any]]) -> None:
    """Store the rows `stages` of results.json; jobs without a time are left out."""
    lines = [
        f"{job['job']}\t{job['seconds']:.1f}\t"
        + ("-" if job["max_rss_mb"] is None else f"{job['max_rss_mb']:.0f}")
        + "\n"
        for job in jobs
        if job["seconds"] is not None
    ]
    write_text(folder / NAME, HEADER + "".join(lines))


def read_costs(folder: Path) -> dict[str, Cost]:
    """Job, as its benchmark file is called -> cost; empty where nothing is stored."""
    path = folder / NAME
    if not path.is_file():
        return {}
    costs = {}
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        job, seconds, memory = line.split("\t")
        costs[job] = Cost(float(seconds), None if memory == "-" else float(memory), 0)
    return costs

"""Tables of what the engines took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gmm.process import Machine

SECONDS_A_FRAME = 0.01
SLACK = 0.01  # scaled cost by which a path may be above the best and still be it


@dataclass(frozen=True)
class Case:
    """A graph, log-likelihoods for it, and what was said."""

    name: str
    graph: Path
    words: Path
    loglikes: Path
    cuts: Path
    limit: int | None  # utterances
    beams: tuple[float, ...]


@dataclass(frozen=True)
class Cell:
    """What an engine took for a case at a beam."""

    case: str
    engine: str
    beam: float
    batched: bool
    processes: int
    seconds: float  # of speech
    search_rtf: float  # CPU s of the search a second of speech, all processes together
    rtf: float  # with the best path and the word lattice
    wall_rtf: float
    graph_seconds: float  # CPU, to read the graph and make it ready
    peak_mb: float  # all processes together
    errors: int
    words: int
    # Scaled cost of each utterance's best path; None: it comes to no final state.
    costs: dict[str, float | None] = field(repr=False)


def least_costs(cells: Iterable[Cell]) -> dict[tuple[str, str], float]:
    """The least that any engine at any beam found: (case, utterance) -> scaled cost."""
    least: dict[tuple[str, str], float] = {}
    for cell in cells:
        for utterance, cost in cell.costs.items():
            key = cell.case, utterance
            if cost is not None:
                least[key] = min(cost, least.get(key, cost))
    return least


def tables(cells: list[Cell], machine: Machine) -> str:
    """Markdown: a table a case."""
    least = least_costs(cells)
    lines = [f"{machine.num_cores} cores, load average {machine.load} at the start."]
    for case in dict.fromkeys(cell.case for cell in cells):
        own = [cell for cell in cells if cell.case == case]
        lines += [
            "",
            f"**{case}**, {own[0].seconds:.0f} s of speech, {own[0].words} words:",
            "",
            "| engine | beam | search RTF | with lattice | wall | graph CPU s | peak MB "
            "| WER % | worse paths % |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for cell in own:
            worse = sum(
                cost is None or cost > least[case, u] + SLACK
                for u, cost in cell.costs.items()
                if (case, u) in least
            )
            name = cell.engine + (", batch" if cell.batched else "")
            if cell.processes > 1:
                name += f", {cell.processes} processes"
            lines.append(
                f"| {name} | {cell.beam:g} | {cell.search_rtf:.4f} | {cell.rtf:.4f} "
                f"| {cell.wall_rtf:.4f} | {cell.graph_seconds:.1f} | {cell.peak_mb:.0f} "
                f"| {100 * cell.errors / cell.words:.2f} "
                f"| {100 * worse / len(cell.costs):.1f} |"
            )
    return "\n".join(lines) + "\n"

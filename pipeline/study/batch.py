"""Many trainings side by side, one thread each; what is finished is never made again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import torch

from pipeline.io.atomic import write_json
from pipeline.io.errors import UserError
from pipeline.study.design import Cell
from pipeline.study.inputs import Inputs, load
from pipeline.study.results import result_file
from pipeline.study.run import run_cell

Report = Callable[[int, int, str], None]  # finished, wanted, run_id


@cache
def _inputs(folder: Path) -> Inputs:
    return load(folder)


def _work(cell: Cell, inputs_dir: Path, output_dir: Path) -> str:
    torch.set_num_threads(1)
    result = run_cell(cell, _inputs(inputs_dir / cell.inputs))
    write_json(result_file(output_dir, cell.run_id), result)
    return cell.run_id


def missing(cells: Iterable[Cell], output_dir: Path) -> list[Cell]:
    """Cells without a result, each once, in their order."""
    unique = {cell.run_id: cell for cell in cells}
    return [c for name, c in unique.items() if not result_file(output_dir, name).is_file()]


def run_batch(
    cells: list[Cell],
    inputs_dir: Path,
    output_dir: Path,
    jobs: int,
    deadline: float | None = None,
    report: Report | None = None,
) -> int:
    """Run what has no result yet.

    Args:
        jobs: processes.
        deadline: seconds after which no further training is begun.
    Returns:
        How many were run.
    Raises:
        UserError: inputs are missing, or a training failed for another reason than divergence.
    """
    for name in sorted({cell.inputs for cell in cells}):
        if not inputs_dir.joinpath(name).is_dir():
            raise UserError(f"{inputs_dir / name}: missing; collect the study's inputs first")
    output_dir.mkdir(parents=True, exist_ok=True)
    todo = missing(cells, output_dir)
    waiting = iter(todo)
    began, finished = time.monotonic(), 0
    running: set[Future[str]] = set()
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:

        def begin() -> None:
            if deadline is not None and time.monotonic() - began > deadline:
                return
            cell = next(waiting, None)
            if cell is not None:
                running.add(pool.submit(_work, cell, inputs_dir, output_dir))

        for _ in range(jobs):
            begin()
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                run_id = future.result()
                finished += 1
                if report is not None:
                    report(finished, len(todo), run_id)
                begin()
    return finished

"""What jobs will take, by what they or their like took in earlier runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.cli.job_state import JobState
from pipeline.cli.measured import benchmark_seconds, size_of


@dataclass(frozen=True)
class Cost:
    """Of one job."""

    seconds: float
    max_rss_mb: float | None
    num_bytes: int


def job_cost(job: JobState) -> Cost | None:
    """What a job's last run took; None if it has not been run."""
    measured = benchmark_seconds(Path(job.benchmark)) if job.benchmark else None
    if measured is None:
        return None
    return Cost(*measured, size_of(job.outputs))


def other_runs(root: str) -> list[str]:
    """Folders beside `root` that hold other runs, the latest first."""
    folders = [
        folder.parent
        for folder in Path(root).parent.glob("*/benchmarks")
        if folder.parent != Path(root)
    ]
    return [str(path) for path in sorted(folders, key=lambda p: -p.stat().st_mtime)]


def guess_cost(job: JobState, done: Sequence[tuple[JobState, Cost]]) -> Cost | None:
    """Mean of the jobs of the same rule that this run has done."""
    alike = [cost for other, cost in done if other.rule == job.rule]
    if not alike:
        return None
    memories = [cost.max_rss_mb for cost in alike if cost.max_rss_mb is not None]
    return Cost(
        sum(cost.seconds for cost in alike) / len(alike),
        max(memories, default=None),
        sum(cost.num_bytes for cost in alike) // len(alike),
    )


def cost_elsewhere(job: JobState, root: str, others: Sequence[str]) -> Cost | None:
    """What the job of the same name took in another run, of another corpus perhaps."""
    for other in others:
        if job.benchmark is None:
            return None
        measured = benchmark_seconds(Path(other + job.benchmark.removeprefix(root)))
        if measured is not None:
            return Cost(*measured, size_of(other + file.removeprefix(root) for file in job.outputs))
    return None


def finish_time(jobs: Sequence[JobState], costs: dict[int, Cost], cores: int) -> float:
    """Seconds until the last of the jobs ends, if each starts as soon as it can.

    Args:
        jobs: earlier before later ones.
        costs: place in `jobs` -> cost; others take no time.
    """
    place = {id(job): index for index, job in enumerate(jobs)}
    waiting = {
        index: {place[id(other)] for other in job.needs if id(other) in place}
        for index, job in enumerate(jobs)
    }
    running: list[tuple[float, int]] = []
    now, free = 0.0, cores
    while waiting or running:
        for index in [i for i, needed in waiting.items() if not needed]:
            threads = min(jobs[index].threads, cores)
            if threads <= free:
                free -= threads
                del waiting[index]
                seconds = costs[index].seconds if index in costs else 0.0
                running.append((now + seconds, index))
        running.sort()
        now, ended = running.pop(0)
        free += min(jobs[ended].threads, cores)
        for needed in waiting.values():
            needed.discard(ended)
    return now

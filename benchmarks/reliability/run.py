"""The fault table: python -m benchmarks.reliability.run (root for small disks; writes README.md).

An undisturbed run of a toy recipe gives the bytes that every disturbed run must end with.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.reliability import downloads, faults
from benchmarks.reliability.faults import Case, Outcome
from benchmarks.reliability.toy import CONFIG, differences, results, run, stage_seconds
from pipeline.io.atomic import write_json
from pipeline.io.json_lines import read_json_lines, write_json_lines
from pipeline.workflow import stage_files

Try = Callable[[Case, int], Outcome]
FAULTS: tuple[tuple[str, Try, int, bool], ...] = (  # name, try, how many, needs to mount
    ("Snakemake killed alone, its jobs live on", faults.jobs_outlive, 3, False),
    ("two runs at once in one folder", faults.two_at_once, 3, False),
    ("clock moved by a day", faults.clock_moved, 3, False),
    ("disk full", faults.disk_full, 3, True),
    ("output becomes read-only", faults.read_only, 3, True),
    ("checkpoint damaged", faults.bad_checkpoint, 3, False),
    ("result truncated", faults.truncated, len(faults.DAMAGED), False),
    ("download broken off", downloads.broken_off, 3, False),
    ("download killed", downloads.client_killed, 3, False),
    ("downloaded archive damaged", downloads.damaged, 2, False),
)
ONE_CORE = "one core in place of two (no fault)"
README = Path(__file__).with_name("README.md")
HEAD = """\
# What a run survives
Written by `python -m benchmarks.reliability.run` (as root, for the small disks). A toy recipe
(spoken digits; {stages})
is disturbed and run again by `hybrid run`.
Survived: the next run ends with the same bytes as an undisturbed one, or says in one line what is
wrong, and after that remedy ends so. Times, logs and the page that shows them are not compared.

| fault | tries | survived | how |
| --- | --- | --- | --- |
"""


def undisturbed(scratch: Path) -> Case:
    """Stage by stage for their times; one that an earlier start has made is used again."""
    finished, times = scratch / "finished", scratch / "seconds.json"
    if not times.is_file():
        shutil.rmtree(finished, ignore_errors=True)
        finished.mkdir(parents=True)
        seconds = {stage: stage_seconds(finished, stage) for stage in stage_files(CONFIG)}
        write_json(times, seconds)
    seconds = json.loads(times.read_text(encoding="utf-8"))
    return Case(finished, results(finished), seconds, scratch)


def one_core(case: Case, number: int) -> Outcome:
    """The same recipe with one core in place of two."""
    folder = case.scratch / "one_core"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    result = run(folder, "--jobs", "1")
    different = differences(folder, case.reference)
    how = "same bytes" if not different else "other bytes"
    return Outcome(not result.returncode and not different, how, ", ".join(different[:5]))


def row(name: str, outcomes: Iterable[Outcome]) -> str:
    """A line of the table."""
    listed = list(outcomes)
    survived = sum(outcome.survived for outcome in listed)
    ways = dict.fromkeys(outcome.how for outcome in listed)
    return f"| {name} | {len(listed)} | {survived} | {'; '.join(ways)} |\n"


class Record:
    """Outcomes on disk, so that a table that was interrupted goes on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = list(read_json_lines(path)) if path.is_file() else []
        self._found = {(line["name"], line["number"]): line["outcome"] for line in lines}

    def has(self, name: str, number: int) -> bool:
        """Whether this try was made."""
        return (name, number) in self._found

    def add(self, name: str, number: int, outcome: Outcome) -> None:
        """Keep it and say it."""
        self._found[(name, number)] = list(outcome)
        items = self._found.items()
        write_json_lines(
            self._path, [{"name": n, "number": k, "outcome": found} for (n, k), found in items]
        )
        verdict = "survived" if outcome.survived else "NOT SURVIVED"
        print(f"{verdict}: {name}: {outcome.how}: {outcome.note}", flush=True)

    def table(self) -> dict[str, list[Outcome]]:
        """Fault -> outcomes of its tries."""
        table: dict[str, list[Outcome]] = {}
        for (name, _), outcome in sorted(self._found.items(), key=lambda item: item[0][1]):
            table.setdefault(name, []).append(Outcome(*outcome))
        order = [ONE_CORE, *(f"kill -9 in stage {stage}" for stage in stage_files(CONFIG))]
        order += [name for name, *_ in FAULTS]
        return {name: table[name] for name in order if name in table}


def readme(table: dict[str, list[Outcome]], may_mount: bool) -> str:
    """The text of README.md."""
    notes = [
        f"- {name}: {outcome.note}\n"
        for name, outcomes in table.items()
        for outcome in outcomes
        if not outcome.survived or outcome.how.startswith("said")
    ]
    text = HEAD.format(stages=", ".join(stage_files(CONFIG)))
    text += "".join(row(name, outcomes) for name, outcomes in table.items())
    text += "\nWhat was said, and what was not survived:\n\n" + "".join(notes)
    tries = [f"kill -9 in stage {stage}" for stage in stage_files(CONFIG)]
    tries += [name for name, *_ in FAULTS]
    untried = [name for name in tries if name not in table]
    if untried:
        text += f"\nNot yet tried: {', '.join(untried)}.\n"
    if not may_mount:
        text += "\nDisk full and read-only output were not tried: this user may not mount.\n"
    return text


def main() -> None:
    """Try all faults; status 1 if one was not survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="only faults whose name holds this")
    parser.add_argument(
        "--table", action="store_true", help="try nothing: write README.md from what is in --keep"
    )
    parser.add_argument("--keep", type=Path, help="folder in which an interrupted table goes on")
    args = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="reliability") as temporary:
        scratch = (args.keep or Path(temporary)).resolve()
        if args.table:
            found = Record(scratch / "outcomes.jsonl").table()
            README.write_text(readme(found, True).replace(f"{scratch}/", ""), encoding="utf-8")
            return
        case = undisturbed(scratch)
        print(f"undisturbed: {sum(case.seconds.values()):.0f} s, {len(case.reference)} files")
        record = Record(scratch / "outcomes.jsonl")
        if args.only in ONE_CORE and not record.has(ONE_CORE, 0):
            record.add(ONE_CORE, 0, one_core(case, 0))
        last = f"kill -9 in stage {list(stage_files(CONFIG))[-1]}"
        for number in range(3):
            if args.only in last and not record.has(last, number):
                for name, outcome in faults.killed_at_every_stage(case, number):
                    record.add(name, number, outcome)
        may_mount = faults.can_mount(scratch / "disk")
        for name, attempt, times, needs_mount in FAULTS:
            for number in range(times):
                possible = may_mount or not needs_mount
                if args.only in name and possible and not record.has(name, number):
                    record.add(name, number, attempt(case, number))
        table = record.table()
    text = readme(table, may_mount).replace(f"{scratch}/", "")
    print(text)
    if not args.only:
        README.write_text(text, encoding="utf-8")
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    sys.exit(any(not outcome.survived for outcomes in table.values() for outcome in outcomes))


if __name__ == "__main__":
    main()

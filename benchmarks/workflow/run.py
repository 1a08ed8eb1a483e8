"""What Snakemake's graph costs for thousands of shards: python -m benchmarks.workflow.run.

Dry runs of the demo recipe with few and with many shards, beside a bare Snakefile with as many
independent jobs (as little as Snakemake can do), and `hybrid stages`. The least of several tries,
in seconds of CPU and of the clock; writes README.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.cli.kept_jobs import FOLDER
from pipeline.workflow import REPOSITORY, program_environment

README = Path(__file__).with_name("README.md")
ASKING = "hybrid stages demo, asking Snakemake"
MARK = "<!-- table -->\n"
BARE = """\
rule all:
    input: [f"out/{n}" for n in range(NUMBER)]
rule one:
    output: "out/{n}"
    shell: "touch {output}"
"""


def seconds(words: Sequence[str], folder: Path) -> tuple[float, float]:
    """Seconds of CPU (user and system) and of the clock of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env={**os.environ, **program_environment(os.environ, conda=False)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall


def main() -> None:
    """Measure all, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=5000)
    parser.add_argument("--tries", type=int, default=5)
    args = parser.parse_args()
    ours = ("snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "-n", "-q", "--config")
    cases = {
        f"bare Snakefile, {args.shards:,} jobs": ("snakemake", "-s", "bare.smk", "-n", "-q"),
        "snakemake -n, 1 shard": (*ours, "recipe=demo"),
        f"snakemake -n, {args.shards:,} shards of features": (
            *ours,
            f'features={{"num_shards": {args.shards}}}',
        ),
        f"snakemake -n, {args.shards // 2:,} shards of each decoder's search": (
            *(*ours, "models=[mono]", f'decode={{"num_shards": {args.shards // 2}}}'),
        ),
        ASKING: ("pipeline.cli", "stages", "demo"),
        "hybrid stages demo, nothing changed since": ("pipeline.cli", "stages", "demo"),
        "hybrid --help": ("pipeline.cli", "--help"),
    }
    loads = [os.getloadavg()[0]]
    table = "| command | CPU s | wall s |\n| --- | ---: | ---: |\n"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "bare.smk").write_text(f"NUMBER = {args.shards}\n{BARE}", encoding="utf-8")
        for name, words in cases.items():
            found = []
            for _ in range(args.tries):
                if name == ASKING:
                    shutil.rmtree(folder / FOLDER, ignore_errors=True)
                found.append(seconds(words, folder))
            cpu, wall = (min(column) for column in zip(*found, strict=True))
            row = f"| {name} | {cpu:.2f} | {wall:.2f} |\n"
            print(row, end="", flush=True)
            table += row
    loads.append(os.getloadavg()[0])
    table += f"\nLoad average {loads[0]:.1f} at the start, {loads[1]:.1f} at the end.\n"
    head = README.read_text(encoding="utf-8").partition(MARK)[0]
    README.write_text(head + MARK + table, encoding="utf-8")


if __name__ == "__main__":
    main()

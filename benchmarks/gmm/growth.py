"""How time and memory of training grow with the data: a corpus repeated, in one shard or several.

A copy of an utterance has another id and the same features and alignment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.gmm.ladder import Ladder, train_arguments
from benchmarks.gmm.process import Used, run
from pipeline.io.json_lines import read_json_lines, write_json_lines

FACTORS = (1, 2, 4, 8)
SHORTER = {"num_iterations": 12, "realign_iterations": [4, 8], "max_increase_iteration": 10}


def repeat_cuts(cuts: Path, factor: int, output: Path) -> None:
    """A manifest with every cut ``factor`` times, copies of the whole one after the other."""

    def copies() -> Any:
        for copy in range(factor):
            for cut in read_json_lines(cuts):
                yield cut | {"id": f"{copy}-{cut['id']}"}

    write_json_lines(output, copies())


def repeat_alignment(scp: Path, factor: int, output: Path) -> None:
    """The scp of the same."""
    lines = scp.read_text(encoding="utf-8").splitlines()
    output.write_text(
        "".join(f"{copy}-{line}\n" for copy in range(factor) for line in lines), encoding="utf-8"
    )


def run_growth(
    ladder: Ladder, data: dict[str, Any], trained: Path, rung: str, output: Path
) -> list[Used]:
    """Train ``rung``, with fewer iterations, on each factor in 1 and in ``factor`` shards.

    Args:
        trained: folder of ``run_ladder``, for the source rung.
    """
    base = train_arguments(ladder, data, rung, trained)
    options = ladder.rungs[rung] | SHORTER
    found = []
    for factor in FACTORS:
        cuts, scp = output / f"cuts.{factor}.jsonl.gz", output / f"alignment.{factor}.scp"
        repeat_cuts(data["cuts"], factor, cuts)
        repeat_alignment(base["alignment"], factor, scp)
        for num_shards in sorted({1, factor}):
            arguments = base | {
                "cuts": cuts,
                "alignment": scp,
                "options": options | {"num_shards": num_shards},
                "output_dir": output / f"{rung}.{factor}.{num_shards}",
            }
            name = f"{factor}x the data, {num_shards} shard{'s' * (num_shards > 1)}"
            found.append(run(name, "pipeline.bin.train_gmm", arguments))
    return found

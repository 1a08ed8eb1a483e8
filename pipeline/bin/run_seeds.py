"""Program: a recipe's run, as far as its graphs -> its networks with several seeds, one line each.

Results are appended to a file of JSON lines; what stands there already is not made again. Several
at once may append to one file, each with seeds of its own (`--only-seeds`), to share a GPU say.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from pipeline.io.errors import UserError, run
from pipeline.io.json_lines import read_json_lines
from pipeline.study.seeds import done, read_inputs, run_network
from pipeline.workflow import load_recipe


def main(arguments: list[str] | None = None) -> None:
    """Train, decode and append, seed by seed."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.bin.run_seeds", description=__doc__)
    parser.add_argument("recipe", help="a folder of recipes/")
    parser.add_argument("--seeds", type=int, default=5, help="1 to this")
    parser.add_argument("--only-seeds", type=int, nargs="+", help="these in place of 1 to --seeds")
    parser.add_argument("--networks", nargs="*", help="only these, and what they are made from")
    parser.add_argument("--splits", nargs="*", help="only these")
    parser.add_argument("--output", type=Path, help="default: seeds.jsonl in the run's folder")
    args = parser.parse_args(arguments)
    config = load_recipe({"recipe": args.recipe})
    networks, splits = args.networks or list(config.nnet), args.splits or list(config.splits)
    for asked, known in ((networks, config.nnet), (splits, config.splits)):
        for name in asked:
            if name not in known:
                raise UserError(f"{args.recipe}: there is no {name}; known are {', '.join(known)}")
    output = args.output or Path(config.root, "seeds.jsonl")
    output.parent.mkdir(parents=True, exist_ok=True)
    there = done(read_json_lines(output)) if output.is_file() else set()
    seeds = args.only_seeds or range(1, args.seeds + 1)
    wanted = [(split, seed, name) for split in splits for seed in seeds for name in networks]
    missing = [cell for cell in wanted if cell not in there]
    before = None
    for number, (split, seed, name) in enumerate(missing, 1):
        if split != before:
            inputs, before = read_inputs(config, split), split
        models = Path(config.root, "seeds")
        result = run_network(config, split, name, seed, inputs, models)
        with output.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(result) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        first = next(iter(result["wer"].values()))
        print(
            f"{number} of {len(missing)}: {split}, seed {seed}, {name}: WER {first['wer']:.2f} %",
            file=sys.stderr,
        )


if __name__ == "__main__":
    run(main)

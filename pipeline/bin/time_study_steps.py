"""Program: a study and the inputs that its `cost` names -> milliseconds a step of each method."""

from __future__ import annotations

import argparse
import os
import platform
from dataclasses import replace
from pathlib import Path

from pipeline.io.errors import UserError, run
from pipeline.study.cost import measure
from pipeline.study.design import load_study
from pipeline.study.inputs import load


def main() -> None:
    """Time all methods in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", type=Path, required=True, help="study.yaml")
    parser.add_argument("--inputs", type=Path, required=True, help="folder of the collected inputs")
    parser.add_argument("--output", type=Path, required=True, help="costs.json")
    parser.add_argument("--machine", help="what it runs on; default: its processor and system")
    args = parser.parse_args()
    study = load_study(args.study)
    if study.cost is None:
        raise UserError(f"{args.study}: it has no section 'cost'")
    loads = [os.getloadavg()[0]]
    times = measure(study, load(args.inputs / study.cost.inputs))
    loads.append(os.getloadavg()[0])
    machine = args.machine or f"{platform.machine()} with {platform.system()}"
    load_seen = " to ".join(f"{value:.0f}" for value in sorted(loads))
    replace(times, machine=f"{machine}, {os.cpu_count()} cores, load {load_seen}").save(args.output)


if __name__ == "__main__":
    run(main)

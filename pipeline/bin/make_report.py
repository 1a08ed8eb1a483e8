"""Program: the files of a run -> report/index.html, results.json and the pictures as PNG."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.config import Config
from pipeline.io.atomic import write_bytes, write_json, write_text
from pipeline.io.errors import run
from pipeline.io.options import parse_options
from pipeline.report.collect import collect
from pipeline.report.page import make_page
from pipeline.report.pictures import make_pictures
from pipeline.report.published import results_markdown
from pipeline.report.results import make_results


def main(arguments: list[str] | None = None) -> None:
    """Read a run, write its report; pictures of an older report that are not made now go away."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.bin.make_report", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of the run")
    parser.add_argument("--config", type=Path, required=True, help="the configuration as JSON")
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args(arguments)
    config = parse_options(Config, args.config.read_text(encoding="utf-8"), str(args.config))
    found = collect(args.root, config)
    results = make_results(found)
    pictures = make_pictures(found, results)
    out = args.output_dir
    for picture in pictures:
        write_bytes(out / f"{picture.name}.png", picture.png)
    names = {f"{picture.name}.png" for picture in pictures}
    for old in out.glob("*.png"):
        if old.name not in names:
            old.unlink()
    write_json(out / "results.json", results)
    write_text(out / "RESULTS.md", results_markdown(results))
    write_text(out / "index.html", make_page(results, pictures))
    print(f"{out / 'index.html'}: {len(results['wer'])} scores, {len(pictures)} pictures")


if __name__ == "__main__":
    run(main)

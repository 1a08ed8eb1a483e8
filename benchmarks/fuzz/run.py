"""Coverage-guided fuzzing of every parser by atheris: python -m benchmarks.fuzz.run --seconds 120.

Each parser of tests/fuzz/targets.py is fuzzed in a process of its own, from its good file. What it
raises beside the errors that a program shows as one line, a hang of 20 s or 2 GB of memory is a
fault, kept as a file. The table goes into README.md.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).with_name("README.md")
MARK = "<!-- table -->\n"
MAX_BYTES = 20_000


def fuzz(number: int, seconds: int, folder: Path) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    with atheris.instrument_imports(include=["pipeline"]):
        from tests.fuzz.targets import make_targets

    target = make_targets(folder / "files")[number]
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "good").write_bytes(target.seed)

    def one(data: bytes) -> None:
        target(folder / "files", data)

    atheris.Setup(
        [
            *(sys.argv[0], str(corpus), f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}"),
            *("-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1", "-seed=1"),
            f"-artifact_prefix={folder}/",
        ],
        one,
    )
    atheris.Fuzz()


def names() -> list[str]:
    """All targets."""
    from tests.fuzz.targets import make_targets

    with tempfile.TemporaryDirectory() as folder:
        return [target.name for target in make_targets(Path(folder))]


def row(number: int, name: str, seconds: int, kept: Path) -> tuple[str, bool]:
    """Fuzz one target in a process of its own: its row of the table, and whether it held."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "files").mkdir()
        words = ["--target", str(number), "--seconds", str(seconds), "--folder", scratch]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.fuzz.run", *words],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        found = re.search(r"number_of_executed_units: *(\d+)", done.stderr)
        count = int(found.group(1)) if found else 0
        if not done.returncode and found:
            return f"| {name} | {count:,} | {seconds} | – |\n", True
        kept.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*-*"):
            (kept / f"{number}-{path.name}").write_bytes(path.read_bytes())
        (kept / f"{number}.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    errors = re.findall(r"^(\w*(?:Error|Exception)\b.*)$", done.stdout + done.stderr, re.MULTILINE)
    what = (errors[0] if errors else done.stderr.strip()[-80:]).replace("|", " ")[:100]
    return f"| {name} | {count:,} | {seconds} | {what} |\n", False


def main() -> None:
    """Fuzz all targets, or one; write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=120, help="for each parser")
    parser.add_argument("--only", nargs="*", type=int, help="numbers of the parsers")
    parser.add_argument("--kept", type=Path, default=Path("exp/fuzz"), help="for what fails")
    parser.add_argument("--target", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.target is not None:
        fuzz(args.target, args.seconds, args.folder)
        return
    table = "| parser | executions | s | fault |\n| --- | ---: | ---: | --- |\n"
    held = True
    for number, name in enumerate(names()):
        if args.only and number not in args.only:
            continue
        line, good = row(number, name, args.seconds, args.kept)
        print(f"{number} {line}", end="", flush=True)
        table, held = table + line, held and good
    if not args.only and README.is_file():
        head = README.read_text(encoding="utf-8").partition(MARK)[0]
        README.write_text(head + MARK + table, encoding="utf-8")
    sys.exit(0 if held else f"what failed lies in {args.kept}")


if __name__ == "__main__":
    main()

"""Program: speed, memory and errors of each search engine against the beam; writes the tables.

Digits of a finished run of recipe fsdd with three grammars, and a large graph of a finished run of
librispeech_part. Each figure comes from a process of its own (``engine``).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.decode.tables import SECONDS_A_FRAME, Case, Cell, tables
from benchmarks.gmm.process import Machine, run, write_results
from pipeline.config import LangOptions
from pipeline.decode.k2_environment import k2_python
from pipeline.hmm.lang import Lang, prepare_lang
from pipeline.io.archive import read_matrices, write_matrices
from pipeline.io.atomic import write_text
from pipeline.score.references import read_references
from pipeline.score.wer import align_words, count_errors, total

ROOT = Path(__file__).resolve().parents[2]
LM_WEIGHT = 12.0
NUM_WORDS = 20_000  # of the hard unigram
LENGTHS = 2, 7  # phones of a made-up word: from, below
SMALL_BEAMS = (8.0, 13.0, 20.0)  # of graphs of digits alone
LARGE_BEAMS = (9.0, 11.0, 13.0)
HARD_UTTERANCES = 100  # of the unigram
WAYS = (  # engine, batched, processes
    ("native", False, 1),
    ("native", False, 2),
    ("kaldi", False, 1),
    ("k2", False, 1),
    ("k2", True, 1),
)


def digit_cases(run_dir: Path, split: str, rung: str, scratch: Path) -> Iterator[Case]:
    """g1, loop, and the unigram, of one rung of a run of fsdd."""
    folder = run_dir / split
    scp = folder / "decode" / rung / "loglikes.scp"
    cuts = folder / "data/test/cuts.jsonl.gz"
    for grammar in ("g1", "loop"):
        graph = folder / "graph" / rung / grammar / "HCLG.fst"
        words = run_dir / "lang/words.txt"
        yield Case(f"{rung}, {grammar}", graph, words, scp, cuts, None, SMALL_BEAMS)
    made = make_unigram(run_dir / "lang", folder / rung / "hmm.json", scratch)
    words = scratch / "lang/words.txt"
    yield Case(f"{rung}, unigram", made, words, scp, cuts, HARD_UTTERANCES, LARGE_BEAMS)


def make_unigram(lang_dir: Path, hmm: Path, scratch: Path) -> Path:
    """HCLG of any number of words out of 20,000, all alike: the digits and random phones."""
    digits = Lang.load(lang_dir)
    rng = np.random.default_rng(1)
    names = [digits.phones.name(i) for i in digits.nonsilence_phone_ids()]
    entries = [(p.word, 1.0, list(p.phones)) for p in digits.lexicon if p.word.isalpha()]
    taken = {tuple(phones) for _, _, phones in entries}
    number = len({word for word, _, _ in entries})
    while number < NUM_WORDS:
        phones = rng.choice(names, int(rng.integers(*LENGTHS))).tolist()
        if tuple(phones) not in taken:  # words that sound alike would be chosen by chance
            taken.add(tuple(phones))
            entries.append((f"w{number}", 1.0, phones))
            number += 1
    lang = prepare_lang(entries, LangOptions())
    lang.save(scratch / "lang")
    grammar, graph = scratch / "G.fst", scratch / "unigram/HCLG.fst"
    run(
        "make_grammar",
        "pipeline.bin.make_grammar",
        {"lang": scratch / "lang", "grammar": {"type": "loop"}, "output": grammar},
    )
    run(
        "make_graph",
        "pipeline.bin.make_graph",
        {"lang": scratch / "lang", "grammar": grammar, "hmm": hmm, "output": graph},
    )
    return graph


def large_case(run_dir: Path, split: str, rung: str, limit: int) -> Case:
    """The trigram of librispeech_part, on a few utterances spread over the test set."""
    folder = run_dir / split
    return Case(
        f"{rung}, trigram",
        folder / "graph" / rung / "trigram/HCLG.fst",
        run_dir / "lang/words.txt",
        folder / "decode" / rung / "loglikes.scp",
        folder / "data/test/cuts.jsonl.gz",
        limit,
        LARGE_BEAMS,
    )


def chosen(case: Case, folder: Path) -> Case:
    """The case with an archive of its utterances alone, so that memory is that of the search."""
    if case.limit is None:
        return case
    lines = case.loglikes.read_text(encoding="utf-8").count("\n")
    every = max(1, lines // case.limit)
    some = islice(read_matrices(case.loglikes), 0, every * case.limit, every)
    folder.mkdir(parents=True)
    write_matrices(folder / "loglikes.ark", folder / "loglikes.scp", some)
    return replace(case, loglikes=folder / "loglikes.scp")


def start(case: Case, engine: str, beam: float, batched: bool, part: int, parts: int) -> Any:
    """One process of an engine."""
    python = k2_python(ROOT, os.environ) if engine == "k2" else sys.executable
    options = {"beam": beam, "lattice_beam": 6.0, "lm_weight": LM_WEIGHT}
    command = [
        *(python, "-m", "benchmarks.decode.engine", "--engine", engine),
        *("--graph", str(case.graph), "--words", str(case.words)),
        *("--loglikes", str(case.loglikes), "--options", json.dumps(options)),
        *("--first", str(part), "--every", str(parts)),
        *(["--batched"] if batched else []),
    ]
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment = {**os.environ, **one_thread, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)


def measure(case: Case, engine: str, beam: float, batched: bool, processes: int) -> Cell | None:
    """Figures of one row; None: the engine failed (its message is on standard error)."""
    running = [start(case, engine, beam, batched, n, processes) for n in range(processes)]
    texts = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        return None
    found = [json.loads(text) for text in texts]
    words = {u: tuple(said) for one in found for u, (_, said) in one["found"].items()}
    references = read_references(case.cuts)
    errors = total(
        count_errors(align_words(references[u].words, said)) for u, said in words.items()
    )
    seconds = sum(one["frames"] for one in found) * SECONDS_A_FRAME
    search = [one["cpu"]["search"] + one["cpu"]["lattice"] for one in found]
    return Cell(
        case=case.name,
        engine=engine,
        beam=beam,
        batched=batched,
        processes=processes,
        seconds=seconds,
        search_rtf=sum(one["cpu"]["search"] for one in found) / seconds,
        rtf=sum(search) / seconds,
        wall_rtf=max(one["wall"]["search"] + one["wall"]["lattice"] for one in found) / seconds,
        graph_seconds=max(one["cpu"]["graph"] for one in found),
        peak_mb=sum(one["peak_mb"] for one in found),
        errors=errors.errors,
        words=errors.words,
        costs={u: cost for one in found for u, (cost, _) in one["found"].items()},
    )


@dataclass(frozen=True)
class Settings:
    """What is measured."""

    digits: Path | None
    digits_split: str
    rungs: tuple[str, ...]
    large: Path | None
    large_split: str
    large_rung: str
    large_utterances: int


def measure_all(settings: Settings, scratch: Path) -> Iterator[Cell]:
    """All rows of all tables, as they come."""
    cases: list[Case] = []
    if settings.digits is not None:
        for rung in settings.rungs:
            made = scratch / rung
            cases += digit_cases(settings.digits, settings.digits_split, rung, made)
    if settings.large is not None:
        place = settings.large, settings.large_split, settings.large_rung
        cases.append(large_case(*place, settings.large_utterances))
    for number, whole in enumerate(cases):
        case = chosen(whole, scratch / f"chosen{number}")
        for beam in case.beams:
            for engine, batched, processes in WAYS:
                cell = measure(case, engine, beam, batched, processes)
                if cell is not None:
                    print(cell, file=sys.stderr, flush=True)
                    yield cell


def main() -> None:
    """Measure, write the figures and the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--digits", type=Path, help="a finished run of fsdd, e.g. exp/fsdd")
    parser.add_argument("--digits-split", default="official")
    parser.add_argument("--rungs", nargs="+", default=["tri1"])
    parser.add_argument("--large", type=Path, help="one of librispeech_part")
    parser.add_argument("--large-split", default="kaldi_five")
    parser.add_argument("--large-rung", default="tri2b")
    parser.add_argument("--large-utterances", type=int, default=12)
    parser.add_argument("--output-dir", type=Path, required=True)
    args = vars(parser.parse_args())
    output_dir = args.pop("output_dir")
    settings = Settings(**{**args, "rungs": tuple(args["rungs"])})
    before = Machine.now()
    cells: list[Cell] = []
    with tempfile.TemporaryDirectory() as scratch:
        for cell in measure_all(settings, Path(scratch)):
            cells.append(cell)  # what is measured is kept, if the rest is not waited for
            write_text(output_dir / "engines.md", tables(cells, before))
            figures = {"machine": before, "cells": map_to_json(cells)}
            write_results(output_dir / "engines.json", figures)
    print(tables(cells, before))


def map_to_json(cells: list[Cell]) -> list[dict[str, Any]]:
    """Rows without the costs of single utterances."""
    return [{k: v for k, v in asdict(cell).items() if k != "costs"} for cell in cells]


if __name__ == "__main__":
    main()

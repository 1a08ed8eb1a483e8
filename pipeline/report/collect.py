"""What a run left on disk, read for its report; what is not there is left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from platform import python_version
from typing import Any, NamedTuple

from pipeline.config import Config, NetworkOptions
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.io.rejects import Reject, read_rejects
from pipeline.io.symbols import SymbolTable
from pipeline.report.language_models import read_perplexities
from pipeline.report.provenance import checksums, disk_usage, machine
from pipeline.report.triage import split_findings

PACKAGES = (
    "torch",
    "lhotse",
    "numpy",
    "numba",
    "snakemake",
    "kaldialign",
    "kaldifst",
    "kaldi_decoder",
    "kaldi_native_fbank",
    "kaldi_native_io",
    "safetensors",
    "matplotlib",
)
Row = dict[str, Any]


class SystemKey(NamedTuple):
    """Names one decoded test set."""

    split: str
    grammar: str
    model: str
    decoder: str


@dataclass
class Run:
    """The files of a run that its report is made from."""

    root: Path
    config: Config
    scores: dict[SystemKey, Row] = field(default_factory=dict)  # contents of wer.json
    sets: list[Row] = field(default_factory=list)  # size of each training and test set
    perplexities: list[Row] = field(default_factory=list)  # of grammars and language models
    gmm_logs: dict[str, dict[str, list[Row]]] = field(default_factory=dict)  # split -> rung
    epochs: dict[str, dict[str, list[Row]]] = field(default_factory=dict)  # split -> network
    steps: dict[str, dict[str, list[Row]]] = field(default_factory=dict)  # split -> network
    whole_words: dict[str, Row] = field(default_factory=dict)  # split -> results.json
    voices: dict[tuple[str, str], Row] = field(default_factory=dict)  # split, voice -> results.json
    findings: dict[str, Row] = field(default_factory=dict)  # split -> split_findings
    rejects: list[tuple[str, Reject]] = field(default_factory=list)  # stage, reject
    benchmarks: list[Row] = field(default_factory=list)  # job, seconds, cpu_seconds, max_rss_mb
    machine: Row = field(default_factory=dict)  # processor, cores
    versions: dict[str, str] = field(default_factory=dict)
    checksums: list[Row] = field(default_factory=list)  # name, files, bytes, sha256
    disk: list[Row] = field(default_factory=list)  # folder, files, bytes


def _lines(path: Path) -> list[Row]:
    return list(read_json_lines(path)) if path.exists() else []


def _read_scores(root: Path, config: Config) -> Iterator[tuple[SystemKey, Row]]:
    for split in config.splits:
        for grammar in config.scored_grammars:
            for model in config.decoded_models:
                for decoder in config.decode.decoders:
                    path = root / split / "decode" / model / grammar / decoder / "wer.json"
                    if not path.exists():
                        continue
                    try:
                        result = json.loads(path.read_text(encoding="utf-8"))
                    except ValueError:
                        raise UserError(f"{path}: damaged; run the stage score again") from None
                    yield SystemKey(split, grammar, model, decoder), result


def _read_whole_words(root: Path, config: Config) -> Iterator[tuple[str, Row]]:
    for split in config.splits:
        path = root / split / "whole_word" / "results.json"
        if config.whole_word is None or not path.exists():
            continue
        try:
            yield split, json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise UserError(f"{path}: damaged; run the stage whole_word again") from None


def _read_voices(root: Path, config: Config) -> Iterator[tuple[tuple[str, str], Row]]:
    for split in config.splits:
        for voice in config.synthesis:
            path = root / split / voice / "results.json"
            if not path.exists():
                continue
            try:
                yield (split, voice), json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                raise UserError(f"{path}: damaged; run the stage {voice} again") from None


def _set_sizes(root: Path, config: Config) -> Iterator[Row]:
    words = root / "lang" / "words.txt"
    known = SymbolTable.read(words) if words.is_file() else None
    for split in config.splits:
        for name in ("train", "test"):
            cuts = _lines(root / split / "data" / name / "cuts.jsonl.gz")
            if not cuts:
                continue
            spoken = [cut["supervisions"][0] for cut in cuts]
            yield {
                "split": split,
                "set": name,
                "utterances": len(cuts),
                "speakers": len({supervision.get("speaker") for supervision in spoken}),
                "words": len(said := " ".join(s["text"] for s in spoken).split()),
                "unknown": None if known is None else sum(word not in known for word in said),
                "seconds": round(sum(cut["duration"] for cut in cuts), 3),
            }


def _with_wer(log: list[Row], path: Path, options: NetworkOptions) -> list[Row]:
    """Lines of log.jsonl, with the WER of the held-out utterances where it was asked for."""
    if not options.training.wer_epochs or not path.exists():
        return log
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        wer = {row["epoch"]: float(row["wer"]) for row in found["epochs"]}
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: damaged; run the stage score again") from None
    return [{**row, "wer": wer.get(row["epoch"])} for row in log]


def _read_rejects(root: Path, config: Config) -> Iterator[tuple[str, Reject]]:
    places = [("data", root / "data"), ("features", root / "features")]
    for split in config.splits:
        places += [(f"{split}/{r} alignment", root / split / r / "alignment") for r in config.gmm]
        places += [(f"{split}/{n} training", root / split / n) for n in config.trained_networks]
    for stage, folder in places:
        path = folder / "rejected.tsv"
        if path.exists():
            yield from ((stage, reject) for reject in read_rejects(path))


def _read_benchmarks(folder: Path) -> Iterator[Row]:
    """Rows of Snakemake's benchmark files; of a repeated job the mean time."""
    for path in sorted(folder.rglob("*.tsv")):
        header, *lines = [line.split("\t") for line in path.read_text("utf-8").splitlines()] or [[]]
        rows = [dict(zip(header, line, strict=False)) for line in lines]
        seconds = [_float(row.get("s")) for row in rows]
        known = [value for value in seconds if value is not None]
        if known:
            yield {
                "job": path.relative_to(folder).with_suffix("").as_posix(),
                "seconds": sum(known) / len(known),
                "cpu_seconds": _float(rows[0].get("cpu_time")),
                "max_rss_mb": _float(rows[0].get("max_rss")),
            }


def _float(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None  # Snakemake writes "-" or "NA" for what it could not measure


def _versions() -> dict[str, str]:
    found = {"python": python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def collect(root: Path, config: Config) -> Run:
    """Read everything that the report shows.

    Raises:
        UserError: a file that is there is damaged.
    """
    run = Run(root, config, machine=machine(), versions=_versions())
    run.scores = dict(_read_scores(root, config))
    run.whole_words = dict(_read_whole_words(root, config))
    run.voices = dict(_read_voices(root, config))
    run.sets = list(_set_sizes(root, config))
    run.perplexities = list(read_perplexities(root, config))
    for split in config.splits:
        logs = {rung: _lines(root / split / rung / "log.jsonl") for rung in config.gmm}
        run.gmm_logs[split] = {rung: log for rung, log in logs.items() if log}
        networks = config.trained_networks
        logs = {net: _lines(root / split / net / "log.jsonl") for net in networks}
        run.epochs[split] = {
            net: _with_wer(log, root / split / net / "wer_by_epoch.json", config.network(net))
            for net, log in logs.items()
            if log
        }
        logs = {net: _lines(root / split / net / "steps.jsonl") for net in networks}
        run.steps[split] = {net: log for net, log in logs.items() if log}
        found = split_findings(root, split, config)
        if found is not None:
            run.findings[split] = found
    run.rejects = list(_read_rejects(root, config))
    run.benchmarks = list(_read_benchmarks(root / "benchmarks"))
    run.checksums = checksums(root)
    run.disk = disk_usage(root)
    return run

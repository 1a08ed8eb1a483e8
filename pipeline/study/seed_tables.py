"""Tables of networks with several seeds: errors, size, cost, and what each is compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

import numpy as np

from pipeline.config import Config
from pipeline.io.errors import UserError
from pipeline.report.pipe_table import speech_note
from pipeline.study.tables import Difference, Mean, p_text, paired_by_seed

Result = dict[str, Any]


UNNAMED = "another machine"  # of results that name none


@dataclass(frozen=True)
class Times:
    """What one machine took, the mean of the seeds that ran there."""

    rtf: float  # CPU seconds of the network's outputs for a second of speech
    train_seconds: float


@dataclass(frozen=True)
class NetworkRow:
    """One network: means over seeds of what all splits together give."""

    name: str
    wer: Mean  # per cent
    seeds: int
    words: int  # of a seed
    against: str | None  # the network that it is compared with
    difference: Difference | None  # of the WER, in pairs of equal seeds
    parameters: int  # mean over splits, whose trees differ
    num_bytes: int
    times: dict[str, Times]  # by machine
    clipping_rate: float | None  # of the last epoch


def counterpart(config: Config, name: str) -> str | None:
    """What a network is compared with: what it was made from.

    One that was distilled, or carried here from another corpus: the same, trained alone.
    """
    options = config.nnet[name]
    if options.distill is None and options.transfer is None:
        return options.source
    for other, candidate in config.nnet.items():
        same = (candidate.model, candidate.clipping, candidate.augment, candidate.training) == (
            *(options.model, options.clipping, options.augment, options.training),
        )
        if same and candidate.variant is None:
            return other
    return None


def pooled(results: Iterable[Result], grammar: str, splits: Sequence[str]) -> dict[int, float]:
    """Seed -> WER (per cent) of all splits together, of the seeds that have all of them."""
    errors: dict[int, dict[str, tuple[int, int]]] = {}
    for row in results:
        if row["split"] in splits:
            counts = row["wer"][grammar]
            errors.setdefault(row["seed"], {})[row["split"]] = (counts["errors"], counts["words"])
    return {
        seed: 100.0 * sum(e for e, _ in found.values()) / sum(w for _, w in found.values())
        for seed, found in sorted(errors.items())
        if len(found) == len(splits)
    }


def network_rows(
    config: Config, results: Sequence[Result], grammar: str, splits: Sequence[str]
) -> list[NetworkRow]:
    """A row for each network that has results of all splits, in the recipe's order."""
    own = {name: [r for r in results if r["network"] == name] for name in config.nnet}
    wers = {name: pooled(found, grammar, splits) for name, found in own.items()}
    rows = []
    for name, by_seed in wers.items():
        if not by_seed:
            continue
        used = [r for r in own[name] if r["seed"] in by_seed and r["split"] in splits]
        other = counterpart(config, name)
        difference = None
        if other is not None:
            found = paired_by_seed(by_seed, wers[other])
            difference = found if found.mean.count else None
        rates = [r["clipping_rate"] for r in used if r["clipping_rate"] is not None]
        first = used[0]["seed"]
        rows.append(
            NetworkRow(
                name,
                Mean.of(list(by_seed.values())),
                len(by_seed),
                sum(r["wer"][grammar]["words"] for r in used if r["seed"] == first),
                other,
                difference,
                round(np.mean([r["parameters"] for r in used])),
                round(np.mean([r["bytes"] for r in used])),
                times_by_machine(used, config.features.frame_shift_ms / 1000.0),
                float(np.mean(rates)) if rates else None,
            )
        )
    return rows


def times_by_machine(results: Sequence[Result], frame_shift: float) -> dict[str, Times]:
    """RTF and training time on each machine, in the order of the results; `frame_shift` in s."""
    by_machine: dict[str, list[Result]] = {}
    for row in results:
        by_machine.setdefault(row.get("machine", UNNAMED), []).append(row)
    return {
        machine: Times(
            sum(r["forward_seconds"] for r in own) / (frame_shift * sum(r["frames"] for r in own)),
            float(np.mean([r["train_seconds"] for r in own])),
        )
        for machine, own in by_machine.items()
    }


def pooled_difference(
    config: Config,
    results: Sequence[Result],
    grammar: str,
    splits: Sequence[str],
    names: Sequence[str],
) -> Difference:
    """Differences of several networks from what each is compared with, all pairs together.

    Raises:
        UserError: a network is compared with nothing.
    """
    ours: dict[tuple[int, int], float] = {}
    theirs: dict[tuple[int, int], float] = {}
    for place, name in enumerate(names):
        other = counterpart(config, name) if name in config.nnet else None
        if other is None:
            raise UserError(f"{name}: a network that is compared with no other")
        for wers, network in ((ours, name), (theirs, other)):
            own = (r for r in results if r["network"] == network)
            wers |= {(place, seed): wer for seed, wer in pooled(own, grammar, splits).items()}
    return paired_by_seed(ours, theirs)


def difference_text(difference: Difference) -> str:
    """Mean, interval and p; of one pair the mean alone."""
    shown = _mean(difference.mean, "+.2f")
    return f"{shown}, {p_text(difference.p_value)}" if difference.mean.count > 1 else shown


def markdown(rows: Sequence[NetworkRow], title: str = "") -> str:
    """The rows as a table; of a recipe whose title says "synthetic", the table says so too.

    Where results of several machines are in it, each time has its machine's letter.
    """
    speech = speech_note(title)
    machines = list(dict.fromkeys(machine for row in rows for machine in row.times))
    letters = dict(zip(machines, ascii_lowercase, strict=False)) if len(machines) > 1 else {}

    def by_machine(row: NetworkRow, form: Callable[[Times], str]) -> str:
        texts = {machine: form(times) for machine, times in row.times.items()}
        return "; ".join(
            text + f" {letters.get(name, '')}".rstrip() for name, text in texts.items()
        )

    lines = [
        f"| network | WER %{speech} (95 %) | seeds | compared with | difference (95 %), p "
        "| parameters | bytes | RTF | training s | clipped steps |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        compared = "" if row.difference is None else difference_text(row.difference)
        clipped = "" if row.clipping_rate is None else f"{100.0 * row.clipping_rate:.0f} %"
        lines.append(
            f"| {row.name} | {_mean(row.wer, '.2f')} | {row.seeds} | {row.against or ''} "
            f"| {compared} | {row.parameters:,} | {row.num_bytes:,} "
            f"| {by_machine(row, lambda times: f'{times.rtf:.4f}')} "
            f"| {by_machine(row, lambda times: f'{times.train_seconds:.1f}')} | {clipped} |"
        )
    if letters:
        named = "; ".join(f"{letter}: {machine}" for machine, letter in letters.items())
        lines += ["", f"Machines: {named}."]
    return "\n".join(lines)


def _mean(mean: Mean, form: str) -> str:
    """Mean and interval; of one seed there is no interval."""
    if mean.count < 2:
        return f"{mean.mean:{form}}"
    return f"{mean.mean:{form}} ({mean.low:{form}} … {mean.high:{form}})"

"""The utterances that an alignment finds most suspicious: table and choice of pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.report.markup import Content, Markup, join, table, tag

Row = dict[str, Any]
NUM_WORST = 15
NUMBERS = ("suspicion", "log_likelihood", "gap")


def read_findings(path: Path) -> list[Row]:
    """Lines of scores.tsv, worst first; a number that is not finite is None.

    Raises:
        UserError: a line is damaged.
    """
    header, *lines = [line.split("\t") for line in path.read_text("utf-8").split("\n") if line] or [
        []
    ]
    rows = []
    for number, line in enumerate(lines, 2):
        try:
            row: Row = dict(zip(header, line, strict=True))
            for name in NUMBERS:
                value = float(row[name])
                row[name] = value if math.isfinite(value) else None
            rows.append({key: row[key] for key in ("utterance_id", *NUMBERS, "cause")})
        except (KeyError, ValueError):
            raise UserError(f"{path}: line {number}: damaged; run the stage align again") from None
    return rows


def split_findings(root: Path, split: str, config: Config) -> Row | None:
    """The findings of a split's last aligned rung; None if nothing was aligned.

    Returns:
        rung, utterances, suspicious (how many have a cause), findings (all, worst first) and texts
        of the first of them.
    """
    for rung in reversed(list(config.gmm)):
        path = root / split / rung / "alignment" / "scores.tsv"
        if not path.exists():
            continue
        findings = read_findings(path)
        worst = {row["utterance_id"] for row in findings[:NUM_WORST]}
        cuts = root / split / "data" / "train" / "cuts.jsonl.gz"
        texts = {
            cut["id"]: cut["supervisions"][0]["text"]
            for cut in (read_json_lines(cuts) if cuts.exists() else ())
            if cut["id"] in worst
        }
        return {
            "split": split,
            "rung": rung,
            "utterances": len(findings),
            "suspicious": sum(bool(row["cause"]) for row in findings),
            "findings": findings,
            "texts": texts,
        }
    return None


def worst_of(found: Row) -> Row:
    """What results.json has of the findings of a split."""
    shown = {name: found[name] for name in ("split", "rung", "utterances", "suspicious")}
    worst = found["findings"][:NUM_WORST]
    texts = found["texts"]
    return shown | {"worst": [row | {"text": texts.get(row["utterance_id"])} for row in worst]}


def choose_pair(
    findings: Sequence[Row], seconds: dict[str, float], longest: float
) -> tuple[Row, Row] | None:
    """The worst utterance that is aligned and fits into a picture, and a usual one about as long.

    Usual: without a cause and of the less suspicious half.

    Args:
        findings: worst first.
        seconds: utterance_id -> duration of the aligned ones.
    """
    fitting = [row for row in findings if seconds.get(row["utterance_id"], math.inf) <= longest]
    if not fitting or not fitting[0]["cause"]:
        return None
    worst = fitting[0]
    usual = [row for row in fitting[len(fitting) // 2 :] if not row["cause"]]
    if not usual:
        return None
    length = seconds[worst["utterance_id"]]
    return worst, min(
        usual, key=lambda row: (abs(seconds[row["utterance_id"]] - length), row["utterance_id"])
    )


def triage_table(row: Row) -> Markup:
    """Worst utterances of a split."""

    def number(value: float | None, digits: int) -> str:
        return "–" if value is None else f"{value:.{digits}f}"

    lines: list[tuple[Content, ...]] = [
        (
            finding["utterance_id"],
            number(finding["suspicion"], 1),
            finding["cause"] or "–",
            number(finding["gap"], 2),
            finding["text"],
        )
        for finding in row["worst"]
    ]
    header = ("utterance", "suspicion", "likely cause", "gap", "text")
    caption = f"Utterances to look at first ({row['rung']}, training set)"
    lead = f"{row['suspicious']} of {row['utterances']} training utterances are suspicious."
    note = (
        "Suspicion: how far an utterance lies from the others, in robust standard deviations; – "
        "where it could not be aligned. Gap: log-likelihood a frame by which other states would "
        "fit better. The causes are guesses: listen before you delete. All utterances are in "
        "alignment/scores.tsv."
    )
    listed = table(header, lines, numeric=(1, 3), caption=caption)
    parts = join((tag("p", lead), listed, tag("p", note, class_="note")))
    return tag("div", parts, class_="full")

"""What the page shows of the whole-word network: accuracy by split, and its errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.report.markup import Content, Markup, join, table, tag
from pipeline.report.pipe_table import pipe_table

Row = dict[str, Any]
HEADER = ("split", "accuracy %", "95 % interval", "right / words")
NUM_PAIRS = 12  # confused words that are listed
NUM_WRONG = 15


def _interval(row: Row) -> str:
    return f"{row['interval']['low']:.2f} – {row['interval']['high']:.2f}"


def whole_word_headline(results: Row) -> Markup:
    """The figure of a run that has nothing but whole words."""
    if not results["whole_words"]:
        return tag("p", "Nothing has been scored yet.", class_="lead")
    row = results["whole_words"][0]
    facts = f"{row['correct']} of {row['utterances']} words right; 95 % interval {_interval(row)}."
    return tag(
        "div",
        tag("p", tag("strong", f"{row['accuracy']:.2f} %"), " accuracy", class_="figure"),
        tag(
            "div",
            tag("p", f"whole words · {row['split']}", class_="where"),
            tag("p", facts),
            class_="facts",
        ),
        class_="headline",
    )


def whole_word_lines(rows: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    """What stands below HEADER, a split a line."""
    for row in rows:
        right = f"{row['correct']} / {row['utterances']}"
        yield row["split"], f"{row['accuracy']:.2f}", _interval(row), right


def whole_word_markdown(rows: Sequence[Row]) -> str:
    """Accuracy of each split, for a README; empty without whole words."""
    return pipe_table(HEADER, whole_word_lines(rows)) if rows else ""


def whole_word_table(rows: Sequence[Row]) -> Markup:
    """Accuracy of each split."""
    note = (
        "A network names the word at the last frame of its recording, without HMM, lexicon or "
        "search. Accuracy on the test set, with Wilson's interval."
    )
    return join(
        (
            table(HEADER, list(whole_word_lines(rows)), numeric=(1, 2, 3)),
            tag("p", note, class_="note"),
        )
    )


def whole_word_errors(row: Row) -> Markup:
    """Confused words, speakers, and the errors of which the network was surest."""
    confused = [pair for pair in row["confusions"] if pair["reference"] != pair["hypothesis"]]
    pairs = [(p["reference"], p["hypothesis"], p["count"]) for p in confused[:NUM_PAIRS]]
    parts: list[Content] = []
    if pairs:
        names = ("said", "recognised", "times")
        parts.append(table(names, pairs, numeric=(2,), caption="Confused words"))
    if len(row["speakers"]) > 1:
        speakers = [
            (s["speaker"], f"{s['correct']} / {s['utterances']}")
            for s in sorted(row["speakers"], key=lambda s: s["correct"] / s["utterances"])
        ]
        parts.append(table(("speaker", "right"), speakers, numeric=(1,), caption="Speakers"))
    wrong = [
        (w["utterance_id"], w["reference"], w["hypothesis"], f"{w['score']:.2f}")
        for w in row["wrong"][:NUM_WRONG]
    ]
    if wrong:
        header = ("utterance", "said", "recognised", "log posterior")
        parts.append(table(header, wrong, numeric=(3,), caption="Errors, the surest first"))
    return tag("div", *parts, class_="columns")

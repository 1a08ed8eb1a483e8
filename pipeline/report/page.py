"""The page of a run: one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipeline.io.quantities import duration, size
from pipeline.report.markup import Content, Markup, join, table, tag
from pipeline.report.pictures import Picture
from pipeline.report.sections import (
    agreement_section,
    error_parts,
    headline,
    wer_section,
)
from pipeline.report.triage import triage_table
from pipeline.report.voices import voice_section
from pipeline.report.whole_words import whole_word_errors, whole_word_headline, whole_word_table

Row = dict[str, Any]
MAX_ROWS = 200  # of the long tables; results.json has all
FEW_JOBS = 15  # more are folded away


def image(picture: Picture) -> Markup:
    """A figure with the PNG inside."""
    data = base64.b64encode(picture.png).decode("ascii")
    width, height = (int.from_bytes(picture.png[at : at + 4], "big") for at in (16, 20))
    shown = tag(
        "img",
        src=f"data:image/png;base64,{data}",
        alt=picture.alt,
        width=width // 2,  # pictures have twice the pixels of the screen
        height=height // 2,
        loading="lazy",
    )
    if picture.wav:
        sound = base64.b64encode(picture.wav).decode("ascii")
        player = tag(
            "audio",
            controls="controls",
            preload="none",
            src=f"data:audio/wav;base64,{sound}",
            aria_label=picture.alt,
        )
        return tag("figure", shown, player)
    if width <= 900:
        return tag("figure", shown)
    return tag("figure", tag("div", shown, class_="scroll wide", tabindex="0"), class_="spread")


def by_split(parts: Iterable[tuple[str, Content]]) -> Markup | None:
    """Content of several splits: the first is open, the others are folded away."""
    together: dict[str, list[Content]] = {}
    for split, content in parts:
        together.setdefault(split, []).append(content)
    if not together:
        return None
    blocks = []
    for number, (split, contents) in enumerate(together.items()):
        inside = tag("div", *contents, class_="gallery")
        if len(together) == 1:
            blocks.append(inside)
        else:
            summary = tag("summary", f"Split {split}")
            opened = "open" if number == 0 else None
            blocks.append(tag("details", summary, inside, open=opened))
    return join(blocks)


def _gallery(pictures: Sequence[Picture], *sections: str) -> Markup | None:
    return by_split((p.split, image(p)) for p in pictures if p.section in sections)


def _alignments(results: Row, pictures: Sequence[Picture]) -> Markup | None:
    """An aligned utterance, then what to look at first, by split."""
    parts: list[tuple[str, Content]] = [
        (p.split, image(p)) for p in pictures if p.section == "alignment"
    ]
    parts += [(row["split"], triage_table(row)) for row in results["triage"]]
    parts += [(p.split, image(p)) for p in pictures if p.section == "triage"]
    return by_split(parts)


def _errors(results: Row, pictures: Sequence[Picture]) -> Markup | None:
    blocks: list[tuple[str, Content]] = []
    for row in results["errors"]:
        if not row["worst"]:
            continue
        matrix = [
            image(p)
            for p in pictures
            if (p.section, p.split, p.caption) == ("errors", row["split"], row["grammar"])
        ]
        title = tag("h3", f"{row['model']} · {row['split']} · {row['grammar']} · {row['decoder']}")
        parts = tag("div", *matrix, error_parts(row), class_="columns")
        heard = [
            image(p)
            for p in pictures
            if (p.section, p.split, p.caption) == ("heard", row["split"], row["grammar"])
        ]
        listen = tag("div", *heard, class_="gallery heard") if heard else None
        blocks.append((row["split"], tag("div", title, parts, listen, class_="full")))
    return by_split(blocks)


def _whole_words(results: Row, pictures: Sequence[Picture]) -> Markup | None:
    """Accuracies of all splits, then the errors of each."""
    if not results["whole_words"]:
        return None
    parts: list[tuple[str, Content]] = []
    for row in results["whole_words"]:
        split = row["split"]
        parts += [
            (split, image(p)) for p in pictures if (p.section, p.split) == ("whole_words", split)
        ]
        parts.append((split, whole_word_errors(row)))
    return join((whole_word_table(results["whole_words"]), by_split(parts)))


def _data(results: Row) -> Markup | None:
    parts: list[Content] = []
    if results["sets"]:
        rows = [
            (
                row["split"],
                row["set"],
                row["utterances"],
                row["speakers"],
                row["words"],
                duration(row["seconds"]),
            )
            for row in results["sets"]
        ]
        header = ("split", "set", "utterances", "speakers", "words", "audio")
        parts.append(table(header, rows, numeric=(2, 3, 4, 5)))
    rejected = results["rejected"]
    if rejected:
        fields = ("stage", "utterance_id", "reason", "remedy", "file")
        lines = [[row[name] for name in fields] for row in rejected[:MAX_ROWS]]
        names = ("stage", "utterance", "reason", "remedy", "file")
        caption = f"{len(rejected)} rejected"
        if len(rejected) > MAX_ROWS:
            caption += f", of which {MAX_ROWS} are shown; all are in results.json"
        parts.append(table(names, lines, caption=caption))
    elif results["sets"]:
        parts.append(tag("p", "No utterance was rejected.", class_="note"))
    return join(parts) if parts else None


def _stages(results: Row) -> Markup | None:
    stages = sorted(results["stages"], key=lambda row: (-row["seconds"], row["job"]))
    if not stages:
        return None
    rows = [
        (
            row["job"],
            duration(row["seconds"]),
            "–" if row["cpu_seconds"] is None else duration(row["cpu_seconds"]),
            "–" if row["max_rss_mb"] is None else f"{row['max_rss_mb']:.0f} MB",
        )
        for row in stages[:MAX_ROWS]
    ]
    total = duration(sum(row["seconds"] for row in stages))
    caption = f"{len(stages)} jobs, {total} one after the other"
    header = ("job", "time", "CPU time", "memory")
    first = table(header, rows[:FEW_JOBS], numeric=(1, 2, 3), caption=caption)
    parts: list[Content] = [tag("div", first, _disk(results), class_="columns")]
    if len(rows) > FEW_JOBS:
        rest = table(header, rows[FEW_JOBS:], numeric=(1, 2, 3))
        parts.append(tag("details", tag("summary", "The other jobs"), rest))
    return join(parts)


def _disk(results: Row) -> Markup | None:
    found = results["disk"]
    if not found:
        return None
    rows = [(row["folder"], row["files"], size(row["bytes"])) for row in found[:FEW_JOBS]]
    rest = found[FEW_JOBS:]
    if rest:
        files = sum(row["files"] for row in rest)
        rows.append((f"{len(rest)} other folders", files, size(sum(row["bytes"] for row in rest))))
    caption = f"{size(sum(row['bytes'] for row in found))} on disk"
    return table(("folder", "files", "size"), rows, numeric=(1, 2), caption=caption)


def _checksums(results: Row) -> Markup | None:
    if not results["checksums"]:
        return None
    rows = [
        (row["name"], row["files"], size(row["bytes"]), tag("code", row["sha256"]))
        for row in results["checksums"]
    ]
    header = ("corpus", "files", "size", "SHA-256")
    return table(header, rows, numeric=(1, 2), caption="Checksums")


def _about(results: Row) -> Markup:
    versions = table(("package", "version"), results["versions"].items(), caption="Versions")
    config = json.dumps(results["config"], indent=2, ensure_ascii=False)
    whole = tag("pre", config, class_="scroll", tabindex="0")
    parts = (
        tag("div", versions, _checksums(results), class_="columns"),
        tag("details", tag("summary", "The whole configuration"), whole),
    )
    return join(parts)


def make_page(results: Row, pictures: Sequence[Picture]) -> str:
    """The HTML of index.html."""
    wer = wer_section(results)
    charts = tag("div", *(image(p) for p in pictures if p.section == "wer"), class_="gallery")
    sections: list[tuple[str, str, Content]] = [
        ("wer", "Word error rates", join((wer, charts)) if wer else None),
        ("decoders", "Do the decoders agree?", agreement_section(results)),
        ("errors", "Errors of the best model", _errors(results, pictures)),
        ("whole_words", "Whole words, without HMM", _whole_words(results, pictures)),
        ("voices", "Voices", voice_section(results["voices"])),
        ("training", "Training of the networks", _gallery(pictures, "training", "gradients")),
        ("gmm", "Training of the GMM-HMMs", _gallery(pictures, "gmm")),
        ("alignment", "Alignments", _alignments(results, pictures)),
        ("data", "Data", _data(results)),
        ("time", "Time, memory and disk", _stages(results)),
        ("about", "Versions, checksums, configuration", _about(results)),
    ]
    there = [(name, title, content) for name, title, content in sections if content]
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{results['title']} – {results['recipe']}"),
        tag("style", Markup(style)),
    )
    links = join(tag("a", title, href=f"#{name}") for name, title, _ in there)
    body = tag(
        "body",
        tag(
            "header",
            tag("p", f"recipe {results['recipe']}", class_="recipe"),
            tag("h1", results["title"]),
            headline(results) if results["wer"] else whole_word_headline(results),
        ),
        tag("nav", links, aria_label="Sections"),
        tag(
            "main",
            join(
                (
                    tag("section", tag("h2", title), content, id=name)
                    for name, title, content in there
                ),
                "\n",
            ),
        ),
    )
    return f'<!DOCTYPE html>\n<html lang="en">\n{head}\n{body}\n</html>\n'

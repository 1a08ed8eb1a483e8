"""How well grammars and language models tell the test sets' words: perplexity."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.graph.arpa import Arpa, read_arpa
from pipeline.graph.arpa_text import text_perplexity
from pipeline.io.json_lines import read_json_lines
from pipeline.report.pipe_table import pipe_table

Row = dict[str, Any]


def read_perplexities(root: Path, config: Config) -> Iterator[Row]:
    """Of each n-gram model for the transcripts of each test set, and of each neural one.

    A neural model's is that of its own held-out sentences at the end of its training; its split is
    None, or where it learns each split's transcripts, that split.

    Raises:
        UserError: a file is damaged.
    """
    models: dict[Path, Arpa] = {}
    for split in config.splits:
        cuts = root / split / "data/test/cuts.jsonl.gz"
        if not cuts.is_file():
            continue
        spoken = [str(cut["supervisions"][0]["text"]).split() for cut in read_json_lines(cuts)]
        for name, options in config.grammars.items():
            home = config.models_split(split) if options.needs_transcripts else "lang"
            path = root / home / "grammars" / name / "lm.arpa.gz"
            if not path.is_file():
                continue
            if path not in models:
                models[path] = read_arpa(path)
            found = text_perplexity(models[path], spoken)
            yield {
                **{"split": split, "model": name, "text": "test"},
                **{"perplexity": found.perplexity, "words": found.num_words},
            }
    for name, lm in config.lms.items():
        homes = config.trained_splits if lm.needs_transcripts else ("lang",)
        for home in homes:
            path = root / home / "lms" / name / "log.jsonl"
            if path.is_file() and (lines := list(read_json_lines(path))):
                yield {
                    **{"split": None if home == "lang" else home, "model": name},
                    **{"text": "held out", "words": None},
                    "perplexity": float(lines[-1]["held_out_perplexity"]),
                }


def perplexity_markdown(rows: list[Row]) -> str:
    """The table, for RESULTS.md; empty without language models."""
    if not rows:
        return ""
    lines = [
        (
            *(row["split"] or "–", row["model"], row["text"], f"{row['perplexity']:.1f}"),
            "–" if row["words"] is None else row["words"],
        )
        for row in rows
    ]
    return "## Language models\n" + pipe_table(
        ("split", "model", "text", "perplexity", "words, sentence ends among them"), lines
    )

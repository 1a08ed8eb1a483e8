"""RESULTS.md: the figures of a run for a recipe's folder, all from results.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.io.quantities import duration
from pipeline.report.language_models import perplexity_markdown
from pipeline.report.markdown import results_table
from pipeline.report.pipe_table import pipe_table, speech_note
from pipeline.report.readme_table import IN_SHORT
from pipeline.report.sections import interval_text, merge_decoders, setting_text, tuned_cells

Row = dict[str, Any]
NUM_JOBS = 8  # the longest
NOTHING = "None yet.\n"


def results_markdown(results: Row) -> str:
    """The page.

    Args:
        results: content of results.json.
    """
    speech = speech_note(results["title"])
    parts = [
        f"# Results: {results['title']}\n"
        f"Written by `hybrid report {results['recipe']} --publish`; run the recipe to change it.\n",
        f"{IN_SHORT}{results_table(results) or NOTHING}",
        *_scores(results, speech),
        *_comparisons(results["comparisons"], speech),
        *filter(None, [perplexity_markdown(results["perplexities"])]),
        *_training(results["training"], speech),
        _cost(results),
        _sources(results),
    ]
    return "\n".join(parts)


def _scores(results: Row, speech: str) -> Iterator[str]:
    rows = results["wer"]
    has_tuned = any(row["tuned"] is not None for row in rows)
    header = ["split", "grammar", "model", "decoder", f"WER %{speech}", "95 % interval"]
    header += ["errors / words", "RTF", "best on the test", "at"]
    header += ["tuned", "at"] if has_tuned else []
    lines = []
    for decoders, row in merge_decoders(rows):
        fixed, best = row["fixed"], row["best"]
        names = [row[name] for name in ("split", "grammar", "model")]
        figures = [f"{fixed['wer']:.2f}", interval_text(fixed)]
        rtf = "–" if row["rtf"] is None else f"{row['rtf']:.3f}"
        figures += [f"{fixed['errors']} / {fixed['words']}", rtf, f"{best['wer']:.2f}"]
        tuned = tuned_cells(row) if has_tuned else ()
        lines.append([*names, decoders, *figures, setting_text(best), *tuned])
    if rows:
        yield "## Word error rates\n" + pipe_table(header, lines)
        yield (
            "RTF: CPU seconds of likelihoods, search and, where a rung adapts the speakers, its "
            "first pass, for a second of speech.\n"
        )


def _comparisons(rows: list[Row], speech: str) -> Iterator[str]:
    if not rows:
        return
    above = f"WER above the best{speech}"
    header = ("split", "grammar", "model", above, "95 % interval", "really worse")
    lines = [
        (
            *(row["split"], row["grammar"], f"{row['model']} over {row['best']}"),
            *(f"{row['difference']:.2f}", f"{row['low']:.2f} – {row['high']:.2f}"),
            f"{100 * row['probability_better']:.0f} %",
        )
        for row in rows
    ]
    yield "## Can the models be told apart?\nPaired bootstrap.\n\n" + pipe_table(header, lines)


def _training(table: dict[str, dict[str, Row]], speech: str) -> Iterator[str]:
    lines = []
    for split, networks in table.items():
        for network, found in networks.items():
            last = found["epochs"][-1]
            shares = [f"{100 * found[name] / max(found['steps'], 1):.1f} %"
                      for name in ("clipped", "skipped")]  # fmt: skip
            seconds = [epoch["seconds"] for epoch in found["epochs"] if "seconds" in epoch]
            accuracy = last.get("frame_accuracy")
            lines.append([
                *(split, network, len(found["epochs"]), found["steps"]),
                f"{last['held_out_loss']:.3f}",
                "–" if accuracy is None else f"{100 * accuracy:.1f}",
                *(*shares, duration(sum(seconds)) if seconds else "–"),
            ])  # fmt: skip
    if lines:
        header = ["split", "network", "epochs", "steps", f"held-out loss{speech}", "frames right %"]
        header += ["steps clipped", "skipped", "time"]
        yield "## Training of networks\n" + pipe_table(header, lines)


def _cost(results: Row) -> str:
    jobs = [row for row in results["stages"] if row["seconds"] is not None]
    jobs.sort(key=lambda row: -row["seconds"])
    cpu = sum(row["cpu_seconds"] or 0.0 for row in jobs)
    apart = "".join(
        f" Trained apart, and not in the sum: {network} of {split} ({duration(seconds)})."
        for split, network, seconds in _unmeasured(results)
    )
    lines = [
        (
            row["job"],
            duration(row["seconds"]),
            "–" if row["cpu_seconds"] is None else duration(row["cpu_seconds"]),
            "–" if row["max_rss_mb"] is None else f"{row['max_rss_mb']:,.0f} MB",
        )
        for row in jobs[:NUM_JOBS]
    ]
    place = f"{results['machine']['processor']}, {results['machine']['cores']} cores"
    disk = sum(row["bytes"] for row in results["disk"])
    return (
        f"## Cost\n{len(jobs)} jobs: {duration(sum(row['seconds'] for row in jobs))} one after the "
        f"other, {duration(cpu)} of processor time ({place}; other work beside it is not known "
        f"here); {disk / 1e6:,.0f} MB.{apart} The longest:\n\n"
        + pipe_table(("job", "wall", "processor", "memory"), lines)
    )


def _unmeasured(results: Row) -> Iterator[tuple[str, str, float]]:
    """Networks whose training is no measured job: (split, network, seconds by its log)."""
    measured = {row["job"] for row in results["stages"]}
    for split, networks in results["training"].items():
        for network, found in networks.items():
            seconds = sum(epoch.get("seconds", 0.0) for epoch in found["epochs"])
            if f"{split}/{network}/train" not in measured and seconds:
                yield split, network, seconds


def _share(count: int | None, words: int) -> str:
    return "–" if count is None else f"{count} ({100 * count / max(words, 1):.2f} %)"


def _sources(results: Row) -> str:
    sets = pipe_table(
        ("split", "set", "utterances", "speakers", "words", "not in the lexicon", "speech"),
        [
            (
                *(row["split"], row["set"], row["utterances"], row["speakers"], row["words"]),
                *(_share(row["unknown"], row["words"]), duration(row["seconds"])),
            )
            for row in results["sets"]
        ],
    )
    sums = "".join(f"- {row['name']}: {row['sha256'][:16]}\n" for row in results["checksums"])
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return f"## Made from\n{sets}\n{sums}\nSeed {results['config']['seed']}; {versions}.\n"

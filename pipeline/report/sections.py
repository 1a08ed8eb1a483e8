"""The sections of the page that show results: error rates, decoders, errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from pipeline.report.markup import Content, Markup, join, table, tag
from pipeline.score.wer import GAP, align_words

Row = dict[str, Any]
NUM_PAIRS = 12  # confused words that are listed
FEW_ROWS = 6  # longer tables of equal rows are folded away
SHORT_WORDS = 3  # utterances of at most so many fit into a column


def interval_text(score: Row) -> str:
    """95 % interval of a score of wer.json, in per cent; † marks a limit drawn from no error."""
    if score["no_error_limit"] is not None:
        return f"0 – {score['no_error_limit']:.2f} †"
    return f"{score['interval']['low']:.2f} – {score['interval']['high']:.2f}"


def setting_text(score: Row) -> str:
    """LM weight and insertion penalty."""
    return f"{score['lm_weight']:g} / {score['insertion_penalty']:g}"


def tuned_cells(row: Row) -> tuple[str, str]:
    """WER and setting that a development set chose; dashes on that set itself."""
    tuned = row["tuned"]
    return ("–", "–") if tuned is None else (f"{tuned['wer']:.2f}", setting_text(tuned))


def merge_decoders(rows: Sequence[Row]) -> Iterator[tuple[str, Row]]:
    """(decoder names, row): neighbours that differ in nothing but the decoder become one row."""

    def figures(row: Row) -> tuple[Any, ...]:
        kinds = ("insertions", "deletions", "substitutions", "lm_weight", "insertion_penalty")
        counts = [row[part][kind] for part in ("fixed", "best") for kind in kinds]
        return (row["split"], row["grammar"], row["model"], row["missing"], *counts)

    for _, group in groupby(rows, key=figures):
        same = list(group)
        yield ", ".join(row["decoder"] for row in same), same[0]


def counted(number: int, noun: str) -> str:
    """A number and its noun, in the plural but for one."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def headline(results: Row) -> Markup:
    """The one figure of the run, and how it was chosen."""
    best = results["headline"]
    if best is None:
        return tag("p", "Nothing has been scored yet.", class_="lead")
    fixed = best["fixed"]
    interval = interval_text(fixed)
    if fixed["no_error_limit"] is not None:
        interval = f"0 – {fixed['no_error_limit']:.2f} % (no error seen)"
    chosen = ""
    if best["candidates"] > 1:
        chosen = f" Lowest of {best['candidates']} models at this setting on this test set."
    facts = (
        f"{counted(fixed['errors'], 'error')} in {counted(fixed['words'], 'word')} of "
        f"{counted(best['utterances'], 'utterance')}; "
        f"95 % interval {interval}. LM weight {fixed['lm_weight']:g} and insertion "
        f"penalty {fixed['insertion_penalty']:g}, set beforehand.{chosen}"
    )
    where = f"{best['model']} · {best['split']} · {best['grammar']} · {best['decoder']}"
    return tag(
        "div",
        tag("p", tag("strong", f"{fixed['wer']:.2f} %"), " WER", class_="figure"),
        tag("div", tag("p", where, class_="where"), tag("p", facts), class_="facts"),
        class_="headline",
    )


def wer_section(results: Row) -> Markup | None:
    """Tables of all error rates, one for each split, and which models can be told apart."""
    if not results["wer"]:
        return None
    has_tuned = any(row["tuned"] is not None for row in results["wer"])
    header = (
        "grammar",
        "model",
        "decoder",
        "WER %",
        "95 % interval",
        "errors / words",
        "ins, del, sub",
        "best WER %",
        "at LM weight / penalty",
        *(("tuned WER %", "at LM weight / penalty") if has_tuned else ()),
    )
    best = {(row["split"], row["grammar"], row["model"]) for row in results["errors"]}
    parts: list[Content] = []
    for split, group in groupby(results["wer"], key=lambda row: row["split"]):
        rows = []
        for decoders, row in merge_decoders(list(group)):
            fixed = row["fixed"]
            winner = (row["split"], row["grammar"], row["model"]) in best
            rows.append(
                (
                    row["grammar"],
                    tag("strong", row["model"]) if winner else row["model"],
                    decoders,
                    tag("strong", f"{fixed['wer']:.2f}") if winner else f"{fixed['wer']:.2f}",
                    interval_text(fixed),
                    f"{fixed['errors']} / {fixed['words']}",
                    f"{fixed['insertions']}, {fixed['deletions']}, {fixed['substitutions']}",
                    f"{row['best']['wer']:.2f}",
                    setting_text(row["best"]),
                    *(tuned_cells(row) if has_tuned else ()),
                )
            )
        numeric = range(3, len(header))
        parts.append(table(header, rows, numeric=numeric, caption=f"Split {split}"))
    note = (
        "WER: at the setting chosen before any result, with a bootstrap interval over utterances. "
        "Best WER: the lowest over all LM weights and penalties on the test set itself, so it is "
        "tuned on the test. Bold: the best model of its split and grammar."
    )
    if has_tuned:
        tune_split = results["config"]["decode"]["tune_split"]
        note += (
            f" Tuned WER: at the weight and penalty with the fewest errors on {tune_split}, which "
            "had no part in this set."
        )
    if any(row["fixed"]["no_error_limit"] is not None for row in results["wer"]):
        note += (
            " † No error was seen; the upper end is the error rate that would still show none in "
            "one of twenty such test sets."
        )
    missing = [row for row in results["wer"] if row["missing"]]
    if missing:
        named = ", ".join(
            f"{row['missing']} in {row['split']} {row['grammar']} {row['model']} {row['decoder']}"
            for row in missing
        )
        note += f" Utterances without any hypothesis count as deletions: {named}."
    return join((*parts, tag("p", note, class_="note"), _comparisons(results)))


def _comparisons(results: Row) -> Markup:
    if not results["comparisons"]:
        return Markup("")
    rows = [
        (
            row["split"],
            row["grammar"],
            f"{row['best']} over {row['model']}",
            f"{row['difference']:.2f}",
            f"{row['low']:.2f} – {row['high']:.2f}",
            f"{100 * row['probability_better']:.0f} %",
        )
        for row in results["comparisons"]
    ]
    header = ("split", "grammar", "models", "WER apart", "95 % interval", "really better")
    note = (
        "Paired bootstrap over the same utterances. Near 50 %, the test set cannot tell the two "
        "apart; the best was chosen on this very set, which flatters it."
    )
    return tag(
        "details",
        tag("summary", "Can the models be told apart?"),
        table(header, rows, numeric=(3, 4, 5)),
        tag("p", note, class_="note"),
    )


def agreement_section(results: Row) -> Markup | None:
    """How often two decoders find the same words, and how far their costs lie apart."""
    if not results["agreement"]:
        return None
    rows = []
    for row in results["agreement"]:
        gap = row["largest_cost_difference"]
        rows.append(
            (
                row["split"],
                row["grammar"],
                row["model"],
                f"{row['first']}, {row['second']}",
                f"{100 * row['share']:.2f}",
                f"{row['same_words']} / {row['utterances']}",
                "–" if gap is None else f"{gap:.2g}",
                row["largest_cost_utterance"] if gap else "–",
            )
        )
    header = (
        "split",
        "grammar",
        "model",
        "decoders",
        "same words %",
        "utterances",
        "largest cost difference",
        "in utterance",
    )
    note = (
        "Best paths on the same graph and the same scores. Costs are -log, scaled as the search "
        "minimises them."
    )
    same = sum(row["same_words"] for row in results["agreement"])
    utterances = sum(row["utterances"] for row in results["agreement"])
    gaps = [row["largest_cost_difference"] for row in results["agreement"]]
    largest = max((gap for gap in gaps if gap is not None), default=0.0)
    lead = (
        f"Same words in {same} of {utterances} decoded utterances "
        f"({100 * same / max(utterances, 1):.2f} %); "
        f"best-path costs differ by at most {largest:.2g}."
    )
    whole = tag(
        "details",
        tag("summary", "By model"),
        table(header, rows, numeric=(4, 5, 6)),
        open="open" if len(rows) <= FEW_ROWS else None,
    )
    return join((tag("p", lead), whole, tag("p", note, class_="note")))


def marked_words(reference: list[str], hypothesis: list[str]) -> tuple[Markup, Markup]:
    """Both word sequences with their differences marked; a gap is a dash."""
    sides: tuple[list[Content], list[Content]] = ([], [])
    for pair in align_words(reference, hypothesis):
        for side, word in zip(sides, pair, strict=True):
            shown = "–" if word == GAP else word
            side.append(shown if pair[0] == pair[1] else tag("mark", shown))
    return join(sides[0], " "), join(sides[1], " ")


def error_parts(row: Row) -> Markup:
    """Tables for one system: confused words, speakers, utterances with most errors."""
    pairs = [
        (pair["reference"] or "– (inserted)", pair["hypothesis"] or "– (deleted)", pair["count"])
        for pair in row["confusions"][:NUM_PAIRS]
    ]
    speakers = [
        (
            speaker["speaker"],
            speaker["utterances"],
            "–" if speaker["wer"] is None else f"{speaker['wer']:.2f}",
            f"{speaker['errors']} / {speaker['words']}",
        )
        for speaker in sorted(row["speakers"], key=lambda s: (-s["errors"], s["speaker"]))[:20]
    ]
    parts: list[Content] = []
    if pairs:
        parts.append(
            table(("said", "recognised", "times"), pairs, numeric=(2,), caption="Confused words")
        )
    if len(row["speakers"]) > 1:
        header = ("speaker", "utterances", "WER %", "errors / words")
        caption = "Speakers" if len(speakers) == len(row["speakers"]) else "The 20 worst speakers"
        parts.append(table(header, speakers, numeric=(1, 2, 3), caption=caption))
    parts.append(worst_table(row))
    return tag("div", *parts, class_="columns")


def worst_table(row: Row) -> Markup:
    """Utterances with most errors, said and recognised: side by side if they are short."""
    rows: list[tuple[Content, ...]] = []
    short = all(len(u["reference"]) <= SHORT_WORDS for u in row["worst"])
    for utterance in row["worst"]:
        reference, hypothesis = marked_words(utterance["reference"], utterance["hypothesis"])
        recognised = tag("span", hypothesis, class_="recognised")
        number = f"{utterance['errors']} / {len(utterance['reference'])}"
        name = utterance["utterance_id"]
        if short:
            rows.append((name, number, reference, recognised))
        else:
            rows.append((name, number, join((reference, tag("br"), recognised))))
    words = ("said", "recognised") if short else ("said, and below: recognised",)
    header = ("utterance", "errors", *words)
    return table(header, rows, numeric=(1,), caption="Utterances with most errors")

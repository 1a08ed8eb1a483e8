"""All scores of one decoded set: wer.json.

Fields (WER in per cent; words and utterances are those of the reference):

- format: 1
- utterances, words: size of the set
- fixed: the setting chosen before any result: lm_weight, insertion_penalty, wer, errors, words,
  insertions, deletions, substitutions, utterances_with_errors, interval {low, high, level,
  replicates, seed}, no_error_limit (null unless there is no error: the WER that would still give
  none in one of twenty such sets), kaldi_line
- best: the same for the setting with the fewest errors on this very set, with tuned_on_test true
  and settings, the number of settings tried
- tuned: the same for the setting that was best on a development set, which had no part in this
  one; null where no such set is named
- grid: lm_weight, insertion_penalty, wer, errors, insertions, deletions, substitutions of each
- speakers: speaker, utterances, wer, errors, words, insertions, deletions, substitutions (fixed)
- confusions: reference, hypothesis, count of each aligned pair (fixed), correct ones too, most
  frequent first; null is no word (insertion, deletion)
- per_utterance: utterance_id, speaker, reference, hypothesis (word lists), words, errors,
  insertions, deletions, substitutions, cost (fixed; scaled as the search minimises it, null if
  there is no hypothesis)
- missing: utterances without a hypothesis at the fixed setting; their words count as deletions
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.config import DecodeOptions
from pipeline.io.errors import UserError
from pipeline.score.bootstrap import no_error_limit, wer_interval
from pipeline.score.hypotheses import Hypotheses, Setting
from pipeline.score.references import Reference
from pipeline.score.wer import (
    GAP,
    Alignments,
    Errors,
    by_speaker,
    confusions,
    kaldi_line,
    total,
)

FORMAT = 1


def _rate(errors: Errors) -> dict[str, Any]:
    """WER and counts; the WER is null where insertions meet no reference word."""
    return {"wer": errors.wer if errors.words or not errors.errors else None, **_counts(errors)}


def _counts(errors: Errors) -> dict[str, Any]:
    return {
        "errors": errors.errors,
        "words": errors.words,
        "insertions": errors.insertions,
        "deletions": errors.deletions,
        "substitutions": errors.substitutions,
    }


def _at_setting(setting: Setting, errors: Sequence[Errors], seed: int) -> dict[str, Any]:
    sums = total(errors)
    return {
        **setting._asdict(),
        **_rate(sums),
        "utterances_with_errors": sum(e.errors > 0 for e in errors),
        "interval": asdict(wer_interval(errors, seed)),
        "no_error_limit": None if sums.errors else no_error_limit(sums.words),
        "kaldi_line": kaldi_line(sums),
    }


def grid_settings(options: DecodeOptions) -> list[Setting]:
    """The settings among which the best is sought, the fixed one included."""
    grid = {Setting(w, p) for w in options.lm_weights for p in options.insertion_penalties}
    return sorted(grid | {Setting(options.lm_weight, options.insertion_penalty)})


def read_best_setting(path: Path) -> Setting:
    """The setting with the fewest errors of another set's wer.json.

    Raises:
        UserError: the file is damaged.
    """
    try:
        best = json.loads(path.read_text(encoding="utf-8"))["best"]
        return Setting(float(best["lm_weight"]), float(best["insertion_penalty"]))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: damaged ({error!r}); score that set again") from None


def _check(
    references: Mapping[str, Reference], table: Mapping[Setting, Hypotheses], fixed: Setting
) -> None:
    if fixed not in table:
        raise UserError(
            f"no hypothesis at the fixed setting lm_weight {fixed.lm_weight:g}, penalty "
            f"{fixed.insertion_penalty:g}; decode again with these options"
        )
    for hypotheses in table.values():
        for utterance_id in hypotheses:
            if utterance_id not in references:
                raise UserError(
                    f"{utterance_id}: has no reference; hypotheses and cuts are of different sets"
                )


def score(
    references: Mapping[str, Reference],
    table: Mapping[Setting, Hypotheses],
    options: DecodeOptions,
    seed: int = 1,
    tuned: Setting | None = None,
) -> dict[str, Any]:
    """Score the hypotheses at all settings; return the content of wer.json.

    Args:
        references: of every utterance of the set.
        table: setting -> utterance_id -> best path; settings outside the options' grid are ignored.
        options: the fixed setting and the grid.
        seed: of the bootstrap.
        tuned: the setting chosen on a development set.
    Raises:
        UserError: the fixed or the tuned setting is missing, or a hypothesis has no reference.
    """
    fixed = Setting(options.lm_weight, options.insertion_penalty)
    _check(references, table, fixed)
    alignments = Alignments(references)
    counted = {
        setting: alignments.by_utterance({u: h.words for u, h in table[setting].items()})
        for setting in grid_settings(options)
        if setting in table
    }
    totals = {setting: total(errors.values()) for setting, errors in counted.items()}
    best = min(  # ties: nearest to the fixed setting
        totals,
        key=lambda s: (
            totals[s].errors,
            abs(s.lm_weight - fixed.lm_weight),
            abs(s.insertion_penalty - fixed.insertion_penalty),
            s,
        ),
    )
    if tuned is not None and tuned not in counted:
        raise UserError(
            f"no hypothesis at the tuned setting lm_weight {tuned.lm_weight:g}, penalty "
            f"{tuned.insertion_penalty:g}; decode both sets with the same grid"
        )
    hypotheses, errors = table[fixed], counted[fixed]
    pairs = [
        pair
        for utterance_id in references
        for pair in alignments.pairs(
            utterance_id, hypotheses[utterance_id].words if utterance_id in hypotheses else ()
        )
    ]
    utterances = []
    for utterance_id, reference in references.items():
        hypothesis = hypotheses.get(utterance_id)
        utterances.append(
            {
                "utterance_id": utterance_id,
                "speaker": reference.speaker,
                "reference": list(reference.words),
                "hypothesis": list(hypothesis.words) if hypothesis else [],
                **_counts(errors[utterance_id]),
                "cost": hypothesis.total_cost(fixed) if hypothesis else None,
            }
        )
    return {
        "format": FORMAT,
        "utterances": len(references),
        "words": totals[fixed].words,
        "fixed": _at_setting(fixed, list(errors.values()), seed),
        "best": {
            **_at_setting(best, list(counted[best].values()), seed),
            "tuned_on_test": True,
            "settings": len(counted),
        },
        "tuned": None if tuned is None else _at_setting(tuned, list(counted[tuned].values()), seed),
        "grid": [{**s._asdict(), **_rate(totals[s])} for s in sorted(totals)],
        "speakers": [
            {"speaker": speaker, "utterances": number, **_rate(sums)}
            for speaker, (number, sums) in by_speaker(references, errors).items()
        ],
        "confusions": [
            {
                "reference": None if reference == GAP else reference,
                "hypothesis": None if hypothesis == GAP else hypothesis,
                "count": count,
            }
            for reference, hypothesis, count in confusions(pairs)
        ],
        "per_utterance": utterances,
        "missing": [utterance_id for utterance_id in references if utterance_id not in hypotheses],
    }

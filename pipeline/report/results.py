"""All numbers of a run: results.json.

Fields (WER in per cent, time in seconds; null where a run has not got that far):

- format: 1; recipe, title
- headline: the row of `wer` with the lowest WER at the fixed setting in the first split and grammar
  (ties: the later model, the earlier decoder), and candidates, the number of models it won over
- sets: split, set (train or test), utterances, speakers, words, unknown (how many of them the
  lexicon lacks), seconds
- perplexities: split, model (grammar or language model), text, perplexity, words
- wer: split, grammar, model, decoder, utterances, words, missing (utterances without hypothesis),
  fixed, best and tuned as in wer.json, rtf (real_time.py)
- agreement: of each two decoders: split, grammar, model, first, second, utterances, same_words,
  share, largest_cost_difference, largest_cost_utterance, different (up to 20 utterances)
- comparisons: paired bootstrap of each model with the best of its split and grammar, for the
  decoder of the best: split, grammar, decoder, best, model, difference (model - best), low, high,
  probability_better (that the best is better)
- errors: of the best model of each split and grammar: split, grammar, model, decoder, confusions
  (reference, hypothesis, count; null is no word; most frequent first, correct ones left out),
  speakers, worst (utterances with most errors: utterance_id, speaker, reference, hypothesis,
  errors)
- whole_words: split and what results.json of the stage whole_word has
- voices: split, voice and what results.json of the voice has: sets, each with utterances, words,
  errors, wer, interval, misheard, counts
- voice_comparisons: see compare_voices in voices.py
- gmm: split -> rung -> the lines of log.jsonl that have a log_likelihood
- training: split -> network -> {epochs: lines of log.jsonl, with held-out wer (per cent) if it
  was asked for, steps, clipped, skipped}
- triage: of the last aligned rung of each split: split, rung, utterances, suspicious (how many have
  a likely cause), worst (utterance_id, suspicion, log_likelihood, gap, cause, text; a number is
  null where the utterance was not aligned)
- rejected: stage, utterance_id, file, reason, remedy
- stages: job, seconds, cpu_seconds, max_rss_mb (Snakemake's benchmarks)
- disk: folder, files, bytes of each folder of the run, the largest first
- checksums: name, files, bytes, sha256 of the corpus's audio and manifests
- machine: processor, cores; versions: package -> version
- config: the whole configuration
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import combinations, groupby
from typing import Any

from pipeline.report.collect import Row, Run, SystemKey
from pipeline.report.real_time import real_time_factor
from pipeline.report.triage import worst_of
from pipeline.report.voices import compare_voices
from pipeline.score.agreement import OneBest, compare_decoders
from pipeline.score.bootstrap import compare
from pipeline.score.wer import Errors

FORMAT = 1
NUM_WORST = 15
NUM_DIFFERENT = 20


def _errors_of(result: Row) -> list[Errors]:
    return [
        Errors(u["words"], u["insertions"], u["deletions"], u["substitutions"])
        for u in result["per_utterance"]
    ]


def best_systems(run: Run) -> dict[tuple[str, str], SystemKey]:
    """(split, grammar) -> system with the fewest errors at the fixed setting.

    Ties go to the model that comes later in the configuration, then to the earlier decoder.
    """
    models, decoders = run.config.decoded_models, run.config.decode.decoders

    def rank(key: SystemKey) -> tuple[int, int, int]:
        errors = run.scores[key]["fixed"]["errors"]
        return errors, -models.index(key.model), decoders.index(key.decoder)

    best: dict[tuple[str, str], SystemKey] = {}
    for key in run.scores:
        place = (key.split, key.grammar)
        if place not in best or rank(key) < rank(best[place]):
            best[place] = key
    return best


def _wer_row(key: SystemKey, result: Row) -> Row:
    return {
        **key._asdict(),
        "utterances": result["utterances"],
        "words": result["words"],
        "missing": len(result["missing"]),
        "fixed": result["fixed"],
        "best": result["best"],
        "tuned": result["tuned"],
    }


def _agreements(run: Run) -> Iterator[Row]:
    for place, group in groupby(run.scores, key=lambda key: key[:3]):
        for first, second in combinations(group, 2):
            sides = [
                {
                    u["utterance_id"]: OneBest(tuple(u["hypothesis"]), u["cost"])
                    for u in run.scores[key]["per_utterance"]
                    if u["cost"] is not None
                }
                for key in (first, second)
            ]
            found = compare_decoders(*sides)
            yield {
                **dict(zip(("split", "grammar", "model"), place, strict=True)),
                "first": first.decoder,
                "second": second.decoder,
                **asdict(found),
                "share": found.share,
                "different": list(found.different[:NUM_DIFFERENT]),
            }


def _comparisons(run: Run) -> Iterator[Row]:
    for best in best_systems(run).values():
        for key in run.scores:
            same_place = (key.split, key.grammar, key.decoder) == (
                best.split,
                best.grammar,
                best.decoder,
            )
            if not same_place or key.model == best.model:
                continue
            other = _errors_of(run.scores[key])
            found = compare(other, _errors_of(run.scores[best]), seed=run.config.seed)
            yield {
                "split": best.split,
                "grammar": best.grammar,
                "decoder": best.decoder,
                "best": best.model,
                "model": key.model,
                "difference": 0.0 - found.difference,  # 0 has no sign then
                "low": 0.0 - found.high,
                "high": 0.0 - found.low,
                "probability_better": found.probability_better,
            }


def _error_rows(run: Run) -> Iterator[Row]:
    for key in best_systems(run).values():
        result = run.scores[key]
        wrong = [u for u in result["per_utterance"] if u["errors"]]
        wrong.sort(key=lambda u: (-u["errors"], -u["errors"] / max(u["words"], 1)))
        fields = ("utterance_id", "speaker", "reference", "hypothesis", "errors")
        yield {
            **key._asdict(),
            "confusions": [r for r in result["confusions"] if r["reference"] != r["hypothesis"]],
            "speakers": result["speakers"],
            "worst": [{name: u[name] for name in fields} for u in wrong[:NUM_WORST]],
        }


def _training(run: Run) -> Row:
    table: Row = {}
    for split, networks in run.epochs.items():
        for network, epochs in networks.items():
            steps = run.steps[split].get(network, [])
            table.setdefault(split, {})[network] = {
                "epochs": epochs,
                "steps": len(steps),
                "clipped": sum(bool(step.get("clipped")) for step in steps),
                "skipped": sum(bool(step.get("skipped")) for step in steps),
            }
    return table


def _rtf(run: Run, key: SystemKey) -> float | None:
    seconds = [s["seconds"] for s in run.sets if (s["split"], s["set"]) == (key.split, "test")]
    place = (key.split, key.grammar, key.model, key.decoder)
    return real_time_factor(run.config, run.benchmarks, sum(seconds), place)


def _headline(run: Run) -> Row | None:
    best = best_systems(run)
    if not best:
        return None
    place, key = next(iter(best.items()))
    models = {other.model for other in run.scores if (other.split, other.grammar) == place}
    return {**_wer_row(key, run.scores[key]), "candidates": len(models)}


def make_results(run: Run) -> dict[str, Any]:
    """The content of results.json."""
    gmm = {
        split: {
            rung: [line for line in log if "iteration" in line and "log_likelihood" in line]
            for rung, log in rungs.items()
        }
        for split, rungs in run.gmm_logs.items()
        if rungs
    }
    voices = [
        {"split": split, "voice": voice, **found} for (split, voice), found in run.voices.items()
    ]
    return {
        "format": FORMAT,
        "recipe": run.config.recipe,
        "title": run.config.title,
        "headline": _headline(run),
        "sets": run.sets,
        "perplexities": run.perplexities,
        "wer": [
            {**_wer_row(key, result), "rtf": _rtf(run, key)} for key, result in run.scores.items()
        ],
        "agreement": list(_agreements(run)),
        "comparisons": list(_comparisons(run)),
        "errors": list(_error_rows(run)),
        "whole_words": [{"split": split, **found} for split, found in run.whole_words.items()],
        "voices": voices,
        "voice_comparisons": list(compare_voices(voices, run.config.seed)),
        "gmm": gmm,
        "training": _training(run),
        "triage": [worst_of(found) for found in run.findings.values()],
        "rejected": [{"stage": stage, **reject._asdict()} for stage, reject in run.rejects],
        "stages": run.benchmarks,
        "disk": run.disk,
        "checksums": run.checksums,
        "machine": run.machine,
        "versions": run.versions,
        "config": run.config.model_dump(mode="json"),
    }

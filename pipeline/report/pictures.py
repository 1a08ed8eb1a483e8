"""Which pictures a run has, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.config import Config
from pipeline.report.collect import Row, Run
from pipeline.report.figures import (
    MAX_MATRIX_WORDS,
    confusion_figure,
    gmm_figure,
    gradient_figure,
    gradient_histogram_figure,
    training_figure,
    wer_figure,
)
from pipeline.report.heard import heard_utterances
from pipeline.report.results import best_systems
from pipeline.report.spectrogram import split_alignment_figure, triage_figures


@dataclass(frozen=True)
class Picture:
    """A PNG, what it shows in words, what it belongs to, and its sound if it has one."""

    name: str  # of the file, without .png
    section: str
    split: str
    png: bytes
    alt: str
    caption: str = ""
    wav: bytes = b""  # sound to play beneath it


def _wer_pictures(run: Run, results: Row) -> list[Picture]:
    pictures = []
    best = set(best_systems(run).values())
    for split in run.config.splits:
        rows, seen = [], set()
        for row in results["wer"]:
            key = (row["split"], row["grammar"], row["model"])
            if row["split"] != split or key in seen:
                continue  # the first decoder stands for all: the table has the others
            seen.add(key)
            high = row["fixed"]["no_error_limit"] or row["fixed"]["interval"]["high"]
            rows.append(
                {
                    "label": f"{row['grammar']} · {row['model']}",
                    "wer": row["fixed"]["wer"],
                    "low": row["fixed"]["interval"]["low"],
                    "high": high,
                    "highlight": any(key == (b.split, b.grammar, b.model) for b in best),
                }
            )
        if rows:
            png = wer_figure(rows, f"Word error rate, {split}")
            said = "; ".join(f"{row['label']} {row['wer']:.2f} %" for row in rows)
            pictures.append(Picture(f"wer_{split}", "wer", split, png, f"WER on {split}: {said}"))
    return pictures


def _confusion_pictures(run: Run) -> list[Picture]:
    pictures = []
    for (split, grammar), key in best_systems(run).items():
        confusions = run.scores[key]["confusions"]
        words = {row[side] for row in confusions for side in ("reference", "hypothesis")} - {None}
        if not run.scores[key]["fixed"]["errors"] or len(words) > MAX_MATRIX_WORDS:
            continue
        title = f"{key.model} on {split}, {grammar}"
        png = confusion_figure(confusions, sorted(words), title)
        alt = f"Confusion matrix of {title}; its errors are listed beside it"
        pictures.append(Picture(f"confusion_{split}_{grammar}", "errors", split, png, alt, grammar))
    return pictures


def _whole_word_pictures(run: Run) -> list[Picture]:
    pictures = []
    for split, found in run.whole_words.items():
        words = {row[side] for row in found["confusions"] for side in ("reference", "hypothesis")}
        if found["correct"] == found["utterances"] or len(words) > MAX_MATRIX_WORDS:
            continue
        title = f"Whole words on {split}"
        png = confusion_figure(found["confusions"], sorted(words), title)
        alt = f"Confusion matrix of {title}; its errors are listed beside it"
        pictures.append(Picture(f"whole_word_confusion_{split}", "whole_words", split, png, alt))
    return pictures


def clipping_threshold(config: Config, network: str) -> float | None:
    """The bound of the whole gradient's norm, where the method has one."""
    clipping: Any = config.network(network).clipping
    if clipping.method == "norm" and isinstance(clipping.threshold, float | int):
        return float(clipping.threshold)
    return None


def _training_pictures(run: Run) -> list[Picture]:
    pictures = []
    for split in run.config.splits:
        for network in run.config.trained_networks:
            epochs = run.epochs.get(split, {}).get(network, [])
            steps = run.steps.get(split, {}).get(network, [])
            title = f"{network}, {split}"
            if epochs:
                png = training_figure(epochs, steps, title)
                wer = ", held-out WER" if any("wer" in row for row in epochs) else ""
                alt = (
                    f"Loss, frame accuracy{wer} and learning rate of {title} "
                    f"over {len(epochs)} epochs"
                )
                name = f"training_{split}_{network}"
                pictures.append(Picture(name, "training", split, png, alt))
            if steps:
                png = gradient_figure(steps, clipping_threshold(run.config, network), title)
                alt = f"Gradient norms and share of clipped steps of {title}, {len(steps)} steps"
                name = f"gradients_{split}_{network}"
                pictures.append(Picture(name, "gradients", split, png, alt))
                threshold = clipping_threshold(run.config, network)
                histogram = gradient_histogram_figure(steps, threshold, title)
                if histogram is not None:
                    alt = f"Histogram of the gradient norm of {title} over its steps"
                    name = f"gradient_histogram_{split}_{network}"
                    pictures.append(Picture(name, "gradients", split, histogram, alt))
    return pictures


def _heard_pictures(run: Run, results: Row) -> list[Picture]:
    return [
        Picture(
            f"worst_{row['split']}_{row['grammar']}_{number}",
            "heard",
            row["split"],
            heard.png,
            heard.said,
            row["grammar"],
            heard.wav,
        )
        for row in results["errors"]
        for number, heard in enumerate(heard_utterances(run.root, row), 1)
    ]


def _gmm_pictures(run: Run, results: Row) -> list[Picture]:
    pictures = []
    for split, rungs in results["gmm"].items():
        logs = {rung: log for rung, log in rungs.items() if log}
        if logs:
            png = gmm_figure(logs, f"GMM training, {split}")
            last = ", ".join(f"{r} {log[-1]['log_likelihood']:.2f}" for r, log in logs.items())
            alt = f"Log-likelihood a frame by iteration on {split}; last: {last}"
            pictures.append(Picture(f"gmm_{split}", "gmm", split, png, alt))
    return pictures


def _alignment_pictures(run: Run) -> list[Picture]:
    pictures = []
    models = [*run.config.gmm, *run.config.nnet]
    for split in run.config.splits:
        found = split_alignment_figure(run.root, split, models)
        if found is not None:
            png, utterance_id = found
            alt = f"Spectrogram of {utterance_id} with the phone boundaries of each model"
            pictures.append(Picture(f"alignment_{split}", "alignment", split, png, alt))
    for split, findings in run.findings.items():
        for kind, png, alt in triage_figures(run.root, findings):
            pictures.append(Picture(f"triage_{split}_{kind}", "triage", split, png, alt))
    return pictures


def make_pictures(run: Run, results: Row) -> list[Picture]:
    """All pictures that the run's files allow, in the order of the page."""
    return [
        *_wer_pictures(run, results),
        *_confusion_pictures(run),
        *_heard_pictures(run, results),
        *_whole_word_pictures(run),
        *_training_pictures(run),
        *_gmm_pictures(run, results),
        *_alignment_pictures(run),
    ]

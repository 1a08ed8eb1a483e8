"""Phone boundaries of each rung's alignment against espeak-ng's true phone times.

Run from the repository root, after the demo recipe's stage align:

    snakemake until_align --config recipe=demo
    python -m benchmarks.alignment.run exp/demo

Prints a table as in README.md; --json has the figures by class of boundary too.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.align.boundaries import SILENCE, BoundaryError, Sound, boundary_errors
from pipeline.align.export import align_utterance
from pipeline.align.segments import FrameTimes
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.io.archive import read_int_vectors
from pipeline.io.json_lines import read_json_lines

APPROXIMANT, NASAL, VOWEL = "approximant", "nasal", "vowel"
CMU = {
    APPROXIMANT: "R W",
    NASAL: "N",
    "fricative": "Z TH F V S",
    "stop": "T K",
    "pause": SILENCE,
}
ESPEAK = {
    APPROXIMANT: "r l w j",
    NASAL: "m n N",
    "fricative": "f v T D s z S Z h",
    "stop": "p b t d k g dx ?",
    "affricate": "tS dZ",
    "pause": SILENCE,
}
RUNGS = ("mono", "tri1", "tri2b", "tri3b")


def true_sounds(cuts: list[dict[str, Any]]) -> dict[str, list[Sound]]:
    """utterance_id -> sounds, from the file that the demo corpus has beside its audio."""
    audio = Path(cuts[0]["recording"]["sources"][0]["source"])
    return {
        item["utterance_id"]: sounds_of(item["phones"])
        for item in read_json_lines(audio.parent / "phone_times.jsonl")
    }


def sounds_of(phones: list[dict[str, Any]]) -> list[Sound]:
    """Sounds of one utterance; the second r of a "four" before a vowel belongs to its first."""
    sounds: list[Sound] = []
    for i, phone in enumerate(phones):
        names = tuple(phone["phones"])
        again = i > 0 and phone["word"] == phones[i - 1]["word"] and sounds[-1].phones[-1] == "R"
        if again and names == ("R",):
            sounds[-1] = sounds[-1]._replace(end=phone["end"])
        else:
            sounds.append(Sound(names, phone["start"], phone["end"]))
    return sounds


def rung_errors(
    folder: Path,
    lang: Lang,
    cuts: list[dict[str, Any]],
    truth: Mapping[str, list[Sound]],
    times: FrameTimes,
) -> dict[str, list[BoundaryError]]:
    """Speaker -> errors of all boundaries."""
    transitions = Hmm.load(folder / "hmm.json").transitions
    said = {cut["id"]: cut["supervisions"][0] for cut in cuts}
    errors: dict[str, list[BoundaryError]] = defaultdict(list)
    for utterance_id, ids in read_int_vectors(folder / "alignment" / "transition_ids.scp"):
        words = said[utterance_id]["text"].split()
        aligned = align_utterance(utterance_id, ids, words, transitions, lang, times)
        found = boundary_errors(aligned.phones, truth[utterance_id], lang.silence_phones)
        errors[said[utterance_id]["speaker"]] += found
    return dict(errors)


def without_bias(errors: Mapping[str, list[BoundaryError]]) -> NDArray[np.float64]:
    """Errors less the median error of the other half of the speakers: one constant a half."""
    speakers = sorted(errors)
    halves = [np.array([e.error for s in speakers[k::2] for e in errors[s]]) for k in (0, 1)]
    return np.concatenate([halves[0] - np.median(halves[1]), halves[1] - np.median(halves[0])])


def summary(errors: NDArray[np.float64]) -> dict[str, float]:
    """Median, 90th percentile and share above 20 ms of the absolute errors; median of the signed.

    Times in milliseconds.
    """
    milliseconds = 1000.0 * errors
    size = np.abs(milliseconds)
    return {
        "boundaries": len(size),
        "median": round(float(np.median(size)), 2),
        "p90": round(float(np.percentile(size, 90)), 2),
        "over_20_ms": round(float((size > 20.0).mean()), 4),
        "bias": round(float(np.median(milliseconds)), 2),
    }


def phone_classes(phones: Collection[str]) -> dict[str, str]:
    """Phone -> its class; what is in no list is a vowel."""
    table = CMU if "TH" in phones else ESPEAK  # the demo corpus has CMUdict's names
    named = {phone: name for name, members in table.items() for phone in members.split()}
    return {phone: named.get(phone, VOWEL) for phone in {*phones, SILENCE}}


def is_marked(error: BoundaryError, class_of: Mapping[str, str]) -> bool:
    """Whether espeak-ng's event stands at the boundary.

    That of a vowel after a nasal or an approximant stands behind the transition between the two
    (espeak-ng's synthesize.c: "do the phoneme event after the vowel-start").
    """
    return not (class_of[error.right] == VOWEL and class_of[error.left] in (NASAL, APPROXIMANT))


def by_class(
    errors: Sequence[BoundaryError], class_of: Mapping[str, str]
) -> dict[str, dict[str, float]]:
    """Summaries by the classes of the phones left and right."""
    table: dict[str, list[float]] = defaultdict(list)
    for error, left, right in errors:
        table[f"{class_of[left]} | {class_of[right]}"].append(error)
    return {name: summary(np.array(table[name])) for name in sorted(table)}


def measure(root: Path, split: str, offset: float) -> Iterator[dict[str, Any]]:
    """Figures of each rung that was aligned."""
    lang = Lang.load(root / "lang")
    cuts = list(read_json_lines(root / split / "data" / "train" / "cuts.jsonl.gz"))
    truth = true_sounds(cuts)
    class_of = phone_classes(lang.nonsilence_phones)
    for rung in RUNGS:
        folder = root / split / rung
        if not (folder / "alignment" / "transition_ids.scp").exists():
            continue
        by_speaker = rung_errors(folder, lang, cuts, truth, FrameTimes(0.01, offset))
        marked = {
            s: [e for e in found if is_marked(e, class_of)] for s, found in by_speaker.items()
        }
        flat = [e for found in by_speaker.values() for e in found]
        every = np.array([e.error for e in flat])
        sure = np.array([e.error for found in marked.values() for e in found])
        yield {
            "rung": rung,
            "all": {
                "kaldi_times": summary(every - offset),
                "centred_windows": summary(every),
                "bias_removed": summary(without_bias(by_speaker)),
            },
            "marked": {
                "kaldi_times": summary(sure - offset),
                "centred_windows": summary(sure),
                "bias_removed": summary(without_bias(marked)),
            },
            "by_class": by_class(flat, class_of),
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.alignment.run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("root", type=Path, help="folder of the demo's run, e.g. exp/demo")
    parser.add_argument("--split", default="official")
    parser.add_argument("--offset-ms", type=float, default=7.5, help="of centred windows")
    parser.add_argument("--json", action="store_true", help="all figures")
    args = parser.parse_args()
    rows = list(measure(args.root, args.split, args.offset_ms / 1000.0))
    if args.json:
        print(json.dumps(rows, indent=2))
        return
    print("| boundaries | rung | times | number | median | 90 % below | over 20 ms | bias |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for group in ("all", "marked"):
        for row in rows:
            for name, s in row[group].items():
                print(
                    f"| {group} | {row['rung']} | {name.replace('_', ' ')} | {s['boundaries']} "
                    f"| {s['median']:.1f} ms | {s['p90']:.1f} ms "
                    f"| {100 * s['over_20_ms']:.1f} % | {s['bias']:+.1f} ms |"
                )


if __name__ == "__main__":
    main()

"""Program: word lattices -> Kaldi's text form, OpenFst files, a CTM with confidences, oracle WER.

The words of the CTM are those of least expected errors (minimum Bayes risk).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.decode.bayes_risk import minimum_bayes_risk
from pipeline.decode.lattice_files import expanded, write_kaldi_text
from pipeline.decode.n_best import WordLattice, n_best
from pipeline.decode.word_times import timed_words, word_frames
from pipeline.graph.openfst import lattice_bytes
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.transition_model import TransitionModel
from pipeline.io.atomic import write_bytes, write_text
from pipeline.io.errors import run
from pipeline.io.json_lines import read_json_lines
from pipeline.score.oracle import oracle_errors
from pipeline.score.references import read_references

NUM_SENTENCES = 100  # of a lattice, for the expectations


def ctm_lines(
    lattice: WordLattice, lang: Lang, transitions: TransitionModel, frame_shift: float
) -> list[str]:
    """Utterance, channel, start, duration, word, confidence."""
    chosen = minimum_bayes_risk(n_best(lattice, NUM_SENTENCES))
    frames = word_frames(chosen.sentence, lattice, lang, transitions)
    return [
        f"{lattice['utterance_id']} 1 {w.start:.3f} {w.end - w.start:.3f} {w.word} "
        f"{w.confidence:.3f}\n"
        for w in timed_words(frames, chosen.confidences, frame_shift, 0.0)
    ]


def main(arguments: list[str] | None = None) -> None:
    """Write lattices.txt, fst/UTTERANCE.fst, words.ctm; print the oracle word error rate."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.bin.export_lattices", description=__doc__
    )
    parser.add_argument("--lattices", type=Path, required=True, help="lattices.jsonl.gz")
    parser.add_argument("--lang", type=Path, required=True)
    parser.add_argument("--hmm", type=Path, required=True, help="hmm.json of the model")
    parser.add_argument("--cuts", type=Path, help="cuts.jsonl.gz of the set: prints the oracle WER")
    parser.add_argument("--frame-shift-ms", type=float, default=10.0)
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args(arguments)
    lang, transitions = Lang.load(args.lang), Hmm.load(args.hmm).transitions
    lattices = list(read_json_lines(args.lattices))
    write_kaldi_text(args.output_dir / "lattices.txt", lattices, lang.words)
    ctm = []
    for lattice in lattices:
        name = str(lattice["utterance_id"]).replace("/", "_")
        data = lattice_bytes(expanded(lattice, lang.words))
        write_bytes(args.output_dir / "fst" / f"{name}.fst", data)
        ctm += ctm_lines(lattice, lang, transitions, args.frame_shift_ms / 1000.0)
    write_text(args.output_dir / "words.ctm", "".join(ctm))
    print(f"{args.output_dir}: {len(lattices)} lattices", file=sys.stderr)
    if args.cuts is not None:
        references = read_references(args.cuts)
        known = {str(lattice["utterance_id"]): lattice for lattice in lattices}
        errors = sum(
            oracle_errors(known[u], r.words) if u in known else len(r.words)
            for u, r in references.items()
        )
        total = sum(len(r.words) for r in references.values())
        print(f"oracle %WER {100 * errors / total:.2f} [ {errors} / {total} ]")


if __name__ == "__main__":
    run(main)

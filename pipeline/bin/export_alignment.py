"""Program: an alignment -> CTM, Praat TextGrids, lhotse supervisions with times of words."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.align.ctm import write_ctm
from pipeline.align.export import align_utterance, supervisions_with_alignment, write_textgrids
from pipeline.align.segments import FrameTimes
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.io.archive import read_int_vectors
from pipeline.io.errors import UserError, run
from pipeline.io.json_lines import read_json_lines, write_json_lines


def main(arguments: list[str] | None = None) -> None:
    """Read, convert every aligned utterance, write."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.bin.export_alignment", description=__doc__
    )
    parser.add_argument("--alignment", type=Path, required=True, help="transition_ids.scp or .ark")
    parser.add_argument("--hmm", type=Path, required=True, help="hmm.json of the same model")
    parser.add_argument("--lang", type=Path, required=True, help="the lang folder")
    parser.add_argument("--cuts", type=Path, required=True, help="cuts.jsonl.gz of the set")
    parser.add_argument("--frame-shift-ms", type=float, default=10.0)
    parser.add_argument(
        "--offset-ms",
        type=float,
        default=0.0,
        help="added to inner boundaries; 0: Kaldi's times, (length - shift) / 2: centred windows",
    )
    parser.add_argument(
        "--textgrids", type=Path, help="a folder, or a .zip; default: textgrids.zip in --output-dir"
    )
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args(arguments)

    transitions = Hmm.load(args.hmm).transitions
    lang = Lang.load(args.lang)
    cuts = list(read_json_lines(args.cuts))
    words = {cut["id"]: cut["supervisions"][0]["text"].split() for cut in cuts}
    times = FrameTimes(args.frame_shift_ms / 1000.0, args.offset_ms / 1000.0)
    utterances = {}
    for utterance_id, ids in read_int_vectors(args.alignment):
        if utterance_id not in words:
            raise UserError(f"{args.alignment}: {utterance_id}: is not in {args.cuts}; align again")
        utterances[utterance_id] = align_utterance(
            utterance_id, ids, words[utterance_id], transitions, lang, times
        )
    out = args.output_dir
    write_ctm(out / "phones.ctm", {u: a.phones for u, a in utterances.items()})
    write_ctm(out / "words.ctm", {u: a.words for u, a in utterances.items()})
    write_textgrids(args.textgrids or out / "textgrids.zip", utterances.values())
    write_json_lines(out / "supervisions.jsonl.gz", supervisions_with_alignment(cuts, utterances))
    missing = len(words.keys() - utterances.keys())
    if missing:
        print(f"warning: {missing} of {len(words)} utterances have no alignment", file=sys.stderr)
    print(f"exported {len(utterances)} of {len(words)} utterances to {out}")


if __name__ == "__main__":
    run(main)

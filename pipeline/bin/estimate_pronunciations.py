"""Program: an alignment -> a lang folder with pronunciation and silence probabilities from it."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.align.pronunciations import PronunciationCounts, estimate_pronunciations
from pipeline.align.segments import split_to_phones
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.io.archive import read_int_vectors
from pipeline.io.errors import UserError, run
from pipeline.io.json_lines import read_json_lines


def main(arguments: list[str] | None = None) -> None:
    """Count what was said, write the lang with the new probabilities."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.bin.estimate_pronunciations", description=__doc__
    )
    parser.add_argument("--alignment", type=Path, required=True, help="transition_ids.scp or .ark")
    parser.add_argument("--hmm", type=Path, required=True, help="hmm.json of the same model")
    parser.add_argument("--lang", type=Path, required=True, help="the lang folder")
    parser.add_argument("--cuts", type=Path, required=True, help="cuts.jsonl.gz of the set")
    parser.add_argument(
        "--smoothing-count", type=float, default=1.0, help="added to each count; above 0"
    )
    parser.add_argument("--output-dir", type=Path, required=True, help="another lang folder")
    args = parser.parse_args(arguments)
    if not args.smoothing_count > 0:
        raise UserError(f"--smoothing-count: {args.smoothing_count:g} is not above 0")
    transitions = Hmm.load(args.hmm).transitions
    lang = Lang.load(args.lang)
    words = {
        cut["id"]: cut["supervisions"][0]["text"].split() for cut in read_json_lines(args.cuts)
    }
    counts = PronunciationCounts()
    for utterance_id, ids in read_int_vectors(args.alignment):
        if utterance_id not in words:
            raise UserError(f"{args.alignment}: {utterance_id}: is not in {args.cuts}; align again")
        try:
            phones = [lang.phones.name(phone) for phone, _, _ in split_to_phones(ids, transitions)]
            counts.add(phones, words[utterance_id], lang)
        except ValueError as error:
            raise UserError(
                f"{args.alignment}: {utterance_id}: {error}; align it again with this model"
            ) from None
    estimated = estimate_pronunciations(lang, counts, args.smoothing_count)
    estimated.save(args.output_dir)
    several = sum(len(entries) > 1 for entries in lang.pronunciations.values())
    print(
        f"{args.output_dir}: {sum(counts.pronunciations.values())} words counted; {several} words "
        f"have several pronunciations; silence probability {estimated.silence_probability:.3f}"
    )


if __name__ == "__main__":
    run(main)

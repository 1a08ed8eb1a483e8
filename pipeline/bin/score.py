"""Score one decoder's hypotheses: wer.json, ref.trn, hyp.trn."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.config import DecodeOptions
from pipeline.io.atomic import write_json
from pipeline.io.errors import UserError, run
from pipeline.io.options import parse_options
from pipeline.score.counted import count_hypotheses, count_references
from pipeline.score.hypotheses import Setting, read_hypotheses
from pipeline.score.references import read_references
from pipeline.score.scoring import read_best_setting, score
from pipeline.score.trn import write_trn


def main(arguments: list[str] | None = None) -> None:
    """Read, score once, write; print Kaldi's line and name missing utterances."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.bin.score", description=__doc__)
    parser.add_argument("--hypotheses", type=Path, required=True, help="hypotheses.jsonl")
    parser.add_argument("--cuts", type=Path, required=True, help="cuts.jsonl.gz of the set")
    parser.add_argument("--options", default="{}", help="DecodeOptions as JSON")
    parser.add_argument("--tuning", type=Path, help="wer.json of a development set")
    parser.add_argument("--seed", type=int, default=1, help="of the bootstrap")
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args(arguments)
    options = parse_options(DecodeOptions, args.options, "--options")
    references = count_references(read_references(args.cuts), options.count_as)
    table = count_hypotheses(read_hypotheses(args.hypotheses), options.count_as)
    try:
        tuned = None if args.tuning is None else read_best_setting(args.tuning)
        result = score(references, table, options, args.seed, tuned)
    except UserError as error:
        raise UserError(f"{args.hypotheses}: {error}") from None
    fixed = table[Setting(options.lm_weight, options.insertion_penalty)]
    write_trn(args.output_dir / "ref.trn", {u: r.words for u, r in references.items()})
    write_trn(
        args.output_dir / "hyp.trn",
        {u: fixed[u].words if u in fixed else () for u in references},
    )
    write_json(args.output_dir / "wer.json", result)
    missing = result["missing"]
    if missing:
        names = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
        print(
            f"warning: {len(missing)} of {len(references)} utterances without hypothesis: {names}",
            file=sys.stderr,
        )
    print(result["fixed"]["kaldi_line"])
    if result["tuned"] is not None:
        print(f"tuned on {args.tuning}: {result['tuned']['kaldi_line']}")


if __name__ == "__main__":
    run(main)

"""Program: Kaldi data directory -> manifests, or manifests and features -> data directory."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.data.corpus import Corpus
from pipeline.data.kaldi_dir import read_kaldi_dir, write_kaldi_dir
from pipeline.data.lexicon import read_lexicon
from pipeline.data.manifests import supervision_of
from pipeline.data.prepare import check_fraction, prepare_corpus
from pipeline.features.cmvn import read_cmvn, write_cmvn
from pipeline.features.shards import merge_shards
from pipeline.io.errors import run
from pipeline.io.json_lines import read_json_lines, write_json_lines
from pipeline.io.rejects import write_rejects

ANY_WORD = "<any>"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    read = commands.add_parser("import", help="Kaldi data directory -> manifests")
    read.add_argument("--input", type=Path, required=True, help="Kaldi data directory")
    read.add_argument("--sampling-rate", type=int, required=True, help="Hz the audio must have")
    read.add_argument("--lexicon", type=Path, help="reject words outside of it")
    read.add_argument("--frame-shift-ms", type=float, default=10.0, help="of feats.scp")
    read.add_argument("--feature-type", default="kaldi-mfcc", help="of feats.scp")
    read.add_argument("--max-rejected-fraction", type=float, default=0.2)
    read.add_argument("--output-dir", type=Path, required=True)
    write = commands.add_parser("export", help="manifests -> Kaldi data directory")
    write.add_argument("--cuts", type=Path, required=True, help="cuts.jsonl.gz, with features")
    write.add_argument("--cmvn", type=Path, help="cmvn.ark, to be copied with its cmvn.scp")
    write.add_argument("--output-dir", type=Path, required=True)
    return parser.parse_args()


def import_dir(args: argparse.Namespace) -> None:
    """Write recordings, supervisions, rejected.tsv, and cuts if there is a feats.scp."""
    utterances, rejects = read_kaldi_dir(args.input)
    lexicon = read_lexicon(args.lexicon) if args.lexicon else []
    unknown_word = None if args.lexicon else ANY_WORD
    corpus = Corpus(utterances, lexicon, {}, rejects, unknown_word)
    prepared = prepare_corpus(corpus, args.sampling_rate)
    rejected = args.output_dir / "rejected.tsv"
    write_rejects(rejected, prepared.rejects)
    num_good = len(prepared.supervisions)
    where = f"{args.input} (all reasons in {rejected})"
    check_fraction(prepared.rejects, num_good, args.max_rejected_fraction, where)
    write_json_lines(args.output_dir / "recordings.jsonl.gz", prepared.recordings)
    write_json_lines(args.output_dir / "supervisions.jsonl.gz", prepared.supervisions)
    feats = args.input / "feats.scp"
    if feats.is_file():
        of_id = {recording["id"]: recording for recording in prepared.recordings}
        items = [(of_id[item["recording_id"]], item) for item in prepared.supervisions]
        cuts = merge_shards(
            items,
            [feats],
            args.feature_type,
            args.frame_shift_ms / 1000.0,
            args.sampling_rate,
            ignore_unknown=True,
        )
        write_json_lines(args.output_dir / "cuts.jsonl.gz", cuts)
    print(f"{args.input}: {num_good} utterances, {len(prepared.rejects)} rejected", file=sys.stderr)


def export_dir(args: argparse.Namespace) -> None:
    """Write the data directory of a cuts manifest."""
    cuts = list(read_json_lines(args.cuts))
    recordings = [cut["recording"] for cut in cuts]
    supervisions = [supervision_of(cut) for cut in cuts]
    features = [cut["features"] for cut in cuts if "features" in cut]
    write_kaldi_dir(args.output_dir, recordings, supervisions, features)
    if args.cmvn:
        ark = (args.output_dir / "cmvn.ark").resolve()
        write_cmvn(ark, read_cmvn(args.cmvn), args.output_dir / "cmvn.scp")


def main() -> None:
    """Run one of the two directions."""
    args = arguments()
    (import_dir if args.command == "import" else export_dir)(args)


if __name__ == "__main__":
    run(main)

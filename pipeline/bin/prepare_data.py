"""Program: a corpus -> checked manifests, lexicon, splits and the list of rejects."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from local import registry
from pipeline.config import CorpusOptions
from pipeline.data.download import sha256_of
from pipeline.data.lexicon import write_lexicon
from pipeline.data.locate import locate_corpus
from pipeline.data.prepare import Prepared, check_fraction, check_splits, prepare_corpus
from pipeline.io.atomic import write_json, write_text
from pipeline.io.errors import UserError, run
from pipeline.io.json_lines import write_json_lines
from pipeline.io.options import parse_options
from pipeline.io.rejects import write_rejects


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", required=True, help="CorpusOptions as JSON")
    parser.add_argument("--sampling-rate", type=int, required=True, help="Hz the audio must have")
    parser.add_argument("--frame-length-ms", type=float, default=25.0)
    parser.add_argument("--seed", type=int, default=1, help="for corpora that are synthesised")
    parser.add_argument("--num-threads", type=int, default=1)
    parser.add_argument("--downloads", type=Path, default=Path("downloads"))
    parser.add_argument("--output-dir", type=Path, required=True)
    parser.add_argument("--with-text", action="store_true", help="also text for language models")
    return parser.parse_args()


def write_prepared(prepared: Prepared, output_dir: Path) -> None:
    """Write the files of the data stage; manifests.json, checksums of the first two, at the end."""
    recordings = output_dir / "recordings.jsonl.gz"
    supervisions = output_dir / "supervisions.jsonl.gz"
    write_json_lines(recordings, prepared.recordings)
    write_json_lines(supervisions, prepared.supervisions)
    write_lexicon(output_dir / "lexicon.txt", prepared.lexicon)
    write_json(output_dir / "splits.json", prepared.splits)
    sums = {path.name: sha256_of(path) for path in (recordings, supervisions)}
    write_json(output_dir / "manifests.json", sums)


def main() -> None:
    """Find the corpus, check it, write what is good."""
    args = arguments()
    options = parse_options(CorpusOptions, args.corpus, "--corpus")
    entry = registry.find_entry(options.name)
    module = registry.load_module(entry)
    corpus_options = dict(options.options)
    if entry.source == "folder":
        folder = locate_corpus(
            options.name, options.dir, os.environ, args.downloads, module.download
        )
    elif entry.source in ("made", "made_from"):
        folder = args.output_dir / "audio"
        if entry.source == "made_from":
            source = locate_corpus(
                entry.source_name, options.dir, os.environ, args.downloads, module.download
            )
            corpus_options["source_dir"] = str(source)
        corpus_options.setdefault("sampling_rate", args.sampling_rate)
        corpus_options.setdefault("seed", args.seed)
    else:
        folder = Path(options.dir or ".")
    if entry.converts:
        corpus_options.setdefault("sampling_rate", args.sampling_rate)
        corpus_options.setdefault("converted", str(args.output_dir / "audio"))
        corpus_options.setdefault("num_threads", args.num_threads)
    corpus = module.prepare(folder, corpus_options)
    prepared = prepare_corpus(corpus, args.sampling_rate, args.frame_length_ms, args.num_threads)
    rejected = args.output_dir / "rejected.tsv"
    write_rejects(rejected, prepared.rejects)
    num_good = len(prepared.supervisions)
    where = f"corpus {options.name} (all reasons in {rejected})"
    check_fraction(prepared.rejects, num_good, options.max_rejected_fraction, where)
    check_splits(prepared.splits, where)
    if args.with_text and not prepared.sentences:
        raise UserError(
            f"corpus {options.name}: it has no text of its own for language models; name a file in "
            "the grammar in place of 'corpus', or none: the training transcripts"
        )
    write_prepared(prepared, args.output_dir)
    if args.with_text:
        text = "".join(f"{sentence}\n" for sentence in prepared.sentences)
        write_text(args.output_dir / "text.txt", text)
    print(
        f"{options.name}: {num_good} utterances, {len(prepared.rejects)} rejected", file=sys.stderr
    )


if __name__ == "__main__":
    run(main)

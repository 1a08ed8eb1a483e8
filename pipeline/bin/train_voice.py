"""Program: recordings and their alignment -> a voice."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.config import MfccOptions, SynthesisOptions
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.io.errors import run
from pipeline.io.options import parse_options
from pipeline.io.rejects import Reject, write_rejects
from pipeline.nnet.progress import make_reporter
from pipeline.synthesis.spoken import analyse, read_recordings
from pipeline.synthesis.train import train_voice
from pipeline.synthesis.vocoder import Vocoder


def main(arguments: list[str] | None = None) -> None:
    """Analyse the recordings, train, write the voice."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.bin.train_voice", description=__doc__)
    parser.add_argument("--cuts", type=Path, required=True, help="cuts.jsonl.gz of the train set")
    parser.add_argument("--alignment", type=Path, required=True, help="transition_ids.scp")
    parser.add_argument("--hmm", type=Path, required=True, help="hmm.json of the alignment's rung")
    parser.add_argument("--lang", type=Path, required=True, help="folder of the lang")
    parser.add_argument("--mfcc", required=True, help="MfccOptions as JSON, of the alignment")
    parser.add_argument("--options", required=True, help="SynthesisOptions as JSON")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args(arguments)
    options = parse_options(SynthesisOptions, args.options, "--options")
    mfcc = parse_options(MfccOptions, args.mfcc, "--mfcc")
    vocoder = Vocoder(mfcc.sampling_rate, options.vocoder)
    recordings = read_recordings(args.cuts, options.speakers)
    rejects: list[Reject] = []
    with make_reporter(shown=True) as reporter:
        hmm = Hmm.load(args.hmm)
        spoken = list(analyse(recordings, args.alignment, hmm, mfcc, vocoder, rejects))
        write_rejects(args.output_dir / "rejected.tsv", rejects)
        seconds = sum(len(item.parameters) for item in spoken) * options.vocoder.frame_shift_ms
        reporter.message(
            f"{len(spoken)} of {len(recordings)} recordings analysed, {seconds / 1000.0:.0f} s; "
            f"those left out are in {args.output_dir / 'rejected.tsv'}"
        )
        lang = Lang.load(args.lang)
        train_voice(spoken, vocoder, lang, options, args.seed, args.output_dir, reporter)


if __name__ == "__main__":
    run(main)

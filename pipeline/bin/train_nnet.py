"""Program: cuts and an alignment -> a hybrid network."""

from __future__ import annotations

import argparse
import warnings

from pipeline.config import MfccOptions, NnetOptions
from pipeline.hmm.model import Hmm
from pipeline.io.errors import UserError, run
from pipeline.io.options import parse_options
from pipeline.io.rejects import write_rejects
from pipeline.nnet.augment import AudioPerturbation, needs_audio, read_segments
from pipeline.nnet.distributed import Processes, run_processes
from pipeline.nnet.progress import make_reporter
from pipeline.nnet.train import train
from pipeline.nnet.training_inputs import add_arguments, read_training_set


def main(arguments: list[str] | None = None) -> None:
    """Read features and alignment, train, write the model beside a copy of its hmm.json."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.bin.train_nnet", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--mfcc", help="MfccOptions as JSON; only to perturb the audio")
    args = parser.parse_args(arguments)
    options = parse_options(NnetOptions, args.options, "--options")
    run_processes(_train, (args, options), options.training.num_processes)


def _train(processes: Processes, args: argparse.Namespace, options: NnetOptions) -> None:
    """What each process does: it reads all of the data and trains on its share of the batches."""
    warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")
    hmm = Hmm.load(args.hmm)
    training = read_training_set(args, options, hmm)
    augment = None
    if needs_audio(options.augment):
        if options.features == "fmllr":
            raise UserError(
                "nnet: perturbed audio has no fMLLR; use features cepstra or no augment"
            )
        if args.mfcc is None:
            raise UserError("--mfcc: perturbing the audio needs the options of the features")
        augment = AudioPerturbation(
            read_segments(args.cuts),
            parse_options(MfccOptions, args.mfcc, "--mfcc"),
            options.augment,
            args.seed,
            options.training.num_threads,
            options.model.norm_vars,
        )
    with make_reporter(processes.is_first) as reporter:
        if training.rejects:
            num_utterances = training.features.num_utterances + len(training.rejects)
            names = ", ".join(reject.utterance_id for reject in training.rejects[:3])
            reporter.message(
                f"{len(training.rejects)} of {num_utterances} utterances have no "
                f"alignment and are left out, e.g. {names}; "
                f"all are in {args.output_dir / 'rejected.tsv'}"
            )
        if processes.is_first:
            write_rejects(args.output_dir / "rejected.tsv", training.rejects)
        train(
            training,
            hmm.num_pdfs,
            options,
            args.seed,
            args.output_dir,
            augment,
            reporter,
            processes=processes,
        )
    if processes.is_first:
        hmm.save(args.output_dir / "hmm.json")


if __name__ == "__main__":
    run(main)

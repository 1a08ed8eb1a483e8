"""Program: cuts and an alignment -> a hybrid network."""

from __future__ import annotations

import argparse
import warnings

from pipeline.config import NnetOptions
from pipeline.hmm.model import Hmm
from pipeline.io.errors import run
from pipeline.io.options import parse_options
from pipeline.io.rejects import write_rejects
from pipeline.nnet.distributed import Processes, run_processes
from pipeline.nnet.progress import make_reporter
from pipeline.nnet.train import train
from pipeline.nnet.training_inputs import (
    add_arguments,
    make_perturbation,
    read_training_set,
    report_rejects,
)


def main(arguments: list[str] | None = None) -> None:
    """Read features and alignment, train, write the model beside a copy of its hmm.json."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.bin.train_nnet", description=__doc__)
    add_arguments(parser)
    args = parser.parse_args(arguments)
    options = parse_options(NnetOptions, args.options, "--options")
    run_processes(_train, (args, options), options.training.num_processes)


def _train(processes: Processes, args: argparse.Namespace, options: NnetOptions) -> None:
    """What each process does: it reads all of the data and trains on its share of the batches."""
    warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")
    hmm = Hmm.load(args.hmm)
    training = read_training_set(args, options, hmm)
    augment = make_perturbation(args, options)
    with make_reporter(processes.is_first) as reporter:
        report_rejects(training, args.output_dir, reporter)
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

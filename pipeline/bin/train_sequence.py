"""Program: cuts, an alignment and a trained network -> the network after sequence training."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from pipeline.config import NnetOptions
from pipeline.hmm.model import Hmm
from pipeline.io.errors import UserError, run
from pipeline.io.options import parse_options
from pipeline.io.rejects import write_rejects
from pipeline.nnet.distributed import Processes, run_processes
from pipeline.nnet.model_files import load_model
from pipeline.nnet.progress import make_reporter
from pipeline.nnet.sequence.criterion import SequenceCriterion
from pipeline.nnet.sequence.phone_graph import read_phones
from pipeline.nnet.train import train
from pipeline.nnet.training_inputs import add_arguments, read_training_set


def main(arguments: list[str] | None = None) -> None:
    """Read features, alignment and network, train, write the model beside its hmm.json."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.bin.train_sequence", description=__doc__
    )
    add_arguments(parser)
    parser.add_argument("--start-dir", type=Path, required=True, help="output of train_nnet")
    args = parser.parse_args(arguments)
    options = parse_options(NnetOptions, args.options, "--options")
    run_processes(_train, (args, options), options.training.num_processes)


def _train(processes: Processes, args: argparse.Namespace, options: NnetOptions) -> None:
    """What each process does: it reads all of the data and trains on its share of the batches."""
    warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")
    if options.sequence is None:
        raise UserError("--options: no section sequence; this network is for train_nnet")
    hmm = Hmm.load(args.hmm)
    start = load_model(args.start_dir)
    if start.network.options != options.model or start.network.num_pdfs != hmm.num_pdfs:
        raise UserError(
            f"{args.start_dir}: another network than --options and {args.hmm} describe; "
            "start from a network of the same model and rung"
        )
    training = read_training_set(args, options, hmm)
    start.prior_scale = options.prior_scale
    phones = read_phones(args.alignment, hmm, training.features.utterance_ids)
    criterion = SequenceCriterion(options.sequence, hmm, phones, start)
    with make_reporter(processes.is_first) as reporter:
        graph = criterion.denominator
        reporter.message(
            f"{options.sequence.criterion}: {graph.num_states:,} states and "
            f"{len(graph.source):,} arcs of all that could be said; "
            f"{len(training.rejects)} utterances without an alignment are left out"
        )
        if processes.is_first:
            write_rejects(args.output_dir / "rejected.tsv", training.rejects)
        train(
            training,
            hmm.num_pdfs,
            options,
            args.seed,
            args.output_dir,
            reporter=reporter,
            start=start,
            criterion=criterion,
            processes=processes,
        )
    if processes.is_first:
        hmm.save(args.output_dir / "hmm.json")


if __name__ == "__main__":
    run(main)

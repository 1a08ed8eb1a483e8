"""What every training program is given: its arguments, and the training set that they name."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.config import MfccOptions, NnetOptions
from pipeline.features.feature_set import load_feature_set
from pipeline.gmm.transform import adapt_features
from pipeline.hmm.model import Hmm
from pipeline.io.errors import UserError
from pipeline.io.options import parse_options
from pipeline.nnet.augment import AudioPerturbation, needs_audio, read_segments
from pipeline.nnet.progress import Reporter
from pipeline.nnet.targets import TrainingSet, make_training_set


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the programs that learn from an alignment."""
    parser.add_argument("--cuts", type=Path, required=True, help="cuts.jsonl.gz of the train set")
    parser.add_argument("--cmvn", type=Path, required=True, help="its cmvn.ark")
    parser.add_argument("--alignment", type=Path, required=True, help="transition_ids.scp")
    parser.add_argument("--hmm", type=Path, required=True, help="hmm.json of the alignment's rung")
    parser.add_argument("--options", required=True, help="NnetOptions as JSON")
    parser.add_argument("--transform", type=Path, help="of the rung; only for fmllr features")
    parser.add_argument("--fmllr", type=Path, help="fmllr.ark of the rung's alignment; likewise")
    parser.add_argument("--mfcc", help="MfccOptions as JSON; only to perturb the audio")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output-dir", type=Path, required=True)


def read_training_set(args: argparse.Namespace, options: NnetOptions, hmm: Hmm) -> TrainingSet:
    """Features as the network reads them, with the pdf-ids of the alignment.

    Raises:
        UserError: transforms are missing, or features and alignment do not fit.
    """
    features = load_feature_set(args.cuts, args.cmvn, options.model.norm_vars)
    if options.features == "fmllr":
        if args.transform is None or args.fmllr is None:
            raise UserError("--options: features fmllr needs --transform and --fmllr")
        features = adapt_features(features, args.transform, args.fmllr)
    return make_training_set(features, args.alignment, hmm.transitions)


def make_perturbation(args: argparse.Namespace, options: NnetOptions) -> AudioPerturbation | None:
    """What adds perturbed copies of the audio to the training set, if any are asked for.

    Raises:
        UserError: the network's features cannot be made of perturbed audio, or --mfcc is missing.
    """
    if not needs_audio(options.augment):
        return None
    if options.features == "fmllr":
        raise UserError("nnet: perturbed audio has no fMLLR; use features cepstra or no augment")
    if args.mfcc is None:
        raise UserError("--mfcc: perturbing the audio needs the options of the features")
    return AudioPerturbation(
        read_segments(args.cuts),
        parse_options(MfccOptions, args.mfcc, "--mfcc"),
        options.augment,
        args.seed,
        options.training.num_threads,
        options.model.norm_vars,
    )


def report_rejects(training: TrainingSet, output_dir: Path, reporter: Reporter) -> None:
    """Say how many utterances have no alignment, and name some."""
    if not training.rejects:
        return
    num_utterances = training.features.num_utterances + len(training.rejects)
    names = ", ".join(reject.utterance_id for reject in training.rejects[:3])
    reporter.message(
        f"{len(training.rejects)} of {num_utterances} utterances have no "
        f"alignment and are left out, e.g. {names}; all are in {output_dir / 'rejected.tsv'}"
    )

"""What every training program is given: its arguments, and the training set that they name."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.config import MfccOptions, NnetOptions
from pipeline.features.feature_set import load_feature_set
from pipeline.gmm.model import GmmModel
from pipeline.gmm.transform import adapt_features
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.io.errors import UserError
from pipeline.io.options import parse_options
from pipeline.nnet.augment import AudioPerturbation, read_segments
from pipeline.nnet.copy_adaptation import CopyAdaptation
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
    parser.add_argument("--gmm-dir", type=Path, help="the rung; to perturb under fmllr features")
    parser.add_argument("--lang", type=Path, help="whose silence adapts no speaker; likewise")
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
        UserError: an argument that this needs is missing.
    """
    if not options.augment.perturbs_audio:
        return None
    if args.mfcc is None:
        raise UserError("--mfcc: perturbing the audio needs the options of the features")
    return AudioPerturbation(
        read_segments(args.cuts),
        parse_options(MfccOptions, args.mfcc, "--mfcc"),
        options.augment,
        args.seed,
        options.training.num_threads,
        options.model.norm_vars,
        make_copy_adaptation(args) if options.features == "fmllr" else None,
    )


def make_copy_adaptation(args: argparse.Namespace) -> CopyAdaptation:
    """What makes the perturbed copies' adapted features.

    Raises:
        UserError: the rung or the lang is missing, or the rung is not adapted.
    """
    if args.gmm_dir is None or args.lang is None:
        raise UserError("--options: perturbing under features fmllr needs --gmm-dir and --lang")
    model = GmmModel.load(args.gmm_dir)
    if not model.is_adapted:
        raise UserError(f"{args.gmm_dir}: has no fMLLR; features fmllr need a rung of type sat")
    return CopyAdaptation(model, model.hmm.pdfs_of(Lang.load(args.lang).silence_phone_ids()))


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

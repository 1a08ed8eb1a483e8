"""WER of the rungs and networks of a large-vocabulary run by one-best search alone.

The recipe's own search makes lattices, which costs several times as much. Here Kaldi's
FasterDecoder runs at the fixed LM weight, and adapted models get fMLLR from a first search of their
own: the found words are aligned as transcripts are. Prints one line a model.

    python -m benchmarks.librispeech.one_best --run exp/librispeech_part --split kaldi_five \\
        --rungs tri1 tri2b tri3b --networks exp/librispeech_part/kaldi_five/blstm
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.align.forced import align_features
from pipeline.config import AlignOptions
from pipeline.decode.inputs import SearchGraph
from pipeline.decode.one_best import OneBest
from pipeline.decode.options import Setting
from pipeline.features.feature_set import FeatureSet, load_feature_set
from pipeline.gmm.diag_gmm import AmDiagGmm, with_squares
from pipeline.gmm.model import GmmModel
from pipeline.gmm.transform import apply_fmllr
from pipeline.hmm.lang import Lang
from pipeline.io.errors import run
from pipeline.nnet.forward import forward
from pipeline.nnet.model_files import load_model
from pipeline.score.bootstrap import wer_interval
from pipeline.score.wer import Errors, align_words, count_errors, total

Scores = Iterable[tuple[str, NDArray[np.float32]]]  # utterance_id, (T, P) log-likelihoods


def gmm_scores(
    gmm: AmDiagGmm, features: FeatureSet, frames: NDArray[np.float32]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Log-likelihoods of every utterance."""
    for u, name in enumerate(features.utterance_ids):
        part = frames[features.offsets[u] : features.offsets[u + 1]]
        yield name, gmm.log_likelihoods(with_squares(part))


def search_all(search: OneBest, scores: Scores) -> dict[str, list[str]]:
    """Words of every utterance."""
    return {name: search.words_of(log_likes) for name, log_likes in scores}


def say(name: str, found: dict[str, list[str]], features: FeatureSet, began: float) -> None:
    """One line: WER with its interval, errors, CPU seconds a second of speech."""
    counts: list[Errors] = []
    for utterance_id, text in zip(features.utterance_ids, features.texts, strict=True):
        counts.append(count_errors(align_words(text.split(), found[utterance_id])))
    errors, interval = total(counts), wer_interval(counts)
    cpu = (time.process_time() - began) / (features.num_frames / 100.0)
    print(
        f"{name}: WER {errors.wer:.2f} % ({interval.low:.2f} to {interval.high:.2f}), "
        f"{errors.errors} of {errors.words}, {cpu:.4f} CPU s a second of speech",
        flush=True,
    )


def main() -> None:
    """Decode and score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="exp/RECIPE")
    parser.add_argument("--split", required=True)
    parser.add_argument("--grammar", default="trigram")
    parser.add_argument("--rungs", nargs="*", default=[])
    parser.add_argument("--networks", nargs="*", type=Path, default=[], help="of the last rung")
    parser.add_argument("--beam", type=float, default=13.0)
    parser.add_argument("--max-active", type=int, default=7000)
    parser.add_argument("--lm-weight", type=float, default=12.0)
    args = parser.parse_args()
    folder = args.run / args.split
    lang = Lang.load(args.run / "lang")
    test = folder / "data" / "test"
    features = load_feature_set(test / "cuts.jsonl.gz", test / "cmvn.ark")
    setting = Setting(args.lm_weight, 0.0)
    for rung in args.rungs:
        began = time.process_time()
        model = GmmModel.load(folder / rung)
        graph_file = folder / "graph" / rung / args.grammar / "HCLG.fst"
        graph = SearchGraph.read(graph_file, args.run / "lang" / "words.txt")
        search = OneBest(graph, setting, args.beam, args.max_active)
        frames = model.transform.apply(features.frames, features.offsets)
        if model.is_adapted:
            first = search_all(search, gmm_scores(model.first_pass, features, frames))
            say(f"{rung}, first pass", first, features, began)
            texts = [" ".join(first[name]) for name in features.utterance_ids]
            spoken = replace(features, texts=texts)
            _, transforms = align_features(model, lang, spoken, AlignOptions())
            frames = apply_fmllr(frames, features.offsets, features.speakers, transforms)
        say(rung, search_all(search, gmm_scores(model.gmm, features, frames)), features, began)
    adapted = features.with_frames(frames) if args.rungs else features
    for network in args.networks:
        began = time.process_time()
        found = search_all(search, forward(load_model(network), adapted))
        say(str(network), found, features, began)


if __name__ == "__main__":
    run(main)

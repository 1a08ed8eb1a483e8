"""Program: what a large decoding graph is made from: a lexicon, a text, and an HMM.

Words and text are LibriSpeech's; pronunciations are espeak-ng's; the tree is grown on made-up
statistics of the triphones that the text has, since only its size matters for the graph.
"""

from __future__ import annotations

import argparse
import gzip
from pathlib import Path

import numpy as np

from local.espeak import phonemes
from pipeline.config import LangOptions
from pipeline.gmm.build_tree import build_tree
from pipeline.gmm.questions import automatic_questions
from pipeline.gmm.tree_statistics import TreeStatistics
from pipeline.graph.ngram_counts import vocabulary_of
from pipeline.hmm.lang import Lang, prepare_lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.topology import Topology

TEXT = "librispeech/train-clean-100.all_transcripts.txt"
DIM = 10  # of the made-up statistics


def read_text(corpora: Path) -> list[list[str]]:
    """Words of each utterance."""
    lines = (corpora / TEXT).read_text(encoding="utf-8").splitlines()
    return [line.split()[1:] for line in lines]


def write_inputs(corpora: Path, num_words: int, num_leaves: int, folder: Path) -> None:
    """lang/, text.gz and hmm.json in ``folder``."""
    sentences = read_text(corpora)
    words = vocabulary_of(sentences, size=num_words)
    said = phonemes([word.lower() for word in words])
    lexicon = [(word, 1.0, phones) for word, phones in zip(words, said, strict=True) if phones]
    lang = prepare_lang(lexicon, LangOptions())
    lang.save(folder / "lang")
    text = "".join(" ".join(sentence) + "\n" for sentence in sentences)
    (folder / "text.gz").write_bytes(gzip.compress(text.encode("utf-8"), 1))
    statistics = made_up_statistics(lang, sentences)
    topology = Topology.for_lang(lang)
    sets, silence = lang.phone_set_ids(), lang.silence_phone_ids()
    questions = automatic_questions(statistics, sets)
    tree = build_tree(statistics, topology, sets, silence, questions, num_leaves, min_gain=0.0)
    Hmm.initial(topology, tree).save(folder / "hmm.json")


def made_up_statistics(lang: Lang, sentences: list[list[str]]) -> TreeStatistics:
    """Of each triphone of the text: its count, and moments that its neighbours pull about."""
    first = {word: entries[0].phones for word, entries in lang.pronunciations.items()}
    ids = [
        lang.phones[phone]
        for sentence in sentences
        for word in sentence
        for phone in first.get(word, (lang.optional_silence,))
    ]
    window = np.lib.stride_tricks.sliding_window_view(np.array(ids), 3)
    silence = lang.silence_phone_ids()
    rows, counts = np.unique(window[~np.isin(window[:, 1], silence)], axis=0, return_counts=True)
    rng = np.random.default_rng(1)
    centre, left, right = rng.normal(0, 1, (3, len(lang.phones), 3, DIM))
    centre *= 3
    events, stats = [], []
    for row, count in zip(rows, counts.astype(np.float64), strict=True):
        for pdf_class in range(3):
            mean = (
                3 * centre[row[1], pdf_class] + left[row[0], pdf_class] + right[row[2], pdf_class]
            )
            moments = [count * mean, count * (1.0 + mean**2)]
            stats.append(np.concatenate(([count], *moments)))
            events.append((*row, pdf_class))
    for phone in silence:
        for pdf_class in range(5):
            stats.append(np.concatenate(([100.0], np.zeros(DIM), np.full(DIM, 100.0))))
            events.append((0, phone, 0, pdf_class))
    order = np.lexsort(np.array(events).T[::-1])
    return TreeStatistics(np.array(events, np.int32)[order], np.array(stats)[order])


def main() -> None:
    """Write the inputs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=Path, required=True, help="CORPORA_DIR")
    parser.add_argument("--num-words", type=int, default=20_000)
    parser.add_argument("--num-leaves", type=int, default=1800)
    parser.add_argument("--output-dir", type=Path, required=True)
    args = parser.parse_args()
    write_inputs(args.corpora, args.num_words, args.num_leaves, args.output_dir)


if __name__ == "__main__":
    main()

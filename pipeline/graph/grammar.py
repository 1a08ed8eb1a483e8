"""G: which word sequences may be said, and at what cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config import GrammarOptions
from pipeline.graph.arpa import Arpa, arpa_fst, read_arpa
from pipeline.graph.fst import EPSILON, Fst, from_tuples
from pipeline.graph.jsgf import read_jsgf
from pipeline.graph.jsgf_fst import jsgf_fst
from pipeline.graph.kneser_ney import estimate
from pipeline.graph.ngram_counts import count_ngrams
from pipeline.graph.ngram_model import NgramModel
from pipeline.graph.ngram_pruning import prune
from pipeline.hmm.lang import Lang
from pipeline.io.errors import UserError

BACKOFF = "#0"


def grammar_fst(lang: Lang, options: GrammarOptions) -> Fst:
    """Make G as the options ask: an acceptor of words, with #0:<eps> on back-off arcs.

    one_word: exactly one of V words, each 1 / V. loop: one word or more, the first 1 / V, then each
    word and the end 1 / (V + 1). arpa: the n-gram model of the file; see ``arpa_fst``. jsgf: the
    command grammar of the file; see ``jsgf_fst``. For ngram see ``train_ngram``.

    Raises:
        UserError: a word without pronunciation, no words, or a file that cannot be read.
    """
    if options.type == "arpa":
        assert options.file is not None  # GrammarOptions holds to it
        path = Path(options.file)
        return ngram_fst(lang, read_arpa(path), path)
    if options.type == "jsgf":
        assert options.file is not None
        path = Path(options.file)
        fst = jsgf_fst(read_jsgf(path), lang, path)
    else:
        fst = _word_list_fst(lang, options)
    check_grammar(fst, lang)
    return fst


def ngram_fst(lang: Lang, arpa: Arpa, path: Path) -> Fst:
    """G of an n-gram model; ``path`` is what messages call it.

    Raises:
        UserError: see ``arpa_fst`` and ``check_grammar``.
    """
    fst = arpa_fst(arpa, lang.words, path, lang.unknown_word)
    check_grammar(fst, lang, str(path))
    return fst


def train_ngram(
    lang: Lang, options: GrammarOptions, sentences: Sequence[list[str]], source: str
) -> NgramModel:
    """Estimate and prune the model that a grammar of type ngram asks for.

    Its vocabulary is that of the lexicon (or the options' words); other words count as <unk>.

    Raises:
        UserError: ``source`` holds no sentence, or none of the words.
    """
    words = _words_of(lang, options)
    try:
        counts = count_ngrams(sentences, options.order, words)
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    model = estimate(counts)
    if options.prune > 0 or options.min_counts:
        model = prune(model, counts.count, options.prune, options.min_counts)
    return model


def _words_of(lang: Lang, options: GrammarOptions) -> list[str]:
    """The options' words, or every word of the lexicon but the unknown one."""
    known = lang.pronunciations
    words = sorted(known) if options.words is None else list(dict.fromkeys(options.words))
    if options.words is None and lang.unknown_word is not None:
        words.remove(lang.unknown_word)
    if not words:
        raise UserError("grammar: words: the list is empty; name at least one word of the lexicon")
    for word in words:
        if word not in known:
            raise UserError(
                f"grammar: words: '{word}' has no pronunciation; add one or leave it out"
            )
    return words


def _word_list_fst(lang: Lang, options: GrammarOptions) -> Fst:
    ids = [lang.words[word] for word in _words_of(lang, options)]
    first = [(0, i, i, math.log(len(ids)), 1) for i in ids]
    if options.type == "one_word":
        return from_tuples(first, {1: 0.0})
    cost = math.log(len(ids) + 1)
    return from_tuples([*first, *((1, i, i, cost, 1) for i in ids)], {1: cost})


def check_grammar(fst: Fst, lang: Lang, source: str = "grammar") -> None:
    """Refuse what cannot become a graph: nothing accepted, foreign words, a cycle without words.

    Raises:
        UserError: one of these, named.
    """
    if not np.isfinite(fst.final[fst.reachable()]).any():
        raise UserError(f"{source}: it accepts no sentence; give it words")
    allowed = np.array(
        [i for name, i in lang.words.items() if name not in ("<s>", "</s>")], np.int64
    )
    foreign = ~np.isin(np.concatenate((fst.ilabel, fst.olabel)), allowed)
    if foreign.any():
        label = int(np.concatenate((fst.ilabel, fst.olabel))[foreign][0])
        raise UserError(
            f"{source}: label {label} is no word of the lang; make it with this lang's words.txt"
        )
    silent = np.isin(fst.ilabel, (EPSILON, lang.words[BACKOFF]))
    if _has_cycle(fst, silent):
        raise UserError(
            f"{source}: a cycle without a word in it (arcs of <eps> or {BACKOFF}); break the cycle"
        )


def _has_cycle(fst: Fst, chosen: NDArray[np.bool_]) -> bool:
    """Whether the chosen arcs form a cycle: peel states that no chosen arc enters."""
    source, target = fst.source[chosen], fst.nextstate[chosen]
    while len(source):
        entered = np.zeros(fst.num_states, bool)
        entered[target] = True
        keep = entered[source]
        if keep.all():
            return True
        source, target = source[keep], target[keep]
    return False

"""Rescoring of a lattice's best sentences with a language model that is no acceptor.

The share of each word is interpolated between the model and the grammar of the search, as
probabilities (Mikolov et al. 2010, "Recurrent neural network based language model", section 3):
p = w p_lm + (1 - w) p_grammar. Kaldi's steps/rnnlmrescore.sh takes the same mean of whole
sentences' costs instead. What else stands in a graph cost (pronunciations, the HMM) stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from pipeline.decode.n_best import Sentence, WordLattice, n_best
from pipeline.decode.options import Setting
from pipeline.decode.rescoring import WalkedGrammar
from pipeline.io.errors import UserError

Words = tuple[str, ...]
# Natural log p of each word of each sentence, and of the end after it.
LogProbs = Callable[[Sequence[Words]], list[list[float]]]


def interpolated_cost(
    log_probs: Sequence[float], costs: Sequence[float], weight: float, ended: bool = True
) -> float:
    """-log of the product of w p_lm + (1 - w) p_grammar over the words, and the end if `ended`."""
    count = len(costs) if ended else len(costs) - 1
    lm = np.array(log_probs[:count], np.float64)
    grammar = -np.array(costs[:count], np.float64)
    with np.errstate(divide="ignore"):
        return float(-np.logaddexp(lm + np.log(weight), grammar + np.log1p(-weight)).sum())


def rescore_sentences(
    lattices: Iterable[WordLattice],
    grammar: WalkedGrammar,
    log_probs: LogProbs,
    weight: float,
    number: int,
    setting: Setting,
) -> list[tuple[str, list[Sentence]]]:
    """The best sentences of each lattice at a setting, at most `number`, with new graph costs.

    Each sentence is given to the model once. ``total`` stays what it was before. In a lattice whose
    search did not reach the graph's end, sentences do not pay for ending.

    Args:
        lattices: one is needed after the other; of all, only the sentences are kept.
        grammar: G of the search that made the lattices.
    Returns:
        (utterance id, sentences) of each lattice.
    Raises:
        UserError: the grammar cannot say a sentence of a lattice.
    """
    found = []
    for lattice in lattices:
        best = n_best(lattice, number, setting.lm_weight, setting.insertion_penalty)
        found.append((str(lattice["utterance_id"]), bool(lattice["reached_final"]), best))
    texts = sorted({sentence.words for *_, best in found for sentence in best})
    by_lm = dict(zip(texts, log_probs(texts), strict=True))
    by_grammar = {words: grammar.word_costs(words) for words in texts}
    rescored = []
    for utterance_id, ended, best in found:
        changed = []
        for sentence in best:
            costs = by_grammar[sentence.words]
            old = sum(costs if ended else costs[:-1])
            if not np.isfinite(old):
                raise UserError(
                    f"{utterance_id}: the grammar cannot say "
                    f"'{' '.join(sentence.words)}'; name the G.fst of the search"
                )
            new = interpolated_cost(by_lm[sentence.words], costs, weight, ended)
            changed.append(replace(sentence, graph_cost=sentence.graph_cost - old + new))
        rescored.append((utterance_id, changed))
    return rescored


def best_at(found: Sequence[Sentence], setting: Setting) -> Sentence:
    """The cheapest sentence at a setting; of equal ones the first."""
    return min(
        found,
        key=lambda s: (
            s.acoustic_cost / setting.lm_weight
            + s.graph_cost
            + setting.insertion_penalty * len(s.words)
        ),
    )

"""Smaller back-off models: n-grams left out by their count or by relative entropy.

Source: Stolcke (1998), "Entropy-based pruning of backoff language models". The histories'
probabilities are their relative frequencies in the text, not products of the model's own
probabilities: Kneser-Ney's lower orders are no marginals (Chelba et al. 2010, "Study on interaction
between entropy pruning and Kneser-Ney smoothing").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.graph.ngram_model import NgramModel, NgramTable, Rows, Values

EXHAUSTED = 1e-9  # a history whose unseen words have less than this has none, but for rounding


def prune(
    model: NgramModel,
    counts: Sequence[Rows],
    threshold: float = 0.0,
    minimum_counts: Sequence[int] = (),
) -> NgramModel:
    """Leave out n-grams whose loss would raise the perplexity by less than a share ``threshold``.

    Each is judged as if it alone were left out. N-grams that longer ones need, as their history or
    suffix, stay, and so do all words. Back-off weights are computed anew, so that every history's
    probabilities sum to one.

    Args:
        counts: how often each n-gram of the model occurs in the text, order by order.
        minimum_counts: from bigrams on, those that occur less often are left out too; the last
            one holds for all higher orders.
    """
    keep = [np.ones(len(table), bool) for table in model.tables]
    num_tokens = float(counts[0].sum())
    minimum = [1, *(minimum_counts or (1,))]
    for n in range(model.order - 1, 0, -1):
        needed = np.zeros(len(model.tables[n]), bool)
        if n + 1 < model.order:
            longer, chosen = model.tables[n + 1], keep[n + 1]
            needed[longer.history[chosen]] = True
            needed[longer.suffix[chosen]] = True
        change = relative_entropy(model, n, counts[n - 1] / num_tokens)
        often = counts[n] >= minimum[min(n, len(minimum) - 1)]
        keep[n] = needed | (often & (np.expm1(change) >= threshold))
    return normalise(_subset(model, keep))


def _subset(model: NgramModel, keep: Sequence[NDArray[np.bool_]]) -> NgramModel:
    """The model with the chosen n-grams of each order alone; weights stay as they are."""
    tables: list[NgramTable] = []
    number = np.zeros(1, np.int64)  # old row of the order below -> new row
    for table, chosen in zip(model.tables, keep, strict=True):
        history, suffix = number[table.history[chosen]], number[table.suffix[chosen]]
        tables.append(NgramTable(history, table.word[chosen], suffix))
        number = np.cumsum(chosen) - 1
    return NgramModel(
        model.words,
        tuple(tables),
        tuple(prob[chosen] for prob, chosen in zip(model.prob, keep, strict=True)),
        tuple(backoff[chosen] for backoff, chosen in zip(model.backoff, keep, strict=True)),
    )


def relative_entropy(model: NgramModel, n: int, history_prob: Values) -> Values:
    """Kullback-Leibler divergence (nats) of the model without each n-gram of order n + 1: (K,).

    Stolcke's equation 5: -p(h) {p(w|h) [log p(w|h') + log a'(h) - log p(w|h)]
    + [log a'(h) - log a(h)] Σ_{unseen} p(·|h)}, with a the back-off weights and h' the shorter
    history.
    """
    table, prob = model.tables[n], model.prob[n]
    lower = model.prob[n - 1][table.suffix]
    left, left_lower = _left(model, n)
    left, left_lower = left[table.history], left_lower[table.history]
    log_old = np.log(model.backoff[n - 1][table.history])
    with np.errstate(divide="ignore", invalid="ignore"):
        log_new = np.log(left + prob) - np.log(left_lower + lower)
        change = prob * (np.log(lower) + log_new - np.log(prob))
        change += np.where(left > 0, left * (log_new - log_old), 0.0)
    result: Values = -history_prob[table.history] * change
    return result


def _left(model: NgramModel, n: int) -> tuple[Values, Values]:
    """Mass that the n-grams of order n + 1 leave to other words, in their order and the lower."""
    table, size = model.tables[n], len(model.tables[n - 1])
    seen = np.bincount(table.history, model.prob[n], size)
    seen_lower = np.bincount(table.history, model.prob[n - 1][table.suffix], size)
    return np.maximum(1.0 - seen, 0.0), np.maximum(1.0 - seen_lower, 0.0)


def normalise(model: NgramModel) -> NgramModel:
    """The model with the back-off weights that make every history's probabilities sum to one."""
    backoffs = []
    for n in range(1, model.order):
        left, left_lower = _left(model, n)
        weights = model.backoff[n - 1].copy()
        some = left_lower > EXHAUSTED
        weights[some] = left[some] / left_lower[some]
        backoffs.append(weights)
    backoffs.append(model.backoff[-1])
    return NgramModel(model.words, model.tables, model.prob, tuple(backoffs))

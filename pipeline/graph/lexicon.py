"""L with disambiguation symbols: phones in, words out, optional silence between words.

Source: Kaldi's utils/lang/make_lexicon_fst.py and utils/add_lex_disambig.pl.
"""

from __future__ import annotations

import math

from pipeline.graph.fst import EPSILON, Fst, from_tuples
from pipeline.hmm.lang import Lang, disambiguate

START, LOOP, SILENCE = 0, 1, 2


def disambiguation_ids(lang: Lang) -> list[int]:
    """Phone ids of #0, #1, …, ascending."""
    return sorted(symbol_id for name, symbol_id in lang.phones.items() if name.startswith("#"))


def lexicon_fst(lang: Lang) -> Fst:
    """L_disambig of a lang.

    A word leaves from LOOP and comes back to it, directly (cost -log(1 - p)) or through the
    optional silence (-log p), which a symbol of its own tells from a word of that phone. Words
    that sound the same, or begin as another, end with #1, #2, …; #0 passes for G's back-off arcs.
    """
    last_disambiguation = max(int(n[1:]) for n in lang.phones if n.startswith("#"))
    arcs: list[tuple[int, int, int, float, int]] = []
    next_state = 3
    leave: list[tuple[float, int]]  # (cost, destination) after a word
    p = lang.silence_probability
    if p > 0:
        silence = lang.phones[lang.optional_silence]
        after_silence, next_state = next_state, next_state + 1
        arcs += [
            (START, EPSILON, EPSILON, -math.log1p(-p), LOOP),
            (START, silence, EPSILON, -math.log(p), after_silence),
            (SILENCE, silence, EPSILON, 0.0, after_silence),
            (after_silence, lang.phones[f"#{last_disambiguation}"], EPSILON, 0.0, LOOP),
        ]
        leave = [(-math.log1p(-p), LOOP), (-math.log(p), SILENCE)]
    else:
        arcs.append((START, EPSILON, EPSILON, 0.0, LOOP))
        leave = [(0.0, LOOP)]
    for entry, symbol in zip(lang.lexicon, disambiguate(lang.lexicon), strict=True):
        labels = [lang.phones[phone] for phone in entry.phones]
        if symbol:
            labels.append(lang.phones[f"#{symbol}"])
        state, word, cost = LOOP, lang.words[entry.word], -math.log(entry.probability)
        for label in labels[:-1]:
            arcs.append((state, label, word, cost, next_state))
            state, next_state, word, cost = next_state, next_state + 1, EPSILON, 0.0
        arcs += [(state, labels[-1], word, cost + extra, where) for extra, where in leave]
    arcs.append((LOOP, lang.phones["#0"], lang.words["#0"], 0.0, LOOP))
    return from_tuples(arcs, {LOOP: 0.0}, START)

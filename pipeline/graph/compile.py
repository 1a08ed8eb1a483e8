"""HCLG from a lang, a grammar and an HMM.

Source: Kaldi's utils/mkgraph.sh; the steps and their order are the same.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import kaldifst
import numpy as np

from pipeline.config import GraphOptions
from pipeline.graph.epsilon import remove_epsilon_locally
from pipeline.graph.exchange import from_kaldifst, to_kaldifst
from pipeline.graph.fst import EPSILON, Fst
from pipeline.graph.hmm_fst import h_transducer
from pipeline.graph.lexicon import disambiguation_ids, lexicon_fst
from pipeline.graph.self_loops import add_self_loops
from pipeline.graph.weights import push_special, stochasticity
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.io.errors import UserError

MAX_STATES = 50_000_000  # of a determinised FST; beyond it the grammar is taken to be at fault
DELTA = 2.0**-17  # costs are rounded to multiples of it (Kaldi: 2**-10, an error that adds up)


@dataclass(frozen=True)
class Graph:
    """HCLG (transition-ids in, words out); its sizes, seconds, and what its input labels mean."""

    fst: Fst
    summary: dict[str, Any]


def make_graph(lang: Lang, grammar: Fst, hmm: Hmm, options: GraphOptions) -> Graph:
    """Compose, determinise and minimise H, C, L and G, then add self-loops (reordered).

    A path's cost is the sum of its grammar, pronunciation and silence costs,
    ``transition_scale`` times its transitions' (self-loops left out, the rest renormalised) and
    ``self_loop_scale`` times those of staying in and leaving states with self-loops.

    Raises:
        UserError: nothing can be said, or determinisation does not end.
    """
    began = time.monotonic()
    stages: dict[str, Any] = {}

    def note(name: str, fst: Fst) -> None:
        stages[name] = {
            "states": fst.num_states,
            "arcs": fst.num_arcs,
            "stochasticity": asdict(stochasticity(fst)),
            "seconds": round(time.monotonic() - began, 3),
        }

    disambiguation = disambiguation_ids(lang)
    lexicon = lexicon_fst(lang)
    note("L", lexicon)
    note("G", grammar)
    lg = _compose(lexicon, grammar)
    _refuse_empty(lg)
    _determinize(lg, "LG")
    kaldifst.minimize_encoded(lg, delta=DELTA)
    lg_arrays = push_special(from_kaldifst(lg))
    note("LG", lg_arrays)
    tree = hmm.tree
    clg, windows = kaldifst.compose_context(
        disambig_syms=disambiguation,
        context_width=tree.context_width,
        central_position=tree.central_position,
        ifst=to_kaldifst(lg_arrays),
    )
    kaldifst.arcsort(clg, sort_type="ilabel")
    note("CLG", from_kaldifst(clg))
    h = h_transducer(hmm, [list(window) for window in windows], options.transition_scale)
    note("H", h.fst)
    hclg = _compose(h.fst, clg)
    _refuse_empty(hclg)
    _determinize(hclg, "HCLG")
    arrays = from_kaldifst(hclg)
    arrays.ilabel[np.isin(arrays.ilabel, h.disambiguation)] = EPSILON
    hclg = to_kaldifst(remove_epsilon_locally(arrays))
    kaldifst.connect(hclg)
    kaldifst.minimize_encoded(hclg, delta=DELTA)
    arrays = from_kaldifst(hclg)
    note("HCLGa", arrays)
    arrays = add_self_loops(arrays, hmm.transitions, options.self_loop_scale)
    note("HCLG", arrays)
    _check_labels(arrays, lang, hmm)
    summary = {
        "states": arrays.num_states,
        "arcs": arrays.num_arcs,
        "input_epsilons": int((arrays.ilabel == EPSILON).sum()),
        "seconds": round(time.monotonic() - began, 3),
        "options": options.model_dump(),
        "num_pdfs": hmm.num_pdfs,
        "pdf_of_transition_id": " ".join(map(str, hmm.transitions.pdf_of[1:])),
        "stages": stages,
    }
    return Graph(arrays, summary)


def _compose(left: Fst, right: Any) -> Any:
    """Composition of a left FST with a right one, sorted here as the composition needs it."""
    a = to_kaldifst(left)
    b = to_kaldifst(right) if isinstance(right, Fst) else right
    kaldifst.arcsort(a, sort_type="olabel")
    kaldifst.arcsort(b, sort_type="ilabel")
    return kaldifst.StdVectorFst(kaldifst.compose(a, b))


def _determinize(fst: Any, name: str) -> None:
    try:
        kaldifst.determinize_star(fst, delta=DELTA, max_states=MAX_STATES, use_log=True)
    except RuntimeError:
        raise UserError(
            f"grammar: {name} has over {MAX_STATES} states; use a smaller grammar or prune it"
        ) from None


def _refuse_empty(fst: Any) -> None:
    if fst.start < 0 or fst.num_states == 0:
        raise UserError(
            "grammar: no sentence of it can be pronounced; "
            "make it with this lang, from words of the lexicon"
        )


def _check_labels(fst: Fst, lang: Lang, hmm: Hmm) -> None:
    """Guard against a wrong graph: labels must be transition-ids and words, and #0 gone."""
    top = int(fst.ilabel.max(initial=0))
    if top > hmm.transitions.num_transition_ids:
        raise RuntimeError(f"label {top} of HCLG is no transition-id")
    words = {i for name, i in lang.words.items() if not name.startswith("#")}
    if not set(np.unique(fst.olabel).tolist()) <= words:
        raise RuntimeError("HCLG has an output label that is no word")

"""What a search reads: the graph with the meaning of its labels, words, and log-likelihoods."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.decode.lattice import Levels
from pipeline.decode.rows import spread
from pipeline.graph.fst import EPSILON, Fst
from pipeline.graph.openfst import read_fst
from pipeline.io.archive import read_matrices
from pipeline.io.errors import UserError
from pipeline.io.rejects import Reject
from pipeline.io.symbols import SymbolTable


@dataclass(frozen=True)
class SearchGraph:
    """HCLG, and what its labels mean."""

    fst: Fst
    pdf_of: NDArray[np.int32]  # by transition_id, entry 0 is -1
    num_pdfs: int
    words: SymbolTable

    @classmethod
    def read(cls, path: Path, words: Path) -> SearchGraph:
        """Read HCLG.fst, graph.json beside it, and words.txt; check that the labels agree.

        k2 does not check label spaces: a wrong one would give silent nonsense.

        Raises:
            UserError: a file is missing or damaged, labels lie outside their tables, no sentence
                can end, or a cycle of epsilons has no end.
        """
        fst = read_fst(path)
        table = SymbolTable.read(words)
        beside = path.with_name("graph.json")
        try:
            meta = json.loads(beside.read_text(encoding="utf-8"))
            pdf_of = np.array([-1, *map(int, meta["pdf_of_transition_id"].split())], np.int32)
            num_pdfs = int(meta["num_pdfs"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{beside}: damaged ({error}); make the graph again") from None
        if fst.start < 0 or not np.isfinite(fst.final).any():
            raise UserError(f"{path}: the graph accepts nothing; check the grammar")
        lowest, highest = int(fst.ilabel.min(initial=0)), int(fst.ilabel.max(initial=0))
        if lowest < 0 or highest >= len(pdf_of) or int(pdf_of.max(initial=-1)) >= num_pdfs:
            raise UserError(
                f"{path}: input label {highest} but {beside} knows {len(pdf_of) - 1} "
                "transition-ids; make the graph again"
            )
        if len(table) <= int(fst.olabel.max(initial=0)):
            raise UserError(f"{words}: it lacks words of {path}; give the lang of the graph")
        if not _can_end(fst):
            raise UserError(
                f"{path}: no final state can be reached, so no sentence ever ends; "
                "check the grammar, make the graph again"
            )
        if _has_silent_cycle(fst):
            raise UserError(
                f"{path}: the graph has a cycle of epsilons; check the grammar, make it again"
            )
        return cls(fst, pdf_of, num_pdfs, table)

    def check_model(self, path: Path) -> None:
        """Check that hmm.json has as many transition-ids as the graph.

        Raises:
            UserError: it has not, or is damaged.
        """
        try:
            number = len(json.loads(path.read_text(encoding="utf-8"))["log_prob"])
        except (KeyError, ValueError, TypeError) as error:
            raise UserError(f"{path}: damaged model ({error}); run its stage again") from None
        if number != len(self.pdf_of) - 1:
            raise UserError(
                f"{path}: {number} transition-ids, the graph has {len(self.pdf_of) - 1}; "
                "make the graph from this model"
            )


def _can_end(fst: Fst) -> bool:
    """Whether a final state can be reached: a search by levels that ends at the first."""
    seen = np.zeros(fst.num_states, bool)
    front = np.array([fst.start], np.int64)
    counts = np.diff(fst.first_arc)
    while len(front):
        if np.isfinite(fst.final[front]).any():
            return True
        seen[front] = True
        _, arcs = spread(fst.first_arc, counts, front)
        reached = np.unique(fst.nextstate[arcs]).astype(np.int64)
        front = reached[~seen[reached]]
    return False


def _has_silent_cycle(fst: Fst) -> bool:
    silent = fst.subset(fst.ilabel == EPSILON)
    source = np.repeat(np.arange(fst.num_states), np.diff(silent.first_arc))
    try:
        Levels.of(fst.num_states, source, silent.nextstate.astype(np.int64))
    except ValueError:
        return True
    return False


@dataclass(frozen=True)
class Utterance:
    """Log-likelihoods of one utterance: (T, P) float32, T > 0, all finite."""

    utterance_id: str
    log_likes: NDArray[np.float32]


def read_utterances(
    path: Path, num_pdfs: int, rejects: list[Reject], shard: int = 0, num_shards: int = 1
) -> Iterator[Utterance]:
    """Good utterances of an scp or ark; the others are added to ``rejects``.

    Args:
        shard, num_shards: which share of an scp, as in ``read_matrices``.

    Raises:
        UserError: damaged archive, or a matrix of another width than the graph's pdfs.
    """
    for utterance_id, matrix in read_matrices(path, shard, num_shards):
        if matrix.shape[1] != num_pdfs and matrix.size:
            raise UserError(
                f"{path}: utterance {utterance_id}: {matrix.shape[1]} columns, but the graph has "
                f"{num_pdfs} pdfs; use the graph of the same model"
            )
        if not matrix.shape[0]:
            reason = "no frames"
        elif not np.isfinite(matrix).all():
            reason = "log-likelihoods that are not finite"
        else:
            yield Utterance(utterance_id, np.ascontiguousarray(matrix, np.float32))
            continue
        rejects.append(Reject(utterance_id, str(path), reason, "check its features and the model"))

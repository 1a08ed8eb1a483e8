"""Back-off n-gram models: ARPA files, and the FST of one.

Source: Kaldi's lm/arpa-file-parser.cc and lm/arpa-lm-compiler.cc (arpa2fst
--disambig-symbol=#0). A state is a history; a back-off arc carries #0 on its input side.
"""

from __future__ import annotations

import gzip
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.graph.fst import EPSILON, Fst, from_tuples
from pipeline.io.atomic import write_bytes
from pipeline.io.errors import UserError
from pipeline.io.symbols import SymbolTable

log = logging.getLogger(__name__)

BEGIN, END, BACKOFF = "<s>", "</s>", "#0"
LN10 = math.log(10.0)
NEVER = -98.0  # log10; ARPA writes -99 for "never"
UNKNOWN_NAMES = ("<unk>", "<UNK>")


@dataclass(frozen=True)
class Arpa:
    """An n-gram model: for each order, word tuple -> (log10 probability, log10 back-off weight)."""

    ngrams: tuple[dict[tuple[str, ...], tuple[float, float]], ...]

    @property
    def order(self) -> int:
        """Length of the longest n-gram."""
        return len(self.ngrams)


def read_arpa(path: Path) -> Arpa:
    """Read an ARPA file of any order, plain or gzipped.

    Raises:
        UserError: the file and line, and what is wrong: no header, counts that do not match, a
            line that is no n-gram, a repeated or orphaned n-gram, text that is not UTF-8.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            lines = enumerate((raw.decode("utf-8").strip() for raw in stream), 1)
            return _parse(path, lines)
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text; convert it") from None
    except (EOFError, gzip.BadGzipFile):
        raise UserError(f"{path}: damaged gzip file; make it again") from None


def write_arpa(path: Path, arpa: Arpa) -> None:
    """Write an ARPA file, gzipped if the name ends so; the same model gives the same bytes."""
    parts = ["\\data\\\n", *(f"ngram {n}={len(t)}\n" for n, t in enumerate(arpa.ngrams, 1))]
    for n, table in enumerate(arpa.ngrams, 1):
        parts.append(f"\n\\{n}-grams:\n")
        last = n == arpa.order
        for words, (log_prob, backoff) in table.items():
            more = "" if last else f"\t{backoff:.7g}"
            parts.append(f"{log_prob:.7g}\t{' '.join(words)}{more}\n")
    parts.append("\n\\end\\\n")
    text = "".join(parts).encode("utf-8")
    write_bytes(path, gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


def _parse(path: Path, lines: Iterator[tuple[int, str]]) -> Arpa:
    counts = _parse_counts(path, lines)
    ngrams: list[dict[tuple[str, ...], tuple[float, float]]] = []
    for order, (count, count_line) in enumerate(counts, 1):
        table: dict[tuple[str, ...], tuple[float, float]] = {}
        has_backoff = order < len(counts)
        end = "\\end\\" if order == len(counts) else f"\\{order + 1}-grams:"
        for number, line in lines:
            if not line:
                continue
            if line.startswith("\\"):
                if line != end:
                    raise UserError(
                        f"{path}: line {number}: expected {end}, found {line[:40]}; mend the file"
                    )
                break
            fields = line.split()
            try:
                log_prob = float(fields[0])
                backoff = float(fields[order + 1]) if len(fields) == order + 2 else 0.0
                if len(fields) not in (order + 1, order + 2) or math.isnan(log_prob + backoff):
                    raise ValueError
            except (ValueError, IndexError):
                raise UserError(
                    f"{path}: line {number}: expected a log10 probability, {order} words"
                    f"{' and maybe a back-off weight' if has_backoff else ''}; mend the line"
                ) from None
            words = tuple(fields[1 : order + 1])
            if words in table:
                raise UserError(
                    f"{path}: line {number}: '{' '.join(words)}' comes twice; remove one"
                )
            if log_prob > 0:
                raise UserError(
                    f"{path}: line {number}: log10 probability {log_prob} is above 0; mend the line"
                )
            if order > 1 and words[:-1] not in ngrams[-1]:
                raise UserError(
                    f"{path}: line {number}: the history '{' '.join(words[:-1])}' is no "
                    f"{order - 1}-gram of the file; mend the model"
                )
            table[words] = (log_prob, backoff)
        else:
            raise UserError(f"{path}: the file ends before {end}; it is cut short, fetch it again")
        if len(table) != count:
            raise UserError(
                f"{path}: line {count_line}: it says {count} {order}-grams, the file has "
                f"{len(table)}; mend the count, or the file is damaged"
            )
        ngrams.append(table)
    return Arpa(tuple(ngrams))


def _parse_counts(path: Path, lines: Iterator[tuple[int, str]]) -> list[tuple[int, int]]:
    """(count, line number) of each order; the reader stands behind the first section's title."""
    for _, line in lines:
        if line == "\\data\\":
            break
    else:
        raise UserError(f"{path}: no \\data\\ line; this is no ARPA file")
    counts: list[tuple[int, int]] = []
    for number, line in lines:
        if not line:
            continue
        if line == "\\1-grams:" and counts:
            return counts
        title, _, value = line.removeprefix("ngram ").partition("=")
        try:
            if not line.startswith("ngram ") or int(title) != len(counts) + 1 or int(value) < 0:
                raise ValueError
        except ValueError:
            raise UserError(
                f"{path}: line {number}: expected 'ngram {len(counts) + 1}=COUNT', "
                f"found '{line[:40]}'; mend the count lines"
            ) from None
        counts.append((int(value), number))
    raise UserError(f"{path}: the file ends before \\1-grams:; it is cut short, fetch it again")


def arpa_fst(arpa: Arpa, words: SymbolTable, path: Path, unknown_word: str | None = None) -> Fst:
    """The model as an acceptor with back-off arcs #0:<eps>, as Kaldi's arpa2fst builds it.

    A history without n-grams of its own is no state: arcs to it lead to its longest suffix that
    has some. N-grams with a word that is not in ``words`` are left out and counted in the log;
    ``<unk>`` stands for ``unknown_word`` if there is one.

    Raises:
        UserError: no word of the model has a pronunciation.
    """
    ids = {name: i for name, i in words.items() if i != EPSILON and name != BACKOFF}
    if unknown_word is not None:
        ids.update(dict.fromkeys(UNKNOWN_NAMES, ids[unknown_word]))
    # A history is a state if some n-gram continues it.
    continued = {ngram[:-1] for table in arpa.ngrams for ngram in table}
    state_of: dict[tuple[str, ...], int] = {}

    def state(history: tuple[str, ...]) -> int:
        history = history[max(0, len(history) - arpa.order + 1) :]
        while history and history not in continued:
            history = history[1:]
        return state_of.setdefault(history, len(state_of))

    start = state((BEGIN,))
    arcs: list[tuple[int, int, int, float, int]] = []
    final: dict[int, float] = {}
    left_out = 0
    for table in arpa.ngrams:
        for ngram, (log_prob, backoff) in table.items():
            if any(word not in ids for word in ngram):
                left_out += 1
                continue
            history, word = ngram[:-1], ngram[-1]
            if BEGIN in history[1:] or END in history:
                left_out += 1
                continue
            if ngram in continued and ngram:
                here = state(ngram)
                arcs.append((here, words[BACKOFF], EPSILON, -backoff * LN10, state(ngram[1:])))
            if log_prob <= NEVER or word == BEGIN:
                continue
            cost = -log_prob * LN10
            if word == END:
                final[state(history)] = cost
            else:
                arcs.append((state(history), ids[word], ids[word], cost, state(ngram)))
    if left_out:
        log.warning(
            "%s: %d of %d n-grams left out: a word in them has no pronunciation",
            path,
            left_out,
            sum(len(table) for table in arpa.ngrams),
        )
    if not any(arc[1] != words[BACKOFF] for arc in arcs):
        raise UserError(f"{path}: no word of it is in the lexicon; check upper and lower case")
    if not final:
        raise UserError(f"{path}: no n-gram ends with {END}, so no sentence ends; mend it")
    fst = from_tuples(arcs, final, start)
    return _reachable(fst)


def _reachable(fst: Fst) -> Fst:
    """Without states that no path from the start enters."""
    seen = fst.reachable()
    number = np.cumsum(seen) - 1
    keep = seen[fst.source]
    return Fst.from_arcs(
        int(number[fst.start]),
        fst.final[seen],
        number[fst.source[keep]],
        fst.ilabel[keep],
        fst.olabel[keep],
        fst.cost[keep],
        number[fst.nextstate[keep]],
    )

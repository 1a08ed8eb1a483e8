"""Phones, words and pronunciations as Kaldi's utils/prepare_lang.sh lays them out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.config import LangOptions
from pipeline.io.atomic import write_json, write_text
from pipeline.io.errors import UserError
from pipeline.io.symbols import SymbolTable

BEGIN, END, INSIDE, SINGLE = "_B", "_E", "_I", "_S"


@dataclass(frozen=True)
class Pronunciation:
    """One line of the lexicon; phones carry their position suffixes if the lang has them."""

    word: str
    probability: float
    phones: tuple[str, ...]


@dataclass(frozen=True)
class Lang:
    """Symbols and lexicon of a recipe.

    ``phones`` holds `<eps>`, silence phones, non-silence phones, then disambiguation symbols #0…;
    ``words`` holds `<eps>`, the words in sorted order, #0, <s>, </s>.
    """

    phones: SymbolTable
    words: SymbolTable
    lexicon: tuple[Pronunciation, ...]
    silence_phones: tuple[str, ...]
    nonsilence_phones: tuple[str, ...]
    phone_sets: tuple[tuple[str, ...], ...]  # variants of one base phone share a tree root
    optional_silence: str
    silence_probability: float
    position_dependent: bool
    unknown_word: str | None

    @cached_property
    def pronunciations(self) -> dict[str, list[Pronunciation]]:
        """Word -> its pronunciations."""
        table: dict[str, list[Pronunciation]] = {}
        for entry in self.lexicon:
            table.setdefault(entry.word, []).append(entry)
        return table

    @property
    def num_disambiguation(self) -> int:
        """Highest n of the symbols #n."""
        return max(int(name[1:]) for name in self.phones.names() if name.startswith("#"))

    def silence_phone_ids(self) -> list[int]:
        """Ids of the silence phones."""
        return [self.phones.id(p) for p in self.silence_phones]

    def nonsilence_phone_ids(self) -> list[int]:
        """Ids of the non-silence phones."""
        return [self.phones.id(p) for p in self.nonsilence_phones]

    def phone_set_ids(self) -> list[list[int]]:
        """The sets of phones that share a tree root, as ids."""
        return [[self.phones.id(p) for p in members] for members in self.phone_sets]

    def position_questions(self) -> list[frozenset[int]]:
        """Phones of each position in a word, silence and speech apart (Kaldi's extra questions).

        Without them the tree cannot tell positions: other questions are unions of whole sets.
        """
        if not self.position_dependent:
            return []
        silence = set(self.silence_phone_ids())
        sets = self.phone_set_ids()
        groups = ([s for s in sets if s[0] in silence], [s for s in sets if s[0] not in silence])
        return [frozenset(same) for group in groups for same in zip(*group, strict=True)]

    def save(self, folder: Path) -> None:
        """Write phones.txt, words.txt, lexicon.txt (lexiconp form) and lang.json."""
        folder.mkdir(parents=True, exist_ok=True)
        self.phones.write(folder / "phones.txt")
        self.words.write(folder / "words.txt")
        lines = [f"{e.word} {e.probability!r} {' '.join(e.phones)}\n" for e in self.lexicon]
        write_text(folder / "lexicon.txt", "".join(lines))
        write_json(
            folder / "lang.json",
            {
                "silence_phones": self.silence_phones,
                "nonsilence_phones": self.nonsilence_phones,
                "phone_sets": self.phone_sets,
                "optional_silence": self.optional_silence,
                "silence_probability": self.silence_probability,
                "position_dependent": self.position_dependent,
                "unknown_word": self.unknown_word,
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Lang:
        """Read what ``save`` wrote.

        Raises:
            UserError: a file cannot be read.
        """
        lexicon = []
        path = folder / "lexicon.txt"
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not UTF-8 ({error}); run the lang stage again") from None
        for number, line in enumerate(lines, 1):
            fields = line.split()
            try:
                lexicon.append(Pronunciation(fields[0], float(fields[1]), tuple(fields[2:])))
            except (IndexError, ValueError):
                raise UserError(
                    f"{path}: line {number}: expected WORD PROBABILITY PHONES"
                ) from None
        path = folder / "lang.json"
        try:
            meta = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                phones=SymbolTable.read(folder / "phones.txt"),
                words=SymbolTable.read(folder / "words.txt"),
                lexicon=tuple(lexicon),
                silence_phones=tuple(meta["silence_phones"]),
                nonsilence_phones=tuple(meta["nonsilence_phones"]),
                phone_sets=tuple(tuple(s) for s in meta["phone_sets"]),
                optional_silence=meta["optional_silence"],
                silence_probability=meta["silence_probability"],
                position_dependent=meta["position_dependent"],
                unknown_word=meta["unknown_word"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}: damaged ({error}); run the lang stage again") from None


def position_phones(phones: tuple[str, ...]) -> tuple[str, ...]:
    """Add the position suffixes of Kaldi's position-dependent phones: _S alone, else _B _I… _E."""
    if len(phones) == 1:
        return (phones[0] + SINGLE,)
    inner = tuple(p + INSIDE for p in phones[1:-1])
    return (phones[0] + BEGIN, *inner, phones[-1] + END)


def prepare_lang(
    lexicon: Iterable[tuple[str, float, list[str]]],
    options: LangOptions,
    source: str = "lexicon.txt",
) -> Lang:
    """Make a Lang from (word, pronunciation probability, phones) entries.

    Position suffixes are added where the options ask for them, to words of silence phones as well
    (Kaldi's prepare_lang.sh does the same), and the bare silence phones stay for optional silence.

    Raises:
        UserError: empty lexicon, a word without phones, a probability outside (0, 1], or an
            unknown word without a pronunciation.
    """
    entries = []
    base_phones: set[str] = set()
    for word, probability, phones in lexicon:
        if not phones:
            raise UserError(f"{source}: {word}: no phones; give the word a pronunciation")
        if not 0 < probability <= 1:
            raise UserError(
                f"{source}: {word}: pronunciation probability {probability} is not in (0, 1]"
            )
        if word.startswith("#") or word in ("<eps>", "<s>", "</s>"):
            raise UserError(f"{source}: {word}: this name is kept for the graph; rename the word")
        base_phones.update(phones)
        entries.append((word, probability, tuple(phones)))
    if not entries:
        raise UserError(f"{source}: no pronunciations; the lexicon must hold at least one word")
    if options.optional_silence not in options.silence_phones:
        raise UserError(
            f"lang.optional_silence: {options.optional_silence} is not among silence_phones"
        )
    words = sorted({word for word, _, _ in entries})
    unknown = options.unknown_word
    if unknown is not None and unknown not in words and options.unknown_phones:
        entries.append((unknown, 1.0, options.unknown_phones))
        base_phones.update(options.unknown_phones)
        words = sorted([*words, unknown])
    if options.unknown_word is not None and options.unknown_word not in words:
        raise UserError(
            f"{source}: the unknown word {options.unknown_word} has no pronunciation; "
            "add a line for it, set lang.unknown_phones, or set lang.unknown_word to null"
        )
    nonsilence_base = sorted(base_phones - set(options.silence_phones))
    if options.position_dependent:
        suffixes = (BEGIN, END, INSIDE, SINGLE)
        sil_sets = [(p, *(p + s for s in suffixes)) for p in options.silence_phones]
        speech_sets = [tuple(p + s for s in suffixes) for p in nonsilence_base]
        entries = [(w, prob, position_phones(phones)) for w, prob, phones in entries]
    else:
        sil_sets = [(p,) for p in options.silence_phones]
        speech_sets = [(p,) for p in nonsilence_base]
    entries.sort(key=lambda e: (e[0], e[2]))
    silence = [p for members in sil_sets for p in members]
    speech = [p for members in speech_sets for p in members]
    pronunciations = tuple(Pronunciation(*entry) for entry in entries)
    num_disambiguation = _count_homophone_symbols(pronunciations) + 1  # and one for silence
    disambiguation = [f"#{n}" for n in range(num_disambiguation + 1)]
    return Lang(
        phones=SymbolTable(["<eps>", *silence, *speech, *disambiguation]),
        words=SymbolTable(["<eps>", *words, "#0", "<s>", "</s>"]),
        lexicon=pronunciations,
        silence_phones=tuple(silence),
        nonsilence_phones=tuple(speech),
        phone_sets=tuple(tuple(s) for s in (*sil_sets, *speech_sets)),
        optional_silence=options.optional_silence,
        silence_probability=options.silence_probability,
        position_dependent=options.position_dependent,
        unknown_word=options.unknown_word,
    )


def _count_homophone_symbols(lexicon: tuple[Pronunciation, ...]) -> int:
    """How many symbols #1… add_lex_disambig.pl needs: one a homophone or prefix pronunciation."""
    return max(disambiguate(lexicon), default=0)


def disambiguate(lexicon: tuple[Pronunciation, ...]) -> list[int]:
    """Number n of the symbol #n that each pronunciation ends with, 0 for none.

    A pronunciation needs one where it occurs twice or is a prefix of another
    (Kaldi's utils/add_lex_disambig.pl).
    """
    count: dict[tuple[str, ...], int] = {}
    prefixes: set[tuple[str, ...]] = set()
    for entry in lexicon:
        count[entry.phones] = count.get(entry.phones, 0) + 1
        prefixes.update(entry.phones[:n] for n in range(1, len(entry.phones)))
    used: dict[tuple[str, ...], int] = {}
    symbols = []
    for entry in lexicon:
        if count[entry.phones] == 1 and entry.phones not in prefixes:
            symbols.append(0)
        else:
            used[entry.phones] = used.get(entry.phones, 0) + 1
            symbols.append(used[entry.phones])
    return symbols

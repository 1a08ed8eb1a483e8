"""Every parser with a good file, to be damaged, in its place among good files."""

from __future__ import annotations

import gzip
import shutil
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.align.ctm import read_ctm
from pipeline.align.textgrid import read_textgrid
from pipeline.config import ConfigError, DecodeOptions, load_config
from pipeline.data.kaldi_dir import read_kaldi_dir
from pipeline.data.lexicon import read_lexicon
from pipeline.data.text_files import read_table
from pipeline.decode.inputs import SearchGraph
from pipeline.decode.lattice_files import read_kaldi_text
from pipeline.decode.model_directory import open_model
from pipeline.decode.options import SearchOptions
from pipeline.features.archive_list import drop_stale_list
from pipeline.features.feature_set import load_feature_set
from pipeline.gmm.model import GmmModel
from pipeline.graph.arpa import read_arpa
from pipeline.graph.jsgf import read_jsgf
from pipeline.graph.openfst import fst_bytes, parse_lattice, read_fst
from pipeline.graph.text import read_sentences
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.io.archive import read_int_vectors, read_matrices, write_int_vectors, write_matrices
from pipeline.io.errors import UserError
from pipeline.io.json_lines import read_json_lines
from pipeline.io.options import parse_options
from pipeline.io.rejects import read_rejects
from pipeline.io.symbols import SymbolTable
from pipeline.score.hypotheses import read_hypotheses
from pipeline.score.references import read_references
from pipeline.score.scoring import read_best_setting
from pipeline.score.trn import read_trn
from tests.decode.tone_model import export_tone_model

# What a program shows as one line; anything else that a parser raises is a fault.
SAID = (UserError, ConfigError, OSError)
WORDS = SymbolTable(["LOW", "HIGH"])

ARPA = b"""\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-0.5\t</s>
-99\t<s>\t-0.3
-0.7\tLOW\t-0.2
-0.9\tHIGH

\\2-grams:
-0.2\t<s> LOW
-0.3\tLOW </s>

\\end\\
"""
JSGF = b"""#JSGF V1.0;
grammar lamp;
public <command> = (/1/ turn | /2/ switch) [the] <what> (on | off)*;
<what> = lamp {x} | radio+;
"""
TEXTGRID = b"""File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.5
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 1.5
            text = "LOW"
"""
CONFIG = b"""recipe: toy
title: toy
corpus: {name: toy, options: {a: 1}}
splits: [a]
features: {sampling_rate: 8000, num_shards: 2}
gmm: {mono: {type: mono}, tri: {type: deltas, alignment: mono, num_leaves: 20}}
nnet: {net: {alignment: tri, clipping: {method: norm}}}
grammars: {g: {type: loop}}
decode: {beam: 12, lm_weights: [7, 8]}
"""
LATTICE = b"u1 \n0\t1\t1\t0.5,1.5,3_4\n1\t0.25,0.75,5\n\n"
CUT = (
    b'{"id": "u1", "start": 0.0, "duration": 0.02, "channel": 0, "supervisions": [{"id": "u1",'
    b' "recording_id": "u1", "start": 0.0, "duration": 0.02, "text": "LOW", "speaker": "s"}],'
    b' "features": {"num_frames": 2, "num_features": 3, "storage_path": "PLACE"}}\n'
)
HYPOTHESIS = (
    b'{"utterance_id": "u1", "lm_weight": 10.0, "insertion_penalty": 0.0, "words": ["LOW"],'
    b' "acoustic_cost": 1.5, "graph_cost": 0.5}\n'
)


@dataclass(frozen=True)
class Target:
    """A parser, and the file that it reads, in a folder of good files."""

    name: str
    file: str
    parse: Callable[[Path], object]  # of the folder
    seed: bytes

    def __call__(self, folder: Path, data: bytes) -> bool:
        """Put the bytes in the file's place and parse; whether they were accepted."""
        path = folder / self.file
        path.write_bytes(data)
        try:
            self.parse(folder)
        except SAID:
            return False
        return True


def _drain(items: Iterable[object]) -> None:
    for _ in items:
        pass


def make_targets(folder: Path) -> list[Target]:
    """Write the good files into a folder, and say how each is read."""
    export_tone_model(folder)
    rng = np.random.default_rng(1)
    items = [(f"u{n}", rng.normal(size=(n + 1, 3)).astype(np.float32)) for n in range(3)]
    write_matrices(folder / "m.ark", folder / "m.scp", items)
    write_int_vectors(folder / "i.ark", folder / "i.scp", [("u1", [1, 2, 3]), ("u2", [4])])
    compressed = (
        b"u1 \0BCM " + np.array([0, 1], "<f4").tobytes() + np.array([2, 3], "<i4").tobytes()
    )
    compressed += bytes(range(24)) + bytes(6)
    data = folder / "data"
    data.mkdir()
    files = {
        "wav.scp": "r1 a.wav\nr2 b.wav\n",
        "segments": "u1 r1 0.0 1.5\nu2 r2 0.5 2.0\n",
        "text": "u1 LOW\nu2 HIGH LOW\n",
        "utt2spk": "u1 s\nu2 t\n",
        "reco2dur": "r1 2.0\nr2 3.0\n",
    }
    for name, text in files.items():
        (data / name).write_text(text)
    (folder / "toy").mkdir()
    place = next(line for line in (folder / "m.scp").read_text().splitlines() if line[:2] == "u1")
    cut = CUT.replace(b"PLACE", place.split()[1].encode())
    export = folder / "export"

    def target(
        name: str, file: str, parse: Callable[[Path], object], seed: bytes | None = None
    ) -> Target:
        return Target(name, file, parse, (folder / file).read_bytes() if seed is None else seed)

    graph = folder / "graph"
    return [
        target("ark of matrices", "m.ark", lambda f: _drain(read_matrices(f / "m.ark"))),
        target("scp of matrices", "m.scp", lambda f: _drain(read_matrices(f / "m.scp"))),
        target("compressed ark", "c.ark", lambda f: _drain(read_matrices(f / "c.ark")), compressed),
        target("ark of integers", "i.ark", lambda f: _drain(read_int_vectors(f / "i.ark"))),
        *(
            target(f"data dir: {name}", f"data/{name}", lambda f: read_kaldi_dir(f / "data"))
            for name in files
        ),
        target("table", "table", lambda f: read_table(f / "table"), b"a 1\nb 2 3\n"),
        target(
            "lexicon", "lexicon.txt", lambda f: read_lexicon(f / "lexicon.txt"),
            b"LOW 0.5 l o\nLOW l\nHIGH h ai\n",
        ),
        target("symbols", "lang/words.txt", lambda f: SymbolTable.read(f / "lang/words.txt")),
        target("lang.json", "lang/lang.json", lambda f: Lang.load(f / "lang")),
        target("lexicon of a lang", "lang/lexicon.txt", lambda f: Lang.load(f / "lang")),
        target("hmm.json", "gmm/hmm.json", lambda f: Hmm.load(f / "gmm/hmm.json")),
        target("gmm.safetensors", "gmm/gmm.safetensors", lambda f: GmmModel.load(f / "gmm")),
        target(
            "transform.safetensors", "gmm/transform.safetensors", lambda f: GmmModel.load(f / "gmm")
        ),
        target("OpenFst, const", "graph/HCLG.fst", lambda f: read_fst(f / "graph/HCLG.fst")),
        target(
            "OpenFst, vector", "v.fst",
            lambda f: read_fst(f / "v.fst"), fst_bytes(read_fst(graph / "HCLG.fst")),
        ),
        target(
            "graph.json", "graph/graph.json",
            lambda _: SearchGraph.read(graph / "HCLG.fst", folder / "lang/words.txt"),
        ),
        target(
            "OpenFst lattice", "l.fst",
            lambda f: _documented(f / "l.fst"), fst_bytes(read_fst(graph / "HCLG.fst")),
        ),
        target("manifest.json", "export/manifest.json", lambda _: open_model(export)),
        target("ARPA", "a.arpa", lambda f: read_arpa(f / "a.arpa"), ARPA),
        target("JSGF", "a.jsgf", lambda f: read_jsgf(f / "a.jsgf"), JSGF),
        target("sentences", "text", lambda f: _drain(read_sentences(f / "text")), b"a b\nc\n"),
        target("TextGrid", "a.TextGrid", lambda f: read_textgrid(f / "a.TextGrid"), TEXTGRID),
        target("CTM", "a.ctm", lambda f: read_ctm(f / "a.ctm"), b"u1 1 0.00 0.50 LOW\n"),
        target("trn", "a.trn", lambda f: read_trn(f / "a.trn"), b"LOW HIGH (u1)\n(u2)\n"),
        target(
            "Kaldi's text lattices", "lat.txt",
            lambda f: _drain(read_kaldi_text(f / "lat.txt", WORDS, 10.0)), LATTICE,
        ),
        target("configuration", "toy/config.yaml", lambda f: load_config(f / "toy/config.yaml"),
               CONFIG),
        target("JSON lines", "a.jsonl", lambda f: _drain(read_json_lines(f / "a.jsonl")),
               HYPOTHESIS),
        target("JSON lines, gzip", "a.jsonl.gz",
               lambda f: _drain(read_json_lines(f / "a.jsonl.gz")),
               gzip.compress(HYPOTHESIS * 3, mtime=0)),
        target("hypotheses", "h.jsonl", lambda f: read_hypotheses(f / "h.jsonl"), HYPOTHESIS),
        target("references", "r.jsonl", lambda f: read_references(f / "r.jsonl"), cut),
        target("cuts with features", "k.jsonl", lambda f: load_feature_set(f / "k.jsonl"), cut),
        target("wer.json", "wer.json", lambda f: read_best_setting(f / "wer.json"),
               b'{"best": {"lm_weight": 10.0, "insertion_penalty": 0.5}}'),
        target("rejected.tsv", "rejected.tsv", lambda f: read_rejects(f / "rejected.tsv"),
               b"utterance_id\tfile\treason\tremedy\nu1\ta\tb\tc\n"),
        target("archives.json", "archives.json", drop_stale_list, b'{"0/feats.ark": 12}'),
        target("options of a search", "o.json",
               lambda f: SearchOptions.from_json(_text(f / "o.json")), b'{"beam": 12.0}'),
        target("options of a stage", "p.json",
               lambda f: parse_options(DecodeOptions, _text(f / "p.json"), "--options"),
               b'{"beam": 12.0, "decoders": ["k2"]}'),
    ]  # fmt: skip


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def _documented(path: Path) -> object:
    """`parse_lattice` documents three errors, which its callers turn into a line."""
    try:
        return parse_lattice(path.read_bytes())
    except (ValueError, IndexError, struct.error):
        return None


def fresh(folder: Path) -> list[Target]:
    """The targets in an emptied folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return make_targets(folder)

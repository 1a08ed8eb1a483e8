"""A recogniser of two words that are tones, LOW and HIGH, and audio with known words and times."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config import DecodeOptions, GrammarOptions, GraphOptions, LangOptions, MfccOptions
from pipeline.decode.model_directory import ModelDirectory, export_model
from pipeline.features.mfcc import Extractor
from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.model import GmmModel
from pipeline.gmm.transform import FeatureTransform
from pipeline.graph.compile import make_graph
from pipeline.graph.grammar import grammar_fst
from pipeline.graph.openfst import write_fst
from pipeline.hmm.lang import prepare_lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.topology import Topology
from pipeline.hmm.tree import monophone_tree

RATE = 8000
TONES = {"LOW": 400.0, "HIGH": 2000.0}
WORD_SECONDS = 0.3
FEATURES = MfccOptions(sampling_rate=RATE)
Said = list[tuple[str, float]]  # word, start in s


def audio(
    words: list[str], rate: int = RATE, pause: float = 0.15, lead: float = 0.4
) -> tuple[NDArray[np.float64], Said]:
    """Tones with pauses between them, faint noise all along; and when each begins."""
    rng = np.random.default_rng(len(words))
    parts: list[NDArray[np.float64]] = [np.zeros(round(lead * rate))]
    said = []
    for word in words:
        said.append((word, sum(map(len, parts)) / rate))
        time = np.arange(round(WORD_SECONDS * rate)) / rate
        parts += [0.3 * np.sin(2 * np.pi * TONES[word] * time), np.zeros(round(pause * rate))]
    parts.append(np.zeros(round(lead * rate)))
    samples = np.concatenate(parts)
    return samples + 1e-3 * rng.normal(size=len(samples)), said


def export_tone_model(folder: Path) -> ModelDirectory:
    """Train it (means and variances of each sound), and export it to folder/export."""
    lang = prepare_lang([("LOW", 1.0, ["l"]), ("HIGH", 1.0, ["h"])], LangOptions())
    lang.save(folder / "lang")
    topology = Topology.for_lang(lang)
    tree = monophone_tree(lang, topology)
    hmm = Hmm.initial(topology, tree)
    samples, said = audio(["LOW", "HIGH"] * 5)
    frames = Extractor(FEATURES).compute([samples.astype(np.float32)])[0]
    frames = frames - frames.mean(axis=0)
    times = np.arange(len(frames)) * 0.01 + 0.0125
    label = np.full(len(frames), "SIL")
    for word, start in said:
        label[(times > start) & (times < start + WORD_SECONDS)] = word[0].lower()
    means = np.zeros((tree.num_pdfs, frames.shape[1]))
    variances = np.ones_like(means)
    for phone in ("SIL", "l", "h"):
        phone_id = lang.phones[phone]
        own = frames[label == phone]
        for pdf_class in range(topology.num_pdf_classes(phone_id)):
            pdf = tree.pdf_id((phone_id,), pdf_class)
            means[pdf], variances[pdf] = own.mean(axis=0), np.maximum(own.var(axis=0), 4.0)
    offsets = np.arange(tree.num_pdfs + 1)
    gmm = AmDiagGmm(offsets, np.ones(tree.num_pdfs), means, variances)
    GmmModel(hmm, gmm, FeatureTransform(delta_order=0)).save(folder / "gmm")
    grammar = grammar_fst(lang, GrammarOptions(type="loop"))
    graph = make_graph(lang, grammar, hmm, GraphOptions())
    (folder / "graph").mkdir()
    write_fst(folder / "graph/HCLG.fst", graph.fst, "const")
    (folder / "graph/graph.json").write_text(json.dumps(graph.summary))
    return export(folder, folder / "gmm")


def export(
    folder: Path,
    model_dir: Path,
    output: str = "export",
    features: MfccOptions = FEATURES,
    rung: Path | None = None,
) -> ModelDirectory:
    """Export a model with the lang and graph of ``export_tone_model``."""
    return export_model(
        model_dir, folder / "lang", folder / "graph/HCLG.fst", features,
        DecodeOptions(lm_weight=10.0), folder / output, rung,
    )  # fmt: skip

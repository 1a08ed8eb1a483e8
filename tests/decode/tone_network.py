"""A small LSTM that hears the tones of ``tone_model``, exported with what a stream needs."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import torch

from pipeline.config import DecodeOptions, ModelOptions
from pipeline.decode.model_directory import ModelDirectory, export_model
from pipeline.features.cmvn import compute_cmvn, write_cmvn
from pipeline.features.mfcc import Extractor
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.nnet.model import AcousticModel
from pipeline.nnet.model_files import HybridModel, save_model
from tests.decode.tone_model import FEATURES, TONES, WORD_SECONDS, audio, export_tone_model

OPTIONS = ModelOptions(hidden_dim=16, num_layers=1, target_delay=4)
NUM_STEPS = 100


def export_tone_network(folder: Path, options: ModelOptions = OPTIONS) -> ModelDirectory:
    """Train it on drawn words and pauses; the export is folder/stream."""
    if not (folder / "gmm").is_dir():
        export_tone_model(folder)
    hmm, lang = Hmm.load(folder / "gmm/hmm.json"), Lang.load(folder / "lang")
    rng = np.random.default_rng(1)
    extractor = Extractor(FEATURES)
    inputs, labels = [], []
    for _ in range(8):
        words = [str(word) for word in rng.choice(list(TONES), 6)]
        pauses = rng.uniform(0.1, 0.5, 2)
        samples, said = audio(words, pause=pauses[0], lead=pauses[1] + 0.4)
        frames = extractor.compute([samples.astype(np.float32)])[0]
        times = np.arange(len(frames)) * 0.01 + 0.0125
        label = np.full(len(frames), lang.phones["SIL"])
        for word, start in said:
            inside = (times > start) & (times < start + WORD_SECONDS)
            label[inside] = lang.phones[word[0].lower()]
        inputs.append(frames)
        labels.append(label)
    everything = np.concatenate(inputs)
    offsets = np.array([0, len(everything)])
    write_cmvn(folder / "cmvn.ark", compute_cmvn(everything, offsets, ["speaker"]))
    num_pdfs = hmm.num_pdfs
    # All pdf-ids of a phone are alike to the network: (P, phones) shares.
    shares = np.zeros((len(lang.phones), num_pdfs), np.float32)
    shares[hmm.transitions.phone_of[1:], hmm.transitions.pdf_of[1:]] = 1.0
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1.0)
    torch.manual_seed(1)
    network = AcousticModel(options, everything.shape[1], num_pdfs)
    scale = torch.from_numpy(1.0 / everything.std(axis=0))
    network.front_end.set_normalisation(torch.zeros(everything.shape[1]), scale)
    optimizer = torch.optim.Adam(network.parameters(), 0.03)
    length, delay = min(map(len, inputs)), options.target_delay
    batch = torch.from_numpy(np.stack([x[:length] - x.mean(axis=0) for x in inputs]))
    targets = torch.from_numpy(np.stack([shares[y[: length - delay]] for y in labels]))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for _ in range(NUM_STEPS):
        logits = network(batch, torch.full((len(inputs),), length))[:, delay:]
        loss = -(targets * logits.log_softmax(dim=2)).sum(dim=2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.set_num_threads(threads)
    (folder / "network").mkdir(exist_ok=True)
    priors = torch.from_numpy(np.concatenate([shares[y] for y in labels]).mean(axis=0))
    save_model(folder / "network", HybridModel(network, priors.log(), 1.0), {})
    shutil.copyfile(folder / "gmm/hmm.json", folder / "network/hmm.json")
    return export_model(
        folder / "network", folder / "lang", folder / "graph/HCLG.fst", FEATURES,
        DecodeOptions(lm_weight=5.0, lattice_beam=3.0), folder / "stream", cmvn=folder / "cmvn.ark",
    )  # fmt: skip

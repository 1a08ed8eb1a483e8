"""A loaded model folder: samples in, words with times and confidences out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config import DecodeOptions
from pipeline.decode.bayes_risk import confidences, minimum_bayes_risk
from pipeline.decode.inputs import SearchGraph, Utterance
from pipeline.decode.kaldi_search import KaldiSearch
from pipeline.decode.model_directory import ModelDirectory, open_model
from pipeline.decode.n_best import n_best
from pipeline.decode.options import SearchOptions
from pipeline.decode.word_lattice import word_lattices
from pipeline.decode.word_times import TimedWord, timed_words, word_frames
from pipeline.features.cmvn import Stats, apply_cmvn, compute_cmvn
from pipeline.features.feature_set import FeatureSet
from pipeline.features.mfcc import Extractor, Frames
from pipeline.gmm.diag_gmm import with_squares
from pipeline.gmm.model import GmmModel
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.io.errors import UserError

NUM_SENTENCES = 100  # of a lattice, for confidences
SPEAKER = "speaker"


class Recogniser:
    """The model, the graph and the search."""

    def __init__(self, directory: ModelDirectory, beam: float | None = None) -> None:
        """Load the files.

        Args:
            beam: in place of the manifest's.
        Raises:
            UserError: a file does not fit the others.
        """
        folder = directory.folder
        self.features = directory.features
        self.extractor = Extractor(directory.features)
        self.lang = Lang.load(folder / "lang")
        self.transitions = Hmm.load(folder / "model/hmm.json").transitions
        decode: DecodeOptions = directory.decode
        self.options = SearchOptions(
            beam=beam or decode.beam,
            lattice_beam=decode.lattice_beam,
            max_active=decode.max_active,
            lm_weight=decode.lm_weight,
            insertion_penalty=decode.insertion_penalty,
        )
        graph = SearchGraph.read(folder / "graph/HCLG.fst", folder / "lang/words.txt")
        self.graph = graph
        self.search = KaldiSearch(graph, self.options)
        self.likelihoods = (
            _Network(folder / "model") if directory.kind == "nnet" else _Mixtures(folder / "model")
        )
        if self.likelihoods.num_pdfs != graph.num_pdfs:
            raise UserError(
                f"{folder}: the model has {self.likelihoods.num_pdfs} pdfs, the graph "
                f"{graph.num_pdfs}; export the model again"
            )

    @classmethod
    def open(cls, folder: Path, beam: float | None = None) -> Recogniser:
        """Check and load a model folder.

        Raises:
            UserError: see ``open_model``.
        """
        return cls(open_model(folder), beam)

    @property
    def sampling_rate(self) -> int:
        """Hz that the samples must have."""
        return self.features.sampling_rate

    def extract(self, samples: NDArray[np.float32]) -> Frames:
        """(n,) samples in [-1, 1] -> (T, F) features, not normalised; T may be 0."""
        return self.extractor.compute([samples])[0]

    def statistics(self, frames: Frames) -> NDArray[np.float64]:
        """Cepstral statistics of some frames; those of parts add up."""
        return compute_cmvn(frames, np.array([0, len(frames)]), [SPEAKER])[SPEAKER]

    def recognise(
        self,
        frames: Frames,
        statistics: NDArray[np.float64],
        offset: float = 0.0,
        bayes_risk: bool = False,
    ) -> list[TimedWord]:
        """Words of one segment.

        Args:
            frames: (T, F), not normalised; T may be 0.
            statistics: for cepstral mean and variance normalisation.
            offset: s at which the segment begins.
            bayes_risk: choose the sentence with the fewest expected errors, not the likeliest.
        """
        if not len(frames):
            return []
        stats: Stats = {SPEAKER: statistics}
        offsets = np.array([0, len(frames)], np.int64)
        norm_vars = self.likelihoods.norm_vars
        normalised = apply_cmvn(frames, offsets, [SPEAKER], stats, norm_vars)
        log_likes = self.likelihoods.compute(
            FeatureSet(["segment"], [SPEAKER], [""], normalised, offsets)
        )
        batch = self.search.decode([Utterance("segment", log_likes)])
        (lattice,) = word_lattices(
            batch, self.options.lm_weight, self.options.lattice_beam, self.graph.words.name
        )
        found = n_best(lattice, NUM_SENTENCES, insertion_penalty=self.options.insertion_penalty)
        chosen = minimum_bayes_risk(found).sentence if bayes_risk else found[0]
        spans = word_frames(chosen, lattice, self.lang, self.transitions)
        shares = confidences(chosen.words, found)
        return timed_words(spans, shares, self.features.frame_shift_ms / 1000.0, offset)


class _Network:
    """Log-likelihoods by a network."""

    def __init__(self, folder: Path) -> None:
        from pipeline.nnet.model_files import load_model  # loads torch's networks: not for GMMs

        self.model = load_model(folder)
        self.num_pdfs = self.model.network.num_pdfs
        self.norm_vars = bool(self.model.network.options.norm_vars)

    def compute(self, features: FeatureSet) -> NDArray[np.float32]:
        """(T, P) of a set of one utterance."""
        from pipeline.nnet.forward import forward

        ((_, log_likes),) = forward(self.model, features)
        return np.ascontiguousarray(log_likes, np.float32)


class _Mixtures:
    """Log-likelihoods by GMMs; an adapted rung's mixtures for features without fMLLR."""

    norm_vars = False

    def __init__(self, folder: Path) -> None:
        self.model = GmmModel.load(folder)
        self.num_pdfs = self.model.gmm.num_pdfs

    def compute(self, features: FeatureSet) -> NDArray[np.float32]:
        """(T, P) of a set of one utterance."""
        frames = self.model.transform.apply(features.frames, features.offsets)
        found: NDArray[np.float32] = self.model.first_pass.log_likelihoods(with_squares(frames))
        return np.ascontiguousarray(found, np.float32)

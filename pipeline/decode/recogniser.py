"""A loaded model folder: samples in, words with times and confidences out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.config import DecodeOptions
from pipeline.decode.adaptation import adapt_by_decoding
from pipeline.decode.bayes_risk import confidences, minimum_bayes_risk
from pipeline.decode.compiled_lattice import word_lattices
from pipeline.decode.inputs import SearchGraph, Utterance
from pipeline.decode.lattice import LatticeBatch
from pipeline.decode.model_directory import ModelDirectory, open_model
from pipeline.decode.n_best import n_best
from pipeline.decode.native_search import NativeSearch
from pipeline.decode.options import SearchOptions
from pipeline.decode.word_times import TimedWord, timed_words, word_frames
from pipeline.features.cmvn import Stats, apply_cmvn, compute_cmvn
from pipeline.features.feature_set import FeatureSet
from pipeline.features.mfcc import Extractor, Frames
from pipeline.gmm.diag_gmm import with_squares
from pipeline.gmm.model import GmmModel
from pipeline.gmm.transform import SpeakerTransforms, apply_fmllr
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.io.errors import UserError

if TYPE_CHECKING:
    from pipeline.nnet.model_files import HybridModel

NUM_SENTENCES = 100  # of a lattice, for confidences
SPEAKER = "speaker"
UNADAPTED: SpeakerTransforms = {}


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
        decode = directory.decode
        if beam is not None:
            decode = decode.model_copy(update={"beam": beam})
        self.decode_options: DecodeOptions = decode
        self.options = SearchOptions(
            beam=decode.beam,
            lattice_beam=decode.lattice_beam,
            max_active=decode.max_active,
            lm_weight=decode.lm_weight,
            insertion_penalty=decode.insertion_penalty,
        )
        graph = SearchGraph.read(folder / "graph/HCLG.fst", folder / "lang/words.txt")
        self.graph = graph
        self.search = NativeSearch(graph, self.options)
        self.rung: GmmModel | None = None  # whose fMLLR the model's features get
        self.likelihoods: _Network | _Mixtures
        if directory.kind == "gmm":
            self.likelihoods = _Mixtures(folder / "model")
            self.rung = self.likelihoods.model if self.likelihoods.model.is_adapted else None
        else:
            self.likelihoods = _Network(folder / "model")
            if directory.kind == "adapted_nnet":
                self.rung = GmmModel.load(folder / "adaptation")
        if self.likelihoods.num_pdfs != graph.num_pdfs:
            raise UserError(
                f"{folder}: the model has {self.likelihoods.num_pdfs} pdfs, the graph "
                f"{graph.num_pdfs}; export the model again"
            )
        self.cmvn = directory.cmvn
        self.norm_vars = self.likelihoods.norm_vars or directory.features.norm_vars
        self.folder = folder

    @classmethod
    def open(cls, folder: Path, beam: float | None = None) -> Recogniser:
        """Check and load a model folder.

        Raises:
            UserError: see ``open_model``.
        """
        return cls(open_model(folder), beam)

    @property
    def frame_shift(self) -> float:
        """Seconds from frame to frame."""
        return self.features.frame_shift_ms / 1000.0

    @property
    def network(self) -> HybridModel | None:
        """The network; none in a folder of GMMs."""
        return self.likelihoods.model if isinstance(self.likelihoods, _Network) else None

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

    @property
    def is_adapted(self) -> bool:
        """Whether ``adapt`` finds something."""
        return self.rung is not None

    def adapt(
        self, segments: Sequence[Frames], statistics: NDArray[np.float64]
    ) -> SpeakerTransforms:
        """fMLLR of one speaker, by the words that a first search finds in what was said.

        Args:
            segments: (T, F) each, not normalised.
            statistics: as for ``recognise``.
        Returns:
            Transforms for ``recognise``; none where too little was said or nothing adapts.
        """
        offsets = np.cumsum([0, *map(len, segments)], dtype=np.int64)
        if self.rung is None or not offsets[-1]:
            return UNADAPTED
        speakers = [SPEAKER] * len(segments)
        stats: Stats = {SPEAKER: statistics}
        frames = apply_cmvn(
            np.concatenate(segments), offsets, speakers, stats, self.features.norm_vars
        )
        names = [f"segment{n}" for n in range(len(segments))]
        features = FeatureSet(names, speakers, [""] * len(segments), frames, offsets)
        plain = self.rung.transform.apply(frames, offsets)
        return adapt_by_decoding(
            self.rung, self.lang, features, plain, self.graph, self.decode_options
        )

    def recognise(
        self,
        frames: Frames,
        statistics: NDArray[np.float64],
        offset: float = 0.0,
        bayes_risk: bool = False,
        transforms: SpeakerTransforms = UNADAPTED,
    ) -> list[TimedWord]:
        """Words of one segment.

        Args:
            frames: (T, F), not normalised; T may be 0.
            statistics: for cepstral mean and variance normalisation.
            offset: s at which the segment begins.
            bayes_risk: choose the sentence with the fewest expected errors, not the likeliest.
            transforms: of ``adapt``.
        """
        if not len(frames):
            return []
        log_likes = self.log_likelihoods(frames, statistics, transforms)
        batch = self.search.decode([Utterance("segment", log_likes)])
        return self.words_of(batch, offset, bayes_risk)

    def words_of(
        self, batch: LatticeBatch, offset: float = 0.0, bayes_risk: bool = False
    ) -> list[TimedWord]:
        """Words of the lattice of one segment, as ``recognise``."""
        (lattice,) = word_lattices(
            batch, self.options.lm_weight, self.options.lattice_beam, self.graph.words.name
        )
        found = n_best(lattice, NUM_SENTENCES, insertion_penalty=self.options.insertion_penalty)
        chosen = minimum_bayes_risk(found).sentence if bayes_risk else found[0]
        spans = word_frames(chosen, lattice, self.lang, self.transitions)
        shares = confidences(chosen.words, found)
        return timed_words(spans, shares, self.frame_shift, offset)

    def log_likelihoods(
        self,
        frames: Frames,
        statistics: NDArray[np.float64],
        transforms: SpeakerTransforms = UNADAPTED,
    ) -> NDArray[np.float32]:
        """(T, P) of a segment's frames, T > 0; arguments as for ``recognise``."""
        offsets = np.array([0, len(frames)], np.int64)
        normalised = apply_cmvn(frames, offsets, [SPEAKER], {SPEAKER: statistics}, self.norm_vars)
        if self.rung is not None:
            plain = self.rung.transform.apply(normalised, offsets)
            normalised = apply_fmllr(plain, offsets, [SPEAKER], transforms)
        features = FeatureSet(["segment"], [SPEAKER], [""], normalised, offsets)
        return self.likelihoods.compute(features, bool(transforms))


class _Network:
    """Log-likelihoods by a network."""

    def __init__(self, folder: Path) -> None:
        from pipeline.nnet.model_files import load_model  # loads torch's networks: not for GMMs

        self.model = load_model(folder)
        self.num_pdfs = self.model.network.num_pdfs
        self.norm_vars = bool(self.model.network.options.norm_vars)

    def compute(self, features: FeatureSet, is_adapted: bool) -> NDArray[np.float32]:
        """(T, P) of a set of one utterance."""
        from pipeline.nnet.forward import forward

        ((_, log_likes),) = forward(self.model, features)
        return np.ascontiguousarray(log_likes, np.float32)


class _Mixtures:
    """Log-likelihoods by GMMs; an adapted rung has others for features without fMLLR."""

    norm_vars = False

    def __init__(self, folder: Path) -> None:
        self.model = GmmModel.load(folder)
        self.num_pdfs = self.model.gmm.num_pdfs

    def compute(self, features: FeatureSet, is_adapted: bool) -> NDArray[np.float32]:
        """(T, P) of a set of one utterance; an adapted rung's come transformed."""
        frames = features.frames
        if not self.model.is_adapted:
            frames = self.model.transform.apply(frames, features.offsets)
        gmm = self.model.gmm if is_adapted else self.model.first_pass
        found: NDArray[np.float32] = gmm.log_likelihoods(with_squares(frames))
        return np.ascontiguousarray(found, np.float32)

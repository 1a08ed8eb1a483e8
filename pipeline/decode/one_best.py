"""The best path alone, by kaldi-decoder's FasterDecoder: much lighter than a lattice."""

from __future__ import annotations

import kaldi_decoder
import numpy as np
from numpy.typing import NDArray

from pipeline.decode.inputs import SearchGraph
from pipeline.decode.options import Setting
from pipeline.graph.exchange import lattice_from_kaldifst, to_kaldifst


class OneBest:
    """Words of the best path in one graph: Kaldi's FasterDecoder, at one setting."""

    def __init__(
        self, graph: SearchGraph, setting: Setting, beam: float, max_active: int = 7000
    ) -> None:
        self.pdf_of = graph.pdf_of[1:]
        self.scale = 1.0 / setting.lm_weight
        self.words = graph.words
        self.fst = to_kaldifst(graph.fst)
        self.options = kaldi_decoder.FasterDecoderOptions(beam=beam, max_active=max_active)

    def words_of(self, log_likes: NDArray[np.float32]) -> list[str]:
        """(T, P) log-likelihoods -> words; of the best partial path if none comes to an end."""
        scaled = np.ascontiguousarray((log_likes * self.scale)[:, self.pdf_of], np.float32)
        decoder = kaldi_decoder.FasterDecoder(self.fst, self.options)
        decoder.decode(kaldi_decoder.DecodableCtc(scaled))
        found, path = decoder.get_best_path()
        if not found:
            return []
        labels = lattice_from_kaldifst(path).olabel
        return [self.words.name(int(label)) for label in labels if label]

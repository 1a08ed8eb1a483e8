"""Log-likelihoods of a whole set of utterances from a trained network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from pipeline.features.feature_set import FeatureSet
from pipeline.io.errors import UserError
from pipeline.nnet.batches import FrameStore
from pipeline.nnet.model_files import HybridModel

BATCH_FRAMES = 8000  # padded frames run at once
CHUNK_VALUES = 16_000_000  # results kept in memory: float32, 64 MB


def forward(
    model: HybridModel, features: FeatureSet
) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """Yield (utterance_id, (T, P) log posterior - prior_scale * log prior), in the set's order.

    That is log p(x | pdf) up to a constant per frame (Bayes; Bourlard and Morgan 1994,
    Connectionist Speech Recognition). A target delay is taken out: row t belongs to frame t.

    Raises:
        UserError: the features are not as wide as the network's input.
    """
    network = model.network
    if features.dim != network.feature_dim:
        raise UserError(
            f"features: {features.dim} values a frame, the network was trained on "
            f"{network.feature_dim}; extract features with the options of its training"
        )
    network.eval()
    chunk_frames = max(1, CHUNK_VALUES // network.num_pdfs)
    start = 0
    while start < features.num_utterances:
        limit = features.offsets[start] + chunk_frames
        end = max(start + 1, int(np.searchsorted(features.offsets, limit, side="right")) - 1)
        chunk = features.select(range(start, end))
        results = _forward_chunk(model, chunk)
        yield from zip(chunk.utterance_ids, results, strict=True)
        start = end


@torch.inference_mode()
def _forward_chunk(model: HybridModel, chunk: FeatureSet) -> list[npt.NDArray[np.float32]]:
    delay = model.network.options.target_delay
    store = FrameStore(chunk, target_delay=delay)
    scaled_priors = model.prior_scale * model.log_priors
    results: list[npt.NDArray[np.float32]] = [np.empty(0, np.float32)] * chunk.num_utterances
    for indices in store.batches_by_length(BATCH_FRAMES):
        batch = store.pad(indices)
        log_posteriors = model.network(batch.features, batch.lengths).log_softmax(dim=2)
        log_likelihoods = (log_posteriors - scaled_priors).numpy()  # [N, T, P]
        for row, i in enumerate(indices):
            results[i] = log_likelihoods[row, delay : delay + store.num_frames[i]].copy()
    return results

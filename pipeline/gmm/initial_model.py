"""What a rung starts with: its transform, the statistics of its tree, its first mixtures."""

from __future__ import annotations

import numpy as np

from pipeline.config import GmmOptions
from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.lda import LdaStatistics, estimate_lda
from pipeline.gmm.model import GmmModel
from pipeline.gmm.shards import Shard
from pipeline.gmm.transform import FeatureTransform, SpeakerTransforms
from pipeline.gmm.tree_statistics import TreeStatistics, accumulate_tree_statistics
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.topology import Topology
from pipeline.hmm.tree import ContextDependency
from pipeline.io.errors import UserError


def global_gaussian(shards: list[Shard], transform: FeatureTransform, num_pdfs: int) -> AmDiagGmm:
    """Every pdf the same Gaussian: mean and variance of all frames (gmm-init-mono)."""
    count, total, square = 0, np.zeros(1), np.zeros(1)
    for shard in shards:
        frames = shard.frames(shard.features(), transform)
        count += len(frames)
        total = total + frames.sum(axis=0, dtype=np.float64)
        square = square + np.einsum("td,td->d", frames, frames, dtype=np.float64)
    mean = total / count
    variance = np.maximum(square / count - mean**2, 1e-3)
    return AmDiagGmm(
        np.arange(num_pdfs + 1, dtype=np.int64),
        np.ones(num_pdfs),
        np.tile(mean, (num_pdfs, 1)),
        np.tile(variance, (num_pdfs, 1)),
    )


def initial_transform(
    shards: list[Shard], options: GmmOptions, source: GmmModel
) -> FeatureTransform:
    """Deltas; or LDA of spliced frames with the source's pdfs as classes; or the source's own."""
    if options.type == "deltas":
        return FeatureTransform()
    if options.type == "sat":
        return source.transform
    spliced = FeatureTransform(context=options.splice_context)
    stats: LdaStatistics | None = None
    for shard in shards:
        frames = shard.frames(shard.features(), spliced)
        if stats is None:
            stats = LdaStatistics.zeros(source.hmm.num_pdfs, frames.shape[1])
        stats.accumulate(frames, source.hmm.transitions.pdf_of[shard.alignment])
    assert stats is not None
    try:
        matrix = estimate_lda(stats, min(options.lda_dim, stats.second.shape[0]))
    except ValueError as error:
        raise UserError(f"LDA: {error}; use more training data or a smaller context") from None
    return FeatureTransform(context=options.splice_context, matrix=matrix)


def tree_statistics(
    lang: Lang,
    shards: list[Shard],
    hmm: Hmm,
    transform: FeatureTransform,
    fmllr: SpeakerTransforms | None,
) -> TreeStatistics:
    """Statistics of all phones in context of ``hmm``'s alignments, for the new tree."""
    total: TreeStatistics | None = None
    for shard in shards:
        features = shard.features()
        found = accumulate_tree_statistics(
            hmm,
            shard.alignment,
            shard.frames(features, transform, fmllr),
            features.offsets,
            lang.silence_phone_ids(),
        )
        total = found if total is None else total.merged(found)
    assert total is not None
    return total


def mixtures_from_tree(
    statistics: TreeStatistics, topology: Topology, tree: ContextDependency
) -> AmDiagGmm:
    """One Gaussian a leaf from the tree's statistics; a leaf without data gets the global one."""
    dim = (statistics.stats.shape[1] - 1) // 2
    per_pdf = np.zeros((tree.num_pdfs, 1 + 2 * dim))
    for (left, phone, right, pdf_class), row in zip(
        statistics.events.tolist(), statistics.stats, strict=True
    ):
        per_pdf[tree.pdf_id((left, phone, right), pdf_class)] += row
    per_pdf[per_pdf[:, 0] < 1] = statistics.stats.sum(axis=0)
    mean = per_pdf[:, 1 : 1 + dim] / per_pdf[:, :1]
    variance = np.maximum(per_pdf[:, 1 + dim :] / per_pdf[:, :1] - mean**2, 0.01)
    offsets = np.arange(tree.num_pdfs + 1, dtype=np.int64)
    return AmDiagGmm(offsets, np.ones(tree.num_pdfs), mean, variance)

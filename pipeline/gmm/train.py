"""Training of one rung of the ladder: mono, deltas, LDA + MLLT, SAT.

Source: Kaldi's steps/train_mono.sh, train_deltas.sh, train_lda_mllt.sh and train_sat.sh, with their
order of operations: realign, estimate transforms, accumulate, update, split.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import AlignOptions, GmmOptions
from pipeline.gmm.aligner import Alignment, align, align_equally
from pipeline.gmm.build_tree import build_tree
from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.fmllr import FmllrStatistics, estimate_fmllr
from pipeline.gmm.lda import LdaStatistics, estimate_lda
from pipeline.gmm.mllt import MlltStatistics, estimate_mllt, transform_means
from pipeline.gmm.model import GmmModel
from pipeline.gmm.questions import automatic_questions
from pipeline.gmm.shards import Shard, sort_frames
from pipeline.gmm.sorted_frames import SortedFrames, accumulate_sorted
from pipeline.gmm.statistics import GmmStatistics
from pipeline.gmm.transform import FeatureTransform
from pipeline.gmm.tree_statistics import TreeStatistics, accumulate_tree_statistics
from pipeline.gmm.update import mix_up, update_gmm
from pipeline.gmm.workers import SERIAL, Workers, one_blas_thread
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.segments import convert_alignment
from pipeline.hmm.topology import Topology
from pipeline.hmm.tree import ContextDependency, monophone_tree
from pipeline.io.errors import UserError

Report = Callable[[dict[str, Any]], None]
Fmllr = dict[str, NDArray[np.float64]]
FIRST_MONO_BEAM = 6.0  # train_mono.sh: narrow until the models mean something
FIRST_MONO_MIN_OCCUPANCY = 3.0


@dataclass
class Training:
    """State of a rung in training."""

    lang: Lang
    shards: list[Shard]
    options: GmmOptions
    align_options: AlignOptions
    model: GmmModel
    rng: np.random.Generator
    report: Report
    workers: Workers = SERIAL
    fmllr: Fmllr | None = None
    num_failed: int = 0
    num_retried: int = 0

    def realign(self, beam: float) -> None:
        """Align all data with the current model; what fails is left out until the next time."""
        self.num_failed = self.num_retried = 0
        for shard in self.shards:
            found = self._align_shard(shard, beam)
            shard.alignment = found.transition_ids
            self.num_failed += int((~found.aligned).sum())
            self.num_retried += int(found.retried.sum())
        self.check_alignments()

    def _align_shard(self, shard: Shard, beam: float) -> Alignment:
        features, hmm = shard.features(), self.model.hmm
        return align(
            shard.graphs(self.lang, hmm, features),
            hmm,
            self.model.gmm,
            shard.frames(features, self.model.transform, self.fmllr),
            features.offsets,
            beam,
            self.options.retry_beam,
            self.align_options.acoustic_scale,
            self.align_options.transition_scale,
            self.align_options.self_loop_scale,
            (silence_pdfs(self.lang, hmm), self.options.boost_silence),
            self.workers,
        )

    def check_alignments(self) -> None:
        """Stop where nothing at all was aligned."""
        if not any((shard.alignment > 0).any() for shard in self.shards):
            raise UserError(
                "no utterance could be aligned; check that transcripts belong to the audio, "
                "or widen gmm.*.retry_beam"
            )

    def _sorted_frames(self, shard: Shard) -> SortedFrames:
        """Frames as the model sees them, by pdf."""
        frames = shard.frames(shard.features(), self.model.transform, self.fmllr)
        return shard.sorted_frames(self.model.hmm, frames)

    def iterate(self, iteration: int, target: int, min_occupancy: float = 10.0) -> None:
        """Accumulate over all shards, update, and split up to ``target`` Gaussians."""
        started = time.perf_counter()
        model = self.model
        total = GmmStatistics.zeros(model.gmm)
        counts = np.zeros(model.hmm.transitions.num_transition_ids + 1)
        for shard in self.shards:
            accumulate_sorted(model.gmm, self._sorted_frames(shard), total, workers=self.workers)
            counts += np.bincount(shard.alignment, minlength=len(counts))
        counts[0] = 0
        transitions = model.hmm.transitions
        transitions.update(counts)
        # Frames, not sums of posteriors: whole numbers, the same for any number of shards.
        pdf_occupancy = np.zeros(transitions.num_pdfs)
        np.add.at(pdf_occupancy, transitions.pdf_of[1:], counts[1:])
        model.gmm, num_removed, num_floored = update_gmm(model.gmm, total, min_occupancy)
        model.gmm = mix_up(model.gmm, pdf_occupancy, target, self.options.power, self.rng)
        self.report(
            {
                "iteration": iteration,
                "log_likelihood": total.log_likelihood / total.num_frames,
                "num_frames": int(total.num_frames),
                "num_gaussians": model.gmm.num_gaussians,
                "num_removed": num_removed,
                "num_floored": num_floored,
                "num_retried": self.num_retried,
                "num_failed": self.num_failed,
                "seconds": round(time.perf_counter() - started, 3),
            }
        )

    def run(self, num_gaussians: int) -> None:
        """All iterations after the first model, which has ``num_gaussians``."""
        options = self.options
        step = (options.num_gaussians - num_gaussians) // options.max_increase_iteration
        target = num_gaussians
        for iteration in range(1, options.num_iterations):
            if iteration in options.realign_iterations:
                early = options.type == "mono" and iteration == 1
                self.realign(FIRST_MONO_BEAM if early else options.beam)
            if options.type == "lda_mllt" and iteration in options.mllt_iterations:
                self.estimate_mllt()
            if options.type == "sat" and iteration in options.fmllr_iterations:
                self.fmllr = self.estimate_fmllr()
            self.iterate(iteration, target)
            if iteration <= options.max_increase_iteration:
                target += max(step, 0)

    def estimate_mllt(self) -> None:
        """Another square matrix after the transform, and the means with it."""
        stats = MlltStatistics.zeros(self.model.gmm.dim)
        for shard in self.shards:
            stats.accumulate_sorted(self.model.gmm, self._sorted_frames(shard), self.workers)
        matrix, gain = estimate_mllt(stats)
        self.report({"mllt_gain": gain})
        self.model.transform = self.model.transform.then(matrix)
        self.model.gmm = transform_means(self.model.gmm, matrix)

    def estimate_fmllr(self) -> Fmllr:
        """Each training speaker's transform with the current model, on features without fMLLR."""
        stats = FmllrStatistics()
        for shard in self.shards:
            self._accumulate_fmllr(shard, stats)
        transforms, gain = estimate_fmllr(stats, workers=self.workers)
        self.report({"fmllr_gain": gain, "num_speakers": len(transforms)})
        return transforms

    def _accumulate_fmllr(self, shard: Shard, stats: FmllrStatistics) -> None:
        features, model = shard.features(), self.model
        stats.accumulate(
            model.gmm,
            model.gmm,
            shard.frames(features, model.transform, self.fmllr),
            shard.frames(features, model.transform),
            features.offsets,
            features.speakers,
            sort_frames(model.hmm, shard.alignment, silence_pdfs(self.lang, model.hmm)),
            self.workers,
        )

    def speaker_independent(self) -> AmDiagGmm:
        """Mixtures for features without fMLLR, by posteriors of the adapted ones."""
        total = GmmStatistics.zeros(self.model.gmm)
        for shard in self.shards:
            adapted = self._sorted_frames(shard)
            plain = shard.frames(shard.features(), self.model.transform)
            moments = shard.sorted_frames(self.model.hmm, plain)
            accumulate_sorted(self.model.gmm, adapted, total, moments, self.workers)
        # No Gaussian may be removed: both models must keep the same ones.
        return _same_gaussians(self.model.gmm, total)


def _same_gaussians(gmm: AmDiagGmm, total: GmmStatistics) -> AmDiagGmm:
    seen = total.occupancy > 1.0
    occupancy = np.maximum(total.occupancy, 1e-10)[:, None]
    mean = np.where(seen[:, None], total.moments[:, : gmm.dim] / occupancy, gmm.means)
    square = total.moments[:, gmm.dim :] / occupancy - mean**2
    variance = np.where(seen[:, None], np.maximum(square, 1e-3), gmm.variances)
    return AmDiagGmm(gmm.offsets, gmm.weights, mean, variance)


def silence_pdfs(lang: Lang, hmm: Hmm) -> NDArray[np.int32]:
    """Pdfs of the silence phones."""
    inside = np.isin(hmm.transitions.phone_of, lang.silence_phone_ids())
    return np.unique(hmm.transitions.pdf_of[inside])


@one_blas_thread
def train_rung(
    lang: Lang,
    shards: list[Shard],
    options: GmmOptions,
    align_options: AlignOptions,
    seed: int,
    report: Report,
    source: GmmModel | None = None,
    workers: Workers = SERIAL,
) -> GmmModel:
    """Train a rung.

    Args:
        shards: data; but for mono, with alignments of ``source`` set.
        source: the rung whose alignments start this one.
    Raises:
        UserError: no utterance could be aligned, or too little data.
    """
    rng = np.random.default_rng([seed, zlib.crc32(options.type.encode())])
    if options.type == "mono":
        return _train_mono(lang, shards, options, align_options, seed, rng, report, workers)
    assert source is not None
    transform = _initial_transform(shards, options, source)
    fmllr: Fmllr | None = None
    if options.type == "sat":
        first = Training(lang, shards, options, align_options, source, rng, report, workers)
        fmllr = first.estimate_fmllr()
    statistics = _tree_statistics(lang, shards, source.hmm, transform, fmllr)
    topology = source.hmm.topology
    tree = build_tree(
        statistics,
        topology,
        lang.phone_set_ids(),
        lang.silence_phone_ids(),
        automatic_questions(statistics, lang.phone_set_ids()) + lang.position_questions(),
        options.num_leaves,
    )
    hmm = Hmm.initial(topology, tree)
    for shard in shards:
        features = shard.features()
        shard.alignment = convert_alignment(source.hmm, hmm, shard.alignment, features.offsets)
    gmm = mixtures_from_tree(statistics, topology, tree)
    report({"num_pdfs": tree.num_pdfs, "num_leaves": options.num_leaves})
    model = GmmModel(hmm, gmm, transform)
    training = Training(lang, shards, options, align_options, model, rng, report, workers, fmllr)
    training.run(num_gaussians=min(options.num_leaves, options.num_gaussians))
    if options.type == "sat":
        model.speaker_independent = training.speaker_independent()
    return model


def _train_mono(
    lang: Lang,
    shards: list[Shard],
    options: GmmOptions,
    align_options: AlignOptions,
    seed: int,
    rng: np.random.Generator,
    report: Report,
    workers: Workers,
) -> GmmModel:
    topology = Topology.for_lang(lang)
    tree = monophone_tree(lang, topology)
    hmm = Hmm.initial(topology, tree)
    transform = FeatureTransform()
    gmm = _global_gaussian(shards, transform, tree.num_pdfs)
    training = Training(
        lang, shards, options, align_options, GmmModel(hmm, gmm, transform), rng, report, workers
    )
    for shard in shards:
        features = shard.features()
        first = align_equally(
            shard.graphs(lang, hmm, features),
            hmm,
            features.offsets,
            features.utterance_ids,
            seed,
            lang.silence_phone_ids() if options.start_with_silence else None,
        )
        shard.alignment = first.transition_ids
        training.num_failed += int((~first.aligned).sum())
    training.check_alignments()
    training.iterate(0, tree.num_pdfs, FIRST_MONO_MIN_OCCUPANCY)
    training.run(num_gaussians=tree.num_pdfs)
    return training.model


def _global_gaussian(shards: list[Shard], transform: FeatureTransform, num_pdfs: int) -> AmDiagGmm:
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


def _initial_transform(
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


def _tree_statistics(
    lang: Lang,
    shards: list[Shard],
    hmm: Hmm,
    transform: FeatureTransform,
    fmllr: Fmllr | None,
) -> TreeStatistics:
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

"""The iterations of a rung: realign, estimate transforms, accumulate, update, split.

Source: Kaldi's steps/train_mono.sh, train_deltas.sh, train_lda_mllt.sh and train_sat.sh, with their
order of operations.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.config import AlignOptions, GmmOptions
from pipeline.gmm.aligner import Alignment, align
from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.fmllr import FmllrStatistics, estimate_fmllr
from pipeline.gmm.mllt import MlltStatistics, estimate_mllt, transform_means
from pipeline.gmm.model import GmmModel
from pipeline.gmm.shards import Shard, sort_frames
from pipeline.gmm.sorted_frames import SortedFrames, accumulate_sorted
from pipeline.gmm.statistics import GmmStatistics
from pipeline.gmm.transform import SpeakerTransforms
from pipeline.gmm.update import mix_up, update_gmm
from pipeline.gmm.workers import SERIAL, Workers
from pipeline.hmm.lang import Lang
from pipeline.io.errors import UserError

Report = Callable[[dict[str, Any]], None]
FIRST_MONO_BEAM = 6.0  # train_mono.sh: narrow until the models mean something


@dataclass
class Iterations:
    """State of a rung in training."""

    lang: Lang
    shards: list[Shard]
    options: GmmOptions
    align_options: AlignOptions
    model: GmmModel
    rng: np.random.Generator
    report: Report
    workers: Workers = SERIAL
    fmllr: SpeakerTransforms | None = None
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
            self.align_options.model_copy(
                update={"beam": beam, "retry_beam": self.options.retry_beam}
            ),
            (hmm.pdfs_of(self.lang.silence_phone_ids()), self.options.boost_silence),
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

    def estimate_fmllr(self) -> SpeakerTransforms:
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
            sort_frames(
                model.hmm, shard.alignment, model.hmm.pdfs_of(self.lang.silence_phone_ids())
            ),
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

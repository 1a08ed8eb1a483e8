"""The GMM-HMM ladder and its alignments."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.base import Count, Fraction, Name, Options, Positive


class GmmOptions(Options):
    """One rung of the GMM-HMM ladder (Kaldi's steps/train_{mono,deltas,lda_mllt,sat}.sh)."""

    type: Literal["mono", "deltas", "lda_mllt", "sat"]
    alignment: Name | None = None  # rung whose alignments start this one (not for mono)
    num_iterations: Count = 35
    realign_iterations: tuple[int, ...] = (10, 20, 30)
    max_increase_iteration: Count = 25  # last iteration that adds Gaussians
    num_gaussians: Count = 1000  # total at the end
    num_leaves: Count = 500  # of the tree, before clustering (not for mono)
    power: Fraction = 0.25  # exponent of the occupancy in sharing Gaussians among pdfs
    splice_context: Annotated[int, Field(ge=0)] = 3  # frames each side (lda_mllt, sat)
    lda_dim: Count = 40
    mllt_iterations: tuple[int, ...] = (2, 4, 6, 12)
    fmllr_iterations: tuple[int, ...] = (2, 4, 6, 12)
    beam: Positive = 10.0  # alignment, in scaled costs
    retry_beam: Positive = 40.0
    boost_silence: Positive = 1.0
    # mono: the first, equal alignment takes every optional silence; for speech with real pauses
    # (Kaldi draws at random whether a silence is taken).
    start_with_silence: bool = False
    max_training_utterances: int | None = None  # mono: only the shortest, as Kaldi's recipes do
    num_shards: Count = 1  # data is read and accumulated shard by shard


class AlignOptions(Options):
    """Final alignment of a rung (Kaldi's steps/align_si.sh, align_fmllr.sh)."""

    beam: Positive = 10.0
    retry_beam: Positive = 40.0
    acoustic_scale: Positive = 0.1
    transition_scale: Positive = 1.0
    self_loop_scale: Positive = 0.1

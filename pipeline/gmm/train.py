"""Training of one rung of the ladder: mono, deltas, LDA + MLLT, SAT.

Source: Kaldi's steps/train_mono.sh, train_deltas.sh, train_lda_mllt.sh and train_sat.sh.
"""

from __future__ import annotations

import zlib

import numpy as np

from pipeline.config import AlignOptions, GmmOptions
from pipeline.gmm.aligner import align_equally
from pipeline.gmm.build_tree import build_tree
from pipeline.gmm.initial_model import (
    global_gaussian,
    initial_transform,
    mixtures_from_tree,
    tree_statistics,
)
from pipeline.gmm.iterations import Iterations, Report
from pipeline.gmm.model import GmmModel
from pipeline.gmm.questions import automatic_questions
from pipeline.gmm.shards import Shard
from pipeline.gmm.transform import FeatureTransform, SpeakerTransforms
from pipeline.gmm.workers import SERIAL, Workers, one_blas_thread
from pipeline.hmm.lang import Lang
from pipeline.hmm.model import Hmm
from pipeline.hmm.segments import convert_alignment
from pipeline.hmm.topology import Topology
from pipeline.hmm.tree import monophone_tree

FIRST_MONO_MIN_OCCUPANCY = 3.0


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
    transform = initial_transform(shards, options, source)
    fmllr: SpeakerTransforms | None = None
    if options.type == "sat":
        first = Iterations(lang, shards, options, align_options, source, rng, report, workers)
        fmllr = first.estimate_fmllr()
    statistics = tree_statistics(lang, shards, source.hmm, transform, fmllr)
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
    training = Iterations(lang, shards, options, align_options, model, rng, report, workers, fmllr)
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
    gmm = global_gaussian(shards, transform, tree.num_pdfs)
    training = Iterations(
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

"""Training of a voice: durations by counting, parameters by a recurrent network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.config import SynthesisOptions
from pipeline.features.feature_set import FeatureSet
from pipeline.hmm.lang import Lang
from pipeline.io.errors import UserError
from pipeline.nnet.progress import Reporter
from pipeline.nnet.targets import TrainingSet
from pipeline.nnet.train import train
from pipeline.synthesis.durations import DurationModel
from pipeline.synthesis.linguistic import LinguisticFeatures
from pipeline.synthesis.regression import Regression
from pipeline.synthesis.spoken import Spoken
from pipeline.synthesis.vocoder import Vocoder
from pipeline.synthesis.voice import Normalisation, VoiceDescription

MIN_UTTERANCES = 10


def train_voice(
    spoken: Sequence[Spoken],
    vocoder: Vocoder,
    lang: Lang,
    options: SynthesisOptions,
    seed: int,
    output_dir: Path,
    reporter: Reporter | None = None,
) -> None:
    """Write voice.json, and what `nnet.train` writes.

    Raises:
        UserError: too few utterances; see `nnet.train` too.
    """
    if len(spoken) < MIN_UTTERANCES:
        raise UserError(
            f"synthesis: {len(spoken)} utterances can be used, at least {MIN_UTTERANCES} are "
            "needed; see rejected.tsv"
        )
    num_phones = max(*lang.silence_phone_ids(), *lang.nonsilence_phone_ids())
    linguistic = LinguisticFeatures(num_phones, options.speakers)
    blocks = [linguistic.rows(item.phones, item.recording.speaker) for item in spoken]
    offsets = np.concatenate([[0], np.cumsum([len(block) for block in blocks])]).astype(np.int64)
    features = FeatureSet(
        [item.recording.utterance_id for item in spoken],
        [item.recording.speaker for item in spoken],
        [" ".join(item.recording.words) for item in spoken],
        np.concatenate(blocks),
        offsets,
    )
    normalisation = Normalisation.estimate(np.concatenate([item.parameters for item in spoken]))
    targets = {item.recording.utterance_id: normalisation.apply(item.parameters) for item in spoken}
    description = VoiceDescription(
        vocoder,
        num_phones,
        lang.phones[lang.optional_silence],
        round(options.pause_ms / options.vocoder.frame_shift_ms),
        options.speakers,
        {
            word: tuple(lang.phones[name] for name in found[0].phones)
            for word, found in lang.pronunciations.items()
        },
        DurationModel.estimate((item.recording.speaker, item.phones) for item in spoken),
        normalisation,
    )
    dummy = np.zeros(features.num_frames, np.int64)  # the loop wants a pdf-id a frame
    train(
        TrainingSet(features, dummy, []),
        vocoder.dim,
        options,
        seed,
        output_dir,
        reporter=reporter,
        criterion=Regression(targets),
    )
    description.save(output_dir)

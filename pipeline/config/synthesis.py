"""Voices: networks that speak, and the recogniser that judges them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from pipeline.config.base import Count, Name, Options, Positive
from pipeline.config.clipping import ClippingOptions
from pipeline.config.network import ModelOptions, NetworkOptions, TrainOptions


class VocoderOptions(Options):
    """WORLD's parameters (Morise, Yokomori and Ozawa 2016)."""

    frame_shift_ms: Positive = 5.0
    num_coefficients: Annotated[int, Field(ge=2, le=60)] = 25  # of the coded spectral envelope
    num_bands: Count = 4  # of the aperiodicity, equally wide
    f0_floor: Positive = 71.0  # Hz
    f0_ceiling: Positive = 500.0


class JudgeOptions(Options):
    """What is spoken to the recogniser."""

    model: Name  # the GMM rung that recognises; it has heard the same training set
    grammar: Name
    rates: Annotated[tuple[Positive, ...], Field(min_length=1)] = (0.9, 1.0, 1.1)  # of single words
    num_strings: Count = 30  # for each speaker
    min_words: Count = 2  # of a string
    max_words: Count = 5


class SynthesisOptions(NetworkOptions):
    """A voice: phones and durations in, parameters of the vocoder out."""

    model: ModelOptions = ModelOptions(type="blstm", num_layers=1, hidden_dim=64)
    training: TrainOptions = TrainOptions(num_epochs=15, batch_frames=4000, learning_rate=3e-3)
    clipping: ClippingOptions = ClippingOptions(method="norm", threshold=5.0)
    prior_scale: Annotated[float, Field(ge=0)] = 0.0
    alignment: Name  # the rung whose alignment names the phones
    speakers: Annotated[tuple[str, ...], Field(min_length=1)]  # of the corpus; one voice for all
    vocoder: VocoderOptions = VocoderOptions()
    pause_ms: Annotated[float, Field(ge=0)] = 100.0  # before, between and after words
    judge: JudgeOptions | None = None  # null: nobody listens; the workflow needs one

    @model_validator(mode="after")
    def _regression(self) -> SynthesisOptions:
        if self.model.frame_subsampling > 1:
            raise ValueError("'model.frame_subsampling': a vocoder needs every frame; use 1")
        if self.augment != type(self.augment)():
            raise ValueError("'augment': there is nothing to perturb in phones")
        if self.training.wer_epochs or self.training.label_smoothing:
            raise ValueError("'training': a voice has neither 'wer_epochs' nor 'label_smoothing'")
        if self.clipping.loss_tau is not None:
            raise ValueError("'clipping.loss_tau' is for pdf-ids")
        return self

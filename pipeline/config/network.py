"""Networks: shape, perturbation, training."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from pipeline.config.base import Count, Name, Options, Positive
from pipeline.config.clipping import ClippingOptions
from pipeline.config.compression import (
    DistillOptions,
    PruneOptions,
    QuantizeOptions,
    TransferOptions,
)


class ModelOptions(Options):
    """The network. A frame of a layer is `frame_subsampling` frames of the input."""

    type: Literal["drnn", "lstm", "lstmp", "blstm", "lc_blstm", "tdnn_lstm"] = "lstm"
    num_layers: Count = 2  # recurrent ones
    hidden_dim: Count = 128
    projection_dim: int | None = None  # lstmp, which needs it, and tdnn_lstm
    chunk_frames: Count | None = None  # lc_blstm: centre frames of a chunk
    right_context: Annotated[int, Field(ge=0)] | None = None  # lc_blstm: frames seen after a chunk
    # tdnn_lstm: for each recurrent layer, the dilations d of the TDNN layers before it, each of
    # which reads frames (-d, 0, d); Kaldi's run_tdnn_lstm recipes have 1 at first, then 3.
    tdnn_dilations: tuple[tuple[Count, ...], ...] | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0  # after every layer
    layer_norm: bool = False  # after every layer; in TDNN layers instead of batch normalisation
    norm_vars: bool = False  # divide by each speaker's standard deviation, beside its mean
    splice_context: Annotated[int, Field(ge=0)] = 0  # input frames each side
    deltas: Annotated[int, Field(ge=0, le=2)] = 0  # order of delta features appended
    target_delay: Annotated[int, Field(ge=0)] = 0  # frames the output lags the input (not blstm)
    # Layers run on every so-manyth frame; what lies between is seen through splice_context.
    frame_subsampling: Annotated[int, Field(ge=1, le=10)] = 1

    @model_validator(mode="after")
    def _fits_type(self) -> ModelOptions:
        if self.type == "lstmp" and self.projection_dim is None:
            raise ValueError("type lstmp needs 'projection_dim'")
        if self.type not in ("lstmp", "tdnn_lstm") and self.projection_dim is not None:
            raise ValueError("'projection_dim' belongs to types lstmp and tdnn_lstm")
        if self.projection_dim is not None and not 0 < self.projection_dim < self.hidden_dim:
            raise ValueError("'projection_dim' must be above 0 and below 'hidden_dim'")
        if self.type in ("blstm", "lc_blstm") and self.target_delay:
            raise ValueError(f"'target_delay' is for networks that see no future; {self.type} does")
        for name, kind in (
            ("chunk_frames", "lc_blstm"),
            ("right_context", "lc_blstm"),
            ("tdnn_dilations", "tdnn_lstm"),
        ):
            if (self.type == kind) != (getattr(self, name) is not None):
                raise ValueError(f"'{name}' belongs to type {kind}, and {kind} needs it")
        if self.tdnn_dilations is not None and len(self.tdnn_dilations) != self.num_layers:
            raise ValueError(
                f"'tdnn_dilations' has {len(self.tdnn_dilations)} lists; one for each of the "
                f"{self.num_layers} recurrent layers"
            )
        return self


class AugmentOptions(Options):
    """Perturbations of the training audio or features."""

    speed_factors: tuple[Positive, ...] = ()  # e.g. (0.9, 1.1): copies beside the original
    vtln_warps: tuple[Positive, ...] = ()  # e.g. (0.9, 1.1): copies with a warped frequency axis
    volume_db: Annotated[float, Field(ge=0)] = 0.0  # uniform in ± this
    noise_snr_db: tuple[float, float] | None = None  # white noise at an SNR drawn from this range
    time_masks: Annotated[int, Field(ge=0)] = 0
    time_mask_frames: Annotated[int, Field(ge=0)] = 10
    frequency_masks: Annotated[int, Field(ge=0)] = 0
    frequency_mask_bins: Annotated[int, Field(ge=0)] = 3

    @property
    def perturbs_audio(self) -> bool:
        """Whether any perturbation of audio is asked for."""
        return bool(self.speed_factors or self.vtln_warps or self.volume_db or self.noise_snr_db)


class TrainOptions(Options):
    """Cross-entropy training of the network."""

    num_epochs: Count = 15
    batch_frames: Count = 4000  # frames in a batch, after padding
    # Longer utterances are learned in pieces of at most so many frames: fewer steps in a row, which
    # is what a GPU waits for. Left out of the options where not asked for.
    max_frames: Count | None = Field(default=None, exclude_if=lambda asked: asked is None)
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: Positive = 2e-3
    final_learning_rate: Positive = 1e-4
    schedule: Literal["constant", "exponential", "cosine", "plateau"] = "cosine"
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9  # sgd only
    held_out_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1  # of the training utterances
    early_stopping_epochs: int | None = None  # epochs without a better held-out loss
    average_last: Count = 1  # models averaged at the end
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    checkpoint_steps: Count = 200
    # One thread loses little on small networks, and two networks then train side by side.
    num_threads: Count = 1
    # Processes that share every batch, each with `num_threads`; the same batches for any number.
    num_processes: Count = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"  # auto: a GPU if torch sees one
    # Of the forward and backward pass; weights stay fp32. bf16: GPUs, and CPUs with AVX-512 (on
    # others it would be slower than fp32, which is used there); fp16: GPUs only.
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    # A gradient that is not finite, or whose norm is above `spike_factor` times the median of the
    # last 100, is written down in culprits/; the first `max_culprits` with all to replay the step.
    spike_factor: Annotated[float, Field(gt=1)] = 10.0
    max_culprits: Annotated[int, Field(ge=0)] = 3
    tensorboard: bool = False  # also write steps and epochs for TensorBoard
    # Keep the weights of every epoch; a later stage decodes the held-out utterances with each, and
    # the report shows the WER. Written only where asked for: other networks keep their files.
    wer_epochs: bool = Field(default=False, exclude_if=lambda asked: not asked)

    @property
    def num_cores(self) -> int:
        """Threads of all processes together."""
        return self.num_threads * self.num_processes


class SequenceOptions(Options):
    """Sequence training of a network that cross-entropy has trained already."""

    start: Name  # an earlier network, whose shape, features and alignment this one has
    # mmi: lattice-free maximum mutual information; smbr: state-level minimum Bayes risk.
    criterion: Literal["mmi", "smbr"] = "mmi"
    acoustic_scale: Positive = 0.1  # about 1 / lm_weight of the search
    transition_scale: Positive = 1.0  # as in `graph`
    self_loop_scale: Positive = 0.1
    phone_ngram_order: Count = 3  # of the model of all that could be said
    cross_entropy_scale: Annotated[float, Field(ge=0)] = 0.1  # share of it in the loss


class NetworkOptions(Options):
    """A network and its training."""

    model: ModelOptions = ModelOptions()
    augment: AugmentOptions = AugmentOptions()
    training: TrainOptions = TrainOptions()
    clipping: ClippingOptions = ClippingOptions()
    prior_scale: Annotated[float, Field(ge=0)] = 1.0  # of the log prior that is subtracted


def _is_none(value: Any) -> bool:
    return value is None


class NnetOptions(NetworkOptions):
    """One hybrid network: whose alignment it learns, its shape, its training."""

    # The GMM rung that gives pdf-ids and alignments, or an earlier network: then the alignment is
    # that network's own, and pdf-ids, tree and features are those of its rung.
    alignment: Name
    # cepstra: normalised a speaker. fmllr: the rung's own features (LDA, MLLT and each speaker's
    # fMLLR); the rung must be of type sat, and a first search with it adapts the test speakers.
    features: Literal["cepstra", "fmllr"] = "cepstra"
    # Sequence training after cross-entropy. From the network that it starts with it also takes
    # alignment, features, model and prior_scale, unless alignment or prior_scale are given.
    sequence: SequenceOptions | None = None
    # Made from another network; at most one of these and `sequence`. `quantize` and `prune` take
    # from the network that they start with what `sequence` takes.
    distill: DistillOptions | None = Field(default=None, exclude_if=_is_none)
    quantize: QuantizeOptions | None = Field(default=None, exclude_if=_is_none)
    prune: PruneOptions | None = Field(default=None, exclude_if=_is_none)
    transfer: TransferOptions | None = Field(default=None, exclude_if=_is_none)

    VARIANTS: ClassVar = ("sequence", "distill", "quantize", "prune", "transfer")

    @model_validator(mode="after")
    def _one_variant(self) -> NnetOptions:
        given = [name for name in self.VARIANTS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"'{given[0]}' and '{given[1]}': one at a time; make two networks")
        if self.prune is not None and self.training.early_stopping_epochs is not None:
            raise ValueError(
                "'training.early_stopping_epochs': the first epochs, not yet pruned, would win"
            )
        if self.quantize is not None and self.training.wer_epochs:
            raise ValueError("'training.wer_epochs': an int8 network has no weights by epoch")
        return self

    @property
    def variant(self) -> str | None:
        """Which of VARIANTS it is; None: trained from random weights on the alignment alone."""
        return next((name for name in self.VARIANTS if getattr(self, name) is not None), None)

    @property
    def source(self) -> str | None:
        """The network of the recipe that its training needs."""
        if self.distill is not None:
            return self.distill.teacher
        chosen = self.sequence or self.quantize or self.prune
        return None if chosen is None else chosen.start


class WholeWordOptions(NetworkOptions):
    """A network that hears one word and names it at the last frame; no HMM, no graph."""

    model: ModelOptions = ModelOptions(type="drnn")
    training: TrainOptions = TrainOptions(num_epochs=30, batch_frames=2000, learning_rate=1e-3)
    clipping: ClippingOptions = ClippingOptions(method="norm", threshold=5.0)
    prior_scale: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _last_frame(self) -> WholeWordOptions:
        if self.model.frame_subsampling > 1:
            raise ValueError("'model.frame_subsampling' would leave out the last frame")
        if self.augment.perturbs_audio:
            raise ValueError("'augment': whole words take masks only, no perturbed audio")
        if self.training.wer_epochs:
            raise ValueError("'training.wer_epochs': whole words have no graph to be decoded with")
        return self

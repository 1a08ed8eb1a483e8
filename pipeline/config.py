"""The one configuration of a recipe: every option with its unit, default and bounds, validated.

Each stage receives only its own section (as JSON on its command line), so that a change of one
section reruns only what depends on it. Unknown keys are refused everywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Warp = Annotated[float, Field(ge=0.7, le=1.4)]  # of the frequency axis; 1 leaves it alone

# Stages that are not a GMM rung or a network, and all folders beside theirs in a split's folder.
STAGE_NAMES = (
    *("data", "features", "lang", "align", "whole_word", "graph", "decode", "score", "report"),
)
SPLIT_FOLDERS = (*STAGE_NAMES, "grammars")
# Beside the splits' folders.
RUN_FOLDERS = ("data", "features", "lang", "logs", "benchmarks", "report")


class ConfigError(ValueError):
    """A configuration that is not valid; the message is one line with the file and the key."""


class Options(BaseModel):
    """Base of all option models: frozen, and no key that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CorpusOptions(Options):
    """Which corpus, where it lies, and what its preparation needs."""

    name: Name  # module local/<name>.py
    dir: str | None = None  # its folder; default: $CORPORA_DIR/<name>, else a verified download
    max_rejected_fraction: Fraction = 0.2  # more bad utterances than this stops the run
    options: dict[str, Any] = Field(default_factory=dict)  # for local/<name>.py, validated there


class MfccOptions(Options):
    """Mel-frequency cepstra as Kaldi's compute-mfcc-feats makes them (dither 0)."""

    type: Literal["mfcc", "fbank"] = "mfcc"
    sampling_rate: Count = 16000  # Hz; audio of another rate is rejected
    frame_length_ms: Positive = 25.0
    frame_shift_ms: Positive = 10.0
    num_mel_bins: Count = 23
    num_ceps: Count = 13  # mfcc only
    use_energy: bool = False  # log energy instead of C0 (mfcc only); Kaldi's recipes say false
    low_freq: float = 20.0  # Hz
    norm_vars: bool = False  # divide by each speaker's standard deviation, beside its mean
    # Each training utterance again with its frequency axis warped by each factor (Kaldi's VTLN
    # warps, e.g. 0.9 and 1.1), as of another speaker: for every rung and network.
    train_warps: tuple[Warp, ...] = ()
    high_freq: float = 0.0  # Hz; 0 or less: offset from Nyquist
    num_shards: Count = 1  # extraction jobs; changing it renames the shards below


class LangOptions(Options):
    """Phones and optional silence."""

    silence_phones: tuple[str, ...] = ("SIL",)
    optional_silence: str = "SIL"
    silence_probability: Annotated[float, Field(ge=0, lt=1)] = 0.5  # between words; 0: none
    position_dependent: bool = False
    unknown_word: str | None = None  # e.g. <UNK>: stands for words without pronunciation
    # Pronunciation of the unknown word where the lexicon has none, e.g. [SPN].
    unknown_phones: tuple[str, ...] = ()
    extra_lexicon: str | None = None  # pronunciations beside the corpus's, e.g. proposed ones


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


class ClippingOptions(Options):
    """How gradients are clipped. A method takes only its own keys: see KEYS.

    The method's file in pipeline/nnet/clipping gives the formula and the source of its defaults.
    """

    # Each method's own keys with their defaults; all take KEYS_OF_ALL too.
    KEYS: ClassVar[dict[str, dict[str, Any]]] = {
        "none": {"threshold": 5.0},  # not used: so that the method alone switches clipping off
        "value": {"threshold": "1/sqrt(d)", "bounds": "element"},
        "norm": {"threshold": 5.0},
        "tensor_norm": {"threshold": 5.0},
        "normalised": {"threshold": 5.0},
        "time_step": {"threshold": 1.0, "cell_clip": 50.0},
        "truncation": {"threshold": 30.0, "zeroing_threshold": 15.0, "zeroing_frames": 20},
        "sequence_filter": {"threshold": 10.0},
        "max_change": {"threshold": 0.75, "global_threshold": 2.0},
        "median": {"threshold": 2.0, "history": 100, "warmup_steps": 100},
        "autoclip": {"threshold": 10.0, "history": 10000},
        "agc": {"threshold": 0.01, "min_weight_norm": 1e-3, "clip_output_layer": False},
        "zclip": {"threshold": 2.5, "decay": 0.97, "warmup_steps": 25, "max_norm": None},
        "adagc": {"threshold": 1.05, "decay": 0.98, "warmup_steps": 100, "warmup_threshold": 1.0},
    }
    KEYS_OF_ALL: ClassVar = ("method", "until_epoch", "anneal_factor", "loss_tau")
    # Methods whose threshold may be 1/sqrt(d), d the input features of a frame.
    NORM_BOUNDS: ClassVar = ("none", "value", "norm", "tensor_norm", "normalised")

    method: Literal[
        "none",
        "value",
        "norm",
        "tensor_norm",
        "normalised",
        "time_step",
        "truncation",
        "sequence_filter",
        "max_change",
        "median",
        "autoclip",
        "agc",
        "zclip",
        "adagc",
    ] = "norm"
    # The main number of each method: the bound of the gradient's norm (norm, normalised), of each
    # tensor's (tensor_norm), of each element (value), of derivatives (time_step: an element's,
    # truncation: a row's norm), of an update's norm (max_change: one layer's cell or matrix); a
    # factor of the median (median, sequence_filter), of the weights' norm (agc), of an average
    # (adagc); a percentile (autoclip); standard deviations (zclip).
    threshold: Positive | Literal["1/sqrt(d)"] = 5.0
    # value: what has a norm of at most `threshold`: element: b = c; tensor: b = c / sqrt(d_p);
    # model: b = c / sqrt(d), d numbers of elements.
    bounds: Literal["element", "tensor", "model"] = "element"
    cell_clip: Positive = 50.0  # time_step: LSTM cells are kept within ± this
    zeroing_threshold: Positive = 15.0  # truncation: norm from which a row is set to zero ...
    zeroing_frames: Count = 20  # ... every so many frames
    global_threshold: Positive = 2.0  # max_change: of the whole update
    history: Count = 100  # median, autoclip: norms that are remembered
    warmup_steps: Annotated[int, Field(ge=1)] = 100  # steps before median, zclip, adagc start
    warmup_threshold: Positive = 1.0  # adagc: bound of the gradient's norm in the warm-up
    min_weight_norm: Positive = 1e-3  # agc
    clip_output_layer: bool = False  # agc
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.97  # zclip, adagc: weight of the past
    max_norm: Positive | None = None  # zclip: bound of the norm at all times
    # Clipping may end or fade: no clipping after `until_epoch`; the threshold of epoch e (from 1)
    # is multiplied by anneal_factor ** (e - 1), so a factor above 1 takes clipping away slowly.
    until_epoch: Count | None = None
    anneal_factor: Positive = 1.0
    # Partially Huberised cross-entropy, beside any method: targets of a probability below 1 / tau
    # get the straight line of slope -tau instead of the logarithm. Menon et al. 2020: 2.
    loss_tau: Annotated[float, Field(gt=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _own_keys(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("method", "norm") not in cls.KEYS:
            return data
        method = data.get("method", "norm")
        own = cls.KEYS[method]
        for key in data:
            if key not in own and key not in cls.KEYS_OF_ALL:
                keys = ", ".join([*own, *cls.KEYS_OF_ALL[1:]])
                raise ValueError(f"method '{method}' has no key '{key}'; its keys: {keys}")
        return own | data

    @model_validator(mode="after")
    def _threshold_fits(self) -> ClippingOptions:
        if self.threshold == "1/sqrt(d)":
            if self.method not in self.NORM_BOUNDS:
                raise ValueError(f"'threshold' 1/sqrt(d) is for {', '.join(self.NORM_BOUNDS[1:])}")
            if self.bounds != "element":
                raise ValueError("'threshold' 1/sqrt(d) bounds an element; give bounds a number")
        elif self.method == "autoclip" and self.threshold > 100:
            raise ValueError("'threshold' of autoclip is a percentile, at most 100")
        return self

    @model_serializer(mode="wrap")
    def _without_foreign_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        keys = {*self.KEYS[self.method], *self.KEYS_OF_ALL}
        return {key: value for key, value in handler(self).items() if key in keys}


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


class TrainOptions(Options):
    """Cross-entropy training of the network."""

    num_epochs: Count = 15
    batch_frames: Count = 4000  # frames in a batch, after padding
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
    # Of the forward and backward pass; weights stay fp32. bf16: any device; fp16: GPUs only.
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
        audio = self.augment
        if audio.speed_factors or audio.vtln_warps or audio.volume_db or audio.noise_snr_db:
            raise ValueError("'augment': whole words take masks only, no perturbed audio")
        if self.training.wer_epochs:
            raise ValueError("'training.wer_epochs': whole words have no graph to be decoded with")
        return self


class GrammarOptions(Options):
    """What may be said.

    one_word, loop: exactly one word, any number of words, all alike. arpa: an n-gram model's file.
    ngram: an n-gram model estimated from a text. jsgf: a command grammar's file.
    """

    type: Literal["one_word", "loop", "arpa", "ngram", "jsgf"]
    words: tuple[str, ...] | None = None  # not arpa, jsgf; default: every word of the lexicon
    # ngram: one sentence a line; null: the transcripts of each split's training set.
    file: str | None = None
    order: Annotated[int, Field(ge=1, le=9)] = 3  # ngram only, as all below
    # N-grams go whose loss raises the perplexity by less than this share (Stolcke), e.g. 1e-8 ...
    prune: Annotated[float, Field(ge=0, lt=1)] = 0.0
    min_counts: tuple[Count, ...] = ()  # ... or that occur less often: of 2-grams, 3-grams, ...
    test_file: str | None = None  # text whose perplexity the log says

    @model_validator(mode="after")
    def _fits_type(self) -> GrammarOptions:
        if self.type in ("arpa", "jsgf") and self.file is None:
            raise ValueError(f"'file' is missing: type {self.type} needs it")
        if self.type in ("one_word", "loop") and self.file is not None:
            raise ValueError("'file' belongs to types arpa, ngram and jsgf")
        if self.type in ("arpa", "jsgf") and self.words is not None:
            raise ValueError(f"'words': type {self.type} takes its words from the file")
        for name in ("order", "prune", "min_counts", "test_file"):
            if (
                self.type != "ngram"
                and getattr(self, name) != type(self).model_fields[name].default
            ):
                raise ValueError(f"'{name}' belongs to type ngram")
        return self

    @property
    def needs_transcripts(self) -> bool:
        """Whether it is estimated from a split's training set, and so another in each split."""
        return self.type == "ngram" and self.file is None


class GraphOptions(Options):
    """HCLG (Kaldi's utils/mkgraph.sh)."""

    transition_scale: Positive = 1.0
    self_loop_scale: Positive = 0.1
    # Rung whose training alignment gives pronunciation and silence probabilities; null: as in the
    # lexicon and lang.silence_probability.
    pronunciations: Name | None = None


class DecodeOptions(Options):
    """The search. Costs are scaled by 1/lm_weight."""

    decoders: tuple[Literal["k2", "kaldi"], ...] = ("k2", "kaldi")
    beam: Positive = 15.0
    lattice_beam: Positive = 6.0  # as Kaldi's decode.sh
    max_active: Count = 7000
    lm_weight: Positive = 12.0  # the fixed setting, chosen before any result
    insertion_penalty: float = 0.0
    lm_weights: tuple[float, ...] = tuple(float(w) for w in range(7, 18))
    insertion_penalties: tuple[float, ...] = (0.0, 0.5, 1.0)
    # Split whose test set is for development: the weight and penalty with the fewest errors on it
    # are also scored on the other splits ("tuned"), which had no part in their choice.
    tune_split: Name | None = None
    num_shards: Count = 1


class Config(Options):
    """A recipe."""

    recipe: Name
    title: str
    output: str | None = None  # default: exp/<recipe>
    seed: int = 1
    corpus: CorpusOptions
    splits: Annotated[tuple[Name, ...], Field(min_length=1)]
    features: MfccOptions = MfccOptions()
    lang: LangOptions = LangOptions()
    # rung name -> options, in the order of training; may be left out beside whole_word
    gmm: dict[Name, GmmOptions] = Field(default_factory=dict)
    align: AlignOptions = AlignOptions()
    nnet: dict[Name, NnetOptions] = Field(default_factory=dict)
    whole_word: WholeWordOptions | None = None  # null: no such stage; {}: with the defaults
    grammars: dict[Name, GrammarOptions] = Field(default_factory=dict)
    graph: GraphOptions = GraphOptions()
    decode: DecodeOptions = DecodeOptions()
    models: tuple[Name, ...] | None = None  # which are decoded; default: every rung and network

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, data: Any) -> Any:
        """Sequence training has the options of the network that it starts with."""
        nets = data.get("nnet") if isinstance(data, dict) else None
        if not isinstance(nets, dict):
            return data
        complete: dict[str, Any] = {}
        for name, net in nets.items():
            sequence = net.get("sequence") if isinstance(net, dict) else None
            if isinstance(sequence, dict) and "start" in sequence:
                start = complete.get(str(sequence["start"]))
                if not isinstance(start, dict):
                    raise ValueError(
                        f"nnet.{name}.sequence.start: must name an earlier network, "
                        f"one of {list(complete)}"
                    )
                keys = ("alignment", "features", "model", "prior_scale")
                net = {**{key: start[key] for key in keys if key in start}, **net}
            complete[name] = net
        return {**data, "nnet": complete}

    @model_validator(mode="after")
    def _free_names(self) -> Config:
        for key, names, taken in (
            ("splits", self.splits, RUN_FOLDERS),
            ("gmm", self.gmm, SPLIT_FOLDERS),
            ("nnet", self.nnet, SPLIT_FOLDERS),
        ):
            for name in names:
                if name in taken:
                    raise ValueError(f"{key}: the name '{name}' is taken; choose another")
        if len(set(self.splits)) != len(self.splits):
            raise ValueError("splits: a name stands twice")
        return self

    @model_validator(mode="after")
    def _something_to_do(self) -> Config:
        if not self.gmm and self.whole_word is None:
            raise ValueError("gmm: at least one rung, or a section whole_word")
        if self.gmm and not self.grammars:
            raise ValueError("grammars: at least one, for the search")
        if self.grammars and not self.gmm:
            raise ValueError("grammars: nothing is decoded without a section gmm; remove them")
        return self

    @model_validator(mode="after")
    def _references(self) -> Config:
        seen: list[str] = []
        for name, rung in self.gmm.items():
            if rung.type == "mono" and rung.alignment is not None:
                raise ValueError(
                    f"gmm.{name}.alignment: mono starts from equal alignment; remove it"
                )
            if rung.type != "mono" and rung.alignment not in seen:
                raise ValueError(f"gmm.{name}.alignment: must name an earlier rung, one of {seen}")
            seen.append(name)
        earlier: list[str] = []
        for name, net in self.nnet.items():
            if net.alignment not in [*self.gmm, *earlier]:
                raise ValueError(
                    f"nnet.{name}.alignment: no rung '{net.alignment}' in gmm and no such network "
                    "before this one"
                )
            if name in self.gmm:
                raise ValueError(f"nnet.{name}: the name is taken by a GMM rung")
            if net.features == "fmllr" and self.gmm[self.rung_of(name)].type != "sat":
                raise ValueError(f"nnet.{name}.features: fmllr needs an alignment of type sat")
            if net.sequence is not None:
                self._check_sequence(name, net, net.sequence.start)
            earlier.append(name)
        for name in self.aligning_networks:
            if f"align_{name}" in (*self.gmm, *self.nnet):
                raise ValueError(f"nnet.{name}: its alignment is called align_{name}; rename that")
        if self.graph.pronunciations is not None and self.graph.pronunciations not in self.gmm:
            raise ValueError(f"graph.pronunciations: no rung '{self.graph.pronunciations}' in gmm")
        if self.decode.tune_split is not None and self.decode.tune_split not in self.splits:
            raise ValueError(f"decode.tune_split: no split '{self.decode.tune_split}' in splits")
        for name in self.models or ():
            if name not in self.gmm and name not in self.nnet:
                raise ValueError(f"models: no GMM rung or network is called '{name}'")
        return self

    def _check_sequence(self, name: str, net: NnetOptions, start: str) -> None:
        key = f"nnet.{name}.sequence.start"
        first = self.nnet[start]
        if (net.model, net.features) != (first.model, first.features):
            raise ValueError(f"{key}: model and features are those of {start}; leave them out")
        if self.rung_of(name) != self.rung_of(start):
            raise ValueError(f"{key}: {start} has pdf-ids of another rung than the alignment")
        augment = net.augment
        if any(
            (augment.speed_factors, augment.vtln_warps, augment.volume_db, augment.noise_snr_db)
        ):
            raise ValueError(f"nnet.{name}.augment: sequence training does not perturb the audio")

    def rung_of(self, model: str) -> str:
        """The GMM rung that a model's pdf-ids, tree and features come from; a rung is its own."""
        while model in self.nnet:
            model = self.nnet[model].alignment
        return model

    @property
    def sequence_networks(self) -> tuple[str, ...]:
        """Networks that sequence training makes from others."""
        return tuple(name for name, net in self.nnet.items() if net.sequence is not None)

    @property
    def cross_entropy_networks(self) -> tuple[str, ...]:
        """Networks that start from random weights."""
        return tuple(name for name, net in self.nnet.items() if net.sequence is None)

    @property
    def aligning_networks(self) -> tuple[str, ...]:
        """Networks that align the training data for another network, in the order of training."""
        wanted = {net.alignment for net in self.nnet.values()}
        return tuple(name for name in self.nnet if name in wanted)

    @property
    def wer_epoch_networks(self) -> tuple[str, ...]:
        """Decoded networks whose held-out utterances are decoded with every epoch's weights too."""
        chosen = (name for name, net in self.nnet.items() if net.training.wer_epochs)
        return tuple(name for name in chosen if name in self.decoded_models)

    @property
    def decoded_models(self) -> tuple[str, ...]:
        """Names of the models that are decoded and scored."""
        return self.models or (*self.gmm, *self.nnet)

    @property
    def trained_networks(self) -> tuple[str, ...]:
        """Folders of the networks that are trained, the one for whole words last."""
        return (*self.nnet, *(() if self.whole_word is None else ("whole_word",)))

    def network(self, name: str) -> NetworkOptions:
        """Options of one of `trained_networks`.

        Raises:
            KeyError: there is no such network.
        """
        if name == "whole_word" and self.whole_word is not None:
            return self.whole_word
        return self.nnet[name]

    @property
    def root(self) -> str:
        """Folder of the run."""
        return self.output or f"exp/{self.recipe}"


def _first_error(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "unknown key; compare with pipeline/config.py"
    more = error.error_count() - 1
    return (f"{where}: " if where else "") + message + (f" (and {more} more)" if more else "")


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Deep merge: mappings key by key, everything else is replaced, null removes a key."""
    merged = dict(base)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
            continue
        old = merged.get(key)
        merged[key] = (
            merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return merged


def load_config(path: Path, changes: dict[str, Any] | None = None) -> Config:
    """Read and validate a recipe's configuration.

    Args:
        path: YAML file.
        changes: nested values that replace the file's (from the command line).
    Raises:
        ConfigError: one line that names the file, the key and what is wrong.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such configuration; recipes are the folders of recipes/"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: expected a mapping of sections, found {type(raw).__name__}")
    try:
        return Config.model_validate(merge(raw, changes or {}))
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first_error(error)}") from None

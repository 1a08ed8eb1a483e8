"""The one configuration of a recipe: every option with its unit, default and bounds, validated.

Each stage receives only its own section (as JSON on its command line), so that a change of one
section reruns only what depends on it. Unknown keys are refused everywhere.
"""

from pipeline.config.base import RUN_FOLDERS, ConfigError, Count, Options
from pipeline.config.clipping import ClippingOptions
from pipeline.config.compression import (
    DistillOptions,
    PruneOptions,
    QuantizeOptions,
    TransferOptions,
)
from pipeline.config.data import CorpusOptions, LangOptions, MfccOptions
from pipeline.config.decode import (
    CORPUS_TEXT,
    DecodeOptions,
    GrammarOptions,
    GraphOptions,
    RescoringOptions,
)
from pipeline.config.gmm import AlignOptions, GmmOptions
from pipeline.config.lm import LmOptions
from pipeline.config.load import load_config, merge
from pipeline.config.network import (
    AugmentOptions,
    ModelOptions,
    NetworkOptions,
    NnetOptions,
    SequenceOptions,
    TrainOptions,
    WholeWordOptions,
)
from pipeline.config.recipe import Config
from pipeline.config.synthesis import JudgeOptions, SynthesisOptions, VocoderOptions

__all__ = [
    "CORPUS_TEXT",
    "RUN_FOLDERS",
    "AlignOptions",
    "AugmentOptions",
    "ClippingOptions",
    "Config",
    "ConfigError",
    "CorpusOptions",
    "Count",
    "DecodeOptions",
    "DistillOptions",
    "GmmOptions",
    "GrammarOptions",
    "GraphOptions",
    "JudgeOptions",
    "LangOptions",
    "LmOptions",
    "MfccOptions",
    "ModelOptions",
    "NetworkOptions",
    "NnetOptions",
    "Options",
    "PruneOptions",
    "QuantizeOptions",
    "RescoringOptions",
    "SequenceOptions",
    "SynthesisOptions",
    "TrainOptions",
    "TransferOptions",
    "VocoderOptions",
    "WholeWordOptions",
    "load_config",
    "merge",
]

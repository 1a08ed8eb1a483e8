"""What a recipe's sections name in each other must be there; every mistake is one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.config.inheritance import smaller_model
from pipeline.config.network import NnetOptions
from pipeline.config.synthesis import SynthesisOptions

if TYPE_CHECKING:
    from pipeline.config.recipe import Config


def check_rescoring(config: Config) -> None:
    """Grammars that rescore, and rescorings with a language model."""
    earlier: list[str] = []
    for name, grammar in config.grammars.items():
        if grammar.rescores is not None and grammar.rescores not in earlier:
            raise ValueError(
                f"grammars.{name}.rescores: must name an earlier grammar, one of {earlier}"
            )
        earlier.append(name)
    for name, options in config.rescoring.items():
        if name in config.grammars:
            raise ValueError(f"rescoring.{name}: the name is taken by a grammar")
        if options.lattices not in config.grammars:
            raise ValueError(f"rescoring.{name}.lattices: no grammar '{options.lattices}'")
        if options.lm not in config.lms:
            raise ValueError(f"rescoring.{name}.lm: no language model '{options.lm}' in lms")
        for model in options.models or ():
            if model not in config.decoded_models:
                raise ValueError(f"rescoring.{name}.models: no model '{model}' is decoded")
    if config.lms and not config.gmm:
        raise ValueError("lms: nothing is decoded without a section gmm; remove them")


def check_source(
    config: Config, name: str, net: NnetOptions, source: str, earlier: list[str]
) -> None:
    """The network that another one starts from or learns of."""
    role = "teacher" if net.distill is not None else "start"
    key = f"nnet.{name}.{net.variant}.{role}"
    if source not in earlier:
        raise ValueError(f"{key}: must name an earlier network, one of {earlier}")
    first = config.nnet[source]
    if net.distill is not None:
        if net.features != first.features or net.model.norm_vars != first.model.norm_vars:
            raise ValueError(
                f"{key}: {source} reads other features; give it the same "
                "'features' and 'model.norm_vars'"
            )
        if first.model.frame_subsampling not in (1, net.model.frame_subsampling):
            raise ValueError(
                f"{key}: {source} has 'model.frame_subsampling' "
                f"{first.model.frame_subsampling}; it must be 1 or the same in both"
            )
    elif (net.model, net.features) != (smaller_model(net, first.model), first.features):
        raise ValueError(f"{key}: model and features are those of {source}; leave them out")
    if config.rung_of(name) != config.rung_of(source):
        raise ValueError(f"{key}: {source} has pdf-ids of another rung than the alignment")
    if net.prune is not None and net.prune.units and first.model.type in ("lstmp", "tdnn_lstm"):
        raise ValueError(f"nnet.{name}.prune.units: not of type {first.model.type}")
    if first.quantize is not None:
        raise ValueError(f"{key}: {source} is int8 and cannot be trained on; name its start")
    if net.sequence is not None and net.augment.perturbs_audio:
        raise ValueError(f"nnet.{name}.augment: sequence training does not perturb the audio")


def check_voice(config: Config, name: str, voice: SynthesisOptions) -> None:
    """The models that a voice is made with and judged by."""
    key, judge = f"synthesis.{name}", voice.judge
    if judge is None:
        raise ValueError(f"{key}.judge: must name the model and the grammar that recognise")
    if voice.alignment not in config.gmm:
        raise ValueError(f"{key}.alignment: no rung '{voice.alignment}' in gmm")
    if judge.model not in config.decoded_models:
        raise ValueError(f"{key}.judge.model: no model '{judge.model}' is decoded")
    if judge.model in config.nnet and config.nnet[judge.model].features != "cepstra":
        raise ValueError(
            f"{key}.judge.model: {judge.model} has fmllr features, which one "
            "utterance alone does not give; choose another"
        )
    if judge.grammar not in config.searched_grammars:
        raise ValueError(f"{key}.judge.grammar: no grammar '{judge.grammar}' has a graph")
    if judge.min_words > judge.max_words:
        raise ValueError(f"{key}.judge: min_words is above max_words")

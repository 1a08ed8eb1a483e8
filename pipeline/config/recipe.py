"""A recipe: all sections together, and what they say of each other."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from pipeline.config.base import RUN_FOLDERS, SPLIT_FOLDERS, Name, Options
from pipeline.config.data import CorpusOptions, LangOptions, MfccOptions
from pipeline.config.decode import (
    DecodeOptions,
    GrammarOptions,
    GraphOptions,
    RescoringOptions,
)
from pipeline.config.gmm import AlignOptions, GmmOptions
from pipeline.config.inheritance import inherit
from pipeline.config.lm import LmOptions
from pipeline.config.network import NetworkOptions, NnetOptions, WholeWordOptions
from pipeline.config.references import check_rescoring, check_source, check_voice
from pipeline.config.synthesis import SynthesisOptions


def _is_empty(value: Any) -> bool:
    return not value


class Config(Options):
    """A recipe."""

    recipe: Name
    title: str
    output: str | None = None  # default: exp/<recipe>
    seed: int = 1
    corpus: CorpusOptions
    splits: Annotated[tuple[Name, ...], Field(min_length=1)]
    # split -> the split whose models it is decoded with, and for which it trains none of its own
    models_from: dict[Name, Name] = Field(default_factory=dict, exclude_if=_is_empty)
    features: MfccOptions = MfccOptions()
    lang: LangOptions = LangOptions()
    # rung name -> options, in the order of training; may be left out beside whole_word
    gmm: dict[Name, GmmOptions] = Field(default_factory=dict)
    align: AlignOptions = AlignOptions()
    nnet: dict[Name, NnetOptions] = Field(default_factory=dict)
    whole_word: WholeWordOptions | None = None  # null: no such stage; {}: with the defaults
    synthesis: dict[Name, SynthesisOptions] = Field(default_factory=dict, exclude_if=_is_empty)
    grammars: dict[Name, GrammarOptions] = Field(default_factory=dict)
    graph: GraphOptions = GraphOptions()
    lms: dict[Name, LmOptions] = Field(default_factory=dict, exclude_if=_is_empty)
    # name -> options; stands among the grammars of the tables
    rescoring: dict[Name, RescoringOptions] = Field(default_factory=dict, exclude_if=_is_empty)
    decode: DecodeOptions = DecodeOptions()
    models: tuple[Name, ...] | None = None  # which are decoded; default: every rung and network

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, data: Any) -> Any:
        """What goes on from a trained network has the options of that one."""
        nets = data.get("nnet") if isinstance(data, dict) else None
        if not isinstance(nets, dict):
            return data
        complete: dict[str, Any] = {}
        for name, net in nets.items():
            complete[name] = inherit(name, net, complete)
        return {**data, "nnet": complete}

    @model_validator(mode="after")
    def _free_names(self) -> Config:
        for key, names, taken in (
            ("splits", self.splits, RUN_FOLDERS),
            ("gmm", self.gmm, SPLIT_FOLDERS),
            ("nnet", self.nnet, SPLIT_FOLDERS),
            ("synthesis", self.synthesis, (*SPLIT_FOLDERS, *self.gmm, *self.nnet)),
        ):
            for name in names:
                if name in taken:
                    raise ValueError(f"{key}: the name '{name}' is taken; choose another")
        if len(set(self.splits)) != len(self.splits):
            raise ValueError("splits: a name stands twice")
        for split, other in self.models_from.items():
            if split not in self.splits or other not in self.splits:
                raise ValueError(f"models_from: {split}: {other}: both must be among the splits")
            if other in self.models_from:
                raise ValueError(f"models_from.{split}: {other} has no models of its own")
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
    def _rescored(self) -> Config:
        check_rescoring(self)
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
            if net.source is not None:
                check_source(self, name, net, net.source, earlier)
            earlier.append(name)
        for name in self.aligning_networks:
            if f"align_{name}" in (*self.gmm, *self.nnet):
                raise ValueError(f"nnet.{name}: its alignment is called align_{name}; rename that")
        for name, voice in self.synthesis.items():
            check_voice(self, name, voice)
        if self.graph.pronunciations is not None and self.graph.pronunciations not in self.gmm:
            raise ValueError(f"graph.pronunciations: no rung '{self.graph.pronunciations}' in gmm")
        if self.decode.tune_split is not None and self.decode.tune_split not in self.splits:
            raise ValueError(f"decode.tune_split: no split '{self.decode.tune_split}' in splits")
        for name in self.models or ():
            if name not in self.gmm and name not in self.nnet:
                raise ValueError(f"models: no GMM rung or network is called '{name}'")
        return self

    def rung_of(self, model: str) -> str:
        """The GMM rung that a model's pdf-ids, tree and features come from; a rung is its own."""
        while model in self.nnet:
            model = self.nnet[model].alignment
        return model

    def search_of(self, model: str) -> DecodeOptions:
        """The search with a model's likelihoods."""
        return self.decode.of_network() if model in self.nnet else self.decode

    @property
    def sequence_networks(self) -> tuple[str, ...]:
        """Networks that sequence training makes from others."""
        return tuple(name for name, net in self.nnet.items() if net.sequence is not None)

    @property
    def cross_entropy_networks(self) -> tuple[str, ...]:
        """Networks that start from random weights."""
        return tuple(name for name, net in self.nnet.items() if net.variant is None)

    @property
    def compressed_networks(self) -> tuple[str, ...]:
        """Networks that are trained with the help of another one's weights or posteriors."""
        return tuple(
            name
            for name, net in self.nnet.items()
            if net.variant not in (None, "sequence") and name not in self.rounded_networks
        )

    @property
    def rounded_networks(self) -> tuple[str, ...]:
        """Networks that are others in int8, without training."""
        return tuple(
            name
            for name, net in self.nnet.items()
            if net.quantize is not None and not net.quantize.aware
        )

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
        """Folders of the networks that are trained, those that are not hybrid last."""
        whole_word = () if self.whole_word is None else ("whole_word",)
        return (*self.nnet, *self.synthesis, *whole_word)

    @property
    def trained_splits(self) -> tuple[str, ...]:
        """Splits with models of their own."""
        return tuple(split for split in self.splits if split not in self.models_from)

    def models_split(self, split: str) -> str:
        """The split whose models a split is decoded with."""
        return self.models_from.get(split, split)

    @property
    def searched_grammars(self) -> tuple[str, ...]:
        """Grammars with a graph; the others rescore lattices."""
        return tuple(name for name, grammar in self.grammars.items() if grammar.rescores is None)

    @property
    def scored_grammars(self) -> tuple[str, ...]:
        """Names in the tables: grammars, then rescorings with a language model."""
        return (*self.grammars, *self.rescoring)

    def rescored_models(self, grammar: str) -> tuple[str, ...]:
        """Models whose lattices a grammar without a graph, or a rescoring, is for."""
        options = self.rescoring.get(grammar)
        chosen = None if options is None else options.models
        return self.decoded_models if chosen is None else chosen

    def network(self, name: str) -> NetworkOptions:
        """Options of one of `trained_networks`.

        Raises:
            KeyError: there is no such network.
        """
        if name == "whole_word" and self.whole_word is not None:
            return self.whole_word
        if name in self.synthesis:
            return self.synthesis[name]
        return self.nnet[name]

    @property
    def root(self) -> str:
        """Folder of the run."""
        return self.output or f"exp/{self.recipe}"

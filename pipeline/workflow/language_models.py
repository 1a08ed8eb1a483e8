"""Grammars and language models: where they lie, what they are made from, what they rescore."""

from __future__ import annotations

from typing import Any

from pipeline.config import CORPUS_TEXT, Config, GrammarOptions, LmOptions

# Options of a grammar that say what it is for, and do not change G.
GRAMMAR_USES = ("rescores",)


def grammar_file(config: Config, split: str, grammar: str) -> str:
    """G of a grammar, one for all splits unless it is estimated from each one's transcripts."""
    return f"{_folder(config, split, config.grammars[grammar])}/grammars/{grammar}/G.fst"


def lm_file(config: Config, split: str, lm: str) -> str:
    """Weights of a language model, one for all splits unless it learns each one's transcripts."""
    return f"{_folder(config, split, config.lms[lm])}/lms/{lm}/model.safetensors"


def _folder(config: Config, split: str, options: GrammarOptions | LmOptions) -> str:
    return f"{config.root}/{split}" if options.needs_transcripts else f"{config.root}/lang"


def lm_files(folder: str) -> dict[str, str]:
    """What training a language model writes."""
    return {
        "model": f"{folder}/model.safetensors",
        "description": f"{folder}/model.json",
        "history": f"{folder}/log.jsonl",
    }


def corpus_text(config: Config) -> dict[str, str]:
    """The corpus's own text, if a grammar or a language model is estimated from it."""
    files = [g.file for g in config.grammars.values()] + [lm.text for lm in config.lms.values()]
    return {"text": f"{config.root}/data/text.txt"} if CORPUS_TEXT in files else {}


def grammar_options(config: Config, grammar: str) -> GrammarOptions:
    """The options with the place of the corpus's text in them."""
    options = config.grammars[grammar]
    if options.file != CORPUS_TEXT:
        return options
    return options.model_copy(update={"file": corpus_text(config)["text"]})


def lm_options(config: Config, lm: str) -> LmOptions:
    """The options with the place of the corpus's text in them."""
    options = config.lms[lm]
    if options.text != CORPUS_TEXT:
        return options
    return options.model_copy(update={"text": corpus_text(config)["text"]})


def grammar_sources(config: Config, grammar: str) -> list[str]:
    """Files that a grammar is read or estimated from, so that a change of one makes it anew."""
    options = grammar_options(config, grammar)
    return [file for file in (options.file, options.test_file) if file is not None]


def lm_sources(config: Config, lm: str) -> list[str]:
    """Files that a language model learns from or is tested on."""
    options = lm_options(config, lm)
    return [file for file in (options.text, options.test_file) if file is not None]


def rescoring_files(config: Config, wildcards: Any) -> dict[str, str]:
    """What rescoring with a grammar, or with a language model, reads.

    Args:
        wildcards: of its output: split, model, grammar (one that rescores, or a name in
            `rescoring`) and decoder.
    """
    split, grammar = config.models_split(wildcards.split), wildcards.grammar
    if grammar in config.rescoring:
        options = config.rescoring[grammar]
        before, weights = options.lattices, lm_file(config, split, options.lm)
        files = {"lm": weights, "description": weights.replace(".safetensors", ".json")}
    else:
        rescored = config.grammars[grammar].rescores
        assert rescored is not None
        before, files = rescored, {"new": grammar_file(config, split, grammar)}
    search = f"{wildcards.model}/{before}/{wildcards.decoder}"
    return {
        "lattices": f"{config.root}/{wildcards.split}/decode/{search}/lattices.jsonl.gz",
        "old": grammar_file(config, split, before),
        **files,
    }

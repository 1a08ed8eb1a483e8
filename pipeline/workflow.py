"""What the Snakefile and the command line share: recipes, stages and their files."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.config import Config, ConfigError, load_config
from pipeline.decode import k2_environment
from pipeline.io.errors import UserError

REPOSITORY = Path(__file__).resolve().parent.parent
DEFAULT_RECIPE = "demo"


def known_recipes(folder: Path = REPOSITORY / "recipes") -> list[str]:
    """Names of the recipes, sorted."""
    return sorted(path.parent.name for path in folder.glob("*/config.yaml"))


def load_recipe(settings: Mapping[str, Any], folder: Path = REPOSITORY / "recipes") -> Config:
    """The configuration of the recipe that `settings["recipe"]` names, changed by the other keys.

    Args:
        settings: what Snakemake read from --config and --configfile. `null` (or nothing at all)
            as a value puts the key back to its default.
    Raises:
        ConfigError: one line.
    """
    changes = {str(key): _with_null(value) for key, value in settings.items()}
    recipe = str(changes.pop("recipe", DEFAULT_RECIPE))
    path = folder / recipe / "config.yaml"
    if not path.is_file():
        known = ", ".join(known_recipes(folder)) or "none"
        raise ConfigError(f"recipe {recipe}: there is no {shown(path)}; known are {known}")
    config = load_config(shown(path), changes)
    if config.recipe != recipe:
        raise ConfigError(f"{shown(path)}: recipe: {config.recipe}: must be the folder's name")
    return config


def shown(path: Path) -> Path:
    """The path as a reader of a message knows it: relative to the working directory if below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _with_null(value: Any) -> Any:
    """Snakemake hands nested values of --config as text: recognise null in them."""
    if isinstance(value, Mapping):
        return {str(key): _with_null(below) for key, below in value.items()}
    return None if value == "null" else value


def to_json(
    options: BaseModel,
    include: Collection[str] | None = None,
    exclude: Collection[str] | None = None,
) -> str:
    """A section of the configuration for a program's command line, in the order of the models."""
    values = options.model_dump(
        mode="json",
        include=set(include) if include is not None else None,
        exclude=set(exclude) if exclude is not None else None,
    )
    return json.dumps(values, separators=(",", ":"))


def any_of(names: Collection[str]) -> str:
    """Regular expression of a wildcard that takes one of the names, and nothing else."""
    return "|".join(sorted(names)) or "(?!)"


# Stages: what a user calls the parts of a run. A rung and a network are a stage each, and their
# alignments one more.

STAGE_RULES = {
    "data": ("prepare_data",),
    "features": ("extract_features", "merge_features", "split_data", "compute_cmvn"),
    "lang": ("prepare_lang",),
    "whole_word": ("train_whole_word", "score_whole_word"),
    "graph": ("make_graph",),
    "decode": (
        "gmm_loglikes",
        "adapted_loglikes",
        "nnet_loglikes",
        "adapted_nnet_loglikes",
        "decode_kaldi",
        "decode_k2",
    ),
    "score": ("score",),
    "report": ("save_config", "make_report"),
}


def stage_files(config: Config) -> dict[str, list[str]]:
    """Stage name -> files that its jobs write (one for each job), in the order of the flow."""
    root = config.root
    folders = [f"{root}/{split}" for split in config.splits]
    cells = [(folder, model) for folder in folders for model in config.decoded_models]
    searches = [
        f"{folder}/decode/{model}/{grammar}/{decoder}"
        for folder, model in cells
        for grammar in config.grammars
        for decoder in config.decode.decoders
    ]
    stages = {
        "data": [f"{root}/data/supervisions.jsonl.gz"],
        "features": [
            *(f"{root}/features/{i}/feats.scp" for i in range(config.features.num_shards)),
            f"{root}/features/cuts.jsonl.gz",
            *(
                f"{f}/data/{s}/{name}"
                for f in folders
                for s in ("train", "test")
                for name in ("cuts.jsonl.gz", "cmvn.ark")
            ),
        ],
        "lang": [f"{root}/lang/lang.json"],
        **{rung: [f"{folder}/{rung}/hmm.json" for folder in folders] for rung in config.gmm},
        "align": [
            f"{folder}/{rung}/alignment/{name}"
            for folder in folders
            for rung in config.gmm
            for name in ("transition_ids.scp", "words.ctm")
        ],
        **_network_stages(config, folders),
        "whole_word": [
            f"{folder}/whole_word/{name}"
            for folder in folders
            for name in ("model.json", "results.json")
            if config.whole_word is not None
        ],
        "graph": [
            *dict.fromkeys(
                grammar_file(config, split, grammar)
                for grammar in config.grammars
                for split in config.splits
            ),
            *(
                f"{folder}/{config.graph.pronunciations}/lang/lang.json"
                for folder in folders
                if config.graph.pronunciations is not None
            ),
            *(
                f"{folder}/graph/{model}/{grammar}/HCLG.fst"
                for folder, model in cells
                for grammar in config.grammars
            ),
        ],
        "decode": [
            *dict.fromkeys(
                loglikes(config, folder, model, grammar)
                for folder, model in cells
                for grammar in config.grammars
            ),
            *(f"{search}/hypotheses.jsonl" for search in searches),
        ],
        "score": [
            *(f"{search}/wer.json" for search in searches),
            *(f"{f}/{net}/wer_by_epoch.json" for f in folders for net in config.wer_epoch_networks),
        ],
        "report": [f"{root}/report/index.html"],
    }
    if not config.gmm:  # whole words alone need no phones
        del stages["lang"]
    return {stage: files for stage, files in stages.items() if files}


def _network_stages(config: Config, folders: list[str]) -> dict[str, list[str]]:
    """Each network, and after it its alignment where a later network learns that."""
    stages: dict[str, list[str]] = {}
    for net in config.nnet:
        stages[net] = [f"{folder}/{net}/model.json" for folder in folders]
        if net in config.aligning_networks:
            stages[f"align_{net}"] = [
                f"{folder}/{net}/alignment/{name}"
                for folder in folders
                for name in ("transition_ids.scp", "words.ctm")
            ]
    return stages


def files_until(config: Config, stage: str) -> list[str]:
    """Files of a stage and of all earlier ones."""
    stages = stage_files(config)
    names = list(stages)
    return [file for name in names[: names.index(stage) + 1] for file in stages[name]]


def stage_rules(config: Config, stage: str) -> list[str]:
    """The rules of a stage; each rung and network has its own, for --until needs it.

    Raises:
        KeyError: there is no such stage.
    """
    if stage in config.gmm or stage in config.nnet:
        return [f"train_{stage}"]
    if stage.removeprefix("align_") in config.aligning_networks:
        return [stage, stage.replace("align_", "export_", 1)]
    if stage == "align":
        return [f"{verb}_{rung}" for rung in config.gmm for verb in ("align", "export")]
    if stage == "graph":
        per_split = [grammar.needs_transcripts for grammar in config.grammars.values()]
        return [
            *(["make_grammar"] if not all(per_split) else []),
            *(["make_split_grammar"] if any(per_split) else []),
            *(["estimate_pronunciations"] if config.graph.pronunciations is not None else []),
            *STAGE_RULES[stage],
        ]
    if stage == "score" and config.wer_epoch_networks:
        return [*STAGE_RULES[stage], "wer_by_epoch"]
    return list(STAGE_RULES[stage])


def gmm_files(root: str) -> dict[str, str]:
    """What training a rung writes, with wildcards for split and rung."""
    folder = f"{root}/{{split}}/{{rung}}"
    return {
        "hmm": f"{folder}/hmm.json",
        "gmm": f"{folder}/gmm.safetensors",
        "transform": f"{folder}/transform.safetensors",
        "history": f"{folder}/log.jsonl",
    }


def alignment_files(root: str) -> dict[str, str]:
    """What aligning with a rung writes, with wildcards for split and rung."""
    folder = f"{root}/{{split}}/{{rung}}/alignment"
    return {
        "ark": f"{folder}/transition_ids.ark",
        "scp": f"{folder}/transition_ids.scp",
        "scores": f"{folder}/scores.tsv",
        "fmllr": f"{folder}/fmllr.ark",
    }


def lang_files(folder: str) -> dict[str, str]:
    """What a folder of a lang holds."""
    return {
        "lang": f"{folder}/lang.json",
        "phones": f"{folder}/phones.txt",
        "words": f"{folder}/words.txt",
        "lexicon": f"{folder}/lexicon.txt",
    }


def grammar_file(config: Config, split: str, grammar: str) -> str:
    """G of a grammar, one for all splits unless it is estimated from each one's transcripts."""
    per_split = config.grammars[grammar].needs_transcripts
    folder = f"{config.root}/{split}" if per_split else f"{config.root}/lang"
    return f"{folder}/grammars/{grammar}/G.fst"


def grammar_sources(config: Config, grammar: str) -> list[str]:
    """Files that a grammar is read or estimated from, so that a change of one makes it anew."""
    options = config.grammars[grammar]
    return [file for file in (options.file, options.test_file) if file is not None]


def graph_lang(config: Config, split: str) -> dict[str, str]:
    """The lang of the decoding graphs: the recipe's, or with probabilities from a rung's alignment.

    The symbols of both are the same.
    """
    rung = config.graph.pronunciations
    return lang_files(
        f"{config.root}/lang" if rung is None else f"{config.root}/{split}/{rung}/lang"
    )


def nnet_alignment_files(root: str) -> dict[str, str]:
    """What aligning with a network writes, with wildcards for split and net."""
    folder = f"{root}/{{split}}/{{net}}/alignment"
    return {
        "ark": f"{folder}/transition_ids.ark",
        "scp": f"{folder}/transition_ids.scp",
        "scores": f"{folder}/scores.tsv",
    }


def nnet_files(root: str) -> dict[str, str]:
    """What training a network writes, with wildcards for split and net."""
    folder = f"{root}/{{split}}/{{net}}"
    return {
        "model": f"{folder}/model.safetensors",
        "description": f"{folder}/model.json",
        "hmm": f"{folder}/hmm.json",
        "history": f"{folder}/log.jsonl",
    }


def epoch_files(config: Config, root: str, net: str) -> dict[str, str]:
    """What training also writes, the weights beside it, if they are asked for."""
    if net not in config.wer_epoch_networks:
        return {}
    return {"held_out": f"{root}/{{split}}/{{net}}/epochs/held_out.txt"}


def loglikes(config: Config, folder: str, model: str, grammar: str) -> str:
    """Log-likelihoods (scp) that a search reads.

    Only a speaker-adapted model needs a first search, and so a grammar, to make them.
    """
    adapted = (model in config.gmm and config.gmm[model].type == "sat") or (
        model in config.nnet and config.nnet[model].features == "fmllr"
    )
    return f"{folder}/decode/{model}/{f'{grammar}/' if adapted else ''}loglikes.scp"


def start_files(config: Config, folder: str, model: str) -> dict[str, str]:
    """Files from which this rung or network starts; none for mono.

    A rung starts from another rung's model and alignment. A network starts from the alignment of a
    rung or of another network; the HMM and the adaptation are the rung's. Sequence training also
    starts from a network.
    """
    aligned = config.nnet[model].alignment if model in config.nnet else config.gmm[model].alignment
    if aligned is None:
        return {}
    rung = config.rung_of(aligned)
    files = {
        "hmm": f"{folder}/{rung}/hmm.json",
        "alignment": f"{folder}/{aligned}/alignment/transition_ids.scp",
        "alignment_ark": f"{folder}/{aligned}/alignment/transition_ids.ark",
    }
    if model in config.nnet:
        files |= training_adaptation_files(config, folder, model)
        sequence = config.nnet[model].sequence
        if sequence is not None:
            files["start"] = f"{folder}/{sequence.start}/model.safetensors"
            files["start_description"] = f"{folder}/{sequence.start}/model.json"
    else:
        files["gmm"] = f"{folder}/{rung}/gmm.safetensors"
        files["transform"] = f"{folder}/{rung}/transform.safetensors"
        files["fmllr"] = f"{folder}/{rung}/alignment/fmllr.ark"
    return files


def training_adaptation_files(config: Config, folder: str, net: str) -> dict[str, str]:
    """What turns the training set into a network's fmllr features; nothing for cepstra."""
    if config.nnet[net].features != "fmllr":
        return {}
    rung = config.rung_of(net)
    return {
        "transform": f"{folder}/{rung}/transform.safetensors",
        "fmllr": f"{folder}/{rung}/alignment/fmllr.ark",
    }


def adaptation_files(config: Config, folder: str, net: str, grammar: str) -> dict[str, str]:
    """What turns a test set into a network's fmllr features."""
    rung = config.rung_of(net)
    return {
        "transform": f"{folder}/{rung}/transform.safetensors",
        "fmllr": f"{folder}/decode/{rung}/{grammar}/fmllr.ark",
    }


def adaptation_arguments(files: Mapping[str, Any]) -> str:
    """Options of train_nnet for fmllr features, quoted for the shell; empty for others."""
    if "fmllr" not in files.keys():  # noqa: SIM118 - Snakemake's inputs are a list with names
        return ""
    return shlex.join(["--transform", str(files["transform"]), "--fmllr", str(files["fmllr"])])


def start_arguments(files: Mapping[str, Any]) -> str:
    """Options of train_gmm that stand for `start_files`, quoted for the shell."""
    if "alignment" not in files.keys():  # noqa: SIM118 - Snakemake's inputs are a list with names
        return ""
    source_model = str(Path(files["hmm"]).parent)
    return shlex.join(["--source-model", source_model, "--alignment", str(files["alignment"])])


def tuning_files(config: Config, wildcards: Any) -> dict[str, str]:
    """Scores of the development split, of the same model, grammar and decoder; none for itself.

    Args:
        wildcards: of a score: split, model, grammar and decoder.
    """
    split = config.decode.tune_split
    if split is None or split == wildcards.split:
        return {}
    cell = f"{wildcards.model}/{wildcards.grammar}/{wildcards.decoder}"
    return {"tuning": f"{config.root}/{split}/decode/{cell}/wer.json"}


def tuning_arguments(files: Mapping[str, Any]) -> str:
    """Options of score that stand for `tuning_files`, quoted for the shell."""
    if "tuning" not in files.keys():  # noqa: SIM118 - Snakemake's inputs are a list with names
        return ""
    return shlex.join(["--tuning", str(files["tuning"])])


def hmm_of(config: Config, folder: str, model: str) -> str:
    """hmm.json whose pdf-ids the model scores: a network has its rung's."""
    return f"{folder}/{config.rung_of(model)}/hmm.json"


# Surroundings of the programs.


def program_environment(environment: Mapping[str, str], conda: bool) -> dict[str, str]:
    """Variables for the jobs: `python` is the one that runs Snakemake, K2_PYTHON the one for k2.

    Args:
        conda: Snakemake makes the environments of the rules, whose `python` is then the right one.
    """
    changed = {"PYTHONPATH": _before(str(REPOSITORY), environment.get("PYTHONPATH"))}
    if conda:
        return {**changed, k2_environment.VARIABLE: "python"}
    changed["PATH"] = _before(str(Path(sys.executable).parent), environment.get("PATH"))
    try:
        changed[k2_environment.VARIABLE] = k2_environment.k2_python(REPOSITORY, environment)
    except UserError:  # the jobs that need it will say so
        changed[k2_environment.VARIABLE] = environment.get(k2_environment.VARIABLE, sys.executable)
    return changed


def _before(first: str, rest: str | None) -> str:
    return os.pathsep.join([first, *([rest] if rest else [])])

"""Where the files of a run lie, which a job needs, and the options that stand for them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.config import Config


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


def graph_lang(config: Config, split: str) -> dict[str, str]:
    """The lang of the decoding graphs: the recipe's, or with probabilities from a rung's alignment.

    The symbols of both are the same.
    """
    rung = config.graph.pronunciations
    return lang_files(
        f"{config.root}/lang" if rung is None else f"{config.root}/{split}/{rung}/lang"
    )


def models_folder(config: Config, folder: str) -> str:
    """Folder of the split whose models the split of a folder is decoded with."""
    root, slash, split = folder.rpartition("/")
    return f"{root}{slash}{config.models_split(split)}"


def models_arguments(config: Config, split: str) -> str:
    """Options of split_data for a split that has another one's models."""
    other = config.models_from.get(split)
    return "" if other is None else shlex.join(["--models-from", other])


def of_models(config: Config, patterns: str | list[str]) -> Callable[[Any], str | list[str]]:
    """For a rule's inputs: a file, or files, of the models of its wildcard `split`."""

    def files(wildcards: Any) -> str | list[str]:
        values = {**wildcards, "split": config.models_split(wildcards.split)}
        if isinstance(patterns, str):
            return patterns.format(**values)
        return [pattern.format(**values) for pattern in patterns]

    return files


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


def search_files(config: Config, folder: str, model: str, grammar: str) -> dict[str, str]:
    """What a search reads: a model's graph, log-likelihoods, the HMM whose pdf-ids they are of."""
    scp = loglikes(config, folder, model, grammar)
    models = models_folder(config, folder)
    graph = f"{models}/graph/{model}/{grammar}"
    return {
        "graph": f"{graph}/HCLG.fst",
        "summary": f"{graph}/graph.json",
        "hmm": hmm_of(config, models, model),
        "loglikes": scp,
        "ark": scp.removesuffix(".scp") + ".ark",
    }


def found_files(folder: str, is_shard: bool) -> dict[str, str]:
    """What a search writes, as its rule declares it; of a shard one file."""
    files = {"hypotheses": f"{folder}hypotheses.jsonl", "lattices": f"{folder}lattices.jsonl.gz"}
    return {"hypotheses": files["hypotheses"]} if is_shard else files


def start_files(config: Config, folder: str, model: str) -> dict[str, str]:
    """Files from which this rung or network starts; none for mono.

    A rung starts from another rung's model and alignment. A network starts from the alignment of a
    rung or of another network; the HMM and the adaptation are the rung's. Sequence training and
    compression also start from a network.
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
        if "fmllr" in files and config.nnet[model].augment.perturbs_audio:  # copies are adapted too
            files["gmm"] = f"{folder}/{rung}/gmm.safetensors"
            files |= lang_files(f"{config.root}/lang")
        source = source_dir(config, folder, model)
        if source is not None:
            files["start"] = f"{source}/model.safetensors"
            files["start_description"] = f"{source}/model.json"
    else:
        files["gmm"] = f"{folder}/{rung}/gmm.safetensors"
        files["transform"] = f"{folder}/{rung}/transform.safetensors"
        files["fmllr"] = f"{folder}/{rung}/alignment/fmllr.ark"
    return files


def source_dir(config: Config, folder: str, net: str) -> str | None:
    """Folder of the trained network that a network is made with; None: it needs none."""
    options = config.nnet[net]
    if options.transfer is not None:
        return options.transfer.model_dir
    return None if options.source is None else f"{folder}/{options.source}"


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
        "transform": f"{models_folder(config, folder)}/{rung}/transform.safetensors",
        "fmllr": f"{folder}/decode/{rung}/{grammar}/fmllr.ark",
    }


def adaptation_arguments(files: Mapping[str, Any]) -> str:
    """Options of train_nnet for fmllr features, quoted for the shell; empty for others."""
    if "fmllr" not in files.keys():  # noqa: SIM118 - Snakemake's inputs are a list with names
        return ""
    words = ["--transform", str(files["transform"]), "--fmllr", str(files["fmllr"])]
    if "gmm" in files.keys():  # noqa: SIM118
        lang_dir, gmm_dir = Path(files["lang"]).parent, Path(files["gmm"]).parent
        words += ["--lang", str(lang_dir), "--gmm-dir", str(gmm_dir)]
    return shlex.join(words)


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

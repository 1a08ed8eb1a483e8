"""Stages: what a user calls the parts of a run, with their files and rules."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.config import Config, GrammarOptions, LmOptions
from pipeline.workflow.files import loglikes
from pipeline.workflow.language_models import grammar_file, lm_file

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
        "decode_native",
        "decode_k2",
    ),
    "score": ("score",),
    "report": ("save_config", "make_report"),
}


def stage_files(config: Config) -> dict[str, list[str]]:
    """Stage name -> files that its jobs write, in the order of the flow.

    One for each job, but for shards what they are merged to.
    """
    root = config.root
    tested = [f"{root}/{split}" for split in config.splits]
    folders = [f"{root}/{split}" for split in config.trained_splits]
    trained = [(folder, model) for folder in folders for model in config.decoded_models]
    cells = [(folder, model) for folder in tested for model in config.decoded_models]
    searches = [
        f"{folder}/decode/{model}/{grammar}/{decoder}"
        for folder, model in cells
        for grammar in config.searched_grammars
        for decoder in config.decode.decoders
    ]
    rescorings = [
        f"{folder}/decode/{model}/{grammar}/{decoder}"
        for folder in tested
        for grammar in config.scored_grammars
        if grammar not in config.searched_grammars
        for model in config.rescored_models(grammar)
        for decoder in config.decode.decoders
    ]
    stages = {
        "data": [f"{root}/data/supervisions.jsonl.gz"],
        "features": [
            f"{root}/features/cuts.jsonl.gz",
            *(
                f"{f}/data/{s}/{name}"
                for f in tested
                for s in ("train", "test")
                if f in folders or s == "test"
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
                for split in config.trained_splits
            ),
            *(
                f"{folder}/{config.graph.pronunciations}/lang/lang.json"
                for folder in folders
                if config.graph.pronunciations is not None
            ),
            *(
                f"{folder}/graph/{model}/{grammar}/HCLG.fst"
                for folder, model in trained
                for grammar in config.searched_grammars
            ),
        ],
        "lm": list(
            dict.fromkeys(
                lm_file(config, split, lm) for lm in config.lms for split in config.trained_splits
            )
        ),
        **{
            voice: [
                f"{f}/{voice}/{name}" for f in folders for name in ("model.json", "results.json")
            ]
            for voice in config.synthesis
        },
        "decode": [
            *dict.fromkeys(
                loglikes(config, folder, model, grammar)
                for folder, model in cells
                for grammar in config.searched_grammars
            ),
            *(f"{search}/hypotheses.jsonl" for search in searches),
        ],
        "rescore": [f"{rescoring}/hypotheses.jsonl" for rescoring in rescorings],
        "score": [
            *(f"{cell}/wer.json" for cell in (*searches, *rescorings)),
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


def _made_by(
    common: str, per_split: str, models: Iterable[GrammarOptions | LmOptions]
) -> list[str]:
    """Rules of grammars or language models: one for all splits, and one of each split's own."""
    own = [model.needs_transcripts for model in models]
    return [*([common] if not all(own) else []), *([per_split] if any(own) else [])]


def files_until(config: Config, stage: str) -> list[str]:
    """Files of a stage and of all earlier ones."""
    stages = stage_files(config)
    names = list(stages)
    return [file for name in names[: names.index(stage) + 1] for file in stages[name]]


def seed_inputs(config: Config) -> list[str]:
    """What `pipeline.bin.run_seeds` reads of a run: no network is trained for it."""
    rungs = dict.fromkeys(config.rung_of(net) for net in config.nnet)
    names = [
        f"data/{part}/{name}"
        for part in ("train", "test")
        for name in ("cuts.jsonl.gz", "cmvn.ark")
    ]
    for rung in rungs:
        names.append(f"{rung}/alignment/transition_ids.scp")
        names += [f"graph/{rung}/{grammar}/HCLG.fst" for grammar in config.searched_grammars]
    return [f"{config.root}/{split}/{name}" for split in config.trained_splits for name in names]


def stage_rules(config: Config, stage: str) -> list[str]:
    """The rules of a stage; each rung and network has its own, for --until needs it.

    Raises:
        KeyError: there is no such stage.
    """
    if stage in config.gmm or stage in config.nnet:
        return [f"train_{stage}"]
    if stage in config.synthesis:
        return [f"train_{stage}", f"judge_{stage}"]
    if stage.removeprefix("align_") in config.aligning_networks:
        return [stage, stage.replace("align_", "export_", 1)]
    if stage == "align":
        return [f"{verb}_{rung}" for rung in config.gmm for verb in ("align", "export")]
    if stage == "graph":
        return [
            *_made_by("make_grammar", "make_split_grammar", config.grammars.values()),
            *(["estimate_pronunciations"] if config.graph.pronunciations is not None else []),
            *STAGE_RULES[stage],
        ]
    if stage == "lm":
        return _made_by("train_lm", "train_split_lm", config.lms.values())
    if stage == "rescore":
        return [
            *(["rescore_lattices"] if set(config.grammars) - set(config.searched_grammars) else []),
            *(["rescore_n_best"] if config.rescoring else []),
        ]
    if stage == "decode":
        searches = {f"decode_{name}" for name in ("kaldi", "native", "k2")}
        unused = searches - {f"decode_{name}" for name in config.decode.decoders}
        return [
            *(rule for rule in STAGE_RULES[stage] if rule not in unused),
            *(["merge_decoded"] if config.decode.num_shards > 1 else []),
        ]
    if stage == "score" and config.wer_epoch_networks:
        return [*STAGE_RULES[stage], "wer_by_epoch"]
    return list(STAGE_RULES[stage])

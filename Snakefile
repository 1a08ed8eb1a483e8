# From a corpus to word error rates: `snakemake --config recipe=fsdd` (default: demo).
# Every other key of --config changes the recipe's configuration: 'nnet={"lstm": {"prior_scale": 0.8}}'.
import gc
import os
import shlex
import sys
from pathlib import Path

# Building the graph of thousands of jobs makes no garbage, but looking for it takes half the time.
gc.disable()

sys.path.insert(0, workflow.basedir)

from pipeline.code_digest import CodeDigests
from pipeline.config import ConfigError
from pipeline.features.archive_list import drop_stale_list
from pipeline.workflow import (
    adaptation_arguments,
    adaptation_files,
    alignment_files,
    any_of,
    epoch_files,
    files_until,
    found_files,
    gmm_files,
    GRAMMAR_USES,
    grammar_file,
    corpus_text,
    grammar_options,
    grammar_sources,
    graph_lang,
    hmm_of,
    lang_files,
    lm_file,
    lm_files,
    lm_options,
    lm_sources,
    load_recipe,
    models_arguments,
    nnet_alignment_files,
    nnet_files,
    of_models,
    program_environment,
    rescoring_files,
    search_files,
    seed_inputs,
    stage_files,
    start_arguments,
    start_files,
    to_json,
    training_adaptation_files,
    tuning_arguments,
    tuning_files,
)

try:
    RECIPE = load_recipe(config)
except ConfigError as error:
    sys.exit(f"error: {error}")

ROOT = RECIPE.root
STAGES = stage_files(RECIPE)
FIRST_GRAMMAR = next(iter(RECIPE.grammars), "none")
GMM, ALIGNMENT, NNET = gmm_files(ROOT), alignment_files(ROOT), nnet_files(ROOT)
NNET_ALIGNMENT = nnet_alignment_files(ROOT)
SEARCH_OPTIONS = {
    model: to_json(
        RECIPE.search_of(model),
        exclude=["network_beam", "decoders", "num_shards", "tune_split", "count_as"],
    )
    for model in [*RECIPE.gmm, *RECIPE.nnet]
}
CODE = CodeDigests(
    Path(workflow.basedir), cache=Path(workflow.basedir, ".snakemake", "code.json")
)
os.environ.update(
    program_environment(
        os.environ, conda=bool(workflow.deployment_settings.deployment_method)
    )
)

if workflow.is_main_process:  # on a node of a cluster a new file may not be seen yet
    drop_stale_list(Path(ROOT, "features"))


onstart:
    gc.enable()


wildcard_constraints:
    split=any_of(RECIPE.splits),
    set="train|test",
    shard="[0-9]+",
    rung=any_of(RECIPE.gmm),
    net=any_of(RECIPE.nnet),
    model=any_of([*RECIPE.gmm, *RECIPE.nnet]),
    grammar=any_of(RECIPE.scored_grammars),
    lm=any_of(RECIPE.lms),
    decoder=any_of(RECIPE.decode.decoders),


rule all:
    default_target: True
    input:
        STAGES["report"],


# `snakemake until_align` runs the stages up to align.
for stage in STAGES:

    rule:
        name:
            f"until_{stage}"
        input:
            files_until(RECIPE, stage),


rule seed_inputs:  # for `python -m pipeline.bin.run_seeds`
    input:
        seed_inputs(RECIPE),


include: "pipeline/rules/data.smk"
include: "pipeline/rules/features.smk"
include: "pipeline/rules/lang.smk"
include: "pipeline/rules/gmm.smk"
include: "pipeline/rules/align.smk"
include: "pipeline/rules/nnet.smk"
include: "pipeline/rules/whole_word.smk"
include: "pipeline/rules/graph.smk"
include: "pipeline/rules/lm.smk"
include: "pipeline/rules/synthesis.smk"
include: "pipeline/rules/decode.smk"
include: "pipeline/rules/rescore.smk"
include: "pipeline/rules/score.smk"
include: "pipeline/rules/report.smk"


CODE.save()

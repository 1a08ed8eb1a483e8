"""pipeline/workflow: recipes, stages, arguments and surroundings of programs."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.config import ConfigError, DecodeOptions
from pipeline.workflow import (
    adaptation_files,
    any_of,
    files_until,
    known_recipes,
    load_recipe,
    program_environment,
    search_files,
    seed_inputs,
    stage_files,
    stage_rules,
    to_json,
    tuning_files,
)
from tests.workflow.toy_configuration import TOY


def test_the_recipes_of_the_project() -> None:
    assert {"demo", "fsdd", "yesno", "speech_commands"} <= set(known_recipes())
    for name in known_recipes():
        config = load_recipe({"recipe": name})
        assert config.recipe == name
    assert load_recipe({}).recipe == "demo"


def test_settings_change_the_recipe(folder: Path) -> None:
    settings = {"recipe": "toy", "decode": {"beam": "11", "lm_weights": ["10", "12"]}, "seed": 3}
    config = load_recipe(settings, folder)
    assert config.decode.beam == 11.0  # Snakemake hands numbers inside mappings over as text
    assert config.decode.lm_weights == (10.0, 12.0)
    assert config.seed == 3
    assert config.decode.max_active == DecodeOptions().max_active


@pytest.mark.parametrize("nothing", [None, "null"])
def test_null_puts_back_the_default(folder: Path, nothing: str | None) -> None:
    assert load_recipe({"recipe": "toy", "nnet": nothing}, folder).nnet == {}
    config = load_recipe({"recipe": "toy", "gmm": {"sat": nothing}}, folder)
    assert list(config.gmm) == ["mono", "tri"]


def test_unknown_recipe_lists_the_known(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"recipe oops: .*known are toy"):
        load_recipe({"recipe": "oops"}, folder)


def test_a_recipe_is_called_as_its_folder(folder: Path) -> None:
    (folder / "toy").rename(folder / "other")
    with pytest.raises(ConfigError, match="must be the folder's name"):
        load_recipe({"recipe": "other"}, folder)


def test_stages_in_the_order_of_the_flow(folder: Path) -> None:
    config = load_recipe({"recipe": "toy"}, folder)
    stages = stage_files(config)
    assert list(stages) == [
        *("data", "features", "lang", "mono", "tri", "sat", "align", "net"),
        *("graph", "decode", "score", "report"),
    ]
    assert stages["tri"] == ["exp/toy/a/tri/hmm.json", "exp/toy/b/tri/hmm.json"]
    assert len(stages["score"]) == 2 * 4 * 1 * 2  # splits, models, grammars, decoders
    assert files_until(config, "lang") == stages["data"] + stages["features"] + stages["lang"]
    every = [file for files in stages.values() for file in files]
    assert len(set(every)) == len(every)


def test_seeds_need_no_network(folder: Path) -> None:
    config = load_recipe({"recipe": "toy"}, folder)
    rung = config.rung_of("net")
    names = [
        f"data/{part}/{name}"
        for part in ("train", "test")
        for name in ("cuts.jsonl.gz", "cmvn.ark")
    ]
    names += [f"{rung}/alignment/transition_ids.scp"]
    names += [f"graph/{rung}/{grammar}/HCLG.fst" for grammar in config.searched_grammars]
    assert seed_inputs(config) == [f"exp/toy/{split}/{name}" for split in "ab" for name in names]


def test_a_stage_is_its_rules(folder: Path) -> None:
    config = load_recipe({"recipe": "toy"}, folder)
    assert stage_rules(config, "graph") == ["make_grammar", "make_graph"]
    changed = load_recipe({"recipe": "toy", "graph": {"pronunciations": "tri"}}, folder)
    assert stage_rules(changed, "graph") == [
        *("make_grammar", "estimate_pronunciations", "make_graph"),
    ]
    assert {"exp/toy/a/tri/lang/lang.json", "exp/toy/b/tri/lang/lang.json"} == set(
        stage_files(changed)["graph"]
    ) - set(stage_files(config)["graph"])
    assert stage_rules(config, "net") == ["train_net"]
    assert stage_rules(config, "tri") == ["train_tri"]
    assert stage_rules(config, "align")[:2] == ["align_mono", "export_mono"]
    with pytest.raises(KeyError):
        stage_rules(config, "none")


def test_a_grammar_from_transcripts_is_another_in_each_split(folder: Path) -> None:
    grammars = {"h": {"type": "ngram"}, "t": {"type": "ngram", "file": "text"}}
    config = load_recipe({"recipe": "toy", "grammars": grammars}, folder)
    files = [file for file in stage_files(config)["graph"] if file.endswith("/G.fst")]
    assert sorted(files) == [
        "exp/toy/a/grammars/h/G.fst",
        "exp/toy/b/grammars/h/G.fst",
        "exp/toy/lang/grammars/g/G.fst",
        "exp/toy/lang/grammars/t/G.fst",
    ]
    assert stage_rules(config, "graph") == ["make_grammar", "make_split_grammar", "make_graph"]


def test_a_split_may_have_the_models_of_another(folder: Path) -> None:
    grammars = {"h": {"type": "ngram"}}
    nnet = {"net": {"alignment": "sat", "features": "fmllr"}}
    settings = {"recipe": "toy", "grammars": grammars, "nnet": nnet, "models_from": {"b": "a"}}
    config = load_recipe(settings, folder)
    stages = stage_files(config)
    assert stages["tri"] == ["exp/toy/a/tri/hmm.json"]
    assert not any("/b/" in file for file in stages["graph"])
    assert len(stages["score"]) == 2 * 4 * 2 * 2  # splits, models, grammars, decoders
    assert "exp/toy/b/data/test/cuts.jsonl.gz" in stages["features"]
    assert "exp/toy/b/data/train/cuts.jsonl.gz" not in stages["features"]
    found = search_files(config, "exp/toy/b", "net", "h")
    assert found["graph"] == "exp/toy/a/graph/net/h/HCLG.fst"
    assert found["hmm"] == "exp/toy/a/sat/hmm.json"
    assert found["loglikes"] == "exp/toy/b/decode/net/h/loglikes.scp"
    assert adaptation_files(config, "exp/toy/b", "net", "h") == {
        "transform": "exp/toy/a/sat/transform.safetensors",
        "fmllr": "exp/toy/b/decode/sat/h/fmllr.ark",
    }
    assert tuning_files(
        load_recipe({**settings, "decode": {"tune_split": "b"}}, folder),
        SimpleNamespace(split="a", model="net", grammar="h", decoder="k2"),
    ) == {"tuning": "exp/toy/b/decode/net/h/k2/wer.json"}


@pytest.mark.parametrize(
    ("models_from", "said"),
    [
        ({"b": "c"}, "models_from: b: c: both must be among the splits"),
        ({"b": "b"}, "models_from.b: b has no models of its own"),
        ({"a": "b", "b": "a"}, "models_from.a: b has no models of its own"),
    ],
)
def test_models_must_come_from_a_split_that_has_some(
    folder: Path, models_from: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        load_recipe({"recipe": "toy", "models_from": models_from}, folder)


def test_a_voice_is_a_stage(folder: Path) -> None:
    judge = {"model": "mono", "grammar": next(iter(TOY["grammars"]))}
    voice = {"alignment": "tri", "speakers": ["ann"], "judge": judge}
    config = load_recipe({"recipe": "toy", "synthesis": {"voice": voice}}, folder)
    stages = stage_files(config)
    assert stages["voice"][:2] == [f"exp/toy/a/voice/{n}.json" for n in ("model", "results")]
    assert list(stages).index("graph") < list(stages).index("voice") < list(stages).index("report")
    assert stage_rules(config, "voice") == ["train_voice", "judge_voice"]
    assert config.network("voice") is config.synthesis["voice"]
    assert "synthesis" not in load_recipe({"recipe": "toy"}, folder).model_dump()


def test_options_as_json(folder: Path) -> None:
    text = to_json(DecodeOptions(), include=["max_active", "beam"])
    assert text == to_json(DecodeOptions(), include=["beam", "max_active"])
    assert json.loads(text) == {"beam": 15.0, "max_active": 7000}
    assert list(json.loads(to_json(load_recipe({"recipe": "toy"}, folder)))["gmm"]) == list(
        TOY["gmm"]
    )
    assert "decoders" not in json.loads(to_json(DecodeOptions(), exclude=["decoders"]))


def test_any_of_takes_the_names_and_nothing_else() -> None:
    assert re.fullmatch(any_of(["b", "a"]), "a")
    assert not re.fullmatch(any_of(["b", "a"]), "ab")
    assert not re.fullmatch(any_of([]), "")
    assert not re.fullmatch(any_of([]), "a")


def test_programs_get_this_python_and_the_one_for_k2(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    given = {"PATH": "old", "PYTHONPATH": "mine", "K2_PYTHON": str(python)}
    changed = program_environment(given, conda=False)
    assert changed["K2_PYTHON"] == str(python)
    assert changed["PATH"].endswith(f"{os.pathsep}old")
    assert changed["PYTHONPATH"].endswith(f"{os.pathsep}mine")
    assert Path(changed["PYTHONPATH"].split(os.pathsep)[0], "Snakefile").is_file()


def test_with_conda_each_environment_has_its_python() -> None:
    changed = program_environment({"PATH": "old"}, conda=True)
    assert changed["K2_PYTHON"] == "python"
    assert "PATH" not in changed

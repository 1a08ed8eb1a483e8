"""Which files a job reads: of the rung or network that a model starts from, of its split."""

from __future__ import annotations

import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.config import ConfigError
from pipeline.workflow import (
    adaptation_arguments,
    adaptation_files,
    hmm_of,
    load_recipe,
    loglikes,
    stage_files,
    stage_rules,
    start_arguments,
    start_files,
    training_adaptation_files,
    tuning_arguments,
    tuning_files,
)
from tests.workflow.toy_configuration import TOY


def test_files_from_the_rung_that_a_model_starts_from(folder: Path) -> None:
    config = load_recipe({"recipe": "toy"}, folder)
    assert start_files(config, "f", "mono") == {}
    assert start_arguments({}) == ""
    assert start_files(config, "f", "net") == {
        "hmm": "f/tri/hmm.json",
        "alignment": "f/tri/alignment/transition_ids.scp",
        "alignment_ark": "f/tri/alignment/transition_ids.ark",
    }
    files = start_files(config, "with space", "sat")
    assert files["gmm"] == "with space/tri/gmm.safetensors"
    assert shlex.split(start_arguments(files)) == [
        *("--source-model", "with space/tri"),
        *("--alignment", "with space/tri/alignment/transition_ids.scp"),
    ]


def test_a_network_learns_another_networks_alignment(folder: Path) -> None:
    changes = {
        "net": {"alignment": "sat", "features": "fmllr"},
        "again": {"alignment": "net", "features": "fmllr"},
    }
    config = load_recipe({"recipe": "toy", "nnet": changes}, folder)
    assert config.rung_of("again") == "sat"
    stages = stage_files(config)
    order = ["net", "align_net", "again", "graph"]
    assert [name for name in stages if name in order] == order
    assert stages["align_net"][:2] == [
        *("exp/toy/a/net/alignment/transition_ids.scp", "exp/toy/a/net/alignment/words.ctm"),
    ]
    assert stage_rules(config, "align_net") == ["align_net", "export_net"]
    assert start_files(config, "f", "again") == {
        "hmm": "f/sat/hmm.json",
        "alignment": "f/net/alignment/transition_ids.scp",
        "alignment_ark": "f/net/alignment/transition_ids.ark",
        "transform": "f/sat/transform.safetensors",
        "fmllr": "f/sat/alignment/fmllr.ark",
    }
    assert hmm_of(config, "f", "again") == "f/sat/hmm.json"
    assert adaptation_files(config, "f", "again", "g") == {
        "transform": "f/sat/transform.safetensors",
        "fmllr": "f/decode/sat/g/fmllr.ark",
    }


def test_perturbed_copies_are_adapted_in_training(folder: Path) -> None:
    perturbed = {"augment": {"speed_factors": [0.9]}, "features": "fmllr", "alignment": "sat"}
    config = load_recipe({"recipe": "toy", "nnet": {"net": perturbed}}, folder)
    files = start_files(config, "exp/toy/a b", "net")
    assert files["gmm"] == "exp/toy/a b/sat/gmm.safetensors"
    assert shlex.split(adaptation_arguments(files)) == [
        *("--transform", "exp/toy/a b/sat/transform.safetensors"),
        *("--fmllr", "exp/toy/a b/sat/alignment/fmllr.ark"),
        *("--lang", "exp/toy/lang", "--gmm-dir", "exp/toy/a b/sat"),
    ]
    assert "gmm" not in training_adaptation_files(config, "exp/toy/a b", "net")  # to align


def test_sequence_training_starts_from_a_network(folder: Path) -> None:
    config = load_recipe({"recipe": "toy", "nnet": {"mmi": {"sequence": {"start": "net"}}}}, folder)
    assert (config.cross_entropy_networks, config.sequence_networks) == (("net",), ("mmi",))
    files = start_files(config, "f", "mmi")
    assert files["start"] == "f/net/model.safetensors"
    assert files["alignment"] == "f/tri/alignment/transition_ids.scp"
    assert stage_rules(config, "mmi") == ["train_mmi"]


def test_networks_made_from_others(folder: Path) -> None:
    nets = {
        "int8": {"quantize": {"start": "net"}},
        "aware": {"quantize": {"start": "net", "aware": True}},
        "half": {"prune": {"start": "net", "fraction": 0.5, "units": True}},
        "taught": {"alignment": "tri", "distill": {"teacher": "net"}},
        "moved": {"alignment": "mono", "transfer": {"model_dir": "exp/other/net"}},
    }
    config = load_recipe({"recipe": "toy", "nnet": nets}, folder)
    assert config.cross_entropy_networks == ("net",)
    assert config.rounded_networks == ("int8",)
    assert config.compressed_networks == ("aware", "half", "taught", "moved")
    assert config.nnet["int8"].model == config.nnet["aware"].model == config.nnet["net"].model
    whole, half = (config.nnet[name].model for name in ("net", "half"))
    assert (half.hidden_dim, half.type) == (round(whole.hidden_dim / 2), whole.type)
    text = {"half": {"prune": {"start": "net", "fraction": "0.5", "units": "true"}}}
    text |= {"net": {**TOY["nnet"]["net"], "model": {"hidden_dim": "6"}}}
    assert load_recipe({"recipe": "toy", "nnet": text}, folder).nnet["half"].model.hidden_dim == 3
    for name in ("aware", "half", "taught"):
        files = start_files(config, "f", name)
        assert files["start"] == "f/net/model.safetensors"
        assert files["alignment"] == "f/tri/alignment/transition_ids.scp"
    files = start_files(config, "f", "moved")
    assert files["start_description"] == "exp/other/net/model.json"
    assert files["alignment"] == "f/mono/alignment/transition_ids.scp"
    assert stage_rules(config, "int8") == ["train_int8"]


def test_only_an_adapted_model_has_loglikes_of_a_grammar(folder: Path) -> None:
    config = load_recipe({"recipe": "toy"}, folder)
    assert loglikes(config, "f", "mono", "g") == "f/decode/mono/loglikes.scp"
    assert loglikes(config, "f", "net", "g") == "f/decode/net/loglikes.scp"
    assert loglikes(config, "f", "sat", "g") == "f/decode/sat/g/loglikes.scp"


def test_a_development_split_tunes_the_others_and_not_itself(folder: Path) -> None:
    settings = {"recipe": "toy", "decode": {"tune_split": "a"}}
    config = load_recipe(settings, folder)
    cell = SimpleNamespace(split="b", model="net", grammar="g", decoder="k2")
    files = tuning_files(config, cell)
    assert files == {"tuning": "exp/toy/a/decode/net/g/k2/wer.json"}
    assert shlex.split(tuning_arguments(files)) == ["--tuning", files["tuning"]]
    assert tuning_files(config, SimpleNamespace(split="a")) == {}
    assert tuning_files(load_recipe({"recipe": "toy"}, folder), cell) == {}
    assert tuning_arguments({}) == ""
    with pytest.raises(ConfigError, match="tune_split: no split 'c'"):
        load_recipe({"recipe": "toy", "decode": {"tune_split": "c"}}, folder)


def test_a_network_has_the_hmm_of_its_rung(folder: Path) -> None:
    config = load_recipe({"recipe": "toy"}, folder)
    assert hmm_of(config, "f", "net") == "f/tri/hmm.json"
    assert hmm_of(config, "f", "mono") == "f/mono/hmm.json"

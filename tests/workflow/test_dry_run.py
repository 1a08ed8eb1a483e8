"""Every recipe's graph of jobs can be built, and a mistake in --config is one line."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from pipeline.workflow import (
    known_recipes,
    load_recipe,
    stage_files,
    stage_rules,
)
from tests.workflow.snakemake_program import run_snakemake


def dry_run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Snakemake in an empty folder."""
    return run_snakemake(folder, "-n", *arguments)


@pytest.mark.parametrize("recipe", known_recipes())
def test_every_recipe_has_a_way_from_data_to_report(recipe: str, tmp_path: Path) -> None:
    config = load_recipe({"recipe": recipe})
    brought = [Path(net.transfer.model_dir) for net in config.nnet.values() if net.transfer]
    for folder in brought:  # another recipe's networks, which this one's begin with
        (tmp_path / folder).mkdir(parents=True)
        for name in ("model.safetensors", "model.json"):
            (tmp_path / folder / name).touch()
    result = dry_run(tmp_path, "--config", f"recipe={recipe}")
    assert result.returncode == 0, result.stdout + result.stderr
    rules = {rule for stage in stage_files(config) for rule in stage_rules(config, stage)}
    found = set(re.findall(r"^(?:local)?rule (\w+):$", result.stdout, re.MULTILINE))
    # Every job belongs to a stage; loglikes are made in three ways, of which a recipe needs some.
    assert found - {"all"} <= rules
    assert {rule for rule in rules - found if not rule.endswith("loglikes")} == set()
    made = {path.parent for path in tmp_path.glob("exp/**/*") if path.is_file()}
    assert made == {tmp_path / folder for folder in brought}


def test_the_whole_ladder_with_an_adapted_rung(tmp_path: Path) -> None:
    ladder = (
        '{"tri1": {"type": "deltas", "alignment": "mono"},'
        ' "tri2b": {"type": "lda_mllt", "alignment": "tri1"},'
        ' "tri3b": {"type": "sat", "alignment": "tri2b"}}'
    )
    result = dry_run(tmp_path, "--config", f"gmm={ladder}", 'nnet={"lstm": {"alignment": "tri3b"}}')
    assert result.returncode == 0, result.stdout + result.stderr
    counts = {line.split()[0]: line.split()[-1] for line in result.stdout.splitlines() if line}
    assert counts["train_tri3b"] == counts["align_tri3b"] == "1"
    assert counts["gmm_loglikes"] == "3"
    assert counts["adapted_loglikes"] == "1"
    assert counts["decode_k2"] == "5"


def test_a_model_that_is_not_decoded_may_adapt_the_speakers(tmp_path: Path) -> None:
    result = dry_run(tmp_path, "--config", "models=[lstm]")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "exp/demo/official/graph/tri3b/loop/HCLG.fst" in result.stdout


def test_graphs_take_the_probabilities_of_a_rung(tmp_path: Path) -> None:
    settings = ("--config", 'graph={"pronunciations": "tri1"}', "models=[mono, tri3b]")
    result = dry_run(tmp_path, *settings)
    assert result.returncode == 0, result.stdout + result.stderr
    jobs = re.findall(r"^rule (\w+):\n    input: (.*)\n    output: (.*)$", result.stdout, re.M)
    assert "wer_by_epoch" not in {job[0] for job in jobs}  # its network is not decoded
    (estimate,) = [job for job in jobs if job[0] == "estimate_pronunciations"]
    assert "exp/demo/official/tri1/alignment/transition_ids.scp" in estimate[1].split(", ")
    graphs = [job[1].split(", ") for job in jobs if job[0] == "make_graph"]
    assert len(graphs) == 2
    for inputs in graphs:
        assert set(estimate[2].split(", ")) <= set(inputs)
        assert "exp/demo/lang/lang.json" not in inputs


def test_a_network_may_start_from_another(tmp_path: Path) -> None:
    again = (
        '{"again": {"alignment": "lstm", "features": "fmllr"},'
        ' "mmi": {"sequence": {"start": "again"}}}'
    )
    result = dry_run(tmp_path, "--config", f"nnet={again}")
    assert result.returncode == 0, result.stdout + result.stderr
    found = re.findall(r"^(?:local)?rule (\w+):$", result.stdout, re.MULTILINE)
    assert {"train_lstm", "align_lstm", "train_again", "train_mmi"} <= set(found)


def test_wer_by_epoch_is_there_for_networks_that_ask_for_it(tmp_path: Path) -> None:
    nets = (
        '{"lstm": {"training": {"wer_epochs": true}}, "plain": {"alignment": "tri1"},'
        ' "mmi": {"sequence": {"start": "plain"}, "training": {"wer_epochs": true}}}'
    )
    result = dry_run(tmp_path, "--config", f"nnet={nets}")
    assert result.returncode == 0, result.stdout + result.stderr
    jobs = re.findall(r"^rule (\w+):\n    input: (.*)\n    output: (.*)$", result.stdout, re.M)
    files = {to.split(", ")[0]: source.split(", ") for name, source, to in jobs if "by_e" in name}
    folder = "exp/demo/official"
    assert set(files) == {f"{folder}/{net}/wer_by_epoch.json" for net in ("lstm", "mmi")}
    adapted, plain = (
        files[f"{folder}/lstm/wer_by_epoch.json"],
        files[f"{folder}/mmi/wer_by_epoch.json"],
    )
    for net, inputs in (("lstm", adapted), ("mmi", plain)):
        assert f"{folder}/{net}/epochs/held_out.txt" in inputs
        assert f"{folder}/graph/{net}/loop/HCLG.fst" in inputs
    assert f"{folder}/tri3b/alignment/fmllr.ark" in adapted
    assert not any("fmllr" in file for file in plain)
    trained = {name: to.split(", ") for name, _, to in jobs if name.startswith("train_")}
    kept = {name for name, outputs in trained.items() if any("/epochs/" in to for to in outputs)}
    assert kept == {"train_lstm", "train_mmi"}
    (report,) = [source.split(", ") for name, source, _ in jobs if name == "make_report"]
    assert set(files) <= set(report)


def test_scores_wait_for_those_of_the_development_split(tmp_path: Path) -> None:
    settings = ["splits=[theo, official]", "models=[mono]", 'decode={"tune_split": "theo"}']
    result = dry_run(tmp_path, "--config", "recipe=fsdd", *settings)
    assert result.returncode == 0, result.stdout + result.stderr
    jobs = re.findall(r"^rule score:\n    input: (.*)\n    output: (.*)$", result.stdout, re.M)
    inputs = {outputs.split(", ")[0]: files.split(", ") for files, outputs in jobs}
    tuned = {name for name in inputs if "/official/" in name}
    assert tuned
    for name in tuned:
        assert name.replace("/official/", "/theo/") in inputs[name]
    assert not any("wer.json" in file for name in set(inputs) - tuned for file in inputs[name])


def test_networks_may_have_a_beam_of_their_own(tmp_path: Path) -> None:
    settings = ["models=[mono,lstm]", 'decode={"beam": 11, "network_beam": 17}']
    result = dry_run(tmp_path, "-p", "--config", "recipe=demo", *settings)
    assert result.returncode == 0, result.stdout + result.stderr
    searches = re.findall(r"pipeline\.bin\.decode_\w+ --graph \S*/(\w+)/loop/.*", result.stdout)
    beams = re.findall(r'pipeline\.bin\.decode_\w+ .*"beam":([0-9.]+)', result.stdout)
    assert {*zip(searches, beams, strict=True)} == {("mono", "11.0"), ("lstm", "17.0")}
    adapting = re.findall(r'pipeline\.bin\.gmm_loglikes .*"beam":([0-9.]+)', result.stdout)
    assert set(adapting) == {"11.0"}
    assert not re.search(r"pipeline\.bin\..*network_beam", result.stdout)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("recipe=nothing", "recipe nothing: there is no "),
        ('nnet={"lstm": {"modle": {}}}', "nnet.lstm.modle: unknown key"),
        ("trian=1", "trian: unknown key"),
        ("seed=one", "seed: "),
        ('graph={"pronunciations": "tri9"}', "graph.pronunciations: no rung 'tri9' in gmm"),
        ('features={"num_ceps": 0}', "features.num_ceps: "),
    ],
)
def test_a_mistake_is_one_line(setting: str, said: str, tmp_path: Path) -> None:
    result = dry_run(tmp_path, "--quiet", "--config", setting)
    assert result.returncode == 1
    lines = [line for line in result.stderr.splitlines() if not line.startswith("Using ")]
    (line,) = [line for line in lines if "error" in line.lower()]
    assert line.startswith("error: ")
    assert said in line
    assert "Traceback" not in result.stdout + result.stderr


def test_a_search_in_shards_is_merged_before_it_is_scored(tmp_path: Path) -> None:
    result = dry_run(tmp_path, "--config", "models=[mono]", 'decode={"num_shards": 3}')
    assert result.returncode == 0, result.stdout + result.stderr
    rules = re.findall(r"^(?:local)?rule (\w+):$", result.stdout, re.MULTILINE)
    assert [rules.count(f"decode_{name}") for name in ("k2", "kaldi")] == [3, 3]
    assert rules.count("merge_decoded") == rules.count("score") == 2
    merges = re.findall(r"^rule merge_decoded:\n    input: (.*)\n", result.stdout, re.MULTILINE)
    assert [files.count("/shards/2/hypotheses.jsonl") for files in merges] == [1, 1]
    assert "--shard 2 --num-shards 3" in dry_run(
        tmp_path, "--config", "models=[mono]", 'decode={"num_shards": 3}', "--printshellcmds"
    ).stdout.replace("'", "")

"""Recipes of corpora that are not here: all stages run on a tiny tree in the real one's layout."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipeline.cli.arguments import parse_changes
from pipeline.config import Config
from pipeline.workflow import load_recipe, program_environment, stage_files
from pipeline.workflow.recipes import REPOSITORY
from tests.local import tiny_corpora
from tests.local.tiny_corpora import Spoken
from tests.workflow.toy_recipe import hybrid

Tree = Callable[[Path, Spoken], Path]


def librispeech_960(folder: Path, spoken: Spoken) -> Path:
    """One training speaker in each of the three parts."""
    home = tiny_corpora.librispeech_100(folder, spoken) / "LibriSpeech"
    for speaker, part in (("26", "train-clean-360"), ("32", "train-other-500")):
        (home / part).mkdir()
        (home / "train-clean-100" / speaker).rename(home / part / speaker)
    return folder


TREES: dict[str, Tree] = {
    "an4": tiny_corpora.an4,
    "timit": tiny_corpora.timit,
    "tidigits": tiny_corpora.tidigits,
    "mini_librispeech": tiny_corpora.mini_librispeech,
    "librispeech_100": tiny_corpora.librispeech_100,
    "librispeech_960": librispeech_960,
    "speech_commands_v1": tiny_corpora.speech_commands,
    "speech_commands_v2": tiny_corpora.speech_commands,
    "audio_mnist": tiny_corpora.audio_mnist,
    "common_voice": tiny_corpora.common_voice,
}
SHORT = "num_iterations: 4, realign_iterations: [1, 2, 3], max_increase_iteration: 3"
TIED = f"{SHORT}, num_leaves: 30, num_gaussians: 100"
OF_RUNG = {
    "mono": f"{SHORT}, num_gaussians: 100",
    "deltas": TIED,
    "lda_mllt": f"{TIED}, mllt_iterations: [2]",
    "sat": f"{TIED}, fmllr_iterations: [2]",
}
WARM_PYTHON = str(Path(__file__).with_name("warm_python.py"))
OF_TDNN = ", projection_dim: 4, tdnn_dilations: [[1, 1]]"


def changes(recipe: str, tree: Path) -> list[str]:
    """The recipe's own rungs, networks and grammars, smaller and faster; one decoder of its own."""
    config = load_recipe({"recipe": recipe})
    changed = [
        f"corpus.dir={tree}",
        "features.num_shards=1",
        f"decode={{decoders: [{config.decode.decoders[-1]}], num_shards: 1, beam: 20}}",
    ]
    changed += [f"gmm.{rung}={{{OF_RUNG[options.type]}}}" for rung, options in config.gmm.items()]
    for name, network in config.nnet.items():
        tdnn = OF_TDNN if network.model.type == "tdnn_lstm" else ""
        changed.append(f"nnet.{name}.model={{num_layers: 1, hidden_dim: 8{tdnn}}}")
        changed.append(f"nnet.{name}.training={{num_epochs: 1, average_last: 1}}")
    return changed


def read(path: Path) -> dict[str, Any]:
    """A JSON file."""
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


class Finished(NamedTuple):
    """A run that reached the report."""

    config: Config
    folder: Path

    @property
    def results(self) -> dict[str, Any]:
        """What the report shows."""
        return read(self.folder / self.config.root / "report/results.json")


@contextmanager
def warm_python() -> Iterator[None]:
    """While it lasts, `python -m` in the jobs of Snakemake is a fork of a server's."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path, function = f"{folder}/socket", f"{folder}/python.sh"
        command = [sys.executable, "-I", "-S", WARM_PYTHON, path]
        Path(function).write_text(f'python() {{ {shlex.join(command)} "$@"; }}\n', "utf-8")
        environment = {**os.environ, **program_environment(os.environ, conda=False)}
        with subprocess.Popen(
            [sys.executable, WARM_PYTHON, "serve", path],
            env={**environment, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
        ) as server:
            assert server.stdout is not None
            try:
                assert server.stdout.readline() == "ready\n"
                patch.setenv("BASH_ENV", function)  # read by the shell of every job
                yield
            finally:
                server.terminate()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Finished]]:
    """Runs a recipe on its tree, from audio to the report; each only once."""
    spoken = cache(tiny_corpora.speak_all)

    @cache
    def run_all(recipe: str) -> Finished:
        folder = tmp_path_factory.mktemp(recipe)
        changed = changes(recipe, TREES[recipe](folder / "corpus", spoken()))
        settings = [word for change in changed for word in ("--set", change)]
        done = hybrid(folder, "run", recipe, "--jobs", "2", *settings)
        assert done.returncode == 0, done.stdout + done.stderr
        return Finished(load_recipe({"recipe": recipe, **parse_changes(changed)}), folder)

    with warm_python():
        yield run_all


def test_the_corpora_are_those_without_a_figure() -> None:
    readmes = (REPOSITORY / "recipes").glob("*/README.md")
    unmeasured = {p.parent.name for p in readmes if "Not measured here" in p.read_text("utf-8")}
    assert set(TREES) == unmeasured


@pytest.mark.parametrize("recipe", sorted(TREES))
def test_every_stage_runs_and_every_model_has_its_wer(
    run: Callable[[str], Finished], recipe: str
) -> None:
    config, folder = run(recipe)
    own = load_recipe({"recipe": recipe})
    assert [*config.gmm, *config.nnet] == [*own.gmm, *own.nnet]
    assert {options.type for options in config.gmm.values()} == set(OF_RUNG)
    for stage, files in stage_files(config).items():
        assert [file for file in files if not (folder / file).is_file()] == [], stage
    results = run(recipe).results
    cells = product(own.splits, own.decoded_models, own.scored_grammars, own.decode.decoders[-1:])
    rows = {
        (row["split"], row["model"], row["grammar"], row["decoder"]): row for row in results["wer"]
    }
    assert set(rows) == set(cells)
    assert [cell for cell, row in rows.items() if row["missing"] or not row["words"]] == []
    assert results["rejected"] == []
    # The same words in other voices; drawn at random they would have about 90 % of errors.
    assert min(row["fixed"]["wer"] for row in rows.values()) < 50


def test_phones_of_timit_are_counted_as_39(run: Callable[[str], Finished]) -> None:
    config, folder = run("timit")
    row, dev = (row for row in run("timit").results["wer"] if row["model"] == "mono")
    root = folder / config.root
    cells = [root / split / "decode/mono/bigram/kaldi" for split in ("official", "dev")]
    scored = (cells[0] / "ref.trn").read_text("utf-8")
    labels = [path.read_text() for path in folder.glob("corpus/TIMIT/TEST/DR1/FDHC0/SX*.PHN")]
    assert (row["grammar"], row["utterances"]) == ("bigram", 4)
    assert row["words"] == sum(len(text.splitlines()) for text in labels)
    phones = {word for line in scored.splitlines() for word in line.split()[:-1]}
    assert {"sil", "ih", "k"} <= phones
    assert not {"cl", "vcl", "ix", "h#", "tcl"} & phones
    # The development set has the models of the other split, and chooses its weights.
    assert (row["split"], dev["split"]) == ("official", "dev")
    assert {path.name for path in (root / "dev").iterdir()} == {"data", "decode"}
    tuned, best = read(cells[0] / "wer.json")["tuned"], read(cells[1] / "wer.json")["best"]
    for name in ("lm_weight", "insertion_penalty"):
        assert tuned[name] == best[name]

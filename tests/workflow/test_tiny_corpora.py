"""A recipe of a corpus that is not here: all stages run on a tiny tree in its layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.local import tiny_corpora
from tests.workflow.toy_recipe import hybrid

SHORT = "num_iterations: 4, realign_iterations: [1, 2, 3], max_increase_iteration: 3"
CHANGES = (
    "nnet=null",
    *(f"gmm.{rung}=null" for rung in ("tri1", "tri2b", "tri3b")),
    f"gmm.mono={{{SHORT}, num_gaussians: 120}}",
    "features.num_shards=1",
    "decode={decoders: [kaldi], beam: 20}",
)


def run_all(folder: Path, recipe: str, tree: Path) -> Path:
    """Folder of the finished run."""
    settings = [w for change in (*CHANGES, f"corpus.dir={tree}") for w in ("--set", change)]
    done = hybrid(folder, "run", recipe, "--jobs", "2", *settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "exp" / recipe


def read(path: Path) -> dict[str, Any]:
    """A JSON file."""
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


def test_every_stage_on_timit_and_phones_are_counted_as_39(tmp_path: Path) -> None:
    tree = tiny_corpora.timit(tmp_path / "corpus", tiny_corpora.speak_all())
    run = run_all(tmp_path, "timit", tree)
    row, dev = read(run / "report/results.json")["wer"]
    cells = [run / split / "decode/mono/bigram/kaldi" for split in ("official", "dev")]
    scored = (cells[0] / "ref.trn").read_text("utf-8")
    labels = [path.read_text() for path in tree.glob("TIMIT/TEST/DR1/FDHC0/SX*.PHN")]
    assert (row["grammar"], row["utterances"]) == ("bigram", 4)
    assert row["words"] == sum(len(text.splitlines()) for text in labels)
    phones = {word for line in scored.splitlines() for word in line.split()[:-1]}
    assert {"sil", "ih", "k"} <= phones
    assert not {"cl", "vcl", "ix", "h#", "tcl"} & phones
    # The development set has the models of the other split, and chooses its weights.
    assert (row["split"], dev["split"]) == ("official", "dev")
    assert {path.name for path in (run / "dev").iterdir()} == {"data", "decode"}
    tuned, best = read(cells[0] / "wer.json")["tuned"], read(cells[1] / "wer.json")["best"]
    for name in ("lm_weight", "insertion_penalty"):
        assert tuned[name] == best[name]

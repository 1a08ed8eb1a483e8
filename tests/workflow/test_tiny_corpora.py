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
    "splits=[official]",
    "decode={decoders: [kaldi], beam: 20, tune_split: null}",
)


def run_all(folder: Path, recipe: str, tree: Path, *changes: str) -> tuple[dict[str, Any], str]:
    """The only row of the report's table, and the references that were scored."""
    settings = [
        w for change in (*CHANGES, *changes, f"corpus.dir={tree}") for w in ("--set", change)
    ]
    done = hybrid(folder, "run", recipe, "--jobs", "2", *settings)
    assert done.returncode == 0, done.stdout + done.stderr
    run = folder / "exp" / recipe
    results = json.loads((run / "report/results.json").read_text("utf-8"))
    (row,) = results["wer"]
    (scored,) = run.glob("official/decode/mono/*/kaldi/ref.trn")
    return row, scored.read_text("utf-8")


def test_every_stage_on_timit_and_phones_are_counted_as_39(tmp_path: Path) -> None:
    tree = tiny_corpora.timit(tmp_path / "corpus", tiny_corpora.speak_all())
    row, scored = run_all(tmp_path, "timit", tree)
    labels = [path.read_text() for path in tree.glob("TIMIT/TEST/DR1/FDHC0/SX*.PHN")]
    assert (row["grammar"], row["utterances"]) == ("bigram", 4)
    assert row["words"] == sum(len(text.splitlines()) for text in labels)
    phones = {word for line in scored.splitlines() for word in line.split()[:-1]}
    assert {"sil", "ih", "k"} <= phones
    assert not {"cl", "vcl", "ix", "h#", "tcl"} & phones

"""The drawn corpus as files, repeated; and a program that trains on it and prints its peak memory.

Each copy has an archive of its own, as a corpus in feature shards has.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.config import AlignOptions, GmmOptions
from pipeline.features.cmvn import compute_cmvn, write_cmvn
from pipeline.gmm.model import GmmModel
from pipeline.gmm.shards import Shard, make_shards
from pipeline.gmm.train import train_rung
from pipeline.hmm.lang import Lang
from pipeline.io.archive import read_scp, write_matrices
from pipeline.io.json_lines import write_json_lines
from tests.gmm.toy import Corpus, draw_corpus

ALIGN = AlignOptions()
MONO = GmmOptions(
    type="mono",
    num_iterations=6,
    realign_iterations=(1, 2, 4),
    max_increase_iteration=4,
    num_gaussians=60,
)


@dataclass(frozen=True)
class Files:
    """A corpus on disk."""

    lang: Lang
    cuts: Path
    cmvn: Path

    def shards(self, num_shards: int, scratch: Path, limit: int | None = None) -> list[Shard]:
        """Shards of it."""
        return make_shards(self.cuts, self.cmvn, num_shards, scratch, limit)


def write_corpus(folder: Path, num_copies: int = 1, corpus: Corpus | None = None) -> Files:
    """Write archives, cuts and CMVN statistics."""
    corpus = corpus or draw_corpus()
    features = corpus.features
    cuts = []
    for copy in range(num_copies):
        ark, scp = folder / f"feats.{copy}.ark", folder / f"feats.{copy}.scp"
        names = [f"{copy:02}-{utterance_id}" for utterance_id in features.utterance_ids]
        blocks = (features.utterance(u) for u in range(features.num_utterances))
        write_matrices(ark, scp, zip(names, blocks, strict=True))
        for u, (name, place) in enumerate(read_scp(scp)):
            supervision = {"speaker": features.speakers[u], "text": features.texts[u]}
            found = {
                "num_frames": int(features.lengths[u]),
                "num_features": features.dim,
                "storage_path": place,
            }
            cuts.append({"id": name, "supervisions": [supervision], "features": found})
    write_json_lines(folder / "cuts.jsonl", cuts)
    stats = compute_cmvn(features.frames, features.offsets, features.speakers)
    write_cmvn(folder / "cmvn.ark", stats)
    return Files(corpus.lang, folder / "cuts.jsonl", folder / "cmvn.ark")


def train(
    files: Files, shards: list[Shard], options: GmmOptions, source: GmmModel | None = None
) -> tuple[GmmModel, list[dict[str, Any]]]:
    """A rung and its log; a source's alignment is that in the shards."""
    log: list[dict[str, Any]] = []
    model = train_rung(files.lang, shards, options, ALIGN, 1, log.append, source)
    return model, log


def main() -> None:
    """Train in shards: FOLDER COPIES SHARDS -> peak resident memory in MB."""
    folder, num_copies, num_shards = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    small = draw_corpus()
    big = small.features.select(list(range(small.features.num_utterances)) * 10)
    ids = [f"{n:04}" for n in range(big.num_utterances)]
    corpus = replace(small, features=replace(big, utterance_ids=ids))
    files = write_corpus(folder, num_copies, corpus)
    del small, big, corpus
    few = {"num_iterations": 3, "realign_iterations": (1,), "max_increase_iteration": 1}
    options = MONO.model_copy(update=few)
    with tempfile.TemporaryDirectory() as scratch:
        train(files, files.shards(num_shards, Path(scratch)), options)
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024)


if __name__ == "__main__":
    main()

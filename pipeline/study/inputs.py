"""What all trainings of a study share, in one small folder that can be carried to any machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.data.copies import original_name
from pipeline.decode.inputs import SearchGraph
from pipeline.features.feature_set import FeatureSet, load_feature_set
from pipeline.hmm.model import Hmm
from pipeline.io.atomic import atomic_path
from pipeline.io.errors import UserError
from pipeline.nnet.targets import TrainingSet, make_training_set

FILE = "sets.npz"
BEAM = 15.0  # scaled costs
MAX_ACTIVE = 7000


@dataclass(frozen=True)
class Inputs:
    """A training set with targets, a test set, and the graphs that it is decoded in."""

    training: TrainingSet
    num_pdfs: int
    test: FeatureSet
    graphs: dict[str, SearchGraph]  # by grammar
    beam: float = BEAM
    max_active: int = MAX_ACTIVE


@dataclass(frozen=True)
class Selection:
    """Which part of a run the trainings share, and how wide its graphs are searched."""

    norm_vars: bool = False
    max_train_frames: int | None = None  # utterances at even distances; null: all
    max_test_utterances: int | None = None  # likewise
    beam: float = BEAM
    max_active: int = MAX_ACTIVE


def evenly(lengths: Sequence[int], max_frames: int | None, max_count: int | None) -> list[int]:
    """Indices at even distances, as many as fit into the frames and the count; at least one.

    Corpora are in the order of their speakers: every speaker keeps its share.
    """
    count = len(lengths) if max_count is None else min(max_count, len(lengths))
    while True:
        chosen = [index * len(lengths) // count for index in range(count)]
        frames = sum(lengths[index] for index in chosen)
        if max_frames is None or frames <= max_frames or count == 1:
            return chosen
        count = max(1, min(count - 1, count * max_frames // frames))


def collect(
    run: Path,
    split: str,
    rung: str,
    grammars: tuple[str, ...],
    output: Path,
    selection: Selection,
) -> None:
    """Gather a recipe's run, as far as its alignments and graphs, into a folder.

    Perturbed copies of utterances are left out: a study's trainings are short. Features are kept
    in half precision.

    Args:
        run: exp/RECIPE.
        rung: whose alignment and pdf-ids are learned.
    Raises:
        UserError: the run has not come so far.
    """
    folder = run / split
    hmm_file = folder / rung / "hmm.json"
    if not hmm_file.is_file():
        raise UserError(f"{hmm_file}: missing; run the recipe until its graphs first")
    hmm = Hmm.load(hmm_file)
    sets = {
        name: load_feature_set(
            folder / "data" / name / "cuts.jsonl.gz",
            folder / "data" / name / "cmvn.ark",
            selection.norm_vars,
        )
        for name in ("train", "test")
    }
    ids = sets["train"].utterance_ids
    lengths = np.diff(sets["train"].offsets)
    originals = [i for i, name in enumerate(ids) if original_name(name) == name]
    chosen = evenly([int(lengths[i]) for i in originals], selection.max_train_frames, None)
    test_lengths = np.diff(sets["test"].offsets).tolist()
    tested = sets["test"].select(evenly(test_lengths, None, selection.max_test_utterances))
    training = make_training_set(
        sets["train"].select([originals[i] for i in chosen]),
        folder / rung / "alignment" / "transition_ids.scp",
        hmm.transitions,
    )
    arrays: dict[str, np.ndarray] = {
        "pdfs": training.pdfs.astype(np.int16),
        "num_pdfs": np.array(hmm.num_pdfs),
        "beam": np.array(selection.beam),
        "max_active": np.array(selection.max_active),
    }
    for name, features in (("train", training.features), ("test", tested)):
        arrays[f"{name}_frames"] = features.frames.astype(np.float16)
        arrays[f"{name}_offsets"] = features.offsets
        names = [features.utterance_ids, features.speakers, features.texts]
        arrays[f"{name}_names"] = np.array(json.dumps(names))
    output.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / "lang" / "words.txt", output / "words.txt")
    for grammar in grammars:
        source = folder / "graph" / rung / grammar
        (output / grammar).mkdir(exist_ok=True)
        for file in ("HCLG.fst", "graph.json"):
            shutil.copyfile(source / file, output / grammar / file)
    with atomic_path(output / FILE) as partial, partial.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


def load(folder: Path) -> Inputs:
    """Read what `collect` wrote.

    Raises:
        UserError: it is not there.
    """
    path = folder / FILE
    if not path.is_file():
        raise UserError(f"{path}: missing; collect the study's inputs first")
    with np.load(path, allow_pickle=False) as arrays:
        sets = {}
        for name in ("train", "test"):
            ids, speakers, texts = json.loads(str(arrays[f"{name}_names"]))
            sets[name] = FeatureSet(
                ids,
                speakers,
                texts,
                arrays[f"{name}_frames"].astype(np.float32),
                arrays[f"{name}_offsets"],
            )
        training = TrainingSet(sets["train"], arrays["pdfs"].astype(np.int64), [])
        num_pdfs = int(arrays["num_pdfs"])
        beam, max_active = float(arrays["beam"]), int(arrays["max_active"])
    grammars = sorted(graph.parent.name for graph in folder.glob("*/HCLG.fst"))
    graphs = {g: SearchGraph.read(folder / g / "HCLG.fst", folder / "words.txt") for g in grammars}
    return Inputs(training, num_pdfs, sets["test"], graphs, beam, max_active)

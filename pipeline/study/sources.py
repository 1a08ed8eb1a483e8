"""Where a study's inputs come from: of each a recipe, a split, graphs, and what is taken of them.

The Snakefile of the study makes them; tables here, so that a test can ask for each of them.
"""

from __future__ import annotations

from dataclasses import dataclass

RUNG = "tri3b"  # whose alignment the networks learn
# What collect_study_inputs reads of a run beside the graphs.
SETS = ("cuts.jsonl.gz", "cmvn.ark")
FILES = (
    f"{RUNG}/alignment/transition_ids.scp",
    f"{RUNG}/hmm.json",
    *(f"data/{part}/{name}" for part in ("train", "test") for name in SETS),
)
# The study needs no warped copies and no other model than the rung.
COMMON = ("features={train_warps: []}", f"models=[{RUNG}]")


@dataclass(frozen=True)
class Source:
    """One input of the study."""

    recipe: str
    split: str
    grammars: tuple[str, ...]
    selection: str = ""  # options of collect_study_inputs
    # Changes of the recipe's configuration, as --config takes them: a smaller corpus where its own
    # would take long, and keys put back to their defaults that name what the study leaves out.
    changes: tuple[str, ...] = ()
    synthetic: bool = False  # nobody spoke it

    def targets(self, root: str) -> list[str]:
        """Files of the recipe's run in the folder `root` that the study reads."""
        graphs = (f"graph/{RUNG}/{grammar}/HCLG.fst" for grammar in self.grammars)
        return [f"{root}/{self.split}/{file}" for file in (*FILES, *graphs)]

    def settings(self, root: str) -> list[str]:
        """Values of --config for the recipe's run in the folder `root`."""
        own = (f"recipe={self.recipe}", f"output={root}", f"splits=[{self.split}]")
        return [*own, *COMMON, *self.changes]


SOURCES = {
    "fsdd_theo": Source("fsdd", "theo", ("g1", "loop")),
    "fsdd_nicolas": Source("fsdd", "nicolas", ("g1", "loop")),
    "speech_commands": Source("speech_commands", "official", ("g1",)),
    # 30 minutes of speech to train with; of the five test speakers 20 utterances, 400 words. Its
    # split `dev` and its rescorings by networks' lattices are not the study's.
    "librispeech": Source(
        "librispeech_part_kaldi",
        "kaldi_five",
        ("trigram",),
        "--max-train-frames 180000 --max-test-utterances 20 --beam 12 --max-active 1500",
        ("models_from=null", "decode={tune_split: null}", "rescoring=null"),
    ),
    # 30 minutes as well, a quarter of the corpus; 60 test utterances, two language models.
    "synth": Source(
        "synth",
        "official",
        ("trigram", "bigram"),
        "--max-train-frames 180000 --max-test-utterances 60 --beam 12 --max-active 1500",
        ('corpus={"options": {"scale": 0.2404, "num_test": 200}}',),
        synthetic=True,
    ),
}

"""A trained rung on disk: hmm.json, gmm.safetensors and transform.safetensors in one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from pipeline.gmm.diag_gmm import AmDiagGmm
from pipeline.gmm.transform import FeatureTransform
from pipeline.hmm.model import Hmm
from pipeline.io.atomic import write_bytes
from pipeline.io.errors import UserError

ADAPTED, INDEPENDENT = "", "speaker_independent."


@dataclass
class GmmModel:
    """HMM, mixtures and feature transform.

    A speaker-adapted (SAT) model has a second set of mixtures for features without fMLLR: Kaldi's
    final.alimdl. Both have the same Gaussians in the same order.
    """

    hmm: Hmm
    gmm: AmDiagGmm
    transform: FeatureTransform
    speaker_independent: AmDiagGmm | None = None

    @property
    def is_adapted(self) -> bool:
        """Whether the features should be transformed by fMLLR."""
        return self.speaker_independent is not None

    @property
    def first_pass(self) -> AmDiagGmm:
        """The mixtures for features without fMLLR."""
        return self.speaker_independent or self.gmm

    def save(self, folder: Path) -> None:
        """Write the three files."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = self.gmm.tensors(ADAPTED)
        if self.speaker_independent is not None:
            tensors |= self.speaker_independent.tensors(INDEPENDENT)
        self.transform.save(folder / "transform.safetensors")
        write_bytes(folder / "gmm.safetensors", save(tensors))
        self.hmm.save(folder / "hmm.json")

    @classmethod
    def load(cls, folder: Path) -> GmmModel:
        """Read what ``save`` wrote.

        Raises:
            UserError: a file is missing, damaged or does not fit the others.
        """
        path = folder / "gmm.safetensors"
        if not path.exists():
            raise UserError(f"{path}: no such model; run the stage that trains {folder.name} first")
        try:
            tensors = load_file(path)
            gmm = AmDiagGmm.from_tensors(tensors, ADAPTED)
            independent = None
            if INDEPENDENT + "means" in tensors:
                independent = AmDiagGmm.from_tensors(tensors, INDEPENDENT)
        except (SafetensorError, KeyError) as error:
            raise UserError(f"{path}: damaged model file ({error}); run its stage again") from None
        hmm = Hmm.load(folder / "hmm.json")
        if hmm.num_pdfs != gmm.num_pdfs:
            raise UserError(
                f"{path}: {gmm.num_pdfs} pdfs, hmm.json has {hmm.num_pdfs}; run the stage again"
            )
        transform = FeatureTransform.load(folder / "transform.safetensors")
        return cls(hmm, gmm, transform, independent)

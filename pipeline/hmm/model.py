"""What a GMM and a network share: topology, tree and transition model, kept in one hmm.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.hmm.topology import Topology
from pipeline.hmm.transition_model import TransitionModel
from pipeline.hmm.tree import ContextDependency
from pipeline.io.atomic import write_json
from pipeline.io.errors import UserError
from pipeline.io.versions import check_format

FORMAT = 1


@dataclass
class Hmm:
    """Topology, decision tree and transition model that belong together."""

    topology: Topology
    tree: ContextDependency
    transitions: TransitionModel

    @classmethod
    def initial(cls, topology: Topology, tree: ContextDependency) -> Hmm:
        """With the topology's initial transition probabilities."""
        return cls(topology, tree, TransitionModel(topology, tree))

    @property
    def num_pdfs(self) -> int:
        """Number of tied states."""
        return self.tree.num_pdfs

    def pdfs_of(self, phone_ids: list[int]) -> NDArray[np.int32]:
        """Pdf_ids of these phones, ascending."""
        inside = np.isin(self.transitions.phone_of, phone_ids)
        return np.unique(self.transitions.pdf_of[inside])

    def save(self, path: Path) -> None:
        """Write hmm.json."""
        write_json(
            path,
            {
                "format": FORMAT,
                "topology": self.topology.to_json(),
                "tree": self.tree.to_json(),
                "log_prob": self.transitions.log_prob[1:].tolist(),
            },
        )

    @classmethod
    def load(cls, path: Path) -> Hmm:
        """Read hmm.json.

        Raises:
            UserError: the file is damaged or of another version.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            check_format(data, FORMAT, path, "retrain")
            topology = Topology.from_json(data["topology"])
            tree = ContextDependency.from_json(data["tree"])
            log_prob = np.concatenate(([0.0], np.array(data["log_prob"], np.float64)))
            return cls(topology, tree, TransitionModel(topology, tree, log_prob))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise UserError(f"{path}: damaged model file ({error}); run its stage again") from None

"""Each type of network with clipping at its defaults, outside and inside the graph: loss falls."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.nnet.test_clipping_recurrence import TYPES
from tests.nnet.test_clipping_training import losses_of


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("method", ["norm", "time_step", "sequence_filter"])
def test_each_network_at_the_defaults_lowers_the_loss(
    kind: str, method: str, tmp_path: Path
) -> None:
    losses = losses_of(tmp_path, model=TYPES[kind], clipping={"method": method})
    assert all(math.isfinite(loss) for loss in losses)
    assert losses[-1] < 0.98 * losses[0]

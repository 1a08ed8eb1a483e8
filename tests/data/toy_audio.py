"""Small sound files for tests, good and bad."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile


def noise(seconds: float = 0.5, rate: int = 8000, seed: int = 0) -> npt.NDArray[np.float64]:
    """White noise at a tenth of full scale: (num_samples,)."""
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate))


def write_wav(
    path: Path, samples: npt.NDArray[Any], rate: int = 8000, subtype: str = "PCM_16"
) -> Path:
    """Write a file, with its folder; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype=subtype)
    return path

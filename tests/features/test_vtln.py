"""Warped mel filters: without warp lhotse's, with it moved by the factor, edges fixed."""

from __future__ import annotations

import pytest
import torch

from pipeline.config import MfccOptions
from pipeline.features.mfcc import Extractor
from pipeline.features.vtln import mel_filters, warp_frequency


@pytest.mark.parametrize("options", [{"sampling_rate": 8000}, {"high_freq": -400.0}])
def test_without_warp_the_filters_are_those_of_lhotse(options: dict[str, float]) -> None:
    settings = MfccOptions.model_validate(options)
    filters = Extractor(settings).layer.get_parameter("_fb")
    torch.testing.assert_close(mel_filters(settings, 2 * (len(filters) - 1)), filters.data)


@pytest.mark.parametrize("warp", [0.8, 0.9, 1.1, 1.25])
def test_the_warped_axis(warp: float) -> None:
    hertz = torch.linspace(0, 4000, 2001, dtype=torch.float64)
    warped = warp_frequency(hertz, warp, 20.0, 4000.0, 4000.0)
    assert (warped.diff() > 0).all()
    assert warped.diff().max() < 4 * 2.0  # no jump at a cut-off; the grid has steps of 2 Hz
    torch.testing.assert_close(warped[[10, 2000]], hertz[[10, 2000]])  # 20 Hz and 4000 Hz stay
    torch.testing.assert_close(warped[500], hertz[500] / warp)  # 1000 Hz


def test_a_warped_extractor_sees_a_tone_elsewhere() -> None:
    settings = MfccOptions(type="fbank", sampling_rate=8000, num_mel_bins=40)
    time = torch.arange(8000) / 8000

    def loudest(extractor: Extractor, hertz: float) -> int:
        tone = (0.5 * torch.sin(2 * torch.pi * hertz * time)).numpy()
        return int(extractor.compute([tone])[0].mean(axis=0).argmax())

    # A filter's corner f moves to f / warp: the tone at f / warp looks as f did without warp.
    plain, warped = Extractor(settings), Extractor(settings, 0.8)
    for hertz in (600.0, 1000.0, 1500.0):
        assert loudest(warped, hertz / 0.8) == loudest(plain, hertz)

"""Deltas and splicing against their definitions, written out frame by frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.features.deltas import add_deltas, delta_scales, splice
from tests.features.toy_features import toy_set


def slope(frames: npt.NDArray[np.float64], window: int) -> npt.NDArray[np.float64]:
    """HTK Book eq. 5.16, over frames that are already padded: (T, F) -> (T - 2 window, F)."""
    inner = len(frames) - 2 * window
    total = sum(
        j * (frames[window + j : window + j + inner] - frames[window - j : window - j + inner])
        for j in range(1, window + 1)
    )
    return np.asarray(total) / (2 * sum(j * j for j in range(1, window + 1)))


@pytest.mark.parametrize(("order", "window"), [(1, 2), (2, 2), (2, 3), (0, 2)])
def test_deltas_are_slopes_of_padded_utterances(order: int, window: int) -> None:
    toy = toy_set()
    with_deltas = toy.with_frames(add_deltas(toy.frames, toy.offsets, order, window))
    for i in range(toy.num_utterances):
        # Pad once by the widest reach, as Kaldi does: not anew for each order.
        current = np.pad(
            toy.utterance(i).astype(np.float64), ((order * window,) * 2, (0, 0)), mode="edge"
        )
        expected = [toy.utterance(i).astype(np.float64)]
        for done in range(1, order + 1):
            current = slope(current, window)
            rest = (order - done) * window
            expected.append(current[rest : len(current) - rest])
        np.testing.assert_allclose(
            with_deltas.utterance(i), np.concatenate(expected, axis=1), atol=1e-5
        )


def test_a_ramp_has_constant_delta_and_no_acceleration() -> None:
    ramp = (np.arange(20.0)[:, None] * [1.0, -2.5] + 4.0).astype(np.float32)
    frames = add_deltas(ramp, np.array([0, 20]))
    np.testing.assert_allclose(frames[4:-4, 2:4], np.tile([1.0, -2.5], (12, 1)), atol=1e-5)
    np.testing.assert_allclose(frames[4:-4, 4:6], 0.0, atol=1e-5)


def test_scales_of_kaldis_default_window() -> None:
    scales = delta_scales(2, 2)
    np.testing.assert_allclose(scales[1] * 10, [-2, -1, 0, 1, 2])
    np.testing.assert_allclose(scales[2] * 100, [4, 4, 1, -4, -10, -4, 1, 4, 4])


def test_spliced_frames_are_neighbours_in_order_of_time() -> None:
    toy = toy_set((4, 1))
    spliced = splice(toy.frames, toy.offsets, left=2, right=1)
    assert spliced.shape == (5, 12)
    for t in range(4):
        neighbours = [toy.frames[min(max(t + shift, 0), 3)] for shift in (-2, -1, 0, 1)]
        assert np.array_equal(spliced[t], np.concatenate(neighbours))
    assert np.array_equal(spliced[4], np.tile(toy.frames[4], 4))


def test_no_context_changes_nothing() -> None:
    toy = toy_set()
    assert np.array_equal(splice(toy.frames, toy.offsets, 0, 0), toy.frames)

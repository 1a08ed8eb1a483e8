"""The order of training: complete, bounded, repeatable."""

from __future__ import annotations

import random

import pytest

from pipeline.nnet.sampler import DurationBatches


def lengths(count: int) -> list[int]:
    rng = random.Random(count)
    return [rng.randint(20, 100) for _ in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 40, 500])
def test_each_utterance_once_in_bounded_batches(count: int) -> None:
    num_frames = lengths(count)
    plan = DurationBatches(num_frames, 1000, seed=1).plan()
    assert sorted(i for batch in plan for i in batch) == list(range(count))
    assert all(max(num_frames[i] for i in batch) * len(batch) <= 1000 for batch in plan)


def test_similar_durations_come_together() -> None:
    num_frames = lengths(1000)
    plan = DurationBatches(num_frames, 2000, seed=1).plan()
    padded = sum(max(num_frames[i] for i in batch) * len(batch) for batch in plan)
    assert sum(num_frames) / padded > 0.85


def test_an_utterance_longer_than_a_batch_is_a_batch() -> None:
    num_frames = [*lengths(60), 5000, 6000]
    plan = DurationBatches(num_frames, 1000, seed=1).plan()
    assert [60] in plan
    assert [61] in plan


def test_seed_and_epoch_decide_the_order() -> None:
    num_frames = lengths(200)
    sampler = DurationBatches(num_frames, 1000, seed=1)
    first = sampler.plan()
    assert sampler.plan() == first
    assert DurationBatches(num_frames, 1000, seed=2).plan() != first
    sampler.next_epoch()
    assert sampler.plan() != first


def test_state_leads_to_the_same_place() -> None:
    sampler = DurationBatches(lengths(200), 1000, seed=1)
    sampler.next_epoch()
    sampler.position = 3
    other = DurationBatches(lengths(200), 1000, seed=1)
    other.load_state_dict(sampler.state_dict())
    assert other.plan()[other.position :] == sampler.plan()[3:]

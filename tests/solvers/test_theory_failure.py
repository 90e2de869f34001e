"""Smallest subsets against enumeration, and the published numbers of failure."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from solvers import InvalidInput
from solvers.theory import failure_probability, smallest_sizes


def enumerated_size(values, target, eps):
    """Sizes in order, every subset of each."""
    for size in range(len(values) + 1):
        if any(abs(sum(one) - target) <= eps for one in combinations(values, size)):
            return size
    return -1


@pytest.mark.parametrize("eps", [0, 2**-6, 2**-4])
def test_smallest_sizes_agree_with_enumeration(eps):
    rng = np.random.default_rng(1)
    values = rng.integers(-64, 65, (150, 7)) / 64  # exact in floats
    targets = rng.integers(-64, 65, 150) / 64
    expected = [enumerated_size(*one, eps) for one in zip(values, targets, strict=True)]
    assert smallest_sizes(values, targets, eps).tolist() == expected
    assert len(set(expected)) > 3


@pytest.mark.parametrize(
    "distribution, probability, size",
    [("uniform", 0.00404, 2.29), ("products", 0.0355, 2.37)],
)
def test_published_numbers_of_failure(distribution, probability, size):
    found = failure_probability(15, 0.01, 30_000, seed=1, distribution=distribution)
    # Both are samples: 30,000 trials here and 100,000 there; 4 standard errors, and half a
    # digit of the rounded size.
    error = found.probability_error * np.sqrt(1 + 0.3)
    assert abs(found.probability - probability) < 4 * error
    assert error < 0.15 * probability
    assert abs(found.mean_size - size) < 4 * found.mean_size_error * np.sqrt(1.3) + 0.005
    assert found.mean_size_error < 0.01


def test_no_values_reach_targets_near_zero_only():
    found = failure_probability(0, 0.25, 4000, seed=2)
    assert found.probability == pytest.approx(0.75, abs=5 * found.probability_error)
    assert found.mean_size == 0


def test_certain_failure_and_certain_success():
    zeros = failure_probability(3, 0, 20, distribution=lambda rng, size: np.zeros(size))
    assert (zeros.probability, zeros.probability_error) == (1, 0)
    assert np.isnan(zeros.mean_size)
    wide = failure_probability(3, 1, 20)
    assert (wide.probability, wide.mean_size) == (0, 0)


def test_blocks_and_workers_change_nothing(monkeypatch):
    first = failure_probability(8, 0.02, 700, seed=3)
    assert first == failure_probability(8, 0.02, 700, seed=3, workers=2)
    assert first != failure_probability(8, 0.02, 700, seed=4)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"eps": -0.1}, "eps = -0.1: give a finite number, at least 0"),
        ({"eps": np.nan}, "eps = nan"),
        ({"trials": 0}, "trials = 0"),
        ({"n": -1}, "n = -1"),
        ({"n": 60}, "n = 60: give an integer, from 0 to 44"),
        ({"distribution": "gauss"}, "distribution = 'gauss': choose one of uniform"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(InvalidInput, match=message):
        failure_probability(**({"n": 5, "eps": 0.1, "trials": 10} | change))

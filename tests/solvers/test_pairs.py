"""Pairs of subsets against enumeration of all of them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import InvalidInput
from solvers.pairs import MOST_IN_A_SET, closest_pairs


def smallest_cost(first, second, target, held, weights):
    """Of every pair of subsets, one after another."""
    costs = []
    for picks in product((0, 1), repeat=len(first) + len(second)):
        x = np.dot(picks[: len(first)], first)
        y = np.dot(picks[len(first) :], second)
        distances = np.array([x - y - target, x + y - sum(held), x - held[0], y - held[1]])
        costs.append(float(distances**2 @ [1.0, *weights]))
    return min(costs)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 5), st.integers(0, 5))
def test_no_pair_of_subsets_costs_less(seed, n, m):
    random = np.random.default_rng(seed)
    first, second = random.uniform(-0.2, 1, (3, n)), random.uniform(-0.2, 1, (3, m))
    targets, held = random.uniform(-2, 2, 3), random.uniform(0, 2, (3, 2))
    weights = random.choice([0, 1e-4, 0.1, 3.0], (3, 3))
    found = closest_pairs(first, second, targets, held, weights)
    for cell in range(3):
        x, y = first[cell] @ found.first[cell], second[cell] @ found.second[cell]
        distances = [
            x - y - targets[cell],
            x + y - held[cell].sum(),
            x - held[cell, 0],
            y - held[cell, 1],
        ]
        cost = np.square(distances) @ [1.0, *weights[cell]]
        best = smallest_cost(first[cell], second[cell], targets[cell], held[cell], weights[cell])
        # sums of at most five numbers of order 1: rounding is far below 1e-12
        assert found.cost[cell] == pytest.approx(cost, rel=1e-9, abs=1e-12)
        assert cost == pytest.approx(best, rel=1e-9, abs=1e-12)


def test_a_heavy_weight_on_the_total_keeps_the_total():
    random = np.random.default_rng(1)
    first, second = random.uniform(0.5, 1, (50, 8)), random.uniform(0.5, 1, (50, 8))
    held = np.full((50, 2), 3.0)
    totals = []
    for weight in (0.0, 1e-3, 1.0):
        found = closest_pairs(first, second, np.zeros(50), held, np.tile([weight, 0, 0], (50, 1)))
        total = (first * found.first + second * found.second).sum(axis=1)
        totals.append(float(np.abs(total - 6.0).mean()))
    assert totals[0] > 5 * totals[1] > 5 * totals[2]


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"first": np.ones((2, MOST_IN_A_SET + 1))}, "at most 16 each"),
        ({"weights": -np.ones((2, 3))}, "0 or more"),
        ({"held": np.ones((3, 2))}, "held has shape"),
        ({"targets": np.ones((2, 1))}, "shape"),
        ({"targets": [0.0, float("nan")]}, "targets"),
    ],
)
def test_what_is_wrong_is_said(changed, said):
    given = {
        "first": np.ones((2, 2)),
        "second": np.ones((2, 3)),
        "targets": np.ones(2),
        "held": np.ones((2, 2)),
        "weights": np.ones((2, 3)),
    } | changed
    with pytest.raises(InvalidInput, match=said):
        closest_pairs(**given)

"""Distances of nets to the states of cells, against enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.errors import InvalidInput
from solvers.gaps import distance
from solvers.settling import AT_REST, DOWN, UP, Choices


def made(seed, rows, columns, branches):
    """Cells whose branches may be in any states, most of them in two or three."""
    random = np.random.default_rng(seed)
    up, down = random.normal(size=(2, rows, columns, branches, 2))
    allowed = random.integers(1, 8, (rows, columns, branches)).astype(np.int8)
    return Choices(up, down, random.normal(size=(rows, columns, 2)), allowed)


def nets(choices, row, column):
    """Of all states of a cell."""
    found = choices.base[row, column, :1]
    for up, down, can in zip(
        choices.up[row, column, :, 0],
        choices.down[row, column, :, 0],
        choices.allowed[row, column],
        strict=True,
    ):
        steps = [step for code, step in ((AT_REST, 0.0), (UP, up), (DOWN, down)) if can & code]
        found = np.add.outer(found, steps).ravel()
    return found


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.floats(-3, 3))
def test_distances_are_those_of_enumeration(seed, branches, size):
    choices = made(seed, 2, 3, branches)
    asked = 10**size * np.random.default_rng(seed).normal(size=(2, 3, 5))
    found = distance(choices, asked)
    for row in range(2):
        for column in range(3):
            expected = np.abs(np.subtract.outer(asked[row, column], nets(choices, row, column)))
            scale = np.abs(asked).max() + np.abs(choices.up).sum()
            assert found[row, column] == pytest.approx(expected.min(axis=1), abs=1e-12 * scale)


def test_a_net_that_a_state_has_is_no_distance_away():
    choices = made(0, 1, 1, 6)
    asked = nets(choices, 0, 0)[None, None]
    assert distance(choices, asked).max() < 1e-12


@pytest.mark.parametrize("enough", [1e-4, 1e-2, 10.0])
def test_distances_end_where_they_are_small_enough(enough):
    choices = made(1, 3, 2, 9)
    asked = np.random.default_rng(1).normal(size=(3, 2, 40))
    exact = distance(choices, asked)
    assert np.array_equal(distance(choices, asked, enough=enough), np.maximum(exact, enough))


@pytest.mark.parametrize("shape", [(2, 3), (3, 2, 4), (2, 3, 4, 1)])
def test_nets_of_other_cells_are_refused(shape):
    with pytest.raises(InvalidInput, match="nets have shape"):
        distance(made(0, 2, 3, 4), np.zeros(shape))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nets_that_are_no_numbers_are_refused(value):
    asked = np.zeros((2, 3, 4))
    asked[1, 2, 3] = value
    with pytest.raises(InvalidInput, match="nets: every number must be finite"):
        distance(made(0, 2, 3, 4), asked)

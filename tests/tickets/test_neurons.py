"""Whole neurons dropped: the network that is left runs, and the table is honest."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from crossbar.errors import InputError
from crossbar.tickets.neurons import (
    first_moment,
    largest_dimensions,
    neuron_rows,
    prune_neurons,
)


def test_the_pruned_network_computes_the_matrix_it_says():
    target = np.array([[0.3, -0.2], [0.1, 0.4]])
    ticket = prune_neurons(target, 14, seed=1)
    inputs = np.random.default_rng(2).random((50, 2))
    assert ticket.run(inputs) == pytest.approx(inputs @ ticket.matrix.T, rel=1e-9, abs=1e-12)
    assert np.abs(ticket.run(inputs) - inputs @ target.T).max() <= 2 * ticket.error + 1e-12
    assert ticket.proven
    assert ticket.method == "enumeration"
    assert ticket.mask.shape == (14,)


def test_no_other_neurons_do_better():
    ticket = prune_neurons([[0.3], [-0.2]], 8, seed=4)
    choices = np.array(list(itertools.product([0, 1], repeat=8)), float)
    vectors = (ticket.second * ticket.first.T).T
    errors = np.abs(choices @ vectors - [0.3, -0.2]).max(axis=1)
    assert ticket.error == pytest.approx(errors.min(), rel=1e-9)


def test_beyond_the_proven_sizes_it_says_so_and_uses_its_tries():
    target = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 1))
    few, many = (prune_neurons(target, 40, seed=3, tries=tries) for tries in (1, 40))
    assert not few.proven
    assert few.method == "random"
    assert many.error <= few.error


def test_rows_are_the_same_in_any_company():
    alone = list(neuron_rows([2], [10], kinds=["inputs"], trials=3))
    among = list(neuron_rows([1, 2], [8, 10], trials=3))
    assert len(among) == 3 * 2 * 2
    one = next(row for row in among if (row.kind, row.d, row.n) == ("inputs", 2, 10))
    assert one.median_error == alone[0].median_error
    assert one.worst_error == alone[0].worst_error >= one.median_error


def test_counting_expects_what_enumeration_finds():
    """Best of 2^16 sums in two dimensions; a median of 9 spreads by a factor of 2 or so."""
    (row,) = neuron_rows([2], [16], kinds=["independent"], trials=9, seed=7)
    assert row.expected / 3 < row.median_error < 3 * row.expected
    assert np.isnan(first_moment(np.ones((1, 2)), np.zeros(2)))
    assert first_moment(1e-9 * np.eye(2), np.ones(2)) == np.inf  # far out of reach


def test_counting_by_hand():
    """One vector of 2: sums of mean 1 and variance 1, so 2 / sqrt(2 pi) 2 e = 1 at the mean."""
    by_hand = np.sqrt(2 * np.pi) / 4
    assert first_moment(np.array([[2.0]]), np.array([1.0])) == pytest.approx(by_hand, rel=1e-12)
    assert first_moment(2 * np.eye(2), np.ones(2)) == pytest.approx(by_hand, rel=1e-12)


def test_more_dimensions_are_harder_and_more_neurons_help():
    rows = {(row.d, row.n): row for row in neuron_rows([1, 3], [10, 18], kinds=["outputs"])}
    assert rows[1, 18].median_error < rows[3, 18].median_error < rows[3, 10].median_error


def test_the_largest_dimension_ends_at_the_first_miss():
    rows = list(neuron_rows([1, 2, 6], [14], kinds=["independent"]))
    assert largest_dimensions(rows, 0.1) == {("independent", 14): 2}
    assert largest_dimensions(rows, 1e-9) == {("independent", 14): 0}
    assert largest_dimensions(rows, 1.0) == {("independent", 14): 6}


def test_wrong_input_is_refused():
    with pytest.raises(InputError, match="shape"):
        prune_neurons([1.0, 2.0], 4)
    with pytest.raises(InputError, match="n = 0"):
        prune_neurons([[1.0]], 0)
    with pytest.raises(InputError, match="'rows'"):
        list(neuron_rows([1], [2], kinds=["rows"]))
    with pytest.raises(InputError, match="trials"):
        list(neuron_rows([1], [2], trials=0))
    with pytest.raises(InputError, match=r"dimensions = 1.5: give whole numbers"):
        list(neuron_rows([1.5], [2]))
    with pytest.raises(InputError, match=r"counts = \[2, True\]"):
        list(neuron_rows([1], [2, True]))
    with pytest.raises(InputError, match="seed = -1"):
        list(neuron_rows([1], [2], seed=-1))

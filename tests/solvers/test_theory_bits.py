"""The covering radius against exact arithmetic, and the bits of random sets."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import InvalidInput, covering, covering_radius, solve_batch
from solvers.theory import bits_against_n, sample_bits

SETTINGS = settings(deadline=None, max_examples=150)
dyadic = st.integers(-(2**12), 2**12).map(lambda k: k / 2**9)
magnitudes = st.floats(-1e300, 1e300)


def exact_radius(values, low, high):
    """Largest distance from the sums, and the lowest target that has it, in fractions."""
    sums = {Fraction(0)}
    for value in values:
        sums |= {one + Fraction(value) for one in sums}
    ordered = sorted(sums)
    low, high = Fraction(low), Fraction(high)
    middles = [(a + b) / 2 for a, b in pairwise(ordered)]
    targets = [low, high, *(target for target in middles if low <= target <= high)]
    distance, target = max((min(abs(z - one) for one in ordered), -z) for z in targets)
    return distance, -target


@SETTINGS
@given(st.lists(dyadic, max_size=8), dyadic, st.integers(0, 2**13).map(lambda k: k / 2**9))
def test_radius_and_target_are_exact_on_dyadic_numbers(values, low, width):
    found = covering_radius([values], low, low + width)
    radius, target = exact_radius(values, low, low + width)
    assert Fraction(float(found.radius[0])) == radius
    assert Fraction(float(found.target[0])) == target
    assert found.quantum[0] == 0


@SETTINGS
@given(st.lists(st.sampled_from([0.0, 0.25, -0.25, 0.5, 1.0]), max_size=10), dyadic)
def test_equal_gaps_and_duplicates(values, low):
    found = covering_radius([values], low, low + 1)
    radius, target = exact_radius(values, low, low + 1)
    assert (found.radius[0], found.target[0]) == (float(radius), float(target))


@SETTINGS
@given(st.lists(magnitudes, max_size=6), magnitudes, magnitudes)
def test_any_magnitudes_stay_within_the_promised_bound(values, one, other):
    low, high = min(one, other), max(one, other)
    found = covering_radius([values], low, high)
    radius, _ = exact_radius(values, low, high)
    # (n + 1) / 2 steps of the grid, and the rounding of the answer to a float.
    bound = Fraction(len(values) + 1, 2) * Fraction(float(found.quantum[0])) + radius / 2**52
    assert abs(Fraction(float(found.radius[0])) - radius) <= bound


def sorted_radius(grid, low, high):
    """The same by sorting all sums of integers; for sets too large for fractions."""
    sums = np.zeros(1, np.int64)
    for value in grid:
        sums = np.concatenate((sums, sums + value))
    sums = np.unique(sums)
    middles = np.clip((sums[1:] + sums[:-1]) // 2, low, high)
    left = np.searchsorted(sums, middles, side="right") - 1
    return max(
        np.minimum(middles - sums[left], sums[left + 1] - middles).max(),
        np.abs(sums - low).min(),
        np.abs(sums - high).min(),
    )


@pytest.mark.parametrize("n, low, high", [(12, -0.5, 0.5), (17, -0.5, 0.5), (20, -2.0, 2.0)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_larger_sets_agree_with_a_full_sort(n, low, high, seed):
    # Even numbers, so that the middle of a gap is an integer.
    grid = 2 * np.random.default_rng(seed).integers(-(2**40), 2**40, n)
    found = covering_radius([grid / 2**41], low, high)
    expected = sorted_radius(grid, int(low * 2**41), int(high * 2**41))
    assert found.radius[0] * 2**41 == expected


@pytest.mark.parametrize("n", [1, 2, 3, 10, 20])
def test_powers_of_two_leave_equal_gaps(n):
    # Sums of 2**-1, ..., 2**-n are all multiples of 2**-n from 0 to 1 - 2**-n.
    found = covering_radius([0.5 ** np.arange(1, n + 1)], 0, 1 - 0.5**n)
    assert found.radius[0] == 0.5 ** (n + 1)
    assert found.target[0] == 0.5 ** (n + 1)


def test_clustered_sums_are_exact():
    # A million sums within 1e-6 of 0 and of 1, and nothing between.
    tiny = np.arange(1, 20) * 2.0**-30
    found = covering_radius([[1.0, *tiny]], 0, 1)
    assert found.radius[0] == (1 - tiny.sum()) / 2


def test_large_sets_are_done_in_parts_of_the_range(monkeypatch):
    rng = np.random.default_rng(5)
    values = np.rint(rng.uniform(-1, 1, (20, 11)) * 2**20) / 2**20
    ranges = [(-0.5, 0.5), (-9.0, 9.0), (20.0, 21.0), (-0.25, -0.25)]
    whole = [covering_radius(values, low, high) for low, high in ranges]
    monkeypatch.setattr(covering, "_SUMS_A_CALL", 6)
    for (low, high), one in zip(ranges, whole, strict=True):
        parts = covering_radius(values, low, high)
        assert np.array_equal(parts.radius, one.radius)
        assert np.array_equal(parts.target, one.target)


def test_the_solver_finds_no_better_subset_for_the_worst_target():
    values = np.random.default_rng(6).uniform(-1, 1, (50, 13))
    found = covering_radius(values, -0.5, 0.5)
    error = np.abs(solve_batch(values, found.target).error)
    # Sums of 13 values are rounded to 2**-53 of their size each.
    assert found.radius == pytest.approx(error, rel=0, abs=13 * 2**-52)
    others = solve_batch(values, np.random.default_rng(7).uniform(-0.5, 0.5, 50))
    assert (np.abs(others.error) <= found.radius + 13 * 2**-52).all()


def test_no_values_reach_only_zero():
    found = covering_radius(np.empty((3, 0)), [-1.0, -2.0, 0.0], [2.0, 1.0, 0.0])
    assert found.radius.tolist() == [2, 2, 0]
    assert found.target.tolist() == [2, -2, 0]
    assert covering_radius(np.empty((0, 4)), 0, 1).radius.shape == (0,)


def test_workers_and_batches_change_nothing():
    values = np.random.default_rng(8).uniform(-1, 1, (60, 14))
    low = np.linspace(-1, 0, 60)
    whole = covering_radius(values, low, 0.5)
    threads = covering_radius(values, low, 0.5, workers=3)
    assert np.array_equal(whole.radius, threads.radius)
    assert np.array_equal(whole.target, threads.target)
    single = covering_radius(values[7:8], low[7], 0.5)
    assert single.radius[0] == whole.radius[7]


@pytest.mark.parametrize(
    "values, low, high, message",
    [
        ([[0.5, np.nan]], 0, 1, r"values\[0, 1\] = nan: must be finite"),
        ([[0.5]], -np.inf, 1, "low = -inf: give finite"),
        ([[0.5]], 0, [np.nan], r"high = \[nan\]: give finite"),
        ([[0.5]], 1, 0, "low = 1.0 of cell 0 is above high = 0.0: swap them"),
        ([0.5, 0.25], 0, 1, r"values has shape \(2,\)"),
        ([[0.5]], [0, 1], 1, r"low has type int64 and shape \(2,\)"),
        (np.zeros((1, 33)), 0, 1, "n = 33: all 2\\*\\*n sums are passed; give at most 32"),
    ],
)
def test_bad_input_is_named(values, low, high, message):
    with pytest.raises(InvalidInput, match=message):
        covering_radius(values, low, high)


def test_bits_of_uniform_values_are_those_of_the_figure():
    # Full scale is 1. The medians of 2,500 sets are 5.0, 8.2 and 11.6; of 600 sets they
    # scatter by 0.1 (one standard error). Full scale 1/2 would be one bit less.
    for n, expected in ((8, 5.0), (12, 8.2), (16, 11.6)):
        assert np.median(sample_bits(n, 600, seed=1)) == pytest.approx(expected, abs=0.3)


def test_balanced_signs_mend_the_tail():
    rows = {
        name: next(bits_against_n([14], 1000, distribution=name))
        for name in ("uniform", "balanced")
    }
    assert rows["uniform"].worst < 3
    assert rows["balanced"].worst > 5
    assert rows["balanced"].one_percent > rows["uniform"].one_percent + 2
    assert 0 < rows["balanced"].median - rows["uniform"].median < 1


def test_a_set_of_one_sign_has_one_bit():
    found = sample_bits(10, 20, distribution=lambda rng, size: rng.uniform(0, 1, size))
    assert found.tolist() == [1.0] * 20  # the target -1/2 is 1/2 away from 0


def test_same_seed_same_bits():
    first = sample_bits(9, 40, seed=3)
    assert np.array_equal(first, sample_bits(9, 40, seed=3, workers=2))
    assert not np.array_equal(first, sample_bits(9, 40, seed=4))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"n": 33}, "n = 33: give an integer, from 0 to 32"),
        ({"sets": 0}, "sets = 0"),
        ({"distribution": "unifrom"}, "did you mean 'uniform'?"),
        ({"distribution": 3}, "distribution = 3"),
        ({"distribution": lambda rng, size: np.zeros(3)}, r"returned values of shape \(3,\)"),
        ({"full_scale": 0}, "full_scale = 0"),
        ({"seed": -1}, "seed = -1"),
    ],
)
def test_bad_studies_are_named(change, message):
    with pytest.raises(InvalidInput, match=message):
        sample_bits(**({"n": 4, "sets": 5} | change))

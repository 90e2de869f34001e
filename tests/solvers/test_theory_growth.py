"""The growth process against its definition, and against the recursion, statistically."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import InvalidInput
from solvers.theory import reached, recursion, sample_growth, values_needed, values_to_reach

SETTINGS = settings(deadline=None, max_examples=100)


def is_reached(target, values, eps):
    """The definition: within the range, reached before, or reached before the last value."""
    if not -0.5 < target < 0.5:
        return False
    if not values:
        return abs(target) <= eps
    *first, last = values
    return is_reached(target, first, eps) or is_reached(target - last, first, eps)


# Multiples of 2**-8 in an odd half step: no target lies on an end of an interval.
@SETTINGS
@given(
    st.lists(st.integers(-256, 256).map(lambda k: k / 256), max_size=7),
    st.integers(1, 128).map(lambda k: k / 256),
)
def test_reached_targets_follow_the_definition(values, eps):
    found = reached(values, eps)
    targets = (np.arange(-128, 128) + 0.5) / 256
    assert found(targets).tolist() == [is_reached(z, values, eps) for z in targets]
    assert found.fraction == np.mean(found(targets))
    assert (found.starts[1:] > found.ends[:-1]).all()


def test_a_sum_that_left_the_range_is_dropped():
    assert not reached([0.75, -0.5], 0.01)(0.25)
    assert reached([-0.5, 0.75], 0.01)(0.25)


def test_the_expected_growth_is_that_of_the_recursion():
    # Given f_t the mean of v_{t+1} - v_t is v(1 - v)/2 exactly, whatever v_t: so the mean
    # residual of each slice of v_t is 0 within its standard error. 5 errors: one false alarm
    # in a million.
    fractions = sample_growth(25, 0.005, 4000, seed=1)
    before, after = fractions[:, :-1].ravel(), fractions[:, 1:].ravel()
    residual = after - before - before * (1 - before) / 2
    for low, high in ((0, 0.02), (0.02, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 0.9), (0.9, 0.999)):
        part = residual[(before > low) & (before < high)]
        assert part.size > 2000
        error = part.std() / math.sqrt(part.size)
        assert abs(part.mean()) < 5 * error
        assert error < 0.05 * (low + high) / 2 * (1 - (low + high) / 2)  # a test that can fail


def test_other_values_grow_otherwise():
    fractions = sample_growth(12, 0.005, 2000, seed=1, distribution="products")
    growth = np.diff(fractions.mean(axis=0))
    uniform = np.diff(sample_growth(12, 0.005, 2000, seed=1).mean(axis=0))
    assert growth[:4].sum() > 1.2 * uniform[:4].sum()  # small values leave the range less often


def test_the_mean_of_runs_lags_behind_the_recursion_by_the_spread():
    fractions = sample_growth(20, 0.005, 4000, seed=2)
    mean, spread = fractions.mean(axis=0), fractions.var(axis=0)
    expected = mean[:-1] + (mean * (1 - mean) / 2 - spread / 2)[:-1]
    # The sampling error of a mean over 4,000 runs is at most 0.35 / sqrt(4000) = 0.006.
    assert mean[1:] == pytest.approx(expected, abs=0.01)
    assert recursion(0.01, 20)[14] > mean[14] + 0.05


def test_the_recursion_by_hand():
    assert recursion(0.5, 2).tolist() == [0.5, 0.625, 0.625 + 0.625 * 0.375 / 2]
    assert recursion(0.0, 3).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("eps", [0.3, 0.05, 1e-2, 1e-3, 1e-6])
def test_values_needed_are_counted_on_the_recursion(eps):
    fractions = recursion(2 * eps, 200)
    # 1 - v loses digits to cancellation near 1, but no count hangs on them here.
    assert values_needed(eps) == np.argmax(fractions >= 1 - eps)


def test_tiny_eps_needs_logarithmically_many_values():
    growth = (values_needed(2.0**-80) - values_needed(2.0**-60)) / 20
    # log(3/2) of the growth and one halving for each bit.
    assert growth == pytest.approx(1 + math.log(2) / math.log(1.5), rel=0.03)


def test_simulation_needs_about_as_many_values_as_the_recursion():
    for eps in (0.05, 0.005):
        needed = values_needed(eps)
        simulated = values_to_reach(sample_growth(3 * needed, eps, 400, seed=3), 1 - eps)
        # The median run is quicker by up to a sixth, nine of ten lie within a factor.
        assert 0.8 * needed <= np.median(simulated) <= 1.1 * needed
        assert np.quantile(simulated, 0.95, method="lower") <= 1.8 * needed


def test_runs_that_never_arrive_count_as_infinite():
    table = [[0.1, 0.5, 0.9, 1.0], [0.1, 0.2, 0.3, 0.4]]
    assert values_to_reach(table, 0.5).tolist() == [1, np.inf]


def test_same_seed_same_runs_on_any_number_of_workers():
    first = sample_growth(10, 0.01, 50, seed=5)
    assert np.array_equal(first, sample_growth(10, 0.01, 50, seed=5, workers=3))
    assert not np.array_equal(first, sample_growth(10, 0.01, 50, seed=6))
    assert first.shape == (50, 11)
    assert (first[:, 0] == 0.02).all()


def test_short_calls_change_nothing(monkeypatch):
    from solvers.theory import growth

    values = np.random.default_rng(1).uniform(-1, 1, 12)
    whole = reached(values, 0.001)
    monkeypatch.setattr(growth, "_INTERVALS_A_CALL", 2500)
    parts = reached(values, 0.001)
    assert np.array_equal(whole.starts, parts.starts)
    assert np.array_equal(whole.ends, parts.ends)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: reached([0.1, np.nan], 0.1), "= nan: must be finite"),
        (lambda: reached([0.1], 0), "eps = 0: give a number from 1e-07 to 0.5"),
        (lambda: reached([0.1], "a"), "eps = 'a': give a real number"),
        (lambda: sample_growth(-1, 0.1, 1), "steps = -1"),
        (lambda: sample_growth(1, 0.1, 0), "runs = 0"),
        (lambda: sample_growth(1, 0.1, 1, workers=0), "workers = 0"),
        (lambda: recursion(1.5, 2), "start = 1.5"),
        (lambda: values_needed(0), "eps = 0"),
        (lambda: values_to_reach([1.0], 0.5), r"fractions has shape \(1,\)"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()

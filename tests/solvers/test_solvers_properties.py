"""Invariants of the exact solver, and of what a Solution says, on generated problems."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import solvers

settings.register_profile("solvers", deadline=None, max_examples=60)
SETTINGS = settings.get_profile("solvers")
METHOD = "meet-in-the-middle"

# Multiples of 2**-16: exact on every grid, so that errors compare bit for bit.
dyadic = st.integers(-(2**20), 2**20).map(lambda k: k / 2**16)
sets = st.lists(dyadic, max_size=14)
anything = st.floats(-1e300, 1e300)


@SETTINGS
@given(sets, dyadic, st.randoms(use_true_random=False))
def test_order_does_not_matter(values, target, random):
    shuffled = random.sample(values, len(values))
    first, second = solvers.solve(values, target, METHOD), solvers.solve(shuffled, target, METHOD)
    assert abs(first.error) == abs(second.error)
    assert first.mask.sum() == second.mask.sum()


@SETTINGS
@given(sets, dyadic)
def test_negating_everything_changes_no_magnitude(values, target):
    first = solvers.solve(values, target, METHOD)
    second = solvers.solve([-value for value in values], -target, METHOD)
    assert first.mask.tolist() == second.mask.tolist()
    assert first.error == -second.error


@SETTINGS
@given(st.lists(st.floats(-1, 1, allow_subnormal=False), max_size=12), st.floats(-2, 2), st.data())
def test_scaling_by_a_power_of_two_changes_no_mask(values, target, data):
    scale = 2.0 ** data.draw(st.integers(-40, 900))
    first = solvers.solve(values, target, METHOD)
    second = solvers.solve([value * scale for value in values], target * scale, METHOD)
    assert first.mask.tolist() == second.mask.tolist()
    assert first.error * scale == second.error


@SETTINGS
@given(sets, dyadic, dyadic)
def test_one_more_value_never_worsens(values, target, extra):
    fewer = solvers.solve(values, target, METHOD)
    more = solvers.solve([*values, extra], target, METHOD)
    assert abs(more.error) <= abs(fewer.error)


@SETTINGS
@given(st.lists(anything, max_size=8), anything)
def test_any_magnitudes_stay_within_the_promised_bound(brute_force, values, target):
    solution = solvers.solve(values, target, METHOD)
    best = brute_force(values, target)
    chosen = (Fraction(v) for v, on in zip(values, solution.mask, strict=True) if on)
    error = abs(sum(chosen, Fraction(0)) - Fraction(target))
    assert error <= best.error + (len(values) + 1) * Fraction(float(solution.quantum))
    assert Fraction(float(solution.lower_bound)) <= Fraction(float(best.error))
    assert solution.reachable == best.reachable


@settings(SETTINGS, max_examples=15)
@given(st.lists(dyadic, max_size=9), dyadic)
def test_milp_agrees(values, target):
    first, second = solvers.solve(values, target, METHOD), solvers.solve(values, target, "milp")
    assert abs(first.error) == abs(second.error)


@pytest.mark.parametrize("method", solvers.METHODS)
@pytest.mark.parametrize("n", [0, 1, 5, 12])
def test_batch_is_a_loop_of_solve(method, n):
    rng = np.random.default_rng(n)
    values, targets = rng.normal(0, 1e-5, (6, n)), rng.normal(0, 3e-5, 6)
    values[2] *= 1e9
    batch = solvers.solve_batch(values, targets, method)
    for k in range(6):
        same(batch.cell(k), solvers.solve(values[k], targets[k], method))


def test_batch_of_heuristic_answers_is_a_loop_of_solve():
    rng = np.random.default_rng(4)
    values, targets = rng.normal(0, 1, (5, 60)), rng.normal(0, 5, 5)
    options = {"seed": 7, "tries": 5, "window": 10}
    batch = solvers.solve_batch(values, targets, "random", **options)
    for k in range(5):
        same(batch.cell(k), solvers.solve(values[k], targets[k], "random", **options))


def test_threads_solve_parts_of_a_batch():
    rng = np.random.default_rng(6)
    values, targets = rng.uniform(-1, 1, (400, 14)), rng.uniform(-1, 1, 400)
    whole = solvers.solve_batch(values, targets)
    with ThreadPoolExecutor(4) as pool:
        parts = pool.map(solvers.solve_batch, np.split(values, 8), np.split(targets, 8), timeout=60)
    assert np.array_equal(np.concatenate([part.mask for part in parts]), whole.mask)


def test_long_batch_in_several_calls_is_the_same(monkeypatch):
    from solvers.methods import meet_in_the_middle

    rng = np.random.default_rng(7)
    values, targets = rng.uniform(-1, 1, (50, 10)), rng.uniform(-1, 1, 50)
    whole = solvers.solve_batch(values, targets)
    monkeypatch.setattr(meet_in_the_middle, "_SUMS_A_CALL", 100)
    same(whole, solvers.solve_batch(values, targets))


def same(first, second):
    """Equal bit for bit, apart from the time and the words."""
    for name in ("mask", "achieved", "error", "reachable", "lower_bound", "optimal", "quantum"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    assert first.method == second.method

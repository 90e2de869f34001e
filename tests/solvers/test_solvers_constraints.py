"""Signs, fixed coefficients and limits: every method against brute force in exact arithmetic."""

from __future__ import annotations

import dataclasses
import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import solvers

BINARY, SIGNED, FLIP = (0, 1), (-1, 0, 1), (-1, 1)
NAN = float("nan")
METHODS = ("auto", "enumeration", "meet-in-the-middle")
DIGIT = {0: 0, 1: 1, -1: 2}


def best_choice(values, target, coefficients, fixed=None, at_most=None):
    """The best choice by the tie rule, and its exact error magnitude."""
    exact = [Fraction(float(value)) for value in values]
    given_ = [NAN] * len(exact) if fixed is None else list(fixed)
    found = []
    for choice in itertools.product(coefficients, repeat=len(exact)):
        if any(one == one and one != c for one, c in zip(given_, choice, strict=True)):
            continue
        free = [c if one != one else 0 for one, c in zip(given_, choice, strict=True)]
        if at_most is not None and sum(c != 0 for c in choice) > at_most:
            continue
        total = sum(c * value for c, value in zip(choice, exact, strict=True))
        if coefficients == FLIP:
            free = [int(c == 1) for c in free]
        mask = sum(DIGIT[c] * 3**k for k, c in enumerate(free))
        found.append((abs(total - Fraction(float(target))), sum(map(bool, free)), mask, choice))
    error, _, _, choice = min(found)
    return error, list(choice)


dyadic = st.integers(-(2**10), 2**10).map(lambda k: k / 2**6)


@st.composite
def problems(draw):
    coefficients = draw(st.sampled_from((BINARY, SIGNED, FLIP)))
    values = draw(st.lists(dyadic, max_size=6))
    choices = st.one_of(st.just(NAN), st.just(NAN), st.sampled_from(coefficients))
    fixed = draw(
        st.one_of(st.none(), st.lists(choices, min_size=len(values), max_size=len(values)))
    )
    at_most = None
    if coefficients != FLIP and draw(st.booleans()):
        given_ = sum(one == one and one != 0 for one in fixed or [])
        at_most = given_ + draw(st.integers(0, 4))
    return values, draw(dyadic), {"coefficients": coefficients, "fixed": fixed, "at_most": at_most}


@settings(deadline=None, max_examples=150)
@given(problems())
def test_every_kind_of_problem_matches_brute_force(problem):
    values, target, kind = problem
    error, choice = best_choice(values, target, **kind)
    for method in METHODS:
        if method == "enumeration" and kind["at_most"] is not None:
            continue
        solution = solvers.solve(values, target, method, **kind)
        assert Fraction(float(solution.error)) in (error, -error)
        assert solution.mask.astype(int).tolist() == choice
        assert solution.optimal


@settings(deadline=None, max_examples=60)
@given(problems())
def test_reachable_is_what_the_constraints_allow(problem):
    values, target, kind = problem
    low, high = solvers.solve(values, -1e6, **kind), solvers.solve(values, 1e6, **kind)
    assert not low.reachable
    assert not high.reachable
    inside = solvers.solve(values, target, **kind)
    assert inside.reachable == (low.achieved <= target <= high.achieved)


@pytest.mark.parametrize("coefficients", [BINARY, SIGNED, FLIP])
@pytest.mark.parametrize("n", [8, 12, 15])
def test_rounded_numbers_match_between_methods(coefficients, n):
    rng = np.random.default_rng(n)
    cells = 3 if n == 15 else 20
    values, targets = rng.uniform(-1, 1, (cells, n)), rng.uniform(-2, 2, cells)
    table = solvers.solve_batch(values, targets, "enumeration", coefficients=coefficients)
    halves = solvers.solve_batch(values, targets, "meet-in-the-middle", coefficients=coefficients)
    assert np.array_equal(table.mask, halves.mask)
    assert np.array_equal(table.error, halves.error)
    filtered = halves.certificates == solvers.Certificate.FILTER
    assert filtered[halves.reachable].mean() > 0.5  # the filters do most of the work


@pytest.mark.parametrize("coefficients", [BINARY, SIGNED])
def test_limits_as_wide_as_the_set_change_nothing(coefficients):
    """The limited search is another code path than the filters."""
    rng = np.random.default_rng(1)
    values, targets = rng.uniform(-1, 1, (20, 14)), rng.uniform(-1, 1, 20)
    free = solvers.solve_batch(values, targets, "meet-in-the-middle", coefficients=coefficients)
    for limit in (13, 14, 50):
        limited = solvers.solve_batch(values, targets, coefficients=coefficients, at_most=limit)
        same = np.abs(free.mask).sum(axis=1) <= limit
        assert np.array_equal(limited.mask[same], free.mask[same])
        assert (np.count_nonzero(limited.mask, axis=1) <= limit).all()


def test_each_cell_has_its_own_limit_and_fixed_coefficients():
    rng = np.random.default_rng(2)
    values, targets = rng.uniform(-1, 1, (30, 10)), rng.uniform(-1, 1, 30)
    fixed = np.where(rng.random((30, 10)) < 0.2, rng.integers(0, 2, (30, 10)), NAN)
    limits = (fixed == 1).sum(axis=1) + rng.integers(0, 5, 30)
    solution = solvers.solve_batch(values, targets, fixed=fixed, at_most=limits)
    assert (solution.mask.sum(axis=1) <= limits).all()
    assert np.array_equal(solution.mask[~np.isnan(fixed)], fixed[~np.isnan(fixed)].astype(bool))
    for k in range(30):
        alone = solvers.solve(values[k], targets[k], fixed=fixed[k], at_most=int(limits[k]))
        assert np.array_equal(alone.mask, solution.mask[k])


def test_one_row_of_fixed_coefficients_serves_all_cells():
    values = np.random.default_rng(3).uniform(-1, 1, (5, 4))
    solution = solvers.solve_batch(values, np.zeros(5), fixed=[1, NAN, NAN, 0])
    assert solution.mask[:, 0].all()
    assert not solution.mask[:, 3].any()


@pytest.mark.parametrize("coefficients", [BINARY, SIGNED])
def test_heuristic_keeps_to_the_constraints(coefficients):
    rng = np.random.default_rng(4)
    values, targets = rng.uniform(-1, 1, (10, 70)), rng.uniform(-3, 3, 10)
    fixed = np.full(70, NAN)
    fixed[:5] = 1
    options = {"tries": 8, "window": 14}
    for limit in (8, 20, 70):
        found = solvers.solve_batch(
            values,
            targets,
            "random",
            coefficients=coefficients,
            fixed=fixed,
            at_most=limit,
            **options,
        )
        assert (np.count_nonzero(found.mask, axis=1) <= limit).all()
        assert (found.mask[:, :5] == 1).all()
        chosen = np.where(found.mask, found.mask * values, 0).sum(axis=1)
        assert found.achieved == pytest.approx(chosen, rel=1e-9, abs=1e-12)
    free = solvers.solve_batch(values, targets, "random", coefficients=coefficients, **options)
    assert np.median(np.abs(free.error)) < 1e-4


@pytest.mark.parametrize("share", [-0.95, -0.3, 0.6, 0.95])
def test_heuristic_reaches_far_signed_targets(share):
    values = np.random.default_rng(5).uniform(0.5, 1, (5, 100))
    targets = share * values.sum(axis=1)
    found = solvers.solve_batch(values, targets, "random", coefficients=SIGNED, tries=8)
    assert (np.abs(found.error) < 1e-3).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coefficients": (0, 2)}, r"coefficients = \(0, 2\): give \(0, 1\), "),
        ({"coefficients": 1}, r"coefficients = 1: give"),
        ({"fixed": [1, NAN]}, r"fixed has shape \(2,\): give one coefficient for each of the 3"),
        ({"fixed": [0.5, 1, 1]}, r"fixed\[0, 0\] = 0.5: give one of \(0, 1\), or NaN"),
        ({"fixed": [-1, 1, 1]}, r"fixed\[0, 0\] = -1.0: give one of \(0, 1\)"),
        ({"fixed": ["a", "b", "c"]}, r"fixed has type <U1"),
        ({"at_most": -1}, r"at_most = -1: give an integer, at least 0"),
        ({"at_most": 1.5}, r"at_most = 1.5: give an integer"),
        ({"at_most": [1, 2]}, r"at_most = \[1, 2\]: give an integer, or one for each cell"),
        ({"at_most": 2, "coefficients": FLIP}, r"at_most = 2: no coefficient can be 0"),
        ({"at_most": 1, "fixed": [1, 1, NAN]}, r"at_most = 1: cell 0 has 2 fixed coefficients"),
        ({"at_most": 2, "method": "enumeration"}, r"at_most: method 'enumeration' cannot limit"),
    ],
)
def test_constraints_that_make_no_sense_are_refused(options, message):
    with pytest.raises(solvers.InvalidInput, match=message) as caught:
        solvers.solve([1.0, 2.0, 3.0], 2.5, **options)
    assert "\n" not in str(caught.value)


def test_everything_fixed_leaves_nothing_to_choose():
    solution = solvers.solve([1.0, 2.0, 3.0], 2.5, fixed=[1, 0, 1])
    assert solution.mask.tolist() == [True, False, True]
    assert solution.achieved == 4
    assert not solution.reachable


@pytest.mark.parametrize("coefficients", [BINARY, SIGNED, FLIP])
@pytest.mark.parametrize("n", [6, 16, 18])
def test_workers_change_nothing(coefficients, n):
    rng = np.random.default_rng(n)
    n = 11 if coefficients == SIGNED and n > 11 else n
    values, targets = rng.uniform(-1, 1, (300, n)), rng.uniform(-1, 1, 300)
    one = solvers.solve_batch(values, targets, coefficients=coefficients)
    two = solvers.solve_batch(values, targets, coefficients=coefficients, workers=3)
    for name in ("mask", "achieved", "error", "lower_bound", "quantum", "certificates"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name


def test_an_error_in_a_thread_reaches_the_caller(monkeypatch):
    from solvers import api
    from solvers.methods import enumeration

    def fails(grid, options):
        raise MemoryError("no room")

    failing = dataclasses.replace(enumeration.METHOD, run=fails)
    monkeypatch.setattr(api, "choose_method", lambda problem, options: failing)
    with pytest.raises(MemoryError, match="no room"):
        solvers.solve_batch(np.ones((9, 3)), np.full(9, 1.4), workers=2)


def test_fixed_numbers_cost_no_search():
    """n limits count the numbers that are free, which keep their order in the tie rule."""
    rng = np.random.default_rng(6)
    values = rng.integers(-3, 4, (12, 60)).astype(float)
    fixed = np.full((12, 60), NAN)
    for cell, row in enumerate(fixed):
        row[rng.permutation(60)[: 52 + cell % 5]] = rng.integers(0, 2)
    solution = solvers.solve_batch(values, rng.integers(-9, 9, 12) / 2, fixed=fixed)
    assert solution.method == "enumeration"
    for cell in range(12):
        free = np.isnan(fixed[cell])
        given_ = np.where(free, 0, fixed[cell]) @ values[cell]
        target = solution.problem.targets[cell]
        alone = solvers.solve(values[cell][free], target - given_)
        assert np.array_equal(solution.mask[cell][free], alone.mask)
        assert solution.error[cell] == alone.error


@pytest.mark.parametrize("coefficients", [BINARY, SIGNED])
@pytest.mark.parametrize("values", [[1, 1, 1, 1, 1], [2, 1, 2, 1, 2, 0], [3, -3, 3, -3, 1]])
def test_ends_with_a_limit_take_the_smallest_mask(coefficients, values):
    """At an end equal numbers tie: the first ones are enabled, as brute force says."""
    for most in range(len(values) + 1):
        for sign in (1, -1):
            far = solvers.solve(values, sign * 1e3, coefficients=coefficients, at_most=most)
            target = float(far.achieved)
            found = solvers.solve(values, target, coefficients=coefficients, at_most=most)
            _, choice = best_choice(values, target, coefficients, at_most=most)
            assert found.mask.astype(int).tolist() == choice
            assert far.mask.astype(int).tolist() == choice


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (np.array([2**60 + 1, 3]), "holds 1152921504606846977, which a float of 53 bits"),
        (np.ma.array([1.0, 2.0], mask=[0, 1]), "values has masked entries"),
    ],
)
def test_numbers_that_would_change_unsaid_are_refused(given_, message):
    with pytest.raises(solvers.InvalidInput, match=message):
        solvers.solve(given_, 1.0)
    assert solvers.solve(np.array([2**60, 3]), 2**60).error == 0


@settings(deadline=None, max_examples=80)
@given(problems())
def test_all_methods_tell_one_story(problem):
    values, target, kind = problem
    best = solvers.solve(values, target, **kind)
    limited = kind["at_most"] is not None
    for method in solvers.METHODS:
        if limited and method not in ("auto", "meet-in-the-middle", "milp", "random"):
            continue
        found = solvers.solve(values, target, method, **kind)
        assert abs(found.error) == abs(best.error)  # small: the heuristics are exact too
        assert found.optimal
        assert found.lower_bound == abs(found.error)
        if method not in ("milp", "knapsack"):
            assert np.array_equal(found.mask, best.mask), method

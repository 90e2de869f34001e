"""`verify` passes what is right and names what is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import solvers
from solvers.solution import Certificate
from solvers.verification import verify

ALPHABETS = [(0, 1), (-1, 0, 1), (-1, 1)]
NAN = float("nan")


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    return solvers.solve_batch(rng.uniform(-1, 1, (30, 10)), rng.uniform(-1, 1, 30))


def changed(solution, cell, **fields):
    """The solution with one entry of some arrays replaced."""
    arrays = {}
    for name, value in fields.items():
        arrays[name] = getattr(solution, name).copy()
        arrays[name][cell] = value
    return replace(solution, **arrays)


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize("method", ["auto", "knapsack", "milp"])
def test_right_solutions_pass(alphabet, method):
    rng = np.random.default_rng(1)
    values, targets = rng.uniform(-1e-4, 1e-4, (20, 7)), rng.uniform(-4e-4, 4e-4, 20)
    fixed = np.where(rng.random((20, 7)) < 0.3, rng.choice(alphabet, (20, 7)), NAN)
    found = verify(solvers.solve_batch(values, targets, coefficients=alphabet, fixed=fixed), method)
    assert found.ok, str(found)
    assert found.sound.shape == found.compared.shape == found.best.shape == (20,)
    assert found.compared.all()
    assert found.proven.all()


@pytest.mark.parametrize("alphabet", ALPHABETS[:2])
def test_right_limited_solutions_pass(alphabet):
    rng = np.random.default_rng(2)
    values, targets = rng.uniform(-1, 1, (20, 7)), rng.uniform(-2, 2, 20)
    fixed = np.where(rng.random(7) < 0.3, 1, NAN)
    solution = solvers.solve_batch(
        values, targets, coefficients=alphabet, fixed=fixed, at_most=rng.integers(4, 7, 20)
    )
    found = verify(solution)
    assert found.ok, str(found)
    assert found.method == "milp"


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.floats(-1e300, 1e300), max_size=6),
    st.floats(-1e300, 1e300),
    st.sampled_from(ALPHABETS),
)
def test_any_magnitudes_pass(values, target, alphabet):
    found = verify(solvers.solve(values, target, coefficients=alphabet))
    assert found.ok, str(found)


def test_one_solution_has_no_axis(batch):
    found = verify(batch.cell(3))
    assert found.sound.shape == found.best.shape == ()
    assert str(found).startswith("ok; 1 cells checked, 1 compared")
    assert found.best == abs(batch.error[3])


def test_best_is_that_of_brute_force(brute_force):
    values, target = [0.3, -0.2, 0.7, 0.45], 0.31
    found = verify(solvers.solve(values, target))
    assert found.best == float(brute_force(values, target).error)


def test_some_cells_go_to_the_reference(batch):
    assert verify(batch, cells=0).compared.sum() == 0
    some = verify(batch, cells=4)
    assert np.flatnonzero(some.compared).tolist() == [0, 10, 19, 29]
    assert np.isnan(some.best[1])


TAMPERED = {
    "mask bit": (lambda s: {"mask": ~s.mask[5]}, "error: found"),
    "error": (lambda s: {"error": np.nextafter(s.error[5], 9)}, "error: found"),
    "sign of the error": (lambda s: {"error": -s.error[5]}, "error: found"),
    "nan": (lambda s: {"error": NAN}, "error: found nan"),
    "achieved": (lambda s: {"achieved": s.achieved[5] + 1e-15}, "achieved: found"),
    "reachable": (lambda s: {"reachable": False}, "reachable: found False, expected True"),
    "lower bound above the error": (
        lambda s: {"lower_bound": 1.1 * abs(s.error[5])},
        "lower_bound: found",
    ),
    "negative lower bound": (lambda s: {"lower_bound": -1.0}, "lower_bound: found -1.0"),
    "quantum": (lambda s: {"quantum": np.inf}, "quantum: found inf"),
    "end": (lambda s: {"certificates": Certificate.END}, "certificates: found END"),
    "unknown certificate": (lambda s: {"certificates": 99}, "certificates: found 99"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_tampered_solutions_are_caught(batch, case):
    fields, expected = TAMPERED[case]
    found = verify(changed(batch, 5, **fields(batch)))
    assert not found.ok
    assert any(f"cell 5: {expected}" in text for text in found.problems), found.problems
    assert np.flatnonzero(~found.sound).tolist() == [5]
    assert not any("\n" in text for text in found.problems)
    assert str(found).startswith(f"{len(found.problems)} problems, first: cell 5")


@pytest.mark.parametrize("method", ["knapsack", "milp"])
@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_a_worse_choice_claimed_best_is_caught(alphabet, method):
    """The mask of a poor search, its sums right, with the certificate of a proof."""
    rng = np.random.default_rng(3)
    values, target = rng.uniform(-1, 1, 10), 0.3
    options = {"window": 3, "tries": 1}
    poor = solvers.solve(values, target, "random", coefficients=alphabet, **options)
    assert verify(poor, method).ok
    for code in (Certificate.PROGRAM, Certificate.FILTER, Certificate.ZERO):
        found = verify(replace(poor, certificates=np.asarray(code, np.uint8)), method)
        assert f"certificates: found {code.name}" in found.problems[0]
    found = verify(replace(poor, lower_bound=np.abs(poor.error)), method)
    assert "lower_bound: found" in found.problems[0]


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_constraints_that_are_not_kept_are_caught(alphabet):
    values = [0.5, -0.25, 0.125, 0.7]
    free = solvers.solve(values, 0.5, coefficients=alphabet)
    other = next(one for one in alphabet if one != free.mask[0])
    problem = replace(free.problem, fixed=np.array([[other, 2, 2, 2]], np.int8))
    assert "mask[0]: found" in verify(replace(free, problem=problem)).problems[0]
    if 0 in alphabet:
        problem = replace(free.problem, at_most=np.array([0]))
        assert "enabled, expected at most 0" in verify(replace(free, problem=problem)).problems[0]
        broken = replace(free, mask=free.mask.astype(np.int8) * 3)
        assert "expected one of" in verify(broken).problems[0]


def test_a_wrong_end_is_caught():
    good = solvers.solve([0.5, -0.25, 0.25], 5.0)
    assert verify(good, cells=0).compared
    poor = solvers.solve([0.5, -0.25, 0.25], 0.5)
    error = poor.achieved - 5.0
    told = replace(
        poor,
        problem=good.problem,
        error=error,
        reachable=np.asarray(False),
        lower_bound=np.abs(error),
    )
    assert "certificates: found" in verify(told, cells=0).problems[0]


def test_unproven_reference_is_told():
    rng = np.random.default_rng(4)
    solution = solvers.solve(rng.uniform(-1, 1, 36), 0.3)
    found = verify(solution, "knapsack", time_limit=0.05)
    assert found.ok
    assert found.compared
    assert not found.proven


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "milpp"}, r"method = 'milpp': choose one of auto, knapsack, milp; did you"),
        ({"method": None}, r"method = None: choose one of"),
        ({"cells": -1}, r"cells = -1: give an integer, at least 0"),
        ({"time_limit": 0}, r"time_limit = 0: give a positive"),
    ],
)
def test_bad_options_are_refused(batch, options, message):
    with pytest.raises(solvers.InvalidInput, match=message):
        verify(batch, **options)


def test_another_problem_is_refused(batch):
    with pytest.raises(solvers.InvalidInput, match="give a solution as solve"):
        verify(replace(batch, problem=batch.cell(0).problem))


def test_knapsack_is_refused_where_it_does_not_apply():
    with pytest.raises(solvers.InvalidInput, match="cannot limit"):
        verify(solvers.solve([1.0, 0.5], 0.7, at_most=1), "knapsack")

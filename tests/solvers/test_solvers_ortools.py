"""The OR-Tools methods against brute force: all coefficients, fixed and limited ones."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import solvers
from solvers.methods import BY_NAME

ALPHABETS = [(0, 1), (-1, 0, 1), (-1, 1)]
NAN = float("nan")
SETTINGS = settings(deadline=None, max_examples=40)
dyadic = st.integers(-(2**12), 2**12).map(lambda k: k / 2**8)

CASES = {
    "one number": ([0.7], 0.5),
    "one negative number": ([-0.7], -0.3),
    "one zero": ([0.0], 0.4),
    "zeros": ([0.0, -0.0, 0.0], -0.2),
    "zeros among others": ([0.0, 0.5, 0.0, -0.25], 0.3),
    "equal numbers": ([0.3] * 6, 1.0),
    "opposite pairs": ([0.4, -0.4, 0.3, -0.3, 0.9], 0.25),
    "all negative": ([-0.11, -0.37, -0.52, -0.9], -1.0),
    "powers of two": ([2.0**-k for k in range(7)], 0.6172),
    "beyond both ends": ([0.31, -0.29, 0.0, 0.77], 50.0),
    "just inside the high end": ([0.1, 0.2, 0.3], 0.6),
    "just inside the low end": ([-0.1, -0.2, -0.3], -0.6),
    "huge": ([1e300, 3e300, -2e300, 7.7e299], 2.9e300),
    "tiny": ([1e-300, 3e-300, -2e-300, 7.7e-301], 2.9e-300),
    "huge beside tiny": ([1e300, 1e-300, -3e-300], 4e299),
}


def smallest_error(values, target, alphabet, fixed=None, at_most=None):
    """Try all choices in rational arithmetic."""
    exact = [Fraction(float(value)) for value in values]
    goal = Fraction(float(target))
    given = [NAN] * len(exact) if fixed is None else list(fixed)
    digits = [alphabet if np.isnan(one) else (int(one),) for one in given]
    return min(
        abs(sum((c * x for c, x in zip(choice, exact, strict=True)), Fraction(0)) - goal)
        for choice in itertools.product(*digits)
        if at_most is None or sum(map(bool, choice)) <= at_most
    )


def check(solution, values, target, best):
    """Best up to the stated quantisation, and said to be."""
    chosen = zip(values, np.asarray(solution.mask).tolist(), strict=True)
    error = sum((int(c) * Fraction(float(x)) for x, c in chosen), Fraction(0))
    error -= Fraction(float(target))
    assert solution.error == float(error)
    assert best <= abs(error) <= best + (len(values) + 1) * Fraction(float(solution.quantum))
    assert solution.lower_bound <= float(best)
    assert solution.optimal


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize(
    ("method", "options"), [("knapsack", {}), ("knapsack", {"time_limit": 60}), ("milp", {})]
)
@pytest.mark.parametrize("case", CASES)
def test_matches_brute_force(case, method, options, alphabet):
    values, target = CASES[case]
    solution = solvers.solve(values, target, method, coefficients=alphabet, **options)
    check(solution, values, target, smallest_error(values, target, alphabet))


@SETTINGS
@given(st.data(), st.sampled_from(ALPHABETS), st.lists(dyadic, min_size=1, max_size=6), dyadic)
def test_fixed_and_limited_match_brute_force(data, alphabet, values, target):
    n = len(values)
    fixed = data.draw(st.lists(st.sampled_from([NAN, NAN, *alphabet]), min_size=n, max_size=n))
    solution = solvers.solve(values, target, "knapsack", coefficients=alphabet, fixed=fixed)
    check(solution, values, target, smallest_error(values, target, alphabet, fixed))
    least = sum(one in (-1, 1) for one in fixed)
    most = data.draw(st.integers(least, n)) if 0 in alphabet else None
    solution = solvers.solve(
        values, target, "milp", coefficients=alphabet, fixed=fixed, at_most=most
    )
    check(solution, values, target, smallest_error(values, target, alphabet, fixed, most))
    keeps = np.isnan(fixed) | (solution.mask == np.nan_to_num(fixed))
    assert keeps.all()
    assert most is None or np.count_nonzero(solution.mask) <= most


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_random_batches_agree_with_the_exact_search(alphabet):
    rng = np.random.default_rng(11)
    n = 10 if alphabet == (-1, 0, 1) else 17
    values, targets = rng.uniform(-1e-4, 1e-4, (4, n)), rng.uniform(-1e-4, 1e-4, 4)
    exact = solvers.solve_batch(values, targets, "meet-in-the-middle", coefficients=alphabet)
    for method in ("knapsack", "milp"):
        found = solvers.solve_batch(values, targets, method, coefficients=alphabet)
        difference = np.abs(np.abs(found.error) - np.abs(exact.error))
        assert (difference <= (n + 1) * (found.quantum + exact.quantum)).all()
        assert found.certificate.startswith("OR-Tools proved")


@pytest.mark.parametrize("method", ["knapsack", "milp"])
@pytest.mark.parametrize("alphabet", ALPHABETS[:2])
def test_numbers_of_zero_are_left_out(method, alphabet):
    values = [0.0, 0.5, 0.0, -0.25, 0.0, 0.1]
    mask = solvers.solve(values, 0.3, method, coefficients=alphabet).mask
    assert not mask[[0, 2, 4]].any()


@pytest.mark.parametrize("alphabet", ALPHABETS[:2])
def test_numbers_of_zero_do_not_use_up_the_limit(alphabet):
    values, fixed = [0.0, 0.5, 0.0, 0.25, 4.0], [NAN, NAN, NAN, NAN, 1]
    solution = solvers.solve(values, 4.7, "milp", coefficients=alphabet, fixed=fixed, at_most=3)
    assert solution.mask.tolist() == [0, 1, 0, 1, 1]


def test_knapsack_takes_64_large_numbers():
    """Weights near the largest of its grid: a bound that overflows or rounds would show."""
    rng = np.random.default_rng(12)
    values = np.append(rng.uniform(0.9, 1.0, 60), [0.99999, -0.9, 0.95, -0.97])
    end = np.sum(values[values > 0])
    solution = solvers.solve(values, end - 1e-3, "knapsack")
    assert solution.error == pytest.approx(1e-3, rel=1e-9)
    assert solution.optimal


@pytest.mark.parametrize("alphabet", ALPHABETS[:2])
def test_knapsack_stopped_early_tells_what_is_proven(alphabet):
    values = np.random.default_rng(13).uniform(-1, 1, 32)
    stopped = solvers.solve(values, 0.3, "knapsack", coefficients=alphabet, time_limit=0.05)
    assert stopped.status == "feasible"
    assert stopped.lower_bound == 0
    assert abs(stopped.error) < 0.1


@pytest.mark.parametrize(
    ("n", "alphabet", "message"),
    [(65, (0, 1), "at most 64 numbers"), (33, (-1, 0, 1), "at most 32 numbers")],
)
def test_knapsack_refuses_too_many_numbers(n, alphabet, message):
    with pytest.raises(solvers.InvalidInput, match=message):
        solvers.solve(np.ones(n), 0.5, "knapsack", coefficients=alphabet)


def test_knapsack_refuses_a_limit():
    with pytest.raises(solvers.InvalidInput, match="at_most: method 'knapsack' cannot limit"):
        solvers.solve([1.0, 2.0], 0.5, "knapsack", at_most=1)
    assert not BY_NAME["knapsack"].limits

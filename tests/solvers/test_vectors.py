"""Subsets of vectors: exact ones against brute force, and the heuristic's promises."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import solvers
from solvers import vector_methods
from solvers.vectors import VECTOR_METHODS, VectorProblem, solve_vectors
from solvers.verification import verify

EXACT = ("auto", "enumeration", "milp", "random")  # random: n within its window
NAN, INF = float("nan"), float("inf")
_RNG = np.random.default_rng(0)

CASES = {
    "one vector taken": ([[0.7, -0.2]], [0.5, -0.1]),
    "one vector left": ([[0.7, -0.2]], [0.1, 0.1]),
    "one component": ([[0.5], [-0.25], [0.125]], [0.3]),
    "tie": ([[1.0, 0.0], [0.0, 1.0]], [0.5, 0.5]),
    "all zero": ([[0.0, 0.0]] * 4, [0.0, 0.0]),
    "all zero, target": ([[0.0, -0.0]] * 3, [0.1, -0.2]),
    "equal vectors": ([[1.0, 2.0]] * 6, [3.2, 6.1]),
    "a component of zeros": ([[0.3, 0.0], [0.4, 0.0], [-0.1, 0.0]], [0.35, 0.2]),
    "one component out of reach": ([[0.3, 0.1], [0.4, -0.2], [-0.1, 0.5]], [5.0, 0.2]),
    "both out of reach": ([[0.3, 0.1], [0.4, -0.2], [-0.1, 0.5]], [5.0, -4.9]),
    "out of reach by far": ([[0.3, 0.1], [0.4, -0.2], [-0.1, 0.5]], [1e200, -7.0]),
    "units": ((_RNG.uniform(-1, 1, (7, 3)) * 1e-5).tolist(), [1e-5, -1e-5, 2e-5]),
    "huge": ((_RNG.uniform(-1, 1, (6, 2)) * 1e300).tolist(), [1e300, -2e299]),
    "tiny": ((_RNG.uniform(-1, 1, (6, 2)) * 1e-300).tolist(), [1e-300, -2e-301]),
    "components of unlike size": ((_RNG.uniform(-1, 1, (6, 2)) * [1, 1e-9]).tolist(), [0.3, 0]),
    "integers": ([[3, 1], [2, 5], [-1, 2]], [4, 3]),
}


def enumerate_subsets(vectors, target):
    """Error, number enabled and mask of the best subset, in rational arithmetic."""
    exact = [[Fraction(float(x)) for x in row] for row in vectors]
    sums = [[-Fraction(float(x)) for x in target]]
    for row in exact:
        sums += [[a + b for a, b in zip(one, row, strict=True)] for one in sums]
    return min((max(map(abs, one)), m.bit_count(), m) for m, one in enumerate(sums))


def check(solution, vectors, target):
    error, _, mask = enumerate_subsets(vectors, target)
    chosen = [row for row, on in zip(vectors, solution.mask.tolist(), strict=True) if on]
    for k, goal in enumerate(target):
        column = [float(row[k]) for row in chosen]
        assert solution.achieved[k] == math.fsum(column)
        assert solution.error[k] == math.fsum([*column, -goal])
    worst = max(
        abs(sum((Fraction(float(row[k])) for row in chosen), Fraction(0)) - Fraction(float(goal)))
        for k, goal in enumerate(target)
    )
    n = len(vectors)
    assert error <= worst <= error + (n + 1) * Fraction(float(solution.quantum))
    assert solution.lower_bound <= float(error)
    assert solution.optimal
    if solution.quantum == 0:
        assert solution.lower_bound == float(error)
        if solution.method != "milp":
            assert sum(1 << k for k in np.flatnonzero(solution.mask)) == mask


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("case", CASES)
def test_matches_brute_force(method, case):
    vectors, target = CASES[case]
    check(solve_vectors(vectors, target, method), vectors, target)


coarse = st.integers(-8, 8).map(lambda k: k / 4)
anything = st.floats(-1e300, 1e300)


@settings(deadline=None, max_examples=80)
@given(st.data(), st.integers(1, 7), st.integers(1, 3), st.sampled_from([coarse, anything]))
def test_any_numbers_match_brute_force(data, n, d, numbers):
    row = st.lists(numbers, min_size=d, max_size=d)
    vectors = data.draw(st.lists(row, min_size=n, max_size=n))
    target = data.draw(row)
    check(solve_vectors(vectors, target, "enumeration"), vectors, target)


def test_methods_agree_beyond_brute_force():
    rng = np.random.default_rng(1)
    vectors, target = rng.uniform(-1, 1, (17, 3)), rng.uniform(-1, 1, 3)
    exact = solve_vectors(vectors, target)
    program = solve_vectors(vectors, target, "milp")
    assert program.status == exact.status == "optimal"
    difference = np.abs(program.error).max() - np.abs(exact.error).max()
    assert abs(difference) <= 18 * (program.quantum + exact.quantum)


def test_one_component_is_an_ordinary_subset_sum():
    rng = np.random.default_rng(2)
    values, target = rng.uniform(-1, 1, 24), 0.3
    ordinary = solvers.solve(values, target, "meet-in-the-middle")
    assert solve_vectors(values[:, None], [target]).mask.tolist() == ordinary.mask.tolist()


def test_enumeration_in_several_calls_is_the_same(monkeypatch):
    rng = np.random.default_rng(3)
    vectors, target = rng.integers(-2, 3, (15, 2)), [1.5, -2.5]
    whole = solve_vectors(vectors, target)
    monkeypatch.setattr(vector_methods, "_WORK_A_CALL", 100)
    assert np.array_equal(solve_vectors(vectors, target).mask, whole.mask)


def test_solution_has_an_axis_of_components():
    solution = solve_vectors([[1.0, 2.0], [3.0, 4.0]], [3.0, 5.0])
    assert solution.mask.tolist() == [False, True]
    assert solution.achieved.tolist() == [3.0, 4.0]
    assert solution.error.tolist() == [0.0, -1.0]
    assert solution.lower_bound == 1.0
    assert solution.lower_bound.shape == solution.reachable.shape == ()
    assert isinstance(solution.problem, VectorProblem)
    assert solution.certificate == "every choice was compared"
    with pytest.raises(solvers.InvalidInput, match="one of vectors"):
        verify(solution)
    with pytest.raises(ValueError, match=r"error has shape \(3,\).*give \(2,\)"):
        replace(solution, error=np.zeros(3))


def test_reachable_is_decided_exactly():
    vectors = [[0.1, 1.0], [0.2, 1.0], [0.3, 1.0]]
    end = sum(map(Fraction, (0.1, 0.2, 0.3)))
    below = float(end) if Fraction(float(end)) <= end else math.nextafter(float(end), 0)
    assert solve_vectors(vectors, [below, 1.0]).reachable
    assert not solve_vectors(vectors, [math.nextafter(below, 1), 1.0]).reachable
    assert not solve_vectors(vectors, [0.3, -1e-300]).reachable


@pytest.fixture(scope="module")
def large():
    rng = np.random.default_rng(4)
    return rng.uniform(-1, 1, (60, 3)), rng.uniform(-2, 2, 3)


def run(large, **options):
    return solve_vectors(*large, "random", **{"window": 12, "tries": 8, **options})


def worst(solution):
    return np.abs(solution.error).max()


def test_same_seed_same_bits(large):
    assert np.array_equal(run(large, seed=5).mask, run(large, seed=5).mask)
    assert np.array_equal(run(large).mask, run(large, seed=0).mask)
    assert not np.array_equal(run(large, seed=5).mask, run(large, seed=6).mask)


@pytest.mark.parametrize("seed", range(4))
def test_more_tries_never_worsen(large, seed):
    errors = [worst(run(large, seed=seed, tries=tries)) for tries in (1, 2, 5, 20, 200)]
    assert all(more <= fewer for fewer, more in pairwise(errors))
    assert errors[-1] < errors[0] / 4


def test_the_heuristic_claims_nothing(large):
    solution = run(large)
    assert solution.status == "feasible"
    assert solution.lower_bound == 0
    assert solution.method == solve_vectors(*large, tries=1).method == "random"


def test_zero_error_is_proven():
    rng = np.random.default_rng(5)
    vectors = rng.integers(-3, 4, (50, 2))
    solution = solve_vectors(vectors, vectors[::2].sum(axis=0))
    assert solution.error.tolist() == [0.0, 0.0]
    assert "zero" in solution.certificate


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_large_sets_meet_targets_near_their_ends(share):
    """A start far from the target would leave errors of many vectors."""
    vectors = np.random.default_rng(6).uniform(0.5, 1, (1000, 2))
    solution = solve_vectors(vectors, share * vectors.sum(axis=0), tries=30)
    assert worst(solution) < 0.05


def test_time_limits_stop_the_search(large):
    stopped = run(large, tries=10**9, time_limit=0.05)  # without it: days
    assert worst(stopped) <= worst(run(large, tries=1))
    program = solve_vectors(*large, "milp", time_limit=0.1)
    assert program.status == "feasible"
    assert 0 <= program.lower_bound <= worst(program)


BAD = [
    (([[1.0, NAN]], [0.5, 1]), {}, r"vectors\[0, 1\] = nan: must be finite"),
    (([[1.0, 2.0]], [0.5, INF]), {}, r"target\[1\] = inf: must be finite"),
    (([[1.0], [1.0, 2.0]], [0.5]), {}, r"vectors is ragged"),
    (([1.0, 2.0], [0.5]), {}, r"vectors has shape \(2,\): give \(n, d\)"),
    ((np.empty((0, 2)), [0.5, 1]), {}, r"vectors has shape \(0, 2\): .*at least one of each"),
    ((np.empty((2, 0)), []), {}, r"vectors has shape \(2, 0\)"),
    (([[1.0, 2.0]], [0.5]), {}, r"target has shape \(1,\): .*\(2,\)"),
    (([[1.0, 2.0]], 0.5), {}, r"target has shape \(\)"),
    (([["a"]], [0.5]), {}, r"vectors has type"),
    (([[1e308], [1e308]], [0.5]), {}, r"divide both by a power of two"),
    (([[1.0]], [0.5], "enumerate"), {}, r"method = 'enumerate': .*did you mean 'enumeration'"),
    (([[1.0]], [0.5], "milp"), {"seed": 1}, r"option seed = 1: method 'milp' takes time_limit"),
    (([[1.0]], [0.5], "random"), {"window": 29}, r"window = 29: give an integer, from 1 to 28"),
    (([[1.0]], [0.5]), {"tries": 0}, r"tries = 0: give an integer, at least 1"),
    ((np.ones((29, 1)), [0.5], "enumeration"), {}, r"n = 29: .* at most 28 vectors"),
]


@pytest.mark.parametrize(("arguments", "options", "message"), BAD)
def test_bad_input_is_refused(arguments, options, message):
    with pytest.raises(solvers.InvalidInput, match=message) as caught:
        solve_vectors(*arguments, **options)
    assert "\n" not in str(caught.value)


def test_methods_are_named():
    assert VECTOR_METHODS == ("auto", "enumeration", "milp", "random")


def test_extreme_sums_do_not_overflow():
    vectors = np.tile([[1.0, -1.0], [-1.0, 1.0]], (14, 1))
    assert solve_vectors(vectors, [13.75, -13.75]).error.tolist() == [0.25, -0.25]
    assert solve_vectors(vectors, [-13.75, 13.75]).error.tolist() == [-0.25, 0.25]

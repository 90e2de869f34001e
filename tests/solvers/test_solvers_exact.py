"""Every method against brute force, degenerate input included."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

import solvers

EXACT = (
    "auto",
    "enumeration",
    "meet-in-the-middle",
    "schroeppel-shamir",
    "knapsack",
    "milp",
    "random",  # n within its window
)
_RNG = np.random.default_rng(20)

CASES = {
    "empty set": ([], 0.0),
    "empty set, target": ([], 0.3),
    "one value taken": ([0.7], 0.5),
    "one value left": ([0.7], 0.3),
    "one value, tie": ([0.5], 0.25),
    "one negative value": ([-0.7], -0.5),
    "all zero": ([0.0] * 5, 0.0),
    "all zero, target": ([0.0, -0.0, 0.0], -0.2),
    "zeros among others": ([0.0, 0.5, 0.0, -0.25, 0.0], 0.3),
    "equal values": ([0.3] * 7, 1.0),
    "equal negative values": ([-0.3] * 7, -1.0),
    "duplicates": ([0.1, 0.1, 0.2, 0.2, 0.3, 0.3], 0.55),
    "opposite pairs": ([0.4, -0.4, 0.3, -0.3, 0.9], 0.25),
    "all negative": ([-0.11, -0.37, -0.52, -0.9], -1.0),
    "zero target": ([0.31, -0.29, 0.77, -0.8], 0.0),
    "zero target, positive values": ([0.31, 0.29, 0.77], 0.0),
    "beyond the high end": ([0.31, -0.29, 0.0, 0.77], 5.0),
    "beyond the low end": ([0.31, -0.29, 0.0, 0.77], -5.0),
    "at the high end": ([0.5, 0.25, -0.125], 0.75),
    "at the low end": ([-0.5, 0.25, -0.125], -0.625),
    "rounded high end": ([0.1, 0.2, 0.3], 0.1 + 0.2 + 0.3),
    "powers of two": ([2.0**-k for k in range(10)], 1.2345),
    "huge": ([1e300, 3e300, -2e300, 7.7e299], 2.9e300),
    "tiny": ([1e-300, 3e-300, -2e-300, 7.7e-301], 2.9e-300),
    "subnormal": ([5e-324, 1e-323, 4e-323], 3.1e-323),
    "huge beside tiny": ([1e300, 1e-300, -3e-300], 9e299),
    "beyond by far": ([1e-300, 2e-300], 1e300),
    "needs more than 53 bits": ([1.0, 2.0**-40 + 2.0**-80, 2.0**-60, -(2.0**-70)], 0.4),
    "below half a grid step": ([1.0, 0.4 * 2.0**-58, 0.4 * 2.0**-58], 0.8 * 2.0**-58),
    "siemens": ((_RNG.uniform(1e-6, 1e-4, 10) * np.tile([1, -1], 5)).tolist(), 5e-5),
    "microsiemens, all on one line": (_RNG.uniform(1e-6, 2e-6, 10).tolist(), 7.3e-6),
    "integers": ([3, 34, 4, 12, 5, 2], 9),
}


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("case", CASES)
def test_matches_brute_force(method, case, brute_force):
    values, target = CASES[case]
    check(solvers.solve(values, target, method), values, target, brute_force(values, target))


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("unit", [1.0, 1e-4, 1e-12, 1e6])
def test_random_cells_match_brute_force_in_every_unit(method, unit, brute_force):
    rng = np.random.default_rng(3)
    values = rng.uniform(-unit, unit, (12, 9))
    targets = rng.uniform(-unit, unit, 12)
    solution = solvers.solve_batch(values, targets, method)
    for k, (row, target) in enumerate(zip(values, targets, strict=True)):
        check(solution.cell(k), row, target, brute_force(row, target))


@pytest.mark.parametrize("n", range(1, 13))
def test_ties_follow_the_rule(n, brute_force):
    rng = np.random.default_rng(n)
    values = rng.integers(-3, 4, (40, n))
    targets = rng.integers(-8, 9, 40) / 2
    masks = solvers.solve_batch(values, targets, "meet-in-the-middle").mask
    for row, target, mask in zip(values, targets, masks, strict=True):
        assert mask.tolist() == brute_force(row, target).mask


def test_equal_values_at_the_largest_size_take_the_smallest_mask():
    solution = solvers.solve(np.full(44, 1e-5), 10.2e-5, "meet-in-the-middle")
    assert np.flatnonzero(solution.mask).tolist() == list(range(10))


def test_methods_agree_beyond_brute_force():
    rng = np.random.default_rng(5)
    values = rng.uniform(-1e-4, 1e-4, (4, 18))
    targets = rng.uniform(-1e-4, 1e-4, 4)
    exact = solvers.solve_batch(values, targets, "meet-in-the-middle")
    program = solvers.solve_batch(values, targets, "milp")
    difference = np.abs(np.abs(exact.error) - np.abs(program.error))
    assert (difference <= 19 * (exact.quantum + program.quantum)).all()
    assert program.status == exact.status == "optimal"


def test_binary_expansion_is_found_exactly():
    target = 0b1011_0011_1000_1111_0000_1010
    solution = solvers.solve(2.0 ** np.arange(24), float(target))
    assert solution.error == 0
    assert sum(1 << k for k in np.flatnonzero(solution.mask)) == target


def test_milp_stopped_early_tells_what_is_proven():
    rng = np.random.default_rng(8)
    values = rng.uniform(-1, 1, 36)
    stopped = solvers.solve(values, 0.3, "milp", time_limit=0.2)
    best = solvers.solve(values, 0.3, "meet-in-the-middle")
    assert stopped.lower_bound <= abs(best.error) <= abs(stopped.error) + 37 * best.quantum
    assert stopped.status == ("optimal" if stopped.optimal else "feasible")
    assert ("OR-Tools" in stopped.certificate) == bool(stopped.optimal)


def test_quantum_tells_of_every_rounding():
    """Three numbers below 1 lie on a grid of 2**-59, one at 1 on a grid of 2**-58."""
    for values, target, quantum in [
        ([0.75, -0.5, 0.25], 0.3, 0.0),
        ([0.75, -0.5, 0.25], 1e-20, 2.0**-59),
        ([0.75, -0.5, 1e-20], 0.3, 2.0**-59),
        ([1.0, -0.5, 1e-20], 0.3, 2.0**-58),
    ]:
        assert solvers.solve(values, target).quantum == quantum


def test_ends_are_decided_exactly():
    values = [0.1, 0.2, 0.3]
    end = sum(map(Fraction, values))
    below = float(end) if Fraction(float(end)) <= end else math.nextafter(float(end), 0)
    above = math.nextafter(below, 1)
    assert solvers.solve(values, below).reachable
    solution = solvers.solve(values, above)
    assert not solution.reachable
    assert solution.mask.all()
    assert "beyond an end" in solution.certificate


def check(solution, values, target, best):
    """All that a Solution promises of a proven best subset."""
    n = len(values)
    chosen = [float(value) for value, on in zip(values, solution.mask, strict=True) if on]
    exact_error = sum(map(Fraction, chosen), Fraction(0)) - Fraction(float(target))
    assert solution.mask.shape == (n,)
    assert solution.achieved == math.fsum(chosen)
    assert solution.error == float(exact_error)
    assert solution.reachable == best.reachable
    quantum = Fraction(float(solution.quantum))
    assert best.error <= abs(exact_error) <= best.error + (n + 1) * quantum
    assert Fraction(float(solution.lower_bound)) <= Fraction(float(best.error))
    assert solution.optimal
    assert solution.status == "optimal"
    if solution.quantum == 0:
        assert solution.lower_bound == abs(solution.error)
        if solution.method not in ("milp", "knapsack"):
            assert solution.mask.tolist() == best.mask

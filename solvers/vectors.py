"""Subset sums of vectors: one subset whose sum comes close to a target in every component.

The error is the largest component, as in L. Becchetti et al., "On the multidimensional
random subset sum problem" (2022), arXiv 2207.13944.
"""

from __future__ import annotations

import math
import time
from fractions import Fraction
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.errors import InvalidInput
from solvers.grid import grid_bits
from solvers.method import Options, checked_integer, checked_options
from solvers.problem import Problem, check_magnitudes, checked_numbers
from solvers.solution import Solution
from solvers.vector_methods import LARGEST, METHODS, VectorGrid

VECTOR_METHODS = ("auto", *METHODS)
"""The names that ``method`` takes."""


class VectorProblem(Problem):
    """As `Problem`, with one more axis: values (cells, n, d) and targets (cells, d)."""


def solve_vectors(
    vectors: ArrayLike, target: ArrayLike, method: str = "auto", **options: Unpack[Options]
) -> Solution:
    """Choose the vectors whose sum comes closest to a target, by the largest component.

    Parameters
    ----------
    vectors : array_like, (n, d)
        Real vectors in one unit, n and d at least 1.
    target : array_like, (d,)
        The sum asked for.
    method : str
        ``enumeration``, exact, of at most 28 vectors; ``milp``, OR-Tools CP-SAT, exact
        when it ends; ``random``, a large neighbourhood search. ``auto`` is the first while
        it fits, then the last.
    seed, tries, window, time_limit : optional
        Of ``random``: windows of so many vectors (default 20, at most 28) are searched
        exactly one after another, so many (128), given the rest of the best choice so far;
        more tries never worsen it. A time limit [s] may stop it, and ``milp``, earlier.

    Returns
    -------
    Solution
        Its ``mask`` is (n,), ``achieved`` and ``error`` are (d,), all else (). The error
        that is bounded, compared and proven is the largest component's magnitude.
        ``reachable`` says that each component of the target lies between its smallest
        and largest sum. Enumeration breaks ties as `solvers.solve` does.

    Raises
    ------
    InvalidInput
        For a wrong type or shape, NaN or infinity, an unknown method, an option that it
        does not take, or more vectors than it takes.
    """
    start = time.perf_counter()
    problem = _checked_problem(vectors, target)
    given = checked_options(method, options, METHODS)
    checked_integer("window", given.get("window") or 1, 1, LARGEST)
    name = method
    if method == "auto":
        name = "enumeration" if problem.n <= LARGEST else "random"
    chosen = METHODS[name]
    if chosen.most is not None and problem.n > chosen.most:
        raise InvalidInput(
            f"n = {problem.n}: method {name!r} takes at most {chosen.most} vectors; use "
            "method='random' or 'milp'"
        )
    grid, exponent, exact, excess = _to_grid(problem, chosen.bits)
    answer = chosen.run(grid, given)
    picked = problem.values[0][answer.mask]
    goal = problem.targets[0]
    error = np.array([math.fsum(column) for column in np.vstack([picked, -goal]).T.tolist()])
    steps = Fraction(answer.bound) - (0 if exact else Fraction(problem.n + 1, 2))
    bound = float(excess + max(steps, Fraction(0)) * Fraction(2) ** exponent)
    return Solution(
        mask=answer.mask[None],
        achieved=np.array([[math.fsum(column) for column in picked.T.tolist()]]),
        error=error[None],
        reachable=np.array([excess == 0]),
        lower_bound=np.minimum([bound], np.abs(error).max()),
        quantum=np.array([0.0 if exact else math.ldexp(1.0, exponent)]),
        certificates=np.array([answer.certificate], np.uint8),
        method=name,
        seconds=time.perf_counter() - start,
        problem=problem,
    ).cell(0)


def _checked_problem(vectors: ArrayLike, target: ArrayLike) -> VectorProblem:
    values = checked_numbers("vectors", vectors)
    goal = checked_numbers("target", target)
    if values.ndim != 2 or 0 in values.shape:
        raise InvalidInput(
            f"vectors has shape {values.shape}: give (n, d), n vectors of d components, at least "
            "one of each"
        )
    if goal.shape != values.shape[1:]:
        raise InvalidInput(
            f"target has shape {goal.shape}: give one number for each component, "
            f"({values.shape[1]},)"
        )
    problem = VectorProblem(values[None], goal[None])
    check_magnitudes(problem)
    return problem


def _to_grid(problem: Problem, most_bits: int) -> tuple[VectorGrid, int, bool, Fraction]:
    """The grid, its power of two, whether nothing was rounded, and what no choice avoids.

    Where a component of the target is out of reach by e, the largest error is at least e,
    the largest of these: what counts is what a sum misses beyond that.
    """
    values, goal = problem.values[0], problem.targets[0]
    bits = grid_bits(2 * problem.n, most_bits)
    exponent = math.frexp(float(np.abs(values).max()))[1] - bits
    rounded = np.rint(np.ldexp(values, -exponent))
    target = [Fraction(one) for one in goal.tolist()]
    lower, upper, excess = target, target, Fraction(0)
    if not _reachable(values, goal):
        low = [sum(map(Fraction, column), Fraction(0)) for column in np.minimum(values, 0).T]
        high = [sum(map(Fraction, column), Fraction(0)) for column in np.maximum(values, 0).T]
        excess = max(max(t - h, b - t) for t, b, h in zip(target, low, high, strict=True))
        lower = [max(t - excess, b) for t, b in zip(target, low, strict=True)]
        upper = [min(t + excess, h) for t, h in zip(target, high, strict=True)]
    step = Fraction(2) ** exponent
    limits = np.array([[round(one / step) for one in limit] for limit in (lower, upper)], np.int64)
    exact = bool((np.ldexp(rounded, exponent) == values).all()) and all(
        (one / step).denominator == 1 for one in (*lower, *upper)
    )
    grid = VectorGrid(np.ascontiguousarray(rounded.astype(np.int64)), limits[0], limits[1])
    return grid, exponent, exact, excess


def _reachable(values: NDArray[np.float64], goal: NDArray[np.float64]) -> bool:
    """Whether each component lies between its ends; the sign of a `math.fsum` is exact."""
    columns = zip(values.T.tolist(), goal.tolist(), strict=True)
    return all(
        math.fsum([*(x for x in column if x < 0), -t]) <= 0
        and math.fsum([*(x for x in column if x > 0), -t]) >= 0
        for column, t in columns
    )

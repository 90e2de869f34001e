"""Two knapsacks: the largest sum up to the target, and the smallest from it on.

OR-Tools' knapsack solvers take positive weights only. So a negative number changes its sign
and "taken" means "left out"; a signed number is two equal items, c = items taken - 1. What
the smallest sum from the target on leaves out is the largest sum up to the rest. Ties are
left to OR-Tools. Reference: https://developers.google.com/optimization/pack/knapsack
"""

from __future__ import annotations

import math
import time

import numpy as np
from numpy.typing import NDArray

from solvers.grid import Grid
from solvers.method import Answer, Method, Options
from solvers.solution import Certificate

Integers = NDArray[np.int64]

_MOST_ITEMS = 64


def run(grid: Grid, options: Options) -> Answer:
    """Solve cell by cell; with a ``time_limit`` [s] a cell may stay unproven.

    Without one the faster solver serves, which cannot be stopped, not even by Ctrl-C.
    """
    time_limit = options.get("time_limit")
    mask = np.zeros(grid.values.shape, dtype=np.int8)
    bound = np.zeros(len(mask))
    certificate = np.full(len(mask), Certificate.NONE, np.uint8)
    for cell, values in enumerate(grid.values):
        used = np.flatnonzero(values)
        mask[cell, used], bound[cell], proven = _solve_cell(
            values[used], int(grid.targets[cell]), grid.signed, time_limit
        )
        if proven:
            certificate[cell] = Certificate.PROGRAM
    return Answer(mask, bound, certificate)


def _solve_cell(
    values: Integers, target: int, signed: bool, time_limit: float | None
) -> tuple[NDArray[np.int8], float, bool]:
    """Coefficients, proven bound in grid steps, and whether they are proven best."""
    end = math.inf if time_limit is None else time.monotonic() + time_limit
    items = np.abs(np.tile(values, 2) if signed else values)
    lowest = -np.abs(values).sum() if signed else values[values < 0].sum()
    room = target - int(lowest)
    below, first = _largest_sum(items, room, end if time_limit is None else end - time_limit / 2)
    left, second = _largest_sum(items, int(items.sum()) - room, end)
    choices = [_coefficients(taken, values, signed) for taken in (below, ~left)]
    errors = [abs(int(values @ choice) - target) for choice in choices]
    best = min((0, 1), key=lambda one: (errors[one], np.count_nonzero(choices[one])))
    proven = (first and second) or errors[best] == 0
    return choices[best], float(errors[best]) if proven else 0.0, proven


def _coefficients(taken: NDArray[np.bool_], values: Integers, signed: bool) -> NDArray[np.int8]:
    """From the items taken to coefficients of the numbers."""
    if not signed:
        return (taken ^ (values < 0)).astype(np.int8)
    first, second = taken.reshape(2, -1).astype(np.int8)
    return np.where(values < 0, 1 - first - second, first + second - 1)


def _largest_sum(items: Integers, room: int, end: float) -> tuple[NDArray[np.bool_], bool]:
    """Positive items whose sum is the largest up to ``room``, and whether that is proven.

    The solver for up to 64 items pays no heed to a time limit; the general one does.
    """
    if room <= 0 or room >= items.sum():
        return np.full(items.shape, room > 0), True
    from ortools.algorithms.python import knapsack_solver

    kinds = knapsack_solver.SolverType
    kind = (
        kinds.KNAPSACK_64ITEMS_SOLVER
        if end == math.inf
        else kinds.KNAPSACK_MULTIDIMENSION_BRANCH_AND_BOUND_SOLVER
    )
    solver = knapsack_solver.KnapsackSolver(kind, "subset sum")
    weights = items.tolist()
    solver.init(weights, [weights], [room])
    if end < math.inf:
        solver.set_time_limit(max(end - time.monotonic(), 1e-3))
    solver.solve()
    taken = [solver.best_solution_contains(k) for k in range(len(weights))]
    return np.array(taken, np.bool_), bool(solver.is_solution_optimal())


# 50 bits: the solvers bound sums in floats, exact to a whole number only that far.
METHOD = Method(
    "knapsack",
    run,
    options=("time_limit",),
    bits=50,
    most=_MOST_ITEMS,
    most_signed=_MOST_ITEMS // 2,
    limits=False,
    cells_a_call=lambda n, signed: 64 if n <= 12 else 1,
)

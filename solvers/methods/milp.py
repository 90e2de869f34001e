"""Integer program: OR-Tools CP-SAT on normalised integers.

Floating-point MILP solvers call wrong answers optimal when values are small (1e-4);
on integers CP-SAT's proof is a proof. Ties are left to CP-SAT. Reference:
https://developers.google.com/optimization/cp/cp_solver
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from solvers.grid import Grid
from solvers.method import Answer, Interrupted, Method, Options
from solvers.solution import Certificate


class Search(NamedTuple):
    """How CP-SAT ended: its status, and whether Ctrl-C stopped it."""

    status: Any
    stopped: bool


def run(grid: Grid, options: Options) -> Answer:
    """Solve cell by cell; with a ``time_limit`` [s] a cell may stay unproven.

    Raises
    ------
    Interrupted
        On Ctrl-C, with the best answers so far.
    """
    time_limit = options.get("time_limit")
    cells, n = grid.values.shape
    limits = [n] * cells if grid.at_most is None else grid.at_most.tolist()
    mask = np.zeros((cells, n), dtype=np.int8)
    bound = np.zeros(cells)
    certificate = np.full(cells, Certificate.NONE, np.uint8)
    for cell, (row, target) in enumerate(
        zip(grid.values.tolist(), grid.targets.tolist(), strict=True)
    ):
        # A number that is 0 may stand for a fixed one: it takes no part.
        used = [k for k in range(n) if row[k]]
        values = [row[k] for k in used]
        mask[cell, used], bound[cell], proven, stopped = _solve_cell(
            values, target, grid.signed, limits[cell], time_limit
        )
        if proven:
            certificate[cell] = Certificate.PROGRAM
        if stopped:
            begun = np.arange(cells) <= cell
            raise Interrupted(Answer(mask, bound, certificate), begun, np.arange(cells) < cell)
    return Answer(mask, bound, certificate)


def _solve_cell(
    values: list[int], target: int, signed: bool, most: int, time_limit: float | None
) -> tuple[list[int], float, bool, bool]:
    """Coefficients, bound in grid steps, whether proven best, and whether Ctrl-C came."""
    from ortools.sat.python import cp_model

    start = greedy(values, target, signed, most)
    model, variables = _model(values, target, signed, most, start)
    solver = cp_model.CpSolver()
    configure(solver, time_limit)
    status, stopped = search(solver, model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return start, 0.0, False, stopped
    found = [solver.value(variable) for variable in variables]
    best = min(found, start, key=lambda one: _error(values, target, one))
    error = _error(values, target, best)
    if status == cp_model.OPTIMAL:
        return best, float(error), True, stopped
    bound = max(0.0, math.nextafter(solver.best_objective_bound, 0.0))
    return best, min(bound, float(error)), error == 0, stopped


def search(solver: Any, model: Any) -> Search:
    """Search in a thread, so that Ctrl-C is heeded and Python keeps its own handler of it."""
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(solver.solve, model)
        try:
            return Search(task.result(), stopped=False)
        except KeyboardInterrupt:
            solver.stop_search()
            return Search(task.result(), stopped=True)


def _model(
    values: list[int], target: int, signed: bool, most: int, hint: list[int]
) -> tuple[Any, list[Any]]:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    variables = [model.new_int_var(-1 if signed else 0, 1, f"c{k}") for k in range(len(values))]
    error = model.new_int_var(0, _error(values, target, hint), "error")
    total = sum(value * variable for value, variable in zip(values, variables, strict=True))
    model.add(total - target <= error)
    model.add(target - total <= error)
    model.minimize(error)
    for variable, coefficient in zip(variables, hint, strict=True):
        model.add_hint(variable, coefficient)
    if most < len(values):
        _limit(model, variables, signed, most)
    largest_first = sorted(range(len(values)), key=lambda k: -abs(values[k]))
    model.add_decision_strategy(
        [variables[k] for k in largest_first], cp_model.CHOOSE_FIRST, cp_model.SELECT_MAX_VALUE
    )
    return model, variables


def _limit(model: Any, variables: list[Any], signed: bool, most: int) -> None:
    """At most so many variables differ from 0."""
    enabled = [model.new_bool_var(f"on{k}") if signed else x for k, x in enumerate(variables)]
    if signed:
        for variable, on in zip(variables, enabled, strict=True):
            model.add(variable <= on)
            model.add(-variable <= on)
    model.add(sum(enabled) <= most)


def configure(solver: Any, time_limit: float | None) -> None:
    """One worker and the given order, which is fastest for one dense sum."""
    from ortools.sat.python import cp_model

    parameters = solver.parameters
    parameters.num_workers = 1
    parameters.catch_sigint_signal = False
    parameters.random_seed = 0
    parameters.linearization_level = 0
    parameters.cp_model_presolve = False
    parameters.search_branching = cp_model.FIXED_SEARCH
    if time_limit is not None:
        parameters.max_time_in_seconds = time_limit


def greedy(values: list[int], target: int, signed: bool, most: int) -> list[int]:
    """Take numbers, the largest first, as long as each brings the sum closer."""
    chosen = [0] * len(values)
    left = target
    for k in sorted(range(len(values)), key=lambda k: -abs(values[k])):
        sign = -1 if signed and left * values[k] < 0 else 1
        if most > 0 and abs(left - sign * values[k]) < abs(left):
            chosen[k] = sign
            left -= sign * values[k]
            most -= 1
    return chosen


def _error(values: list[int], target: int, chosen: list[int]) -> int:
    return abs(sum(value * one for value, one in zip(values, chosen, strict=True)) - target)


METHOD = Method("milp", run, options=("time_limit",), bits=50)

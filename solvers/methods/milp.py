"""Integer program: OR-Tools CP-SAT on normalised integers.

Floating-point MILP solvers call wrong answers optimal when values are small (siemens);
on integers CP-SAT's proof is a proof. Ties are left to CP-SAT. Reference:
https://developers.google.com/optimization/cp/cp_solver
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from solvers.grid import Grid
from solvers.method import Answer, Method, Options
from solvers.solution import Certificate


def run(grid: Grid, options: Options) -> Answer:
    """Solve cell by cell; with a ``time_limit`` [s] a cell may stay unproven."""
    time_limit = options.get("time_limit")
    mask = np.zeros(grid.values.shape, dtype=np.int8)
    bound = np.zeros(len(mask))
    certificate = np.full(len(mask), Certificate.NONE, np.uint8)
    for cell, (values, target) in enumerate(
        zip(grid.values.tolist(), grid.targets.tolist(), strict=True)
    ):
        mask[cell], bound[cell], proven = _solve_cell(values, target, time_limit)
        if proven:
            certificate[cell] = Certificate.PROGRAM
    return Answer(mask, bound, certificate)


def _solve_cell(
    values: list[int], target: int, time_limit: float | None
) -> tuple[list[bool], float, bool]:
    """Mask, proven bound in grid steps, and whether the mask is proven best."""
    from ortools.sat.python import cp_model

    start = greedy(values, target)
    model, switches = _model(values, target, start)
    solver = cp_model.CpSolver()
    _configure(solver, time_limit)
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return start, 0.0, False
    found = [bool(solver.value(switch)) for switch in switches]
    mask = min(found, start, key=lambda one: _error(values, target, one))
    error = _error(values, target, mask)
    if status == cp_model.OPTIMAL:
        return mask, float(error), True
    bound = max(0.0, math.nextafter(solver.best_objective_bound, 0.0))
    return mask, min(bound, float(error)), error == 0


def _model(values: list[int], target: int, hint: list[bool]) -> tuple[Any, list[Any]]:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    switches = [model.new_bool_var(f"x{k}") for k in range(len(values))]
    error = model.new_int_var(0, _error(values, target, hint), "error")
    total = sum(value * switch for value, switch in zip(values, switches, strict=True))
    model.add(total - target <= error)
    model.add(target - total <= error)
    model.minimize(error)
    for switch, on in zip(switches, hint, strict=True):
        model.add_hint(switch, on)
    largest_first = sorted(range(len(values)), key=lambda k: -abs(values[k]))
    model.add_decision_strategy(
        [switches[k] for k in largest_first], cp_model.CHOOSE_FIRST, cp_model.SELECT_MAX_VALUE
    )
    return model, switches


def _configure(solver: Any, time_limit: float | None) -> None:
    from ortools.sat.python import cp_model

    parameters = solver.parameters
    parameters.num_workers = 1
    parameters.random_seed = 0
    parameters.linearization_level = 0
    parameters.cp_model_presolve = False
    parameters.search_branching = cp_model.FIXED_SEARCH
    if time_limit is not None:
        parameters.max_time_in_seconds = time_limit


def greedy(values: list[int], target: int) -> list[bool]:
    """Enable numbers, the largest first, as long as each brings the sum closer."""
    mask = [False] * len(values)
    left = target
    for k in sorted(range(len(values)), key=lambda k: -abs(values[k])):
        if abs(left - values[k]) < abs(left):
            mask[k] = True
            left -= values[k]
    return mask


def _error(values: list[int], target: int, mask: list[bool]) -> int:
    return abs(sum(value for value, on in zip(values, mask, strict=True) if on) - target)


METHOD = Method("milp", run, options=("time_limit",), bits=50)

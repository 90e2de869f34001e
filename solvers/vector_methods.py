"""The ways to choose vectors: enumeration, integer program, and random neighbourhoods.

The largest component of an error is to be small. Each method answers in integers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.method import Options
from solvers.methods.milp import configure, search
from solvers.solution import Certificate

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

DEFAULT_SEED = 0
DEFAULT_TRIES = 128
DEFAULT_WINDOW = 20
LARGEST = 28
"""Vectors that are enumerated at a time: milliseconds for few components, a second for many."""

_WORK_A_CALL = 1 << 26
_ENABLED = 1 << LARGEST


@dataclass(frozen=True, eq=False)
class VectorGrid:
    """Vectors in integers; each sum s has the error max(s - upper, lower - s), largest component.

    Parameters
    ----------
    values : ndarray of int64, (n, d)
        Rounded vectors; n times the largest component is at most 2**60.
    lower, upper : ndarray of int64, (d,)
        The rounded target; where it is out of reach, the sums that add nothing to what
        the farthest component misses anyway.
    """

    values: Integers
    lower: Integers
    upper: Integers

    def error(self, chosen: Mask) -> int:
        """Error of a choice."""
        total = self.values[chosen].sum(axis=0)
        return int(np.maximum(total - self.upper, self.lower - total).max())


@dataclass(frozen=True, eq=False)
class VectorAnswer:
    """What a method found: a mask (n,), a proven bound in grid steps, and what proves it."""

    mask: Mask
    bound: float
    certificate: Certificate


@dataclass(frozen=True)
class VectorMethod:
    """A way to choose vectors: its name, function, options, largest n and finest grid."""

    name: str
    run: Callable[[VectorGrid, Options], VectorAnswer]
    options: tuple[str, ...] = ()
    most: int | None = None
    bits: int = 60


def enumerate_all(grid: VectorGrid, options: Options) -> VectorAnswer:
    """Every choice is considered, half by half; the fewest enabled, then the smallest mask."""
    start = np.zeros(len(grid.values), np.bool_)
    mask = _best_of_window(grid, start)
    return VectorAnswer(mask, grid.error(mask), Certificate.EXHAUSTIVE)


def _best_of_window(grid: VectorGrid, start: Mask) -> Mask:
    """The best choice of all vectors of the grid, not worse than ``start``."""
    from solvers.kernels import vectors

    n = len(grid.values)
    half = n // 2
    # The widest component first: it excludes most.
    order = np.argsort(-np.abs(grid.values).astype(float).sum(axis=0), kind="stable")
    values = grid.values[:, order]
    digits = 1 << np.arange(n, dtype=np.int64)
    low, low_keys = _sums(values[:half], digits[:half])
    high, high_keys = _sums(values[half:], digits[half:])
    rising = np.argsort(low[:, 0], kind="stable")
    low, low_keys = low[rising], low_keys[rising]
    best, key = grid.error(start), int((_ENABLED + digits[start]).sum())
    # Compiled code cannot be interrupted: short calls keep Ctrl-C working.
    step = max(1, _WORK_A_CALL // low.size)
    for first in range(0, len(high), step):
        best, key = vectors.closest_vectors(
            low,
            low_keys,
            high[first : first + step],
            high_keys[first : first + step],
            grid.lower[order],
            grid.upper[order],
            best,
            key,
        )
    return (digits & key).astype(np.bool_)


def _sums(values: Integers, digits: Integers) -> tuple[Integers, Integers]:
    """All sums (2**n, d) and their keys: comparing these compares counts, then masks."""
    sums = np.zeros((1, values.shape[1]), np.int64)
    keys = np.zeros(1, np.int64)
    for value, digit in zip(values, digits, strict=True):
        sums = np.concatenate([sums, sums + value])
        keys = np.concatenate([keys, keys + _ENABLED + digit])
    return sums, keys


def integer_program(grid: VectorGrid, options: Options) -> VectorAnswer:
    """OR-Tools CP-SAT; with a ``time_limit`` [s] the answer may stay unproven."""
    from ortools.sat.python import cp_model

    n, d = grid.values.shape
    start = _walk(grid, np.random.default_rng(DEFAULT_SEED))
    model = cp_model.CpModel()
    switches = [model.new_bool_var(f"x{k}") for k in range(n)]
    most = max(grid.error(start), 0)
    error = model.new_int_var(0, most, "error")
    for k in range(d):
        column = grid.values[:, k].tolist()
        total = sum(value * switch for value, switch in zip(column, switches, strict=True))
        model.add(total - int(grid.upper[k]) <= error)
        model.add(int(grid.lower[k]) - total <= error)
    model.minimize(error)
    for switch, on in zip(switches, start.tolist(), strict=True):
        model.add_hint(switch, on)
    largest_first = np.argsort(-np.abs(grid.values).max(axis=1), kind="stable").tolist()
    model.add_decision_strategy(
        [switches[k] for k in largest_first], cp_model.CHOOSE_FIRST, cp_model.SELECT_MAX_VALUE
    )
    solver = cp_model.CpSolver()
    configure(solver, options.get("time_limit"))
    status, stopped = search(solver, model)
    if stopped:
        raise KeyboardInterrupt
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return VectorAnswer(start, 0.0, Certificate.NONE)
    found = np.array([solver.value(switch) for switch in switches], np.bool_)
    mask = min(found, start, key=grid.error)
    if status == cp_model.OPTIMAL:
        return VectorAnswer(mask, grid.error(mask), Certificate.PROGRAM)
    bound = max(0.0, math.nextafter(solver.best_objective_bound, 0.0))
    return VectorAnswer(mask, min(bound, float(grid.error(mask))), Certificate.NONE)


def random_neighbourhoods(grid: VectorGrid, options: Options) -> VectorAnswer:
    """Search random windows of vectors exactly, each time given the rest of the best choice.

    P. Shaw, "Using constraint programming and local search methods to solve vehicle
    routing problems", CP 1998, doi:10.1007/3-540-49481-2_30 (large neighbourhood search).
    """
    n = len(grid.values)
    window = options.get("window") or DEFAULT_WINDOW
    if n <= window:
        return enumerate_all(grid, {})
    rng = np.random.default_rng(options.get("seed") or DEFAULT_SEED)
    deadline = time.monotonic() + (options.get("time_limit") or math.inf)
    mask = _walk(grid, rng)
    for _ in range(options.get("tries") or DEFAULT_TRIES):
        if grid.error(mask) <= 0 or time.monotonic() > deadline:
            break
        inside = np.sort(rng.permutation(n)[:window])
        rest = mask.copy()
        rest[inside] = False
        kept = grid.values[rest].sum(axis=0)
        part = VectorGrid(grid.values[inside], grid.lower - kept, grid.upper - kept)
        mask[inside] = _best_of_window(part, mask[inside])
    zero = grid.error(mask) <= 0
    return VectorAnswer(mask, 0.0, Certificate.ZERO if zero else Certificate.NONE)


def _walk(grid: VectorGrid, rng: np.random.Generator) -> Mask:
    """Pass the vectors in random order, enabling those that keep to the straight way."""
    n = len(grid.values)
    mask = np.zeros(n, np.bool_)
    middle = (grid.lower / 2 + grid.upper / 2) / n
    drift = np.zeros_like(middle)
    for k in rng.permutation(n):
        drift -= middle
        ahead = drift + grid.values[k]
        if (ahead * ahead).sum() < (drift * drift).sum():
            mask[k] = True
            drift = ahead
    return mask


METHODS = {
    method.name: method
    for method in (
        VectorMethod("enumeration", enumerate_all, most=LARGEST),
        VectorMethod("milp", integer_program, ("time_limit",), bits=50),
        VectorMethod("random", random_neighbourhoods, ("seed", "tries", "window", "time_limit")),
    )
}

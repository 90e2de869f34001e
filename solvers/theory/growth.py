"""How the reached targets grow, value by value: the process f_t, v_t and its recursion.

f_t tells which targets z in (-1/2, 1/2) lie within eps of a subset sum of the first t values:
f_0(z) = 1 where |z| <= eps, and f_{t+1}(z) = max(f_t(z), f_t(z - X_{t+1})). The process is
truncated: outside (-1/2, 1/2) f_t is 0, so a sum that leaves the range is dropped, though
later values might bring it back. v_t is the fraction of (-1/2, 1/2) where f_t is 1.

A. da Cunha, F. d'Amore, F. Giroire, H. Lesfari, E. Natale and L. Viennot, "Revisiting the
Random Subset Sum Problem", ESA 2023, doi:10.4230/LIPIcs.ESA.2023.37, arXiv:2204.13929.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.errors import InvalidInput
from solvers.method import checked_integer
from solvers.problem import checked_problem
from solvers.theory.sampling import Draw, Floats, blocks, checked_real, drawing, drawn
from solvers.threads import in_threads

SMALLEST_EPS = 1e-7
"""So many intervals as 1 / eps may have to be kept."""

_INTERVALS_A_CALL = 1e7


@dataclass(frozen=True, eq=False)
class Reached:
    """The targets in (-1/2, 1/2) within eps of a kept subset sum: f_t.

    Parameters
    ----------
    starts, ends : ndarray, (intervals,)
        The ends of disjoint intervals in ascending order, right to rounding (some 1e-16
        for each value).
    """

    starts: Floats
    ends: Floats

    @property
    def fraction(self) -> float:
        """v_t, the fraction of (-1/2, 1/2) that is reached."""
        return min(math.fsum((self.ends - self.starts).tolist()), 1.0)

    def __call__(self, target: ArrayLike) -> NDArray[np.bool_]:
        """f_t at targets of any shape."""
        points = np.asarray(target, dtype=np.float64)
        index = np.searchsorted(self.starts, points, side="right") - 1
        return (index >= 0) & (points <= self.ends[np.maximum(index, 0)])


def reached(values: ArrayLike, eps: float) -> Reached:
    """Compute f_t after the given values, as a union of intervals, with no grid.

    Parameters
    ----------
    values : array_like, (t,)
        The values in the order in which they come: the order matters, as sums that leave
        the range are dropped.
    eps : float
        Half the width of the first interval, from `SMALLEST_EPS` to 1/2.

    Raises
    ------
    InvalidInput
        For a wrong type or shape, NaN or infinity, or eps out of range.
    """
    row = checked_problem(values, 0.0, batch=False).values[0]
    return _grown(row, checked_eps(eps), np.empty(row.size))


def sample_growth(
    steps: int,
    eps: float,
    runs: int,
    *,
    seed: int = 0,
    distribution: str | Draw = "uniform",
    workers: int = 1,
) -> Floats:
    """Sample v_0 to v_steps.

    Parameters
    ----------
    steps : int
        Values that each run adds.
    eps : float
        Half the width of the first interval, from `SMALLEST_EPS` to 1/2.
    runs : int
        Independent runs.
    seed : int
        The same seed gives the same bits, on any number of workers.
    distribution : str or callable
        A name in `DISTRIBUTIONS`, or a function (rng, (runs, steps)) -> values.
    workers : int
        Threads that share the runs.

    Returns
    -------
    ndarray, (runs, steps + 1)

    Raises
    ------
    InvalidInput
        For an argument out of range or an unknown distribution.

    Notes
    -----
    For uniform values the recursion E[v_{t+1} | f_t] = v + v(1 - v)/2 holds exactly, ends
    of the range included: z - X is uniform over (z - 1, z + 1), which holds all of
    (-1/2, 1/2) for every z there, so it hits f_t with probability v/2. What differs is
    the mean over runs: v(1 - v) is concave, so a spread of v makes the mean grow slower
    than `recursion` from v_0, by Var(v_t)/2 in each step.
    """
    steps, runs = checked_integer("steps", steps, 0), checked_integer("runs", runs, 1)
    threads, draw = checked_integer("workers", workers, 1), drawing(distribution)
    width = checked_eps(eps)
    seed = checked_integer("seed", seed, 0)
    fractions = np.empty((runs, steps + 1))
    fractions[:, 0] = min(2 * width, 1.0)

    for block, rng in blocks(runs, steps, seed):
        values, rows = drawn(draw, rng, (block.stop - block.start, steps)), fractions[block]

        def task(part: slice, values: Floats = values, rows: Floats = rows) -> None:
            for run in range(part.start, part.stop):
                _grown(values[run], width, rows[run, 1:])

        step = max(1, -(-len(values) // (4 * threads)))
        parts = [slice(k, min(k + step, len(values))) for k in range(0, len(values), step)]
        in_threads(task, parts, threads)
    return fractions


def _grown(values: Floats, eps: float, fractions: Floats) -> Reached:
    from solvers.kernels import intervals

    starts, ends = np.array([-min(eps, 0.5)]), np.array([min(eps, 0.5)])
    # Compiled code cannot be interrupted: short calls keep Ctrl-C working.
    step = max(1, int(_INTERVALS_A_CALL * eps))
    for start in range(0, values.size, step):
        part = slice(start, start + step)
        starts, ends = intervals.grow(starts, ends, values[part], fractions[part])
    return Reached(starts, ends)


def recursion(start: float, steps: int) -> Floats:
    """Iterate v + v(1 - v)/2, the expected growth for values uniform in (-1, 1).

    Parameters
    ----------
    start : float
        v_0, from 0 to 1; 2 eps for the process of `sample_growth`.
    steps : int

    Returns
    -------
    ndarray, (steps + 1,)

    Raises
    ------
    InvalidInput
        For a start or steps out of range.
    """
    first = checked_real("start", start)
    if not 0 <= first <= 1:
        raise InvalidInput(f"start = {start!r}: give a fraction from 0 to 1")
    fractions = [first]
    for _ in range(checked_integer("steps", steps, 0)):
        fractions.append(fractions[-1] + fractions[-1] * (1 - fractions[-1]) / 2)
    return np.array(fractions)


def values_needed(eps: float) -> int:
    """Values after which the recursion from v_0 = 2 eps reaches 1 - eps.

    About log(1/(4 eps)) / log(3/2) to reach one half, and log2(1/(2 eps)) from there: each
    value multiplies v by up to 3/2 while it is small, and halves 1 - v once that is small.

    Raises
    ------
    InvalidInput
        For eps outside (0, 1/2].
    """
    width = checked_real("eps", eps)
    if not 0 < width <= 0.5:
        raise InvalidInput(f"eps = {eps!r}: give a number above 0 and up to 0.5")
    fraction, steps = 2 * width, 0
    while fraction < 0.5:
        fraction += fraction * (1 - fraction) / 2
        steps += 1
    missing = 1 - fraction  # v(1 - v)/2 leaves m(1 + m)/2 of m = 1 - v, exact however small
    while missing > width:
        missing *= (1 + missing) / 2
        steps += 1
    return steps


def values_to_reach(fractions: ArrayLike, level: float) -> Floats:
    """Values after which each run first has v_t >= level; inf where it has not yet.

    Parameters
    ----------
    fractions : array_like, (runs, steps + 1)
        As `sample_growth` returns them.
    level : float

    Returns
    -------
    ndarray, (runs,)
        Quantiles of it are right as long as they are finite.

    Raises
    ------
    InvalidInput
        For fractions of a wrong shape.
    """
    table = np.asarray(fractions, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] == 0:
        raise InvalidInput(f"fractions has shape {table.shape}: give (runs, steps + 1)")
    there = table >= checked_real("level", level)
    return np.where(there.any(axis=1), there.argmax(axis=1).astype(float), np.inf)


def checked_eps(eps: float) -> float:
    """An eps that the process takes.

    Raises
    ------
    InvalidInput
        When it is something else.
    """
    width = checked_real("eps", eps)
    if not SMALLEST_EPS <= width <= 0.5:
        raise InvalidInput(f"eps = {eps!r}: give a number from {SMALLEST_EPS} to 0.5")
    return width

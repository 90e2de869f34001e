"""Checked subset-sum problems, and their values as integers on a power-of-two grid.

In integers a sum does not depend on its order and equal errors are equal exactly, so
every method answers in integers and only the chosen mask is evaluated in floats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.errors import InvalidInput


@dataclass(frozen=True, eq=False)
class Problem:
    """Subset-sum problems of one size.

    Parameters
    ----------
    values : ndarray, (cells, n)
        The numbers of each cell, finite.
    targets : ndarray, (cells,)
        The sum asked of each cell, finite.

    Raises
    ------
    InvalidInput
        For magnitudes whose sum is not finite.
    """

    values: NDArray[np.float64]
    targets: NDArray[np.float64]

    def __post_init__(self) -> None:
        with np.errstate(over="ignore"):
            magnitude = np.abs(self.values).sum(axis=1) + np.abs(self.targets)
        if not np.isfinite(magnitude).all():
            cell = int(np.argmax(~np.isfinite(magnitude)))
            raise InvalidInput(
                f"values and target of cell {cell} sum to more than 1.8e308 in magnitude: "
                "divide both by a power of two"
            )

    @property
    def cells(self) -> int:
        """Number of problems."""
        return int(self.values.shape[0])

    @property
    def n(self) -> int:
        """Numbers in each problem."""
        return int(self.values.shape[1])

    def part(self, cells: NDArray[np.bool_]) -> Problem:
        """Only the marked cells."""
        return Problem(self.values[cells], self.targets[cells])


@dataclass(frozen=True, eq=False)
class Ends:
    """Cells whose target lies at or beyond an end of the reachable range.

    Their best subset needs no search: every number of the helpful sign and no other.

    Parameters
    ----------
    answered : ndarray of bool, (cells,)
        True where ``mask`` is the unique best answer with the fewest numbers enabled.
    mask : ndarray of bool, (cells, n)
        That answer; False elsewhere.
    reachable : ndarray of bool, (cells,)
        False where the target lies beyond the end.
    """

    answered: NDArray[np.bool_]
    mask: NDArray[np.bool_]
    reachable: NDArray[np.bool_]


def find_ends(problem: Problem) -> Ends:
    """Decide, in exact arithmetic, which targets are at or beyond the reachable range."""
    above = _end_minus_target(problem, 1.0)
    below = _end_minus_target(problem, -1.0)
    high, low = above <= 0, below >= 0
    mask = np.where(high[:, None], problem.values > 0, low[:, None] & (problem.values < 0))
    return Ends(answered=high | low, mask=mask, reachable=(above >= 0) & (below <= 0))


@dataclass(frozen=True, eq=False)
class Grid:
    """Problems in integers: value = integer x 2**exponent, rounded to nearest.

    Parameters
    ----------
    values : ndarray of int64, (cells, n)
        Rounded numbers, at most 2**bits in magnitude.
    targets : ndarray of int64, (cells,)
        Rounded targets, inside the reachable range up to rounding.
    exponent : ndarray of int, (cells,)
        Power of two of one grid step.
    exact : ndarray of bool, (cells,)
        True where nothing was rounded.
    bits : int
        The grid step is 2**-bits of full scale, the power of two above the cell's
        largest number.
    """

    values: NDArray[np.int64]
    targets: NDArray[np.int64]
    exponent: NDArray[np.int64]
    exact: NDArray[np.bool_]
    bits: int

    @property
    def quantum(self) -> NDArray[np.float64]:
        """Grid step in the units of the values, 0 where nothing was rounded; (cells,)."""
        return np.where(self.exact, 0.0, np.ldexp(1.0, self.exponent))


def grid_bits(n: int, most: int = 61) -> int:
    """Finest grid on which n numbers and a target cannot overflow int64.

    With bits = 61 - ceil(log2 n) every subset sum and every reachable target is at most
    n * 2**bits <= 2**61 in magnitude, and their difference at most 2**62.
    """
    return min(most, 61 - max(n - 1, 0).bit_length())


def to_grid(problem: Problem, bits: int) -> Grid:
    """Scale each cell by a power of two and round it to integers.

    Every target must lie inside the reachable range of its cell (see `find_ends`).
    """
    largest = np.abs(problem.values).max(axis=1, initial=0.0)
    exponent = np.frexp(largest)[1].astype(np.int64) - bits
    values = np.rint(np.ldexp(problem.values, -exponent[:, None]))
    targets = np.rint(np.ldexp(problem.targets, -exponent))
    exact = (np.ldexp(values, exponent[:, None]) == problem.values).all(axis=1)
    exact &= np.ldexp(targets, exponent) == problem.targets
    return Grid(values.astype(np.int64), targets.astype(np.int64), exponent, exact, bits)


def checked_problem(values: ArrayLike, target: ArrayLike, *, batch: bool) -> Problem:
    """Problems from what a caller gave: (n,) and a scalar, or (cells, n) and (cells,).

    Raises
    ------
    InvalidInput
        For a wrong type or shape, NaN or infinity.
    """
    array = _real("values", values)
    wanted = _real("targets" if batch else "target", target)
    if not batch:
        if array.ndim != 1:
            raise InvalidInput(
                f"values has shape {array.shape}: give one dimension (n,), or use solve_batch"
            )
        if wanted.ndim != 0:
            raise InvalidInput(
                f"target has shape {wanted.shape}: give one number, or use solve_batch"
            )
        return Problem(array[None], wanted[None])
    if array.ndim != 2:
        raise InvalidInput(
            f"values has shape {array.shape}: give two dimensions (cells, n), or use solve"
        )
    if wanted.shape != array.shape[:1]:
        raise InvalidInput(
            f"targets has shape {wanted.shape}: give one for each row of values, ({len(array)},)"
        )
    return Problem(array, wanted)


def _real(name: str, given: ArrayLike) -> NDArray[np.float64]:
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise InvalidInput(f"{name} is ragged: give rows of equal length") from error
    if array.dtype.kind not in "iuf":
        raise InvalidInput(f"{name} has type {array.dtype}: give real numbers (integers or floats)")
    with np.errstate(over="ignore"):
        floats = np.ascontiguousarray(array, dtype=np.float64).reshape(array.shape)
    _check_finite(name, floats)
    return floats


def _check_finite(name: str, array: NDArray[np.float64]) -> None:
    if np.isfinite(array).all():
        return
    where = tuple(int(index) for index in np.argwhere(~np.isfinite(array))[0])
    entry = f"{name}[{', '.join(map(str, where))}]" if where else name
    raise InvalidInput(f"{entry} = {array[where]}: must be finite; leave it out or replace it")


def _end_minus_target(problem: Problem, sign: float) -> NDArray[np.float64]:
    """Sum of the numbers of one sign less the target; (cells,), its sign exact."""
    helpful = np.where(sign * problem.values > 0, problem.values, 0.0)
    difference: NDArray[np.float64] = helpful.sum(axis=1) - problem.targets
    scale = np.abs(helpful).sum(axis=1) + np.abs(problem.targets)
    doubtful = np.abs(difference) <= (problem.n + 2) * np.finfo(float).eps * scale
    for cell in np.flatnonzero(doubtful):
        difference[cell] = math.fsum([*helpful[cell].tolist(), -float(problem.targets[cell])])
    return difference

"""Problems as integers on a power-of-two grid, and back.

In integers a sum does not depend on its order and equal errors are equal exactly, so
every method answers in integers and only the chosen coefficients are evaluated in floats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from solvers.problem import FLIP, FREE, SIGNED, Problem


@dataclass(frozen=True, eq=False)
class Grid:
    """Problems in integers: value = integer x 2**exponent, rounded to nearest.

    Coefficients of -1 and +1 alone are written as 0 and 1 here, with twice the numbers and
    their sum added to the target. A number with a fixed coefficient is 0 here.

    Parameters
    ----------
    values : ndarray of int64, (cells, n)
        Rounded numbers, at most 2**bits in magnitude (twice that for coefficients of -1
        and +1).
    targets : ndarray of int64, (cells,)
        Rounded targets, inside the reachable range up to rounding.
    exponent : ndarray of int, (cells,)
        Power of two of one grid step.
    exact : ndarray of bool, (cells,)
        True where nothing was rounded.
    bits : int
        The grid step is 2**-bits of full scale, the power of two above the cell's
        largest number.
    signed : bool
        Coefficients are -1, 0 and +1 rather than 0 and 1.
    at_most : ndarray of int64, (cells,), optional
        So many coefficients may differ from 0.
    """

    values: NDArray[np.int64]
    targets: NDArray[np.int64]
    exponent: NDArray[np.int64]
    exact: NDArray[np.bool_]
    bits: int
    signed: bool = False
    at_most: NDArray[np.int64] | None = None

    @property
    def quantum(self) -> NDArray[np.float64]:
        """Grid step in the units of the values, 0 where nothing was rounded; (cells,)."""
        return np.where(self.exact, 0.0, np.ldexp(1.0, self.exponent))

    def part(self, cells: NDArray[np.bool_]) -> Grid:
        """Only the marked cells."""
        if cells.all():
            return self
        return Grid(
            self.values[cells],
            self.targets[cells],
            self.exponent[cells],
            self.exact[cells],
            self.bits,
            self.signed,
            None if self.at_most is None else self.at_most[cells],
        )


@dataclass(frozen=True, eq=False)
class Ends:
    """Cells whose target lies at or beyond an end of the reachable range.

    Their best choice needs no search: all that helps and nothing else.

    Parameters
    ----------
    answered : ndarray of bool, (cells,)
        True where ``mask`` is the best answer with the fewest numbers enabled.
    mask : ndarray of int8, (cells, n)
        That answer; zeros elsewhere.
    reachable : ndarray of bool, (cells,)
        False where the target lies beyond the end.
    """

    answered: NDArray[np.bool_]
    mask: NDArray[np.int8]
    reachable: NDArray[np.bool_]


def grid_bits(n: int, most: int = 61) -> int:
    """Finest grid on which n numbers and a target cannot overflow int64.

    With bits = 61 - ceil(log2 n) every subset sum and every reachable target is at most
    n * 2**bits <= 2**61 in magnitude, and their difference at most 2**62.
    """
    return min(most, 61 - max(n - 1, 0).bit_length())


def to_grid(problem: Problem, most_bits: int) -> tuple[Grid, Ends]:
    """Scale each cell by a power of two, round it, and compare its target with its ends."""
    from solvers.kernels import grid as kernels

    cells, n = problem.values.shape
    flip = problem.coefficients == FLIP
    bits = grid_bits(2 * n if flip else n, most_bits - flip)
    values, targets = np.empty((cells, n), np.int64), np.empty(cells, np.int64)
    exponent, exact = np.empty(cells, np.int64), np.empty(cells, np.bool_)
    sides, reachable = np.empty(cells, np.uint8), np.empty(cells, np.bool_)
    mask = np.zeros((cells, n), np.int8)
    fixed = np.empty((0, n), np.int8)
    if problem.fixed is not None:
        fixed = np.ascontiguousarray(problem.fixed)
    most = problem.most_free
    kernels.fill_grid(
        np.ascontiguousarray(problem.values),
        problem.targets,
        fixed,
        np.empty(0, np.int64) if most is None else most,
        problem.coefficients[0],
        bits,
        values,
        targets,
        exponent,
        exact,
        sides,
        reachable,
        mask,
    )
    for cell in np.flatnonzero(sides == kernels.UNDECIDED).tolist():
        _decide(problem, cell, fixed, most, sides, reachable, mask)
    if flip:
        targets += values.sum(axis=1)
        values *= 2
        mask[mask == 0] = FLIP[0]  # numbers that are zero
    grid = Grid(values, targets, exponent, exact, bits, problem.coefficients == SIGNED, most)
    return grid, Ends(sides != kernels.INSIDE, mask, reachable)


def _decide(
    problem: Problem,
    cell: int,
    fixed: NDArray[np.int8],
    most: NDArray[np.int64] | None,
    sides: NDArray[np.uint8],
    reachable: NDArray[np.bool_],
    mask: NDArray[np.int8],
) -> None:
    """Compare a target with its ends in exact arithmetic: for numbers of all magnitudes."""
    from solvers.kernels import grid as kernels

    row = problem.values[cell]
    stuck = fixed[cell] if len(fixed) else fixed.reshape(-1)
    limit = problem.n if most is None else int(most[cell])
    end = np.empty(problem.n, np.int8)
    sides[cell] = kernels.INSIDE
    for sign, side in ((1, kernels.HIGH), (-1, kernels.LOW)):
        kernels.find_end(row, stuck, problem.coefficients[0], sign, limit, end)
        beyond = sign * (exact_total(row, end) - Fraction(float(problem.targets[cell])))
        if beyond <= 0:
            sides[cell], reachable[cell], mask[cell] = side, beyond == 0, end
            return


def exact_total(values: NDArray[np.float64], mask: NDArray[np.int8]) -> Fraction:
    """The chosen sum without any rounding."""
    chosen = zip(values.tolist(), mask.tolist(), strict=True)
    return sum((int(one) * Fraction(value) for value, one in chosen if one), Fraction(0))


def from_grid(problem: Problem, mask: NDArray[np.int8]) -> NDArray[np.int8]:
    """Coefficients in the problem's own terms."""
    if problem.coefficients == FLIP:
        mask = (2 * mask - 1).astype(np.int8)
    if problem.fixed is not None:
        mask = np.where(problem.fixed == FREE, mask, problem.fixed)
    return mask


def evaluate(
    problem: Problem, mask: NDArray[np.int8]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums of the chosen numbers and their signed errors, each rounded once; (cells,)."""
    from solvers.kernels import grid as kernels

    achieved, error = np.empty(problem.cells), np.empty(problem.cells)
    certain = np.empty(problem.cells, np.bool_)
    values = np.ascontiguousarray(problem.values)
    kernels.evaluate(values, problem.targets, mask, achieved, error, certain)
    for cell in np.flatnonzero(~certain):
        terms = (problem.values[cell] * mask[cell]).tolist()
        achieved[cell] = math.fsum(terms)
        error[cell] = math.fsum([*terms, -float(problem.targets[cell])])
    return achieved, error

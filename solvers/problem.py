"""Checked subset-sum problems: the numbers, the targets, and what a solution may do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.errors import InvalidInput

FREE = 2
"""Stands in `Problem.fixed` where a coefficient is not fixed."""

BINARY = (0, 1)
FLIP = (-1, 1)
SIGNED = (-1, 0, 1)


@dataclass(frozen=True, eq=False)
class Problem:
    """Subset-sum problems of one size.

    Parameters
    ----------
    values : ndarray, (cells, n)
        The numbers of each cell, finite.
    targets : ndarray, (cells,)
        The sum asked of each cell, finite.
    coefficients : tuple of int
        What a number may be multiplied by: (0, 1), (-1, 0, 1) or (-1, 1).
    fixed : ndarray of int8, (cells, n), optional
        Coefficients that are given; FREE elsewhere.
    at_most : ndarray of int64, (cells,), optional
        So many coefficients of a cell, the fixed ones included, may differ from 0.

    """

    values: NDArray[np.float64]
    targets: NDArray[np.float64]
    coefficients: tuple[int, ...] = BINARY
    fixed: NDArray[np.int8] | None = None
    at_most: NDArray[np.int64] | None = None

    @property
    def cells(self) -> int:
        """Number of problems."""
        return int(self.values.shape[0])

    @property
    def n(self) -> int:
        """Numbers in each problem."""
        return int(self.values.shape[1])

    @property
    def most_searched(self) -> int:
        """Largest number of coefficients of a cell that are not fixed."""
        if self.fixed is None:
            return self.n
        return int((self.fixed == FREE).sum(axis=1).max(initial=0))

    @property
    def most_free(self) -> NDArray[np.int64] | None:
        """How many coefficients that are not fixed may differ from 0; (cells,)."""
        if self.at_most is None or self.fixed is None:
            return self.at_most
        given = (self.fixed != FREE) & (self.fixed != 0)
        left: NDArray[np.int64] = self.at_most - given.sum(axis=1)
        return left

    def part(self, cells: slice) -> Self:
        """Some of the cells."""
        return type(self)(
            self.values[cells],
            self.targets[cells],
            self.coefficients,
            None if self.fixed is None else self.fixed[cells],
            None if self.at_most is None else self.at_most[cells],
        )


def checked_problem(
    values: ArrayLike,
    target: ArrayLike,
    coefficients: Sequence[int] = BINARY,
    fixed: ArrayLike | None = None,
    at_most: ArrayLike | None = None,
    *,
    batch: bool,
) -> Problem:
    """Problems from what a caller gave: (n,) and a scalar, or (cells, n) and (cells,).

    Raises
    ------
    InvalidInput
        For a wrong type or shape, NaN or infinity, or constraints that contradict.
    """
    array, wanted = _checked_shapes(values, target, batch=batch)
    alphabet = checked_coefficients(coefficients)
    given = None if fixed is None else _checked_fixed(fixed, array.shape, alphabet)
    limit = None if at_most is None else _checked_limit(at_most, len(array), alphabet)
    problem = Problem(array, wanted, alphabet, given, limit)
    check_magnitudes(problem)
    _check_limits(problem)
    return problem


def check_magnitudes(problem: Problem) -> None:
    """Raise InvalidInput where a sum of values may not be finite."""
    if not problem.values.size:
        return
    repeated = problem.values.strides[0] == 0  # one set for all targets
    values = problem.values[:1] if repeated else problem.values
    largest = max(-float(values.min()), float(values.max()))
    if largest * problem.n + float(np.abs(problem.targets).max()) < 1e308:
        return
    with np.errstate(over="ignore"):
        magnitude = np.abs(values).sum(axis=1) + np.abs(problem.targets)
    if not np.isfinite(magnitude).all():
        cell = int(np.argwhere(~np.isfinite(magnitude))[0][0])
        raise InvalidInput(
            f"values and target of cell {cell} sum to more than 1.8e308 in magnitude: "
            "divide both by a power of two"
        )


def _check_limits(problem: Problem) -> None:
    left = problem.most_free
    if problem.at_most is not None and left is not None and (left < 0).any():
        cell = int(np.argmax(left < 0))
        raise InvalidInput(
            f"at_most = {int(problem.at_most[cell])}: cell {cell} has "
            f"{int(problem.at_most[cell] - left[cell])} fixed coefficients that are not 0; allow "
            "as many"
        )


def _checked_shapes(
    values: ArrayLike, target: ArrayLike, *, batch: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    array = checked_numbers("values", values)
    wanted = checked_numbers("targets" if batch else "target", target)
    if not batch:
        if array.ndim != 1:
            raise InvalidInput(
                f"values has shape {array.shape}: give one dimension (n,), or use solve_batch"
            )
        if wanted.ndim != 0:
            raise InvalidInput(
                f"target has shape {wanted.shape}: give one number, or use solve_batch"
            )
        return array[None], wanted[None]
    if array.ndim != 2:
        raise InvalidInput(
            f"values has shape {array.shape}: give two dimensions (cells, n), or use solve"
        )
    if wanted.shape != array.shape[:1]:
        raise InvalidInput(
            f"targets has shape {wanted.shape}: give one for each row of values, ({len(array)},)"
        )
    return array, wanted


def checked_coefficients(given: Sequence[int]) -> tuple[int, ...]:
    """One of the three sets of coefficients, in ascending order.

    Raises
    ------
    InvalidInput
        For any other set.
    """
    try:
        alphabet = tuple(sorted(given))
    except TypeError:
        alphabet = ()
    for known in (BINARY, SIGNED, FLIP):
        if alphabet == known:
            return known
    raise InvalidInput(f"coefficients = {given!r}: give (0, 1), (-1, 0, 1) or (-1, 1)")


def _checked_fixed(
    fixed: ArrayLike, shape: tuple[int, ...], alphabet: tuple[int, ...]
) -> NDArray[np.int8]:
    array = _numbers("fixed", fixed)
    if array.shape not in (shape, shape[1:]):
        raise InvalidInput(
            f"fixed has shape {array.shape}: give one coefficient for each of the {shape[1]} "
            "numbers, or that of each cell, with NaN where it is free"
        )
    array = np.broadcast_to(array, shape)
    free = np.isnan(array)
    wrong = ~free & ~np.isin(array, alphabet)
    if wrong.any():
        where = tuple(int(index) for index in np.argwhere(wrong)[0])
        raise InvalidInput(
            f"fixed[{', '.join(map(str, where))}] = {array[where]}: give one of {alphabet}, or "
            "NaN where it is free"
        )
    return np.where(free, FREE, array).astype(np.int8)


def _checked_limit(at_most: ArrayLike, cells: int, alphabet: tuple[int, ...]) -> NDArray[np.int64]:
    if 0 not in alphabet:
        raise InvalidInput(
            f"at_most = {at_most!r}: no coefficient can be 0 with coefficients = {alphabet}; "
            "leave at_most out"
        )
    array = np.asarray(at_most)
    if array.dtype.kind not in "iu" or array.shape not in ((), (cells,)):
        raise InvalidInput(f"at_most = {at_most!r}: give an integer, or one for each cell")
    if (array < 0).any():
        raise InvalidInput(f"at_most = {array.min()}: give an integer, at least 0")
    return np.broadcast_to(array.astype(np.int64), (cells,)).copy()


def checked_numbers(name: str, given: ArrayLike) -> NDArray[np.float64]:
    """Finite real numbers as float64, contiguous.

    Raises
    ------
    InvalidInput
        For another type, ragged rows, NaN or infinity.
    """
    floats = _numbers(name, given)
    _check_finite(name, floats)
    return floats


def _numbers(name: str, given: ArrayLike) -> NDArray[np.float64]:
    if np.ma.is_masked(given):
        raise InvalidInput(f"{name} has masked entries: leave them out or fill them")
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise InvalidInput(f"{name} is ragged: give rows of equal length") from error
    if array.dtype.kind not in "iuf":
        raise InvalidInput(f"{name} has type {array.dtype}: give real numbers (integers or floats)")
    with np.errstate(over="ignore"):
        floats = np.ascontiguousarray(array, dtype=np.float64).reshape(array.shape)
    _check_kept(name, array, floats)
    return floats


def _check_kept(name: str, array: NDArray[Any], floats: NDArray[np.float64]) -> None:
    """Refuse numbers that floats of 53 bits cannot hold: they would be rounded unsaid."""
    if array.dtype.kind in "iu":
        doubtful = (
            np.abs(floats) >= 2.0**53 if array.dtype.itemsize == 8 else np.zeros(array.shape, bool)
        )
    elif array.dtype.itemsize > 8:
        doubtful = np.isfinite(array)
    else:
        return
    for one, kept in zip(array[doubtful].tolist(), floats[doubtful].tolist(), strict=True):
        if one != kept:
            raise InvalidInput(
                f"{name} holds {one}, which a float of 53 bits cannot hold: divide all by "
                "a power of two, or round them yourself"
            )


def _check_finite(name: str, array: NDArray[np.float64]) -> None:
    if not array.size or (np.isfinite(array.min()) and np.isfinite(array.max())):
        return  # NaN is its own minimum
    where = tuple(int(index) for index in np.argwhere(~np.isfinite(array))[0])
    entry = f"{name}[{', '.join(map(str, where))}]" if where else name
    raise InvalidInput(f"{entry} = {array[where]}: must be finite; leave it out or replace it")

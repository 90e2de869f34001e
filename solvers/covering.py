"""The covering radius: the worst error over a whole range of targets.

Sums of both halves are sorted and their pairs streamed through bins that fit a cache; only the
smallest and the largest sum of each bin are kept, so that 2**n sums are never sorted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.errors import InvalidInput
from solvers.method import checked_integer
from solvers.problem import BINARY, FLIP, SIGNED, checked_problem
from solvers.threads import in_threads

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST, MOST_SIGNED = 32, 16
"""Values in a set: all their sums are passed, 2**n, or 3**n for coefficients -1, 0 and 1."""

_SUMS_A_CALL = 25


@dataclass(frozen=True, eq=False)
class CoveringRadius:
    """The worst target of each set.

    Parameters
    ----------
    radius : ndarray, (cells,)
        Its distance from the nearest subset sum: no target in the range is farther from one.
    target : ndarray, (cells,)
        The target, the lowest one where several are equally far.
    quantum : ndarray, (cells,)
        Step of the grid that the values and the range were rounded to; 0 where nothing
        was rounded. The radius is right to (n + 1) / 2 steps.
    """

    radius: Floats
    target: Floats
    quantum: Floats


def covering_radius(
    values: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    workers: int = 1,
    *,
    coefficients: Sequence[int] = BINARY,
) -> CoveringRadius:
    """Find the largest error over every target in [low, high], each with its best subset.

    The distance to the nearest subset sum is largest in the middle of the widest gap between
    neighbouring sums, or at an end of the range. The sums outside the range count too.

    Parameters
    ----------
    values : array_like, (cells, n)
        One set a row. At most `MOST` values, `MOST_SIGNED` with coefficients -1, 0 and 1.
    low, high : float or array_like, (cells,)
        The range of targets, both ends included.
    workers : int
        Threads that share the sets. The answers do not depend on it.
    coefficients : (0, 1), (-1, 0, 1) or (-1, 1)
        What a value may be multiplied by; by default it is taken or left.

    Returns
    -------
    CoveringRadius
        Exact on a grid whose step, ``quantum``, is at most 2**-51 of the largest value (or
        of the ends of the range divided by n, where these are larger). A set costs little
        more than 1 ns for each of its sums that lies in the range.

    Raises
    ------
    InvalidInput
        For a wrong type or shape, NaN or infinity, an empty range, or too many values.

    Examples
    --------
    >>> found = covering_radius([[0.5, 0.25, -0.5]], -0.5, 0.5)
    >>> float(found.radius[0]), float(found.target[0])
    (0.125, -0.375)
    """
    threads = checked_integer("workers", workers, 1)
    shape = np.shape(values)[:1]
    lows, highs = checked_ranges(low, high, shape)
    problem = checked_problem(values, np.zeros(shape), coefficients, batch=True)
    signed = problem.coefficients == SIGNED
    check_size(problem.n, problem.coefficients, MOST_SIGNED if signed else MOST)
    return _covering_radius(problem.values, lows, highs, threads, problem.coefficients)


def check_size(n: int, coefficients: Sequence[int], most: int) -> None:
    """Raise InvalidInput for a set with too many sums to pass them all."""
    if n > most:
        raise InvalidInput(
            f"n = {n}: all {len(coefficients)}**n sums are passed; give at most {most} values a set"
        )


def checked_ranges(
    low: ArrayLike, high: ArrayLike, shape: tuple[int, ...]
) -> tuple[Floats, Floats]:
    """Both ends of each cell's range of targets; InvalidInput where they are none."""
    lows, highs = checked_end("low", low, shape), checked_end("high", high, shape)
    if (lows > highs).any():
        cell = int(np.argmax(lows > highs))
        raise InvalidInput(
            f"low = {lows[cell]} of cell {cell} is above high = {highs[cell]}: swap them"
        )
    return lows, highs


def checked_end(name: str, given: ArrayLike, shape: tuple[int, ...]) -> Floats:
    """A finite number for each cell; InvalidInput where it is none."""
    array = np.asarray(given)
    if array.dtype.kind not in "iuf" or array.shape not in ((), shape):
        raise InvalidInput(
            f"{name} has type {array.dtype} and shape {array.shape}: give one number, or one for "
            "each row of values"
        )
    floats = array.astype(np.float64)
    if not np.isfinite(floats).all():
        raise InvalidInput(f"{name} = {given!r}: give finite numbers")
    return np.broadcast_to(floats, shape)


def _covering_radius(
    values: Floats, low: Floats, high: Floats, workers: int, coefficients: tuple[int, ...]
) -> CoveringRadius:
    # Doubled sums and ends moved by the sum of all must stay below 2**59 too.
    digits = 59 if coefficients == BINARY else 57
    grid, lows, highs, exponent, exact = _to_grid(values, low, high, digits)
    total = 0 * lows
    if coefficients != BINARY:
        # -1 and 1, or -1, 0 and 1, are 0 and 2, or 0, 1 and 2, less all values once: equal sums
        # of the two copies of a value count once.
        total = grid.sum(axis=1)
        grid = 2 * grid if coefficients == FLIP else np.repeat(grid, 2, axis=1)
    lows, highs = lows + total, highs + total
    cells, n = grid.shape
    radii, targets = np.empty(cells, np.int64), np.empty(cells, np.int64)

    def task(part: slice) -> None:
        _worst_targets(grid[part], lows[part], highs[part], radii[part], targets[part])

    # Compiled code cannot be interrupted: short calls keep Ctrl-C working.
    step = max(1, (1 << _SUMS_A_CALL) // ((1 << n) + 1024))
    step = min(step, max(1, -(-cells // (4 * workers))))
    in_threads(task, [slice(first, first + step) for first in range(0, cells, step)], workers)
    return CoveringRadius(
        np.ldexp(radii, exponent - 1),
        np.ldexp(targets - 2 * total, exponent - 1),
        np.where(exact, 0.0, np.ldexp(1.0, exponent)),
    )


def _to_grid(
    values: Floats, low: Floats, high: Floats, digits: int
) -> tuple[Integers, Integers, Integers, Integers, NDArray[np.bool_]]:
    """Round to integers whose sums, and the ends, are at most 2**digits; the power; exact."""
    n = values.shape[1]
    bits = digits - max(n - 1, 0).bit_length()
    largest = np.maximum(np.abs(low), np.abs(high)) / max(n, 1)
    if n:
        largest = np.maximum(largest, np.abs(values).max(axis=1))
    exponent = np.frexp(largest)[1].astype(np.int64) - bits
    row = np.column_stack((values, low, high))
    scaled = np.ldexp(row, -exponent[:, None])
    rounded = np.rint(scaled)
    exact = ((rounded == scaled) & ((rounded != 0) | (row == 0))).all(axis=1)
    grid = rounded.astype(np.int64)
    return (
        np.ascontiguousarray(grid[:, :n]),
        np.ascontiguousarray(grid[:, n]),
        np.ascontiguousarray(grid[:, n + 1]),
        exponent,
        exact,
    )


def _worst_targets(
    grid: Integers, lows: Integers, highs: Integers, radii: Integers, targets: Integers
) -> None:
    """Fill twice the radius and twice the target, for large n one part of the range at a time."""
    from solvers.kernels import covering

    n = grid.shape[1]
    pieces = 1 << max(n - _SUMS_A_CALL, 0)
    if pieces == 1:
        covering.worst_targets(grid, lows, highs, radii, targets)
        return
    first = np.maximum(lows, np.minimum(grid, 0).sum(axis=1))
    step = np.maximum(np.minimum(highs, np.maximum(grid, 0).sum(axis=1)) - first, 0) // pieces
    radii[:] = -1
    radius, target = np.empty_like(radii), np.empty_like(targets)
    for piece in range(pieces):
        start = first + piece * step if piece else lows
        end = first + (piece + 1) * step if piece + 1 < pieces else highs
        covering.worst_targets(
            grid, np.minimum(start, highs), np.minimum(end, highs), radius, target
        )
        wider = radius > radii
        radii[wider], targets[wider] = radius[wider], target[wider]

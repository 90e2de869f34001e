"""Bits of precision against the number of values: the worst target of each random set.

The figure "RSS in practice". Values uniform in (-1, 1) have a heavy tail: a set that drew too
few values of one sign does not reach all targets, however many values it has. With as many
of each sign the line is clean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.errors import InvalidInput
from solvers.method import checked_integer
from solvers.problem import checked_problem
from solvers.theory.sampling import Draw, Floats, blocks, checked_real, drawing, drawn, in_threads

Integers = NDArray[np.int64]

MOST = 32
"""Values in a set whose covering radius is computed: all their sums are passed."""

LOW, HIGH = -0.5, 0.5
"""The range of targets of the study, that of `solvers.theory.growth` too."""

FULL_SCALE = 1.0
"""What an error of 0 bits is: the width of that range, and the largest value of U(-1, 1)."""

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
    values: ArrayLike, low: ArrayLike, high: ArrayLike, workers: int = 1
) -> CoveringRadius:
    """Find the largest error over every target in [low, high], each with its best subset.

    The distance to the nearest subset sum is largest in the middle of the widest gap between
    neighbouring sums, or at an end of the range. The sums outside the range count too.

    Parameters
    ----------
    values : array_like, (cells, n)
        One set a row; each value may be taken or left. At most `MOST` values.
    low, high : float or array_like, (cells,)
        The range of targets, both ends included.
    workers : int
        Threads that share the sets. The answers do not depend on it.

    Returns
    -------
    CoveringRadius
        Exact on a grid whose step, ``quantum``, is at most 2**-53 of the largest value (or
        of the ends of the range divided by n, where these are larger). A set costs little
        more than 1 ns for each of its 2**n sums that lies in the range.

    Raises
    ------
    InvalidInput
        For a wrong type or shape, NaN or infinity, an empty range, or too many values.
    """
    threads = checked_integer("workers", workers, 1)
    shape = np.shape(values)[:1]
    lows, highs = _end("low", low, shape), _end("high", high, shape)
    problem = checked_problem(values, np.zeros(shape), batch=True)
    if problem.n > MOST:
        raise InvalidInput(
            f"n = {problem.n}: all 2**n sums are passed; give at most {MOST} values a set"
        )
    if (lows > highs).any():
        cell = int(np.argmax(lows > highs))
        raise InvalidInput(
            f"low = {lows[cell]} of cell {cell} is above high = {highs[cell]}: swap them"
        )
    return _covering_radius(problem.values, lows, highs, threads)


def sample_bits(
    n: int,
    sets: int,
    *,
    seed: int = 0,
    distribution: str | Draw = "uniform",
    low: float = LOW,
    high: float = HIGH,
    full_scale: float = FULL_SCALE,
    workers: int = 1,
) -> Floats:
    """Sample the bits that a set promises: -log2(worst error over [low, high] / full scale).

    Parameters
    ----------
    n : int
        Values in a set, at most `MOST`.
    sets : int
        Independent sets.
    seed : int
        The same seed gives the same bits, on any number of workers.
    distribution : str or callable
        A name in `DISTRIBUTIONS`, or a function (rng, (sets, n)) -> values.
    low, high : float
        The range of targets.
    full_scale : float
        The error that counts 0 bits.
    workers : int
        Threads that share the sets.

    Returns
    -------
    ndarray, (sets,)
        inf where every target is met exactly.

    Raises
    ------
    InvalidInput
        As `covering_radius`, and for an unknown distribution.
    """
    n, sets = checked_integer("n", n, 0, MOST), checked_integer("sets", sets, 1)
    seed, draw = checked_integer("seed", seed, 0), drawing(distribution)
    scale = checked_real("full_scale", full_scale)
    if not 0 < scale < np.inf:
        raise InvalidInput(f"full_scale = {full_scale!r}: give a positive, finite number")
    radius = np.empty(sets)
    for block, rng in blocks(sets, n, seed):
        values = drawn(draw, rng, (block.stop - block.start, n))
        radius[block] = covering_radius(values, low, high, workers).radius
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log2(radius / scale))


@dataclass(frozen=True)
class BitsRow:
    """Bits of many random sets of one size.

    Parameters
    ----------
    distribution : str
        How the values were drawn.
    n : int
        Values in a set.
    sets : int
        Sets drawn.
    worst, one_percent, median : float
        The fewest bits of any set, and the quantiles over sets.
    """

    distribution: str
    n: int
    sets: int
    worst: float
    one_percent: float
    median: float


def bits_against_n(
    counts: Iterable[int],
    sets: int = 2500,
    *,
    seed: int = 0,
    distribution: str | Draw = "uniform",
    workers: int = 1,
) -> Iterator[BitsRow]:
    """Sample the bits of sets of growing size, one row for each n as soon as it is done.

    Targets in [-1/2, 1/2], full scale 1; the other arguments are those of `sample_bits`.
    """
    name = distribution if isinstance(distribution, str) else ""
    name = name or getattr(distribution, "__name__", "own")
    for n in counts:
        bits = sample_bits(n, sets, seed=seed, distribution=distribution, workers=workers)
        one_percent, median = np.quantile(bits, (0.01, 0.5)).tolist()
        yield BitsRow(name, int(n), sets, float(bits.min()), one_percent, median)


def bits_for_each_value(rows: Iterable[BitsRow]) -> float:
    """Slope of the median: the least-squares line through the rows, of one distribution."""
    table = list(rows)
    slope: float = np.polyfit([row.n for row in table], [row.median for row in table], 1)[0]
    return float(slope)


def _end(name: str, given: ArrayLike, shape: tuple[int, ...]) -> Floats:
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


def _covering_radius(values: Floats, low: Floats, high: Floats, workers: int) -> CoveringRadius:
    cells, n = values.shape
    grid, lows, highs, exponent, exact = _to_grid(values, low, high)
    radii, targets = np.empty(cells, np.int64), np.empty(cells, np.int64)

    def task(part: slice) -> None:
        _worst_targets(grid[part], lows[part], highs[part], radii[part], targets[part])

    # Compiled code cannot be interrupted: short calls keep Ctrl-C working.
    step = max(1, (1 << _SUMS_A_CALL) // ((1 << n) + 1024))
    step = min(step, max(1, -(-cells // (4 * workers))))
    in_threads(task, [slice(first, first + step) for first in range(0, cells, step)], workers)
    return CoveringRadius(
        np.ldexp(radii, exponent - 1),
        np.ldexp(targets, exponent - 1),
        np.where(exact, 0.0, np.ldexp(1.0, exponent)),
    )


def _to_grid(
    values: Floats, low: Floats, high: Floats
) -> tuple[Integers, Integers, Integers, Integers, NDArray[np.bool_]]:
    """Round to integers whose sums, and the ends, are at most 2**59; the power of two; exact."""
    n = values.shape[1]
    bits = 59 - max(n - 1, 0).bit_length()
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

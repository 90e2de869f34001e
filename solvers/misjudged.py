"""The worst error where subsets are chosen by values that are not quite the true ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from solvers.covering import Floats, check_size, checked_end, checked_ranges
from solvers.errors import InvalidInput
from solvers.method import checked_integer
from solvers.problem import BINARY, SIGNED, checked_problem
from solvers.threads import in_threads

MOST, MOST_SIGNED = 24, 15
"""Values in a set: all their sums are laid out in order, twice: 500 MB."""

_SUMS_A_CALL = 1 << 22


def misjudged_radius(
    true: ArrayLike,
    believed: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    workers: int = 1,
    *,
    coefficients: Sequence[int] = BINARY,
    bias: ArrayLike = 0.0,
) -> Floats:
    """Find the largest true error over every target, each with the subset that seems best.

    For each target in [low, high] the subset whose *believed* sum is nearest is chosen, and the
    error is that of its *true* sum. It is largest at an end of the range or half way between
    two neighbouring believed sums, where the choice changes. With equal values this is
    `covering_radius`, by plain sorting.

    Parameters
    ----------
    true, believed : array_like, (cells, n)
        One set a row, as it is and as it was measured. At most `MOST` values, `MOST_SIGNED` with
        coefficients -1, 0 and 1.
    low, high : float or array_like, (cells,)
        The range of targets, both ends included.
    workers : int
        Threads that share the sets. The answers do not depend on it.
    coefficients : (0, 1), (-1, 0, 1) or (-1, 1)
        What a value may be multiplied by.
    bias : float or array_like, (cells,)
        What every true sum has more than its values make, unknown to the choice.

    Returns
    -------
    ndarray, (cells,)
        In floating point: right to a few rounding errors of the largest sum.

    Raises
    ------
    InvalidInput
        As `covering_radius`, or for sets of different shapes.

    Examples
    --------
    >>> misjudged_radius([[0.5, 1.0]], [[0.5, 1.0]], 0, 1.5).tolist()
    [0.25]
    >>> misjudged_radius([[0.5, 1.125]], [[0.5, 1.0]], 0, 1.5).tolist()
    [0.375]
    """
    threads = checked_integer("workers", workers, 1)
    shape = np.shape(true)[:1]
    lows, highs = checked_ranges(low, high, shape)
    problem = checked_problem(true, np.zeros(shape), coefficients, batch=True)
    seen = checked_problem(believed, np.zeros(shape), coefficients, batch=True)
    if seen.values.shape != problem.values.shape:
        raise InvalidInput(
            f"believed has shape {seen.values.shape}, true {problem.values.shape}: give as many"
        )
    signed = problem.coefficients == SIGNED
    check_size(problem.n, problem.coefficients, MOST_SIGNED if signed else MOST)
    from solvers.kernels import misjudged

    radii = np.empty(problem.cells)
    choices = np.array(problem.coefficients, np.float64)
    given = (seen.values, problem.values, lows, highs, checked_end("bias", bias, shape))
    sides = [np.ascontiguousarray(one, np.float64) for one in given]

    def task(part: slice) -> None:
        now, truth, low, high, more = (one[part] for one in sides)
        misjudged.worst_errors(now, truth, low, high, more, choices, radii[part])

    # Compiled code cannot be interrupted: short calls keep Ctrl-C working.
    step = max(1, _SUMS_A_CALL // (len(choices) ** problem.n + 64))
    cells = problem.cells
    in_threads(task, [slice(first, first + step) for first in range(0, cells, step)], threads)
    return radii

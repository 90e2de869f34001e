"""A difference of two subset sums that meets a target while the sums themselves stay put.

A number is met by a difference in many ways; among near-equal ones this chooses a pair whose
sums, or whose total, lie close to given values. Exact in floating point: all pairs that can be
best are compared.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.errors import InvalidInput
from solvers.problem import checked_numbers

MOST_IN_A_SET = 16
"""Numbers in a set: 2**16 sums of each are walked through for every cell."""


class Pairs(NamedTuple):
    """The chosen subsets.

    Parameters
    ----------
    first, second : ndarray of bool, (cells, n) and (cells, m)
        Which numbers of each set are taken.
    cost : ndarray, (cells,)
        The sum of squares that was minimised.
    """

    first: NDArray[np.bool_]
    second: NDArray[np.bool_]
    cost: NDArray[np.float64]


def closest_pairs(
    first: ArrayLike,
    second: ArrayLike,
    targets: ArrayLike,
    held: ArrayLike,
    weights: ArrayLike,
) -> Pairs:
    """Choose a subset of each of two sets, with sums x and y, for many cells.

    Minimises ``(x - y - target)**2 + w0 (x + y - a - b)**2 + w1 (x - a)**2 + w2 (y - b)**2``
    for ``held`` = (a, b) and ``weights`` = (w0, w1, w2).

    Parameters
    ----------
    first, second : array_like, (cells, n) and (cells, m)
        Real numbers, at most `MOST_IN_A_SET` in a set.
    targets : array_like, (cells,)
        The differences asked for.
    held : array_like, (cells, 2)
        What the sums are held to.
    weights : array_like, (cells, 3)
        Of the total and of each sum, relative to the difference's; 0 or more.

    Returns
    -------
    Pairs
        Deterministic; among pairs of equal cost the one with the smallest sum x.

    Raises
    ------
    InvalidInput
        For wrong shapes or types, NaN or infinity, a negative weight, or too many numbers.
    """
    arrays = [
        checked_numbers(name, values)
        for name, values in (
            ("first", first),
            ("second", second),
            ("targets", targets),
            ("held", held),
            ("weights", weights),
        )
    ]
    x, y, goal, hold, weigh = arrays
    cells = len(goal) if goal.ndim == 1 else -1
    for name, array, shape in (
        ("first", x, (cells, *x.shape[1:2])),
        ("second", y, (cells, *y.shape[1:2])),
        ("targets", goal, (cells,)),
        ("held", hold, (cells, 2)),
        ("weights", weigh, (cells, 3)),
    ):
        if array.shape != shape or array.ndim != (1 if name == "targets" else 2):
            raise InvalidInput(
                f"{name} has shape {array.shape}: give sets (cells, numbers), targets (cells,), "
                "held (cells, 2) and weights (cells, 3)"
            )
    if max(x.shape[1], y.shape[1]) > MOST_IN_A_SET:
        raise InvalidInput(
            f"first has {x.shape[1]} numbers, second {y.shape[1]}: give at most "
            f"{MOST_IN_A_SET} each"
        )
    if (weigh < 0).any():
        raise InvalidInput("weights: every weight must be 0 or more")
    from solvers.kernels import pairs as kernels

    masks = np.empty((cells, x.shape[1] + y.shape[1]), np.bool_)
    costs = np.empty(cells)
    x, y, goal, hold, weigh = map(np.ascontiguousarray, arrays)
    kernels.closest_pairs(x, y, goal, hold, weigh, masks, costs)
    return Pairs(masks[:, : x.shape[1]], masks[:, x.shape[1] :], costs)

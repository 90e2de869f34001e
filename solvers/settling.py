"""States of all cells of a matrix, where the choice of one disturbs its row and its column.

Each cell has a net, which its own entry of a matrix follows, and a load, which is felt along its
row and its column. Both are sums over its branches, each of which is in one of up to three states.
A sweep visits the cells one after another: each takes the states that make the sum of the squares
of what all entries are missing smallest, as they have been left by the others. So cells cancel
what others did: iterated conditional modes (Besag, J. R. Stat. Soc. B 48, 259, 1986). What
it settles in is far better where others' entries count little at first, and more from call to call.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.errors import InvalidInput

MOST_STATES = 2**16
"""States of half the branches of a cell: as many are put in order for every visit."""

MOST_BRANCHES = 32
"""Of a cell: their states are kept in two bits each."""

Floats = NDArray[np.float64]

AT_REST, UP, DOWN = 1, 2, 4


@dataclass(frozen=True)
class Choices:
    """What the branches of each cell may do.

    Parameters
    ----------
    up, down : ndarray, (rows, columns, branches, 2)
        Net and load that a branch adds in either of its states.
    base : ndarray, (rows, columns, 2)
        Net and load when all branches are at rest.
    allowed : ndarray of int8, (rows, columns, branches)
        Sum of `AT_REST`, `UP` and `DOWN`, those that it may be in; at least one.

    Raises
    ------
    InvalidInput
        For shapes that do not fit, NaN or infinity, a branch without a state, too many
        branches, or too many states (`most_states`).
    """

    up: Floats
    down: Floats
    base: Floats
    allowed: NDArray[np.int8]

    def __post_init__(self) -> None:
        shape = self.allowed.shape
        if len(shape) != 3 or self.up.shape != (*shape, 2) or self.down.shape != (*shape, 2):
            raise InvalidInput(
                f"up has shape {self.up.shape}, down {self.down.shape}, allowed {shape}: give "
                "(rows, columns, branches, 2) twice and (rows, columns, branches)"
            )
        if self.base.shape != (*shape[:2], 2):
            raise InvalidInput(f"base has shape {self.base.shape}: give {(*shape[:2], 2)}")
        if not all(np.isfinite(array).all() for array in (self.up, self.down, self.base)):
            raise InvalidInput("up, down and base: every number must be finite")
        if not ((self.allowed >= 1) & (self.allowed <= 7)).all():
            raise InvalidInput("allowed: every branch needs a state, give 1 to 7")
        if shape[2] > MOST_BRANCHES:
            raise InvalidInput(f"allowed: {shape[2]} branches, give at most {MOST_BRANCHES}")
        if (most := self.most_states) > MOST_STATES:
            raise InvalidInput(
                f"allowed: half a cell's branches have {most} states, give at most {MOST_STATES}"
            )

    @property
    def most_states(self) -> int:
        """Most states that half the branches of a cell have together."""
        each = ((self.allowed[..., None] >> np.arange(3)) & 1).sum(axis=3)
        half = each.shape[2] // 2
        halves = each[..., :half].prod(axis=2), each[..., half:].prod(axis=2)
        return int(max(half.max(initial=1) for half in halves))

    def numbers(self, states: NDArray[np.int8]) -> Floats:
        """Net and load of each cell, (rows, columns, 2)."""
        chosen = np.where(states[..., None] > 0, self.up, 0) + np.where(
            states[..., None] < 0, self.down, 0
        )
        return np.asarray(self.base + chosen.sum(axis=2))


@dataclass(frozen=True)
class Influence:
    """What a unit more of a cell's net or load adds to the entries of its row and column.

    Parameters
    ----------
    own : ndarray, (rows, columns, 2)
        To the cell's entry, what `along_row` and `along_column` say of it aside.
    along_row : ndarray of float32, (rows, columns, 2, columns)
        To the entries of its row.
    along_column : ndarray of float32, (columns, rows, 2, rows)
        To those of its column.
    """

    own: Floats
    along_row: NDArray[np.float32]
    along_column: NDArray[np.float32]


def settle(
    choices: Choices,
    influence: Influence,
    states: NDArray[np.int8],
    numbers: Floats,
    missing: Floats,
    visited: NDArray[np.bool_],
    *,
    sweeps: int,
    others: float = 1.0,
    caution: float = 0.0,
    moments: Floats | None = None,
    pull: float = 0.0,
    seed: int = 0,
) -> tuple[NDArray[np.int8], Floats]:
    """Sweep over the cells, each time in another order.

    Parameters
    ----------
    choices, influence : Choices, Influence
        What cells can do, and what that does to the entries.
    states : ndarray of int8, (rows, columns, branches)
        -1, 0 and 1 for down, at rest and up.
    numbers : ndarray, (rows, columns, 2)
        Net and load to start from, for which `missing` was found; not necessarily of `states`.
    missing : ndarray, (rows, columns)
        What each entry lacks.
    visited : ndarray of bool, (rows, columns)
        Cells whose states are chosen.
    sweeps : int
        At most; they end where one changes nothing.
    others : float
        Weight of the square of what another entry lacks, relative to the cell's own; its square,
        of products of entries.
    caution : float
        How much more a change of other entries costs by its square: holds cells back where
        `influence` is not to be relied on.
    moments : ndarray, (rows, rows), optional
        Weights of products of entries of a column with each other; default 1 with itself, 0 else.
    pull : float
        What a unit of load costs by itself, halved.
    seed : int
        Of the orders.

    Returns
    -------
    tuple
        The states, and what the entries lack then if `influence` is right.

    Raises
    ------
    InvalidInput
        For shapes that do not fit.
    """
    shape = missing.shape
    for name, array, expected in (
        ("states", states, choices.allowed.shape),
        ("numbers", numbers, (*shape, 2)),
        ("visited", visited, shape),
        ("own", influence.own, (*shape, 2)),
        ("along_row", influence.along_row, (*shape, 2, shape[1])),
        ("along_column", influence.along_column, (*shape[::-1], 2, shape[0])),
        ("moments", moments := np.eye(shape[0]) if moments is None else moments, shape[:1] * 2),
    ):
        if array.shape != expected:
            raise InvalidInput(f"{name} has shape {array.shape}: give {expected}")
    from solvers.kernels import settling as kernels

    random = np.random.default_rng(seed)
    cells = np.argwhere(visited)
    states, numbers, missing = states.copy(), numbers.copy(), missing.copy()
    weights, own = others**2 * moments, np.diagonal(moments).copy()
    np.fill_diagonal(weights, others * own)
    columns = influence.along_column @ weights.astype(np.float32)
    for _ in range(sweeps):
        changed = kernels.sweep(
            choices.up,
            choices.down,
            choices.base,
            choices.allowed,
            influence.own,
            influence.along_row,
            influence.along_column,
            columns,
            weights,
            own,
            caution,
            pull,
            cells[random.permutation(len(cells))],
            numbers,
            missing,
            states,
        )
        if not changed:
            break
    return states, missing

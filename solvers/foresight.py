"""States of a row of cells, chosen with foresight of what later cells can still make up for.

Cells of a matrix disturb their row and their column, as `solvers.settling` has it. Where a line
ends at one side only, a cell's load moves all entries that lie farther from that end by one common
factor. If cells are visited from the far end on, the entries of settled ones are therefore
shifted together, a line at a time, and a later cell can undo such a shift with its own load, as
long as its net is right in the end. So a cell need not leave its lines as they are, only such
that later ones can mend them, and chooses among nearly all its states the one whose net is best.

What later loads can do is taken as normal with some variance, and what is asked of them costs its
square over that: a linear problem with quadratic cost (Bertsekas, Dynamic Programming and Optimal
Control, 3rd ed., section 4.1), whose cost to go is known in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.settling import AT_REST, UP, Choices

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RowEffects:
    """What the cells of a row do, each by a unit of its net or its load.

    Parameters
    ----------
    own : ndarray, (columns, 2)
        To their own entries.
    along : ndarray, (columns, 2, columns)
        To those of the row.
    drops : ndarray, (columns, columns)
        Of the row's line: what a unit of load (first axis) takes from the voltage at each place,
        relative to it and at the full voltage of its own place.
    behind : ndarray, (columns,)
        What a unit of load takes from the voltage across its own cell at its other ends.
    by_net, by_load : ndarray, (columns, shifts)
        To the joint shifts of settled entries. That of a load is with the nets of unsettled cells,
        its own among them, which keep their entries right.
    entries : ndarray, (columns, shifts)
        What a unit of each shift adds to the cell's entry once it is settled.
    earlier : ndarray, (columns, shifts)
        What it adds to the settled entries that are summed up with the cell's.
    weight : ndarray, (columns,)
        Of the cell's entry in that sum, whose square is to be small.
    room : ndarray, (columns,)
        Variance of its load over the price of an error.
    offset : ndarray, (columns,)
        Load that is planned above the expected one.
    pull : ndarray, (columns,)
        What a unit of its load costs by itself, halved, in units of the cost of a unit of its net.
    """

    own: Floats
    along: Floats
    drops: Floats
    behind: Floats
    by_net: Floats
    by_load: Floats
    entries: Floats
    earlier: Floats
    weight: Floats
    room: Floats
    offset: Floats
    pull: Floats


@dataclass(frozen=True)
class Outlook:
    """What is settled, and what later cells can do about it; a row changes it.

    Parameters
    ----------
    squares : ndarray, (shifts, shifts)
        Products of what shifts add to the sums of settled entries with each other.
    products : ndarray, (shifts,)
        The same with what these sums lack.
    mending : ndarray, (shifts, shifts)
        Shifts that all later cells, those of the row among them, make best for such products.
    coming : ndarray, (shifts,)
        Shifts that their planned loads make.
    aside : ndarray, (columns,)
        What settled entries lack in the sums of the row's.
    """

    squares: Floats
    products: Floats
    mending: Floats
    coming: Floats
    aside: Floats


def mending(squares: Floats, room: Floats) -> Floats:
    """Shifts that are made best for products with what entries lack, (shifts, shifts).

    Parameters
    ----------
    squares : ndarray, (shifts, shifts)
        As in `Outlook`.
    room : ndarray, (shifts, shifts)
        Covariance of what later loads do to the shifts, over the price of an error.
    """
    found = np.linalg.solve(np.eye(len(room)) + room @ squares, room)
    return np.asarray((found + found.T) / 2)


def settle_row(
    choices: Choices,
    row: int,
    order: NDArray[np.intp],
    effects: RowEffects,
    outlook: Outlook,
    numbers: Floats,
    missing: Floats,
) -> tuple[NDArray[np.int8], Floats, Floats]:
    """Choose the states of some cells of a row, one after another.

    Parameters
    ----------
    choices : Choices
        Of all cells.
    row : int
    order : ndarray, (cells,)
        Columns of the cells that are settled, in this order.
    effects, outlook : RowEffects, Outlook
    numbers : ndarray, (columns, 2)
        Net and load of the row that `missing` was found for.
    missing : ndarray, (columns,)
        What its entries lack.

    Returns
    -------
    tuple
        States, (columns, branches), 0 of cells that are not in `order`, and as near to rest as
        they may be of those that nothing is felt of; net and load, (columns, 2), of neither
        changed; what the entries lack then, (columns,).
    """
    from solvers.kernels import foresight as kernels

    states, can = np.zeros(choices.allowed.shape[1:], np.int8), choices.allowed[row, order]
    states[order] = np.where(can & AT_REST, 0, np.where(can & UP, 1, -1))
    numbers, missing = numbers.copy(), missing.copy()
    kernels.choose_row(
        choices.up[row],
        choices.down[row],
        choices.base[row],
        choices.allowed[row],
        order,
        effects.own,
        effects.along,
        effects.drops.copy(),
        effects.behind,
        effects.by_net,
        effects.by_load,
        effects.entries,
        effects.earlier,
        effects.weight,
        effects.room,
        effects.offset,
        effects.pull,
        outlook.squares.copy(),
        outlook.products.copy(),
        outlook.mending.copy(),
        outlook.coming.copy(),
        outlook.aside.copy(),
        numbers,
        missing,
        states,
    )
    return states, numbers, missing

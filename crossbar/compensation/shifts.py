"""How cells of a tile shift the entries that lie behind them, all together.

A load moves the entries of its row that lie farther from the input by one common factor, and
those of its column that lie farther from the sense by another, for each of its two lines. Such
factors, less one, are called shifts here: of the positive and of the negative line of every column,
and of the row at hand. Cells that are not settled yet keep their own entries right with their nets,
which shifts lines, too: what a load does is meant with all these answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.settling import Influence

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_FELT = 1e-6
"""Places that are felt less than this, relative to the one felt most, tell nothing of a line."""


@dataclass(frozen=True)
class Shifts:
    """Shifts of a tile, linear about some state of it; all numbers relative to full scale.

    Parameters
    ----------
    influence : Influence
    lines : ndarray, (2, rows, columns)
        What a unit of the shift of either line adds to an entry.
    row : ndarray, (rows, columns)
        The same of its row.
    strength : ndarray, (2, rows, columns)
        Shift of its lines by half a unit of conductance of a cell to each.
    row_strength : ndarray, (rows, columns)
        Shift of its row by a unit of load.
    answer : ndarray, (rows, columns, columns)
        Net with which each cell of a row (last axis) answers to a unit of load of another.
    answered : ndarray, (2, rows, columns)
        Shift of its lines by a unit of load through later cells of its column that answer.
    """

    influence: Influence
    lines: Floats
    row: Floats
    strength: Floats
    row_strength: Floats
    answer: NDArray[np.floating[Any]]
    answered: Floats

    @classmethod
    def of(cls, found: Influence, kept: Bools) -> Shifts:
        """Of cells with such influence; pruned ones do not answer."""
        rows, columns = kept.shape
        per_net = np.where(kept, found.own[..., 0], 0.0)
        per_net = np.divide(-1, per_net, out=np.zeros(kept.shape), where=per_net > 0)
        along, down = found.along_row[:, :, 1], found.along_column[:, :, 1]
        answer = along * per_net[:, None]
        place = np.arange(columns)
        answer[:, place, place] = found.own[..., 1] * per_net
        net = found.along_column[:, :, 0]
        farther = np.tri(rows, k=-1, dtype=np.float32)
        both = [_along_lines(part * farther) for part in (down + net, down - net)]
        lines = np.stack([entries.T for entries, _ in both])
        strength = np.stack([by.T for _, by in both]) / 2
        behind = np.tri(columns, k=-1, dtype=np.float32).T
        row, row_strength = _along_lines(along * kept[:, None] * behind, last=False)
        later = down * per_net.T[:, None] * farther.T
        first, second = (np.einsum("cij,jc->ic", later, by) for by in strength)
        answered = np.stack([first, -second])
        return cls(found, lines, row, strength, row_strength, answer, answered)

    @property
    def count(self) -> int:
        """Both lines of each column, and the row at hand."""
        return int(2 * self.row.shape[1] + 1)

    def by_load(self, row: int, planned: bool) -> Floats:
        """What loads of a row shift, (columns, shifts).

        Parameters
        ----------
        row : int
        planned : bool
            All cells of the row answer, and the row itself is not settled; else only those that
            are nearer to the input.
        """
        columns = self.row.shape[1]
        nets = self.answer[row] if planned else np.tril(self.answer[row])
        (one, other), found = self.strength[:, row], np.zeros((columns, self.count))
        found[:, :columns], found[:, columns:-1] = nets * one, -nets * other
        place = np.arange(columns)
        found[place, place] += one + self.answered[0, row]
        found[place, columns + place] += other + self.answered[1, row]
        if not planned:
            found[:, -1] = self.row_strength[row]
        return found

    def by_net(self, row: int) -> Floats:
        """What nets of a row shift, (columns, shifts)."""
        place = np.arange(columns := self.row.shape[1])
        found = np.zeros((columns, self.count))
        found[place, place] = self.strength[0, row]
        found[place, columns + place] = -self.strength[1, row]
        return found

    def entries(self, row: int) -> Floats:
        """What shifts add to the entries of a row, (columns, shifts)."""
        place = np.arange(columns := self.row.shape[1])
        found = np.zeros((columns, self.count))
        found[place, place], found[place, columns + place] = self.lines[:, row]
        found[:, -1] = self.row[row]
        return found

    def coming(self, loads: Floats, row: int) -> Floats:
        """Shifts that planned loads make, those of `row` and later rows, (shifts,)."""
        loads, found = loads[row:], np.zeros(self.count)
        nets = np.einsum("rc,rck->rk", loads, self.answer[row:])
        one, other = self.strength[:, row:]
        first, second = self.answered[:, row:]
        found[:-1] = np.concatenate(
            [
                (nets * one + loads * (one + first)).sum(axis=0),
                (loads * (other + second) - nets * other).sum(axis=0),
            ]
        )
        return found

    def loads(self, pulls: Floats, row: int) -> Floats:
        """Loads by what pulls at each shift, those of `row` and later rows, (rows, columns)."""
        columns = self.row.shape[1]
        (one, other), (first, second) = self.strength[:, row:], self.answered[:, row:]
        plus, minus = pulls[:columns], pulls[columns:-1]
        found = np.zeros(self.row.shape)
        nets = one * plus - other * minus
        found[row:] = np.einsum("rck,rk->rc", self.answer[row:], nets)
        found[row:] += (one + first) * plus + (other + second) * minus
        return found

    def rooms(self, room: Floats, first: int, last: int) -> list[Floats]:
        """Covariance of what the loads of each row and all later ones shift.

        Of the rows from `first` to `last`; those of the latter alone are not in the last one.
        """
        found = [np.zeros((self.count, self.count))]
        for row in range(len(room) - 1, first - 1, -1):
            by_load = self.by_load(row, planned=True)
            added = found[-1] + (by_load * room[row][:, None]).T @ by_load
            if row >= last:
                found[-1] = added
            else:
                found.append(added)
        return found[::-1]

    def added(self, nets: Floats, loads: Floats) -> Floats:
        """What changes of nets and loads add to the entries, (rows, columns)."""
        rows, columns = nets.shape
        both = np.stack([nets, loads], axis=2)
        row = both.reshape(rows, 1, 2 * columns).astype(np.float32)
        column = both.swapaxes(0, 1).reshape(columns, 1, 2 * rows).astype(np.float32)
        found = (both * self.influence.own).sum(axis=2)
        found += (row @ self.influence.along_row.reshape(rows, -1, columns))[:, 0]
        found += (column @ self.influence.along_column.reshape(columns, -1, rows))[:, 0].T
        return np.asarray(found)


def _along_lines(felt: NDArray[np.floating[Any]], last: bool = True) -> tuple[Floats, Floats]:
    """Entries that are moved together, (lines, places), and by how much by each place.

    Parameters
    ----------
    felt : ndarray, (lines, places, entries)
        What a place adds to the entries behind it; 0 to others.
    last : bool
        Whether the place that all others are behind of is the last one or the first.
    """
    heard = np.square(felt).sum(axis=(0, 2))
    places = np.flatnonzero(heard > _FELT**2 * heard.max(initial=0.0))
    if not places.size:
        return np.zeros(felt.shape[::2]), np.zeros(felt.shape[:2])
    entries = -felt[:, places[-1 if last else 0]].astype(np.float64)
    behind = felt != 0
    products = np.einsum("lpe,le->lp", felt, entries)
    squares = np.einsum("lpe,le->lp", behind, entries**2)
    strength = np.divide(products, squares, out=np.zeros(products.shape), where=squares > 0)
    return entries, strength

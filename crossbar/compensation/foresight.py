"""All cells of a tile, one after another from the far ends of its lines.

A cell that is chosen anew changes what its lines carry, and with that the entries of all cells
behind it. Yet these move together (`shifts`), and later cells, nearer to the ends, can make up for
that (`solvers.foresight`). So rows are visited from the one that is farthest from the senses, and
in each row the cells from the one that is farthest from the input:

1. loads that cells are still to have are planned anew before each row: those that can be expected
   of them, moved by the least that brings settled entries right;
2. their nets follow, so that their own entries stay right;
3. the cells of the row are chosen, each for its own entry and for what is left to later ones.

The circuit is analysed anew every few rows, with what is settled and what is planned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from crossbar.compensation.leverage import Chains, chains, influence, side_by_side
from crossbar.compensation.moments import whitening
from crossbar.compensation.shifts import Shifts
from solvers.expectation import Expectation
from solvers.foresight import Outlook, RowEffects, mending, settle_row
from solvers.settling import Choices
from spice_models import Wires

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
States = NDArray[np.int8]

ROWS_AT_ONCE = 8
"""Rows that are settled between two analyses. Measured: 32 lose a tenth of a bit or two."""

_FARTHEST = 1.5
"""Standard deviations that a load is planned from the expected one at most."""

_ROUNDS = 2
"""Of planning loads and nets before a row."""


@dataclass(frozen=True)
class Asked:
    """What a tile is asked for; conductances relative to full scale.

    Parameters
    ----------
    wires : Wires
    unit : float
        Full scale [S].
    choices : Choices
        What cells can do.
    goal : ndarray, (rows, columns)
        Entries of the transfer matrix.
    kept : ndarray of bool, (rows, columns)
        Cells that are chosen.
    reach : ndarray, (2, rows, columns)
        Least and greatest net of each cell.
    expected : Expectation
        Of their loads.
    lightness : float
        By which they are expected.
    price : float
        Square of the errors that a load one standard deviation off is worth.
    moments : ndarray, (rows, rows)
        How much the errors of a column count, see `moments`.
    transfer : callable
        Entries with the cells given, (2, rows, columns) [S].
    """

    wires: Wires
    unit: float
    choices: Choices
    goal: Floats
    kept: Bools
    reach: Floats
    expected: Expectation
    lightness: float
    price: float
    moments: Floats
    transfer: Callable[[Floats], Floats]


def chosen_in_turn(asked: Asked, siemens: Floats, states: States) -> States:
    """States of all cells.

    Parameters
    ----------
    asked : Asked
    siemens : ndarray, (2, rows, columns)
        Conductances that meet the goal with the loads that are expected [S].
    states : ndarray of int8, (rows, columns, branches)
        Of pruned cells.
    """
    sequence = _Sequence.begun(asked, siemens, states)
    rows = len(asked.goal)
    for first in range(0, rows, ROWS_AT_ONCE):
        last = min(first + ROWS_AT_ONCE, rows)
        sequence.analyse()
        rooms = sequence.shifts.rooms(sequence.room, first, last)
        for row in range(first, last):
            sequence.settle(row, rooms[row - first], rooms[row - first + 1])
    return sequence.states


@dataclass
class _Sequence:
    """A tile on the way.

    Parameters
    ----------
    numbers : ndarray, (rows, columns, 2)
        Net and load of each cell, chosen or planned.
    missing : ndarray, (rows, columns)
        What the entries lack with these.
    room : ndarray, (rows, columns)
        Variance of each load over the price.
    open : ndarray of bool, (rows, columns)
        Cells that are to be chosen.
    sums : ndarray, (columns, rows, rows)
        Of the errors of each column, see `whitening`; of as much weight as errors by themselves.
    """

    asked: Asked
    pruned: Floats
    states: States
    numbers: Floats
    missing: Floats
    room: Floats
    open: Bools
    sums: Floats
    shifts: Shifts = field(init=False)
    words: Chains = field(init=False)
    bits: Chains = field(init=False)

    @classmethod
    def begun(cls, asked: Asked, siemens: Floats, states: States) -> _Sequence:
        one, other = siemens / asked.unit
        numbers = np.stack([one - other, one + other], axis=2)
        room = np.where(asked.kept, asked.expected.spread**2 / asked.price, 0.0)
        nothing = np.zeros(asked.goal.shape)
        sums = whitening(asked.moments, asked.kept)
        weights = np.diagonal(sums, axis1=1, axis2=2).T[asked.kept]
        sums /= np.exp(np.log(weights).mean())
        return cls(asked, siemens, states.copy(), numbers, nothing, room, asked.kept.copy(), sums)

    def analyse(self) -> None:
        """Find what entries lack, and what cells do to each other."""
        net, load = np.moveaxis(self.numbers, 2, 0)
        siemens = np.maximum(np.stack([load + net, load - net]) / 2, 0) * self.asked.unit
        siemens = np.where(self.asked.kept, siemens, self.pruned)
        self.missing = self.asked.goal - self.asked.transfer(siemens) / self.asked.unit
        self.shifts = Shifts.of(influence(self.asked.wires, siemens), self.asked.kept)
        self.words, self.bits = chains(self.asked.wires, side_by_side(siemens))
        self._follow()

    def settle(self, row: int, room: Floats, later: Floats) -> None:
        """Choose the cells of a row.

        `room` is the covariance of what its loads and all later ones shift, `later` that of the
        later ones alone.
        """
        if not self.open[row].any():
            return
        for _ in range(_ROUNDS if row else 0):
            self._plan(row, room)
        shifts, offset = self.shifts, self._offset()
        by_load = shifts.by_load(row, planned=False)
        weight, earlier, aside = self._summed(row)
        effects = RowEffects(
            shifts.influence.own[row],
            shifts.influence.along_row[row].astype(np.float64),
            self._lowered(row),
            self._behind(row),
            shifts.by_net(row),
            by_load,
            shifts.entries(row),
            earlier,
            weight,
            self.room[row],
            offset[row],
            # there are exp(lightness x load) times as many states a load heavier, so much nearer
            self.asked.lightness * self.asked.expected.nearest[row] ** 2,
        )
        coming = shifts.coming(offset, row + 1) + by_load.T @ offset[row]
        squares, products = self._settled()
        mends = mending(squares, later + (by_load * self.room[row][:, None]).T @ by_load)
        outlook = Outlook(squares, products, mends, coming, aside)
        order = np.flatnonzero(self.open[row])[::-1]
        states, numbers, missing = settle_row(
            self.asked.choices, row, order, effects, outlook, self.numbers[row], self.missing[row]
        )
        self.states[row, order] = states[order]
        self.open[row] = False
        change = np.zeros(self.numbers.shape)
        change[row] = numbers - self.numbers[row]
        self._move(change)
        self.missing[row] = missing
        self._follow()

    def _lowered(self, row: int) -> Floats:
        """What loads of a row take from its voltages, of pairs of lines, (columns, columns)."""
        columns = len(self.words.level[row]) // 2
        by_line = self.words.lowered(row).reshape(columns, 2, columns, 2)
        return np.asarray(by_line.mean(axis=(1, 3)) * self.asked.unit)

    def _behind(self, row: int) -> Floats:
        """What half a unit of load adds to the voltages of its bit lines, (columns,)."""
        return np.asarray(
            self.bits.alone()[:, row].reshape(-1, 2).mean(axis=1) * self.asked.unit / 2
        )

    def _plan(self, row: int, room: Floats) -> None:
        """Loads that bring settled entries right with the least departure from the expected."""
        squares, products = self._settled()
        asked = products + squares @ self.shifts.coming(self._offset(), row)
        pulls = np.asarray(np.linalg.solve(np.eye(len(room)) + squares @ room, asked), np.float64)
        most = _FARTHEST * self.asked.expected.spread
        load = np.clip(self.room * self.shifts.loads(pulls, row), -most, most)
        change = np.zeros(self.numbers.shape)
        change[..., 1] = np.where(self.open, load - self._offset(), 0)
        self._move(change)
        self._follow()

    def _follow(self) -> None:
        """Change the nets of open cells such that their entries are right, within their reach."""
        own, net = self.shifts.influence.own[..., 0], self.numbers[..., 0]
        heard = self.open & (own > 0)
        wanted = net + np.divide(self.missing, own, out=np.zeros(own.shape), where=heard)
        change = np.zeros(self.numbers.shape)
        change[..., 0] = np.where(heard, np.clip(wanted, *self.asked.reach) - net, 0)
        self._move(change)

    def _move(self, change: Floats) -> None:
        self.numbers += change
        self.missing -= self.shifts.added(change[..., 0], change[..., 1])

    def _offset(self) -> Floats:
        """How far loads of open cells are planned from the expected ones, (rows, columns)."""
        return np.where(self.open, self.numbers[..., 1] - self.asked.expected.load, 0.0)

    def _settled(self) -> tuple[Floats, Floats]:
        """Products of what shifts add to sums of settled entries, with each other and with lacks.

        (shifts, shifts) and (shifts,).
        """
        chosen, count = self.asked.kept & ~self.open, self.shifts.count
        seen = self.sums @ self._heard().transpose(2, 1, 0) * chosen.T[..., None]
        by_line = seen.swapaxes(1, 2) @ seen
        products, squares = np.zeros(count), np.zeros((count, count))
        columns = np.arange(len(by_line))
        for i in range(2):
            products[i * len(by_line) + columns] = by_line[:, i, 2]
            for j in range(2):
                squares[i * len(by_line) + columns, j * len(by_line) + columns] = by_line[:, i, j]
        return squares, products

    def _summed(self, row: int) -> tuple[Floats, Floats, Floats]:
        """Of sums that end with the entries of a row.

        Weight of these entries, (columns,), what shifts add to the others, (columns, shifts), and
        what these lack, (columns,).
        """
        sums, columns = self.sums[:, row], np.arange(len(self.sums))
        one, other, lacks = np.einsum("cr,src->sc", sums, self._heard())
        earlier = np.zeros((len(columns), self.shifts.count))
        earlier[columns, columns], earlier[columns, len(columns) + columns] = one, other
        return sums[:, row].copy(), earlier, lacks

    def _heard(self) -> Floats:
        """What both lines add to settled entries, and what all but open ones lack, (3, ...)."""
        settled = self.asked.kept & ~self.open
        lines = self.shifts.lines * settled
        return np.concatenate([lines, np.where(self.open, 0.0, self.missing)[None]])

"""How far a change of one cell moves the entries of a transfer matrix, to first order.

A siemens more between a word line and a bit line changes the current into a sense for one input
by the voltage across the cell with that input at 1 V, times the voltage across it with that sense
at 1 V: the adjoint network, which for resistors is the network itself (Director and Rohrer, IEEE
Trans. Circuit Theory 16, 318, 1969). What a cell does to entries that are neither of its row nor
of its column is left out: there both voltages come over other lines.

The voltages are found by turns, all word lines and all bit lines, each as a chain with its cells
as loads, whose currents the lines that cross them give back. In a chain a current at place b
lowers the voltage at place a by ``p(min) q(max) / w``: p and q are the voltages that solve it
from one end and from the other (its tridiagonal matrix has a semiseparable inverse: Gantmacher and
Krein, Oscillation Matrices and Kernels, 1950, chapter II).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.settling import Influence
from spice_models import Wires

Floats = NDArray[np.float64]

_PRECISION = 1e-3
"""Of the voltages, relative to the largest that a line gives back."""

_MOST_TURNS = 30
"""Measured: three to five are enough for a segment resistance times full scale of 1e-4."""

_NOTHING = 1e-9
"""Voltage of a place, relative to its supply, from which on nothing can be taken."""

_BLOCK = 2**24
"""Voltages held at once."""


def influence(wires: Wires, siemens: Floats) -> Influence:
    """What a unit more of each cell's net or total conductance adds to its row and its column.

    Parameters
    ----------
    wires : Wires
    siemens : ndarray, (2, rows, columns)
        Conductance of each cell to the positive and the negative line of its column [S].
    """
    _, rows, columns = siemens.shape
    loads = side_by_side(siemens)
    words, bits = chains(wires, loads)
    along_row = np.empty((rows, 2 * columns, columns), np.float32)
    for lines, across in _voltages(bits, words, loads.T, pairs=True):
        net = across[..., ::2] - across[..., 1::2]
        along_row[..., lines.start // 2 : lines.stop // 2] = net.transpose(1, 0, 2)
    row, line = np.ogrid[:rows, : 2 * columns]
    sensed = along_row[row, line, line // 2].astype(np.float64)
    along_column = np.empty((2 * columns, rows, rows), np.float32)
    for inputs, across in _voltages(words, bits, loads):
        along_column[..., inputs] = (across * sensed[..., None]).transpose(1, 0, 2)
    both = along_column[line, row, row].astype(np.float64)
    along_row *= np.divide(both, sensed, out=np.zeros(both.shape), where=sensed != 0)[..., None]
    along_row[row, line, line // 2] = along_column[line, row, row] = 0
    return Influence(
        _by_net_and_load(both.reshape(rows, columns, 2, 1))[..., 0],
        _by_net_and_load(along_row.reshape(rows, columns, 2, columns)),
        _by_net_and_load(along_column.reshape(columns, 2, rows, rows).swapaxes(1, 2)),
    )


def side_by_side(siemens: Floats) -> Floats:
    """Conductances (2, rows, columns) as an array has its lines, (rows, 2 columns)."""
    _, rows, columns = siemens.shape
    return siemens.transpose(1, 2, 0).reshape(rows, 2 * columns)


def chains(wires: Wires, loads: Floats) -> tuple[Chains, Chains]:
    """Word lines and bit lines of an array with these cells, (rows, lines) [S]."""
    ohm = wires.each(*loads.shape)
    words = Chains(ohm["word"], ohm["driver"], ohm["far_driver"], loads)
    # bit lines are sensed behind their last row
    return words, Chains(ohm["bit"].T, ohm["far_sense"], ohm["sense"], loads.T)


def _voltages(
    driven: Chains, across: Chains, loads: Floats, pairs: bool = False
) -> Iterator[tuple[slice, Floats]]:
    """Voltage across each cell with one of the `driven` lines at 1 V.

    Some such lines at once, always both of a pair, and the voltages, (lines, places, some lines).
    """
    lines = len(loads)
    some = max(_BLOCK // loads.size, 1)
    some += some % 2 if pairs else 0
    for start in range(0, lines, some):
        part = slice(start, min(start + some, lines))
        yield part, _across(driven, across, loads, np.arange(part.start, part.stop))


def _across(driven: Chains, across: Chains, loads: Floats, lines: NDArray[np.intp]) -> Floats:
    own = np.zeros((*loads.shape, len(lines)), np.float32)
    loads = loads.astype(np.float32)
    own[lines, :, np.arange(len(lines))] = driven.level[lines]
    volts, other = own, np.zeros(own.shape)
    for _ in range(_MOST_TURNS):
        former = other
        other = across.drops((loads[..., None] * volts).swapaxes(0, 1)).swapaxes(0, 1)
        if np.abs(other - former).max() <= _PRECISION * np.abs(other).max():
            break
        volts = own + driven.drops(loads[..., None] * other)
    return volts - other


def felt(wires: Wires, rows: int, lines: int) -> bool:
    """Whether what one cell draws can be felt by another at all."""
    ohm = wires.each(rows, lines)
    return any(bool((value[np.isfinite(value)] > 0).any()) for value in ohm.values())


def _by_net_and_load(lines: NDArray[Any]) -> NDArray[Any]:
    """Of two lines on axis -2: for a unit of their difference, and of their sum."""
    first, second = lines[..., 0, :], lines[..., 1, :]
    return np.asarray(np.stack([first - second, first + second], axis=-2) / 2)


class Chains:
    """Lines with their loads.

    Parameters
    ----------
    segments : ndarray, (lines, places - 1)
        Between neighbouring places [ohm]; may be 0 or infinite.
    near, far : ndarray, (lines,)
        From a supply to the first place, and to the last one; infinite where there is none.
    loads : ndarray, (lines, places)
        To ground [S].
    """

    level: Floats
    """Voltage at each place when all supplies give 1 V, (lines, places)."""

    def __init__(self, segments: Floats, near: Floats, far: Floats, loads: Floats) -> None:
        self._part = np.isinf(segments).cumsum(axis=1)
        self._part = np.pad(self._part, ((0, 0), (1, 0)))
        self._first, toward = _solved(segments, near, loads)
        last, away = _solved(segments[:, ::-1], far, loads[:, ::-1])
        self._last, away = last[:, ::-1], away[:, ::-1]
        # conductance at a place: of the way to either side, and its own load
        met = self._first * away + self._last * toward + loads * self._first * self._last
        self._met = np.where(met > 0, met, np.inf)
        supplied = (toward > 0) | (away > 0)
        drawn = self.drops(loads[..., None])[..., 0]
        self.level = np.where(supplied, np.clip(1 - drawn, 0, 1), 0.0)

    def alone(self) -> Floats:
        """Voltage that a current into a place makes there, (lines, places) [ohm]."""
        return np.asarray(self._first * self._last / self._met)

    def lowered(self, line: int) -> Floats:
        """What a siemens at each place (axis 0) takes from the voltage at each, relative to it."""
        places, level = np.arange(self.level.shape[1]), self.level[line]
        low, high = np.minimum.outer(places, places), np.maximum.outer(places, places)
        met, part = self._last[line] / self._met[line], self._part[line]
        shared = np.where(part[:, None] == part, self._first[line][low] * met[high], 0.0)
        of_place = np.divide(1, level, out=np.zeros(level.shape), where=level > _NOTHING)
        return np.asarray(shared * level[:, None] * of_place)

    def drops(self, currents: Floats) -> Floats:
        """Voltage that currents into a line's places make there.

        Parameters
        ----------
        currents : ndarray, (lines, places, cases)
            [A].
        """
        found, places = np.empty_like(currents), currents.shape[1]
        other, alone = self._last / self._met, self.alone().astype(currents.dtype)
        for order, seen, itself in (
            (range(places), self._first, True),
            (range(places)[::-1], other, False),
        ):
            met, before = np.zeros_like(currents[:, 0]), order[0]
            for place in order:
                # solutions grow along a line beyond all numbers, their ratios do not
                share = np.divide(
                    seen[:, before],
                    seen[:, place],
                    out=np.zeros(len(seen)),
                    where=(seen[:, place] > 0) & (self._part[:, before] == self._part[:, place]),
                ).astype(currents.dtype)[:, None]
                before, met = place, share * met
                if itself:
                    met += currents[:, place]
                    found[:, place] = alone[:, place, None] * met
                else:
                    found[:, place] += alone[:, place, None] * met
                    met += currents[:, place]
        return found


def _solved(segments: Floats, end: Floats, loads: Floats) -> tuple[Floats, Floats]:
    """Voltage at each place of a chain, and the current that flows from it to the end.

    From a place behind an open segment on, the end is not seen: 1 V and no current.
    """
    voltage, current = np.empty(loads.shape), np.empty(loads.shape)
    joined = np.isfinite(end)
    volt, flow = np.where(joined, end, 1.0), np.where(joined, 1.0, 0.0)
    for place in range(loads.shape[1]):
        if place:
            step = segments[:, place - 1]
            joined = np.isfinite(step)
            flow = np.where(joined, flow + loads[:, place - 1] * volt, 0.0)
            volt = np.where(joined, volt + np.where(joined, step, 0.0) * flow, 1.0)
        voltage[:, place], current[:, place] = volt, flow
    return voltage, current

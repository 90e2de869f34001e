"""How far a change of one cell moves the entries of a transfer matrix.

With the cells as loads a line is a chain of resistances and conductances to ground. A current
drawn at place b lowers the voltage at place a by ``z(a, b) = p(min) q(max) / w``: p and q are
the voltages that solve the chain from one end and from the other (its tridiagonal matrix has a
semiseparable inverse: Gantmacher and Krein, Oscillation Matrices and Kernels, 1950, chapter II).
Currents that come back over other lines are left out: of second order in the wires.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.settling import Influence
from spice_models import Wires

Floats = NDArray[np.float64]


def influence(wires: Wires, siemens: Floats, lines: Floats) -> Influence:
    """What a unit more of each cell's net or total conductance adds to the matrix.

    A conductance g at place b of a word line draws ``v(b)`` from it, so entry (i, l) of its row
    changes by ``-z(l, b) v(b) / v(l)`` of itself; of its bit line likewise, with the share of a
    current that arrives at the sense in place of the voltage. Its own entry gains the product
    of both.

    Parameters
    ----------
    wires : Wires
    siemens : ndarray, (2, rows, columns)
        Conductance of each cell to the positive and the negative line of its column [S].
    lines : ndarray, (2, rows, columns)
        Transfer matrix of single bit lines with these cells [S].
    """
    _, rows, columns = siemens.shape
    places = 2 * columns
    loads = siemens.transpose(1, 2, 0).reshape(rows, places)
    entries = lines.transpose(1, 2, 0).reshape(rows, places) * np.tile([1.0, -1.0], columns)
    ohm = wires.each(rows, places)
    words = Chains(ohm["word"], ohm["driver"], ohm["far_driver"], loads)
    # bit lines are sensed behind their last row
    bits = Chains(ohm["bit"].T, ohm["far_sense"], ohm["sense"], loads.T)
    along_row = np.empty((rows, columns, 2, columns), np.float32)
    for row in range(rows):
        moved = words.moved(row, entries[row])  # of the places, by the places
        net = moved.reshape(places, columns, 2).sum(axis=2)
        along_row[row] = _by_net_and_load(net.reshape(columns, 2, columns))
    along_column = np.empty((columns, rows, 2, rows), np.float32)
    for column in range(columns):
        both = [bits.moved(line, entries[:, line]) for line in (2 * column, 2 * column + 1)]
        along_column[column] = _by_net_and_load(np.stack(both, axis=1))
    reached = (words.level * bits.level.T).reshape(rows, columns, 2) * [1.0, -1.0]
    own = _by_net_and_load(reached[..., None])[..., 0]
    return Influence(own, along_row, along_column)


def felt(wires: Wires, rows: int, lines: int) -> bool:
    """Whether what one cell draws can be felt by another at all."""
    ohm = wires.each(rows, lines)
    return any(bool((value[np.isfinite(value)] > 0).any()) for value in ohm.values())


def _by_net_and_load(lines: Floats) -> Floats:
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
        drawn = [(self.shared(line) * load).sum(axis=1) for line, load in enumerate(loads)]
        supplied = (toward > 0) | (away > 0)
        self.level = np.where(supplied, np.clip(1 - np.array(drawn), 0, 1), 0.0)

    def shared(self, line: int) -> Floats:
        """Drop at each place by a unit of current at each, (places, places) [ohm]."""
        part, places = self._part[line], np.arange(self._first.shape[1])
        low, high = np.minimum.outer(places, places), np.maximum.outer(places, places)
        found = self._first[line][low] * (self._last[line] / self._met[line])[high]
        return np.asarray(np.where(part[:, None] == part, found, 0.0))

    def moved(self, line: int, entries: Floats) -> Floats:
        """What each entry (axis 1) gains by a siemens more at each place (axis 0)."""
        level = self.level[line]
        share = np.divide(entries, level, out=np.zeros(level.shape), where=level > 1e-9)
        return np.asarray(-self.shared(line) * level[:, None] * share)


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

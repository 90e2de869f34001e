"""Paired and steered cells: what each state of a branch gives the two lines of its column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossbar.branches import equivalent_ohm, off_siemens, resistor_ohm
from crossbar.calibration import Measurement
from crossbar.design import Design
from solvers.settling import AT_REST, DOWN, UP, Choices

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
States = NDArray[np.int8]


@dataclass(frozen=True)
class Cells:
    """Cells between a word line and two bit lines.

    Parameters
    ----------
    up, down : ndarray, (rows, columns, branches, 2)
        What a branch gives to the positive and to the negative line in either state, above what
        it gives at rest [S]. A paired branch is closed when up; it cannot be down.
    base : ndarray, (rows, columns, 2)
        What all branches give at rest [S].
    allowed : ndarray of int8, (rows, columns, branches)
        As `solvers.settling.Choices` takes it: open branches stay at rest, and stuck ones in
        their state.
    """

    up: Floats
    down: Floats
    base: Floats
    allowed: States

    @classmethod
    def of(cls, measurement: Measurement) -> Cells:
        """All cells of a measured chip."""
        design, on = measurement.design, measurement.on_siemens
        up, down, rest = (_steered if design.takes_either_line else _paired)(design, on)
        both = AT_REST | UP | (DOWN if design.takes_either_line else 0)
        allowed = np.where(on > 0, both, AT_REST)
        stuck = measurement.stuck_closed
        if stuck is not None:
            allowed = np.where(stuck > 0, UP, np.where(stuck < 0, DOWN, allowed))
        base = rest.sum(axis=2)
        return cls(up - rest, down - rest, base, allowed.astype(np.int8))

    def part(self, place: tuple[slice, slice]) -> Cells:
        """Those of a tile, laid out as in another process, so that sums are the same to the bit."""
        parts = (self.up[place], self.down[place], self.base[place], self.allowed[place])
        return Cells(*map(np.ascontiguousarray, parts))

    def lines(self, states: States) -> Floats:
        """Conductance of each cell to each of its lines, (2, rows, columns) [S]."""
        return np.asarray(self._given(np.sign(states)).transpose(2, 0, 1))

    def ends(self) -> tuple[Floats, Floats]:
        """Least and greatest conductance of each cell to its lines, (2, rows, columns) [S]."""
        each = self._each()
        return tuple(
            (self.base + end(each, axis=0).sum(axis=2)).transpose(2, 0, 1)
            for end in (np.nanmin, np.nanmax)
        )

    def reach(self) -> tuple[Floats, Floats]:
        """Least and greatest net conductance of each cell, (rows, columns) [S]."""
        each, rest = self._each(), self.base[..., 0] - self.base[..., 1]
        net = each[..., 0] - each[..., 1]
        return tuple(rest + end(net, axis=0).sum(axis=2) for end in (np.nanmin, np.nanmax))

    def spread(self) -> Floats:
        """Standard deviation of the net conductance over all states, (rows, columns) [S]."""
        each = self._each()
        return np.asarray(np.sqrt(np.nanvar(each[..., 0] - each[..., 1], axis=0).sum(axis=2)))

    def stuck(self) -> Bools:
        """Cells with a branch that conducts whatever its switch is told, (rows, columns)."""
        return np.asarray(((self.allowed & AT_REST) == 0).any(axis=2))

    def resting(self) -> States:
        """States with everything at rest that can be, (rows, columns, branches)."""
        closed = (self.allowed & AT_REST) == 0
        return np.where(closed, np.where(self.allowed & UP, 1, -1), 0).astype(np.int8)

    def choices(self, unit: float) -> Choices:
        """Net and total of each state, in units of `unit` [S]."""

        def turned(lines: Floats) -> Floats:
            first, second = lines[..., 0], lines[..., 1]
            return np.ascontiguousarray(np.stack([first - second, first + second], -1) / unit)

        allowed = np.ascontiguousarray(self.allowed)
        return Choices(turned(self.up), turned(self.down), turned(self.base), allowed)

    def _each(self) -> Floats:
        """What a branch may give, NaN in states that it may not be in; states first."""
        each = np.stack([np.zeros(self.up.shape), self.up, self.down])
        bits = np.array([AT_REST, UP, DOWN])[:, None, None, None]
        return np.where(((self.allowed & bits) != 0)[..., None], each, np.nan)

    def _given(self, states: States) -> Floats:
        chosen = np.where(states[..., None] > 0, self.up, 0.0)
        chosen += np.where(states[..., None] < 0, self.down, 0.0)
        return np.asarray(self.base + chosen.sum(axis=2))


def _paired(design: Design, on: Floats) -> tuple[Floats, Floats, Floats]:
    """What branches of fixed signs give to either line when up, down, and at rest [S]."""
    side = np.stack([design.signs > 0, design.signs < 0], axis=-1)
    off = off_siemens(design, on)[..., None] * side
    return on[..., None] * side, off, off


def _steered(design: Design, on: Floats) -> tuple[Floats, Floats, Floats]:
    """The same of branches that can take either line."""
    other = off_siemens(design, on)
    with np.errstate(divide="ignore"):
        ohm = resistor_ohm(design, on)
    neither = np.zeros(on.shape, dtype=bool)
    rest = 1 / (equivalent_ohm(design, ohm, neither, neither) + design.off_ohm)
    both = np.stack([rest, rest], axis=-1)
    return np.stack([on, other], axis=-1), np.stack([other, on], axis=-1), both

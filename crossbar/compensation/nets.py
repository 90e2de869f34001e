"""A row of tiles whose cells load the wires by their net conductance, whatever subset makes it.

Every branch of a flip cell conducts, to one line or to the other: its total never changes, and
each line has half of it and half the net conductance more or less. An offset cell has one line,
which conducts what is asked of it. So continuous conductances foretell what the switches will
do: they are iterated on, by the additive update ``g += (target - M) / A`` with the attenuation A
of each cell, and the subset sums are solved once, at the end.

The tiles of a row of the grid are taken together, since offset cells share the reference line
on the last one. Its own wires are part of M, its switches stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from crossbar.branches import off_siemens
from crossbar.calibration import Measurement
from crossbar.compensation.tasks import (
    LEAST_ATTENUATION,
    STALLED,
    Answer,
    cut_off,
    made_up,
    share_of_reach,
    shortfall,
)
from crossbar.design import Design
from crossbar.programming import Program
from crossbar.searching import search
from crossbar.simulation import Tile, net_currents, tile_slices
from spice_models import Array, Wires, nodal

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Switches = NDArray[np.bool_] | NDArray[np.int8]

_RESIDUAL = 1e-8
"""Of what updates could still make up for, rms relative to full scale, at which they end."""

_AS_NEAR = 1.5
"""A sum is turned over where that makes its error at most this much larger."""

_NOT_FELT = 1e-12
"""Relative change of every line's current below which there is nothing to make up for."""


@dataclass(frozen=True)
class _State:
    """Conductances and what they do.

    Parameters
    ----------
    level : ndarray, (rows, cells)
        Of a flip cell its net conductance, of an offset cell its line's; with the reference [S].
    lines : ndarray, (rows, bit lines)
        What each line carries for a volt on a row, wires included [S].
    net : ndarray, (rows, columns)
        Transfer matrix [S].
    error : float
        Rms, relative to full scale.
    """

    level: Floats
    lines: Floats
    net: Floats
    error: float


@dataclass(frozen=True)
class NetTask:
    """What a row of tiles is asked for, and its branches as they were measured.

    Parameters
    ----------
    design : Design
        Of flip or offset cells.
    target : ndarray, (rows, columns)
        Entries of the transfer matrix [S].
    on : ndarray, (rows, cells, branches)
        Conductance of each closed branch, those of the reference line last [S].
    stuck : ndarray of bool or int8, (rows, cells, branches)
        States that switches are stuck in; 0 where they obey.
    enabled : ndarray of bool or int8, (rows, cells, branches)
        The switches that meet the targets without wires.
    tiles : tuple of slice
        Cells of each tile.
    wires : Wires
        Of each tile.
    method, seed
        Of the subset sums, see `program`.
    """

    design: Design
    target: Floats
    on: Floats
    stuck: Switches
    enabled: Switches
    tiles: tuple[slice, ...]
    wires: Wires
    method: str
    seed: int

    @property
    def kept(self) -> Bools:
        """All cells: zero too is met by a sum of branches that conduct."""
        return np.ones(self.target.shape, dtype=bool)

    @property
    def cut(self) -> Bools:
        """Cells whose target is for a line that open wires cut off, (rows, columns)."""
        lines = self._cut_lines()
        return np.where(self.target > 0, lines[..., 0], lines[..., -1])

    def scaled(self, size: Floats) -> NetTask:
        """The same with targets multiplied by `size`, (columns,)."""
        return replace(self, target=size * self.target)

    def plain_matrix(self) -> Floats:
        """Transfer matrix with the switches of the task, (rows, columns) [S]."""
        return self._state(self._level(self.enabled)).net

    def needed_share(self) -> Floats:
        """Largest conductance that a cell of each column needs, over what it may, (columns,)."""
        attenuation = self._attenuation()
        state, needed, _ = self._continuous(attenuation)
        zero = np.zeros(needed.shape)
        if self.design.has_reference:
            zero = state.lines[:, -1:] / attenuation
        least, greatest = self._column_ends()
        reach = np.where(needed > zero, greatest - zero, zero - least)
        asked = self.kept & ~self._cut_lines().any(axis=2)
        return share_of_reach(needed - zero, reach, asked, self.design.full_scale_siemens)

    def gaps(self, sizes: Floats) -> Floats:
        """As of any task: none, nets of these cells follow what the others do."""
        return np.zeros((self.target.shape[1], len(sizes)))

    def compensated(self) -> Answer:
        """Program the row; where nothing is better, the switches of the task stay."""
        plain = self._state(self._level(self.enabled))
        alone = self._line_siemens(plain.level)
        if np.allclose(plain.lines, alone, rtol=_NOT_FELT, atol=0):
            needed, exact = self._asked(self.target), np.zeros(self.target.shape)
            answer = self._answer(self.enabled, plain, needed, 0, exact, plain.error)
            return replace(answer, asked=self.target)
        state, needed, updates = self._continuous(self._attenuation())
        columns = self.target.shape[1]
        branches = (-1, self.design.resistors)
        found = search(
            self.design,
            self.on[:, :columns].reshape(branches),
            needed.ravel(),
            self.stuck[:, :columns].reshape(branches),
            method=self.method,
            seed=self.seed,
        )
        enabled = self.enabled.copy()
        enabled[:, :columns] = found.states.reshape(enabled[:, :columns].shape)
        if self.design.polarity == "flip":
            enabled = self._balanced(enabled, needed)
        chosen = self._state(self._level(enabled))
        errors, residual = (chosen.error,), state.error
        if chosen.error >= plain.error:
            enabled, chosen = self.enabled, plain
        missed = np.abs(self.target - state.net)
        return self._answer(enabled, chosen, needed, updates, missed, residual, errors)

    def _continuous(self, attenuation: Floats) -> tuple[_State, Floats, int]:
        """Conductances of any size within reach, what the cells would need, and the updates."""
        least, greatest = self._column_ends()
        reference = self._level(self.enabled)[:, self.target.shape[1] :]
        cut, full_scale = self.cut, self.design.full_scale_siemens
        needed, former, updates = self._asked(self.target), np.inf, 0
        while True:
            reached = np.clip(needed, least, greatest)
            state, updates = self._state(np.hstack([reached, reference])), updates + 1
            lacking = np.where(cut, 0.0, self.target - state.net)  # no level would help those
            needed = reached + lacking / attenuation
            step = np.clip(needed, least, greatest) - reached
            missed = made_up(self.kept, step, needed - reached, lacking, full_scale)
            if missed < _RESIDUAL or missed > STALLED * former:
                return state, needed, updates
            former = missed

    def _balanced(self, enabled: Switches, needed: Floats) -> Switches:
        """Turn pruned flip cells over where their column's errors would add up.

        They cannot be open, and the opposite of a sum near zero is about as near: were all of
        one sign, products of positive inputs would add up their errors.
        """
        level = self._level(enabled)
        error, turned = level - needed, -level - needed
        free = (self.target == 0) & ~self.stuck.any(axis=2)
        free &= np.abs(turned) <= _AS_NEAR * np.abs(error)
        turn, added = np.zeros(free.shape, dtype=bool), np.where(free, 0, error).sum(axis=0)
        for row in range(len(turn)):
            turn[row] = free[row] & (np.abs(added + turned[row]) < np.abs(added + error[row]))
            added += np.where(free[row], np.where(turn[row], turned[row], error[row]), 0)
        return enabled * np.where(turn, -1, 1).astype(np.int8)[:, :, None]

    def _asked(self, net: Floats) -> Floats:
        """Levels that stand for net conductances without wires, (rows, columns) [S]."""
        return net + self._level(self.enabled)[:, -1:] if self.design.has_reference else net

    def _attenuation(self) -> Floats:
        """What a cell passes of its own conductance when all are alike, (rows, columns)."""
        level = self._level(self.enabled)
        columns = self.target.shape[1]
        level[:, :columns] = self._asked(np.zeros(self.target.shape)).mean()
        own, passed = (
            lines.reshape(*level.shape, -1).sum(axis=2)[:, :columns]
            for lines in (self._line_siemens(level), self._state(level).lines)
        )
        share = np.divide(passed, own, out=np.ones(own.shape), where=own > 0)
        return np.asarray(np.clip(share, LEAST_ATTENUATION, 1.0))

    def _level(self, enabled: Switches) -> Floats:
        """Levels that switches make, (rows, cells) [S]."""
        off = off_siemens(self.design, self.on)
        return np.asarray(self._base(off) + (enabled * (self.on - off)).sum(axis=2))

    def _ends(self) -> tuple[Floats, Floats]:
        """Least and greatest level of each cell, (rows, cells) [S]."""
        off = off_siemens(self.design, self.on)
        step = self.on - off
        middle = self._base(off) + (self.stuck * step).sum(axis=2)
        free = np.where(self.stuck, 0, step).sum(axis=2)
        least, greatest = (middle + end * free for end in (min(self.design.coefficients), 1))
        return least, greatest

    def _column_ends(self) -> tuple[Floats, Floats]:
        """The same without the reference, (rows, columns) [S]."""
        least, greatest = (end[:, : self.target.shape[1]] for end in self._ends())
        return least, greatest

    def _slack(self) -> Floats:
        """What a cell may lack of its target: leakage and what the reference is off the middle."""
        full_scale, ohm = self.design.full_scale_siemens, self.design.off_ohm
        slack = np.full((len(self.target), 1), self.design.resistors / ohm + 1e-12 * full_scale)
        if self.design.has_reference:
            middle = self.design.reference_siemens
            least, greatest = (end[:, -1:] for end in self._ends())
            off_middle = np.abs(self._level(self.enabled)[:, -1:] - middle)
            slack += np.where((least <= middle) & (middle <= greatest), off_middle, 0)
        return slack

    def _base(self, off: Floats) -> Floats | float:
        """Level when no branch does anything, its leakage [S]."""
        return 0.0 if self.design.takes_either_line else off.sum(axis=2)

    def _line_siemens(self, level: Floats) -> Floats:
        """Conductance of each cell to each of its lines, (rows, bit lines) [S]."""
        if not self.design.takes_either_line:
            return level
        total = (self.on + off_siemens(self.design, self.on)).sum(axis=2)
        both = np.stack([total + level, total - level], axis=2) / 2
        return np.asarray(both.reshape(len(level), -1))

    def _state(self, level: Floats) -> _State:
        """Analyse the circuits."""
        siemens = self._line_siemens(level)
        lines = np.zeros(siemens.shape)
        for part in self._parts():
            array = Array.from_siemens(siemens[:, part], self.wires)
            lines[:, part] = nodal.transfer_matrix(array, keep=False).siemens.T
        net = net_currents(self.design.polarity, lines.T).T
        error = shortfall(self.kept, self.target - net, self.design.full_scale_siemens)
        return _State(level, lines, net, error)

    def _parts(self) -> Iterator[slice]:
        """Bit lines of each tile."""
        side = self.design.lines_per_column
        return (slice(side * cells.start, side * cells.stop) for cells in self.tiles)

    def _cut_lines(self) -> Bools:
        """Which lines of each cell open wires cut off, (rows, columns, lines of a cell)."""
        rows, columns = self.target.shape
        parts = [cut_off(self.wires, rows, part.stop - part.start) for part in self._parts()]
        lines = np.hstack(parts).reshape(rows, -1, self.design.lines_per_column)
        return lines[:, :columns]

    def _answer(
        self,
        enabled: Switches,
        state: _State,
        needed: Floats,
        updates: int,
        missed: Floats,
        residual: float,
        errors: tuple[float, ...] = (),
    ) -> Answer:
        least, greatest = self._column_ends()
        slack = self._slack()
        beyond = (needed > greatest + slack) | (needed < least - slack)
        beyond |= self.cut & (self.target != 0)
        asked = needed - self._asked(np.zeros(needed.shape))
        return Answer(enabled, asked, beyond, state.net, updates, missed, residual, errors)


def net_tasks(
    measurement: Measurement,
    plain: Program,
    wires: Wires,
    tile: Tile,
    method: str,
    seed: int,
) -> list[NetTask]:
    """One for each row of the grid of tiles, as `simulation.place_tiles` cuts them."""
    design, on, stuck = measurement.design, measurement.on_siemens, measurement.stuck_closed
    grid = tile_slices(on.shape, tile, design.lines_per_column)
    across = tuple(cells for rows, cells in grid if rows.start == 0)
    if stuck is None:
        stuck = np.zeros_like(plain.enabled)
    return [
        NetTask(
            design,
            plain.target_siemens[rows],
            on[rows],
            stuck[rows],
            plain.enabled[rows],
            across,
            wires,
            method,
            seed,
        )
        for rows, cells in grid
        if cells.start == 0
    ]

"""One tile whose wires are known: its switches, so that its transfer matrix meets the weights.

Two lines of a paired cell both conduct, and what they draw together lowers the voltages of
other cells. That total follows from the chosen subset, not from the weight, so a subset that is
chosen anew disturbs its row and its columns by far more than a cell's precision. Hence two steps:

1. continuous: conductances that meet the targets when all cells draw the same total, by the
   additive update ``g += (target - M) / A`` with the attenuation A of each cell;
2. passes over all cells: each takes the pair of subsets that best weighs what it misses itself
   against what a change of its lines' conductances does to others (`Leverage`). This weight
   rises from pass to pass, so that fewer and fewer cells change, until none does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import solvers
from crossbar.calibration import Measurement
from crossbar.compensation.leverage import Leverage
from crossbar.compensation.tasks import (
    LEAST_ATTENUATION,
    STALLED,
    Answer,
    cut_off,
    share_of_reach,
    shortfall,
)
from crossbar.programming import Program
from crossbar.simulation import Tile, tile_slices
from spice_models import Array, Wires, nodal

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SOFTEST = 1e-3
"""What disturbs others weighs this much in the first pass, and in full in the last one."""

LIGHTER = 0.85
"""Total of an average cell to begin with, relative to that of subsets chosen without wires.

Cells that draw less waste less on the wires, so targets need less scaling; but subsets of a small
total are few. Measured: 0.5 is too small, 0.7 to 1 differ by some tenths of a bit.
"""

_RESIDUAL = 1e-6
_MOST_UPDATES = 40


@dataclass(frozen=True)
class TileTask:
    """What one tile is asked for, and its branches as they were measured.

    Parameters
    ----------
    target : ndarray, (rows, columns)
        Entries of the transfer matrix [S].
    on, off : tuple of ndarray, (rows, columns, branches of the line)
        Conductances of the branches to the positive and to the negative bit line, closed and
        open [S]; those that are stuck closed conduct when open, too.
    enabled : tuple of ndarray of bool
        The switches that meet the targets without wires, in the same order.
    stuck : tuple of ndarray of bool
        Those that are stuck closed.
    signs : ndarray of int8, (branches,)
        Which line each branch of the design is on.
    wires : Wires
    full_scale : float
        [S].
    passes : int
    """

    target: Floats
    on: tuple[Floats, Floats]
    off: tuple[Floats, Floats]
    enabled: tuple[Bools, Bools]
    stuck: tuple[Bools, Bools]
    signs: NDArray[np.int8]
    wires: Wires
    full_scale: float
    passes: int

    @property
    def kept(self) -> Bools:
        """Cells that are not pruned, or have branches that conduct all the same."""
        faulty = [stuck.any(axis=2) for stuck in self.stuck]
        return np.asarray((self.target != 0) | faulty[0] | faulty[1])

    @property
    def cut(self) -> Bools:
        """Cells whose target is for a line that open wires cut off, (rows, columns)."""
        rows, columns = self.target.shape
        lines = cut_off(self.wires, rows, 2 * columns)
        return np.where(self.target > 0, lines[:, ::2], lines[:, 1::2])

    def scaled(self, size: Floats) -> TileTask:
        """The same with targets multiplied by `size`, (columns,)."""
        return replace(self, target=size * self.target)

    def plain_matrix(self) -> Floats:
        """Transfer matrix with the switches of the task, (rows, columns) [S]."""
        lines = self.lines(self.line_siemens(self.enabled))
        return np.asarray(lines[0] - lines[1])

    def needed_share(self) -> Floats:
        """Largest conductance that a cell of each column needs, over what it may, (columns,)."""
        needed = _continuous(self)[0].needed
        least, greatest = self.ends()
        reach = np.where(needed > 0, greatest[0] - least[1], greatest[1] - least[0])
        return share_of_reach(needed, reach, self.kept & ~self.cut, self.full_scale)

    def compensated(self) -> Answer:
        """Program the tile; where nothing is better, the switches of the task stay."""
        plain = _State.of(self, self.line_siemens(self.enabled))
        leverage = Leverage.of(self.wires, *self.target.shape)
        if not (self.kept.any() and leverage):
            exact = np.zeros(self.target.shape)
            answer = _answer(self, self.enabled, plain, 0, exact, plain.error)
            return replace(answer, asked=self.target)
        state, updates = _continuous(self)
        missed = np.where(self.kept, np.abs(self.target - state.net), 0.0)
        residual, errors, changed = state.error, [], 0.0
        best = (self.enabled, plain)
        for weight in np.geomspace(SOFTEST, 1, self.passes):
            enabled = _pass(self, state, leverage, float(weight))
            former, state = state, _State.of(self, self.line_siemens(enabled))
            changed = float((former.siemens != state.siemens).any(axis=0)[self.kept].mean())
            errors.append(state.error)
            if state.error < best[1].error:
                best = (enabled, state)
        return _answer(self, *best, updates, missed, residual, tuple(errors), changed)

    def line_siemens(self, enabled: tuple[Bools, Bools]) -> Floats:
        """Conductance of each cell to each of its two lines, (2, rows, columns) [S]."""
        sides = zip(enabled, self.on, self.off, strict=True)
        return np.array([np.where(closed, on, off).sum(axis=2) for closed, on, off in sides])

    def ends(self) -> tuple[Floats, Floats]:
        """Least and greatest conductance of each cell to its lines, (2, rows, columns) [S]."""
        least = np.array([off.sum(axis=2) for off in self.off])
        greatest = np.array([on.sum(axis=2) for on in self.on])
        return least, np.where(self.kept, greatest, least)

    def lines(self, siemens: Floats) -> Floats:
        """Transfer matrix of single bit lines, wires included, (2, rows, columns) [S]."""
        rows, columns = self.target.shape
        side_by_side = siemens.transpose(1, 2, 0).reshape(rows, 2 * columns)
        array = Array.from_siemens(side_by_side, self.wires)
        found = nodal.transfer_matrix(array, keep=False).siemens
        return np.asarray(found.T.reshape(rows, columns, 2).transpose(2, 0, 1))


@dataclass(frozen=True)
class _State:
    """Switches or continuous conductances, and what they do."""

    siemens: Floats
    lines: Floats
    needed: Floats
    attenuation: Floats
    error: float

    @property
    def net(self) -> Floats:
        """Transfer matrix, (rows, columns) [S]."""
        return np.asarray(self.lines[0] - self.lines[1])

    @classmethod
    def of(cls, task: TileTask, siemens: Floats) -> _State:
        """Analyse a tile of these cells, (2, rows, columns)."""
        lines = task.lines(siemens)
        total = siemens.sum(axis=0)
        # what a cell passes of its own conductance; sneak currents count where it has little
        attenuation = np.clip(
            lines.sum(axis=0) / np.where(total > 0, total, np.inf), LEAST_ATTENUATION, 1.0
        )
        missing = np.where(task.kept, task.target - (lines[0] - lines[1]), 0.0)
        needed = siemens[0] - siemens[1] + missing / attenuation
        return cls(
            siemens, lines, needed, attenuation, shortfall(task.kept, missing, task.full_scale)
        )


def _continuous(task: TileTask) -> tuple[_State, int]:
    """Conductances of any size within the cells' reach, all kept cells with the same total."""
    least, greatest = task.ends()
    total = task.line_siemens(task.enabled).sum(axis=0)
    average = LIGHTER * total[task.kept].mean() if task.kept.any() else 0.0
    total = np.where(task.kept, average, total)
    net, state, updates = task.target, None, 0
    for _ in range(_MOST_UPDATES):
        minus = np.clip((total - net) / 2, least[1], greatest[1])
        plus = np.clip(minus + net, least[0], greatest[0])
        minus = np.clip(plus - net, least[1], greatest[1])
        former, state = state, _State.of(task, np.array([plus, minus]))
        updates += 1
        stalled = former is not None and state.error > STALLED * former.error
        if state.error < _RESIDUAL or stalled:
            break
        net = state.needed
    assert state is not None
    return state, updates


def _pass(task: TileTask, state: _State, leverage: Leverage, weight: float) -> tuple[Bools, Bools]:
    """Choose the switches of all kept cells at once, for the loads as they are."""
    kept = task.kept
    weights = leverage.moved(state.net * kept, state.lines * kept)
    weights *= weight / state.attenuation[..., None] ** 2
    least, _ = task.ends()
    first, second = (on - off for on, off in zip(task.on, task.off, strict=True))
    unit = 1 / task.full_scale
    found = solvers.closest_pairs(
        first[kept] * unit,
        second[kept] * unit,
        (state.needed - (least[0] - least[1]))[kept] * unit,
        (state.siemens - least)[:, kept].T * unit,
        weights[kept],
    )
    enabled = task.stuck[0].copy(), task.stuck[1].copy()
    for closed, chosen, on in zip(enabled, (found.first, found.second), task.on, strict=True):
        closed[kept] |= chosen & (on[kept] > 0)
    return enabled


def _answer(
    task: TileTask,
    enabled: tuple[Bools, Bools],
    state: _State,
    updates: int,
    missed: Floats,
    residual: float,
    errors: tuple[float, ...] = (),
    changed: float = 0.0,
) -> Answer:
    """The answer of a state; a cell cannot meet its target where it would need too much."""
    least, greatest = task.ends()
    asked = np.where(task.kept, state.needed, 0.0)
    slack = least.sum(axis=0) + 1e-12 * task.full_scale
    high, low = greatest[0] - least[1] + slack, least[0] - greatest[1] - slack
    beyond = task.kept & ((asked > high) | (asked < low) | (task.cut & (task.target != 0)))
    whole = np.zeros((*task.target.shape, task.signs.size), dtype=bool)
    for sign, closed in zip((1, -1), enabled, strict=True):
        whole[..., task.signs == sign] = closed
    return Answer(whole, asked, beyond, state.net, updates, missed, residual, errors, changed)


def tile_tasks(
    measurement: Measurement, plain: Program, wires: Wires, tile: Tile, passes: int
) -> list[TileTask]:
    """One for each of `tile_slices`."""
    design, on, stuck = measurement.design, measurement.on_siemens, measurement.stuck_closed
    if stuck is None:
        stuck = np.zeros(on.shape, dtype=bool)
    sides = [np.flatnonzero(design.signs == sign) for sign in (1, -1)]
    off = np.where(stuck, on, measurement.off_siemens)

    def task(place: tuple[slice, slice]) -> TileTask:
        def lines(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
            return values[place][..., sides[0]], values[place][..., sides[1]]

        return TileTask(
            target=plain.target_siemens[place],
            on=lines(on),
            off=lines(off),
            enabled=lines(plain.enabled),
            stuck=lines(stuck),
            signs=design.signs,
            wires=wires,
            full_scale=design.full_scale_siemens,
            passes=passes,
        )

    return [task(place) for place in tile_slices(plain.target_siemens.shape, tile)]

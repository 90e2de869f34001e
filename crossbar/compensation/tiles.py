"""One tile whose wires are known: its switches, so that its transfer matrix meets the weights.

Two lines of a paired or steered cell both conduct, and what they draw together lowers the
voltages of other cells. That total follows from the chosen subset, not from the weight, so a
subset that is chosen anew disturbs its row and its columns by far more than a cell's precision.
Hence two steps:

1. continuous: conductances that meet the targets when all cells draw what subsets of them can be
   expected to, by the additive update ``g += (target - M) / A`` with the attenuation A of each
   cell, until no cell that its branches leave room comes much closer;
2. subsets (`passes`): one cell after another, each for what all entries of its row and its column
   lack then, and so that others can still make up for what it does to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crossbar.calibration import Measurement
from crossbar.compensation.cells import Cells, States
from crossbar.compensation.leverage import felt, side_by_side
from crossbar.compensation.lightness import in_turn, lightness_of, sneak_of
from crossbar.compensation.passes import subsets
from crossbar.compensation.tasks import (
    LEAST_ATTENUATION,
    STALLED,
    UNMET,
    Answer,
    cut_off,
    faulty,
    made_up,
    share_of_reach,
    shortfall,
)
from crossbar.programming import Program
from crossbar.simulation import Tile, tile_slices
from solvers.expectation import expected_load
from solvers.gaps import distance
from spice_models import Array, Wires, nodal

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LIGHTER = 0.85
"""Total of an average cell to begin with, relative to that of subsets chosen without wires.

Cells that draw less waste less on the wires, so targets need less scaling; but subsets of a small
total are few. Measured: 0.5 is too small, 0.7 to 1 differ by some tenths of a bit.
"""

_COARSE = 5.0
"""Precisions of subsets that may be added before a cell that its branches could meet is said to
miss: their errors have long tails, and strong wires make them coarser."""

_COMMON = 2.4
"""Standard deviations of the nets of all states that a cell may need, where chosen in turn.

Beyond, states lie so far apart that single cells decide the error of the tile.
"""

_MEDIAN = 0.6745
"""Of what is normal, relative to its standard deviation."""

_FINE = 2e-6
"""Of full scale: states of a cell need come no nearer to what it needs, they are felt no more."""

_RESIDUAL, _MOST_UPDATES = 1e-6, 40
"""Of what updates could still make up for, rms relative to full scale; and at most as many."""


@dataclass(frozen=True)
class TileTask:
    """What one tile is asked for, and its branches as they were measured.

    Parameters
    ----------
    target : ndarray, (rows, columns)
        Entries of the transfer matrix [S].
    cells : Cells
        What the branches may do.
    enabled : ndarray of bool or int8, (rows, columns, branches)
        The switches that meet the targets without wires.
    reachable : ndarray of bool, (rows, columns)
        Cells that these make meet their targets.
    wires : Wires
    full_scale : float
        [S].
    passes : int
    moments : ndarray, (rows, rows)
        How much the errors of a column count, see `moments`.
    seed : int
        Of the draws.
    scale : ndarray, (columns,) or float
        What `target` has been multiplied by.
    precision : float
        Error of subsets without wires, of a normal one with the same median; relative to full
        scale.
    """

    target: Floats
    cells: Cells
    enabled: Bools | States
    reachable: Bools
    wires: Wires
    full_scale: float
    passes: int
    moments: Floats
    seed: int = 0
    scale: float | Floats = 1.0
    precision: float = 0.0

    @property
    def kept(self) -> Bools:
        """Cells that are not pruned, or have branches that conduct all the same."""
        return np.asarray((self.target != 0) | self.cells.stuck())

    @property
    def cut(self) -> Bools:
        """Cells whose target is for a line that open wires cut off, (rows, columns)."""
        plus, minus = self.cut_lines
        return np.asarray(np.where(self.target > 0, plus, minus))

    @property
    def cut_lines(self) -> Bools:
        """Lines of each cell that open wires cut off, (2, rows, columns)."""
        rows, columns = self.target.shape
        lines = cut_off(self.wires, rows, 2 * columns)
        return np.array([lines[:, ::2], lines[:, 1::2]])

    @cached_property
    def sneak(self) -> tuple[float, float]:
        """What sneak currents cost, see `sneak_of`."""
        return sneak_of(self)

    @cached_property
    def lightness(self) -> float:
        """How light cells are to be where they are chosen in turn, see `lightness_of`."""
        return lightness_of(self)

    def scaled(self, size: Floats) -> TileTask:
        """The same with targets multiplied by `size`, (columns,)."""
        return replace(self, target=size * self.target, scale=size * self.scale)

    def plain_matrix(self) -> Floats:
        """Transfer matrix with the switches of the task, (rows, columns) [S]."""
        lines = self.analysed(self.cells.lines(self.states))
        return np.asarray(lines[0] - lines[1])

    def needed_share(self) -> Floats:
        """Largest conductance that a cell of each column needs, over what it may, (columns,)."""
        needed = continuous(self)[0].needed
        least, greatest = self.cells.reach()
        reach = np.where(needed > 0, greatest, -least)
        if in_turn(self):
            common = 2 * _COMMON * self.cells.spread() - self.full_scale
            most = np.clip(common, self.full_scale, reach)
            reach = np.where(reach >= self.full_scale, most, reach)
        asked = self.kept & ~self.cut_lines.any(axis=0)
        return share_of_reach(needed, reach, asked, self.full_scale)

    def gaps(self, sizes: Floats) -> Floats:
        """As of any task, where cells are chosen in turn; their needs grow as their targets do."""
        if not in_turn(self):
            return np.zeros((self.target.shape[1], len(sizes)))
        needed = continuous(self)[0].needed / self.full_scale
        least, greatest = (end / self.full_scale for end in self.cells.reach())
        asked = self.kept & (least <= needed) & (needed <= greatest)
        asked &= ~faulty(np.where(needed > 0, greatest, -least), 1.0)
        choices, nets = self.cells.choices(self.full_scale), needed[..., None] * sizes
        far = distance(choices, nets, enough=_FINE)
        return np.asarray(np.where(asked[..., None], far**2, 0.0).sum(axis=0))

    def compensated(self) -> Answer:
        """Program the tile; where nothing is better, the switches of the task stay."""
        plain = TileState.of(self, self.cells.lines(self.states))
        rows, columns = self.target.shape
        if not felt(self.wires, rows, 2 * columns):
            answer = self._answer(self.states, plain, 0, plain.error)
            return replace(answer, asked=self.target, out_of_reach=~self.reachable)
        if not self.kept.any():
            return self._answer(self.states, plain, 0, plain.error)
        state, updates = continuous(self)
        errors, shares = [], []
        best = (self.states, plain)
        for states, found, changed in subsets(self, state):
            errors.append(found.error)
            shares.append(changed)
            if found.error < best[1].error:
                best = (states, found)
        unmet = np.abs(self.target - state.net) > UNMET * self.scale * self.full_scale
        answer = self._answer(*best, updates, state.missed, unmet)
        return replace(answer, errors=tuple(errors), changed=shares[-1])

    def _answer(
        self,
        states: States,
        state: TileState,
        updates: int,
        residual: float,
        unmet: Bools | bool = False,
    ) -> Answer:
        asked = np.where(self.kept, state.needed, 0.0)
        enabled = states if self.enabled.dtype == np.int8 else states.astype(bool)
        # out_of_reach judges the entries themselves, so nothing else counts as missed
        nothing = np.zeros(asked.shape)
        beyond = self._out_of_reach(state, unmet)
        return Answer(enabled, asked, beyond, state.net, updates, nothing, residual)

    def _out_of_reach(self, state: TileState, unmet: Bools | bool = False) -> Bools:
        """Cells whose entries are missed, and not because subsets are coarse, (rows, columns).

        The precision is the rms error of the switches without wires, over kept cells that their
        branches can meet then. Out of reach are cells that would need more than their branches
        make, or that conductances of any size left `unmet`, and that miss by more than the
        precision or, where that is less, `UNMET` of scaled full scale; others that miss by more
        than that and, if kept, `_COARSE` times the precision besides; and those whose line is
        cut off.
        """
        lines = self.cells.lines(self.states)
        low, high = self.cells.reach()
        within = self.kept & (low <= self.target) & (self.target <= high)
        precision = shortfall(within, lines[0] - lines[1] - self.target, self.full_scale)
        beyond = self.kept & ((state.needed < low) | (high < state.needed) | unmet)
        most = UNMET * self.scale + np.where(self.kept, _COARSE * precision, 0.0)
        most = np.where(beyond, np.minimum(precision, UNMET * self.scale), most)
        missed = np.abs(self.target - state.net) > most * self.full_scale
        return np.asarray(missed | (self.cut & (self.target != 0)))

    @property
    def states(self) -> States:
        """The switches of the task as they are, stuck ones included."""
        fixed = self.cells.resting()
        return np.asarray(np.where(fixed, fixed, self.enabled), dtype=np.int8)

    def analysed(self, siemens: Floats) -> Floats:
        """Transfer matrix of single bit lines, wires included, (2, rows, columns) [S]."""
        rows, columns = self.target.shape
        array = Array.from_siemens(side_by_side(siemens), self.wires)
        found = nodal.transfer_matrix(array, keep=False).siemens
        return np.asarray(found.T.reshape(rows, columns, 2).transpose(2, 0, 1))


@dataclass(frozen=True)
class TileState:
    """Switches or continuous conductances, and what they do.

    Kept cells miss their targets by `missed`, rms relative to full scale. `error` is that of kept
    cells which cost as much as all cells do, were their errors independent.
    """

    siemens: Floats
    lines: Floats
    needed: Floats
    missed: float
    error: float

    @property
    def net(self) -> Floats:
        """Transfer matrix, (rows, columns) [S]."""
        return np.asarray(self.lines[0] - self.lines[1])

    @classmethod
    def of(cls, task: TileTask, siemens: Floats) -> TileState:
        """Analyse a tile of these cells, (2, rows, columns)."""
        lines = task.analysed(siemens)
        total = np.where(task.cut_lines, 0.0, siemens).sum(axis=0)
        # what a cell passes of its own conductance; sneak currents count where it has little
        passed = np.divide(lines.sum(axis=0), total, out=np.ones(total.shape), where=total > 0)
        attenuation = np.clip(passed, LEAST_ATTENUATION, 1.0)
        lacking = task.target - (lines[0] - lines[1])
        missing = np.where(task.kept, lacking, 0.0)
        needed = siemens[0] - siemens[1] + np.where(task.cut, 0.0, missing) / attenuation
        missed = shortfall(task.kept, missing, task.full_scale)
        cost = float((lacking * (task.moments @ lacking)).sum()) / task.full_scale**2
        error = float(np.sqrt(max(cost, 0.0) / max(task.kept.sum(), 1)))
        return cls(siemens, lines, needed, missed, error)


def continuous(task: TileTask) -> tuple[TileState, int]:
    """Conductances of any size within the cells' reach.

    Kept cells have the loads that are expected of them where they are chosen in turn, else all
    the same load.
    """
    least, greatest = task.cells.ends()
    greatest = np.where(task.kept, greatest, least)
    total = task.cells.lines(task.states).sum(axis=0)
    expected = in_turn(task)
    choices = task.cells.choices(task.full_scale)
    if expected:
        load = (
            expected_load(choices, task.target / task.full_scale, task.lightness).load
            * task.full_scale
        )
    else:
        busy = task.kept & task.states.any(axis=2)
        load = np.asarray(LIGHTER * total[busy].mean() if busy.any() else 0.0)
    total = np.where(task.kept, load, total)
    lines, updates, former = _within(task.target, total, least, greatest), 0, np.inf
    while True:
        state, updates = TileState.of(task, lines), updates + 1
        if expected:
            load = expected_load(choices, state.needed / task.full_scale, task.lightness).load
            total = np.where(task.kept, load * task.full_scale, total)
        lines = _within(state.needed, total, least, greatest)
        now = state.siemens[0] - state.siemens[1]
        step, needed = lines[0] - lines[1] - now, state.needed - now
        missed = made_up(task.kept, step, needed, task.target - state.net, task.full_scale)
        if missed < _RESIDUAL or missed > STALLED * former or updates == _MOST_UPDATES:
            return state, updates
        former = missed


def _within(net: Floats, total: Floats, least: Floats, greatest: Floats) -> Floats:
    """Conductances to both lines for these nets and totals, as far as the ends allow."""
    minus = np.clip((total - net) / 2, least[1], greatest[1])
    plus = np.clip(minus + net, least[0], greatest[0])
    return np.array([plus, np.clip(plus - net, least[1], greatest[1])])


def tile_tasks(
    measurement: Measurement,
    plain: Program,
    wires: Wires,
    tile: Tile,
    passes: int,
    *,
    moments: Sequence[Floats] = (),
    scale: float | Floats = 1.0,
    seed: int = 0,
) -> list[TileTask]:
    """One for each of `tile_slices`, with its `moments`; default 1 of each error with itself.

    `scale` is what the program's targets were multiplied by.
    """
    cells, places = Cells.of(measurement), tile_slices(plain.target_siemens.shape, tile)
    size = np.broadcast_to(scale, plain.target_siemens.shape[1])
    net = np.subtract(*cells.lines(plain.enabled.astype(np.int8)))
    error = np.abs(net - plain.target_siemens) / measurement.design.full_scale_siemens
    # weights too small for any branch tell nothing of what subsets can do
    used = (plain.target_siemens != 0) & plain.enabled.any(axis=2)
    return [
        TileTask(
            target=plain.target_siemens[place].copy(),
            cells=cells.part(place),
            enabled=plain.enabled[place].copy(),
            reachable=plain.reachable[place],
            wires=wires,
            full_scale=measurement.design.full_scale_siemens,
            passes=passes,
            moments=moments[number] if moments else np.eye(len(plain.enabled[place])),
            seed=1_000_003 * number + abs(seed),
            scale=size[place[1]],
            precision=_normal(error[place][used[place]]),
        )
        for number, place in enumerate(places)
    ]


def _normal(errors: Floats) -> float:
    """Rms of normal errors with the same median; 0 of none."""
    return float(np.median(errors) / _MEDIAN) if errors.size else 0.0

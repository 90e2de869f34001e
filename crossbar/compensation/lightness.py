"""Cells that are chosen in turn, and how little these are to draw where sneak currents count.

What kept cells draw also flows over other word lines into pruned cells, which cannot take it back.
It goes over two more cells on its way, so it falls with the square of what they draw. But few
subsets draw little, and the nearest of few is far from what a cell needs. So cells are to be as
light as makes both together small: a unit of load costs as much as being that much nearer gains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from crossbar.compensation.leverage import chains, side_by_side
from crossbar.compensation.moments import whitening
from solvers.expectation import expected_load
from solvers.settling import Choices

if TYPE_CHECKING:
    from crossbar.compensation.tiles import TileTask

Floats = NDArray[np.float64]

_ONE_BRANCH = 0.5
"""Of the squares of a cell's branches, that the largest may have where cells are chosen in turn.

What their loads will be is taken as normal; in ladders a few branches decide it.
"""

_WEAK = 8.0
"""Precisions that a load, one standard deviation off, adds to other entries at most where cells
are not chosen in turn. Measured: at 5 to 7 passes serve better by a tenth of a bit or two, at 10
worse by more than one.
"""

_ENOUGH, _PLENTY = 5e4, 2e5
"""States of a cell from which on light ones are chosen in turn, too, and alone.

Measured on pruned tiles of 128 x 128 lines: paired cells of 14 (2^14 states) and steered ones of 8
(3^8) have up to a tenth of a bit more by passes, paired ones of 16 and steered ones of 10 up to a
quarter less, on small tiles half a bit more or less; paired ones of 20 and 24 have 1.5 and 3 bits
less.
"""

_LIGHTEST = 50.0
"""Lightness by full scale: what is beyond would be for cells of more resistors than are taken."""

_NOT_MADE_UP = 3.0
"""Sneak currents, squared, once nets make up for the wires; relative to those of plain switches.

Measured on pruned tiles: 2 and 4 have the same bits to a tenth or so, 8 loses up to two tenths.
"""

_LEFT_TO_OTHERS = 3.0
"""What errors of kept cells cost, over what the nearest light states would, since these have to
keep what others planned, too. Measured: 2.7 to 3, and 1.5 has the same bits.
"""

_SAMPLE, _TOLERANCE = 200, 0.1
"""Kept cells that lightness is found by, at most about; and of what is found."""


def in_turn(task: TileTask) -> bool:
    """Whether cells are chosen in turn, from the far ends of their lines.

    Lines end at one side only, loads are felt far more than subsets are coarse, and where sneak
    currents count there are enough subsets that draw little.
    """
    rows, columns = task.target.shape
    ohm = task.wires.each(rows, 2 * columns)
    one_sided = np.isinf(ohm["far_driver"]).all() and np.isinf(ohm["far_sense"]).all()
    if not one_sided or task.cut_lines.any() or not task.kept.any():
        return False
    squares = np.square(task.cells.up[task.kept].sum(axis=2))
    squares = squares[squares.any(axis=1)]  # a dead cell decides nothing
    if not len(squares) or np.median(squares.max(axis=1) / squares.sum(axis=1)) > _ONE_BRANCH:
        return False
    spread = float(np.median(np.sqrt(squares.sum(axis=1)))) / 2
    if _coupling(task) * spread < _WEAK * task.precision * task.full_scale:
        return False
    return _states(task) >= _ENOUGH or not task.sneak[0]


def enough_in_turn(task: TileTask) -> bool:
    """Whether light cells need no passes besides, so many of their subsets draw little."""
    return _states(task) >= _PLENTY


def lightness_of(task: TileTask) -> float:
    """How light cells that are chosen in turn are to be, see `expected_load`; by full scale."""
    lost, own = task.sneak
    if not lost:
        return 0.0
    choices, nets = _sample(task)
    plain = task.cells.lines(task.states).sum(axis=0)[task.kept].mean() / task.full_scale

    def cost(light: float) -> float:
        found = expected_load(choices, nets, light)
        lighter, missed = float(found.load.mean() / plain), float(np.mean(found.nearest**2))
        return lost * lighter**4 + _LEFT_TO_OTHERS * own * missed

    best = optimize.minimize_scalar(
        cost, bounds=(0.0, _LIGHTEST), method="bounded", options={"xatol": _TOLERANCE}
    )
    return float(best.x)


def cost_of_sneak(task: TileTask, sneak: Floats) -> tuple[float, float]:
    """What errors of pruned cells by sneak currents cost, and what those of all kept ones of 1 do.

    What kept cells can make up for, as far as that is worth it, costs nothing.
    """
    sums = whitening(task.moments, task.kept)
    lost = np.where(task.kept, 0.0, (sums @ sneak.T[..., None])[..., 0].T)
    own = np.diagonal(sums, axis1=1, axis2=2).T
    return float((lost**2).sum()), float((own[task.kept] ** 2).sum())


def sneak_of(task: TileTask) -> tuple[float, float]:
    """What sneak currents would cost before cells are light, and kept cells, as `cost_of_sneak`.

    The former is 0 where plain switches have less of it than of errors of their own.
    """
    if task.kept.all():
        return 0.0, 0.0
    found = np.where(task.kept, 0.0, task.plain_matrix()) / task.full_scale
    lost, own = cost_of_sneak(task, found)
    return (_NOT_MADE_UP * lost if lost > own * task.precision**2 else 0.0), own


def _states(task: TileTask) -> float:
    """How many states the branches of a kept cell have, in the middle of all cells."""
    choices = (task.cells.allowed[task.kept][..., None] >> np.arange(3)) & 1
    return float(np.median(choices.sum(axis=2).prod(axis=1, dtype=float)))


def _sample(task: TileTask) -> tuple[Choices, Floats]:
    """Some kept cells, as a column, and what is asked of them."""
    kept = np.argwhere(task.kept)
    some = tuple(kept[:: -(-len(kept) // _SAMPLE)].T)
    choices = task.cells.choices(task.full_scale)
    parts = (choices.up, choices.down, choices.base, choices.allowed)
    column = (np.ascontiguousarray(part[some][:, None]) for part in parts)
    return Choices(*column), task.target[some][:, None] / task.full_scale


def _coupling(task: TileTask) -> float:
    """What a siemens of load adds to other entries where it adds most, rms of the kept ones [S]."""
    words, bits = chains(task.wires, side_by_side(task.cells.lines(task.states)))
    farthest = max(words.alone().max(), bits.alone().max() / 2)
    return float(farthest * np.sqrt(np.mean(task.target[task.kept] ** 2)))

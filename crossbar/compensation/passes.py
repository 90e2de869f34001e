"""Subsets for all cells of a tile whose continuous conductances are known.

Where loads are felt far more than subsets are coarse, lines end at one side only and little flows
into pruned cells, cells are chosen in turn, from the far ends of their lines (`foresight`): nearly
all states of a cell are good enough for the others, so it takes the one that is best for itself.

Else, as where sneak currents into pruned cells count and cells have to draw little, the circuit is
analysed, how far each cell moves the others is found (`leverage`), and cells choose one after
another, each for what all entries of its row and its column lack then (`solvers.settling`): they
cancel what others did. In the first pass a cell looks after its own entry nearly alone; others
count more from pass to pass, in full at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crossbar.compensation.cells import States
from crossbar.compensation.foresight import Asked, chosen_in_turn
from crossbar.compensation.leverage import chains, influence, side_by_side
from crossbar.compensation.moments import whitening
from crossbar.compensation.tasks import UNMET, shortfall
from solvers.expectation import expected_load
from solvers.settling import settle

if TYPE_CHECKING:
    from crossbar.compensation.tiles import TileState, TileTask

Floats = NDArray[np.float64]
Pass = tuple[States, "TileState", float]

SOFTEST = 1e-3
"""What other entries lack weighs this much in the first pass, and in full in the last ones.

Measured: 1e-2 to 1e-4 differ by less than a tenth of a bit; in full from the start costs a bit.
"""

_SWEEPS, _TO_REST = 2, 20
"""Over all cells in a pass; where others count in full, up to as often as that to come to rest."""

_MANY_STATES = 1000
"""Of half a cell's branches, from which on one sweep is long enough."""

_ASTRAY = 0.3
"""Error of what was foretold, relative to that, from which on changes are held back.

Measured: beside 1, the same bits up to a segment resistance times full scale of 1e-4, and half a
bit to a bit more of dense staggers at 2e-4 (128 rows); small tiles lose some tenths at 1e-2.
"""

_PRICE = 60.0
"""Squared errors of subsets that a load one standard deviation off is worth.

Measured on 128 rows: from 30 to 100 the same bits to a tenth, less is unstable in some tiles.
"""

_ONE_BRANCH = 0.5
"""Of the squares of a cell's branches, that the largest may have where cells are chosen in turn.

What their loads will be is taken as normal; in ladders a few branches decide it.
"""

_WEAK = 8.0
"""Precisions that a load, one standard deviation off, adds to other entries at most where cells
are not chosen in turn. Measured: at 5 to 7 passes serve better by a tenth of a bit or two, at 10
worse by more than one.
"""

_FINEST = 1.6e-5
"""Errors below which the circuit is not linear enough for loads to be any."""

_COARSE = 10.0
"""Precisions of subsets that cells chosen in turn may miss by before they settle in passes, too."""

_SLOW = 0.99
"""Passes that follow end where one leaves more than this share of the error."""


def in_turn(task: TileTask) -> bool:
    """Whether cells are chosen in turn: lines end at one side and little flows into pruned cells.

    Little is what costs less than the precision of subsets does.
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
    if task.kept.all():
        return True
    sneak = np.where(task.kept, 0.0, task.plain_matrix()) / task.full_scale
    lost, own = _of_sneak(task, sneak)
    return bool(lost <= own * task.precision**2)


def _coupling(task: TileTask) -> float:
    """What a siemens of load adds to other entries where it adds most, rms of the kept ones [S]."""
    words, bits = chains(task.wires, side_by_side(task.cells.lines(task.states)))
    farthest = max(words.alone().max(), bits.alone().max() / 2)
    return float(farthest * np.sqrt(np.mean(task.target[task.kept] ** 2)))


def subsets(task: TileTask, state: TileState) -> Iterator[Pass]:
    """Choose the switches of all kept cells, one cell after another, several times over.

    After each pass the switches, what they do, and the share of kept cells that it changed, be it
    taken back or not.
    """
    # what no conductances within reach would meet is not asked of the cells around
    hopeless = np.abs(task.target - state.net) > UNMET * task.full_scale
    goal = np.where(hopeless & task.kept, state.net, task.target)
    if in_turn(task):
        # nor what the branches of a cell cannot make: the rest of its row would be bent towards it
        least, greatest = task.cells.reach()
        beyond = (state.needed < least) | (greatest < state.needed)
        within = np.where(beyond & task.kept, state.net, goal)
        missed = np.inf
        for done in _in_turn(task, within, state):
            missed = min(missed, shortfall(task.kept, within - done[1].net, task.full_scale))
            yield done
        if missed <= _COARSE * max(task.precision, _FINEST):
            return
    weights = np.ones(task.passes)
    weights[:-1] = np.geomspace(SOFTEST, 1, task.passes - 1)
    yield from _passes(task, goal, state, task.cells.resting(), task.states, weights)


def _in_turn(task: TileTask, goal: Floats, state: TileState) -> Iterator[Pass]:
    states = _chosen_in_turn(task, goal, state)
    found = state.of(task, task.cells.lines(states))
    yield states, found, _changed(task, states, task.states)
    before = np.inf
    for done in _passes(task, goal, found, states, states, np.ones(task.passes - 1)):
        yield done
        if done[1].error > _SLOW * before:
            return
        before = done[1].error


def _chosen_in_turn(task: TileTask, goal: Floats, state: TileState) -> States:
    unit, choices = task.full_scale, task.cells.choices(task.full_scale)

    def transfer(siemens: Floats) -> Floats:
        lines = task.analysed(siemens)
        return np.asarray(lines[0] - lines[1])

    asked = Asked(
        task.wires,
        unit,
        choices,
        goal / unit,
        task.kept,
        np.stack(task.cells.reach()) / unit,
        expected_load(choices, state.needed / unit),
        _PRICE * max(task.precision, _FINEST) ** 2,
        task.moments,
        transfer,
    )
    return chosen_in_turn(asked, state.siemens, task.cells.resting())


def _passes(
    task: TileTask,
    goal: Floats,
    state: TileState,
    states: States,
    former: States,
    weights: Floats,
) -> Iterator[Pass]:
    unit = task.full_scale
    choices = task.cells.choices(unit)
    sweeps = 1 if choices.most_states > _MANY_STATES else _SWEEPS
    caution = 0.0
    for number, weight in enumerate(weights):
        one, other = state.siemens
        chosen, foretold = settle(
            choices,
            influence(task.wires, state.siemens),
            states,
            np.stack([one - other, one + other], axis=2) / unit,
            (goal - state.net) / unit,
            task.kept,
            sweeps=sweeps if weight < 1 else _TO_REST * sweeps,
            others=float(weight),
            caution=caution,
            moments=task.moments,
            pull=_pull(task, state),
            seed=task.seed + number,
        )
        found = state.of(task, task.cells.lines(chosen))
        wrong = np.linalg.norm((goal - found.net) / unit - foretold)
        astray = bool(wrong > _ASTRAY * np.linalg.norm(foretold))
        caution = 4 * caution + 1 if astray else caution / 2
        changed = _changed(task, chosen, states if number else former)
        if not (astray and number and found.error > state.error):
            states, state = chosen, found
        yield states, state, changed


def _changed(task: TileTask, states: States, former: States) -> float:
    return float((states != former).any(axis=2)[task.kept].mean())


def _of_sneak(task: TileTask, sneak: Floats) -> tuple[float, float]:
    """What errors of pruned cells by sneak currents cost, and what those of all kept ones of 1 do.

    What kept cells can make up for, as far as that is worth it, costs nothing.
    """
    sums = whitening(task.moments, task.kept)
    lost = np.where(task.kept, 0.0, (sums @ sneak.T[..., None])[..., 0].T)
    own = np.diagonal(sums, axis1=1, axis2=2).T
    return float((lost**2).sum()), float((own[task.kept] ** 2).sum())


def _pull(task: TileTask, state: TileState) -> float:
    """Half of what sneak currents into pruned cells cost more for a unit of load.

    They go over three cells: their square rises with the sixth power of what these conduct.
    """
    if task.kept.all():
        return 0.0
    loads = state.siemens.sum() / task.full_scale
    sneak = np.where(task.kept, 0.0, task.target - state.net) / task.full_scale
    return 3 * _of_sneak(task, sneak)[0] / loads if loads else 0.0

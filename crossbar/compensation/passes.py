"""Subsets for all cells of a tile whose continuous conductances are known.

Where loads are felt far more than subsets are coarse and lines end at one side only, cells are
chosen in turn, from the far ends of their lines (`foresight`): nearly all states of a cell are good
enough for the others, so it takes the one that is best for itself; or, where sneak currents into
pruned cells count, the one that is best and draws little (`lightness`).

Else, as where cells have too few states for that, the circuit is analysed, how far each cell moves
the others is found (`leverage`), and cells choose one after another, each for what all entries of
its row and its column lack then (`solvers.settling`): they cancel what others did. In the first
pass a cell looks after its own entry nearly alone; others count more from pass to pass, in full at
the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crossbar.compensation.cells import States
from crossbar.compensation.foresight import Asked, chosen_in_turn
from crossbar.compensation.leverage import influence
from crossbar.compensation.lightness import cost_of_sneak, enough_in_turn, in_turn
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

_FINEST = 1.6e-5
"""Errors below which the circuit is not linear enough for loads to be any."""

_COARSE = 10.0
"""Precisions of subsets that cells chosen in turn may miss by before they settle in passes, too."""

_SLOW = 0.99
"""Passes that follow end where one leaves more than this share of the error."""


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
        # where cells make up for sneak currents, they miss what is asked of them by more
        most = UNMET if task.lightness else _COARSE * max(task.precision, _FINEST)
        if missed <= most and (enough_in_turn(task) or not task.lightness):
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
    expected = expected_load(choices, state.needed / unit, task.lightness)
    few = float(np.median(expected.nearest[task.kept])) if task.lightness else 0.0

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
        expected,
        task.lightness,
        _PRICE * max(task.precision, few, _FINEST) ** 2,
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


def _pull(task: TileTask, state: TileState) -> float:
    """Half of what sneak currents into pruned cells cost more for a unit of load.

    They go over two more cells, so that their square rises with the fourth power of what all draw;
    pulled as for a sixth, paired cells of 14 have a tenth of a bit more.
    """
    if task.kept.all():
        return 0.0
    loads = state.siemens.sum() / task.full_scale
    sneak = np.where(task.kept, 0.0, task.target - state.net) / task.full_scale
    return 3 * cost_of_sneak(task, sneak)[0] / loads if loads else 0.0

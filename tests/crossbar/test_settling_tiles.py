"""What each pass over a tile asks of `solvers.settling`, where cells are not chosen in turn."""

from __future__ import annotations

import numpy as np
import pytest

from crossbar import Design, Tile, Wires, fabricate, measure, program
from crossbar.compensation import compensate, passes, tiles
from crossbar.compensation.passes import _pull
from crossbar.compensation.tiles import LIGHTER, TileState, continuous, tile_tasks
from solvers.settling import settle

WIRES, TILE = Wires(5.0, 5.0, 5.0, 5.0), Tile(12, 16)


def made(resistors=8, keep=1.0):
    """Measured paired cells and targets, some of them pruned."""
    design = Design(ladder="stagger", resistors=resistors)
    measured = measure(fabricate(design, 12, 8, 1), error=0.0, seed=2)
    random = np.random.default_rng(3)
    target = random.uniform(-1, 1, (12, 8)) * (random.random((12, 8)) < keep)
    return measured, target * design.full_scale_siemens


def not_in_turn(monkeypatch):
    for module in (passes, tiles):
        monkeypatch.setattr(module, "in_turn", lambda task: False)


def asked(name, monkeypatch, measured, target, **options):
    """One argument of all calls of `settle`."""
    told = []

    def spied(*given, **how):
        told.append(how[name])
        return settle(*given, **how)

    monkeypatch.setattr(passes, "settle", spied)
    not_in_turn(monkeypatch)
    compensate(measured, target, WIRES, **options)
    return told


@pytest.mark.parametrize("common", [0.0, 1e-3])
def test_a_load_costs_what_more_flows_into_pruned_cells(common):
    """Against the growth of these currents when all cells conduct a thousandth more."""
    measured, target = made(keep=0.3)
    moments = np.eye(len(target)) + common
    (task,) = tile_tasks(measured, program(measured, target), WIRES, TILE, 4, moments=[moments])
    lines = task.cells.lines(task.states)
    costs = []
    for siemens in (lines, 1.001 * lines):
        net = np.where(task.kept, 0.0, TileState.of(task, siemens).net) / task.full_scale
        # of sums that the kept cells do not make up for, as for a small `common`
        costs.append((net**2).sum() + common * (net.sum(axis=0) ** 2).sum())
    more = (costs[1] - costs[0]) / (1e-3 * lines.sum() / task.full_scale)
    # drops along the wires and the finite step are of the order of a hundredth
    assert 2 * _pull(task, TileState.of(task, lines)) == pytest.approx(more, rel=0.05)


def test_loads_are_pulled_down_only_where_cells_are_pruned(monkeypatch):
    options = {"tile": TILE, "passes": 3}
    assert asked("pull", monkeypatch, *made(), **options) == [0.0] * 3
    assert min(asked("pull", monkeypatch, *made(keep=0.3), **options)) > 0


@pytest.mark.parametrize("resistors, expected", [(8, [2, 40, 40]), (20, [1, 20, 20])])
def test_the_passes_in_full_go_on_until_cells_come_to_rest(resistors, expected, monkeypatch):
    found = asked("sweeps", monkeypatch, *made(resistors), tile=TILE, passes=3)
    assert found == expected


def test_every_pass_over_every_tile_has_its_own_order(monkeypatch):
    found = asked("seed", monkeypatch, *made(), tile=Tile(6, 8), passes=3, seed=5)
    assert len(found) == 12
    assert len(set(found)) == 12


def test_others_count_more_from_pass_to_pass_and_in_full_at_last(monkeypatch):
    found = asked("others", monkeypatch, *made(), tile=TILE, passes=4)
    assert found == pytest.approx([1e-3, 10**-1.5, 1.0, 1.0])


@pytest.mark.parametrize("keep", [0.5, 0.05])
def test_cells_without_branches_do_not_lower_what_all_are_to_draw(keep, monkeypatch):
    """Those of weights too small for any: they draw as much as the others."""
    measured, target = made(keep=keep)
    not_in_turn(monkeypatch)
    tiny = np.where(target == 0, 1e-9 * measured.design.full_scale_siemens, target)
    (task,) = tile_tasks(measured, program(measured, tiny), WIRES, TILE, 4)
    used = task.states.any(axis=2)
    load = LIGHTER * task.cells.lines(task.states).sum(axis=0)[used].mean()
    drawn = continuous(task)[0].siemens.sum(axis=0)
    assert np.array_equal(used, target != 0)
    assert drawn[~used] == pytest.approx(load, rel=1e-6)

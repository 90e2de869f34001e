"""Tiles whose cells are chosen in turn, or would be: faults and wires at their worst."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crossbar import Design, Tile, Wires, fabricate, measure, program, target_siemens
from crossbar.compensation import compensate
from crossbar.compensation.passes import in_turn
from crossbar.compensation.tiles import tile_tasks


def measured_and_targets(design, rows=16, columns=6):
    random = np.random.default_rng(0)
    measured = measure(fabricate(design, rows, columns, 0), error=0.0, seed=1)
    return measured, target_siemens(design, random.normal(size=(columns, rows)))


DESIGNS = [
    Design(ladder="stagger", resistors=10),
    Design(polarity="steered", ladder="stagger", radix=1.1, resistors=7),
]


@pytest.mark.parametrize("design", DESIGNS, ids=lambda one: one.polarity)
def test_dead_cells_do_not_decide_whether_cells_are_chosen_in_turn(design):
    measured, target = measured_and_targets(design)
    on = np.array(measured.on_siemens)
    on[3, 2] = on[0, 0] = 0
    measured, tile = replace(measured, on_siemens=on), Tile(16, 12)
    (task,) = tile_tasks(measured, program(measured, target), Wires(3000.0, 3000.0), tile, 2)
    assert in_turn(task)
    on[:] = 0
    dead = replace(measured, on_siemens=on)
    (task,) = tile_tasks(dead, program(dead, target), Wires(3000.0, 3000.0), tile, 2)
    assert not in_turn(task)


@pytest.mark.parametrize("ohm", [1e5, 1e7, 1e9, 1e12])
@pytest.mark.parametrize("design", DESIGNS, ids=lambda one: one.polarity)
def test_wires_that_leave_hardly_any_voltage_are_borne(design, ohm):
    """No net is planned that branches do not reach, however little is felt of it."""
    measured, target = measured_and_targets(design)
    wires = Wires(ohm, ohm, ohm, ohm)
    found = compensate(measured, target, wires, tile=Tile(16, 12), passes=2)
    assert found.compensated_bits >= found.uncompensated_bits
    assert found.out_of_reach.mean() > 0.9

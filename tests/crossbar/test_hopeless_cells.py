"""A cell that cannot be met leaves the updates of all others alone, whatever the cells are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crossbar import Design, Tile, Wires, fabricate, measure
from crossbar.compensation import compensate
from crossbar.compensation.tasks import made_up

CELLS = (
    Design(polarity="flip", ladder="stagger", resistors=12),
    Design(polarity="offset", ladder="guaranteed", resistors=10),
    Design(ladder="stagger", resistors=12),
    Design(polarity="steered", ladder="stagger", resistors=8),
)
ROWS, COLUMNS, TILE = 16, 8, Tile(16, 16)


@pytest.mark.parametrize("design", CELLS, ids=lambda one: one.polarity)
def test_a_dead_cell_is_the_only_one_out_of_reach(design):
    """It ended the updates, so that flip cells lost two bits and others were called out of reach.

    What a dead cell lacks is less than the wires take: what others meet hardly changes.
    """
    full_scale = design.full_scale_siemens
    measured = measure(fabricate(design, ROWS, COLUMNS, 1), error=0.0, seed=2)
    target = 0.6 * full_scale * np.random.default_rng(3).uniform(-1, 1, (ROWS, COLUMNS))
    target[5, 2] = full_scale
    on = np.array(measured.on_siemens)
    on[5, 2] = 0.0
    dead = replace(measured, on_siemens=on)
    ohm = 2e-3 / full_scale
    whole, found = (
        compensate(one, target, Wires(ohm, ohm, ohm, ohm), tile=TILE, passes=8)
        for one in (measured, dead)
    )
    assert found.out_of_reach[5, 2]
    assert found.out_of_reach.sum() == 1
    assert not whole.out_of_reach[np.arange(ROWS) != 5].any()
    assert found.updates >= whole.updates - 1


@pytest.mark.parametrize("design", CELLS, ids=lambda one: one.polarity)
def test_a_row_without_an_input_does_not_end_the_updates(design):
    """Its cells ask for nothing: were small targets asked for again and again, all would move."""
    full_scale = design.full_scale_siemens
    measured = measure(fabricate(design, ROWS, COLUMNS, 1), error=0.0, seed=2)
    target = 0.6 * full_scale * np.random.default_rng(3).uniform(-1, 1, (ROWS, COLUMNS))
    target[5] = 1e-3 * full_scale
    ohm, driver = 2e-3 / full_scale, np.full(ROWS, 1.0)
    updates = []
    for driver[5] in (1.0, np.inf):
        wires = Wires(ohm, ohm, driver.copy(), ohm)
        found = compensate(measured, target, wires, tile=TILE, passes=2)
        updates.append(found.updates)
    assert found.out_of_reach[5].all()
    assert updates[0] >= 6
    assert updates[1] == pytest.approx(updates[0], abs=1)  # there is hardly less to make up for


def test_only_what_cells_have_room_for_is_made_up():
    step, needed = np.array([[1.0, 0.5, 0.0, 0.0]]), np.array([[1.0, 2.0, 3.0, 0.0]])
    lacking, asked = np.full((1, 4), 4.0), np.array([[True, True, True, False]])
    # all of the first, a quarter of the second, nothing of the third; full scale is 2
    expected = np.sqrt((4**2 + 1**2 + 0) / 3) / 2
    assert made_up(asked, step, needed, lacking, 2.0) == pytest.approx(expected, rel=1e-12)
    assert made_up(asked, 0 * step, 0 * needed, lacking, 2.0) == 0

"""Wire-aware programming where wires are open or too strong: what is missed is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crossbar import Design, Tile, Wires, fabricate, measure, transfer
from crossbar.compensation import compensate
from crossbar.compensation.tasks import cut_off, share_of_reach
from spice_models import CircuitError

CELLS = (
    Design(ladder="stagger", resistors=8),
    Design(polarity="flip", ladder="stagger", resistors=8),
    Design(polarity="offset", ladder="guaranteed", resistors=8),
)
ROWS, COLUMNS, TILE = 6, 4, Tile(6, 8)


def made(design, size=1.0):
    """A measured chip and targets of all sizes, the largest `size` of full scale."""
    measured = measure(fabricate(design, ROWS, COLUMNS, 1), error=0.0, seed=2)
    target = np.random.default_rng(3).uniform(0.2, 1, (ROWS, COLUMNS)) * design.full_scale_siemens
    target[1::2] *= -1
    return measured, size * target


def lines_of(design):
    """Bit lines of the tile, with the reference."""
    return COLUMNS + 1 if design.has_reference else 2 * COLUMNS


def opened(design, kind, place):
    """Weak wires, one of which is open."""
    lines = lines_of(design)
    shapes = {
        "word_segment_ohm": (ROWS, lines - 1),
        "bit_segment_ohm": (ROWS - 1, lines),
        "driver_ohm": (ROWS,),
        "sense_ohm": (lines,),
    }
    ohm = {name: np.full(shape, 2.0) for name, shape in shapes.items()}
    ohm[kind][place] = np.inf
    return Wires(**ohm)


@pytest.mark.parametrize("scale", [1.0, "fit", "fit columns"])
@pytest.mark.parametrize("size", [1.0, 0.02])
@pytest.mark.parametrize("design", CELLS, ids=lambda one: one.polarity)
def test_rows_without_an_input_are_out_of_reach_and_do_not_shrink_the_others(design, size, scale):
    measured, target = made(design, size)
    found = compensate(measured, target, opened(design, "driver_ohm", 2), tile=TILE, scale=scale)
    assert found.out_of_reach[2].all()
    # a cell of eight resistors may reach a few per cent less than full scale
    assert np.all(found.scale > 0.9)


@pytest.mark.parametrize("design", CELLS, ids=lambda one: one.polarity)
def test_a_column_without_a_sense_is_out_of_reach_for_the_signs_that_take_it(design):
    measured, target = made(design, 0.02)
    found = compensate(measured, target, opened(design, "sense_ohm", 0), tile=TILE, scale="fit")
    lost = target[:, 0] > 0 if design.lines_per_column == 2 else np.ones(ROWS, dtype=bool)
    assert found.out_of_reach[lost, 0].all()
    assert found.scale > 0.9


@pytest.mark.parametrize("design", CELLS, ids=lambda one: one.polarity)
def test_no_target_is_missed_by_much_without_being_said(design):
    """Wires so strong that the updates stall before cells that could be met are met."""
    design = replace(design, resistors=12)
    chip = fabricate(design, ROWS, COLUMNS, 1)
    measured, target = made(design)
    wires = Wires(1e4, 1e4, 100.0, 100.0)
    found = compensate(measured, target, wires, tile=TILE)
    matrix = transfer(chip, found.program, wires, tile=TILE).siemens.T
    missed = np.abs(matrix - target) / design.full_scale_siemens
    assert found.out_of_reach.any()
    # a hundredth, and the precision of twelve resistors, made coarser by such wires
    assert missed[~found.out_of_reach].max(initial=0) < 0.025


def test_crossings_that_open_wires_cut_off():
    word, bit = np.ones((3, 3)), np.ones((2, 4))
    word[0, 1] = bit[1, 2] = np.inf
    expected = np.zeros((3, 4), dtype=bool)
    expected[0, 2:] = True  # behind the open segment of word line 0
    expected[:2, 2] = True  # bit lines are sensed behind their last row
    assert np.array_equal(cut_off(Wires(word, bit, 1.0, 1.0), 3, 4), expected)
    assert not cut_off(Wires(word, bit, 1.0, 1.0, 5.0, 5.0), 3, 4).any()
    assert not cut_off(Wires.ideal(), 3, 4).any()
    assert cut_off(Wires(1.0, 1.0, np.array([1, np.inf, 1]), 1.0), 3, 4)[1].all()


def test_wires_that_do_not_fit_a_tile_are_refused_before_work(monkeypatch):
    measured, target = made(CELLS[0])
    monkeypatch.setattr("crossbar.compensation.programming.program", None)
    wires = Wires(word_segment_ohm=np.ones((ROWS, 3)))
    with pytest.raises(CircuitError, match=r"wires.word_segment_ohm has shape \(6, 3\)") as said:
        compensate(measured, target, wires, tile=TILE)
    assert "\n" not in str(said.value)


def test_cells_share_their_reach_up_to_the_middle_above_full_scale():
    distance = np.array([[1.0, 3.0, 0.4], [0.5, -1.0, 0.1]])
    reach = np.array([[2.0, 2.0, 0.4], [0.8, 2.0, 1.0]])
    asked = np.array([[True, False, True], [True, True, False]])
    # 1 / 1.5; -1 / 1.5; a cell that reaches less than half of full scale is not asked
    share = share_of_reach(distance, reach, asked, 1.0)
    assert share == pytest.approx([2 / 3, 2 / 3, 0.0], rel=1e-12)

"""Wire-aware programming where wires are open or too strong: what is missed is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crossbar import Design, Tile, Wires, as_measured, fabricate, measure, program, transfer
from crossbar.compensation import compensate, scales, tiles
from crossbar.compensation.cells import Cells
from crossbar.compensation.nets import net_tasks
from crossbar.compensation.tasks import cut_off, share_of_reach
from crossbar.compensation.tiles import TileState, continuous, tile_tasks
from crossbar.metrics import effective_bits
from spice_models import CircuitError

CELLS = (
    Design(ladder="stagger", resistors=8),
    Design(polarity="steered", ladder="stagger", resistors=8),
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
@pytest.mark.parametrize("size", [1.0, 0.02, 1e-3])
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


@pytest.mark.parametrize("design", CELLS[:2], ids=lambda one: one.polarity)
def test_what_is_missed_is_judged_by_what_was_scaled_and_by_cells_that_can(design):
    """Two dead cells do not make the others coarse; a hundredth is one of the scaled range."""
    design = replace(design, resistors=12)
    measured, target = made(design)
    on = np.array(measured.on_siemens)
    on[0, 0] = on[3, 2] = 0
    (task,) = tile_tasks(
        replace(measured, on_siemens=on),
        program(measured, 0.1 * target),
        Wires(5.0, 5.0),
        TILE,
        4,
        scale=np.array([0.1, 0.1, 0.1, 0.2]),
    )
    off = np.full(target.shape, 0.003 * design.full_scale_siemens)
    off[1] *= -1
    off[:, 3] *= 0.5
    missed = task._out_of_reach(state_of(task, task.target + off))
    # 0.3 % of full scale: three hundredths of the first columns, three quarters of one of the last
    assert missed[:, :3].all()
    assert not missed[:, 3].any()


def state_of(task, net, needed=None):
    """A tile whose entries are these, and whose cells need what they are asked for, or this."""
    lines = np.array([net, np.zeros(net.shape)])
    return TileState(lines, lines, task.target if needed is None else needed, 0.0, 0.0)


@pytest.mark.parametrize("design", CELLS[:2], ids=lambda one: one.polarity)
def test_out_of_reach_is_what_is_missed_and_by_how_much_depends_on_the_cause(design):
    """In units of full scale and of the precision of the switches without wires."""
    design = replace(design, resistors=12)
    measured, target = made(design, 0.5)
    target[:, 2:] = 0
    (task,) = tile_tasks(measured, program(measured, target), Wires(5.0, 5.0), TILE, 4)
    unit, low_high = design.full_scale_siemens, task.cells.reach()
    lines = task.cells.lines(task.states)
    precision = np.sqrt(np.mean((lines[0] - lines[1] - target)[:, :2] ** 2)) / unit
    assert 1e-6 < precision < 0.005
    beyond = np.where(target > 0, low_high[1] + 0.1 * unit, low_high[0] - 0.1 * unit)
    kept = target != 0
    for needed, miss, expected in (
        (beyond, 0.99 * precision, False),  # needs too much by a hair, but is met
        (beyond, 1.01 * precision, True),
        (target, 0.009 + 5 * precision, False),
        (target, 0.011 + 5 * precision, True),
    ):
        for sign in (-1, 1):
            net = target + sign * np.where(kept, miss * unit, 0)
            found = task._out_of_reach(state_of(task, net, np.where(kept, needed, 0)))
            assert (found == (kept & expected)).all()
            # what continuous conductances could not meet is missed like what needs too much
            found = task._out_of_reach(state_of(task, net), kept & (needed is beyond))
            assert (found == (kept & expected)).all()
    # where subsets are as coarse as the targets are small, a hundredth of these is missed
    tiny = replace(task, scale=0.1 * precision / 0.01)
    for miss, expected in ((0.09, False), (0.11, True)):
        net = target + np.where(kept, miss * precision * unit, 0)
        found = tiny._out_of_reach(state_of(tiny, net, np.where(kept, beyond, 0)))
        assert (found == (kept & expected)).all()
    # no subset is chosen for a pruned cell, so none is too coarse
    for miss, expected in ((0.009, False), (0.011, True), (-0.011, True)):
        found = task._out_of_reach(state_of(task, np.where(kept, target, miss * unit)))
        assert (found == (~kept & expected)).all()


def test_pruned_weights_that_sneak_currents_make_wrong_are_said():
    design = CELLS[0]
    chip = fabricate(design, ROWS, COLUMNS, 1)
    measured, target = made(design)
    target[::2, ::2] = 0
    pruned = target == 0
    for ohm, strong in ((5.0, False), (2000.0, True)):
        wires = Wires(ohm, ohm, ohm, ohm)
        found = compensate(measured, target, wires, tile=TILE)
        matrix = transfer(chip, found.program, wires, tile=TILE).siemens.T
        wrong = np.abs(matrix / design.full_scale_siemens) > 0.01
        assert wrong[pruned].any() == strong
        assert np.array_equal(found.out_of_reach[pruned], wrong[pruned])
    empty = compensate(measured, 0 * target, wires, tile=TILE)
    assert not empty.out_of_reach.any()


@pytest.mark.parametrize("design", CELLS[:2], ids=lambda one: one.polarity)
def test_what_is_said_to_be_out_of_reach_is_missed(design):
    design = replace(design, resistors=12)
    chip = fabricate(design, ROWS, COLUMNS, 1)
    measured, target = made(design)
    wires = Wires(6000.0, 6000.0, 100.0, 100.0)
    found = compensate(measured, target, wires, tile=TILE)
    matrix = transfer(chip, found.program, wires, tile=TILE).siemens.T
    plain = as_measured(measured).cell_siemens(found.plain.enabled)
    reached = found.plain.reachable
    precision = np.sqrt(np.mean((plain - target)[reached] ** 2))
    missed = np.abs(matrix - target)
    assert 0 < found.out_of_reach.sum() < target.size / 2
    assert (missed[found.out_of_reach] > precision).all()
    assert missed[~found.out_of_reach].max() < 5 * precision + 0.01 * design.full_scale_siemens


@pytest.mark.parametrize("design", CELLS[:2], ids=lambda one: one.polarity)
def test_scaled_targets_that_are_lost_altogether_are_out_of_reach(design):
    """Though they are smaller than subsets are coarse, and no cell needs more than it may."""
    measured, target = made(design)
    found = compensate(measured, target, Wires(1e9, 1e9, 1e9, 1e9), tile=TILE, scale="fit")
    assert found.compensated_bits < 1
    assert found.scale < 0.1
    assert found.out_of_reach.all()


@pytest.mark.parametrize("design", CELLS[:2], ids=lambda one: one.polarity)
def test_without_wires_the_plain_program_says_what_is_out_of_reach(design):
    """By its own rule: a cell of two branches is missed by less than the precision."""
    measured, target = made(design)
    on = np.array(measured.on_siemens)
    on[0, 0] = 0
    on[3, 2, :3] = on[3, 2, 5:] = 0
    measured = replace(measured, on_siemens=on)
    target[3, 2] = 1.001 * Cells.of(measured).reach()[1][3, 2]
    plain = program(measured, target)
    found = compensate(measured, target, Wires.ideal(), tile=TILE)
    assert not plain.reachable[0, 0]
    assert not plain.reachable[3, 2]
    assert plain.reachable.any()
    assert np.array_equal(found.program.reachable, plain.reachable)


@pytest.mark.parametrize("design", CELLS[:2], ids=lambda one: one.polarity)
def test_a_hopeless_cell_does_not_end_the_updates_of_all_others(design, monkeypatch):
    """A cell without branches is asked for full scale, another is cut off; others need updates."""
    measured, target = made(design, 0.5)
    on = np.array(measured.on_siemens)
    on[2, 1] = 0
    target[2, 1] = design.full_scale_siemens
    wires = replace(opened(design, "sense_ohm", 4), word_segment_ohm=200.0)
    measured = replace(measured, on_siemens=on)
    (task,) = tile_tasks(measured, program(measured, target), wires, TILE, 4)
    state, updates = continuous(task)
    missed = np.abs(task.target - state.net) / design.full_scale_siemens
    hopeless = task.cut
    hopeless[2, 1] = True
    assert updates < tiles._MOST_UPDATES
    assert missed[hopeless].min() > 0.05
    # the rms of all cells is below the residual that ends the updates
    assert missed[~hopeless].max() < np.sqrt(missed.size) * tiles._RESIDUAL
    monkeypatch.setattr(tiles, "STALLED", np.inf)
    monkeypatch.setattr(tiles, "_RESIDUAL", 0.0)
    monkeypatch.setattr(tiles, "_MOST_UPDATES", 200)
    long, _ = continuous(task)
    assert np.abs(long.net - state.net).max() < 1e-4 * design.full_scale_siemens


def test_sums_of_columns_do_not_end_the_updates_before_cells_are_met(monkeypatch):
    """Sneak currents into pruned cells add up to errors that no kept cell's target makes."""
    monkeypatch.setattr(tiles, "in_turn", lambda task: False)
    design = replace(CELLS[0], resistors=10)
    random = np.random.default_rng(0)
    target = random.normal(size=(64, 16)) * (random.random((64, 16)) < 0.3) * 1e-6
    measured = measure(fabricate(design, 64, 16, 1), error=0.0, seed=2)
    wires = Wires(200.0, 200.0, 200.0, 200.0)
    found = [
        compensate(measured, target, wires, tile=Tile(64, 32), passes=1, common=common)
        for common in (0.0, 3.0)
    ]
    assert found[0].updates == found[1].updates
    assert found[0].residual == found[1].residual
    assert found[1].residual < 1e-6
    assert found[1].errors[-1] > 1e-3


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


@pytest.mark.parametrize("design", CELLS, ids=lambda one: one.polarity)
@pytest.mark.parametrize("by_column", [False, True])
def test_the_fitted_scale_is_the_largest_that_every_tile_can_meet(design, by_column, monkeypatch):
    """Two rows of tiles, of which the upper one has the larger targets.

    Somewhat less where single cells would fall into gaps between the states that they have.
    """
    measured, target = made(design)
    target[3:] *= 0.1
    wires, tile = Wires(5000.0, 5000.0, 100.0, 100.0), Tile(3, 10)
    options = {"tile": tile, "scale": "fit columns" if by_column else "fit"}
    out_of_gaps = compensate(measured, target, wires, **options).scale
    monkeypatch.setattr(scales, "_out_of_gaps", lambda *_: 1.0)
    scale = compensate(measured, target, wires, **options).scale
    assert np.min(scale) < 0.99
    plain = program(measured, target)
    if design.polarity in ("paired", "steered"):
        tasks = tile_tasks(measured, plain, wires, tile, 4)
        assert np.all(out_of_gaps >= 0.859 * scale)
        assert np.all(out_of_gaps <= scale)
    else:
        tasks = net_tasks(measured, plain, wires, tile, "auto", 0)
        assert np.array_equal(out_of_gaps, scale)
    size = np.broadcast_to(scale, COLUMNS)
    share = np.max([task.scaled(size).needed_share() for task in tasks], axis=0)
    bound = share[size < 1] if by_column else share.max()
    assert (share <= 1).all()
    # half a per cent more than needed; columns that are scaled lighten the load of the others,
    # and subsets for scaled targets may be lighter by themselves
    lighter = by_column or design.polarity == "steered"
    assert np.all(bound > (0.93 if lighter else 0.97))
    less = [task.scaled(np.broadcast_to(out_of_gaps, COLUMNS)).needed_share() for task in tasks]
    assert np.max(less) <= 1.01


@pytest.mark.parametrize("ohm", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize("design", CELLS, ids=lambda one: one.polarity)
def test_the_best_pass_counts_and_switches_are_never_worse_than_before(design, pruned, ohm):
    """Paired at 100 ohm: the last pass is not the best; pruned flip cells: the plain ones are."""
    chip = fabricate(design, ROWS, COLUMNS, 1)
    measured, target = made(design)
    if pruned:
        target[:, 1:] = 0
    wires, tile = Wires(ohm, ohm, ohm, ohm), Tile(6, 10)
    found = compensate(measured, target, wires, tile=tile)
    kept = (
        target != 0
        if design.polarity in ("paired", "steered")
        else np.ones(target.shape, dtype=bool)
    )
    before, after = (
        np.sqrt(np.mean((transfer(chip, one, wires, tile=tile).siemens.T - target)[kept] ** 2))
        / design.full_scale_siemens
        for one in (found.plain, found.program)
    )
    # simulated from the resistances, a few digits of the last of 16
    assert after == pytest.approx(min(before, *found.errors), rel=1e-6)


def test_a_scale_that_cannot_be_fitted_is_said():
    design = Design(polarity="flip", ladder="stagger", resistors=8)
    measured = measure(fabricate(design, 20, 4, 1), error=0.0, seed=2)
    target = np.random.default_rng(3).normal(size=(20, 4)) * 2e-6
    found = compensate(measured, target, Wires(1e4, 1e4), tile=Tile(20, 8), scale="fit")
    assert found.compensated_bits < 2
    assert found.scale < 0.1
    # far below a hundredth of full scale, but not of the scaled one
    assert found.out_of_reach.any()


@pytest.mark.parametrize("design", CELLS, ids=lambda one: one.polarity)
@pytest.mark.parametrize("shape", [(1, 1), (4, 3)])
def test_weights_that_are_all_alike_have_bits(design, shape):
    """Their range is their distance from 0."""
    chip = fabricate(design, *shape, 1)
    target = np.full(shape, -5e-6)
    found = compensate(measure(chip, error=0.0, seed=2), target, Wires(5.0, 5.0), tile=TILE)
    matrix = transfer(chip, found.program, Wires(5.0, 5.0), tile=TILE).siemens.T
    assert found.compensated_bits == pytest.approx(effective_bits(matrix - target, 5e-6), abs=1e-3)
    assert found.ideal_wires_bits > 4


def test_a_pruned_flip_cell_is_turned_over_only_where_that_is_about_as_near():
    measured, target = made(CELLS[2])
    target[:, 1:] = 0
    plain = program(measured, target)
    (task,) = net_tasks(measured, plain, Wires(5.0, 5.0), TILE, "auto", 0)
    level = (plain.enabled * measured.on_siemens).sum(axis=2)
    sign = np.sign(level).astype(np.int8)[..., None]
    # the first row has a large error above, those below are met: turned over they would lower it
    needed = np.abs(level)
    needed[0] -= 100 * np.abs(level[:, 1:]).max()
    states = plain.enabled * sign
    moved = (task._balanced(states, needed) != states).any(axis=2)
    assert not moved[1:].any()
    # where 0 is asked the opposite is just as near: some cells are turned
    assert (task._balanced(states, np.zeros(target.shape)) != states).any(axis=2)[:, 1:].any()

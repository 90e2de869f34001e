"""Tiles whose cells are chosen in turn from the far ends of their lines, and those where not."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from crossbar import Design, Tile, Wires, fabricate, measure, program, target_siemens
from crossbar.compensation import compensate, passes, tiles
from crossbar.compensation.passes import in_turn
from crossbar.compensation.tiles import tile_tasks

DESIGN = Design(ladder="stagger", resistors=16)
OHM = 1e-3 / DESIGN.full_scale_siemens
WIRES = Wires(OHM, OHM, 0.0, 0.0)
TILE = Tile(24, 24)
FEW = replace(DESIGN, resistors=14)
"""Cells with too few subsets that draw little."""


def made(seed=0, rows=24, columns=12, *, design=DESIGN, keep=1.0):
    """A measurement without errors, and targets for normal weights, some of them pruned."""
    random = np.random.default_rng(seed)
    weights = random.normal(size=(columns, rows)) * (random.random((columns, rows)) < keep)
    measured = measure(fabricate(design, rows, columns, seed), error=0.0, seed=seed + 1)
    return measured, target_siemens(design, weights)


def tasks(measured, target, wires=WIRES, tile=TILE):
    return tile_tasks(measured, program(measured, target), wires, tile, 24)


def never(monkeypatch):
    """Choose by passes alone, as where sneak currents count."""
    for module in (passes, tiles):
        monkeypatch.setattr(module, "in_turn", lambda task: False)


def error_of(found, target, cells):
    """Rms of some entries, relative to full scale; of the array that `found` programs."""
    return np.sqrt(np.mean((found - target)[cells] ** 2)) / DESIGN.full_scale_siemens


@pytest.mark.parametrize("seed", range(3))
def test_a_dense_tile_gains_bits_where_its_cells_are_chosen_in_turn(seed, monkeypatch):
    """Measured of seeds 0 to 2: 0.55, 0.70 and 0.80 bits, with an eighth of the passes."""
    measured, target = made(seed)
    (task,) = tasks(measured, target)
    assert in_turn(task) is True
    found = compensate(measured, target, WIRES, tile=TILE)
    never(monkeypatch)
    by_passes = compensate(measured, target, WIRES, tile=TILE)
    assert found.compensated_bits > by_passes.compensated_bits + 0.35
    assert len(found.errors) < len(by_passes.errors)
    assert not found.out_of_reach.any()


@pytest.mark.parametrize(
    "said, design, keep, wires",
    [
        ("sensed at both ends", DESIGN, 1.0, replace(WIRES, far_sense_ohm=10.0)),
        ("driven at both ends", DESIGN, 1.0, replace(WIRES, far_driver_ohm=10.0)),
        ("few branches decide", Design(ladder="guaranteed", resistors=16), 1.0, WIRES),
        ("sneak currents, and few subsets", FEW, 0.3, WIRES),
        ("an open bit line", DESIGN, 1.0, Wires(OHM, OHM, 0.0, np.array([np.inf] + [0.0] * 23))),
        ("an open word line", DESIGN, 1.0, Wires(OHM, OHM, np.array([np.inf] + [0.0] * 23), 0.0)),
        ("nothing is asked", DESIGN, None, WIRES),
        ("weak wires", DESIGN, 1.0, Wires(OHM / 50, OHM / 50, 0.0, 0.0)),
    ],
)
def test_cells_are_not_chosen_in_turn_where_that_would_not_do(said, design, keep, wires):
    measured, target = made(design=design, keep=keep or 1.0)
    (task,) = tasks(measured, target if keep else np.zeros_like(target), wires)
    assert in_turn(task) is False, said


def test_cells_of_few_subsets_are_chosen_in_turn_where_nothing_is_pruned():
    (task,) = tasks(*made(design=FEW))
    assert in_turn(task) is True


def test_errors_of_tiles_with_other_numbers_of_passes_are_of_all_their_cells():
    """A dense tile is done after few passes, a pruned one beside it takes all."""
    measured, target = made(columns=16, design=FEW)
    target[:, 8:] *= np.random.default_rng(1).random((24, 8)) < 0.4
    tile = Tile(24, 16)
    both = tasks(measured, target, tile=tile)
    assert [in_turn(task) for task in both] == [True, False]
    answers = [task.compensated() for task in both]
    few, many = (len(answer.errors) for answer in answers)
    assert few < many == 24
    found = compensate(measured, target, WIRES, tile=tile, common=0.0)
    cells = np.array([task.kept.sum() for task in both])
    for place, error in enumerate(found.errors):
        each = [answer.errors[min(place, len(answer.errors) - 1)] for answer in answers]
        assert error == pytest.approx(np.sqrt(cells @ np.square(each) / cells.sum()), rel=1e-9)
    assert len(found.errors) == 24


def test_the_same_seed_gives_the_same_bits_on_any_number_of_workers():
    measured, target = made(1, columns=16)
    options = {"tile": Tile(12, 16), "seed": 3}
    alone = compensate(measured, target, WIRES, **options)
    again = compensate(measured, target, WIRES, **options)
    runs = [again]
    for workers in (1, 2):
        with ProcessPoolExecutor(workers) as executor:
            runs.append(compensate(measured, target, WIRES, executor=executor, **options))
    for run in runs:
        assert np.array_equal(run.program.enabled, alone.program.enabled)
        assert run.errors == alone.errors
        assert run.compensated_bits == alone.compensated_bits


@pytest.mark.parametrize("place", [(0, 11), (12, 5), (23, 0)])
def test_a_dead_cell_does_not_spoil_the_others(place):
    measured, target = made()
    on = np.array(measured.on_siemens)
    on[place] = 0
    dead = replace(measured, on_siemens=on)
    (whole,), (task,) = tasks(measured, target), tasks(dead, target)
    assert in_turn(task) is True
    found, expected = task.compensated(), whole.compensated()
    others = np.ones(target.shape, dtype=bool)
    others[place] = False
    assert not found.enabled[place].any()
    assert np.isfinite(found.matrix).all()
    # another draw of the same errors: a factor of 1.4 is half a bit
    assert error_of(found.matrix, target, others) < 1.4 * error_of(expected.matrix, target, others)
    assert found.out_of_reach[place]
    assert not found.out_of_reach[others].any()
    assert abs(found.asked[place]) < 2 * abs(target[place])


def test_pruned_cells_stay_at_rest_where_cells_are_chosen_in_turn():
    measured, target = made()
    target[0, 3] = target[1, 8] = 0  # where little flows into them
    (task,) = tasks(measured, target, Wires(OHM / 10, OHM / 10, 0.0, 0.0))
    assert in_turn(task) is True
    found = task.compensated()
    assert not found.enabled[target == 0].any()
    assert found.enabled.any(axis=2)[target != 0].mean() > 0.9


DESIGNS = [
    Design(ladder="stagger", resistors=10),
    Design(polarity="steered", ladder="stagger", radix=1.1, resistors=7),
]


@pytest.mark.parametrize("design", DESIGNS, ids=lambda one: one.polarity)
def test_dead_cells_do_not_decide_whether_cells_are_chosen_in_turn(design):
    measured, target = made(0, 16, 6, design=design)
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
    measured, target = made(0, 16, 6, design=design)
    wires = Wires(ohm, ohm, ohm, ohm)
    found = compensate(measured, target, wires, tile=Tile(16, 12), passes=2)
    assert found.compensated_bits >= found.uncompensated_bits
    assert found.out_of_reach.mean() > 0.9


def test_a_fitted_scale_leaves_out_what_a_cell_cannot_make(monkeypatch):
    """All branches of one cell are alike, so its nets are multiples of one of them."""
    measured, target = made(4)
    on = np.array(measured.on_siemens)
    on[20, 3] = on[20, 3].mean()
    lattice = replace(measured, on_siemens=on)
    step = on[20, 3, 0]
    target[20, 3] = 2.8 * step
    (task,) = tasks(lattice, target)
    assert in_turn(task) is True
    found = compensate(lattice, target, WIRES, tile=TILE, scale="fit columns")
    needed = found.program.target_siemens[20, 3] / step
    assert abs(needed - round(needed)) < 0.01
    monkeypatch.setattr(tiles.TileTask, "gaps", lambda task, sizes: np.zeros((12, len(sizes))))
    without = compensate(lattice, target, WIRES, tile=TILE, scale="fit columns")
    assert 0.86 * without.scale[3] < found.scale[3] < without.scale[3]
    assert found.compensated_bits > without.compensated_bits + 1
    others = np.arange(12) != 3
    assert (found.scale[others] > 0.85 * without.scale[others]).all()


@pytest.mark.parametrize("resistors, keep", [(16, 1.0), (8, 0.3)])
def test_a_fitted_scale_and_errors_are_the_same_on_any_number_of_workers(resistors, keep):
    design = Design(polarity="steered" if resistors == 8 else "paired", resistors=resistors)
    measured, target = made(1, 30, 7, design=design, keep=keep)
    options = {"tile": Tile(16, 8), "scale": "fit columns"}
    alone = compensate(measured, target, WIRES, **options)
    with ProcessPoolExecutor(2) as executor:
        both = compensate(measured, target, WIRES, executor=executor, **options)
    assert np.array_equal(alone.scale, both.scale)
    assert alone.errors == both.errors
    assert np.array_equal(alone.program.enabled, both.program.enabled)


@pytest.mark.parametrize("keep", [0.5, 0.1])
def test_weights_too_small_for_any_branch_cost_no_bits(keep):
    """And half of them gain some: their switches serve the others, sneak currents do not count."""
    measured, target = made(3, keep=keep)
    tiny = np.where(target == 0, 1e-9 * DESIGN.full_scale_siemens, target)
    pruned = compensate(measured, target, WIRES, tile=TILE, scale="fit")
    used = compensate(measured, tiny, WIRES, tile=TILE, scale="fit")
    assert not pruned.program.enabled[target == 0].any()
    assert used.program.enabled[target == 0].any(axis=1).all()
    more = 1.0 if keep == 0.5 else -0.7  # measured: 1.5 more and 0.3 less
    assert used.compensated_bits > pruned.compensated_bits + more
    (task,), (plain,) = tasks(measured, tiny), tasks(measured, target)
    assert task.precision == plain.precision

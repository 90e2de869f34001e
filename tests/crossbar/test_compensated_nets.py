"""Wire-aware programming of flip and offset cells, and around branches that are stuck."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from crossbar import (
    Design,
    InputError,
    Measurement,
    Tile,
    Wires,
    as_measured,
    fabricate,
    measure,
    program,
    target_siemens,
    transfer,
)
from crossbar.compensation import compensate
from crossbar.metrics import effective_bits

WIRES = Wires(word_segment_ohm=20.0, bit_segment_ohm=20.0, driver_ohm=50.0, sense_ohm=50.0)
STRONG = Wires(60.0, 60.0, 150.0, 150.0)
FLIP = Design(polarity="flip", ladder="guaranteed", resistors=12)
OFFSET = Design(polarity="offset", ladder="guaranteed", resistors=12)
STAGGER = Design(polarity="flip", ladder="stagger", resistors=16)
TILE = Tile(12, 16)


def made(design, rows=24, columns=12, *, error=0.0, keep=1.0, seed=0):
    """A chip, its measurement and targets for normal weights, some of them pruned."""
    random = np.random.default_rng(seed)
    weights = random.normal(size=(columns, rows)) * (random.random((columns, rows)) < keep)
    chip = fabricate(design, rows, columns, seed)
    return chip, measure(chip, error=error, seed=seed + 1), target_siemens(design, weights)


def with_faults(measured, share=0.02, seed=5):
    """The measurement with branches known to be open and to be stuck closed."""
    random = np.random.default_rng(seed)
    shape, on = measured.on_siemens.shape, np.array(measured.on_siemens)
    stuck = random.random(shape) < share
    on[(random.random(shape) < share) & ~stuck] = 0
    if measured.design.takes_either_line:
        stuck = np.where(stuck, random.choice(np.array([-1, 1]), shape), 0).astype(np.int8)
    return Measurement(measured.design, on, stuck_closed=stuck)


def bits(siemens, target):
    """Effective bits of the elements of a matrix (columns, rows)."""
    return effective_bits(siemens.T - target, float(np.ptp(target)))


@pytest.mark.parametrize("design", [FLIP, OFFSET, STAGGER], ids=lambda one: one.label)
def test_ngspice_confirms_the_bits_that_are_promised(design):
    """Offset: two tiles in a row, of which only the last one has the reference."""
    chip, measured, target = made(design, 8, 9)
    tile = Tile(8, 8)
    found = compensate(measured, target, STRONG, tile=tile, scale="fit columns")
    spice = transfer(chip, found.program, STRONG, tile=tile, simulator="ngspice")
    # measured exactly: only the digits of the two simulators differ, 1e-9 of the matrix
    known = bits(spice.siemens / found.weight_scale, target)
    assert known == pytest.approx(found.compensated_bits, abs=2e-3)
    assert bits(spice.siemens, found.wanted) > found.ideal_wires_bits - 0.5
    before = transfer(chip, found.plain, STRONG, tile=tile, simulator="ngspice")
    assert bits(before.siemens, target) == pytest.approx(found.uncompensated_bits, abs=1e-3)
    assert found.compensated_bits > found.ideal_wires_bits - 0.3
    assert found.compensated_bits > found.one_gain_bits + 2
    assert not found.out_of_reach.any()


@pytest.mark.parametrize("ladder, resistors", [("stagger", 16), ("guaranteed", 16)])
def test_dense_tiles_of_128_rows_reach_the_bits_of_ideal_wires(ladder, resistors):
    """At 10 ohm a segment and 10 uS, r x G of 1e-4."""
    design = Design(polarity="flip", ladder=ladder, resistors=resistors)
    _, measured, target = made(design, 128, 16)
    found = compensate(measured, target, Wires(10, 10, 10, 10), tile=Tile(128, 32), scale="fit")
    assert found.compensated_bits > found.ideal_wires_bits - 0.3
    assert found.residual < 1e-7


@pytest.mark.parametrize("design", [FLIP, OFFSET], ids=lambda one: one.label)
def test_without_wire_resistance_the_program_is_unchanged(design):
    _, measured, target = made(design, keep=0.7)
    found = compensate(measured, target, Wires.ideal(), tile=TILE)
    plain = program(measured, target)
    for name in ("enabled", "target_siemens", "reachable"):
        assert np.array_equal(getattr(found.program, name), getattr(plain, name))
    assert found.updates == 0
    assert found.compensated_bits == pytest.approx(found.ideal_wires_bits, abs=1e-6)


@pytest.mark.parametrize("design", [FLIP, OFFSET], ids=lambda one: one.label)
def test_any_executor_gives_the_same_bits(design):
    _, measured, target = made(design, 20, 10)
    alone = compensate(measured, target, WIRES, tile=Tile(12, 8), scale="fit")
    with ThreadPoolExecutor(2) as executor:
        many = compensate(measured, target, WIRES, tile=Tile(12, 8), scale="fit", executor=executor)
    assert np.array_equal(alone.program.enabled, many.program.enabled)
    assert alone.compensated_bits == many.compensated_bits
    assert alone.scale == many.scale


def test_the_reference_of_offset_cells_stays_and_targets_are_above_it():
    chip, measured, target = made(OFFSET)
    found = compensate(measured, target, WIRES, tile=TILE, scale="fit")
    assert np.array_equal(found.program.enabled[:, -1], found.plain.enabled[:, -1])
    # each cell makes what it was asked for, to the precision of twelve resistors
    missed = chip.cell_siemens(found.program.enabled) - found.program.target_siemens
    assert np.abs(missed).max() < 1e-2 * OFFSET.full_scale_siemens


def test_what_cannot_be_met_is_said():
    strong = Wires(1000.0, 1000.0, 0.0, 0.0)
    for design in (FLIP, OFFSET):
        _, measured, target = made(design)
        found = compensate(measured, target, strong, tile=TILE)
        assert found.out_of_reach.any()
        fitted = compensate(measured, target, strong, tile=TILE, scale="fit")
        assert not fitted.out_of_reach.any()
        assert fitted.compensated_bits > found.compensated_bits + 1


def test_errors_of_pruned_flip_cells_do_not_add_up():
    """Products of positive inputs: the errors of a column as a sum, not one by one."""
    _, measured, target = made(FLIP, 48, 8, keep=0.1)
    inputs = np.random.default_rng(1).random((300, 48))
    wires = Wires(0.1, 0.1, 0.1, 0.1)
    found = compensate(measured, target, wires, tile=Tile(48, 16), inputs=inputs)
    assert found.compensated_bits > found.ideal_wires_bits


@pytest.mark.parametrize(
    "design",
    [Design(ladder="stagger", resistors=16), STAGGER, replace(OFFSET, ladder="stagger")],
    ids=lambda one: one.label,
)
def test_known_faults_are_part_of_what_the_array_does(design):
    _, measured, target = made(design, keep=0.7)
    faulty = with_faults(measured)
    wires = Wires(1.0, 1.0, 5.0, 5.0)
    found = compensate(faulty, target, wires, tile=TILE)
    chip = as_measured(faulty)
    enabled = found.program.enabled
    told = np.where(faulty.stuck_closed, faulty.stuck_closed, enabled)
    assert np.array_equal(told, enabled)
    if design.polarity != "flip":
        assert not (enabled.astype(bool) & faulty.open).any()
    # the circuit with its stuck branches is the one that was promised
    true = transfer(chip, found.program, wires, tile=TILE)
    assert bits(true.siemens, target) == pytest.approx(found.compensated_bits, abs=1e-3)
    assert found.compensated_bits > found.ideal_wires_bits - 0.3
    assert found.compensated_bits > found.one_gain_bits + 1


def test_a_pruned_cell_with_a_stuck_branch_is_made_up_for():
    _, measured, target = made(Design(ladder="stagger", resistors=16), 8, 4)
    target[2, 1] = 0
    stuck = np.zeros(measured.on_siemens.shape, dtype=bool)
    stuck[2, 1, 9] = True
    faulty = replace(measured, stuck_closed=stuck)
    found = compensate(faulty, target, WIRES, tile=TILE)
    matrix = transfer(as_measured(faulty), found.program, WIRES, tile=TILE).siemens.T
    branch = measured.on_siemens[2, 1, 9]
    assert found.program.enabled[2, 1].sum() > 1
    assert abs(matrix[2, 1]) < 1e-2 * branch


@pytest.mark.parametrize(
    "design, said",
    [
        (
            Design(polarity="steered", resistors=17),
            "resistors = 17: .*steered cells of at most 14; use fewer, or 'flip' cells",
        ),
        (Design(resistors=40), "resistors = 40: .*at most 32; use fewer, or 'flip' cells"),
        (
            Design(polarity="flip", ladder="binary", resistors=8, programmed_by="nominal"),
            "programmed_by = 'nominal'",
        ),
    ],
)
def test_cells_that_are_not_taken_are_refused(design, said):
    _, measured, target = made(design, 3, 2)
    with pytest.raises(InputError, match=said):
        compensate(measured, target, WIRES)

"""Wire-aware programming of steered cells, and what pruned layers gain from summed errors."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from crossbar import (
    Design,
    Measurement,
    Tile,
    Wires,
    as_measured,
    fabricate,
    measure,
    target_siemens,
    transfer,
)
from crossbar.compensation import compensate
from crossbar.compensation.cells import Cells
from crossbar.metrics import effective_bits
from solvers.settling import AT_REST, DOWN, UP

WIRES = Wires(word_segment_ohm=20.0, bit_segment_ohm=20.0, driver_ohm=50.0, sense_ohm=50.0)
TILE = Tile(24, 24)
STEERED = Design(polarity="steered", ladder="guaranteed", resistors=7)


def made(rows=24, columns=12, *, design=STEERED, keep=1.0, seed=0):
    """A chip, its measurement without errors and targets, some of them pruned."""
    random = np.random.default_rng(seed)
    weights = random.normal(size=(columns, rows)) * (random.random((columns, rows)) < keep)
    chip = fabricate(design, rows, columns, seed)
    return chip, measure(chip, error=0.0, seed=seed + 1), target_siemens(design, weights)


def bits(siemens, target):
    """Effective bits of the elements of a matrix (columns, rows)."""
    return effective_bits(siemens.T - target, float(np.ptp(target)))


@pytest.mark.parametrize("keep", [1.0, 0.3])
def test_ngspice_confirms_the_bits_that_are_promised(keep):
    chip, measured, target = made(keep=keep)
    found = compensate(measured, target, WIRES, tile=TILE)
    spice = transfer(chip, found.program, WIRES, tile=TILE, simulator="ngspice")
    # measured exactly, so only the digits of the two simulators differ: 1e-9 of the matrix
    assert bits(spice.siemens, target) == pytest.approx(found.compensated_bits, abs=1e-3)
    assert found.compensated_bits > found.one_gain_bits + 2
    assert found.compensated_bits > found.ideal_wires_bits - 0.3
    assert not found.out_of_reach.any()
    assert not found.program.enabled[target == 0].any()


@pytest.mark.parametrize("keep", [1.0, 0.1])
@pytest.mark.parametrize(
    "design",
    [STEERED, Design(ladder="stagger", resistors=12), Design(ladder="guaranteed", resistors=12)],
    ids=lambda one: one.label,
)
def test_tiles_of_128_rows_reach_the_bits_of_ideal_wires(design, keep):
    """At 10 ohm a segment and 10 uS, r x G of 1e-4, for products with uniform inputs."""
    _, measured, target = made(128, 16, design=design, keep=keep)
    inputs = np.random.default_rng(7).random((500, 128))
    found = compensate(
        measured, target, Wires(10, 10, 10, 10), tile=Tile(128, 32), scale="fit", inputs=inputs
    )
    assert found.compensated_bits > found.ideal_wires_bits - 0.3
    assert not found.out_of_reach.any()  # pruned weights included


def test_switches_that_leak_are_part_of_the_circuit():
    design = replace(STEERED, on_ohm=2e3, off_ohm=2e7)
    chip, measured, target = made(design=design)
    found = compensate(measured, target, WIRES, tile=TILE)
    true = transfer(chip, found.program, WIRES, tile=TILE)
    assert bits(true.siemens, target) == pytest.approx(found.compensated_bits, abs=1e-3)
    assert found.compensated_bits > found.ideal_wires_bits - 0.3


def test_known_faults_are_part_of_what_the_array_does():
    design = replace(STEERED, ladder="stagger", resistors=10)
    _, measured, target = made(design=design, keep=0.7)
    random = np.random.default_rng(5)
    shape, on = measured.on_siemens.shape, np.array(measured.on_siemens)
    stuck = np.where(random.random(shape) < 0.02, random.choice([-1, 1], shape), 0)
    on[(random.random(shape) < 0.02) & (stuck == 0)] = 0
    faulty = Measurement(design, on, stuck_closed=stuck.astype(np.int8))
    found = compensate(faulty, target, WIRES, tile=TILE)
    enabled = found.program.enabled
    assert np.array_equal(np.where(stuck, stuck, enabled), enabled)
    assert not enabled[faulty.open].any()
    true = transfer(as_measured(faulty), found.program, WIRES, tile=TILE)
    assert bits(true.siemens, target) == pytest.approx(found.compensated_bits, abs=1e-3)
    assert found.compensated_bits > found.one_gain_bits + 2


def test_any_executor_gives_the_same_bits():
    _, measured, target = made(20, 10)
    alone = compensate(measured, target, WIRES, tile=Tile(12, 8), passes=4)
    with ProcessPoolExecutor(2) as executor:
        many = compensate(measured, target, WIRES, tile=Tile(12, 8), passes=4, executor=executor)
    assert np.array_equal(alone.program.enabled, many.program.enabled)
    assert alone.errors == many.errors


@pytest.mark.parametrize("polarity", ["paired", "steered"])
def test_products_of_positive_inputs_gain_from_errors_that_cancel(polarity):
    """Sneak currents into pruned cells add up in a column; its other cells make up for them."""
    design = Design(polarity=polarity, resistors=10)
    _, measured, target = made(48, 12, design=design, keep=0.2)
    inputs = np.random.default_rng(1).random((300, 48))
    found = [
        compensate(measured, target, WIRES, tile=Tile(48, 24), inputs=inputs, common=common)
        for common in (0.0, None)
    ]
    assert found[1].compensated_bits > found[0].compensated_bits + 0.3


@pytest.mark.parametrize("polarity", ["paired", "steered"])
def test_open_branches_rest_and_stuck_ones_stay_in_their_state(polarity):
    design = Design(polarity=polarity, resistors=4)
    _, measured, _ = made(1, 1, design=design)
    on = np.array(measured.on_siemens)
    on[0, 0, 1] = 0
    stuck = np.array([[[0, 0, 1, -1 if polarity == "steered" else 0]]], np.int8)
    known = stuck if polarity == "steered" else stuck > 0
    cells = Cells.of(Measurement(design, on, stuck_closed=known))
    free = AT_REST | UP | DOWN if polarity == "steered" else AT_REST | UP
    last = DOWN if polarity == "steered" else free
    assert cells.allowed[0, 0].tolist() == [free, AT_REST, UP, last]
    assert np.array_equal(cells.resting(), stuck)
    assert cells.stuck().all()


@pytest.mark.parametrize("design", [STEERED, Design(resistors=7)], ids=lambda one: one.polarity)
def test_cells_give_their_lines_what_the_circuit_says(design):
    """Random states: conductances without wires, and what is least and greatest."""
    design = replace(design, on_ohm=2e3, off_ohm=2e6)
    chip, measured, _ = made(4, 3, design=design)
    cells, random = Cells.of(measured), np.random.default_rng(2)
    states = random.choice(np.array(design.coefficients), measured.on_siemens.shape)
    lines = cells.lines(states.astype(np.int8))
    told = states.astype(np.int8 if design.takes_either_line else bool)
    assert np.allclose(lines[0] - lines[1], chip.cell_siemens(told), rtol=1e-9, atol=1e-18)
    least, greatest = cells.ends()
    low, high = cells.reach()
    assert ((least <= lines * (1 + 1e-12)) & (lines <= greatest * (1 + 1e-12))).all()
    assert ((low <= lines[0] - lines[1]) & (lines[0] - lines[1] <= high)).all()
    numbers = cells.choices(1e-6).numbers(states.astype(np.int8))
    assert np.allclose(numbers[..., 1], lines.sum(axis=0) / 1e-6, rtol=1e-12)

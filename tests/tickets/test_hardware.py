"""A chip of random resistors becomes a network by switching resistors off, and nothing else."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from crossbar.calibration import Measurement, measure
from crossbar.errors import InputError
from crossbar.fabrication import fabricate
from crossbar.programming import program
from crossbar.simulation import Tile, place_tiles
from crossbar.tickets.hardware import (
    RESISTORS,
    HardwareRow,
    hardware_rows,
    hardware_ticket,
    logits,
    matrices,
    prune_resistors,
    random_resistors,
    siemens_per_weight_reached,
)
from crossbar.tickets.hardware_plots import hardware_figure
from spice_models import Wires
from spice_models.ngspice import sweep

RANDOM = np.random.default_rng(5)
WEIGHTS = [RANDOM.normal(size=(6, 9)) * (RANDOM.random((6, 9)) < 0.6), RANDOM.normal(size=(3, 6))]
IMAGES = RANDOM.random((40, 9))
LABELS = logits(WEIGHTS, IMAGES).argmax(axis=1)
UNIFORM, LOGNORMAL = RESISTORS["uniform 20 %"], RESISTORS["lognormal 50 %"]


def cells(count, design=UNIFORM):
    return replace(design, resistors=count)


def test_no_target_weight_is_on_the_chip():
    """The resistors are those of the seed, whatever the target; only the switches know it."""
    one, other = (
        hardware_ticket(weights, cells(6), chip=1, seed=3)
        for weights in (WEIGHTS, [2.5 * np.flip(layer) for layer in WEIGHTS])
    )
    for number, (mine, theirs) in enumerate(zip(one, other, strict=True)):
        seed = np.random.SeedSequence(3, spawn_key=(1, number, 0))
        drawn = fabricate(cells(6), *WEIGHTS[number].T.shape, seed).true_ohm
        assert np.array_equal(mine.chip.true_ohm, drawn)
        assert np.array_equal(theirs.chip.true_ohm, drawn)
        assert not np.array_equal(mine.program.enabled, theirs.program.enabled)
        assert mine.program.enabled.dtype == np.bool_
        asked = 1 / np.abs(mine.program.target_siemens[mine.program.target_siemens != 0])
        assert not np.isin(mine.chip.true_ohm, [asked, asked - cells(6).on_ohm]).any()


def test_a_weight_of_zero_keeps_no_resistor():
    made = hardware_ticket(WEIGHTS, cells(8))[0]
    kept = made.program.enabled.any(axis=2)
    assert not kept[WEIGHTS[0].T == 0].any()
    assert kept[WEIGHTS[0].T != 0].mean() > 0.9


@pytest.mark.parametrize("design", [UNIFORM, LOGNORMAL])
def test_program_closes_the_same_switches_for_the_same_targets(design):
    chip = fabricate(cells(8, design), 9, 6, 1)
    measurement = measure(chip, seed=2)
    per_weight = siemens_per_weight_reached(measurement, WEIGHTS[0]) / 4
    mine = prune_resistors(measurement, WEIGHTS[0], per_weight)
    theirs = program(measurement, mine.target_siemens)
    assert np.array_equal(mine.enabled, theirs.enabled)
    assert np.array_equal(mine.reachable, theirs.reachable)


def test_no_nominal_value_is_used():
    measurement = measure(fabricate(cells(8), 9, 6, 1), seed=2)
    other = Measurement(
        replace(measurement.design, full_scale_siemens=1e-8), measurement.on_siemens
    )
    found = [siemens_per_weight_reached(one, WEIGHTS[0]) for one in (measurement, other)]
    assert found[0] == found[1]
    masks = [prune_resistors(one, WEIGHTS[0], found[0]).enabled for one in (measurement, other)]
    assert np.array_equal(*masks)


def test_every_weight_is_reached_with_as_much_to_spare():
    measurement = measure(fabricate(cells(4), 9, 6, 1), seed=2)
    per_weight = siemens_per_weight_reached(measurement, WEIGHTS[0])
    assert prune_resistors(measurement, WEIGHTS[0], 1.99 * per_weight).reachable.all()
    assert not prune_resistors(measurement, WEIGHTS[0], 2.01 * per_weight).reachable.all()


def test_open_switches_that_leak_count():
    """Against all states of each cell, of unlike resistors that leak when they are off."""
    design = replace(cells(6, LOGNORMAL), off_ohm=2 * float(cells(6).nominal_ohm[0]))
    chip = fabricate(design, 9, 6, 1)
    measurement = measure(chip, error=0, seed=2)
    per_weight = 0.5 * siemens_per_weight_reached(measurement, WEIGHTS[0])
    made = prune_resistors(measurement, WEIGHTS[0], per_weight)
    found = chip.cell_siemens(made.enabled)
    states = np.array(list(product([False, True], repeat=6)))
    every = [chip.cell_siemens(np.broadcast_to(one, made.enabled.shape)) for one in states]
    kept = WEIGHTS[0].T != 0
    gaps = np.abs(np.array(every) - made.target_siemens).min(axis=0)[kept]
    error = np.abs(found - made.target_siemens)[kept]
    assert error == pytest.approx(gaps, rel=1e-6, abs=1e-15)  # of some 1e-7 S


@pytest.fixture(scope="module")
def rows():
    found = hardware_rows(WEIGHTS, IMAGES, LABELS, resistors=(4, 12), chips=1, seed=7)
    return {(row.kind, row.resistors_per_weight, row.simulator): row for row in found}


def test_random_resistors_do_what_perfect_ones_cannot(rows):
    """The error of a sum of random numbers falls as 2^-n or so, of equal ones as 1/n."""
    perfect, uniform, lognormal = (
        rows[kind, 12, "ngspice"].logit_error_percent for kind in RESISTORS
    )
    assert uniform < perfect / 5
    assert lognormal < perfect / 5
    assert rows["lognormal 50 %", 12, "ngspice"].flips == 0
    assert rows["perfect", 4, "ngspice"].flips > 0
    for kind in RESISTORS:
        few, many = (rows[kind, n, "ideal"].weight_error for n in (4, 12))
        assert many < few


def test_ngspice_and_nodal_analysis_agree(rows):
    """Both solve the same circuit: to the tolerance of ngspice, some 1e-9 of a current."""
    for (kind, n, simulator), row in rows.items():
        if simulator == "nodal":
            other = rows[kind, n, "ngspice"]
            assert row.logit_error_percent == pytest.approx(other.logit_error_percent, rel=1e-5)
            assert row.weight_error == pytest.approx(other.weight_error, rel=1e-5)
            assert (row.flips, row.percent) == (other.flips, other.percent)


def test_rows_count_what_is_fabricated_and_what_stays(rows):
    row = rows["uniform 20 %", 12, "ideal"]
    assert row.weights == 9 * 6 + 6 * 3
    assert row.kept_weights == sum(np.count_nonzero(layer) for layer in WEIGHTS)
    assert row.resistors == 12 * row.weights
    made = hardware_ticket(WEIGHTS, cells(12), seed=7)
    assert row.closed_resistors == sum(one.program.enabled.sum() for one in made)
    assert row.target_percent == 100
    assert row.unreachable_weights == 0


def test_netlists_hold_fabricated_resistors_only():
    pytest.importorskip("torch")
    from crossbar.tickets.hardware_runs import netlists

    made = hardware_ticket(WEIGHTS, cells(4), seed=7)
    for one, text in zip(made, netlists(made, IMAGES[0], WEIGHTS, 7), strict=True):
        lines = [line for line in text.splitlines() if " branch_switch ohm=" in line]
        ohms = [float(re.search(r" ohm=(\S+)", line)[1]) for line in lines]
        assert sorted(ohms) == sorted(one.chip.true_ohm.ravel().tolist())


def test_images_that_go_through_every_switch_in_ngspice_give_the_same_logits():
    """Not by transfer matrices: each image is a vector of voltages, each branch has its switch."""
    made = hardware_ticket(WEIGHTS, cells(6, LOGNORMAL), seed=7)
    products, _ = matrices(made, "nodal", Wires(), Tile())
    values = IMAGES[:4]
    for number, one in enumerate(made):
        ((placed,),) = place_tiles(one.chip, one.program, Wires())
        volts = np.maximum(values, 0) if number else values
        lines = sweep(placed.array, volts, "switches").currents
        values = (lines[:, 0::2] - lines[:, 1::2]) / one.siemens_per_weight
    assert values == pytest.approx(logits(products, IMAGES[:4]), rel=1e-6, abs=1e-6)


def test_wrong_input_is_refused():
    measurement = measure(fabricate(cells(4), 9, 6, 1), seed=2)
    with pytest.raises(InputError, match=r"weights have shape \(9, 6\): the chip has 6 columns"):
        prune_resistors(measurement, WEIGHTS[0].T, 1e-6)
    with pytest.raises(InputError, match="all zero"):
        siemens_per_weight_reached(measurement, np.zeros((6, 9)))
    dead = Measurement(measurement.design, np.zeros_like(measurement.on_siemens))
    with pytest.raises(InputError, match="no resistor"):
        siemens_per_weight_reached(dead, WEIGHTS[0])
    with pytest.raises(InputError, match="tolerance = 1"):
        random_resistors(1.0)


def test_the_picture_shows_what_weights_of_zero_become():
    target = np.array([[1.0, 0.0], [0.0, -0.5]])
    made = hardware_ticket([target], cells(4, LOGNORMAL), chip=0, seed=1)
    products = target + np.array([[0.0, 0.1], [-0.1, 0.0]])
    row = HardwareRow(
        kind="any",
        resistors_per_weight=4,
        chip=0,
        simulator="ngspice",
        weights=4,
        kept_weights=2,
        resistors=16,
        closed_resistors=5,
        unreachable_weights=0,
        weight_error=0.1,
        logit_error_percent=1.0,
        flips=0,
        target_percent=90.0,
        percent=89.0,
        simulator_mismatch=0.0,
    )
    figure = hardware_figure(made[-1], target, products, [row], row.kind)
    shown = {ax.get_title(): ax.images[0].get_array() for ax in figure.axes if ax.images}
    sums = shown["their sums, in ngspice"]
    assert np.array_equal(np.ma.filled(sums, np.nan), products.T)
    assert np.ma.count_masked(np.ma.masked_invalid(shown["the target"])) == 2


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"weights": []}, "at least one layer"),
        ({"weights": [WEIGHTS[0], WEIGHTS[1][:, :5]]}, "layer 0 has 6 outputs and layer 1 takes 5"),
        ({"images": IMAGES[:, :4]}, r"images have shape \(40, 4\)"),
        ({"images": IMAGES * np.nan}, "images: give finite"),
        ({"labels": LABELS[:5]}, r"labels have shape \(5,\)"),
        ({"labels": LABELS / 2}, "type float64"),
        ({"chips": 0}, "chips = 0"),
        ({"chips": 1.5}, "chips = 1.5"),
        ({"resistors": [4, 2.5]}, "resistors = "),
        ({"seed": -1}, "seed = -1"),
    ],
)
def test_what_cannot_be_run_is_refused_before_a_chip_is_made(changed, words, monkeypatch):
    monkeypatch.setattr("crossbar.tickets.hardware.hardware_ticket", None)
    given = {"weights": WEIGHTS, "images": IMAGES, "labels": LABELS} | changed
    with pytest.raises(InputError, match=words) as error:
        next(hardware_rows(**given))
    assert "\n" not in str(error.value)

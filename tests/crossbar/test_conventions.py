"""One file that pins order, sign, polarity, bits and seeds; all else follows it."""

import numpy as np
import pytest

from crossbar import Design, Wires, fabricate, measure, program, target_siemens, transfer
from crossbar.fabrication import Chip
from crossbar.metrics import effective_bits, median_bits, worst_bits
from crossbar.production import produce
from crossbar.programming import Program
from crossbar.simulation import Tile, place_tiles


def exact_chip(design: Design, rows: int, columns: int) -> Chip:
    return Chip(design, np.broadcast_to(design.nominal_ohm, (rows, columns, design.resistors)))


def test_weights_are_outputs_by_inputs_and_conductances_rows_by_columns():
    design = Design()
    weights = np.array([[1.0, -0.5, 0.25], [0.0, 0.5, -1.0]])
    target = target_siemens(design, weights)
    assert target.shape == (3, 2)
    np.testing.assert_allclose(target, weights.T * design.full_scale_siemens, rtol=1e-15)


def test_a_positive_weight_and_voltage_give_a_positive_current():
    design = Design(ladder="guaranteed", resistors=10)
    weights = np.array([[1.0, -0.5], [-0.25, 0.0]])
    chip = fabricate(design, 2, 2, seed=0)
    programmed = program(measure(chip, error=0, seed=1), target_siemens(design, weights))
    for simulator in ("ideal", "nodal", "ngspice"):
        answer = transfer(chip, programmed, Wires(), simulator=simulator)
        assert answer.siemens.shape == (2, 2)
        np.testing.assert_allclose(
            answer.siemens / design.full_scale_siemens, weights, atol=0.02, err_msg=simulator
        )


@pytest.mark.parametrize("polarity", ["offset", "flip", "steered"])
def test_a_positive_weight_gives_a_positive_current_whatever_the_polarity(polarity):
    design = Design(ladder="guaranteed", resistors=10, polarity=polarity)
    weights = np.array([[1.0, -0.5], [-0.25, 0.125], [0.0, 0.75]])
    chip = fabricate(design, 2, 3, seed=0)
    programmed = program(measure(chip, error=0, seed=1), target_siemens(design, weights))
    for simulator in ("ideal", "nodal", "ngspice"):
        answer = transfer(chip, programmed, Wires(), simulator=simulator)
        np.testing.assert_allclose(
            answer.siemens / design.full_scale_siemens, weights, atol=0.03, err_msg=simulator
        )


@pytest.mark.parametrize("polarity", ["flip", "steered"])
def test_state_1_is_the_positive_line_2j_and_state_minus_1_the_negative_one(polarity):
    design = Design(ladder="identical", resistors=2, tolerance=0, polarity=polarity)
    states = np.array([[[1, 1], [-1, 1], [-1, -1]]], dtype=np.int8)
    chip = exact_chip(design, 1, 3)
    programmed = Program(states, np.zeros((1, 3)), np.ones((1, 3), dtype=bool))
    (((placed,),),) = (place_tiles(chip, programmed, Wires()),)
    branch = design.nominal_siemens[0]
    np.testing.assert_allclose(placed.array.siemens / branch, [[2, 0, 1, 1, 0, 2]], atol=1e-4)
    np.testing.assert_allclose(chip.cell_siemens(states) / branch, [[2, 0, -2]], atol=1e-4)


def test_the_reference_is_the_last_line_of_every_row_of_tiles():
    design = Design(ladder="identical", resistors=2, tolerance=0, polarity="offset")
    enabled = np.zeros((2, 3, 2), dtype=bool)
    enabled[0, 0] = enabled[:, 2, 0] = True  # two columns, and the reference at its middle
    chip = exact_chip(design, 2, 3)
    programmed = Program(enabled, np.zeros((2, 2)), np.ones((2, 2), dtype=bool))
    grid = place_tiles(chip, programmed, Wires(), Tile(rows=1, lines=2))
    assert [[one.array.lines for one in row] for row in grid] == [[2, 1], [2, 1]]
    on = [[(one.array.siemens / design.nominal_siemens[0]).round(2) for one in row] for row in grid]
    assert [part.tolist() for part in on[0]] == [[[2, 0]], [[1]]]
    assert [part.tolist() for part in on[1]] == [[[0, 0]], [[1]]]
    answer = transfer(chip, programmed, Wires(), tile=Tile(rows=1, lines=2), simulator="ideal")
    expected = np.array([[1, -1], [-1, -1]]) * design.nominal_siemens[0]
    np.testing.assert_allclose(answer.siemens, expected, rtol=1e-3)


def test_the_positive_bit_line_of_column_j_is_line_2j():
    design = Design(ladder="identical", resistors=2, tolerance=0)
    enabled = np.zeros((1, 3, 2), dtype=bool)
    enabled[0, 0, design.signs > 0] = True
    enabled[0, 2, design.signs < 0] = True
    chip = exact_chip(design, 1, 3)
    programmed = Program(enabled, np.zeros((1, 3)), np.ones((1, 3), dtype=bool))
    (((placed,),),) = (place_tiles(chip, programmed, Wires()),)
    on = placed.array.siemens > design.full_scale_siemens / 2
    assert on.tolist() == [[True, False, False, False, False, True]]


def test_bits_are_those_of_the_convention():
    assert worst_bits([0.25, -0.5, 0.0], full_scale=4) == 3
    assert median_bits([0.25, -0.5, 1.0], full_scale=4) == 3
    assert worst_bits([0.0], full_scale=1) == np.inf


@pytest.mark.parametrize("bits", [4, 8, 12])
def test_an_ideal_quantiser_has_its_bits(bits):
    values = np.linspace(0, 1, 200_001)
    step = 2.0**-bits
    error = np.round(values / step) * step - values
    # the ends of the range carry half a step less than a step each
    assert effective_bits(error, output_range=1) == pytest.approx(bits, abs=0.01)
    assert worst_bits(error, full_scale=1) == pytest.approx(bits + 1, abs=0.01)


def test_the_same_seed_gives_the_same_chip_and_another_seed_another():
    design = Design(resistors=4)
    first = fabricate(design, 3, 2, seed=5)
    assert np.array_equal(first.true_ohm, fabricate(design, 3, 2, seed=5).true_ohm)
    assert not np.array_equal(first.true_ohm, fabricate(design, 3, 2, seed=6).true_ohm)


def test_pinned_resistances():
    """A change of these numbers changes every published result: say so in the CHANGELOG."""
    chip = fabricate(Design(resistors=2, ladder="identical"), 1, 2, seed=1)
    nominal = 0.5 / 1.2 / 1e-5 - 1000
    factor = 1 + 0.2 * np.random.default_rng(1).uniform(-1, 1, (1, 2, 2))
    np.testing.assert_allclose(chip.true_ohm, nominal * factor, rtol=1e-14)


def test_pinned_cells():
    """The ladder from its smallest branch on, each with its sign, at 10 uS full scale."""
    stagger = Design(resistors=8)
    assert stagger.signs.tolist() == [-1, 1, 1, -1, 1, -1, -1, 1]
    # the smaller line sums to 2 x 1.2 times full scale: half is usable, 20 % may be missing
    smaller = min(1.2 + 1.44 + 2.0736 + 3.5831808, 1 + 1.728 + 2.48832 + 2.985984)
    np.testing.assert_allclose(
        stagger.nominal_siemens, 2.4e-5 / smaller * 1.2 ** np.arange(8), rtol=1e-12
    )
    guaranteed = Design(resistors=4, ladder="guaranteed")
    radix = 5 / 3
    assert guaranteed.signs.tolist() == [1, -1, -1, 1]
    np.testing.assert_allclose(
        guaranteed.nominal_siemens, 1.2e-5 / (radix + radix**2) * radix ** np.arange(4), rtol=1e-12
    )
    binary = Design(resistors=6, ladder="binary", programmed_by="nominal")
    np.testing.assert_allclose(
        binary.nominal_siemens, 1e-5 / 7 * np.array([1, 1, 2, 2, 4, 4]), rtol=1e-12
    )
    assert binary.signs.tolist() == [1, -1, 1, -1, 1, -1]


def test_pinned_cells_of_the_other_polarities():
    """Smallest branch first, 10 uS full scale; stagger promises half of what is reached."""
    ladder = 1.2 ** np.arange(4)
    for polarity, reach in (("offset", ladder.sum() / 2), ("flip", ladder.sum())):
        cell = Design(resistors=4, polarity=polarity)
        np.testing.assert_allclose(cell.nominal_siemens, 2.4e-5 / reach * ladder, rtol=1e-12)
    # 2.4e-5 S above and as much below the middle if it stood in the middle of the range
    assert Design(polarity="offset").reference_siemens == pytest.approx(2.4e-5, rel=1e-12, abs=0)
    ladder = (7 / 3) ** np.arange(4)
    steered = Design(resistors=4, polarity="steered", ladder="guaranteed")
    np.testing.assert_allclose(steered.nominal_siemens, 1.2e-5 / ladder.sum() * ladder, rtol=1e-12)
    offset = Design(resistors=4, polarity="offset", ladder="guaranteed")
    assert offset.reference_siemens == pytest.approx(1e-5, rel=1e-12, abs=0)


def test_pinned_seeds():
    """Layer k of chip c: children 0 (fabrication) and 1 (measurement) of the key (c, k)."""
    design = Design(resistors=4)
    root = np.random.SeedSequence(11, spawn_key=(2, 1))
    made = produce(design, [[1.0, -0.3]], root, measurement_error=0.01)
    children = [np.random.SeedSequence(11, spawn_key=(2, 1, k)) for k in range(2)]
    chip = fabricate(design, 2, 1, seed=children[0])
    assert np.array_equal(made.chip.true_ohm, chip.true_ohm)
    measured = measure(chip, error=0.01, seed=children[1])
    assert np.array_equal(made.measurement.on_siemens, measured.on_siemens)

"""Programming that knows the wires: what ngspice says of it, and what it cannot do."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from crossbar import (
    Design,
    InputError,
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
from crossbar.compensation.leverage import shared_ohm
from crossbar.metrics import effective_bits

DESIGN = Design(ladder="guaranteed", resistors=12)
WIRES = Wires(word_segment_ohm=20.0, bit_segment_ohm=20.0, driver_ohm=50.0, sense_ohm=50.0)
TILE = Tile(24, 24)


def made(rows=24, columns=12, *, design=DESIGN, error=0.0, keep=1.0, seed=0):
    """A chip, its measurement and targets for normal weights, some of them pruned."""
    random = np.random.default_rng(seed)
    weights = random.normal(size=(columns, rows)) * (random.random((columns, rows)) < keep)
    chip = fabricate(design, rows, columns, seed)
    return chip, measure(chip, error=error, seed=seed + 1), target_siemens(design, weights)


def bits(siemens, target):
    """Effective bits of the elements of a matrix (columns, rows)."""
    return effective_bits(siemens.T - target, float(np.ptp(target)))


def test_ngspice_confirms_the_bits_that_are_promised():
    chip, measured, target = made()
    found = compensate(measured, target, WIRES, tile=TILE)
    spice = transfer(chip, found.program, WIRES, tile=TILE, simulator="ngspice")
    # measured exactly, so only the digits of the two simulators differ: 1e-9 of the matrix
    assert bits(spice.siemens, target) == pytest.approx(found.compensated_bits, abs=1e-3)
    before = transfer(chip, found.plain, WIRES, tile=TILE, simulator="ngspice")
    assert bits(before.siemens, target) == pytest.approx(found.uncompensated_bits, abs=1e-3)
    assert found.one_gain_bits > found.uncompensated_bits
    assert found.compensated_bits > found.one_gain_bits + 3
    assert found.compensated_bits > found.ideal_wires_bits - 0.3
    assert not found.out_of_reach.any()


@pytest.mark.parametrize("resistors, ladder", [(12, "guaranteed"), (12, "stagger")])
def test_dense_tiles_of_128_reach_the_bits_of_ideal_wires(resistors, ladder):
    """At 0.1 ohm a segment and 10 uS, r x G of 1e-6, whatever the ladder."""
    design = Design(ladder=ladder, resistors=resistors)
    _, measured, target = made(128, 16, design=design)
    wires = Wires(0.1, 0.1, 0.0, 0.0)
    found = compensate(measured, target, wires, tile=Tile(128, 32))
    assert found.compensated_bits > found.ideal_wires_bits - 0.3


def test_a_measurement_with_errors_costs_no_more_than_these():
    chip, measured, target = made(error=1e-5)
    found = compensate(measured, target, WIRES, tile=TILE)
    true = transfer(chip, found.program, WIRES, tile=TILE)
    known = transfer(as_measured(measured), found.program, WIRES, tile=TILE)
    assert bits(known.siemens, target) == pytest.approx(found.compensated_bits, abs=1e-3)
    # errors of 1e-5 of some 12 uS in a cell are far below those of 12 resistors
    assert bits(true.siemens, target) == pytest.approx(found.compensated_bits, abs=0.1)


def test_without_wire_resistance_the_program_is_unchanged():
    _, measured, target = made(keep=0.7)
    found = compensate(measured, target, Wires.ideal(), tile=TILE)
    plain = program(measured, target)
    for name in ("enabled", "target_siemens", "reachable"):
        assert np.array_equal(getattr(found.program, name), getattr(plain, name))
    assert found.updates == 0
    assert found.errors == ()
    assert found.compensated_bits == pytest.approx(found.ideal_wires_bits, abs=1e-6)


def test_wires_known_wrong_by_a_tenth_cost_bits():
    chip, measured, target = made()
    found = compensate(measured, target, WIRES, tile=TILE)
    other = Wires(*(1.1 * ohm for ohm in (20.0, 20.0, 50.0, 50.0)))
    wrong = bits(transfer(chip, found.program, other, tile=TILE).siemens, target)
    assert found.compensated_bits - 6 < wrong < found.compensated_bits - 1


def test_what_cannot_be_met_is_said_and_scaling_meets_it():
    _, measured, target = made()
    strong = Wires(300.0, 300.0, 0.0, 0.0)
    found = compensate(measured, target, strong, tile=TILE)
    assert found.out_of_reach.any()
    assert np.array_equal(found.out_of_reach, ~found.program.reachable)
    largest = np.abs(found.program.target_siemens)[found.out_of_reach]
    assert (largest > DESIGN.full_scale_siemens).all()
    fitted = compensate(measured, target, strong, tile=TILE, scale="fit")
    assert 0.1 < fitted.scale < 1
    assert not fitted.out_of_reach.any()
    assert np.allclose(fitted.wanted, fitted.scale * target)
    assert fitted.compensated_bits > found.compensated_bits + 2


def test_each_column_may_have_a_scale_of_its_own():
    chip, measured, target = made()
    strong = Wires(300.0, 300.0, 0.0, 0.0)
    one = compensate(measured, target, strong, tile=TILE, scale="fit")
    each = compensate(measured, target, strong, tile=TILE, scale="fit columns")
    assert each.scale.shape == (12,)
    assert each.weight_scale.shape == (12, 1)
    assert each.scale.max() > one.scale
    # discrete subsets load the wires a little otherwise than the scale was chosen for
    assert (
        each.out_of_reach.sum()
        < compensate(measured, target, strong, tile=TILE).out_of_reach.sum() / 4
    )
    matrix = transfer(chip, each.program, strong, tile=TILE).siemens / each.weight_scale
    assert bits(matrix, target) == pytest.approx(each.compensated_bits, abs=1e-3)


def test_a_given_scale_is_taken_out_of_the_bits():
    chip, measured, target = made()
    found = compensate(measured, target, WIRES, tile=TILE, scale=0.5)
    matrix = transfer(chip, found.program, WIRES, tile=TILE).siemens
    assert bits(matrix / 0.5, target) == pytest.approx(found.compensated_bits, abs=1e-3)
    assert (
        found.uncompensated_bits
        == compensate(measured, target, WIRES, tile=TILE, passes=1).uncompensated_bits
    )


def test_pruned_cells_stay_open():
    _, measured, target = made(keep=0.3)
    found = compensate(measured, target, WIRES, tile=TILE)
    assert not found.program.enabled[target == 0].any()
    assert (found.program.target_siemens[target == 0] == 0).all()


def test_any_executor_gives_the_same_bits():
    _, measured, target = made(20, 10)
    runs = [compensate(measured, target, WIRES, tile=Tile(12, 8), passes=4)]
    for kind in (ThreadPoolExecutor, ProcessPoolExecutor):
        with kind(2) as executor:
            runs.append(
                compensate(measured, target, WIRES, tile=Tile(12, 8), passes=4, executor=executor)
            )
    for run in runs[1:]:
        assert np.array_equal(run.program.enabled, runs[0].program.enabled)
        assert run.errors == runs[0].errors
        assert run.compensated_bits == runs[0].compensated_bits


def test_bits_are_counted_for_the_inputs_that_are_given():
    chip, measured, target = made()
    inputs = np.random.default_rng(5).random((40, 24))
    found = compensate(measured, target, WIRES, tile=TILE, inputs=inputs, passes=2)
    product = inputs @ transfer(chip, found.program, WIRES, tile=TILE).siemens.T
    expected = effective_bits(product - inputs @ target, float(np.ptp(inputs @ target)))
    assert found.compensated_bits == pytest.approx(expected, abs=1e-3)


def test_open_branches_and_lines_without_weights_are_borne():
    _, measured, target = made()
    on = np.array(measured.on_siemens)
    on[3, :, 2] = 0
    target[:, 4] = 0
    found = compensate(replace(measured, on_siemens=on), target, WIRES, tile=TILE, passes=4)
    assert not found.program.enabled[3, :, 2].any()
    assert not found.program.enabled[:, 4].any()


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"scale": 0.0}, "scale = 0.0: give 'fit', 'fit columns', or a number above 0"),
        ({"scale": "best"}, "scale = 'best'"),
        ({"passes": 0}, "passes = 0: give a whole number from 1"),
        ({"inputs": np.ones((3, 2))}, "inputs have shape"),
        ({"inputs": np.full((1, 24), np.nan)}, "every value finite"),
        ({"target": np.full((24, 12), 2e-5)}, "scale the weights"),
    ],
)
def test_what_is_wrong_is_said_before_work(changed, said):
    _, measured, target = made()
    options = {"measurement": measured, "target": target, "wires": WIRES} | changed
    with pytest.raises(InputError, match=said):
        compensate(**options)


def test_cells_programmed_by_nominal_values_are_refused():
    design = Design(ladder="binary", resistors=8, programmed_by="nominal")
    _, measured, target = made(design=design)
    with pytest.raises(InputError, match="programmed_by = 'nominal'"):
        compensate(measured, target, WIRES)


def test_the_shared_way_is_the_resistance_matrix_of_a_chain():
    """The inverse of a line's nodal matrix, driven from one end, from the other or from both."""
    random = np.random.default_rng(3)
    segments = random.uniform(1, 5, (3, 6))
    near, far = np.array([2.0, np.inf, 3.0]), np.array([np.inf, 4.0, 5.0])
    found = shared_ohm(segments, near, far)
    for line in range(3):
        matrix = np.zeros((7, 7))
        for k, ohm in enumerate(segments[line]):
            matrix[k : k + 2, k : k + 2] += np.array([[1, -1], [-1, 1]]) / ohm
        matrix[0, 0] += 1 / near[line]
        matrix[-1, -1] += 1 / far[line]
        assert np.allclose(found[line], np.linalg.inv(matrix), rtol=1e-9)
    assert (shared_ohm(np.zeros((1, 3)), np.zeros(1), np.full(1, np.inf)) == 0).all()
    assert (shared_ohm(np.ones((1, 3)), np.full(1, np.inf), np.full(1, np.inf)) == 0).all()


def test_leverage_foretells_what_a_change_of_one_cell_moves():
    """First order in the wires: a thousandth of a cell's conductance, weak wires."""
    from crossbar.compensation.leverage import Leverage
    from spice_models import Array, nodal

    random = np.random.default_rng(4)
    rows, columns = 6, 4
    siemens = random.uniform(1e-6, 1e-5, (rows, 2 * columns))
    wires = Wires(
        random.uniform(0.5, 1.5, (rows, 2 * columns - 1)),
        random.uniform(0.5, 1.5, (rows - 1, 2 * columns)),
        random.uniform(0.5, 1.5, rows),
        random.uniform(0.5, 1.5, 2 * columns),
    )

    def lines(cells):
        found = nodal.transfer_matrix(Array.from_siemens(cells, wires), method="direct").siemens.T
        return found.reshape(rows, columns, 2).transpose(2, 0, 1)

    before = lines(siemens)
    moved = Leverage.of(wires, rows, columns).moved(before[0] - before[1], before)
    for row, column, side in ((0, 3, 0), (5, 0, 1), (2, 2, 0)):
        changed = siemens.copy()
        step = 1e-2 * siemens[row, 2 * column + side]
        changed[row, 2 * column + side] += step
        difference = (lines(changed) - before) / step
        others = np.arange(columns) != column
        along_word = difference[:, row, others]
        net = (along_word[0] - along_word[1]) ** 2
        expected = moved[row, column, 0] - (
            # the cell's own entry is moved by its own change, not by wires alone
            Leverage.of(wires, rows, columns).words[row, column, column]
            * (before[0] - before[1])[row, column] ** 2
        )
        # a column's two places on the word line are taken together: a factor of two here
        assert expected / 2 < net.sum() < 2 * expected
        down = np.delete(difference[side, :, column], row)
        own = Leverage.of(wires, rows, columns).bits[2 * column + side, row, row]
        expected = moved[row, column, 1 + side] - own * before[side, row, column] ** 2
        assert (down**2).sum() == pytest.approx(expected, rel=0.05)

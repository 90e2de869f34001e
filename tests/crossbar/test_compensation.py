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
from crossbar.compensation import compensate, passes, tiles
from crossbar.compensation.leverage import Chains, influence
from crossbar.metrics import effective_bits
from solvers.settling import settle
from spice_models import Array, nodal

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
        <= compensate(measured, target, strong, tile=TILE).out_of_reach.sum() / 4
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


def test_a_pass_that_leads_astray_is_taken_back_and_not_called_settled(monkeypatch):
    _, measured, target = made(6, 4)

    def stray(*given, others, **how):
        states, left = settle(*given, others=others, **how)
        return (states, left) if others < 1 else (np.zeros_like(states), 1e-6 * left)

    monkeypatch.setattr(passes, "settle", stray)
    for module in (passes, tiles):
        monkeypatch.setattr(module, "in_turn", lambda task: False)
    found = compensate(measured, target, WIRES, tile=TILE, passes=2)
    assert found.errors[1] == found.errors[0] < 0.01
    assert found.changed == 1
    alone = compensate(measured, target, WIRES, tile=TILE, passes=1)
    assert alone.errors[0] > 0.1  # nothing to go back to


@pytest.mark.parametrize("lost", [1, 2])
def test_the_best_of_all_passes_and_of_the_plain_switches_is_taken(lost, monkeypatch):
    """Of two passes the last one or both open all switches, and foretell just that."""
    chip, measured, target = made(6, 4)
    calls = []

    def opening(choices, influence, states, *given, **how):
        calls.append(how["others"])
        if len(calls) + lost > 2:
            return np.zeros_like(states), target / DESIGN.full_scale_siemens
        return settle(choices, influence, states, *given, **how)

    monkeypatch.setattr(passes, "settle", opening)
    for module in (passes, tiles):
        monkeypatch.setattr(module, "in_turn", lambda task: False)
    found = compensate(measured, target, WIRES, tile=TILE, passes=2)
    assert found.errors[1] > 0.1
    assert np.array_equal(found.program.enabled, found.plain.enabled) == (lost == 2)
    matrix = transfer(chip, found.program, WIRES, tile=TILE).siemens.T
    error = np.sqrt(np.mean((matrix - target) ** 2)) / DESIGN.full_scale_siemens
    # simulated from the resistances, a few digits of the last of 16
    assert (error == pytest.approx(found.errors[0], rel=1e-6)) == (lost == 1)


def test_cells_are_held_back_while_passes_lead_astray(monkeypatch):
    _, measured, target = made(6, 4)
    told = []

    def stray(*given, caution, **how):
        told.append(caution)
        states, left = settle(*given, caution=caution, **how)
        return states, left * (1e-6 if len(told) < 3 else 1.0)

    monkeypatch.setattr(passes, "settle", stray)
    for module in (passes, tiles):
        monkeypatch.setattr(module, "in_turn", lambda task: False)
    compensate(measured, target, Wires(0.1, 0.1, 0.1, 0.1), tile=TILE, passes=5)
    assert told == [0.0, 1.0, 5.0, 2.5, 1.25]


def test_progress_counts_tiles_and_changes_no_bit():
    _, measured, target = made(20, 10)
    told = []
    options = {"tile": Tile(12, 8), "passes": 2}
    quiet = compensate(measured, target, WIRES, **options)
    found = compensate(
        measured, target, WIRES, progress=lambda done, total: told.append((done, total)), **options
    )
    assert told == [(done, 6) for done in range(7)]
    assert np.array_equal(found.program.enabled, quiet.program.enabled)


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
        ({"common": -1.0}, "common = -1.0: give a number from 0 to 10"),
        ({"common": True}, "common = True"),
        ({"passes": 0}, "passes = 0: give a whole number from 1"),
        ({"inputs": np.ones((3, 2))}, "inputs have shape"),
        ({"inputs": np.full((1, 24), np.nan)}, r"inputs\[0, 0\] = nan: every value must be finite"),
        ({"inputs": [[1.0, 2.0], [3.0]]}, "inputs are ragged"),
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


def test_the_drop_along_a_loaded_line_is_the_inverse_of_its_nodal_matrix():
    """Driven from one end, from the other or from both, and in two pieces."""
    random = np.random.default_rng(3)
    segments, loads = random.uniform(1, 5, (4, 6)), random.uniform(0, 0.1, (4, 7))
    near, far = np.array([2.0, np.inf, 3.0, 2.0]), np.array([np.inf, 4.0, 5.0, 6.0])
    segments[3, 2] = np.inf
    found = Chains(segments, near, far, loads)
    shared = found.drops(np.tile(np.eye(7), (4, 1, 1)))
    for line in range(4):
        matrix = np.diag(loads[line])
        for k, ohm in enumerate(segments[line]):
            matrix[k : k + 2, k : k + 2] += np.array([[1, -1], [-1, 1]]) / ohm
        matrix[0, 0] += 1 / near[line]
        matrix[-1, -1] += 1 / far[line]
        assert np.allclose(shared[line], np.linalg.inv(matrix), rtol=1e-9, atol=1e-12)
        driven = np.zeros(7)
        driven[0], driven[-1] = 1 / near[line], 1 / far[line]
        assert np.allclose(found.level[line], np.linalg.solve(matrix, driven), rtol=1e-9)


def test_lines_without_resistance_or_without_an_end_drop_nothing():
    shorted = Chains(np.zeros((1, 3)), np.zeros(1), np.full(1, np.inf), np.ones((1, 4)))
    assert (shorted.drops(np.ones((1, 4, 1))) == 0).all()
    assert (shorted.level == 1).all()
    floating = Chains(np.ones((1, 3)), np.full(1, np.inf), np.full(1, np.inf), np.zeros((1, 4)))
    assert (floating.drops(np.ones((1, 4, 1))) == 0).all()
    assert (floating.level == 0).all()


@pytest.mark.parametrize("both_ends", [False, True])
def test_leverage_foretells_what_a_change_of_one_cell_moves(both_ends):
    random = np.random.default_rng(4)
    rows, columns = 6, 4
    siemens = random.uniform(1e-6, 1e-5, (rows, 2 * columns))
    far = {"far_driver_ohm": 20.0, "far_sense_ohm": 30.0} if both_ends else {}
    wires = Wires(
        random.uniform(5, 15, (rows, 2 * columns - 1)),
        random.uniform(5, 15, (rows - 1, 2 * columns)),
        random.uniform(5, 15, rows),
        random.uniform(5, 15, 2 * columns),
        **far,
    )

    def lines(cells):
        found = nodal.transfer_matrix(Array.from_siemens(cells, wires), method="direct").siemens.T
        return found.reshape(rows, columns, 2).transpose(2, 0, 1)

    before = lines(siemens)
    found = influence(wires, siemens.reshape(rows, columns, 2).transpose(2, 0, 1))
    for row, column in ((0, 3), (5, 0), (2, 2)):
        for kind, (net, load) in enumerate(((1, 0), (0, 1))):
            changed, step = siemens.copy(), 1e-9
            changed[row, 2 * column] += step * (load + net) / 2
            changed[row, 2 * column + 1] += step * (load - net) / 2
            moved = lines(changed) - before
            moved = (moved[0] - moved[1]) / step
            told = np.zeros((rows, columns))
            told[row] += found.along_row[row, column, kind]
            told[:, column] += found.along_column[column, row, kind]
            told[row, column] += found.own[row, column, kind]
            told[row, column] -= moved[row, column]
            moved[row, column] = 0
            other = np.ones((rows, columns), dtype=bool)
            other[row], other[:, column] = False, False  # left out: of higher order
            assert np.abs(told - moved)[~other].max() < 1e-3 * np.abs(moved).max()
            assert np.abs(moved)[other].max() < 0.02 * np.abs(moved).max()

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from crossbar import Design, InputError, Tile, Wires, fabricate, measure, program, transfer
from crossbar.simulation import pair_difference, place_tiles

DESIGN = Design(resistors=6)


def made(rows=10, columns=7, seed=1):
    chip = fabricate(DESIGN, rows, columns, seed)
    full_scale = DESIGN.full_scale_siemens
    target = np.random.default_rng(seed).uniform(-full_scale, full_scale, (rows, columns))
    target[::3] = 0
    return chip, program(measure(chip, error=1e-4, seed=2), target)


def largest_difference(first, second):
    return np.abs(first.siemens - second.siemens).max() / np.abs(second.siemens).max()


def test_the_ideal_transfer_is_the_cells_conductance():
    chip, programmed = made()
    answer = transfer(chip, programmed, Wires(), simulator="ideal")
    # sums of up to six conductances in another order
    np.testing.assert_allclose(
        answer.siemens, chip.cell_siemens(programmed.enabled).T, rtol=1e-12, atol=1e-20
    )


def test_nodal_and_ngspice_agree_tile_by_tile():
    chip, programmed = made()
    tile = Tile(rows=4, lines=6)
    answers = [
        transfer(chip, programmed, Wires(), tile=tile, simulator=name)
        for name in ("nodal", "ngspice")
    ]
    assert answers[0].tiles == answers[1].tiles == 3 * 3
    assert largest_difference(*answers) < 1e-9
    assert max(answer.mismatch for answer in answers) < 1e-9


def test_without_wire_resistance_all_simulators_and_tiles_agree():
    chip, programmed = made()
    ideal = transfer(chip, programmed, Wires(), simulator="ideal")
    for name in ("nodal", "ngspice"):
        for tile in (Tile(), Tile(rows=3, lines=4)):
            answer = transfer(chip, programmed, Wires.ideal(), tile=tile, simulator=name)
            assert largest_difference(answer, ideal) < 1e-12


def test_wires_cost_more_on_a_larger_tile():
    chip, programmed = made(rows=32, columns=16)
    ideal = transfer(chip, programmed, Wires(), simulator="ideal")
    losses = [
        largest_difference(transfer(chip, programmed, Wires(), tile=tile), ideal)
        for tile in (Tile(8, 8), Tile(16, 16), Tile(32, 32))
    ]
    assert losses == sorted(losses)
    assert losses[0] > 0


def test_a_direct_sweep_of_real_activations_gives_the_same_currents():
    from crossbar.datasets import load_dataset
    from crossbar.networks import load_network
    from crossbar.programming import target_siemens
    from spice_models import ngspice

    network = load_network("digits")
    seen = network.activations(load_dataset("digits").test_inputs[:20])
    layer = network.layers[1]
    target = target_siemens(DESIGN, layer.weights)
    chip = fabricate(DESIGN, *target.shape, seed=3)
    programmed = program(measure(chip, seed=4), target)
    volts = 0.2 * seen[1] / seen[1].max()
    answer = transfer(chip, programmed, Wires(), simulator="ngspice")
    swept = np.zeros((len(volts), chip.columns))
    for row in place_tiles(chip, programmed, Wires()):
        for placed in row:
            sweep = ngspice.sweep(placed.array, volts[:, placed.rows])
            swept[:, placed.columns] += pair_difference(sweep.currents.T).T
    expected = answer.currents(volts)
    assert np.abs(swept - expected).max() < 1e-9 * np.abs(expected).max()


def test_an_executor_changes_nothing():
    chip, programmed = made()
    serial = transfer(chip, programmed, Wires(), tile=Tile(4, 4))
    with ThreadPoolExecutor(3) as executor:
        parallel = transfer(chip, programmed, Wires(), tile=Tile(4, 4), executor=executor)
    assert np.array_equal(serial.siemens, parallel.siemens)


def test_tiles_that_were_solved_lately_are_not_solved_again(monkeypatch):
    chip, programmed = made(seed=77)
    first = transfer(chip, programmed, Wires(), tile=Tile(4, 4))
    monkeypatch.setattr("spice_models.direct.solve", None)
    again = transfer(chip, programmed, Wires(), tile=Tile(4, 4))
    assert np.array_equal(first.siemens, again.siemens)
    assert first.mismatch == again.mismatch


def test_an_unknown_simulator_is_named():
    with pytest.raises(InputError, match="simulator = 'spice': choose one of ideal, nodal"):
        transfer(*made(), Wires(), simulator="spice")


@pytest.mark.parametrize("fields", [{"rows": 0}, {"lines": 3}, {"lines": 0}])
def test_a_bad_tile_is_refused(fields):
    with pytest.raises(InputError, match="tile"):
        Tile(**fields)


def test_a_program_of_another_chip_is_refused():
    chip, _ = made(4, 3)
    _, other = made(10, 7)
    for simulate in (
        lambda: transfer(chip, other, Wires()),
        lambda: chip.cell_siemens(other.enabled),
    ):
        with pytest.raises(InputError, match="this chip needs booleans of shape"):
            simulate()


@pytest.mark.parametrize("simulator", ["nodal", "ngspice"])
def test_the_ideal_product_is_the_limit_of_small_wires(simulator):
    chip, programmed = made()
    ideal = transfer(chip, programmed, Wires(), simulator="ideal")
    losses = [
        largest_difference(
            transfer(chip, programmed, Wires(ohm, ohm, ohm, ohm), simulator=simulator), ideal
        )
        for ohm in (10.0, 1.0, 0.1)
    ]
    # to first order the loss is proportional to the wires' resistance
    assert losses[0] / losses[1] == pytest.approx(10, rel=0.05)
    assert losses[1] / losses[2] == pytest.approx(10, rel=0.05)


def test_inputs_of_another_shape_or_nan_are_refused():
    answer = transfer(*made(4, 3), Wires())
    with pytest.raises(InputError, match=r"inputs have shape .2, 3.: give .points, 4."):
        answer.currents(np.zeros((2, 3)))
    with pytest.raises(InputError, match="must be finite"):
        answer.currents(np.full((1, 4), np.nan))

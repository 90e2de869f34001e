"""What the arrays of a matrix are said to hold, and how the figures of a layer come from them."""

import numpy as np
import pytest

pytest.importorskip("torch")

from crossbar import Design, Tile, place, transfer
from crossbar.models import arrays
from crossbar.models.arrays import AnalogMatrix, Making, make_matrix
from crossbar.models.commands import MODELS
from crossbar.models.lenet import BUILDERS
from crossbar.models.reports import figures
from crossbar.production import produce
from spice_models import Wires

LOG2_ROOT_12 = 1.792481250360578


@pytest.mark.parametrize("tile", [2, 64])
def test_closed_switches_and_cells_out_of_reach_are_those_of_the_program(tile):
    design = Design(resistors=4, usable=1.0)
    weights = np.random.default_rng(5).normal(size=(5, 4))
    weights[2], weights[0, 1] = 0.0, 0.0
    making = Making(design, Wires(), Tile(tile, tile), "ideal", 1e-5, "auto")
    made = make_matrix(weights, making, np.random.SeedSequence(3))
    placed = weights[[0, 1, 3, 4]]
    program = produce(design, placed, np.random.SeedSequence(3), measurement_error=1e-5).program
    assert made.enabled == program.enabled.sum()
    assert 0 < made.enabled < made.resistors
    assert made.unreachable == (~program.reachable).sum()


@pytest.mark.parametrize("scaling", ["layer", "column"])
def test_matrices_that_know_their_wires_are_placed(monkeypatch, scaling):
    weights = np.random.default_rng(5).normal(size=(6, 20)) * np.arange(1, 21)
    weights[:, 7] = 0.0
    points = np.random.default_rng(6).random((9, 20))
    making = Making(
        Design(resistors=10), Wires(30, 30), Tile(8, 8), "nodal", 0.0, "auto", None,
        wire_aware=True, scaling=scaling,
    )  # fmt: skip
    given = []

    def noted(function):
        def called(*arguments, **options):
            given.append((arguments, options))
            return function(*arguments, **options)

        return called

    for function in (produce, transfer):
        monkeypatch.setattr(arrays, function.__name__, noted(function))
    made = make_matrix(weights, making, np.random.SeedSequence(3), points)
    placement = place(making.design, weights, making.wires, making.tile, scaling=scaling)
    (programmed, how), (_, simulated) = given
    assert np.array_equal(programmed[1], weights[placement.cells])
    assert np.array_equal(how["inputs"], points[:, placement.inputs])
    assert how["tile"] == simulated["tile"] == placement.tile == Tile(7, 6)
    assert np.array_equal(made.grid_row, placement.grid_row())
    # ten resistors keep 8 bits and more of each weight; in another order all would be off
    assert np.abs(made.product - weights).max() < 0.01 * np.abs(weights).max()
    assert not made.product[:, 7].any()


def test_matrices_on_lines_with_wires_of_their_own_keep_their_order():
    weights = np.random.default_rng(5).normal(size=(3, 5))
    weights[:, 2] = 0.0
    wires = Wires(driver_ohm=np.array([10.0, 200.0, 3000.0, 40.0]))
    making = Making(
        Design(resistors=8), wires, Tile(4, 6), "nodal", 0.0, "auto", None, wire_aware=True
    )
    made = make_matrix(weights, making, np.random.SeedSequence(3))
    # eight resistors keep 5 bits; in another order whole weights would be off
    assert np.abs(made.product - weights).max() < 0.05
    assert made.grid_row.tolist() == [0, 0, -1, 0, 0]


def matrix(cells, products, **counts):
    cells, products = np.array(cells), np.array(products)
    return AnalogMatrix(np.zeros((1, 1)), np.zeros(1, np.int64), cells, products, **counts)


def test_figures_of_a_layer_join_the_errors_of_its_matrices():
    # Cells: rms sqrt((1/4)^2 / 4) = 1/8 of a scale from -1 to 1, so log2(2 / (sqrt(12) / 8)) bits.
    # Products: rms 1/4, worst 1/2.
    first = matrix([-0.25], [0.0, 0.0], tiles=1, resistors=4, enabled=3, mismatch=1e-9)
    second = matrix([0.0, 0.0, 0.0], [-0.5, 0.0], tiles=2, resistors=12, enabled=5, unreachable=1)
    found = figures([first, second])
    assert found["cell_effective_bits"] == pytest.approx(4 - LOG2_ROOT_12, rel=1e-12)
    assert found["cell_worst_bits"] == 2
    assert found["matrix_effective_bits"] == pytest.approx(3 - LOG2_ROOT_12, rel=1e-12)
    assert found["matrix_worst_bits"] == 1
    counts = ("kept_weights", "tiles", "resistors", "enabled", "unreachable", "mismatch")
    assert [found[field] for field in counts] == [4, 3, 16, 8, 1, 1e-9]


def test_commands_name_every_network():
    assert tuple(BUILDERS) == MODELS

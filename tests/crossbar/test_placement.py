"""Where a layer's lines lie: an order that products do not show, and that wires do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar import Design, InputError, Placement, Tile, Wires, place, produce, transfer
from crossbar.metrics import effective_bits
from crossbar.placement import uniform
from crossbar.simulation import tile_slices
from spice_models import Array, Switch, nodal

DESIGN = Design(resistors=12)


def pruned(rows: int, columns: int, seed: int, kept: float = 0.3) -> np.ndarray:
    """Weights (columns, rows) whose lines differ much in what they weigh; some have none."""
    random = np.random.default_rng(seed)
    weights = random.normal(size=(columns, rows)) * (random.random((columns, rows)) < kept)
    weights *= random.lognormal(sigma=1.0, size=rows)
    weights[0, 0] = 1.0
    return weights


@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    tile=st.builds(Tile, st.integers(1, 20), st.integers(1, 10).map(lambda half: 2 * half)),
    polarity=st.sampled_from(["paired", "offset", "steered"]),
    seed=st.integers(0, 99),
)
def test_every_line_with_weights_has_one_place_and_products_do_not_show_it(
    rows, columns, tile, polarity, seed
):
    weights = pruned(rows, columns, seed)
    design = replace(DESIGN, polarity=polarity)
    placement = place(design, weights, Wires(), tile)
    placed = weights[placement.cells]
    assert sorted(placement.outputs) == np.flatnonzero(weights.any(axis=1)).tolist()
    assert sorted(placement.inputs) == np.flatnonzero(weights.any(axis=0)).tolist()
    assert np.array_equal(placement.restored(placed), weights)
    inputs = np.random.default_rng(seed).normal(size=(3, rows))
    products = placement.products(lambda found: found @ placed.T, inputs)
    np.testing.assert_allclose(products, inputs @ weights.T, atol=1e-12 * np.abs(weights).sum())

    cells = placed.T.shape[0], placed.T.shape[1] + design.has_reference
    before = tile_slices(cells, tile, design.lines_per_column)
    after = tile_slices(cells, placement.tile, design.lines_per_column)
    assert len(after) <= len(before)
    assert placement.tile.rows <= tile.rows
    assert placement.tile.lines <= tile.lines
    heights = [down.stop - down.start for down, _ in after]
    assert max(heights) == placement.tile.rows
    for down, _ in after:
        there = placement.grid_row()[placement.inputs[down]]
        assert set(there) == {down.start // placement.tile.rows}


@pytest.mark.parametrize("rows", ["last", "both"])
@pytest.mark.parametrize("columns", ["first", "both"])
def test_the_heaviest_lines_lie_where_wires_cost_least(rows, columns):
    """By the circuit itself: what is left of the conductance of a cell that is alone."""
    wires = Wires(
        word_segment_ohm=100.0,
        bit_segment_ohm=100.0,
        driver_ohm=1.0,
        far_driver_ohm=None if columns == "first" else 1.0,
        sense_ohm=1.0,
        far_sense_ohm=None if rows == "last" else 1.0,
    )
    tile, size = Tile(4, 8), 12
    weights = np.outer(np.linspace(1.0, 2.0, size), np.linspace(1.0, 3.0, size))
    placement = place(DESIGN, weights, wires, tile)
    assert placement.tile == tile
    left = np.zeros((4, 4))
    for row in range(4):
        for column in range(4):
            alone = Array(
                ohm=np.full((4, 8, 1), 1e5),
                enabled=np.arange(32).reshape(4, 8, 1) // 2 == 4 * row + column,
                switch=Switch(on_ohm=1.0, off_ohm=1e12),
                wires=wires,
            )
            left[row, column] = nodal.currents(alone, np.eye(4))[row].sum()
    for kept, lines in ((left[:, 0], placement.inputs), (left[0], placement.outputs)):
        heaviest_first = kept[np.argsort(-lines) % 4]
        assert (np.diff(heaviest_first) < 1e-6 * kept.max()).all()
        assert heaviest_first[-1] < 0.9995 * heaviest_first[0]


def test_pruned_layers_keep_more_bits_with_lines_of_large_weights_next_to_drivers_and_senses():
    design, wires, tile = replace(DESIGN, resistors=14), Wires(40.0, 40.0), Tile(48, 40)
    weights = pruned(48, 20, 2, kept=0.15)
    inputs = np.random.default_rng(2).random((200, 48))
    wanted = inputs @ weights.T
    placement = place(design, weights, wires, tile)
    reverse = replace(placement, outputs=placement.outputs[::-1], inputs=placement.inputs[::-1])
    bits = []
    for one in (placement, Placement.whole(weights, tile), reverse):
        made = produce(
            design, weights[one.cells], 3, wires=wires, tile=one.tile, measurement_error=1e-5
        )
        found = transfer(made.chip, made.program, wires, tile=one.tile).siemens
        product = one.restored(found / made.siemens_per_weight)
        bits.append(effective_bits(inputs @ product.T - wanted, float(np.ptp(wanted))))
    placed, given, reversed_ = bits
    assert placed > given + 0.4  # 0.8 bit, as from given to reverse
    assert given > reversed_ + 0.4


def test_tiles_are_as_small_as_their_number_allows():
    def tile(rows, columns, most, **cell):
        return place(replace(DESIGN, **cell), np.ones((columns, rows)), Wires(), most).tile

    assert tile(268, 88, Tile(128, 128)) == Tile(90, 88)
    assert tile(10, 3, Tile(4, 128)) == Tile(4, 6)
    assert tile(128, 64, Tile(128, 128)) == Tile(128, 128)
    assert tile(5, 8, Tile(4, 8), polarity="offset") == Tile(3, 6)  # 9 lines with the reference
    assert place(DESIGN, np.ones((70, 70)), Wires()).tile == Tile(24, 28)


def test_the_end_of_a_short_tile_is_as_near_as_that_of_others():
    weights = np.outer(np.ones(2), np.arange(1.0, 11.0))
    placement = place(DESIGN, weights, Wires(), Tile(4, 4))
    assert placement.inputs[[3, 7, 9]].tolist() == [9, 8, 7]
    assert placement.inputs[[2, 6, 8]].tolist() == [6, 5, 4]
    assert placement.inputs[[0, 4]].tolist() == [1, 0]


def test_far_drivers_of_offset_cells_stand_behind_the_reference():
    weights = np.diag(np.arange(1.0, 8.0))
    design = replace(DESIGN, polarity="offset")
    placement = place(design, weights, Wires(far_driver_ohm=10.0), Tile(8, 4))
    assert set(placement.outputs[[0, 3, 4]]) == {6, 5, 4}  # 7 is the reference


def test_lines_are_weighed_by_the_sums_of_what_they_conduct():
    """Not of their squares; with full scales of their own, columns sum up to 1, 3 and 1."""
    weights = np.array([[8.0, 0, 0], [3, 3, 3], [16, 0, 0]])
    assert place(DESIGN, weights, Wires()).outputs.tolist() == [2, 1, 0]
    by_column = place(DESIGN, weights, Wires(), scaling="column")
    assert by_column.outputs.tolist() == [1, 0, 2]
    assert by_column.inputs.tolist() == [2, 1, 0]


def test_small_weights_share_tiles_that_have_a_full_scale_of_their_own():
    random = np.random.default_rng(0)
    weights = random.normal(size=(8, 32)) * np.where(random.permutation(32) < 16, 0.01, 1.0)
    placement = place(DESIGN, weights, Wires(), Tile(16, 16), scaling="tile")
    size = np.abs(weights[placement.cells]).max(axis=0)
    assert size[:16].min() > 10 * size[16:].max()
    assert size[15] > size[0]
    assert size[31] > size[16]


def test_lines_with_wires_of_their_own_stay_where_they_are():
    weights = pruned(4, 4, 0)
    driver_ohm = np.array([10.0, 10.0, 10.0, np.inf])
    placement = place(DESIGN, weights, Wires(driver_ohm=driver_ohm), Tile(4, 8))
    assert placement.inputs.tolist() == placement.outputs.tolist() == [0, 1, 2, 3]
    assert placement.tile == Tile(4, 8)
    assert not uniform(Wires(bit_segment_ohm=np.ones((3, 8))))
    assert uniform(Wires(far_driver_ohm=3.0))


def test_inputs_without_a_line_stand_in_no_tile():
    weights = np.ones((2, 5))
    weights[:, 2] = 0.0
    inputs = np.array([4, 0, 1, 3])
    assert place(DESIGN, weights, Wires(), Tile(2, 4)).grid_row()[2] == -1
    placement = replace(Placement.whole(weights, Tile(2, 4)), inputs=inputs)
    assert placement.grid_row().tolist() == [0, 1, -1, 1, 0]
    inputs[0] = 2  # still the caller's own
    assert placement.inputs[0] == 4


def test_netlist_comments_name_every_line():
    weights = pruned(50, 30, 0)
    placement = place(DESIGN, weights, Wires(), Tile(16, 16))
    found = {"input of each word line": [], "output of each column": []}
    for line in placement.comments():
        name, rest = line.split(", from ")
        start, numbers = rest.split(": ")
        assert int(start) == len(found[name])
        found[name] += map(int, numbers.split())
    assert found["input of each word line"] == placement.inputs.tolist()
    assert found["output of each column"] == placement.outputs.tolist()


@pytest.mark.parametrize(
    ("weights", "told"),
    [(np.zeros((2, 3)), "all zero"), (np.ones(3), "weights"), ([[1.0, float("nan")]], "weights")],
)
def test_what_cannot_be_placed_is_named(weights, told):
    with pytest.raises(InputError, match=told):
        place(DESIGN, weights, Wires())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"wires": None}, "wires = None: give a spice_models.Wires"),
        ({"design": None}, "design = None: give a crossbar.Design"),
        ({"tile": (4, 4)}, r"tile = \(4, 4\): give a crossbar.Tile"),
        ({"scaling": "row"}, "scaling = 'row': choose one of"),
    ],
)
def test_options_that_are_none_are_named(options, told):
    with pytest.raises(InputError, match=told):
        place(**({"design": DESIGN, "weights": np.ones((2, 3)), "wires": Wires()} | options))


def test_whole_layers_keep_their_lines():
    weights = pruned(7, 5, 0)
    placement = Placement.whole(weights, Tile(4, 4))
    assert np.array_equal(weights[placement.cells], weights)
    assert placement.tile == Tile(4, 4)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"inputs": [0, 5]}, "inputs: from 0 to 5; the layer has 0 to 4"),
        ({"inputs": [-1, 2]}, "inputs: from -1 to 2"),
        ({"outputs": [3, 3]}, "outputs: one is named twice"),
        (
            {"outputs": [0.5]},
            "outputs of shape .1,. and type float64: give a list of whole numbers",
        ),
        ({"outputs": [[0]]}, "outputs of shape .1, 1."),
        ({"outputs": []}, "outputs of shape .0,.* at least one"),
        ({"outputs": [[1], [1, 2]]}, "outputs are ragged"),
        ({"shape": (2, 3, 4)}, r"shape = \(2, 3, 4\): give two whole numbers, outputs and inputs"),
        ({"shape": (-6, 9)}, "shape = .*: give two whole numbers"),
        ({"shape": None}, "shape = None: give two whole numbers"),
        ({"tile": None}, "tile = None: give a crossbar.Tile"),
    ],
)
def test_lines_that_a_layer_does_not_have_are_named(change, told):
    with pytest.raises(InputError, match=told):
        replace(Placement.whole(pruned(5, 7, 0), Tile()), **change)


def test_matrices_and_products_of_another_size_are_named():
    placement = replace(Placement.whole(pruned(5, 7, 0), Tile()), inputs=[4, 1])
    with pytest.raises(InputError, match=r"matrix of shape \(7, 5\): give \(7, 2\)"):
        placement.restored(np.ones((7, 5)))
    with pytest.raises(InputError, match="matrix of type complex128: give real numbers"):
        placement.restored(np.ones((7, 2), complex))
    inputs = np.ones((3, 5))
    with pytest.raises(InputError, match=r"inputs of shape \(3, 2\): give \(points, 5\)"):
        placement.products(lambda found: found, np.ones((3, 2)))
    for wrong in (np.ones((3, 1)), 3.0, None):
        with pytest.raises(InputError, match=r"products of shape .*: give \(3, 7\)"):
            placement.products(lambda _, wrong=wrong: wrong, inputs)


@pytest.mark.parametrize("weights", [np.ones(3), np.full((2, 2), np.nan), np.zeros((2, 2))])
@pytest.mark.parametrize("make", [Placement.whole, Placement.of_weights])
def test_every_way_to_place_names_bad_weights(make, weights):
    with pytest.raises(InputError, match="weights"):
        make(weights, Tile())
    assert make([[1, 0], [1, 1]], Tile()).shape == (2, 2)

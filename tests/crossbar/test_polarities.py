"""Cells of every polarity through the whole way of the data."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import solvers
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
from crossbar.fabrication import Chip
from crossbar.production import produce, program_real
from crossbar.programming import Program
from crossbar.simulation import place_tiles

POLARITIES = ("paired", "offset", "flip", "steered")
OTHERS = POLARITIES[1:]


def made(polarity, rows=5, columns=4, seed=1, error=1e-4, **fields):
    design = Design(polarity=polarity, **{"resistors": 6, **fields})
    chip = fabricate(design, rows, columns, seed)
    full_scale = design.full_scale_siemens
    target = np.random.default_rng(seed).uniform(-full_scale, full_scale, (rows, columns))
    target[::3, 0] = 0
    known = measure(chip, error=error, seed=2)
    return chip, known, program(known, target)


def net_siemens(polarity, on, off, states):
    """What a cell's lines conduct, positive less negative, branch by branch and in words."""
    total = 0.0
    for k, state in enumerate(states):
        if polarity == "offset":
            total += on[k] if state else off[k]
        else:
            positive = on[k] if state == 1 else off[k]
            negative = on[k] if state == -1 else off[k]
            total += positive - negative
    return total


@pytest.mark.parametrize("polarity", OTHERS)
@pytest.mark.parametrize("off_ohm", [1e10, 3e7])
def test_every_cell_is_the_best_of_all_its_states(polarity, off_ohm):
    _, known, programmed = made(polarity, resistors=4, off_ohm=off_ohm)
    design = known.design
    states = {"offset": (0, 1), "flip": (-1, 1), "steered": (-1, 0, 1)}[polarity]
    every = list(itertools.product(states, repeat=4))
    on, off = known.on_siemens, known.off_siemens
    reference = np.zeros(known.rows)
    if polarity == "offset":
        for row in range(known.rows):
            cell = on[row, -1], off[row, -1]
            sums = [net_siemens(polarity, *cell, one) for one in every]
            mine = net_siemens(polarity, *cell, programmed.enabled[row, -1])
            middle = design.reference_siemens
            assert abs(mine - middle) <= min(np.abs(np.array(sums) - middle)) + 1e-18
            reference[row] = mine
    for row, column in np.ndindex(known.rows, known.columns):
        target = programmed.target_siemens[row, column]
        cell = on[row, column], off[row, column]
        sums = np.array([net_siemens(polarity, *cell, one) for one in every]) - reference[row]
        mine = net_siemens(polarity, *cell, programmed.enabled[row, column]) - reference[row]
        # sums of eight conductances of 1e-5 S, rounded in another order
        assert abs(mine - target) <= np.abs(sums - target).min() + 1e-19
        if polarity == "steered" and target == 0:
            assert not programmed.enabled[row, column].any()


@pytest.mark.parametrize("polarity", POLARITIES)
@pytest.mark.parametrize("programmed_by", ["measured", "nominal"])
def test_a_conventional_array_saturates_where_a_measured_one_does_not(polarity, programmed_by):
    """Binary ladders of 20 % resistors by nominal values: worst 2.2 bits of the whole range."""
    fields = {"resistors": 10, "programmed_by": programmed_by}
    ladder = "binary" if programmed_by == "nominal" else "guaranteed"
    chip, _, programmed = made(polarity, 20, 20, ladder=ladder, **fields)
    kept = programmed.target_siemens != 0
    error = (chip.cell_siemens(programmed.enabled) - programmed.target_siemens)[kept]
    bits = -np.log2(np.abs(error).max() / chip.design.full_scale_siemens)
    assert (bits > 6) if programmed_by == "measured" else (0.5 < bits < 4)


def test_nominal_steered_cells_put_the_magnitude_on_the_line_of_the_sign():
    _, _, programmed = made("steered", ladder="binary", programmed_by="nominal")
    signs = np.sign(programmed.target_siemens)[:, :, None]
    assert (programmed.enabled * signs >= 0).all()
    for cell, weight in ((programmed.enabled[1, 1], programmed.target_siemens[1, 1]),):
        units = round(abs(weight) / 1e-5 * 63)  # radix 2 of 6 branches: full scale is 63 units
        assert (cell != 0).tolist() == [bool(units >> k & 1) for k in range(6)]


@given(
    polarity=st.sampled_from(POLARITIES),
    rows=st.integers(1, 6),
    columns=st.integers(1, 6),
    tile=st.builds(Tile, st.integers(1, 6), st.integers(1, 4).map(lambda half: 2 * half)),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_without_wires_every_grid_of_tiles_gives_the_cells_conductances(
    polarity, rows, columns, tile, seed
):
    chip, _, programmed = made(polarity, rows, columns, seed, resistors=5)
    cells = chip.cell_siemens(programmed.enabled)
    assert cells.shape == (rows, columns) == programmed.target_siemens.shape
    ideal = transfer(chip, programmed, Wires(), tile=tile, simulator="ideal")
    nodal = transfer(chip, programmed, Wires.ideal(), tile=tile)
    # relative to a line's conductance, of which the net one is a difference
    scale = chip.design.nominal_siemens.sum() * 1e-13
    np.testing.assert_allclose(ideal.siemens, cells.T, rtol=0, atol=scale)
    np.testing.assert_allclose(nodal.siemens, cells.T, rtol=0, atol=scale * rows)


@pytest.mark.parametrize("polarity", OTHERS)
def test_nodal_and_ngspice_agree_with_wires_and_without(polarity):
    chip, _, programmed = made(polarity)
    tile = Tile(rows=3, lines=4)
    for wires in (Wires(), Wires.ideal()):
        nodal, ngspice = (
            transfer(chip, programmed, wires, tile=tile, simulator=name)
            for name in ("nodal", "ngspice")
        )
        scale = np.abs(nodal.siemens).max()
        assert np.abs(nodal.siemens - ngspice.siemens).max() < 1e-9 * scale
    # nodal, the last, without wires
    cells = chip.cell_siemens(programmed.enabled).T
    assert np.abs(ngspice.siemens - cells).max() < 1e-9 * np.abs(cells).max()


@pytest.mark.parametrize("polarity", OTHERS)
def test_the_ideal_product_is_the_limit_of_small_wires(polarity):
    chip, _, programmed = made(polarity)
    cells = chip.cell_siemens(programmed.enabled).T
    loss = [
        np.abs(transfer(chip, programmed, Wires(*[ohm] * 4)).siemens - cells).max()
        for ohm in (1.0, 0.1)
    ]
    # to first order the loss is proportional to the wires' resistance
    assert loss[0] / loss[1] == pytest.approx(10, rel=0.05)


def test_an_offset_weight_is_relative_to_what_its_reference_is_measured_to_conduct():
    """A reference off the middle costs nothing: the cells of its row are off by as much."""
    chip, known, programmed = made("offset", ladder="guaranteed", resistors=8, error=0.0)
    on, off = known.on_siemens, known.off_siemens
    cells = np.where(programmed.enabled, on, off).sum(axis=2)
    middle = chip.design.reference_siemens
    assert (np.abs(cells[:, -1] - middle) > 1e-5 * middle).all()
    error = (cells[:, :-1] - cells[:, -1:]) - programmed.target_siemens
    bound = chip.design.full_scale_siemens * 2**-chip.design.guaranteed_bits
    assert np.abs(error).max() <= bound
    np.testing.assert_allclose(
        chip.cell_siemens(programmed.enabled), programmed.target_siemens + error, rtol=1e-9
    )


@pytest.mark.parametrize("polarity", ["offset", "flip"])
def test_a_pruned_weight_that_cannot_be_switched_off_is_solved_for_zero(polarity):
    chip, _, programmed = made(polarity, resistors=12, error=0.0)
    pruned = programmed.target_siemens == 0
    assert pruned.any()
    net = chip.cell_siemens(programmed.enabled)[pruned]
    assert np.abs(net).max() < 0.02 * chip.design.full_scale_siemens
    assert (programmed.enabled[:, :-1] if polarity == "offset" else programmed.enabled).any()
    assert programmed.reachable.all()


def test_a_flipped_branch_is_never_off_and_a_steered_one_may_be():
    _, _, flipped = made("flip")
    _, _, steered = made("steered")
    assert flipped.enabled.dtype == steered.enabled.dtype == np.int8
    assert set(np.unique(flipped.enabled)) == {-1, 1}
    assert set(np.unique(steered.enabled)) == {-1, 0, 1}


@given(ohm=st.floats(1e3, 1e7), on=st.floats(1, 1e4), ratio=st.floats(1e3, 1e9), line=st.booleans())
@settings(max_examples=100, deadline=None)
def test_two_resistors_stand_for_one_that_two_switches_share(ohm, on, ratio, line):
    """What `place_tiles` says it neglects, by the star of one resistor and two switches."""
    off = on * ratio
    legs = np.array([1 / ohm, 1 / on, 1 / off])
    joined, leaking = legs[0] * legs[1:] / legs.sum()  # star to triangle
    cell = Design(polarity="flip", on_ohm=on, off_ohm=off, resistors=2, full_scale_siemens=1e-9)
    states = np.array([[[1, -1] if line else [-1, 1]]], np.int8)
    programmed = Program(states, np.zeros((1, 1)), np.ones((1, 1), bool))
    (((placed,),),) = (place_tiles(Chip(cell, np.full((1, 1, 2), ohm)), programmed, Wires.ideal()),)
    mine = 1 / placed.array.path_ohm[0]
    assert mine[:, 0].tolist() == mine[::-1, 1].tolist()
    mine = np.sort(mine[:, 0])
    assert 0 <= mine[1] / joined - 1 <= on / off * (1 + 1e-6) + 1e-12
    assert mine[0] <= 1 / off
    assert leaking == pytest.approx(
        mine[0] * on / (ohm + on), rel=2 * (ohm / off + on / off) + 1e-9, abs=0
    )
    assert legs[1] * legs[2] / legs.sum() <= 1 / off


@pytest.mark.parametrize("polarity", POLARITIES)
def test_an_open_branch_is_left_alone(polarity):
    _, known, _ = made(polarity, ladder="identical", resistors=5)
    siemens = np.array(known.on_siemens)
    siemens[:, :, 2] = 0
    real = Measurement(known.design, siemens)
    weights = np.random.default_rng(0).uniform(-1, 1, (4, 5))
    found = program_real(real, weights)
    if polarity != "flip":
        assert not found.program.enabled[:, :, 2].any()
    left = Measurement(Design(polarity=polarity, resistors=5), siemens)
    assert np.isinf(found.chip.true_ohm[:, :, 2]).all()
    nodal = transfer(found.chip, found.program, Wires.ideal())
    scale = left.on_siemens.sum(axis=2).max()
    net = found.chip.cell_siemens(found.program.enabled)
    np.testing.assert_allclose(nodal.siemens, net.T, rtol=0, atol=1e-12 * scale)


def test_no_method_can_close_an_open_steered_branch(monkeypatch):
    exact = solvers.solve_batch

    def closes_everything(values, targets, **options):
        found = exact(values, targets, **options)
        return replace(found, mask=np.ones_like(found.mask))

    _, known, programmed = made("steered")
    siemens = np.array(known.on_siemens)
    siemens[:, :, 2] = 0
    monkeypatch.setattr(solvers, "solve_batch", closes_everything)
    enabled = program(Measurement(known.design, siemens), programmed.target_siemens).enabled
    assert (enabled[programmed.target_siemens != 0] == [1, 1, 0, 1, 1, 1]).all()


def test_weights_below_a_broken_reference_are_out_of_reach():
    _, known, _ = made("offset", rows=2)
    siemens = np.array(known.on_siemens)
    siemens[0, -1] = 0
    target = np.array([[-5e-6, 5e-6, 0.0, 1e-5]] * 2)
    found = program(Measurement(known.design, siemens), target)
    assert found.reachable.tolist() == [[False, True, True, True], [True] * 4]


def test_designs_of_as_many_resistors_meet_the_same_draws():
    chips = {p: fabricate(Design(polarity=p, ladder="identical"), 3, 2, 5) for p in POLARITIES}
    factors = {p: chip.true_ohm / chip.design.nominal_ohm for p, chip in chips.items()}
    assert factors["offset"].shape == (3, 3, 16)
    for polarity in OTHERS:
        np.testing.assert_allclose(factors[polarity][:, :2], factors["paired"], rtol=1e-14)
    noise = {
        p: measure(c, error=0.1, seed=1).on_siemens / c.closed_siemens for p, c in chips.items()
    }
    np.testing.assert_allclose(noise["offset"][:, :2], noise["paired"], rtol=1e-14)


def test_a_real_offset_chip_holds_its_reference_in_its_last_column():
    _, known, _ = made("offset", rows=3, columns=2)
    found = program_real(known, [[1.0, -0.5, 0.25], [0.0, 0.5, -1.0]])
    assert found.chip.columns == 2
    assert found.program.enabled.shape == (3, 3, 6)
    with pytest.raises(InputError, match="has 3 rows and 2 columns"):
        program_real(known, np.ones((3, 3)))
    with pytest.raises(InputError, match=r"on_siemens has shape \(3, 1, 6\): an offset chip"):
        Measurement(known.design, known.on_siemens[:, :1])
    with pytest.raises(InputError, match=r"true_ohm has shape \(3, 1, 6\): an offset chip"):
        Chip(known.design, as_measured(known).true_ohm[:, :1])


def test_states_that_a_cell_cannot_have_are_refused():
    chip, _, programmed = made("flip")
    states = np.array(programmed.enabled)
    states[0, 0, 0] = 0
    with pytest.raises(InputError, match=r"a flip cell can be one of \(-1, 1\)"):
        chip.cell_siemens(states)
    with pytest.raises(InputError, match="this chip needs int8"):
        chip.cell_siemens(states == 1)
    paired, _, _ = made("paired")
    with pytest.raises(InputError, match="this chip needs booleans"):
        paired.cell_siemens(states)
    for wrong in (2, -128):
        states[0, 0, 0] = wrong
        with pytest.raises(InputError, match="every state must be -1, 0 or 1"):
            Program(states, programmed.target_siemens, programmed.reachable)
    with pytest.raises(InputError, match="reachable has shape"):
        Program(programmed.enabled, programmed.target_siemens, programmed.reachable[:, :-1])


def test_a_program_without_its_reference_is_no_program_of_the_chip():
    from crossbar.production import ProgrammedChip

    chip, known, programmed = made("offset")
    longer = np.zeros(programmed.enabled.shape[:2])
    wrong = Program(programmed.enabled, longer, longer == 0)
    with pytest.raises(InputError, match=r"target_siemens has shape \(5, 5\): the chip has 5 rows"):
        ProgrammedChip(chip, known, wrong, 1.0)


@pytest.mark.parametrize("polarity", POLARITIES)
def test_a_layer_is_its_weights_and_every_precision_grows_with_resistors(polarity):
    weights = np.random.default_rng(0).normal(size=(6, 9))
    worst = []
    for resistors in (6, 10, 14):
        design = Design(polarity=polarity, resistors=resistors)
        root = np.random.SeedSequence(3)
        found = produce(design, weights, root, measurement_error=0.0)
        np.testing.assert_allclose(
            found.program.target_siemens, target_siemens(design, weights), rtol=1e-15
        )
        worst.append(np.sqrt(np.mean(found.cell_errors**2)))
    assert worst[0] > 4 * worst[1] > 16 * worst[2]

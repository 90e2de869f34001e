"""What physics demands of any array of resistors, and the arrays that have closed forms.

Superposition and reciprocity of arrays with all wires alike are in `test_nodal_analysis`.
"""

from dataclasses import fields, replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spice_models import Array, Switch, Wires, nodal

SIZE = st.integers(1, 6)
NAMES = [field.name for field in fields(Wires)]


@st.composite
def arrays(draw):
    """Arrays of one to three branches, with wires of each segment, some of them open or 0 ohm."""
    rows, lines, branches = draw(SIZE), draw(SIZE), draw(st.integers(1, 3))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def ohms(shape, opens):
        values = 10 ** random.uniform(-1, 3, shape)
        kind = random.random(shape)
        values[kind < opens] = np.inf
        values[kind > 0.9] = 0.0
        return values

    wires = Wires(
        ohms((rows, lines - 1), 0.1),
        ohms((rows - 1, lines), 0.1),
        ohms(rows, 0.1),
        ohms(lines, 0.1),
        ohms(rows, 0.6),
        ohms(lines, 0.6),
    )
    ohm = 10 ** random.uniform(3, 6, (rows, lines, branches))
    kind = random.random(ohm.shape)
    ohm[kind < 0.1] = np.inf
    ohm[kind > 0.97] = 0.0
    off = draw(st.sampled_from([1e7, np.inf]))
    return Array(ohm, random.random(ohm.shape) < 0.6, Switch(1e3, off), wires)


def turned_over(array, rows=slice(None), lines=slice(None), scale=1.0):
    """The array in another order of rows and lines, all resistances times `scale`."""
    ohm = array.wires.each(array.rows, array.lines)
    backward = (rows.step, lines.step)
    ends = {"driver": rows, "far_driver": rows, "sense": lines, "far_sense": lines}
    new = {kind: scale * ohm[kind][order] for kind, order in ends.items()}
    new |= {kind: scale * ohm[kind][rows, lines] for kind in ("word", "bit")}
    if backward[1] == -1:
        new["driver"], new["far_driver"] = new["far_driver"], new["driver"]
    if backward[0] == -1:
        new["sense"], new["far_sense"] = new["far_sense"], new["sense"]
    wires = Wires(*(new[kind] for kind in ("word", "bit", "driver", "sense")))
    wires = replace(wires, far_driver_ohm=new["far_driver"], far_sense_ohm=new["far_sense"])
    switch = Switch(scale * array.switch.on_ohm, scale * array.switch.off_ohm)
    return Array(scale * array.ohm[rows, lines], array.enabled[rows, lines], switch, wires)


def siemens(array):
    return nodal.transfer_matrix(array, keep=False).siemens


def close(array, rel=1e-9):
    """Within 1e-9 of full scale, or of what rounding leaves where nothing gets through."""
    return rel * siemens(array).max() + 1e-15 * array.siemens.max()


@settings(max_examples=25, deadline=None)
@given(arrays(), st.sampled_from([1e-3, 0.25, 7.0, 1e4]))
def test_scaling_all_resistances_scales_all_currents_inversely(array, factor):
    found = factor * siemens(turned_over(array, scale=factor))
    assert found == pytest.approx(siemens(array), rel=0, abs=close(array))


@settings(max_examples=25, deadline=None)
@given(arrays(), st.booleans(), st.booleans())
def test_a_mirror_shows_the_same_array_from_the_other_end(array, over_rows, over_lines):
    rows, lines = (slice(None, None, -1 if turn else 1) for turn in (over_rows, over_lines))
    found = siemens(turned_over(array, rows, lines))[lines, rows]
    assert found == pytest.approx(siemens(array), rel=0, abs=close(array))


@settings(max_examples=25, deadline=None)
@given(arrays())
def test_inputs_and_outputs_may_change_places_with_every_kind_of_wire(array):
    ohm = array.wires.each(array.rows, array.lines)
    kinds = ("bit", "word", "far_sense", "far_driver", "sense", "driver")
    wires = Wires(*(ohm[kind].T for kind in kinds))
    turned = Array(
        array.ohm.transpose(1, 0, 2), array.enabled.transpose(1, 0, 2), array.switch, wires
    )
    found = siemens(turned).T
    assert found == pytest.approx(siemens(array), rel=0, abs=close(array))


@settings(max_examples=30, deadline=None)
@given(arrays(), st.randoms(use_true_random=False))
def test_with_ideal_wires_rows_and_lines_may_stand_in_any_order(array, random):
    rows, lines = list(range(array.rows)), list(range(array.lines))
    random.shuffle(rows)
    random.shuffle(lines)
    ideal = replace(array, wires=Wires.ideal())
    moved = replace(ideal, ohm=array.ohm[rows][:, lines], enabled=array.enabled[rows][:, lines])
    assert siemens(moved) == pytest.approx(siemens(ideal)[lines][:, rows], rel=1e-14, abs=0)
    # Sums of branches in another order only: the ideal array is the matrix product.
    assert siemens(ideal) == pytest.approx(array.siemens.T, rel=1e-14, abs=0)


@settings(max_examples=30, deadline=None)
@given(arrays(), st.integers(0, 2**32 - 1))
def test_sources_give_what_cells_switches_wires_drivers_and_senses_dissipate(array, seed):
    inputs = np.random.default_rng(seed).uniform(-1, 1, array.rows)
    point = nodal.operating_point(array, inputs)
    given_power = point.source_power.sum()
    # 1e-25 of a cell's power is what rounding leaves where nothing flows.
    limit = 1e-25 * array.siemens.max()
    assert sum(point.heat.values()) == pytest.approx(given_power, rel=1e-9, abs=limit)
    assert point.dissipated == sum(point.heat.values())
    parts = [point.cell_power, point.switch_power, *point.wire_power.values()]
    assert all((part >= 0).all() for part in parts)
    assert given_power >= -limit


@settings(max_examples=30, deadline=None)
@given(arrays(), st.integers(0, 2**32 - 1))
def test_current_that_enters_leaves(array, seed):
    inputs = np.random.default_rng(seed).uniform(-1, 1, array.rows)
    point = nodal.operating_point(array, inputs)
    limit = 1e-9 * np.abs(point.inputs).max() + 1e-15 * array.siemens.max()
    assert point.inputs.sum() == pytest.approx(point.currents.sum(), rel=0, abs=limit)
    assert point.branches.sum(axis=2) == pytest.approx(point.cells, rel=1e-12, abs=1e-25)


@settings(max_examples=30, deadline=None)
@given(arrays(), st.integers(0, 2**32 - 1))
def test_raising_one_resistance_never_raises_the_input_conductance(array, seed):
    """Rayleigh's law of monotony (Doyle and Snell, Random walks and electric networks)."""
    random = np.random.default_rng(seed)
    part = random.choice(["ohm", *NAMES])
    values = array.ohm if part == "ohm" else getattr(array.wires, part)
    if not values.size:
        return
    where = tuple(int(random.integers(size)) for size in values.shape)
    raised = values.copy()
    raised[where] = random.choice([np.inf, 3 * raised[where], raised[where] + 1.0])
    changes = {part: raised}
    other = replace(
        array, **(changes if part == "ohm" else {"wires": replace(array.wires, **changes)})
    )
    one = np.eye(array.rows)[random.integers(array.rows)]
    before, after = (one @ nodal.operating_point(made, one).inputs for made in (array, other))
    assert after <= before * (1 + 1e-9) + 1e-15 * array.siemens.max()


def chain(cells, driver, segment):
    """Resistance of a word line with cells to ground, as a continued fraction."""
    *others, last = (Fraction(float(ohm)) for ohm in cells)
    seen = last
    for cell in reversed(others):
        seen = 1 / (1 / cell + 1 / (seen + Fraction(segment)))
    return Fraction(driver) + seen


@pytest.mark.parametrize("count", [1, 2, 3, 17, 200])
def test_a_word_line_is_a_continued_fraction(count):
    ohm = np.random.default_rng(count).uniform(1e3, 1e5, count)
    wires = Wires(5.0, 1.0, 20.0, 0.0)
    array = Array(ohm[None, :, None], np.ones((1, count, 1), bool), Switch(0.0, np.inf), wires)
    wanted = float(1 / chain(ohm, 20, 5))
    assert siemens(array).sum() == pytest.approx(wanted, rel=1e-12, abs=0)


def test_an_endless_ladder_of_equal_resistors_has_the_golden_ratio():
    array = Array.from_siemens(np.full((1, 60), 1e-3), Wires(1e3, 0.0, 1e3, 0.0))
    golden = (1 + np.sqrt(5)) / 2
    # What the 61st resistor would change falls as golden^-120.
    assert 1 / siemens(array).sum() == pytest.approx(1e3 * golden, rel=1e-12, abs=0)
    assert siemens(array)[:-1, 0][:9] / siemens(array)[1:, 0][:9] == pytest.approx(golden**2)


@pytest.mark.parametrize("as_column", [False, True])
@pytest.mark.parametrize("method", ["direct", "iterative"])
def test_equal_cells_along_one_line_fall_as_a_hyperbolic_cosine(as_column, method):
    """V[j-1] - 2 V[j] + V[j+1] = (r / R) V[j] gives V[j] ~ cosh((N - j - 1/2) t)."""
    count, segment, cell = 40, 50.0, 1e4
    wires = Wires(segment, segment, 0.0, 0.0)
    shape = (count, 1) if as_column else (1, count)
    array = Array.from_siemens(np.full(shape, 1 / cell), wires)
    found = nodal.transfer_matrix(array, method=method).siemens.ravel()
    step = 2 * np.arcsinh(np.sqrt(segment / cell) / 2)
    wave = np.cosh((count - np.arange(count) - 0.5) * step)
    wanted = wave / wave[0] / cell
    # The first cell lies at the input; on a column the last one lies at the ground.
    assert (found[::-1] if as_column else found) == pytest.approx(wanted, rel=1e-9, abs=0)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(1e-3, 1e5), min_size=6, max_size=6), st.floats(1e-3, 1e9))
def test_a_single_cell_is_the_sum_of_its_resistances(ohms, cell):
    driver, sense, far_driver, far_sense, switch, _ = ohms
    wires = Wires(1.0, 1.0, driver, sense, far_driver, far_sense)
    array = Array([[[cell]]], [[[True]]], Switch(switch, np.inf), wires)
    ends = 1 / (1 / driver + 1 / far_driver) + 1 / (1 / sense + 1 / far_sense)
    assert siemens(array)[0, 0] == pytest.approx(1 / (ends + cell + switch), rel=1e-12, abs=0)


def test_equal_columns_with_equal_word_nodes_are_one_column():
    """Word lines of 0 ohm make all bit lines alike, so one stands for all."""
    column = np.random.default_rng(0).uniform(1e-6, 1e-4, (9, 1))
    one = siemens(Array.from_siemens(column, Wires(0.0, 3.0, 0.0, 10.0)))
    many = siemens(Array.from_siemens(np.repeat(column, 7, 1), Wires(0.0, 3.0, 0.0, 10.0)))
    assert many == pytest.approx(np.repeat(one, 7, 0), rel=1e-12, abs=0)


def test_an_open_branch_a_short_and_a_closed_switch_are_limits():
    wires = Wires(1.0, 2.0, 10.0, 20.0)
    ohm = np.random.default_rng(1).uniform(1e3, 1e5, (4, 3, 2))
    on = np.ones(ohm.shape, bool)
    ohm[0, 0, 0], ohm[1, 1, 1] = 0.0, np.inf
    exact = siemens(Array(ohm, on, Switch(50.0, np.inf), wires))
    ohm[0, 0, 0], ohm[1, 1, 1] = 1e-9, 1e15
    near = siemens(Array(ohm, on, Switch(50.0, 1e18), wires))
    assert near == pytest.approx(exact, rel=1e-9, abs=0)

"""The iteration over lines against the direct solve, and what if it does not get there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.dispatcher import Dispatcher

from spice_models import Array, CircuitError, NotConverged, Wires, nodal
from spice_models.compiled import compiled
from spice_models.lines import Lines
from spice_models.modes import COUNT, Modes


def cells(rows, lines, seed=0):
    return np.random.default_rng([seed, rows, lines]).uniform(1e-6, 1e-4, (rows, lines))


def volts(points, rows, seed=1):
    return np.random.default_rng([seed, points, rows]).uniform(-1, 1, (points, rows))


@pytest.mark.parametrize("ohm", [0.01, 1.0, 10.0, 100.0])
@pytest.mark.parametrize("ends", [0.0, 10.0, 500.0])
@pytest.mark.parametrize("shape", [(40, 30), (1, 50), (50, 1), (1, 1), (2, 3)])
def test_it_gives_the_direct_currents_and_its_error_estimate_holds(shape, ends, ohm):
    array = Array.from_siemens(cells(*shape), Wires(ohm, 2 * ohm, ends, 3 * ends))
    for points in (1, 19):  # one lane; two blocks, of which one is not full
        inputs = volts(points, shape[0])
        wanted = nodal.product(array, inputs, method="direct")
        found = nodal.product(array, inputs, method="iterative")
        error = np.abs(found.currents - wanted.currents).max() / np.abs(wanted.currents).max()
        # Both are known to their own estimates only.
        assert error <= found.mismatch + wanted.mismatch
        assert error <= 1e-9
        assert found.mismatch < 1e-9
        assert found.method == "iterative"


@pytest.mark.parametrize("shape", [(35, 30), (30, 35)])
def test_the_transfer_matrix_is_the_direct_one_from_either_side(shape):
    array = Array.from_siemens(cells(*shape), Wires(1.0, 3.0, 20.0, 50.0))
    wanted = nodal.transfer_matrix(array, method="direct").siemens
    found = nodal.transfer_matrix(array, method="iterative")
    assert found.siemens == pytest.approx(wanted, rel=0, abs=2e-10 * wanted.max())
    assert found.mismatch < 1e-9


def test_tightening_the_tolerance_tightens_the_answer():
    array = Array.from_siemens(cells(50, 50), Wires(100.0, 100.0, 10.0, 10.0))
    wanted = nodal.product(array, volts(1, 50), method="direct").currents
    for tolerance in (1e-4, 1e-7, 1e-10, 1e-12):
        found = nodal.product(array, volts(1, 50), method="iterative", tolerance=tolerance)
        assert found.mismatch <= 2 * tolerance + 1e-14
        assert np.abs(found.currents - wanted).max() <= (tolerance + 1e-13) * np.abs(wanted).max()


def test_cells_that_reach_no_sense_do_not_keep_it_going():
    siemens = np.zeros((40, 30))
    siemens[1, 3] = 4e-5
    sense = np.full(30, 10.0)
    sense[3] = np.inf
    array = Array.from_siemens(siemens, Wires(600.0, 5e4, 1e4, sense))
    assert (nodal.product(array, volts(3, 40), method="iterative").currents == 0).all()
    assert (nodal.product(array, volts(3, 40)).currents == 0).all()


@pytest.mark.parametrize("scale", [1e-5, 1e-6, 1e-7, 1e-8, 1e-10])
def test_light_loads_take_few_iterations(scale):
    """What is left after a step is then below the digits of single precision."""
    solver = Lines.of(Array.from_siemens(cells(128, 128) * scale / 1e-4, Wires()))
    found = solver.solve(np.eye(128), 1e-10)
    assert found.converged
    assert found.iterations <= 8


@pytest.mark.parametrize("driver", [1e4, 1e5, "of some lines", "from far", "of broken lines"])
@pytest.mark.parametrize("shape", [(24, 100), (60, 60)])
def test_weak_drivers_of_stiff_lines_cost_no_digits(shape, driver):
    """Drops along a line are then a millionth of what its driver drops, or less."""
    wires, word = {"driver_ohm": driver}, np.full((shape[0], shape[1] - 1), 1e-3)
    if driver == "of broken lines":
        wires["driver_ohm"], word[:, 3 * shape[1] // 4] = 1e5, np.inf
    elif driver == "of some lines":
        wires["driver_ohm"] = np.where(np.arange(shape[0]) % 3, 1e4, 1.0)
    elif driver == "from far":
        wires = {"driver_ohm": np.full(shape[0], np.inf), "far_driver_ohm": 1e4}
    array = Array.from_siemens(100 * cells(*shape), Wires(word, 1e-2, sense_ohm=10.0, **wires))
    for inputs in (np.eye(shape[0])[:4], volts(1, shape[0])):
        wanted = nodal.product(array, inputs, method="direct")
        found = nodal.product(array, inputs, method="iterative")
        error = np.abs(found.currents - wanted.currents).max() / np.abs(wanted.currents).max()
        assert error <= found.mismatch + wanted.mismatch
        assert found.mismatch < 1e-9


def unlike(kind, rows, columns):
    """Cells and wires of long lines that are far from equal ones, by name."""
    random = np.random.default_rng(7)
    siemens, wires = cells(rows, columns), {"word_segment_ohm": 60.0, "bit_segment_ohm": 90.0}
    few = np.where(random.random(rows) < 0.2, 20.0, np.inf)
    if kind == "few driven":
        wires["driver_ohm"] = few
    elif kind == "weak ends":
        wires |= {"driver_ohm": 1e4, "sense_ohm": 1e4}
    elif kind == "no ends":
        wires |= {"driver_ohm": 0.0, "sense_ohm": 0.0}
    elif kind == "both ends":
        wires |= {"far_driver_ohm": 5.0, "far_sense_ohm": 50.0}
    elif kind == "open segments":
        wires["word_segment_ohm"] = np.where(random.random((rows, columns - 1)) < 0.01, np.inf, 60)
    elif kind == "unequal segments":
        wires["bit_segment_ohm"] = 60 * np.exp(random.normal(0, 1, (rows - 1, columns)))
    elif kind == "a corner":
        siemens[:-75, :-75] *= 0.1
    elif kind == "shorts":
        siemens[random.random(siemens.shape) < 0.01] = 1e-2
    return Array.from_siemens(siemens, Wires(**wires))


@pytest.mark.parametrize(
    "kind",
    [
        "equal",
        "few driven",
        "weak ends",
        "no ends",
        "both ends",
        "open segments",
        "unequal segments",
        "a corner",
        "shorts",
    ],
)
def test_long_lines_are_solved_by_their_modes_whatever_else_they_have(kind):
    array = unlike(kind, 150, 130)
    lines = Lines.of(array)
    assert len(Modes.of(lines.cell, lines.word, lines.bit).weight) == COUNT
    for points in (1, 3, 5):
        inputs = volts(points, 150)
        found = nodal.product(array, inputs, method="iterative")
        wanted = nodal.product(array, inputs, method="direct")
        error = np.abs(found.currents - wanted.currents).max() / np.abs(wanted.currents).max()
        assert error <= found.mismatch + wanted.mismatch
        assert error <= 1e-9


def test_modes_save_most_iterations_of_long_lines(monkeypatch):
    """128 x 128 cells of 50 uS on average, 200 ohm a segment: ratio 164, see `_length`."""
    array = Array.from_siemens(cells(128, 128), Wires(200.0, 200.0, 200.0, 200.0))
    with_modes = Lines.of(array).solve(volts(4, 128), 1e-10)
    monkeypatch.setattr("spice_models.modes._LONG", np.inf)
    without = Lines.of(array).solve(volts(4, 128), 1e-10)
    assert with_modes.converged
    assert without.converged
    assert with_modes.iterations <= without.iterations / 2


def test_modes_of_equal_cells_and_lines_are_undone_exactly():
    """``w . S w`` and ``w . Aw w`` of the module's text, from the matrices themselves."""
    rows, columns, g = 30, 25, 2e-5
    array = Array.from_siemens(np.full((rows, columns), g), Wires(4e3, 6e3, 1e3, 4e3))
    lines = Lines.of(array)
    modes = Modes.of(lines.cell, lines.word, lines.bit)

    def chain(segments):
        return (
            np.diag(segments[:-1] + segments[1:])
            - np.diag(segments[1:-1], 1)
            - np.diag(segments[1:-1], -1)
        )

    word = np.kron(np.eye(rows), chain(lines.word[0])) + g * np.eye(rows * columns)
    bit = np.kron(chain(lines.bit[:, 0]), np.eye(columns)) + g * np.eye(rows * columns)
    schur = word - g**2 * np.linalg.inv(bit)
    for m, n in np.ndindex(COUNT, COUNT):
        wave = np.outer(modes.down[:, m], modes.right[1:-1, n]).astype(float).ravel()
        inverse = np.linalg.inv(word) @ (schur @ wave) + modes.weight[m, n] * wave * (
            wave @ schur @ wave
        )
        # in single precision
        assert inverse == pytest.approx(wave, rel=0, abs=1e-4 * np.abs(wave).max())


def test_lines_with_weak_ends_are_long_and_their_modes_bounded():
    """A line that hardly any supply holds has a mode of next to no eigenvalue."""
    cell = np.full((40, 50), 1e-5)
    word, bit = np.ones((40, 51)), np.ones((41, 50))
    assert not Modes.of(cell, word, bit).weight.size
    for line in (word, bit.T):
        line[:, 0], line[:, -1] = 1e-30, 0.0
    weight = Modes.of(cell, word, bit).weight
    assert weight.shape == (COUNT, COUNT)
    assert 1e3 / 1e-5 < weight.max() <= 1e4 / 1e-5
    assert weight.min() >= 0


def test_rows_and_columns_without_cells_do_not_keep_it_going():
    siemens = cells(60, 50)
    siemens[::3] = siemens[:, ::4] = 0.0
    array = Array.from_siemens(siemens, Wires(2.0, 3.0, 5.0, 7.0))
    found = nodal.transfer_matrix(array, method="iterative")
    exact = nodal.transfer_matrix(array, method="direct")
    peak = exact.siemens.max()
    assert found.siemens == pytest.approx(exact.siemens, rel=0, abs=1e-10 * peak)


def test_kernels_are_compiled_where_no_folder_can_be_written_to(monkeypatch):
    def refused(*_):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(Dispatcher, "enable_caching", refused)
    assert compiled(lambda value: value + 1)(1) == 2


def test_inputs_of_very_different_size_are_all_right_to_their_own_scale():
    array = Array.from_siemens(cells(40, 40))
    inputs = volts(9, 40) * np.logspace(-12, 6, 9)[:, None]
    inputs[4] = 0.0
    found = nodal.currents(array, inputs, "iterative")
    wanted = nodal.currents(array, np.eye(40), "direct")
    wanted = inputs @ wanted
    assert (found[4] == 0).all()
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, rel=0, abs=1e-9 * np.abs(other).max())


def test_open_cells_and_open_lines_carry_nothing():
    siemens = cells(40, 40)
    siemens[:, 7] = siemens[11] = 0.0
    siemens[np.random.default_rng(5).random(siemens.shape) < 0.5] = 0.0
    array = Array.from_siemens(siemens)
    found = nodal.currents(array, volts(2, 40), "iterative")
    wanted = nodal.currents(array, volts(2, 40), "direct")
    assert (found[:, 7] == 0).all()
    assert found == pytest.approx(wanted, rel=0, abs=1e-9 * np.abs(wanted).max())
    dark = Array.from_siemens(np.zeros((40, 40)))
    assert (nodal.transfer_matrix(dark, method="iterative").siemens == 0).all()


def test_what_does_not_converge_is_an_error_or_solved_directly(monkeypatch):
    array = Array.from_siemens(cells(40, 40), Wires(100.0, 100.0, 10.0, 10.0))
    wanted = nodal.currents(array, volts(1, 40), "direct")
    monkeypatch.setattr("spice_models.lines._MOST", 3)
    with pytest.raises(NotConverged, match=r"tolerance = 1e-10 .* 3 iterations.*'direct'") as error:
        nodal.currents(array, volts(1, 40), "iterative")
    assert "\n" not in str(error.value)
    found = nodal.product(array, volts(1, 40))
    assert found.method == "direct"
    assert (found.currents == wanted).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 12))
def test_whatever_the_resistances_the_answer_is_right_or_refused(seed, rows, lines):
    random = np.random.default_rng(seed)
    siemens = 10 ** random.uniform(-9, -2, (rows, lines))
    siemens[random.random(siemens.shape) < 0.3] = 0.0
    array = Array.from_siemens(siemens, Wires(*(10 ** random.uniform(-3, 5, 4))))
    wanted = nodal.product(array, np.ones(rows), method="direct")
    try:
        found = nodal.product(array, np.ones(rows), method="iterative")
    except NotConverged:
        return
    limit = (1e-9 + wanted.mismatch) * np.abs(wanted.currents).max()
    assert np.abs(found.currents - wanted.currents).max() <= limit


def test_auto_takes_the_iteration_for_large_arrays_of_chains():
    large, small = cells(64, 64), cells(8, 8)
    assert nodal.chosen_method(Array.from_siemens(large)) == "iterative"
    assert nodal.chosen_method(Array.from_siemens(large, Wires(1.0, 1.0, 0.0, 0.0))) == "iterative"
    assert nodal.chosen_method(Array.from_siemens(large, Wires(0.0, 1.0, 1.0, 1.0))) == "direct"
    assert nodal.chosen_method(Array.from_siemens(small)) == "direct"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"method": "magic"}, r"method = 'magic'; give one of auto"),
        ({"tolerance": 0.0}, r"tolerance = 0\.0; give 1e-15"),
        ({"tolerance": np.nan}, r"tolerance = nan"),
        ({"method": "iterative", "wires": Wires(0.0, 1.0)}, r"segment of 0 ohm.*'direct'"),
    ],
)
def test_bad_options_are_named(options, text):
    array = Array.from_siemens(cells(3, 3), options.pop("wires", None))
    with pytest.raises(CircuitError, match=text):
        nodal.currents(array, np.ones(3), **options)


def test_the_same_job_gives_the_same_digits():
    array = Array.from_siemens(cells(40, 50))
    first, second = (nodal.currents(array, volts(9, 40), "iterative") for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize("rows, lines", [(40, 30), (1, 9), (9, 1)])
def test_a_block_of_inputs_leaves_no_trace_in_the_next(rows, lines):
    array = Array.from_siemens(cells(rows, lines), Wires(3.0, 5.0, 10.0, 20.0))
    solver = Lines.of(array)
    inputs = volts(32, rows)
    inputs[:16] *= 1e9
    both = solver.solve(inputs, 1e-10)
    alone = solver.solve(inputs[16:], 1e-10)
    assert both.converged
    assert alone.converged
    assert np.array_equal(both.currents[16:], alone.currents)


def test_conductances_of_any_scale_give_the_same_voltages():
    """Single precision overflows and underflows unless the solver scales what it follows."""
    siemens, inputs = cells(40, 30), volts(3, 40)
    usual = nodal.currents(Array.from_siemens(siemens, Wires(1.0, 2.0, 3.0, 4.0)), inputs)
    for scale in (1e-3, 1e3):
        wires = Wires(*(ohm / scale for ohm in (1.0, 2.0, 3.0, 4.0)))
        array = Array.from_siemens(siemens * scale, wires)
        for volt in (1e-30, 1e30):
            found = Lines.of(array).solve(inputs * volt, 1e-10)
            assert found.converged
            wanted = usual * scale * volt
            assert found.currents == pytest.approx(wanted, rel=0, abs=1e-9 * np.abs(wanted).max())


def test_rough_sums_do_not_spoil_the_answer_of_tall_and_wide_arrays():
    """Single-precision sums over thousands of nodes only slow the iteration down."""
    for rows, lines in ((4000, 3), (3, 4000)):
        array = Array.from_siemens(cells(rows, lines), Wires(0.5, 0.5, 1.0, 1.0))
        wanted = nodal.product(array, volts(1, rows), method="direct").currents
        found = nodal.product(array, volts(1, rows), method="iterative")
        error = np.abs(found.currents - wanted).max() / np.abs(wanted).max()
        assert error <= min(found.mismatch + 1e-12, 1e-9)


@pytest.mark.parametrize("points", [2, 4, 5, 16, 17, 20, 21])
def test_blocks_of_every_width_give_what_each_input_gives_alone(points):
    """Blocks hold 1, 4 or 16 inputs: 20 are a full one and a narrow one, which 21 do not fill."""
    solver = Lines.of(Array.from_siemens(cells(20, 70), Wires(3.0, 5.0, 10.0, 20.0)))
    inputs = volts(points, 20)
    found = solver.solve(inputs, 1e-10)
    assert found.converged
    assert found.currents.shape == (points, 70)
    for one, alone in zip(found.currents, inputs, strict=True):
        wanted = solver.solve(alone[None], 1e-10).currents[0]
        # A block goes on until its last input is right, so the digits beyond 1e-10 differ.
        assert one == pytest.approx(wanted, rel=0, abs=2e-10 * np.abs(wanted).max())


def test_the_exact_sweep_takes_lines_in_strips(monkeypatch):
    """One line at a time, or all: the same sums."""
    array = Array.from_siemens(cells(30, 40), Wires(3.0, 5.0, 10.0, 20.0, 7.0, 9.0))
    usual = Lines.of(array).solve(volts(4, 30), 1e-10)
    monkeypatch.setattr("spice_models.line_kernels.STRIP", 1)
    strips = Lines.of(array).solve(volts(4, 30), 1e-10)
    assert np.array_equal(usual.currents, strips.currents)


@pytest.mark.parametrize("scale", [2.0**-900, 2.0**-500, 2.0**-3, 2.0**500, 2.0**900])
@pytest.mark.parametrize("points", [1, 11])
def test_voltages_of_any_size_give_the_same_digits(scale, points):
    array = Array.from_siemens(cells(40, 40), Wires(10.0, 10.0, 10.0, 10.0))
    inputs = volts(points, 40)
    usual = nodal.product(array, inputs, method="iterative")
    found = nodal.product(array, scale * inputs, method="iterative")
    assert np.array_equal(found.currents, scale * usual.currents)
    assert found.mismatch == pytest.approx(usual.mismatch, rel=1e-6, abs=0)


def test_where_changes_fall_slowly_the_estimate_still_covers_the_error():
    # seed 1 errs by 1.8 x the last change itself, by 0.3 x its geometric series
    for seed in range(4):
        random = np.random.default_rng(seed)
        siemens = 10 ** random.uniform(-7, -3, (12, 23))
        array = Array.from_siemens(siemens, Wires(1e5, 1e5, 1e5, 1e5))
        inputs = random.uniform(0, 1, (1, 12))
        exact = nodal.product(array, inputs, method="direct").currents
        found = nodal.product(array, inputs, method="iterative", tolerance=1e-3)
        assert np.abs(found.currents - exact).max() <= found.mismatch * np.abs(exact).max()


@pytest.mark.parametrize("method", ["iterative", "direct"])
def test_a_line_that_is_sensed_nowhere_carries_exactly_nothing(method):
    sense = np.full(23, 10.0)
    sense[[0, 7, 22]] = np.inf
    array = Array.from_siemens(cells(12, 23), Wires(1e3, 1e3, 10.0, sense))
    currents = nodal.product(array, volts(3, 12), method=method).currents
    assert (currents[:, [0, 7, 22]] == 0).all()
    assert (np.delete(currents, [0, 7, 22], axis=1) != 0).all()

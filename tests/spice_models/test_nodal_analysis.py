import dataclasses
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spice_models import Array, Switch, Wires, nodal

SEGMENT = st.sampled_from([0.0, 1e-9, 1e-3, 1.0, 50.0, 1e4])
WIRES = st.builds(Wires, SEGMENT, SEGMENT, SEGMENT, SEGMENT)
SIZE = st.integers(1, 6)


@st.composite
def arrays(draw):
    rows, lines = draw(SIZE), draw(SIZE)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    siemens = 10 ** random.uniform(-7, -4, (rows, lines))
    siemens[random.random(siemens.shape) < 0.2] = 0.0
    return Array.from_siemens(siemens, draw(WIRES))


def dense_transfer_matrix(array):
    """Solve the textbook nodal equations with a dense matrix; needs all wires above 0."""
    rows, lines = array.rows, array.lines
    word = np.arange(rows * lines).reshape(rows, lines)
    bit = word + word.size
    matrix = np.zeros((2 * word.size, 2 * word.size))
    drive = np.zeros((2 * word.size, rows))

    def stamp(a, b, siemens):
        matrix[a, a] += siemens
        matrix[b, b] += siemens
        matrix[a, b] -= siemens
        matrix[b, a] -= siemens

    wires = array.wires
    for i in range(rows):
        for j in range(lines):
            stamp(word[i, j], bit[i, j], array.siemens[i, j])
            if j + 1 < lines:
                stamp(word[i, j], word[i, j + 1], 1 / wires.word_segment_ohm)
            if i + 1 < rows:
                stamp(bit[i, j], bit[i + 1, j], 1 / wires.bit_segment_ohm)
        matrix[word[i, 0], word[i, 0]] += 1 / wires.driver_ohm
        drive[word[i, 0], i] = 1 / wires.driver_ohm
    for j in range(lines):
        matrix[bit[-1, j], bit[-1, j]] += 1 / wires.sense_ohm
    return np.linalg.solve(matrix, drive)[bit[-1]] / wires.sense_ohm


@pytest.mark.parametrize(("rows", "lines"), [(1, 1), (1, 7), (7, 1), (4, 9), (9, 4)])
def test_the_textbook_equations_give_the_same(rows, lines, make_array):
    array = make_array(rows, lines, wires=Wires(2.0, 3.0, 100.0, 70.0))
    found = nodal.transfer_matrix(array)
    wanted = dense_transfer_matrix(array)
    # The dense reference loses about condition number x 1e-16, here 1e-12.
    assert found.siemens == pytest.approx(wanted, rel=1e-10, abs=1e-12 * wanted.max())
    assert found.mismatch < 1e-10


def rational_currents(array, volts):
    """Bit-line currents in exact rational arithmetic; needs all wires above 0."""
    rows, lines = array.rows, array.lines
    wires = [Fraction(1) / Fraction(ohm) for ohm in dataclasses.astuple(array.wires)[:4]]
    along_word, along_bit, drive, sense = wires
    size = 2 * rows * lines
    matrix = [[Fraction(0)] * (size + 1) for _ in range(size)]

    def join(a, b, siemens):
        for one, other in ((a, b), (b, a)):
            if one is not None:
                matrix[one][one] += siemens
                if other is not None:
                    matrix[one][other] -= siemens

    for i in range(rows):
        for j in range(lines):
            word, bit = i * lines + j, (rows + i) * lines + j
            join(word, bit, Fraction(float(array.siemens[i, j])))
            if j + 1 < lines:
                join(word, word + 1, along_word)
            join(bit, bit + lines if i + 1 < rows else None, along_bit if i + 1 < rows else sense)
        join(i * lines, None, drive)
        matrix[i * lines][size] += drive * Fraction(float(volts[i]))
    for k in range(size):
        for lower in range(k + 1, size):
            factor = matrix[lower][k] / matrix[k][k]
            if factor:
                for column in range(k, size + 1):
                    matrix[lower][column] -= factor * matrix[k][column]
    for k in reversed(range(size)):
        known = sum(matrix[k][c] * matrix[c][size] for c in range(k + 1, size))
        matrix[k][size] = (matrix[k][size] - known) / matrix[k][k]
    last = (2 * rows - 1) * lines
    return np.array([float(matrix[last + j][size] * sense) for j in range(lines)])


@pytest.mark.parametrize("ohm", [1e3, 1.0, 1e-3, 1e-6, 1e-9])
def test_tiny_wires_cost_no_digits(ohm, make_array):
    array = make_array(3, 2, wires=Wires(ohm, 3 * ohm, 500 * ohm, 2 * ohm))
    volts = np.array([1.0, -0.3, 0.8])
    wanted = rational_currents(array, volts)
    # Not the difference of two rounded voltages: 1e-13 leaves room for some roundings only.
    found = nodal.currents(array, volts)
    assert found == pytest.approx(wanted, rel=0, abs=1e-13 * np.abs(wanted).max())


def test_one_cell_is_a_chain_of_resistors():
    array = Array.from_siemens([[1e-3]], Wires(5.0, 7.0, 11.0, 13.0))
    assert nodal.transfer_matrix(array).siemens[0, 0] == pytest.approx(1 / 1024, rel=1e-14, abs=0)


def test_rows_are_inputs_and_lines_are_outputs():
    siemens = np.zeros((2, 3))
    siemens[1, 2] = 1e-4
    found = nodal.transfer_matrix(Array.from_siemens(siemens, Wires.ideal())).siemens
    assert found.shape == (3, 2)
    assert np.argwhere(found).tolist() == [[2, 1]]


def test_a_positive_input_gives_a_positive_current_into_the_ground():
    array = Array.from_siemens([[1e-4]])
    assert nodal.currents(array, [0.5])[0] > 0
    assert nodal.currents(array, [-0.5])[0] < 0


def test_the_first_line_sees_less_word_wire_and_the_last_row_less_bit_wire():
    array = Array.from_siemens(np.full((6, 5), 1e-4), Wires(100.0, 100.0, 10.0, 10.0))
    found = nodal.transfer_matrix(array).siemens
    assert (np.diff(found, axis=0) < 0).all()
    assert (np.diff(found, axis=1) > 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 8), (8, 3)])
def test_zero_wire_resistance_gives_exactly_the_ideal_product(shape, make_array):
    array = make_array(*shape, wires=Wires.ideal())
    found = nodal.transfer_matrix(array)
    assert (found.siemens == array.siemens.T).all()
    assert found.mismatch == 0.0


def test_the_ideal_product_is_the_limit_of_small_wires(make_array):
    ideal = make_array(6, 9).siemens.T
    errors = []
    for ohm in (1e-2, 1e-4, 1e-6, 1e-8):
        array = make_array(6, 9, wires=Wires(ohm, ohm, ohm, ohm))
        found = nodal.transfer_matrix(array).siemens
        errors.append(np.abs(found - ideal).max() / ideal.max())
    # The loss is proportional to the wire resistance down to the last digits.
    assert np.array(errors[:-1]) / np.array(errors[1:]) == pytest.approx(100.0, rel=1e-2)


@pytest.mark.parametrize("zeroed", range(16))
def test_any_mix_of_zero_wires_is_the_limit_of_small_ones(zeroed, make_array):
    values = np.array([2.0, 3.0, 20.0, 30.0])
    chosen = (zeroed >> np.arange(4)) & 1 == 1
    exact = make_array(4, 5, wires=Wires(*np.where(chosen, 0.0, values)))
    near = make_array(4, 5, wires=Wires(*np.where(chosen, 1e-7, values)))
    wanted = nodal.transfer_matrix(exact).siemens
    # 1e-7 ohm in series with at least 5 kohm a cell changes at most 1e-10 of a current.
    assert nodal.transfer_matrix(near).siemens == pytest.approx(wanted, abs=1e-9 * wanted.max())


def test_open_cells_carry_no_current(make_array):
    for wires in (Wires(), Wires.ideal()):
        array = make_array(3, 4, enabled=False, switch=Switch(1e3, np.inf), wires=wires)
        found = nodal.transfer_matrix(array)
        assert (found.siemens == 0).all()
        assert found.mismatch == 0.0


def test_an_open_column_is_silent_and_the_others_are_not():
    siemens = np.full((3, 3), 1e-5)
    siemens[:, 1] = 0.0
    found = nodal.transfer_matrix(Array.from_siemens(siemens)).siemens
    assert (found[1] == 0).all()
    assert (found[[0, 2]] > 0).all()


@settings(max_examples=60, deadline=None)
@given(arrays(), st.integers(0, 2**32 - 1))
def test_superposition(array, seed):
    """As exactly as each answer says of itself: with wires of 1 nohm that is not 1e-14."""
    random = np.random.default_rng(seed)
    first, second = random.normal(size=(2, 1, array.rows))
    parts = ((1.0, 2.0 * first - 3.0 * second), (-2.0, first), (3.0, second))
    answers = [(factor, nodal.product(array, inputs)) for factor, inputs in parts]
    missing = sum(factor * found.currents for factor, found in answers)
    promised = sum(
        abs(factor) * found.mismatch * np.abs(found.currents).max() for factor, found in answers
    )
    scale = np.abs(nodal.transfer_matrix(array).siemens).max() * 10
    # 1e-14: products with an exact matrix promise 0 and round, as the sum above does.
    assert np.abs(missing).max() <= promised + 1e-14 * scale
    assert promised <= 1e-8 * scale


@settings(max_examples=60, deadline=None)
@given(arrays())
def test_reciprocity(array):
    """Driving the bit lines and reading the word lines gives the transposed matrix."""
    wires = array.wires
    turned = Wires(wires.bit_segment_ohm, wires.word_segment_ohm, wires.sense_ohm, wires.driver_ohm)
    flipped = Array.from_siemens(array.siemens.T[::-1, ::-1], turned)
    there = nodal.transfer_matrix(array).siemens
    back = nodal.transfer_matrix(flipped).siemens
    assert pytest.approx(there, rel=1e-9, abs=1e-12 * there.max()) == back[::-1, ::-1].T


@settings(max_examples=60, deadline=None)
@given(arrays())
def test_a_passive_array_neither_makes_nor_swallows_current(array):
    found, mismatch = nodal.transfer_matrix(array)
    scale = array.siemens.max()
    assert (found >= -1e-12 * scale).all()
    assert (found.sum(axis=0) <= array.siemens.sum(axis=1) * (1 + 1e-9)).all()
    assert mismatch < 1e-9


def test_few_inputs_and_many_give_the_same(make_array):
    array = make_array(7, 5)
    inputs = np.random.default_rng(3).normal(size=(9, 7))
    many = nodal.currents(array, inputs)
    assert many.shape == (9, 5)
    for volts, wanted in zip(inputs, many, strict=True):
        found = nodal.currents(array, volts)
        assert found.shape == (5,)
        assert found == pytest.approx(wanted, rel=0, abs=1e-12 * np.abs(many).max())


def test_arrays_wider_than_one_block_of_right_hand_sides(make_array):
    array = make_array(40, 45, 1)
    siemens, mismatch = nodal.transfer_matrix(array)
    assert mismatch < 1e-9
    one = nodal.currents(array, np.eye(40)[35])
    assert one == pytest.approx(siemens[:, 35], rel=0, abs=1e-12 * siemens.max())

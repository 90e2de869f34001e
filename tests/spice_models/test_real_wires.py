"""Wires of each segment, both ends, open ones, shorted cells: all solvers agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spice_models import Array, CircuitError, NotConverged, Wires, netlist, ngspice, nodal


def random_array(seed, rows, lines, zeros=0.0, opens=0.2):
    random = np.random.default_rng([seed, rows, lines])

    def ohms(shape, low, high):
        values = 10 ** random.uniform(low, high, shape)
        kind = random.random(shape)
        values[kind < opens] = np.inf
        values[kind > 1 - zeros] = 0.0
        return values

    wires = Wires(
        ohms((rows, lines - 1), 0, 2),
        ohms((rows - 1, lines), 0, 2),
        ohms(rows, 0, 3),
        ohms(lines, 0, 3),
        ohms(rows, 0, 3),
        ohms(lines, 0, 3),
    )
    siemens = 10 ** random.uniform(-6, -4, (rows, lines))
    siemens[random.random(siemens.shape) < 0.3] = 0.0
    siemens[random.random(siemens.shape) < 0.05] = 1e-2  # a shorted cell
    return Array.from_siemens(siemens, wires)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9))
def test_direct_and_iterative_agree_whatever_is_open(seed, rows, lines):
    array = random_array(seed, rows, lines)
    direct = nodal.transfer_matrix(array, method="direct")
    try:
        found = nodal.transfer_matrix(array, method="iterative")
    except NotConverged:  # an input that reaches next to nothing: rounding hides it
        weakest = np.abs(direct.siemens).max(axis=0 if rows <= lines else 1).min()
        assert weakest < 1e-3 * array.siemens.max()
        return
    # 1e-15 of a cell is what rounding leaves where nothing reaches an output.
    limit = 1e-9 * direct.siemens.max() + 1e-15 * array.siemens.max()
    assert found.siemens == pytest.approx(direct.siemens, rel=0, abs=limit)


@pytest.mark.parametrize("cells", ["folded", "branches"])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("zeros", [0.0, 0.3])
def test_ngspice_agrees(seed, zeros, cells):
    array = random_array(seed, 5, 4, zeros)
    wanted = nodal.transfer_matrix(array, method="direct").siemens
    found = ngspice.transfer_matrix(array, cells).siemens
    assert found == pytest.approx(wanted, rel=0, abs=1e-9 * np.abs(wanted).max())


def test_arrays_of_equal_values_are_the_number():
    siemens = np.full((3, 4), 1e-5)
    number = Array.from_siemens(siemens, Wires(1.0, 2.0, 3.0, 4.0))
    wires = Wires(np.full((3, 3), 1.0), np.full((2, 4), 2.0), np.full(3, 3.0), np.full(4, 4.0))
    each = Array.from_siemens(siemens, wires)
    assert (nodal.transfer_matrix(number).siemens == nodal.transfer_matrix(each).siemens).all()
    one, other = (netlist(array).splitlines() for array in (number, each))
    assert [line for line in one if line[0] != "*"] == [line for line in other if line[0] != "*"]


def test_two_drivers_and_two_senses_of_one_cell_are_in_parallel():
    array = Array.from_siemens([[1e-3]], Wires(1.0, 1.0, 30.0, 20.0, 60.0, 20.0))
    # 30 || 60 = 20 ohm, 1 kohm, 20 || 20 = 10 ohm.
    assert nodal.transfer_matrix(array).siemens[0, 0] == pytest.approx(1 / 1030, rel=1e-14, abs=0)


def test_an_array_driven_from_the_far_ends_is_the_mirrored_one():
    siemens = np.random.default_rng(2).uniform(1e-6, 1e-4, (5, 6))
    opened = (np.full(5, np.inf), np.full(6, np.inf))
    far = Array.from_siemens(siemens, Wires(2.0, 3.0, *opened, 7.0, 11.0))
    near = Array.from_siemens(siemens[::-1, ::-1], Wires(2.0, 3.0, 7.0, 11.0))
    wanted = nodal.transfer_matrix(near).siemens[::-1, ::-1]
    assert nodal.transfer_matrix(far).siemens == pytest.approx(wanted, rel=1e-10, abs=0)


def test_what_an_open_segment_cuts_off_is_silent():
    segments = np.full((3, 3), 1.0)
    segments[1, 1] = np.inf
    siemens = np.full((3, 4), 1e-5)
    siemens[0] = siemens[2] = 0.0
    array = Array.from_siemens(siemens, Wires(word_segment_ohm=segments))
    found = nodal.transfer_matrix(array).siemens
    assert (found[:2, 1] > 0).all()
    assert found[2:, 1] == pytest.approx(0.0, abs=1e-16)


def test_wires_are_values():
    one, same = (Wires(driver_ohm=np.array([1.0, 2.0])) for _ in range(2))
    assert one == same
    assert hash(one) == hash(same)
    assert one != Wires(driver_ohm=np.array([1.0, 3.0]))
    assert one != Wires()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Wires(driver_ohm=[1.0, -2.0]), r"wires\.driver_ohm\[1\] = -2\.0; give 0"),
        (lambda: Wires(sense_ohm=[np.nan]), r"wires\.sense_ohm\[0\] = nan"),
        (
            lambda: Array.from_siemens(np.ones((2, 3)), Wires(bit_segment_ohm=np.ones((2, 3)))),
            r"wires\.bit_segment_ohm has shape \(2, 3\); give a number or \(1, 3\)",
        ),
    ],
)
def test_bad_wires_are_named(make, text):
    with pytest.raises(CircuitError, match=text):
        make()

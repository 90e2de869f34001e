import numpy as np
import pytest

from spice_models import Array, CircuitError, Switch, Wires, nodal


@pytest.mark.parametrize(
    "wires",
    [
        Wires(),
        Wires.ideal(),
        Wires(0.0, 2.0, 0.0, 5.0),
        Wires(1.0, 2.0, 30.0, 5.0, 40.0, 7.0),
        Wires(word_segment_ohm=np.array([[np.inf, 1, 1, 1]] * 5), sense_ohm=[1, 2, 0, 3, np.inf]),
    ],
)
@pytest.mark.parametrize("off_ohm", [1e8, np.inf])
def test_the_sources_give_what_is_dissipated(wires, off_ohm, make_array):
    array = make_array(5, 5, wires=wires, switch=Switch(1e3, off_ohm))
    inputs = np.array([1.0, -0.5, 0.3, 0.0, 0.7])
    point = nodal.operating_point(array, inputs)
    assert point.source_power.sum() == pytest.approx(point.dissipated, rel=1e-9, abs=0)
    assert point.mismatch < 1e-9
    wanted = nodal.currents(array, inputs, "direct")
    # Where no input gets through, both have some 1e-16 A of rounding.
    assert point.currents == pytest.approx(wanted, rel=0, abs=1e-11 * np.abs(wanted).max())
    assert point.branches.sum(axis=2) == pytest.approx(point.cells, rel=1e-12, abs=1e-20)
    across = point.word - point.bit
    assert point.cells == pytest.approx(array.siemens * across, rel=0, abs=1e-11 * 1e-4)


def test_a_single_cell_is_a_chain():
    ohm = np.array([[[1000.0]]])
    array = Array(ohm, ohm > 0, Switch(10.0), Wires(1.0, 1.0, 20.0, 30.0))
    point = nodal.operating_point(array, [1.06])
    assert point.word[0, 0] == pytest.approx(1.04, rel=1e-13, abs=0)
    assert point.bit[0, 0] == pytest.approx(0.03, rel=1e-13, abs=0)
    assert point.inputs[0] == pytest.approx(1e-3, rel=1e-13, abs=0)
    assert point.wires["sense"][0] == pytest.approx(1e-3, rel=1e-13, abs=0)
    assert point.wire_power["driver"][0] == pytest.approx(2e-5, rel=1e-13, abs=0)
    assert point.cell_power[0, 0, 0] == pytest.approx(1e-3, rel=1e-13, abs=0)
    assert point.switch_power[0, 0, 0] == pytest.approx(1e-5, rel=1e-13, abs=0)


def test_several_points_are_refused(make_array):
    with pytest.raises(CircuitError, match="2 points; give one"):
        nodal.operating_point(make_array(2, 2), np.ones((2, 2)))


@pytest.mark.parametrize("sensed", [True, False])
def test_nodes_without_a_way_to_ground_take_the_voltage_of_their_input(sensed):
    """Two rows joined by a floating bit line; a third row on its own."""
    siemens = np.array([[1e-4, 0.0], [1e-4, 0.0], [0.0, 0.0]])
    ends = [np.inf, 1.0 if sensed else np.inf]
    array = Array.from_siemens(siemens, Wires(1.0, 1.0, 10.0, ends))
    point = nodal.operating_point(array, [0.3, 0.3, 0.7])
    assert point.word == pytest.approx(
        np.array([[0.3, 0.3], [0.3, 0.3], [0.7, 0.7]]), rel=1e-14, abs=0
    )
    assert point.bit[:, 0] == pytest.approx(np.full(3, 0.3), rel=1e-14, abs=0)
    assert point.bit[:, 1] == pytest.approx(np.zeros(3), abs=0)
    assert (point.inputs == 0).all()
    assert (point.cells == 0).all()
    uneven = nodal.operating_point(array, [0.2, 0.4, 0.7])
    # 0.2 V over two cells of 10 kohm, two drivers, one bit segment and no more.
    assert uneven.inputs[1] == pytest.approx(0.2 / 20021, rel=1e-12, abs=0)
    assert uneven.inputs[0] == pytest.approx(-0.2 / 20021, rel=1e-12, abs=0)
    assert uneven.mismatch < 1e-9


def test_an_input_that_is_not_connected_drives_nothing():
    wires = Wires(driver_ohm=[np.inf, 10.0])
    array = Array.from_siemens([[1e-4], [1e-4]], wires)
    found = nodal.operating_point(array, [1.0, 0.0])
    assert (found.word == 0).all()
    assert (found.currents == 0).all()
    assert found.mismatch == 0

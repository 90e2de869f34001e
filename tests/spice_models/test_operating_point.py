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
    assert point.source_power.sum() == pytest.approx(point.dissipated, rel=1e-9)
    assert point.mismatch < 1e-9
    wanted = nodal.currents(array, inputs, "direct")
    assert point.currents == pytest.approx(wanted, rel=0, abs=1e-12 * np.abs(wanted).max())
    assert point.branches.sum(axis=2) == pytest.approx(point.cells, rel=1e-12, abs=1e-20)
    across = point.word - point.bit
    assert point.cells == pytest.approx(array.siemens * across, rel=0, abs=1e-11 * 1e-4)


def test_a_single_cell_is_a_chain():
    ohm = np.array([[[1000.0]]])
    array = Array(ohm, ohm > 0, Switch(10.0), Wires(1.0, 1.0, 20.0, 30.0))
    point = nodal.operating_point(array, [1.06])
    assert point.word[0, 0] == pytest.approx(1.04, rel=1e-13)
    assert point.bit[0, 0] == pytest.approx(0.03, rel=1e-13)
    assert point.inputs[0] == pytest.approx(1e-3, rel=1e-13)
    assert point.wires["sense"][0] == pytest.approx(1e-3, rel=1e-13)
    assert point.wire_power["driver"][0] == pytest.approx(2e-5, rel=1e-13)
    assert point.cell_power[0, 0, 0] == pytest.approx(1e-3, rel=1e-13)
    assert point.switch_power[0, 0, 0] == pytest.approx(1e-5, rel=1e-13)


def test_several_points_are_refused(make_array):
    with pytest.raises(CircuitError, match="2 points; give one"):
        nodal.operating_point(make_array(2, 2), np.ones((2, 2)))

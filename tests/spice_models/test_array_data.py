import dataclasses

import numpy as np
import pytest

from spice_models import Array, CircuitError, Switch, Wires, nodal

OHM = np.full((2, 3, 4), 1e4)
ON = np.ones((2, 3, 4), dtype=bool)


def changed(values, index, value):
    values = values.copy()
    values[index] = value
    return values


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Wires(word_segment_ohm=-1.0), r"wires\.word_segment_ohm = -1\.0; give 0"),
        (lambda: Wires(sense_ohm=np.nan), r"wires\.sense_ohm = nan"),
        (lambda: Wires(driver_ohm=np.inf), r"wires\.driver_ohm = inf"),
        (lambda: Wires(bit_segment_ohm=1e-12), r"wires\.bit_segment_ohm = 1e-12.*1e-09"),
        (lambda: Wires(driver_ohm="ten"), r"wires\.driver_ohm = 'ten'"),
        (lambda: Switch(on_ohm=-1.0), r"switch\.on_ohm = -1\.0"),
        (lambda: Switch(on_ohm=10.0, off_ohm=10.0), r"switch\.off_ohm = 10\.0 must be above"),
        (lambda: Switch(off_ohm=np.nan), r"switch\.off_ohm = nan"),
        (lambda: Array(changed(OHM, (1, 2, 3), np.nan), ON), r"ohm\[1, 2, 3\] = nan"),
        (lambda: Array(changed(OHM, (0, 1, 2), -5.0), ON), r"ohm\[0, 1, 2\] = -5\.0"),
        (
            lambda: Array(changed(OHM, (0, 0, 0), 0.0), ON, Switch(0.0)),
            r"ohm\[0, 0, 0\] = 0\.0; with a switch of 0 ohm.*inf where",
        ),
        (lambda: Array(changed(OHM, (0, 0, 0), 1e-10), ON), r"ohm\[0, 0, 0\] = 1e-10; give 0"),
        (lambda: Array(OHM[0], ON), r"ohm has shape \(3, 4\)"),
        (lambda: Array(OHM[:, :0], ON[:, :0]), r"each at least 1"),
        (lambda: Array(OHM, ON[:, :2]), r"enabled has shape \(2, 2, 4\)"),
        (lambda: Array(OHM, ON.astype(int)), r"enabled has dtype int64"),
        (lambda: Array([[["x"]]], ON), r"ohm is not an array of real numbers"),
        (lambda: Array(OHM, ON, wires=1.0), r"wires = 1\.0; give a Wires"),
        (lambda: Array.from_siemens([[1.0, -2.0]]), r"siemens\[0, 1\] = -2\.0"),
        (lambda: Array.from_siemens([[np.nan]]), r"siemens\[0, 0\] = nan"),
        (lambda: Array.from_siemens([[np.inf]]), r"siemens\[0, 0\] = inf"),
        (lambda: Array.from_siemens([1.0]), r"siemens has shape \(1,\)"),
        (lambda: nodal.currents(Array(OHM, ON), [1.0, np.nan]), r"inputs_volt\[1\] = nan"),
        (lambda: nodal.currents(Array(OHM, ON), [1.0]), r"inputs_volt has shape \(1,\)"),
        (lambda: nodal.currents(Array(OHM, ON), np.ones((0, 2))), r"shape \(0, 2\)"),
    ],
)
def test_bad_data_is_one_line_that_names_field_value_and_remedy(make, text):
    with pytest.raises(CircuitError, match=text) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_folding_puts_each_branch_in_series_with_its_switch():
    ohm = np.array([[[1e4, 2e4, np.inf]]])
    array = Array(ohm, np.array([[[True, False, True]]]), Switch(1e3, 1e6))
    assert array.siemens == pytest.approx(np.array([[1 / 11e3 + 1 / 1.02e6]]), rel=1e-15, abs=0)
    assert "path_ohm" not in vars(array)  # as large as all branches: kept only if asked for


def test_open_switches_leave_nothing():
    array = Array(OHM, ~ON, Switch(1e3, np.inf))
    assert (array.siemens == 0).all()


def test_from_siemens_keeps_the_conductances():
    siemens = np.array([[1e-6, 0.0], [3e-5, 1e-320]])
    found = Array.from_siemens(siemens).siemens
    # 1 / (1 / x) is off by at most one rounding each way.
    assert found == pytest.approx(siemens, rel=4e-16, abs=1e-300)


def test_an_array_is_frozen_and_does_not_share_its_data():
    ohm = OHM.copy()
    array = Array(ohm, ON)
    ohm[:] = 1.0
    assert array.ohm[0, 0, 0] == 1e4
    for values in (array.ohm, array.enabled, array.siemens):
        with pytest.raises(ValueError, match="read-only"):
            values[0, 0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        array.wires = Wires.ideal()

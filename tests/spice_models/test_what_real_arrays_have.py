"""Each thing that real arrays have, by itself: direct, iterative and ngspice at every depth."""

import numpy as np
import pytest

from spice_models import (
    Array,
    CircuitError,
    Switch,
    Wires,
    check_netlist,
    elimination,
    netlist,
    ngspice,
    nodal,
)

ROWS, LINES = 6, 5
DEPTHS = ("folded", "branches", "switches")


def spread(shape, low, high, seed=0):
    return np.random.default_rng([seed, *np.atleast_1d(shape)]).uniform(low, high, shape)


def changed(values, **changes):
    values = values.copy()
    for where, value in changes.items():
        values[tuple(int(k) for k in where[1:].split("_"))] = value
    return values


def some_open(shape, share, seed=0):
    values = spread(shape, 1.0, 20.0, seed)
    values[np.random.default_rng([seed, 9]).random(shape) < share] = np.inf
    return values


EACH = Wires(
    spread((ROWS, LINES - 1), 0.5, 50.0),
    spread((ROWS - 1, LINES), 0.5, 50.0),
    spread(ROWS, 1.0, 1e3),
    spread(LINES, 1.0, 1e3),
)
ENDS = spread(ROWS, 5.0, 50.0), spread(LINES, 5.0, 50.0)
OPEN_ROW, OPEN_LINE = np.full(ROWS, np.inf), np.full(LINES, np.inf)

VARIATIONS = {
    "another resistance for each line family": Wires(2.0, 7.0, 30.0, 11.0),
    "another resistance for each segment and each end": EACH,
    "drivers and senses of 0 ohm": Wires(2.0, 3.0, 0.0, 0.0),
    "some drivers and senses of 0 ohm": Wires(
        2.0, 3.0, changed(ENDS[0], _1=0.0, _4=0.0), changed(ENDS[1], _2=0.0)
    ),
    "word lines driven from both ends": Wires(2.0, 3.0, *ENDS, far_driver_ohm=ENDS[0][::-1]),
    "bit lines sensed at both ends": Wires(2.0, 3.0, *ENDS, far_sense_ohm=ENDS[1][::-1]),
    "both ends of everything, of 0 ohm": Wires(2.0, 3.0, 0.0, 0.0, 0.0, 0.0),
    "driven and sensed from the far ends only": Wires(2.0, 3.0, OPEN_ROW, OPEN_LINE, 9.0, 8.0),
    "open segments of word lines": Wires(some_open((ROWS, LINES - 1), 0.3), 3.0),
    "open segments of bit lines": Wires(3.0, some_open((ROWS - 1, LINES), 0.3)),
    "rows without an input": Wires(2.0, 3.0, changed(ENDS[0], _0=np.inf, _3=np.inf)),
    "columns without a sense": Wires(2.0, 3.0, 10.0, changed(ENDS[1], _0=np.inf, _4=np.inf)),
    "unused rows and columns": Wires(
        2.0, 3.0, changed(ENDS[0], _5=np.inf), changed(ENDS[1], _2=np.inf)
    ),
    "segments of 0 ohm here and there": Wires(
        changed(spread((ROWS, LINES - 1), 1.0, 9.0), _0_0=0.0, _0_1=0.0, _5_3=0.0),
        changed(spread((ROWS - 1, LINES), 1.0, 9.0), _4_0=0.0, _0_4=0.0),
    ),
}


def array(wires, switch=None, **ohms):
    ohm = 10 ** spread((ROWS, LINES, 3), 4.0, 6.0)
    enabled = spread(ohm.shape, 0.0, 1.0, 1) < 0.6
    return Array(changed(ohm, **ohms), enabled, switch or Switch(1e3, 1e9), wires)


def assert_all_agree(made, iterative=True):
    wanted = nodal.transfer_matrix(made, method="direct", keep=False).siemens
    limit = 1e-9 * wanted.max()
    assert limit > 0
    if iterative:
        found = nodal.transfer_matrix(made, method="iterative", keep=False).siemens
        assert found == pytest.approx(wanted, rel=0, abs=limit)
    for cells in DEPTHS:
        found = ngspice.transfer_matrix(made, cells).siemens
        assert found == pytest.approx(wanted, rel=0, abs=limit), cells
    for cells in ("folded", "branches"):
        assert check_netlist(netlist(made, cells=cells), made) == []
    return wanted


@pytest.mark.parametrize("name", VARIATIONS)
def test_wires(name):
    assert_all_agree(array(VARIATIONS[name]), iterative="segments of 0" not in name)


@pytest.mark.parametrize("on_ohm", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("off_ohm", [1e8, np.inf])
@pytest.mark.parametrize("wires", [Wires(), Wires.ideal()])
def test_shorted_branches_leave_their_switch(wires, off_ohm, on_ohm):
    made = array(wires, Switch(on_ohm, off_ohm), _2_3_0=0.0, _2_3_1=0.0, _0_0_2=0.0, _5_4_1=0.0)
    assert made.enabled[2, 3, :2].any()
    assert_all_agree(made, iterative=on_ohm == 1e3 and wires == Wires())


def test_a_short_is_the_limit_of_small_resistances():
    switch = Switch(10.0, np.inf)
    exact = nodal.transfer_matrix(array(Wires(), switch, _2_3_0=0.0)).siemens
    near = nodal.transfer_matrix(array(Wires(), switch, _2_3_0=1e-7)).siemens
    assert near == pytest.approx(exact, rel=0, abs=1e-7 * exact.max())


def test_a_shorted_cell_of_any_conductance():
    siemens = spread((ROWS, LINES), 1e-6, 1e-4)
    wires = Wires(1.0, 1.0, 20.0, 30.0)
    for short in (1.0, 1e3):
        made = Array.from_siemens(changed(siemens, _2_2=short), wires)
        nearly = assert_all_agree(made, iterative=False)
    # ngspice would lose 7 digits beside 1 nohm.
    made = Array.from_siemens(changed(siemens, _2_2=1e9), wires)
    found = nodal.transfer_matrix(made).siemens
    assert found == pytest.approx(elimination.transfer_matrix(made), rel=0, abs=1e-9 * found.max())
    assert found == pytest.approx(nearly, rel=0, abs=1e-4 * nearly.max())


@pytest.mark.parametrize("cells", ["transistors"])
def test_a_short_that_a_subcircuit_cannot_hold_is_refused(cells):
    with pytest.raises(CircuitError, match=r"ohm\[2, 3, 0\] = 0\.0: .*'branches'") as caught:
        netlist(array(Wires(), _2_3_0=0.0), cells=cells)
    assert "\n" not in str(caught.value)


def test_shorts_turn_heat_into_their_switches():
    made = array(Wires(), _2_3_1=0.0)
    assert made.enabled[2, 3, 1]
    point = nodal.operating_point(made, np.ones(ROWS))
    assert point.cell_power[2, 3, 1] == 0
    assert point.switch_power[2, 3, 1] == point.switch_power[2].max() > 0
    assert point.mismatch < 1e-9


def test_a_row_without_input_floats_and_its_input_does_nothing():
    wires = VARIATIONS["rows without an input"]
    found = nodal.transfer_matrix(array(wires)).siemens
    assert (found[:, [0, 3]] == 0).all()
    assert (found[:, [1, 2, 4, 5]] > 0).all()


def test_a_line_without_sense_reads_nothing_and_leaks_into_its_neighbours():
    wires = VARIATIONS["columns without a sense"]
    made = array(wires)
    found = nodal.transfer_matrix(made).siemens
    assert (found[[0, 4]] == 0).all()
    silent = made.siemens.copy()
    silent[:, [0, 4]] = 0.0
    apart = nodal.transfer_matrix(Array.from_siemens(silent, wires)).siemens
    assert (found[1:4] != apart[1:4]).all()


def test_lines_cut_off_from_everything_are_silent():
    wires = Wires(2.0, 3.0, changed(ENDS[0], _1=np.inf), changed(ENDS[1], _3=np.inf))
    siemens = np.full((ROWS, LINES), 1e-5)
    siemens[1] = siemens[:, 3] = 0.0
    siemens[1, 3] = 1e-5
    found = assert_all_agree(Array.from_siemens(siemens, wires))
    assert (found[3] == 0).all()
    assert (found[:, 1] == 0).all()
    point = nodal.operating_point(Array.from_siemens(siemens, wires), np.ones(ROWS))
    assert point.word[1].tolist() == [0.0] * LINES
    assert point.cells[1, 3] == 0.0


def test_all_rows_or_all_columns_unused_is_silence():
    for wires in (Wires(driver_ohm=OPEN_ROW), Wires(sense_ohm=OPEN_LINE)):
        for method in ("direct", "iterative"):
            found = nodal.transfer_matrix(array(wires), method=method)
            assert (found.siemens == 0).all()
        assert (ngspice.sweep(array(wires), np.eye(ROWS)).currents == 0).all()


@pytest.mark.parametrize(
    "wires",
    [Wires(sense_ohm=[10.0, np.inf]), Wires(bit_segment_ohm=[[1.0, 1.0], [1.0, np.inf]])],
)
def test_a_piece_of_bit_line_without_cells_and_sense_is_left_out_of_the_netlist(wires):
    siemens = np.array([[1e-5, 0.0], [1e-5, 0.0], [1e-5, 0.0]])
    array = Array.from_siemens(siemens, wires)
    text = netlist(array)
    assert "Rbit0_1" not in text
    assert check_netlist(text, array) == []
    wanted = nodal.transfer_matrix(array).siemens
    found = ngspice.transfer_matrix(array).siemens
    assert found == pytest.approx(wanted, rel=0, abs=1e-9 * wanted.max())

import re

import numpy as np
import pytest

from spice_models import (
    Array,
    CellModel,
    CircuitError,
    Switch,
    Wires,
    deviation,
    layer_netlist,
    netlist,
    ngspice,
    nodal,
    transistor,
)

AGREEMENT = 1e-9
"""Of full scale: ngspice solves linear circuits to about 1e-13 with SPARSE, 3e-10 with KLU."""

MINE = """* a device of one's own
.param half=0.5
.subckt mine bit word
+ enable ohm=1 slope=1 ; a comment
.model contact sw(vt={half} vh=0 ron=1e3 roff=1e10)
Rmine word inside {ohm * slope}
Smine inside bit enable 0 contact
.ends
"""
PORTS = ("bit", "word", "enable")


def assert_agree(found, wanted):
    assert np.abs(found - wanted).max() <= AGREEMENT * np.abs(wanted).max()


@pytest.mark.parametrize("cells", ["folded", "branches", "switches"])
@pytest.mark.parametrize(("rows", "lines"), [(1, 1), (7, 12), (32, 32)])
def test_the_linear_depths_are_one_circuit(rows, lines, cells, make_array):
    array = make_array(rows, lines, 3)
    inputs = np.random.default_rng(0).normal(size=(2, rows))
    found = ngspice.sweep(array, inputs, cells=cells).currents
    assert_agree(found, nodal.currents(array, inputs))


@pytest.mark.parametrize("on_ohm", [0.0, 1e-3, 1e3])
@pytest.mark.parametrize("off_ohm", [1e6, np.inf])
@pytest.mark.parametrize("wires", [Wires(), Wires.ideal()])
def test_voltage_controlled_switches_of_any_resistance(on_ohm, off_ohm, wires, make_array):
    array = make_array(3, 5, switch=Switch(on_ohm, off_ohm), wires=wires)
    found = ngspice.transfer_matrix(array, cells="switches").siemens
    assert_agree(found, nodal.transfer_matrix(array).siemens)


@pytest.mark.parametrize("cells", ["switches", "transistors"])
def test_an_enable_bit_can_be_turned_in_the_text(cells, make_array):
    on = make_array(2, 2, 1, enabled=True)
    one_off = Array(on.ohm, np.arange(4).reshape(2, 2, 1) != 1, on.switch, on.wires)
    volt = "1.8" if cells == "transistors" else "1.0"
    text = netlist(on, [0.1, 0.2], cells=cells)
    turned = text.replace(f"Ven0_1_0 en0_1_0 0 {volt}", "Ven0_1_0 en0_1_0 0 0.0")
    assert turned != text
    assert turned == netlist(one_off, [0.1, 0.2], cells=cells)


def test_open_branches_stay_where_an_enable_bit_can_close_them(make_array):
    array = make_array(2, 2, 3, enabled=False, switch=Switch(1e3, np.inf))
    there = int(np.isfinite(array.ohm).sum())
    assert netlist(array, cells="switches").count("\nXcell") == there
    assert "open ones, left out: 0" in netlist(array, cells="switches")
    assert "open ones, left out: 4" in netlist(array, cells="branches")


def test_transistors_deviate_by_little_and_by_more_at_larger_voltages(make_array):
    array = make_array(6, 4, 3)
    small, large = (deviation(array, np.full((1, 6), volt)) for volt in (1e-3, 0.4))
    # Near 0 V the on-resistance is nominal; at 0.4 V of 1.35 V overdrive it grows by a third.
    assert 0 < small.rms <= small.worst < 1e-4
    assert 5 * small.worst < large.worst < 0.1
    assert large.currents.shape == large.folded.shape == (1, 4)
    relative = np.abs(large.currents - large.folded).max() / np.abs(large.folded).max()
    assert large.worst == pytest.approx(relative, rel=1e-12, abs=0)


def test_a_transistor_when_off_leaks_through_the_off_resistance(make_array):
    array = make_array(3, 3, 2, enabled=False, switch=Switch(1e3, 1e8))
    # reltol is 1e-6; the bulk diodes of 1e-18 A and gmin = 1e-15 S leak less.
    assert deviation(array, np.full(3, 0.2)).worst < 1e-5


def test_a_triode_follows_the_square_law():
    """One branch: I = kp W/L ((Vg - Vt) V - V^2 / 2)(1 + lambda V), with W/L from on_ohm."""
    gate, threshold, modulation = 2.5, 0.5, 0.02
    model = transistor(
        gate_volt=gate, threshold_volt=threshold, body=0.0, modulation=modulation, gain=1e-4
    )
    array = Array([[[1e-6]]], [[[True]]], Switch(1e4, 1e15), Wires.ideal())
    found = ngspice.sweep(array, [[0.3]], cells=model).currents[0, 0]
    per_volt = 1 / (1e4 * (gate - threshold))
    wanted = per_volt * ((gate - threshold) * 0.3 - 0.3**2 / 2) * (1 + modulation * 0.3)
    assert found == pytest.approx(wanted, rel=1e-6)  # reltol


@pytest.mark.parametrize("cells", ["transistors", transistor(), CellModel(MINE, "mine", PORTS)])
def test_cells_that_may_not_be_linear_have_no_transfer_matrix(cells, make_array):
    with pytest.raises(CircuitError, match=r"not linear.*use sweep"):
        ngspice.transfer_matrix(make_array(2, 2), cells=cells)


def test_a_transistor_of_zero_ohm_is_refused():
    with pytest.raises(CircuitError, match=r"switch.on_ohm = 0.0; give a resistance above 0"):
        netlist(Array.from_siemens([[1e-4]]), cells="transistors")


def test_the_depths_in_a_layer_of_tiles(make_array):
    tiles = [[make_array(3, 2, 2), make_array(3, 4, 2, switch=Switch(500.0, 1e9))]]
    inputs = np.random.default_rng(0).uniform(0, 0.2, 3)
    for cells, tolerance in (("switches", AGREEMENT), ("transistors", 5e-3)):
        found = ngspice.run(layer_netlist(tiles, inputs, cells=cells))
        for c, tile in enumerate(tiles[0]):
            wanted = nodal.currents(tile, inputs)
            currents = [found[f"i(vs0_{c}_{j})"][0] for j in range(tile.lines)]
            assert currents == pytest.approx(wanted, rel=0, abs=tolerance * wanted.max())


@pytest.mark.parametrize("from_file", [False, True])
def test_a_users_subcircuit_stands_in(from_file, make_array, tmp_path):
    path = tmp_path / "with space é.lib"
    path.write_text(MINE)
    model = CellModel(path if from_file else MINE, "Mine", PORTS, {"slope": 2.0})
    array = make_array(3, 4)
    doubled = Array(2 * array.ohm, array.enabled, array.switch, array.wires)
    assert deviation(doubled, [0.1, 0.2, -0.3], model).worst > 0.1
    inputs = np.random.default_rng(0).normal(size=(2, 3))
    found = ngspice.sweep(array, inputs, cells=model).currents
    # Cells that may be non-linear run with reltol = 1e-6.
    wanted = nodal.currents(doubled, inputs)
    assert found == pytest.approx(wanted, rel=0, abs=1e-5 * np.abs(wanted).max())


def test_a_users_subcircuit_takes_what_it_asks_for(make_array):
    library = ".subckt plain word bit ground ohm=1 on_ohm=1 enabled=0\nR1 word bit {ohm}\n.ends\n"
    model = CellModel(library, "plain", ("word", "bit", "ground"), takes=("ohm", "enabled"))
    array = make_array(1, 1, 1, seed=3, enabled=True)
    (line,) = re.findall(r"^Xcell.*$", netlist(array, cells=model), re.MULTILINE)
    assert line == f"Xcell0_0_0 w0_0 b0_0 0 plain ohm={float(array.ohm[0, 0, 0])!r} enabled=1"


SUBCKT = ".subckt mine bit word enable\nR1 word bit 1\n{}\n.ends\n"


@pytest.mark.parametrize(
    "line",
    [
        ".control",
        "  .CONTROL",
        ".include secret.txt",
        ".lib /etc/passwd",
        ".end",
        ".csparam x=1",
        "*# shell touch me",
        "A1 [in] [out] program",
        "R2 word bit 1 \\\\",
        "$(touch me)x\x07",
        "+ .control\n.control",
    ],
)
@pytest.mark.parametrize("inside", [True, False])
def test_lines_that_could_run_or_read_something_are_refused(line, inside):
    text = SUBCKT.format(line) if inside else f"{line}\n{SUBCKT.format('')}"
    with pytest.raises(CircuitError, match="library") as caught:
        CellModel(text, "mine", PORTS)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"name": "mine\n.control"}, "name = "),
        ({"name": "tile_0_0"}, "name = 'tile_0_0'.*taken"),
        ({"name": "other"}, "does not define it"),
        ({"ports": ("word", "bit")}, "has 2 ports here; the library gives it 3"),
        ({"ports": ("word", "bit", "gate")}, "ports = "),
        ({"ports": ("word", "enable", "ground")}, "give 'word' and 'bit'"),
        ({"parameters": {"a b": 1.0}}, "parameters = 'a b'"),
        ({"parameters": {"slope": "1 ; x"}}, r"parameters\['slope'\] = '1 ; x'"),
        ({"parameters": {"slope": np.inf}}, "give a finite number"),
        ({"parameters": {"ohm": 1.0}}, "both set 'ohm'"),
        ({"parameters": 3}, "parameters = 3"),
        ({"takes": ("ohms",)}, "takes = "),
        ({"enable_volt": 1.0}, "enable_volt = 1.0"),
        ({"enable_volt": (0.0, np.nan)}, "enable_volt = nan"),
        ({"library": "no/such/file.lib"}, "cannot be read"),
        ({"library": MINE + "\nR1 a b 1"}, "inside a subcircuit"),
        ({"library": MINE + "\n.ends"}, "ends no subcircuit"),
        ({"library": MINE + "\n.subckt open a"}, "leaves a .subckt open"),
    ],
)
def test_bad_models_are_one_line_that_names_the_field(changes, text):
    with pytest.raises(CircuitError, match=text) as caught:
        CellModel(**({"library": MINE, "name": "mine", "ports": PORTS} | changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes", [{"gate_volt": 0.3}, {"gain": 0.0}, {"length": -1.0}, {"body": np.nan}]
)
def test_a_transistor_that_cannot_switch_is_refused(changes):
    with pytest.raises(CircuitError, match=f"{next(iter(changes))} = "):
        transistor(**changes)

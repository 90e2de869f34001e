"""Netlists of every depth, level and dialect read back, and no change in them goes unseen."""

import re

import numpy as np
import pytest

from spice_models import (
    Array,
    CellModel,
    CircuitError,
    Switch,
    Wires,
    check_layer_netlist,
    check_netlist,
    layer_netlist,
    layer_subcircuit,
    netlist,
    read_netlist,
    transistor,
)

DEPTHS = ["folded", "branches", "switches", "transistors"]
DIALECTS = ["ngspice", "xyce", "ltspice"]
LEVELS = pytest.mark.parametrize("hierarchical", [False, True])


@LEVELS
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("cells", DEPTHS)
def test_every_depth_level_and_dialect_reads_back(cells, dialect, hierarchical, make_array):
    array = make_array(4, 3)
    text = netlist(array, cells=cells, dialect=dialect, hierarchical=hierarchical)
    assert check_netlist(text, array) == []
    assert check_netlist(text, make_array(4, 3, seed=1)) != []
    found = read_netlist(text)
    assert found.cells == cells
    assert len(found.paths) == (0 if cells == "folded" else int(np.isfinite(array.ohm).sum()))


@LEVELS
@pytest.mark.parametrize("cells", ["branches", "switches", "transistors"])
@pytest.mark.parametrize("switch", [Switch(0.0, 1e9), Switch(1e3, np.inf), Switch(5.0, 1e31)])
def test_switches_of_any_resistance_read_back(switch, cells, hierarchical, make_array):
    if switch.on_ohm == 0 and cells == "transistors":
        switch = Switch(1.0, 1e9)
    array = make_array(2, 3, 2, switch=switch, wires=Wires(0.0, 2.0, 3.0, 0.0))
    text = netlist(array, cells=cells, hierarchical=hierarchical)
    assert check_netlist(text, array) == []
    other = make_array(2, 3, 2, switch=Switch(7.0, switch.off_ohm), wires=array.wires)
    assert check_netlist(text, other) != []


def grid(make_array, seed=0):
    sizes = [[(3, 2), (3, 4)], [(2, 2), (2, 4)]]
    return [[make_array(*size, 2, seed=seed + r) for size in row] for r, row in enumerate(sizes)]


@pytest.mark.parametrize("cells", DEPTHS)
def test_layers_read_back(cells, make_array):
    tiles, inputs = grid(make_array), np.linspace(0.1, 0.3, 5)
    texts = [
        (layer_netlist(tiles, inputs, cells=cells), "layer"),
        (layer_netlist(tiles, inputs, cells=cells, hierarchical=True), "layer"),
        (layer_subcircuit(tiles, cells=cells), "layer"),
        (layer_subcircuit(tiles, cells=cells, name="fc1"), "fc1"),
        (layer_subcircuit(tiles, cells=cells, dialect="ltspice"), "layer"),
        (layer_subcircuit(tiles, cells=cells, name="my_branch", dialect="xyce"), "my_branch"),
    ]
    for text, name in texts:
        assert check_layer_netlist(text, tiles, name) == []
        told = check_layer_netlist(text, grid(make_array, seed=5), name)
        assert told
        assert all("tile_" in line for line in told)


def test_a_layer_that_is_joined_otherwise_is_told(make_array):
    tiles = grid(make_array)
    text = layer_subcircuit(tiles)
    swapped = text.replace("Xtile_1_0 in3 in4 s0 s1", "Xtile_1_0 in4 in3 s0 s1")
    assert swapped != text
    assert check_layer_netlist(swapped, tiles) == [
        "Xtile_1_0 is missing or not joined to in3 .. s1"
    ]
    ports = text.replace(".subckt tile_1_0 in0 in1", ".subckt tile_1_0 in1 in0")
    assert check_layer_netlist(ports, tiles) == [
        "tile_1_0 has other ports than in0 .. in1, s0 .. s1"
    ]
    more = text.replace("Xtile_1_0 ", "Xtile_7_7 in3 in4 s0 s1 tile_1_0\nXtile_1_0 ")
    assert check_layer_netlist(more, tiles) == ["Xtile_7_7 is not in the layer"]
    with pytest.raises(CircuitError, match="use check_layer_netlist"):
        check_netlist(text, tiles[0][0])
    with pytest.raises(CircuitError, match="'tile_2_0' is not in the text"):
        check_layer_netlist(text, [*tiles, tiles[1]])


def is_noticed(text, array):
    try:
        return bool(check_netlist(text, array))
    except CircuitError:
        return True


@LEVELS
@pytest.mark.parametrize("cells", DEPTHS)
def test_no_line_of_the_circuit_can_go_or_change_unseen(cells, hierarchical, make_array):
    array = make_array(2, 2, 2)
    lines = netlist(array, [0.1, 0.2], cells=cells, hierarchical=hierarchical).splitlines()
    first = r"\.subckt \S*(?:_cell|tile)_" if hierarchical else "Rdriver0"
    start = next(k for k, line in enumerate(lines) if re.match(first, line))
    circuit = [
        k for k in range(start, len(lines)) if re.match(r"[RX]|Ven|\.subckt|\.ends", lines[k])
    ]
    assert len(circuit) > 8
    for k in circuit:
        before, line, after = lines[:k], lines[k], lines[k + 1 :]
        assert is_noticed("\n".join([*before, *after]), array), f"without {line}"
        assert is_noticed("\n".join([*before, line, line, *after]), array), f"twice {line}"
        # a name or node, or the first digit of a number, but no default, which is never used
        what = r"(?<![\w.=])[A-Za-z]\w*(?= )" + ("" if "?" in line else r"|\d(?=\.\d)")
        for found in re.finditer(what, line):
            word = "other" if found[0].isalpha() else "77"
            changed = line[: found.start()] + word + line[found.end() :]
            assert is_noticed("\n".join([*before, changed, *after]), array), changed


@pytest.mark.parametrize(
    "line",
    [
        "Vextra w0_0 b0_0 1.0",
        "Vs0 s0 0 0.5",
        "B1 w0_0 0 V=1",
        ".include other.cir",
        ".ic v(w0_0)=1",
        "Ven0_0_0 en0_0_0 0 1.0 extra",
        "C1 w0_0 0 1e-15",
        "I1 w0_0 0 1",
        ".subckt open a",
    ],
)
def test_foreign_lines_are_errors(line, make_array):
    text = netlist(make_array(1, 1), cells="switches").replace(".end\n", f"{line}\n.end\n")
    with pytest.raises(CircuitError):
        read_netlist(text)


def test_a_switch_without_source_or_at_another_voltage_is_an_error(make_array):
    array = make_array(1, 1, 1, seed=3, enabled=True)
    for cells, volt in (("switches", "1.0"), ("transistors", "1.8")):
        text = netlist(array, cells=cells)
        source = f"Ven0_0_0 en0_0_0 0 {volt}"
        with pytest.raises(CircuitError, match="'en0_0_0' has no source; add it"):
            read_netlist(text.replace(f"{source}\n", ""))
        with pytest.raises(CircuitError, match=r"'en0_0_0' is at 0.9 V; give 0.0 or"):
            read_netlist(text.replace(source, "Ven0_0_0 en0_0_0 0 0.9"))
        off = text.replace(source, "Ven0_0_0 en0_0_0 0 0.0")
        assert len(check_netlist(off, array)) == 1


def test_a_changed_library_is_an_error(make_array):
    array = make_array(1, 1)
    changes = [
        ("branches", "Rbranch word inside {ohm}"),
        ("switches", "vt=0.5"),
        ("transistors", "Rleak inside bit {off_ohm}"),
        ("transistors", "gamma={transistor_body}"),
    ]
    for cells, part in changes:
        text = netlist(array, cells=cells)
        changed = text.replace(part, part.replace("ohm", "on_ohm").replace("0.5", "0.4") + "1", 1)
        assert changed != text
        with pytest.raises(CircuitError, match="is not the shipped one; restore"):
            read_netlist(changed)


def test_a_transistor_of_other_values_reads_back_and_a_users_own_does_not(make_array):
    array = make_array(2, 2)
    for hierarchical in (False, True):
        text = netlist(array, cells=transistor(gate_volt=2.5), hierarchical=hierarchical)
        assert check_netlist(text, array) == []
    named = layer_subcircuit([[array]], cells=transistor(gate_volt=2.5), name="fc1")
    assert check_layer_netlist(named, [[array]], "fc1") == []
    own = CellModel(
        ".subckt mine word bit ohm=1\nR1 word bit {ohm}\n.ends", "mine", ("word", "bit")
    )
    for hierarchical in (False, True):
        with pytest.raises(CircuitError, match=r"only the shipped cells .* can be read back"):
            read_netlist(netlist(array, cells=own, hierarchical=hierarchical))


@pytest.mark.parametrize("off_ohm", [1e9, np.inf])
@pytest.mark.parametrize("cells", ["branches", "switches"])
def test_a_shorted_branch_is_its_switch_alone_and_reads_back(cells, off_ohm):
    ohm = np.full((2, 3, 2), 1e4)
    ohm[1, 2, 0] = ohm[0, 0, 1] = 0.0
    enabled = np.ones(ohm.shape, bool)
    enabled[0, 0, 1] = False
    array = Array(ohm=ohm, enabled=enabled, switch=Switch(1e3, off_ohm), wires=Wires(1, 1, 1, 1))
    assert check_netlist(netlist(array, cells=cells), array) == []
    with pytest.raises(CircuitError, match="cannot hold a short"):
        netlist(array, cells=cells, hierarchical=True)

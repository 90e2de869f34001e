import re

import numpy as np
import pytest

from spice_models import (
    CircuitError,
    Switch,
    Wires,
    check_netlist,
    layer_netlist,
    netlist,
    read_netlist,
)


@pytest.mark.parametrize("cells", ["folded", "branches"])
@pytest.mark.parametrize("wires", [Wires(), Wires.ideal(), Wires(0.0, 2.0, 3.0, 0.0)])
@pytest.mark.parametrize("switch", [Switch(), Switch(0.0, np.inf)])
def test_a_netlist_reads_back_as_its_array(cells, wires, switch, make_array):
    array = make_array(3, 4, wires=wires, switch=switch)
    assert check_netlist(netlist(array, cells=cells), array) == []


@pytest.mark.parametrize("cells", ["folded", "branches"])
def test_a_tile_of_a_layer_reads_back(cells, make_array):
    tiles = [[make_array(12, 3, seed=0), make_array(12, 3, seed=1)]]
    text = layer_netlist(tiles, np.zeros(12), cells=cells)
    assert check_netlist(text, tiles[0][1], tile="tile_0_1") == []
    assert check_netlist(text, tiles[0][1], tile="tile_0_0") != []
    with pytest.raises(CircuitError, match="tile = 'tile_9_9' is not in the text"):
        read_netlist(text, tile="tile_9_9")


def test_differences_are_named(make_array):
    array = make_array(2, 2, enabled=True)
    text = netlist(array)
    ohm = repr(1 / float(array.siemens[1, 0]))
    assert check_netlist(text.replace("Rsense1 b1_1 s1 10.0\n", ""), array) == [
        "Rsense1 is missing"
    ]
    added = text.replace(".end\n", "Rextra w0_0 b1_1 5.0\n.end\n")
    assert check_netlist(added, array) == ["Rextra is not in the array"]
    assert check_netlist(text.replace(ohm, "1234.5"), array) == [
        f"Rcell1_0 has 1234.5 ohm, not {ohm}"
    ]
    moved = text.replace("Rdriver0 in0 w0_0", "Rdriver0 in0 w1_0")
    assert check_netlist(moved, array) == ["Rdriver0 joins in0 and w1_0, not in0 and w0_0"]


def test_a_turned_switch_is_a_difference(make_array):
    array = make_array(2, 2, 1, enabled=True)
    written = netlist(array, cells="branches")
    text = re.sub(r"^(Xcell.* enabled)=1", r"\1=0", written, count=1, flags=re.MULTILINE)
    (told,) = check_netlist(text, array)
    assert re.match(r"Xcell\d_\d_0 has 1\d+\.\d+ ohm, not", told)


@pytest.mark.parametrize("line", ["D1 a b model", "R1 a b 1k", "X1 a b other", "R1 a b"])
def test_what_we_do_not_write_is_not_read(line, make_array):
    text = netlist(make_array(1, 1)).replace(".end\n", f"{line}\n.end\n")
    with pytest.raises(CircuitError, match="line "):
        read_netlist(text)


def test_an_element_written_twice_is_an_error(make_array):
    text = netlist(make_array(1, 1)).replace(".end\n", "Rsense0 b0_0 s0 10.0\n.end\n")
    with pytest.raises(CircuitError, match="twice"):
        read_netlist(text)


def test_the_head_says_version_and_comments(make_array):
    text = netlist(make_array(1, 1), comments=["design paired", "seed 7"])
    assert re.search(
        r"^\* written by resistive-crossbar \S+\n\* design paired\n\* seed 7$", text, 8
    )
    with pytest.raises(CircuitError):
        netlist(make_array(1, 1), comments=["a\n.control"])


@pytest.mark.parametrize("cells", ["folded", "branches", "switches", "transistors"])
@pytest.mark.parametrize("dialect", ["xyce", "ltspice"])
def test_dialects_leave_nothing_that_only_ngspice_knows(dialect, cells, make_array):
    array = make_array(12, 2)
    inputs = np.random.default_rng(0).normal(size=(14, 12))
    text = netlist(array, inputs, cells=cells, dialect=dialect)
    for word in (" klu", ".width", "V=pwl("):
        assert word not in text
    assert text.count("table(v(point), 0, ") == 12
    if dialect == "xyce":
        assert ".save" not in text
        assert " sw(" not in text
    else:
        assert " ? " not in text
        assert ".print" not in text
    if cells in ("folded", "branches"):
        assert check_netlist(text, array) == []


def test_the_dialect_of_a_layer_and_an_unknown_one(make_array):
    tiles = [[make_array(2, 2)]]
    assert ".width" not in layer_netlist(tiles, [0.0, 1.0], dialect="xyce")
    with pytest.raises(CircuitError, match="dialect = 'hspice'; give 'ngspice'"):
        netlist(tiles[0][0], dialect="hspice")

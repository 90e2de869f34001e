import re
import subprocess

import numpy as np
import pytest

from spice_models import (
    Array,
    CellModel,
    CircuitError,
    Switch,
    layer_netlist,
    layer_subcircuit,
    netlist,
    ngspice,
    nodal,
    transistor,
)

AGREEMENT = 1e-12
"""Of full scale: the same circuit in the same order, solved by the same ngspice."""

PRINTED = 1e-5
"""ngspice prints six or seven digits."""

DEPTHS = ["folded", "branches", "switches", "transistors"]

MINE = """.subckt mine bit ground word enable ohm=1 slope=1
Rmine word inside {ohm * slope}
Smine inside bit enable ground contact
.model contact sw(vt=0.25 vh=0 ron=1e3 roff=1e10)
.ends
"""


def assert_agree(found, wanted, tolerance=AGREEMENT):
    assert np.abs(found - wanted).max() <= tolerance * np.abs(wanted).max()


def grid(make_array):
    sizes = [[(3, 2), (3, 4)], [(2, 2), (2, 4)]]
    switches = [[Switch(), Switch(500.0, 1e9)], [Switch(0.0, np.inf), Switch()]]
    return [
        [make_array(*sizes[r][c], seed=r, switch=switches[r][c]) for c in range(2)]
        for r in range(2)
    ]


def layer_currents(tiles, inputs):
    rows = (inputs[: tiles[0][0].rows], inputs[tiles[0][0].rows :])
    columns = range(len(tiles[0]))
    return np.concatenate(
        [
            nodal.currents(tiles[0][c], rows[0]) + nodal.currents(tiles[1][c], rows[1])
            for c in columns
        ]
    )


@pytest.mark.parametrize("cells", [*DEPTHS, "own"])
@pytest.mark.parametrize(("rows", "lines", "branches"), [(1, 1, 1), (7, 4, 3), (2, 3, 16)])
def test_hierarchical_text_is_the_same_circuit(rows, lines, branches, cells, make_array):
    if cells == "own":
        ports = ("bit", "ground", "word", "enable")
        cells = CellModel(MINE, "mine", ports, {"slope": 1.25}, enable_volt=(-0.5, 1.5))
    array = make_array(rows, lines, branches)
    inputs = np.random.default_rng(0).uniform(0, 0.2, (2, rows))
    vectors = ngspice.run(netlist(array, inputs, cells=cells, hierarchical=True))
    found = np.stack([vectors[f"i(vs{j})"] for j in range(lines)], axis=1)
    assert_agree(found, ngspice.sweep(array, inputs, cells).currents)


def test_each_kind_of_cell_is_written_once(make_array):
    ohm = np.full((3, 3, 3), 1e4)
    ohm[0, 0, 1] = ohm[2, 2, 1] = ohm[1, 1, 0] = np.inf
    array = Array(ohm, ohm > 0)
    text = netlist(array, cells="branches", hierarchical=True)
    defined = re.findall(r"^\.subckt (branch_cell_\d+) ", text, re.MULTILINE)
    assert defined == ["branch_cell_011", "branch_cell_101", "branch_cell_111"]
    uses = [len(re.findall(rf"^Xcell\S+ \S+ \S+ {name} ", text, re.MULTILINE)) for name in defined]
    assert uses == [1, 2, 6]
    assert text == netlist(array, cells="branches", hierarchical=True)


def test_a_switch_can_be_turned_at_the_instance(make_array):
    on = make_array(1, 1, 2, enabled=True)
    off = Array(on.ohm, [[[True, False]]], on.switch, on.wires)
    for cells in ("branches", "switches", "transistors"):
        text = netlist(on, cells=cells, hierarchical=True)
        turned = text.replace("enabled1=1 on_ohm=1000.0", "enabled1=0 on_ohm=1000.0")
        assert turned != text
        assert turned == netlist(off, cells=cells, hierarchical=True)


@pytest.mark.parametrize("cells", ["folded", "branches", "switches"])
def test_a_hierarchical_layer_sums_its_tiles(cells, make_array):
    tiles, inputs = grid(make_array), np.linspace(0.1, 0.3, 5)
    vectors = ngspice.run(layer_netlist(tiles, inputs, cells=cells, hierarchical=True))
    found = np.array([vectors[f"i(vs{k})"][0] for k in range(6)])
    assert_agree(found, layer_currents(tiles, inputs), 1e-9)


@pytest.mark.parametrize("cells", ["folded", "branches", "switches"])
def test_two_layers_are_included_in_one_design_in_plain_ngspice(cells, make_array, tmp_path):
    tiles, inputs = grid(make_array), np.linspace(0.1, 0.3, 5)
    (tmp_path / "a.inc").write_text(layer_subcircuit(tiles, cells=cells))
    other = [tiles[1]]
    (tmp_path / "b.inc").write_text(layer_subcircuit(other, cells=cells, name="second"))
    words = [f"in{i}" for i in range(5)]
    top = [
        "* a designer's own",
        ".include a.inc",
        ".include b.inc",
        *(f"V{i} in{i} 0 {volt!r}" for i, volt in enumerate(inputs.tolist())),
        f"X1 {' '.join(words)} {' '.join(f's{k}' for k in range(6))} layer",
        f"X2 {' '.join(words[3:])} {' '.join(f't{k}' for k in range(6))} second",
        *(f"V{end} {end} 0 0" for end in [f"s{k}" for k in range(6)] + [f"t{k}" for k in range(6)]),
        ".dc V0 0.1 0.1 1",
        *(f".print dc {' '.join(f'i(v{end}{k})' for k in range(6))}" for end in "st"),
        ".end\n",
    ]
    (tmp_path / "top.cir").write_text("\n".join(top))
    done = subprocess.run(
        ["ngspice", "-b", "top.cir"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "rror" not in done.stdout + done.stderr
    rows = [line.split()[2:] for line in done.stdout.splitlines() if line.startswith("0\t")]
    found = np.array([float(word) for row in rows for word in row])
    second = np.concatenate([nodal.currents(tile, inputs[3:]) for tile in other[0]])
    wanted = np.concatenate([layer_currents(tiles, inputs), second])
    assert_agree(found, wanted, PRINTED)


@pytest.mark.parametrize("cells", [*DEPTHS[1:], transistor(gate_volt=2.5)])
def test_two_layers_by_their_names_share_no_name(cells, make_array):
    """ngspice says nothing of the other's library, which with transistors it could not ignore."""
    arrays = [make_array(2, 3, seed=seed) for seed in range(2)]
    inputs = [0.1, 0.3]
    parts = [layer_subcircuit([[one]], cells=cells, name=f"l{k}") for k, one in enumerate(arrays)]
    names = [set(re.findall(r"^\.(?:subckt|param|model) (\w+)", part, re.M)) for part in parts]
    assert not names[0] & names[1]
    top = ["* a designer's own", *parts, "V0 in0 0 0.1", "V1 in1 0 0.3"]
    for k in range(2):
        top += [f"X{k} in0 in1 s{k}_0 s{k}_1 s{k}_2 l{k}"]
        top += [f"Vs{k}_{j} s{k}_{j} 0 0" for j in range(3)]
    done = subprocess.run(
        ["ngspice", "-b", "/dev/stdin"],
        input="\n".join([*top, ".dc V0 0.1 0.1 1", ".print dc i(vs0_0) i(vs1_2)", ".end\n"]),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert "Warning" not in done.stdout + done.stderr
    (row,) = (line.split()[2:] for line in done.stdout.splitlines() if line.startswith("0\t"))
    alone = [
        ngspice.run(layer_netlist([[one]], inputs, cells=cells, hierarchical=True))
        for one in arrays
    ]
    wanted = np.array([alone[0]["i(vs0)"][0], alone[1]["i(vs2)"][0]])
    # ngspice's default tolerance is 1e-3
    assert_agree(np.array([float(word) for word in row]), wanted, 1e-3)


def test_the_head_of_a_layer_to_include_states_its_ports(make_array):
    text = layer_subcircuit(grid(make_array), name="fc1")
    assert "* use: X1 <5 word lines> <6 bit lines> fc1\n" in text
    assert "ports of fc1: in0 .. in4 (inputs [V]), then s0 .. s5 (bit lines;" in text
    joined = text.replace("\n+", "")
    assert ".subckt fc1 in0 in1 in2 in3 in4 s0 s1 s2 s3 s4 s5\n" in joined
    assert "Xtile_1_1 in3 in4 s2 s3 s4 s5 fc1_tile_1_1\n" in joined
    for absent in ("\nV", "\n.dc", "\n.op", "\n.end\n", "\n.save", "\n.print"):
        assert absent not in text


@pytest.mark.parametrize("cells", DEPTHS)
@pytest.mark.parametrize("dialect", ["xyce", "ltspice"])
def test_dialects_of_hierarchical_text(dialect, cells, make_array):
    array = make_array(3, 2)
    for text in (
        netlist(array, cells=cells, dialect=dialect, hierarchical=True),
        layer_subcircuit([[array]], cells=cells, dialect=dialect),
    ):
        assert " klu" not in text
        assert dialect == "xyce" or " ? " not in text


@pytest.mark.parametrize(
    "name", ["tile_0_0", "fc1_tile_0_0", "branch_cell_01", "a b", "a\n.control", "", 3, "Branch"]
)
def test_a_name_that_is_taken_or_no_name_is_refused(name, make_array):
    with pytest.raises(CircuitError, match="name = "):
        layer_subcircuit([[make_array(1, 1)]], cells="branches", name=name)


def test_a_library_cannot_define_what_the_writer_does():
    text = ".subckt mine word bit\nR1 word bit 1\n.ends\n.subckt {} a\nR1 a 0 1\n.ends\n"
    for name in ("tile_0_0", "layer", "Mine_Cell_11", "fc1_tile_0_3"):
        with pytest.raises(CircuitError, match="taken"):
            CellModel(text.format(name), "mine", ("word", "bit"), takes=())
    assert CellModel(text.format("other"), "mine", ("word", "bit"), takes=())

import re
import subprocess

import numpy as np
import pytest

from spice_models import (
    Array,
    CircuitError,
    Switch,
    Wires,
    layer_netlist,
    netlist,
    ngspice,
    nodal,
)

PRINTED = 1e-5
"""ngspice prints six or seven digits."""


def printed_currents(text, folder):
    """Currents that plain ``ngspice -b`` prints, by name, one value a point."""
    (folder / "file.cir").write_text(text)
    done = subprocess.run(
        ["ngspice", "-b", "file.cir"], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    found: dict[str, list[float]] = {}
    names: list[str] = []
    for line in done.stdout.splitlines():
        words = line.split()
        if line.startswith("Index"):
            names = [name.split("#")[0] for name in words[2:]]
        elif words and words[0].isdigit() and len(words) == len(names) + 2:
            for name, value in zip(names, words[2:], strict=True):
                found.setdefault(name, []).append(float(value))
    return found


@pytest.mark.parametrize("cells", ["folded", "branches"])
@pytest.mark.parametrize("points", [1, 4])
def test_plain_ngspice_prints_the_currents(points, cells, make_array, tmp_path):
    array = make_array(5, 11)
    inputs = np.random.default_rng(0).normal(size=(points, 5))
    printed = printed_currents(netlist(array, inputs, cells=cells), tmp_path)
    found = np.array([printed[f"vs{j}"] for j in range(11)]).T
    wanted = nodal.currents(array, inputs)
    assert found == pytest.approx(wanted, rel=0, abs=PRINTED * np.abs(wanted).max())


def test_without_inputs_the_transposed_transfer_matrix_is_printed(make_array, tmp_path):
    array = make_array(3, 2)
    printed = printed_currents(netlist(array), tmp_path)
    wanted = nodal.transfer_matrix(array).siemens
    found = np.array([printed["vs0"], printed["vs1"]])
    assert found == pytest.approx(wanted, rel=0, abs=PRINTED * wanted.max())


@pytest.mark.parametrize("cells", ["folded", "branches"])
def test_the_text_is_deterministic_and_plain(cells, make_array):
    inputs = np.random.default_rng(0).normal(size=(30, 12))
    text = netlist(make_array(12, 12), inputs, cells=cells, title="cells 1")
    assert text == netlist(make_array(12, 12), inputs, cells=cells, title="cells 1")
    assert text.startswith("* cells 1\n* 12 word lines")
    assert text.endswith(".end\n")
    assert text.isascii()
    assert "np.float64" not in text
    assert ".control" not in text
    assert max(map(len, text.splitlines())) < 400


def test_the_head_says_what_the_file_holds(make_array):
    head = netlist(make_array(3, 4, wires=Wires(1.5, 2.5, 3.5, 4.5)), cells="branches")
    for part in ("3 word lines (rows i), 4 bit lines (lines j)", "V, A, ohm", "word segment 1.5"):
        assert part in head


def test_numbers_read_back_to_the_same_float(make_array):
    array = make_array(4, 4, wires=Wires(0.1, 1 / 3, 1e-7, 12345.678901234567))
    text = netlist(array, np.full(4, 1 / 7))
    cells = re.findall(r"^Rcell(\d+)_(\d+) \S+ \S+ (\S+)$", text, re.MULTILINE)
    assert len(cells) == 16
    for i, j, ohm in cells:
        assert float(ohm) == 1 / array.siemens[int(i), int(j)]
    assert f"Vin0 in0 0 {1 / 7!r}" in text
    assert f" {1 / 3!r}\n" in text


def test_zero_wires_merge_nodes_and_never_become_resistors(make_array):
    text = netlist(make_array(3, 3, wires=Wires.ideal()))
    resistors = re.findall(r"^R(\S+) (\S+) (\S+) ", text, re.MULTILINE)
    assert resistors == [(f"cell{i}_{j}", f"in{i}", f"s{j}") for i in range(3) for j in range(3)]


MERGED = """\
Rdriver1 in1 w1_0 5.0
Rdriver2 in2 w2_0 5.0
Rword0_1 in0 w0_2 2.0
Rword2_0 w2_0 w2_1 2.0
Rbit0_1 b0_1 b2_1 3.0
Rbit1_0 b1_0 s0 3.0
Rbit1_2 b1_2 b2_2 3.0
Rsense1 b2_1 s1 7.0
Rsense2 b2_2 s2 7.0
Rcell0_0 in0 b1_0 1024.0
Rcell0_1 in0 b0_1 1024.0
Rcell0_2 w0_2 b1_2 1024.0
Rcell1_0 w1_0 b1_0 1024.0
Rcell1_1 w1_0 b2_1 1024.0
Rcell1_2 w1_0 b1_2 1024.0
Rcell2_0 w2_0 s0 1024.0
Rcell2_1 w2_1 b2_1 1024.0
Rcell2_2 w2_1 b2_2 1024.0
"""


def test_some_segments_of_zero_ohm_merge_the_nodes_that_they_join():
    word = np.array([[0, 2.0], [0, 0], [2.0, 0]])
    bit = np.array([[0, 3.0, 0], [3.0, 0, 3.0]])
    wires = Wires(word, bit, [0, 5.0, 5.0], [0, 7.0, 7.0])
    array = Array.from_siemens(np.full((3, 3), 2.0**-10), wires)
    text = netlist(array, np.ones(3))
    assert [line for line in text.splitlines() if line.startswith("R")] == MERGED.splitlines()


@pytest.mark.parametrize("cells", ["folded", "branches"])
def test_open_cells_are_left_out_and_counted(cells, make_array):
    array = make_array(2, 2, enabled=False, switch=Switch(1e3, np.inf))
    text = netlist(array, cells=cells)
    assert "cell0_0" not in text
    assert "open ones, left out: 4" in text


@pytest.mark.parametrize("title", ["two\nlines", "tab\there", "\u03a9", "\x00"])
def test_a_title_that_could_add_lines_is_refused(title, make_array):
    with pytest.raises(CircuitError, match="title"):
        netlist(make_array(1, 1), title=title)
    with pytest.raises(CircuitError, match="title"):
        layer_netlist([[make_array(1, 1)]], [0.0], comments=[title])


def test_unknown_cells_and_wrong_inputs_are_refused(make_array):
    with pytest.raises(CircuitError, match="cells = 'fold'; give 'folded' or 'branches'"):
        netlist(make_array(1, 1), cells="fold")
    with pytest.raises(CircuitError, match=r"shape \(3,\); give \(2,\) or"):
        netlist(make_array(2, 1), [1.0, 2.0, 3.0])


def grid(make_array):
    sizes = [[(12, 10), (12, 4)], [(5, 10), (5, 4)]]
    return [[make_array(*size, seed=r) for size in row] for r, row in enumerate(sizes)]


@pytest.mark.parametrize("cells", ["folded", "branches"])
def test_a_layer_of_tiles_gives_the_currents_of_each_tile(cells, make_array, tmp_path):
    tiles = grid(make_array)
    inputs = np.random.default_rng(0).normal(size=17)
    text = layer_netlist(tiles, inputs, cells=cells, title="layer", comments=["for a test"])
    assert "\n* for a test\n" in text
    exact, printed = ngspice.run(text), printed_currents(text, tmp_path)
    for r, row in enumerate(tiles):
        for c, tile in enumerate(row):
            wanted = nodal.currents(tile, inputs[12:] if r else inputs[:12])
            names = [f"vs{r}_{c}_{j}" for j in range(tile.lines)]
            scale = np.abs(wanted).max()
            found = np.array([exact[f"i({name})"][0] for name in names])
            assert found == pytest.approx(wanted, rel=0, abs=1e-9 * scale)
            read = np.array([printed[name][0] for name in names])
            assert read == pytest.approx(wanted, rel=0, abs=PRINTED * scale)


def test_a_layer_can_sweep_several_inputs(make_array):
    tiles = grid(make_array)
    inputs = np.random.default_rng(0).normal(size=(3, 17))
    found = ngspice.run(layer_netlist(tiles, inputs))["i(vs1_0_9)"]
    wanted = nodal.currents(tiles[1][0], inputs[:, 12:])[:, 9]
    assert found == pytest.approx(wanted, rel=1e-9, abs=0)


def test_ragged_grids_are_refused(make_array):
    one = make_array(2, 2)
    with pytest.raises(CircuitError, match=r"tiles has rows of \[2, 1\] arrays"):
        layer_netlist([[one, one], [one]], np.zeros(4))
    with pytest.raises(CircuitError, match="at least 1 x 1"):
        layer_netlist([], np.zeros(4))
    with pytest.raises(CircuitError, match=r"tiles\[0\]\[1\] is 3 x 2; make it 2 x 2"):
        layer_netlist([[one, make_array(3, 2)]], np.zeros(2))
    with pytest.raises(CircuitError, match=r"inputs_volt has shape \(3,\)"):
        layer_netlist([[one]], np.zeros(3))

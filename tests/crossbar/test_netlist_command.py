import subprocess

import numpy as np
import pytest
from click.testing import CliRunner

from crossbar import __version__
from crossbar.cli import cli
from crossbar.errors import InputError
from crossbar.files import load_chip
from crossbar.simulation import Tile, place_tiles
from spice_models import CircuitError, Wires, check_layer_netlist, ngspice, nodal

WIRES = ["--segment-ohm", "2", "--driver-ohm", "10", "--sense-ohm", "10", "--tile-lines", "4"]


@pytest.fixture(scope="module")
def chip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chip")
    np.save(folder / "weights.npy", np.random.default_rng(0).normal(size=(3, 6)))
    (folder / "cell.toml").write_text("resistors = 5\n")
    program = ["program", "weights.npy", "--design", "cell.toml", "--out", "chip.npz"]
    runner = CliRunner()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = runner.invoke(cli, [*program, "--seed", "4"])
    assert done.exit_code == 0, done.output
    return folder / "chip.npz"


def write(chip, path, *options):
    arguments = ["netlist", str(chip), "--out", str(path), *WIRES, *map(str, options)]
    done = CliRunner().invoke(cli, arguments)
    if done.exception:
        raise done.exception
    return done.output


def summed_currents(chip, volts):
    made, _ = load_chip(chip)
    grid = place_tiles(made.chip, made.program, Wires(2.0, 2.0, 10.0, 10.0), Tile(32, 4))
    return np.concatenate([nodal.currents(one.array, volts) for one in grid[0]])


@pytest.mark.parametrize(
    ("cells", "tolerance"),
    [("folded", 1e-9), ("branches", 1e-9), ("switches", 1e-9), ("transistors", 0.05)],
)
def test_every_depth_and_form_reads_the_same_product(cells, tolerance, chip, tmp_path):
    wanted = summed_currents(chip, np.full(6, 0.2))
    flat, levels = tmp_path / "flat.cir", tmp_path / "levels.cir"
    assert "2 tiles; run it with: ngspice -b" in write(chip, flat, "--cells", cells)
    write(chip, levels, "--cells", cells, "--hierarchical")
    vectors = ngspice.run(flat.read_text())
    found = np.array([vectors[f"i(vs0_{k // 4}_{k % 4})"][0] for k in range(6)])
    assert np.abs(found - wanted).max() <= tolerance * wanted.max()
    vectors = ngspice.run(levels.read_text())
    again = np.array([vectors[f"i(vs{k})"][0] for k in range(6)])
    assert np.abs(found - again).max() <= 1e-9 * wanted.max()


def test_a_subcircuit_is_included_in_plain_ngspice(chip, tmp_path):
    told = write(chip, tmp_path / "layer.inc", "--subcircuit", "--cells", "switches")
    assert told.endswith("layer.inc: 2 tiles; include it, use it as layer\n")
    words = " ".join([*(f"in{i}" for i in range(6)), *(f"s{k}" for k in range(6))])
    (tmp_path / "top.cir").write_text(
        "* top\n.include layer.inc\n"
        + "".join(f"V{i} in{i} 0 0.2\nVs{i} s{i} 0 0\n" for i in range(6))
        + f"X1 {words} layer\n.dc V0 0.2 0.2 1\n.print dc i(vs0) i(vs1) i(vs2)\n.end\n"
    )
    done = subprocess.run(
        ["ngspice", "-b", "top.cir"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    (row,) = (line.split()[2:] for line in done.stdout.splitlines() if line.startswith("0\t"))
    wanted = summed_currents(chip, np.full(6, 0.2))[:3]
    # ngspice prints six or seven digits
    assert [float(word) for word in row] == pytest.approx(wanted, rel=0, abs=1e-5 * wanted.max())


def test_two_chips_fit_in_one_design_by_their_names(chip, tmp_path):
    nets = " ".join([*(f"in{i}" for i in range(6)), *(f"s{k}" for k in range(6))])
    top = ["* top", *(f"V{i} in{i} 0 0.2\nVs{i} s{i} 0 0" for i in range(6))]
    for name, wires in (("l1", ()), ("layer", ("--segment-ohm", "5"))):
        write(chip, tmp_path / f"{name}.inc", "--subcircuit", "--cells", "branches", *wires)
    told = write(chip, tmp_path / "l1.inc", "--subcircuit", "--cells", "branches", "--name", "l1")
    assert told.endswith("use it as l1\n")
    for name in ("l1", "layer"):
        top += [
            (tmp_path / f"{name}.inc").read_text().replace("* ", "*  "),
            f"X{name} {nets} {name}",
        ]
    vectors = ngspice.run("\n".join([*top, ".dc V0 0.2 0.2 1", ".end", ""]))
    total = [vectors[f"i(vs{k})"][0] for k in range(6)]
    made, _ = load_chip(chip)
    wanted = np.zeros(6)
    for ohm in (2.0, 5.0):
        wires = Wires(ohm, ohm, 10.0, 10.0)
        grid = place_tiles(made.chip, made.program, wires, Tile(32, 4))
        parts = [nodal.currents(one.array, np.full(6, 0.2)) for one in grid[0]]
        wanted += np.concatenate(parts)
    # two layers in parallel; ngspice's default tolerance is 1e-3
    assert total == pytest.approx(wanted, rel=0, abs=1e-4 * wanted.max())
    head = (tmp_path / "l1.inc").read_text()
    assert "* one design, two layers: give each file its own name" in head


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--name", "l1"], "--name: only with --subcircuit"),
        (["--subcircuit", "--name", "1 l"], "name = '1 l'; give letters"),
        (["--subcircuit", "--name", ""], "name = ''; give letters"),
    ],
)
def test_a_bad_name_is_one_line(options, told, chip, tmp_path):
    with pytest.raises((InputError, CircuitError), match=told):
        write(chip, tmp_path / "a.inc", *options)
    assert not (tmp_path / "a.inc").exists()


@pytest.mark.parametrize("form", [[], ["--hierarchical"], ["--subcircuit"]])
def test_the_head_says_design_seed_version_and_units(form, chip, tmp_path):
    write(chip, tmp_path / "a.cir", *form)
    text = (tmp_path / "a.cir").read_text()
    for line in (
        "* design: paired stagger, 5 resistors per weight; seed: 4",
        "* units: V, A, ohm, F, s; no suffixes",
        f"* written by resistive-crossbar {__version__}",
        f"* chip programmed by resistive-crossbar {__version__}",
    ):
        assert f"\n{line}\n" in text
    write(chip, tmp_path / "b.cir", *form)
    assert (tmp_path / "b.cir").read_text() == text


@pytest.mark.parametrize("cells", ["folded", "branches", "switches", "transistors"])
@pytest.mark.parametrize("form", [[], ["--hierarchical"], ["--subcircuit"]])
def test_what_is_written_reads_back_as_the_chip(form, cells, chip, tmp_path):
    write(chip, tmp_path / "a.cir", "--cells", cells, *form)
    made, _ = load_chip(chip)
    grid = place_tiles(made.chip, made.program, Wires(2.0, 2.0, 10.0, 10.0), Tile(32, 4))
    tiles = [[one.array for one in row] for row in grid]
    text = (tmp_path / "a.cir").read_text()
    assert check_layer_netlist(text, tiles) == []
    assert check_layer_netlist(text, [tiles[0][::-1]]) != []


@pytest.mark.parametrize("dialect", ["xyce", "ltspice"])
def test_another_dialect_is_said_not_to_be_run(dialect, chip, tmp_path):
    told = write(chip, tmp_path / "a.cir", "--dialect", dialect)
    assert f"2 tiles; for {dialect}; not run by us" in told
    assert ".width" not in (tmp_path / "a.cir").read_text()


@pytest.mark.parametrize("options", [("--inputs", "volts.csv"), ("--hierarchical",)])
def test_a_subcircuit_takes_no_inputs_and_no_other_form(options, chip, tmp_path):
    with pytest.raises(InputError, match="--subcircuit: takes neither"):
        write(chip, tmp_path / "a.inc", "--subcircuit", *options)
    assert not (tmp_path / "a.inc").exists()


def test_transistors_of_zero_ohm_are_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("weights.npy", np.eye(2))
    (tmp_path / "cell.toml").write_text("resistors = 4\non_ohm = 0.0\n")
    program = ["program", "weights.npy", "--design", "cell.toml", "--out", "chip.npz"]
    assert CliRunner().invoke(cli, program).exit_code == 0
    with pytest.raises(CircuitError, match=r"switch.on_ohm = 0.0; give a resistance above 0"):
        write("chip.npz", tmp_path / "a.cir", "--cells", "transistors")
    assert not (tmp_path / "a.cir").exists()

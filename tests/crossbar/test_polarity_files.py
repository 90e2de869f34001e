"""Cells of every polarity in files, netlists, commands and studies."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import crossbar
from crossbar import Design, InputError, Tile, Wires
from crossbar.cli import cli
from crossbar.datasets import Dataset
from crossbar.evaluation import Setting, evaluate, layer_netlists, produce_layer
from crossbar.files import load_chip, save_chip
from crossbar.networks import Layer, Network
from crossbar.production import produce
from crossbar.simulation import place_tiles
from crossbar.studies import load_study
from crossbar.switches import read_bit_order
from spice_models import ngspice, nodal

OTHERS = ("offset", "flip", "steered")
SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 5))
STATES = arrays(np.int8, SHAPES, elements=st.sampled_from([-1, 0, 1]))


@settings(max_examples=40, deadline=None)
@given(states=STATES)
def test_states_come_back_from_files(states, tmp_path_factory):
    folder = tmp_path_factory.mktemp("states")
    for name in ("s.csv", "s.npz", "s.txt"):
        crossbar.write_switches(folder / name, states)
        found = crossbar.read_switches(folder / name)
        assert found.dtype == np.int8
        assert np.array_equal(found, states)


@settings(max_examples=40, deadline=None)
@given(states=STATES, data=st.data())
def test_a_branch_of_two_lines_has_two_bits_in_any_order(states, data, tmp_path_factory):
    places = data.draw(st.permutations(list(np.ndindex(*states.shape))))
    folder = tmp_path_factory.mktemp("states")
    chain, path = folder / "chain.csv", folder / "s.txt"
    text = "\n".join(f"{i},{j},{k}" for i, j, k in places)
    chain.write_text(f"row,column,branch\n{text}\n")
    order = read_bit_order(chain, states.shape)
    crossbar.write_switches(path, states, order=order)
    assert np.array_equal(crossbar.read_switches(path, order=order), states)
    bits = "".join(path.read_text().splitlines()[3:])
    assert bits == "".join({1: "10", 0: "00", -1: "01"}[int(states[place])] for place in places)


def test_a_stream_of_two_bits_a_branch_says_so(tmp_path):
    states = np.array([[[1, 0, -1], [0, 0, 1]]], np.int8)
    crossbar.write_switches(tmp_path / "s.txt", states, order="row,column,-branch")
    assert (tmp_path / "s.txt").read_text().splitlines() == [
        "# resistive-crossbar switches: two bits a branch, that to the positive line and that to "
        "the negative one; 1 closed, 0 open; the first bit first",
        "# rows 1, columns 2, branches 3",
        "# order row,column,-branch",
        "010010100000",
    ]
    crossbar.write_switches(tmp_path / "s.csv", states)
    lines = (tmp_path / "s.csv").read_text().splitlines()
    assert lines[:4] == ["row,column,branch,line", "0,0,0,1", "0,0,1,0", "0,0,2,-1"]


def test_wrong_states_are_refused(tmp_path):
    states, path = np.ones((1, 2, 2), np.int8), tmp_path / "s.txt"
    crossbar.write_switches(path, states)
    good = path.read_text()
    for text, named in (
        (good[:-2], "has 7 bits: give 1 x 2 x 2 x 2"),
        (good.replace("1010", "1011", 1), "bits 2 and the next are both 1"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=named):
            crossbar.read_switches(path)
    (tmp_path / "s.csv").write_text("row,column,branch,line\n0,0,0,2\n")
    with pytest.raises(InputError, match=r"line = 2.0: give 1 .positive line., -1"):
        crossbar.read_switches(tmp_path / "s.csv")
    for wrong in (2, -128):
        with pytest.raises(InputError, match="every state must be -1, 0 or 1"):
            crossbar.write_switches(path, np.full((1, 1, 1), wrong, np.int8))


@pytest.mark.parametrize("polarity", OTHERS)
def test_a_programmed_chip_comes_back_from_its_file(polarity, tmp_path):
    design = Design(polarity=polarity, resistors=5)
    weights = np.random.default_rng(0).normal(size=(3, 4))
    made = produce(design, weights, np.random.SeedSequence(1), measurement_error=1e-4)
    path = tmp_path / "chip.npz"
    save_chip(path, made, {"version": "1", "seed": 1, "measurement_error": 0, "method": "auto"})
    found, _ = load_chip(path)
    assert found.chip.design == design
    assert found.program.enabled.dtype == made.program.enabled.dtype
    assert np.array_equal(found.program.enabled, made.program.enabled)
    assert np.array_equal(found.cell_errors, made.cell_errors)
    with np.load(path) as arrays_:
        wrong = dict(arrays_)
    wrong["enabled"] = (wrong["enabled"] != 0).astype(bool if polarity != "offset" else np.int8)
    np.savez_compressed(path, **wrong)
    with pytest.raises(InputError, match="this chip needs"):
        load_chip(path)


def run(*arguments):
    done = CliRunner().invoke(cli, [str(one) for one in arguments])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize("polarity", OTHERS)
def test_the_commands_take_every_polarity(polarity, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("weights.npy", np.random.default_rng(0).normal(size=(3, 6)))
    np.save("volts.npy", np.random.default_rng(1).uniform(size=(2, 6)))
    Path("cell.toml").write_text(f'resistors = 5\npolarity = "{polarity}"\n')
    said = run("program", "weights.npy", "--design", "cell.toml", "--out", "chip.npz")
    made, _ = load_chip("chip.npz")
    enabled = made.program.enabled
    assert f"6 x 3 cells, {polarity} stagger, {(enabled != 0).sum()} of {enabled.size} " in said
    wires = ["--segment-ohm", 2, "--tile-lines", 4, "--tile-rows", 4]
    run("simulate", "chip.npz", "--inputs", "volts.npy", "--out", "out.npy", *wires)
    currents = np.load("out.npy")
    assert currents.shape == (2, 3)
    said = run("switches", "chip.npz", "--out", "s.txt")
    assert np.array_equal(crossbar.read_switches("s.txt"), enabled)
    bits = sum(len(line) for line in Path("s.txt").read_text().splitlines()[3:])
    assert f"{bits} switches, 6 rows x {4 if polarity == 'offset' else 3} columns" in said
    for form, cells in itertools.product(((), ("--hierarchical",)), ("folded", "switches")):
        np.save("read.npy", np.load("volts.npy")[:1])
        options = ["--inputs", "read.npy", "--cells", cells, *form, *wires]
        run("netlist", "chip.npz", "--out", "chip.cir", *options)
        text = Path("chip.cir").read_text()
        reference = "column j of the layer is bit line j less the last one, the reference"
        assert (reference in text) == (polarity == "offset")
        assert ("a branch can take either line" in text) == (polarity != "offset")
        found = netlist_currents(ngspice.run(text), bool(form), polarity)
        assert np.abs(found - currents[0]).max() < 1e-9 * np.abs(currents).max()


def netlist_currents(vectors, hierarchical, polarity):
    """What the head of the file says a reader must do with its currents."""
    count = 4 if polarity == "offset" else 6
    if hierarchical:
        lines = np.array([vectors[f"i(vs{k})"][0] for k in range(count)])
    else:
        lines = np.array(
            [sum(vectors[f"i(vs{r}_{k // 4}_{k % 4})"][0] for r in (0, 1)) for k in range(count)]
        )
    return lines[:-1] - lines[-1] if polarity == "offset" else lines[::2] - lines[1::2]


@pytest.mark.parametrize("polarity", OTHERS)
def test_a_real_array_is_read_programmed_and_simulated(polarity, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    design = Design(polarity=polarity, resistors=4)
    chip = crossbar.fabricate(design, 3, 2, seed=1)
    crossbar.write_measurement("measured.csv", crossbar.measure(chip, error=0, seed=2))
    np.save("weights.npy", [[1.0, -0.5, 0.25], [0.0, 0.5, -1.0]])
    Path("cell.toml").write_text(f'resistors = 4\npolarity = "{polarity}"\n')
    options = ["--chip", "measured.csv", "--design", "cell.toml", "--out", "chip.npz"]
    said = run("program", "weights.npy", *options)
    assert "3 x 2 cells" in said
    assert "true resistances: the measured ones of measured.csv" in said
    made, _ = load_chip("chip.npz")
    # a value passes a text, a reciprocal and back
    np.testing.assert_allclose(made.chip.true_ohm, chip.true_ohm, rtol=1e-9)


def setting(**changes):
    random = np.random.default_rng(0)
    first = random.normal(size=(7, 5))
    first[random.uniform(size=first.shape) < 0.4] = 0
    layers = (
        Layer(first, 0.3 * random.normal(size=7)),
        Layer(random.normal(size=(3, 7)), np.zeros(3)),
    )
    images, labels = random.normal(size=(60, 5)), np.arange(60) % 3
    return Setting(
        network=Network(layers),
        dataset=Dataset("noise", images[:20], labels[:20], images[20:], labels[20:]),
        seed=5,
        measurement_error=1e-4,
        simulator="nodal",
        method="auto",
        wires=Wires(20.0, 30.0, 100.0, 50.0),
        tile=Tile(rows=4, lines=6),
        **changes,
    )


@pytest.mark.parametrize("polarity", OTHERS)
def test_the_rows_of_a_study_are_those_of_its_tiles(polarity):
    design = Design(polarity=polarity, ladder="guaranteed", resistors=8)
    study = setting()
    rows = evaluate(study, design, 0)
    again = [replace(row, seconds=0.0) for row in evaluate(study, design, 0)]
    assert [replace(row, seconds=0.0) for row in rows] == again
    made, _ = produce_layer(study, design, 0, 0)
    states = np.array(made.program.enabled)
    assert rows[0].enabled_resistors == sum(int(one) != 0 for one in states.ravel())
    columns = 8 if polarity == "offset" else 7
    assert states.shape == (5, columns, 8)
    width = 6 if polarity == "offset" else 3
    assert rows[0].tiles == 2 * -(-columns // width)
    siemens = []
    for grid_row in place_tiles(made.chip, made.program, study.wires, study.tile):
        lines = [nodal.currents(one.array, np.eye(one.array.rows)).T for one in grid_row]
        lines = np.concatenate(lines)
        siemens.append(lines[:-1] - lines[-1] if polarity == "offset" else lines[::2] - lines[1::2])
    images = study.dataset.test_inputs
    analog = images @ (np.concatenate(siemens, axis=1) / made.siemens_per_weight).T
    digital = images @ study.network.layers[0].weights.T
    rms = np.sqrt(np.mean((analog - digital) ** 2))
    bits = np.log2(np.ptp(digital) / (np.sqrt(12) * rms))
    assert rows[0].product_effective_bits == pytest.approx(bits, abs=1e-6)
    cells = made.chip.cell_siemens(made.program.enabled) / made.siemens_per_weight
    rms = np.sqrt(np.mean((images @ cells - digital) ** 2))
    bits = np.log2(np.ptp(digital) / (np.sqrt(12) * rms))
    assert rows[0].ideal_wires_product_effective_bits == pytest.approx(bits, abs=1e-6)
    text = layer_netlists(study, design, 0, 0.2)["layer_1.cir"]
    assert f"{polarity} guaranteed" in text


def test_a_study_takes_all_polarities_and_names_what_one_cannot_have(tmp_path):
    path = tmp_path / "study.toml"
    designs = "".join(f'[[designs]]\npolarity = "{one}"\n' for one in ("paired", *OTHERS))
    path.write_text(f"resistors = [3, 28]\n{designs}")
    labels = [design.label for design in load_study(path).designs]
    assert labels == ["paired stagger", "offset stagger", "flip stagger", "steered stagger"]
    path.write_text(f"resistors = [3, 29]\n{designs}")
    with pytest.raises(InputError, match="resistors = 29: steered cells of more than 28"):
        load_study(path)

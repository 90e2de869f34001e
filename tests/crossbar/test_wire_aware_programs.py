"""Wire-aware programs of real chips and from the command line, and what is kept of them."""

from __future__ import annotations

import hashlib
import json
import re

import numpy as np
import pytest

from crossbar import Design, InputError, Tile, Wires, fabricate, measure, transfer
from crossbar.costs.sources import of_chip
from crossbar.files import load_chip, save_chip
from crossbar.measurements import write_measurement
from crossbar.metrics import effective_bits
from crossbar.production import program_real
from crossbar.studies import load_study

DESIGN = Design(polarity="flip", ladder="guaranteed", resistors=10)
WIRES = Wires(60.0, 60.0, 10.0, 10.0)
TILE = Tile(16, 16)
SETTINGS = {"version": "0", "seed": 3, "measurement_error": 0.0, "method": "auto"}


def real():
    measured = measure(fabricate(DESIGN, 20, 12, seed=1), error=0.0, seed=2)
    return measured, np.random.default_rng(0).normal(size=(12, 20))


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("wire_aware", [True, False])
def test_tiles_are_counted_where_the_wires_are_known(wire_aware, crossbar):
    np.save("weights.npy", np.random.default_rng(0).normal(size=(6, 20)))
    wires = ["--wire-aware", "--segment-ohm", 10, "--tile-rows", 16] if wire_aware else []
    status, _, said = crossbar("program", "weights.npy", *wires, "--out", "chip.npz")
    assert status == 0
    assert ("2/2 tiles" in said) == wire_aware


@pytest.mark.parametrize("scaling", ["layer", "column", "tile"])
def test_a_real_chip_is_programmed_for_its_wires(scaling):
    measured, weights = real()
    how = {"scaling": scaling, "tile": TILE}
    bits = []
    for wires in (None, WIRES):
        made = program_real(measured, weights, wires=wires, **how)
        found = transfer(made.chip, made.program, WIRES, tile=TILE)
        product = found.siemens / made.siemens_per_weight
        bits.append(effective_bits(product - weights, np.ptp(weights)))
        np.testing.assert_allclose(
            made.wanted_siemens.T / made.siemens_per_weight, weights, atol=1e-12
        )
    assert bits[1] > bits[0] + 3


def test_the_matrix_that_is_asked_for_is_kept_with_the_chip(tmp_path):
    measured, weights = real()
    made = program_real(measured, weights, wires=WIRES, tile=TILE)
    assert not np.allclose(made.wanted_siemens, made.program.target_siemens, rtol=1e-3)
    save_chip(tmp_path / "chip.npz", made, SETTINGS)
    again, _ = load_chip(tmp_path / "chip.npz")
    assert np.array_equal(again.wanted_siemens, made.wanted_siemens)
    plain = program_real(measured, weights)
    assert np.array_equal(plain.wanted_siemens, plain.program.target_siemens)
    save_chip(tmp_path / "plain.npz", plain, SETTINGS)
    with np.load(tmp_path / "plain.npz") as file:
        assert "matrix_siemens" not in file


def test_a_real_chip_is_programmed_for_its_inputs():
    random = np.random.default_rng(1)
    measured = measure(fabricate(Design(resistors=8), 12, 5, 3), error=0.0, seed=4)
    weights = random.normal(size=(5, 12))
    volts = random.normal(size=(100, 2)) @ random.normal(size=(2, 12))
    options = {"wires": WIRES, "tile": TILE}
    plain, known = (program_real(measured, weights, inputs=x, **options) for x in (None, volts))
    assert not np.array_equal(plain.program.enabled, known.program.enabled)


@pytest.mark.parametrize("of", ["seed", "file"])
def test_programmed_and_simulated_with_the_same_wires(of, crossbar, tmp_path):
    measured, weights = real()
    np.save("weights.npy", weights)
    (tmp_path / "cell.toml").write_text(
        'polarity = "flip"\nladder = "guaranteed"\nresistors = 10\n'
    )
    write_measurement("chip.csv", measured)
    np.save("volts.npy", np.eye(20))
    wires = ["--segment-ohm", 60, "--tile-rows", 16, "--tile-lines", 16]
    program = ["program", "weights.npy", "--design", "cell.toml", "--out", "made.npz"]
    program += ["--chip", "chip.csv"] if of == "file" else []
    simulate = ["simulate", "made.npz", "--inputs", "volts.npy", "--simulator", "nodal"]

    def simulated(*wires, ohm=60):
        status, said, error = crossbar(*simulate, "--out", "amperes.npy", *wires)
        assert status == 0, error
        ends = "10 ohm driver, 10 ohm sense, tiles of 16 x 16"
        assert f"; wires: {ohm} ohm a segment, {ends}" in said
        return float(re.search(r"product: (-?[\d.]+) effective bits", said)[1])

    assert crossbar(*program)[0] == 0
    before = simulated(*wires)
    status, said, error = crossbar(*program, "--wire-aware", "--scaling", "column", *wires)
    assert status == 0, error
    promised = float(re.search(r"with its wires the matrix has ([\d.]+) effective bits", said)[1])
    assert simulated(*wires) > before + 2
    assert promised > before + 2
    assert simulated() == simulated(*wires)  # by themselves those that it was programmed for
    assert simulated("--segment-ohm", 1, ohm=1) < simulated() - 2
    assert crossbar("netlist", "made.npz", "--out", "made.cir")[0] == 0
    assert "word segment 60.0, bit segment 60.0" in (tmp_path / "made.cir").read_text()
    source = of_chip(tmp_path / "made.npz")
    assert source.wires == WIRES
    assert source.tile == Tile(16, 16)


def test_switches_are_chosen_for_products_with_the_inputs_of_a_file(crossbar, tmp_path):
    """Inputs of three sources."""
    random = np.random.default_rng(1)
    np.save("weights.npy", random.normal(size=(6, 20)))
    volts = random.normal(size=(200, 3)) @ random.normal(size=(3, 20))
    np.save("volts.npy", volts + 0.1 * random.normal(size=(200, 20)))
    program = ["program", "weights.npy", "--wire-aware", "--segment-ohm", 60]
    program += ["--measurement-error", 0]
    found = []
    for more in ([], ["--inputs", "volts.npy"]):
        status, said, error = crossbar(*program, "--out", "made.npz", *more)
        assert status == 0, error
        told = "products with such inputs have" if more else "the matrix has"
        assert f"with its wires {told} " in said
        status, said, error = crossbar(
            *["simulate", "made.npz", "--inputs", "volts.npy", "--out", "amperes.npy"],
            *["--simulator", "nodal"],
        )
        assert status == 0, error
        found.append(float(re.search(r"product: (-?[\d.]+) effective bits", said)[1]))
    assert found[1] > found[0] + 1
    with np.load(tmp_path / "made.npz") as file:
        settings = json.loads(str(file["about"]))["settings"]
    digest = hashlib.sha256((tmp_path / "volts.npy").read_bytes()).hexdigest()
    assert settings["inputs_sha256"] == digest


@pytest.mark.parametrize(
    "given, said",
    [
        (["--segment-ohm", 1], "--segment-ohm: without --wire-aware wires are not looked at"),
        (["--tile-rows", 16], "--tile-rows: without --wire-aware"),
        (["--inputs", "weights.npy"], "--inputs: only with --wire-aware; drop it"),
        (["--wire-aware", "--inputs", "none.npy"], "inputs = none.npy"),
        (["--wire-aware", "--inputs", "two.csv"], "inputs have shape (2, 2): give (points, 3)"),
        (["--wire-aware", "--design", "steered.toml"], "resistors = 20: wire-aware"),
        (["--wire-aware", "--segment-ohm", -1], "--segment-ohm"),
    ],
)
def test_options_that_do_not_fit_are_refused(given, said, crossbar, tmp_path):
    np.save("weights.npy", np.ones((2, 3)))
    (tmp_path / "two.csv").write_text("1,2\n3,4\n")
    (tmp_path / "steered.toml").write_text('polarity = "steered"\nresistors = 20\n')
    status, _, error = crossbar("program", "weights.npy", "--out", "made.npz", *given)
    assert status == 2
    assert said in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "made.npz").exists()


def test_a_study_with_too_many_resistors_or_noise_by_tile_is_refused(tmp_path):
    path = tmp_path / "study.toml"
    cell = '[[designs]]\nladder = "stagger"\n'
    for text, said in (
        (f"resistors = [8, 40]\nwire_aware = true\n{cell}", "resistors = 40: wire-aware"),
        (
            f'resistors = [8]\nscaling = "tile"\n[nonidealities]\nflicker_relative = 1e-4\n{cell}',
            "scaling = 'tile': the noise of a read is that of whole columns",
        ),
    ):
        path.write_text('simulator = "nodal"\n' + text)
        with pytest.raises(InputError, match=said):
            load_study(path)

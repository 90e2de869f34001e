import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from crossbar.results import read_results


def in_a_process(*arguments, cwd, **environment):
    """Run a command as a shell does: exit status, stdout, stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "crossbar", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def succeeds(crossbar):
    def run(*arguments, cwd, crossbar=crossbar):
        status, said, error = crossbar(*arguments, cwd=cwd)
        assert status == 0, error
        return said

    return run


@pytest.fixture
def fails(crossbar):
    def run(*arguments, cwd, crossbar=crossbar, **environment):
        status, _, error = crossbar(*arguments, cwd=cwd, **environment)
        assert status == 2
        assert error.startswith("crossbar: error: ")
        assert error.count("\n") == 1
        return error

    return run


@pytest.fixture
def weights(tmp_path):
    np.save(tmp_path / "weights.npy", np.random.default_rng(0).normal(size=(5, 40)))
    return tmp_path / "weights.npy"


def test_from_weights_to_currents_in_plain_ngspice(succeeds, weights, tmp_path):
    (tmp_path / "cell.toml").write_text('ladder = "guaranteed"\nresistors = 12\n')
    succeeds("program", weights, "--design", "cell.toml", "--out", "chip.npz", cwd=tmp_path)
    volts = np.random.default_rng(1).uniform(0, 0.2, (3, 40))
    np.savetxt(tmp_path / "volts.csv", volts, delimiter=",")
    currents = {}
    for simulator in ("ideal", "nodal", "ngspice"):
        options = ("--inputs", "volts.csv", "--out", "amperes.csv", "--simulator", simulator)
        said = succeeds("simulate", "chip.npz", *options, cwd=tmp_path)
        used = "1 ohm a segment, 10 ohm driver, 10 ohm sense, tiles of 32 x 32"
        wires = "none" if simulator == "ideal" else used
        assert re.search(rf"product: -?[\d.]+ effective bits; wires: {wires}\n", said)
        currents[simulator] = np.loadtxt(tmp_path / "amperes.csv", delimiter=",")
    scale = np.abs(currents["nodal"]).max()
    assert np.abs(currents["ngspice"] - currents["nodal"]).max() < 1e-9 * scale
    product = volts @ np.load(weights).T * 1e-5 / np.abs(np.load(weights)).max()
    assert np.abs(currents["ideal"] - product).max() < 1e-2 * np.abs(product).max()

    np.save(tmp_path / "first.npy", volts[:1])
    for cells in ("folded", "branches"):
        options = ("--inputs", "first.npy", "--cells", cells, "--out", "chip.cir")
        succeeds("netlist", "chip.npz", *options, cwd=tmp_path)
        run = subprocess.run(
            ["ngspice", "-b", "chip.cir"], cwd=tmp_path, capture_output=True, text=True
        )
        assert run.returncode == 0
        assert "rror" not in run.stdout.replace("No error", "")


def test_a_programmed_chip_is_the_same_every_time(succeeds, weights, tmp_path):
    program = ("program", weights, "--seed", 4, "--out")
    succeeds(*program, "a.npz", cwd=tmp_path)
    succeeds(*program, "b.npz", cwd=tmp_path, crossbar=in_a_process)
    with np.load(tmp_path / "a.npz") as first, np.load(tmp_path / "b.npz") as second:
        assert first.files == second.files
        assert all(np.array_equal(first[name], second[name]) for name in first.files)


def test_study_and_plot(succeeds, small_toml, tmp_path):
    said = succeeds("study", small_toml, "--out", "out", cwd=tmp_path, crossbar=in_a_process)
    assert "paired stagger" in said
    figures = ["network.png", "network.svg", "precision.png", "precision.svg"]
    drawn = {name: (tmp_path / "out" / name).read_bytes() for name in figures}
    for name in figures:
        (tmp_path / "out" / name).unlink()
    succeeds("plot", "out", cwd=tmp_path)
    assert drawn == {name: (tmp_path / "out" / name).read_bytes() for name in figures}


def test_doctor_finds_ngspice(succeeds, tmp_path):
    said = succeeds("doctor", cwd=tmp_path, crossbar=in_a_process)
    assert "ngspice" in said
    assert "numpy" in said


@pytest.mark.parametrize("command", ["study", "program", "netlist", "simulate", "plot", "doctor"])
def test_help_has_an_example(succeeds, command, tmp_path):
    assert f"Example: crossbar {command}" in succeeds(command, "--help", cwd=tmp_path)


def test_no_ngspice_is_said_before_any_work(fails, small_toml, tmp_path):
    small_toml.write_text(small_toml.read_text().replace('"nodal"', '"ngspice"'))
    how = {"crossbar": in_a_process, "PATH": "/nowhere", "NGSPICE": ""}
    said = fails("study", small_toml, "--out", "out", cwd=tmp_path, **how)
    assert "ngspice" in said
    assert "install" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["study", "absent.toml", "--out", "out"], "absent.toml"),
        (["study", "small.toml", "--out", "small.toml"], "is a file"),
        (["study", "small.toml"], "--out"),
        (["study", "small.toml", "--out", "out", "--workers", "0"], "--workers"),
        (["stduy"], "stduy"),
        (["plot", "absent"], "results.csv"),
        (["program", "absent.npy", "--out", "chip.npz"], "absent.npy"),
        (["program", "nan.csv", "--out", "chip.npz"], "weights[0, 1] = nan"),
        (["program", "words.csv", "--out", "chip.npz"], "not a matrix of numbers"),
        (["program", "pickle.npy", "--out", "chip.npz"], "not a matrix of numbers"),
        (["program", "good.csv", "--out", "chip.txt"], "chip.txt"),
        (["program", "good.csv", "--out", "absent/chip.npz"], "absent"),
        (["program", "good.csv", "--out", "chip.npz", "--method", "guess"], "guess"),
        (["netlist", "good.csv", "--out", "chip.cir"], "no programmed chip"),
        (["simulate", "absent.npz", "--inputs", "good.csv", "--out", "a.csv"], "absent.npz"),
    ],
)
def test_bad_input_is_one_line_and_status_2(fails, small_toml, tmp_path, arguments, named):
    (tmp_path / "good.csv").write_text("1,2\n3,4\n")
    (tmp_path / "nan.csv").write_text("1,nan\n3,4\n")
    (tmp_path / "words.csv").write_text("a,b\n")
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object), allow_pickle=True)
    before = set(tmp_path.iterdir())
    assert named in fails(*arguments, cwd=tmp_path)
    assert set(tmp_path.iterdir()) == before


@pytest.fixture
def heeds_interrupts():
    """A shell that starts this in the background hands on that Ctrl-C is to be ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_interrupts")
def test_an_interrupted_study_says_how_to_continue(small_toml, tmp_path):
    small_toml.write_text(small_toml.read_text().replace("chips = 2", "chips = 40"))
    process = subprocess.Popen(
        [sys.executable, "-m", "crossbar", "study", str(small_toml), "--out", "out", "--quiet"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    table = tmp_path / "out/results.csv"
    while not (table.exists() and len(table.read_text().splitlines()) > 4):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "crossbar: interrupted; run the same command to continue\n"
    assert read_results(table)


def test_an_output_link_is_written_through_and_a_device_refused(succeeds, fails, weights, tmp_path):
    (tmp_path / "real.npz").write_text("old")
    (tmp_path / "link.npz").symlink_to("real.npz")
    succeeds("program", weights, "--out", "link.npz", cwd=tmp_path)
    assert (tmp_path / "link.npz").is_symlink()
    assert (tmp_path / "real.npz").stat().st_size > 1000
    (tmp_path / "sub.cir").mkdir()
    os.mkfifo(tmp_path / "pipe.cir")
    assert "folder or a device" in fails("netlist", "link.npz", "--out", "pipe.cir", cwd=tmp_path)
    assert "folder or a device" in fails("netlist", "link.npz", "--out", "sub.cir", cwd=tmp_path)


@pytest.mark.parametrize("name", ["w.npz", "w.npy"])
def test_a_numpy_file_by_the_wrong_name_is_read_or_refused(succeeds, fails, tmp_path, name):
    with (tmp_path / name).open("wb") as file:
        if name == "w.npz":
            np.save(file, np.eye(2))
        else:
            np.savez(file, a=np.eye(2), b=np.eye(2))
    if name == "w.npz":
        succeeds("program", name, "--out", "chip.npz", cwd=tmp_path)
        assert "no programmed chip" in fails("netlist", name, "--out", "x.cir", cwd=tmp_path)
    else:
        assert "holds the arrays a, b" in fails("program", name, "--out", "c.npz", cwd=tmp_path)


@pytest.mark.parametrize("content", ["", "# nothing\n", "1,2\n3\n"])
def test_an_empty_or_ragged_csv_is_one_line(fails, tmp_path, content):
    (tmp_path / "w.csv").write_text(content)
    assert "w.csv" in fails("program", "w.csv", "--out", "chip.npz", cwd=tmp_path)


def test_a_damaged_chip_is_refused(succeeds, fails, weights, tmp_path):
    succeeds("program", weights, "--out", "chip.npz", cwd=tmp_path)
    with np.load(tmp_path / "chip.npz") as file:
        good = dict(file)
    for name, value in (
        ("enabled", good["enabled"][:2]),
        ("on_siemens", good["on_siemens"][:2]),
        ("target_siemens", good["target_siemens"] * np.nan),
        ("about", np.array("{}")),
        ("about", np.array("[]")),
        ("true_ohm", -good["true_ohm"]),
    ):
        np.savez(tmp_path / "bad.npz", **{**good, name: value})
        assert "no programmed chip" in fails("netlist", "bad.npz", "--out", "x.cir", cwd=tmp_path)
    assert not (tmp_path / "x.cir").exists()


def test_inputs_without_a_range_have_no_bits(succeeds, weights, tmp_path):
    succeeds("program", weights, "--out", "chip.npz", cwd=tmp_path)
    np.save(tmp_path / "zero.npy", np.zeros((2, 40)))
    options = ("--inputs", "zero.npy", "--out", "a.csv", "--simulator", "nodal")
    assert "no range to judge" in succeeds("simulate", "chip.npz", *options, cwd=tmp_path)


def test_an_interrupt_does_not_wait_for_a_hanging_ngspice(small_toml, tmp_path):
    small_toml.write_text(small_toml.read_text().replace('"nodal"', '"ngspice"'))
    fake = tmp_path / "ngspice"
    fake.write_text(
        '#!/bin/sh\ncase "$*" in *-r*) touch "$FLAG"; sleep 500;; *) echo ngspice-39;; esac\n'
    )
    fake.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "crossbar", "study", str(small_toml), "--out", "out", "--quiet"],
        cwd=tmp_path,
        env=os.environ | {"NGSPICE": str(fake), "FLAG": str(tmp_path / "flag")},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "flag").exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "crossbar: interrupted; run the same command to continue\n"


def test_no_command_replaces_what_it_reads_or_works_for_nothing(succeeds, fails, weights, tmp_path):
    succeeds("program", weights, "--out", "chip.npz", cwd=tmp_path)
    np.savez(tmp_path / "w.npz", w=np.load(weights))
    np.savetxt(tmp_path / "v.csv", np.full((1, 40), 0.1), delimiter=",")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for named, arguments in (
        ("is an input too", ["program", "w.npz", "--out", "w.npz"]),
        ("ends in .cir", ["netlist", "chip.npz", "--out", "chip.npz"]),
        ("is an input too", ["simulate", "chip.npz", "--inputs", "v.csv", "--out", "v.csv"]),
        ("folder is missing", ["simulate", "x.npz", "--inputs", "v.csv", "--out", "no/a.csv"]),
        ("folder is missing", ["program", "x.npy", "--out", "no/c.npz"]),
        ("folder is missing", ["netlist", "x.npz", "--out", "no/c.cir"]),
    ):
        assert named in fails(*arguments, cwd=tmp_path)
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_csv_with_a_byte_order_mark_is_read(succeeds, fails, tmp_path):
    (tmp_path / "w.csv").write_bytes(b"\xef\xbb\xbf1,2\n3,4\n")
    succeeds("program", "w.csv", "--out", "chip.npz", cwd=tmp_path)
    (tmp_path / "w.csv").write_text("1;2\n")
    assert "separated by commas" in fails("program", "w.csv", "--out", "chip.npz", cwd=tmp_path)

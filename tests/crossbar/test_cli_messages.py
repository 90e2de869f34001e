"""What the command line says of slow solvers, odd units, bad files and Ctrl-C: one line each."""

import os
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from click.testing import CliRunner

from crossbar import Design, cli, fabricate, messages, target_siemens, write_measurement
from crossbar.calibration import Measurement, measure
from crossbar.errors import InputError
from crossbar.files import load_chip
from crossbar.measurements import unlike_design
from spice_models import CircuitError, SlowSolverWarning

DESIGN = Design(resistors=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chip")
    np.save(folder / "weights.npy", np.eye(2))
    np.save(folder / "volts.npy", np.full((2, 2), 0.1))
    (folder / "cell.toml").write_text("resistors = 4\n")
    command = ["program", "weights.npy", "--design", "cell.toml", "--out", "chip.npz"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert CliRunner().invoke(cli.cli, command).exit_code == 0
    return folder


def run(command, folder, monkeypatch):
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(cli.cli, command.split())
    if done.exception:
        raise done.exception
    return done


def all_commands(group, name):
    for word, command in group.commands.items():
        yield f"{name} {word}", command
        yield from all_commands(command, f"{name} {word}") if hasattr(command, "commands") else ()


def test_every_command_has_an_example_that_its_options_take():
    named = dict(all_commands(cli.cli, "crossbar"))
    assert {"crossbar plot", "crossbar tickets", "crossbar tickets da-cunha"} <= set(named)
    for name, command in named.items():
        example = (command.epilog or "").removeprefix("Example: ").split(" && ")[0].split("; ")[0]
        assert example.startswith(name), name
        words = example.removeprefix(name).split()
        if hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        command.make_context(name, words)


def test_a_slow_solver_is_one_plain_line_with_the_commands_own_remedy(capsys, monkeypatch):
    def warn(**_):
        warnings.warn("no KLU: 65 x 64 is slow; use runner='wasm'", SlowSolverWarning, stacklevel=1)

    monkeypatch.setattr(cli.cli, "main", warn)
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    with warnings.catch_warnings(action="always"), pytest.raises(SystemExit):
        cli.main()
    said = "crossbar: warning: no KLU: 65 x 64 is slow; use --simulator nodal, or smaller tiles\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("factor", "told"),
    [
        (1.0, ""),
        (4.0, ""),
        (0.1, "0.1 x the resistance of the design; check the unit and the design"),
        (1000.0, r"1e\+03 x .*; is the unit wrong \(kohm for ohm, or nanosiemens for micro"),
        (1e-3, r"0.001 x .*; is the unit wrong \(ohm for kohm, or microsiemens for nano"),
        (1e6, r"1e\+06 x .*; is the unit wrong\?"),
    ],
)
def test_a_chip_far_off_nominal_names_the_likely_mistake(factor, told):
    nominal = np.broadcast_to(DESIGN.nominal_siemens, (2, 2, 4)) / factor
    said = unlike_design(Measurement(DESIGN, nominal))
    assert bool(said) == bool(told)
    assert re.search(told, said)


def test_the_command_warns_of_it_and_goes_on(folder, monkeypatch):
    made = measure(fabricate(DESIGN, 2, 2, seed=1), error=0.0, seed=2)
    off = Measurement(DESIGN, made.on_siemens / 1000)
    write_measurement(folder / "bad.csv", off)
    command = "program weights.npy --design cell.toml --chip bad.csv --out bad.npz"
    assert (
        "crossbar: warning: bad.csv: the median branch has"
        in run(command, folder, monkeypatch).output
    )
    assert (folder / "bad.npz").exists()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("simulate chip.npz --inputs nan.csv --out a.csv", "nan.csv: row 1, column 0 .* = nan"),
        ("netlist chip.npz --inputs huge.csv --out a.cir", r"row 0, column 1 .* = 1e\+101"),
        ("simulate chip.npz --inputs word.csv --out a.csv", "word.csv: not a matrix .*'x'.* row 1"),
        ("simulate chip.npz --inputs nope.npy --out a.csv", "nope.npy: no such file; check the"),
        ("simulate nope.npz --inputs volts.npy --out a.csv", "nope.npz: no such file; check the"),
        ("program nope.npy --out a.npz", "nope.npy: no such file; check the path"),
        (
            "simulate chip.npz --inputs volts.npy --out a.csv --segment-ohm nan",
            "--segment-ohm = nan; give",
        ),
        (
            "simulate chip.npz --inputs volts.npy --out a.csv --sense-ohm -1",
            "--sense-ohm = -1.0; give",
        ),
        (
            "program weights.npy --design cell.toml --chip far.csv --out a.npz",
            "row = '1000000000': give a whole number from 0 to 999999999",
        ),
    ],
)
def test_bad_files_and_options_are_named(command, told, folder, monkeypatch):
    (folder / "nan.csv").write_text("0.1,0.2\nnan,0.2\n")
    (folder / "huge.csv").write_text("0.1,1e101\n")
    (folder / "word.csv").write_text("0.1,0.2\nx,0.2\n")
    (folder / "far.csv").write_text("row,column,branch,ohm\n1000000000,0,0,1e5\n")
    with pytest.raises((InputError, CircuitError), match=told):
        run(command, folder, monkeypatch)


@pytest.mark.parametrize(
    "command",
    [
        "study {} --out a",
        "study filed.toml --out a",
        "program weights.npy --design {} --out a.npz",
        "limits {} --out a",
        "limits --design {} --out a",
        "cost chip.npz --assumptions {}",
        "cost net.toml",
    ],
)
@pytest.mark.parametrize("binary", ["chip.npz", "zeros.bin"])
def test_a_binary_file_in_place_of_a_toml_is_called_that(command, binary, folder, monkeypatch):
    (folder / "zeros.bin").write_bytes(bytes(100))
    (folder / "net.toml").write_bytes((folder / binary).read_bytes())
    (folder / "filed.toml").write_text(f'[[designs]]\nfile = "{binary}"\n')
    with pytest.raises(InputError) as raised:
        run(command.format(binary), folder, monkeypatch)
    named = "net.toml" if "net.toml" in command else binary
    assert str(raised.value) == f"{named}: not a text file (UTF-8); give a TOML file"


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.ones((2, 2), complex), "holds values of type complex128; give real numbers"),
        (np.array([["a"]]), "holds values of type <U1; give real numbers"),
        (np.ones((2, 3, 1)), "has shape (2, 3, 1); give a matrix, of two axes"),
        (np.ones((0, 3)), "is empty (shape (0, 3)); give at least one number"),
    ],
)
def test_what_is_wrong_with_weights_is_named_and_nothing_else(array, told, folder, monkeypatch):
    np.save(folder / "odd.npy", array)
    with pytest.raises(InputError) as raised:
        run("program odd.npy --out a.npz", folder, monkeypatch)
    assert str(raised.value) == f"weights = odd.npy: {told}"
    given = re.escape(str(array.dtype) if array.dtype.kind in "cU" else str(array.shape))
    with pytest.raises(InputError, match=f"^weights have [a-z]+ {given}: give [a-z (),]+$"):
        target_siemens(DESIGN, array)


def test_a_binary_file_in_place_of_a_csv_shows_no_decoder(folder, monkeypatch):
    (folder / "binary.csv").write_bytes((folder / "chip.npz").read_bytes())
    with pytest.raises(InputError, match=r"separated by commas \(it is no text in UTF-8\)$"):
        run("program binary.csv --out a.npz", folder, monkeypatch)


@pytest.mark.parametrize("polarity", ["steered", "flip", "paired"])
def test_an_odd_tile_names_the_cells_with_two_lines(polarity, folder, monkeypatch):
    (folder / "two.toml").write_text(f'polarity = "{polarity}"\nresistors = 4\n')
    command = "program weights.npy --design two.toml --wire-aware --tile-lines 1 --out a.npz"
    with pytest.raises(InputError, match=f"^tile lines = 1: give an even number; .*{polarity}"):
        run(command, folder, monkeypatch)


def test_tiles_count_without_wires_where_each_has_a_scale(folder, monkeypatch):
    """The two weights of a column share a tile of two word lines."""
    np.save(folder / "unlike.npy", [[1.0, 0.1]])
    command = "program unlike.npy --design cell.toml --scaling tile --tile-rows {} --out tiles.npz"
    scales = []
    for rows in (1, 2):
        run(command.format(rows), folder, monkeypatch)
        made, _ = load_chip(folder / "tiles.npz")
        scales.append(np.ravel(made.program.target_siemens))
    assert scales[0][1] == pytest.approx(scales[0][0], rel=1e-12)
    assert scales[1][1] == pytest.approx(0.1 * scales[1][0], rel=1e-12)


@pytest.mark.parametrize(("command", "of_chip"), [("program", False), ("simulate", True)])
def test_only_commands_that_take_a_chip_speak_of_its_wires(command, of_chip, folder, monkeypatch):
    said = run(f"{command} --help", folder, monkeypatch).output
    assert "--segment-ohm" in said
    assert ("wire-aware chip's" in " ".join(said.split())) == of_chip


def test_an_empty_order_is_refused(folder, monkeypatch):
    monkeypatch.chdir(folder)
    command = ["switches", "chip.npz", "--out", "a.txt", "--order", ""]
    done = CliRunner().invoke(cli.cli, command)
    assert "order = '': give row, column and branch" in str(done.exception)


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("module", ["numpy", "crossbar.cli", "click"])
def test_ctrl_c_while_it_loads_is_quiet(module):
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # in the background: ignored
        "class Stop:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Stop())\n"
        "from crossbar.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_warning_of_another_kind_keeps_its_words(capsys):
    messages.show_warning("so\nso", UserWarning, "file.py", 3)
    assert capsys.readouterr().err == "crossbar: warning: so so\n"

import dataclasses
import io
import itertools
import shutil
import signal
import subprocess
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest

import crossbar
import solvers
from crossbar import Chip, Design, InputError, MeasuredChip, Measurement, Wires
from crossbar.cli import main
from crossbar.files import load_chip, save_chip
from crossbar.production import program_real
from crossbar.switches import read_bit_order

EXAMPLE = Path(__file__).parents[2] / "examples/measured_chip.csv"
DESIGN = Design(resistors=4)
# a value passes a reciprocal, a scale and their inverses: each rounds by half an ulp
ROUNDED = 1e-15


def real(rows=4, columns=3, design=DESIGN, seed=1):
    """A measurement with two open branches, an open cell and an open row."""
    made = crossbar.measure(crossbar.fabricate(design, rows, columns, seed), error=0, seed=2)
    siemens = made.on_siemens.copy()
    siemens[0, 0, 1] = siemens[1, 2, 3] = siemens[1, 1] = siemens[3] = 0
    return Measurement(design, siemens)


def weights(rows=4, columns=3):
    return np.random.default_rng(0).normal(size=(columns, rows))


def test_a_measured_chip_says_so_in_its_type_and_has_the_measured_values():
    known = real()
    chip = crossbar.as_measured(known, "tester 5")
    assert isinstance(chip, MeasuredChip)
    assert chip.source == "tester 5"
    assert not isinstance(crossbar.fabricate(DESIGN, 2, 2, seed=1), MeasuredChip)
    assert not isinstance(known, Chip)
    closed = chip.branch_siemens(np.ones(chip.true_ohm.shape, dtype=bool))
    # on_ohm is taken from a resistance of 300 times as much and added again
    np.testing.assert_allclose(closed, known.on_siemens, rtol=ROUNDED)
    with pytest.raises(InputError, match=r"on_siemens\[0, 0, 0\] = 0.01: more than the switch"):
        crossbar.as_measured(Measurement(DESIGN, np.full((1, 1, 4), 1e-2)))


@pytest.mark.parametrize("ladder, by", [("stagger", "measured"), ("binary", "nominal")])
@pytest.mark.parametrize("method", ["auto", "random", "milp"])
def test_programming_never_relies_on_an_open_branch(ladder, by, method):
    known = real(design=Design(resistors=4, ladder=ladder, programmed_by=by))
    made = program_real(known, weights(), method=method)
    assert made.program.enabled.any()
    assert not (made.program.enabled & known.open).any()
    assert not made.program.reachable[known.open.all(axis=2)].any()


def test_no_method_can_close_an_open_branch(monkeypatch):
    """Equal sums go to the fewest switches, but not every method needs to keep to that."""
    solve_batch = solvers.solve_batch

    def closes_all(*arguments, **options):
        solution = solve_batch(*arguments, **options)
        return dataclasses.replace(solution, mask=np.ones_like(solution.mask))

    monkeypatch.setattr(solvers, "solve_batch", closes_all)
    known = real()
    assert np.array_equal(program_real(known, weights()).program.enabled, ~known.open)


def test_an_open_branch_is_as_good_as_none():
    """The best subset of a cell with open branches is that of the branches which are left."""
    design = Design(resistors=8, off_ohm=np.inf)
    made = crossbar.measure(crossbar.fabricate(design, 3, 3, seed=5), error=0, seed=1)
    opened = np.random.default_rng(3).random((3, 3, 8)) < 0.3
    known = Measurement(design, np.where(opened, 0, made.on_siemens))
    chosen = program_real(known, weights(3, 3))
    target = chosen.program.target_siemens
    for cell in np.ndindex(3, 3):
        left = (known.on_siemens[cell] * design.signs)[~opened[cell]]
        choices = np.array(list(itertools.product((0, 1), repeat=left.size)))
        best = np.abs(choices @ left - target[cell]).min()
        mine = known.on_siemens[cell] * design.signs @ chosen.program.enabled[cell]
        # sums of eight conductances, in another order
        assert abs(mine - target[cell]) == pytest.approx(best, abs=1e-15 * 1e-4)


def test_weights_of_another_size_are_refused():
    with pytest.raises(InputError, match=r"weights have shape \(4, 3\): the chip has 4 rows and 3"):
        program_real(real(), weights().T)


@pytest.mark.parametrize("wires", [Wires(), Wires.ideal()], ids=["wires", "no wires"])
def test_simulators_leave_open_branches_out(wires):
    made = program_real(real(), weights())
    answers = {
        name: crossbar.transfer(made.chip, made.program, wires, simulator=name).siemens
        for name in ("ideal", "nodal", "ngspice")
    }
    with np.errstate(divide="ignore"):
        on, off = 1 / made.measurement.on_siemens[:3], DESIGN.off_ohm - DESIGN.on_ohm
    ohm = np.where(made.program.enabled[:3], on, on + off)
    cells = np.sum(DESIGN.signs / ohm, axis=2)
    scale = np.abs(cells).max()
    assert np.abs(answers["ideal"][:, :3] - cells.T).max() < 1e-12 * scale
    assert np.abs(answers["nodal"] - answers["ngspice"]).max() < 1e-9 * scale
    assert not answers["nodal"][:, 3].any()
    assert not answers["ngspice"][:, 3].any()
    if wires == Wires.ideal():
        assert np.abs(answers["nodal"] - answers["ideal"]).max() < 1e-12 * scale


@pytest.mark.parametrize("cells", ["folded", "branches"])
def test_netlists_leave_open_branches_out(cells):
    from crossbar.simulation import layer_text, place_tiles

    made = program_real(real(), weights())
    grid = place_tiles(made.chip, made.program, Wires())
    text = layer_text(grid, np.full(4, 0.1), title="open", cells=cells).lower()
    elements = [line for line in text.splitlines() if line.startswith(("rcell", "xcell"))]
    opened = made.measurement.open
    assert not any(line.startswith(("rcell3_", "xcell3_")) for line in elements)
    if cells == "branches":
        assert len(elements) == (~opened).sum()
    else:
        lines = np.stack([~opened[:, :, DESIGN.signs == sign] for sign in (1, -1)])
        assert len(elements) == lines.any(axis=-1).sum()
    assert "inf" not in "".join(elements)


def test_a_saved_real_chip_stays_one(tmp_path):
    made = program_real(real(), weights(), source="tester 5")
    known = {"version": "1", "seed": 0, "measurement_error": 0.0, "method": "auto"}
    save_chip(tmp_path / "chip.npz", made, known)
    found, _ = load_chip(tmp_path / "chip.npz")
    assert isinstance(found.chip, MeasuredChip)
    assert found.chip.source == "tester 5"
    assert np.array_equal(found.chip.true_ohm, made.chip.true_ohm)
    assert np.array_equal(found.measurement.open, made.measurement.open)


def test_the_example_is_what_its_first_lines_say():
    design = Design(resistors=8)
    made = crossbar.measure(crossbar.fabricate(design, 4, 3, seed=2023), error=1e-4, seed=2024)
    found = crossbar.read_measurement(EXAMPLE, design)
    assert np.argwhere(found.open).tolist() == [[0, 1, 2], [3, 2, 5]]
    kept = ~found.open
    # written with one decimal
    np.testing.assert_allclose(
        1 / found.on_siemens[kept], 1 / made.on_siemens[kept], rtol=0, atol=0.0501
    )


def run(*arguments, cwd):
    """Run a command in this process, which spares starting one."""
    words = ["crossbar", *map(str, arguments)]
    out, error = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(error):
        patch.chdir(cwd)
        patch.setattr(sys, "argv", words)
        patch.setattr(signal, "signal", lambda *_: None)  # this process is pytest's
        patch.setattr(warnings, "showwarning", warnings.showwarning)
        with pytest.raises(SystemExit) as ended:
            main()
    return subprocess.CompletedProcess(words, ended.value.code, out.getvalue(), error.getvalue())


def succeeds(*arguments, cwd):
    done = run(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fails(*arguments, cwd):
    before = {path: path.read_bytes() for path in cwd.iterdir()}
    done = run(*arguments, cwd=cwd)
    assert done.returncode == 2
    assert done.stderr.startswith("crossbar: error: ")
    assert done.stderr.count("\n") == 1
    assert before == {path: path.read_bytes() for path in cwd.iterdir()}
    return done.stderr


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the example programmed by the command line."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "cell.toml").write_text("resistors = 8\n")
    shutil.copy(EXAMPLE, folder / "measured.csv")
    np.save(folder / "weights.npy", weights())
    np.savetxt(folder / "volts.csv", np.eye(4), delimiter=",")
    options = ("--chip", "measured.csv", "--design", "cell.toml", "--out", "chip.npz")
    said = succeeds("program", "weights.npy", *options, cwd=folder)
    assert "true resistances: the measured ones of measured.csv, sha256" in said
    assert "2 branches open" in said
    return folder


def test_a_measured_chip_goes_through_simulation_and_netlist(made):
    found, _ = load_chip(made / "chip.npz")
    known = crossbar.read_measurement(EXAMPLE, Design(resistors=8))
    assert np.array_equal(found.measurement.on_siemens, known.on_siemens)
    assert not (found.program.enabled & known.open).any()
    options = ("--inputs", "volts.csv", "--out", "amperes.csv", "--simulator", "nodal")
    said = succeeds("simulate", "chip.npz", *options, cwd=made)
    assert "true resistances: the measured ones" in said
    amperes = np.loadtxt(made / "amperes.csv", delimiter=",")
    ideal = crossbar.transfer(found.chip, found.program, Wires(), simulator="ideal").siemens.T
    # the wires cost less than a hundredth
    assert np.abs(amperes - ideal).max() < 1e-2 * np.abs(ideal).max()
    succeeds("netlist", "chip.npz", "--out", "chip.cir", cwd=made)
    head = (made / "chip.cir").read_text().splitlines()[0]
    assert head.startswith("* paired stagger, the measured ones of measured.csv, sha256 ")


def test_switches_go_out_and_come_back(made):
    enabled = load_chip(made / "chip.npz")[0].program.enabled
    places = list(np.ndindex(*enabled.shape))
    np.random.default_rng(0).shuffle(places)
    lines = "\n".join(",".join(map(str, place)) for place in places)
    (made / "chain.csv").write_text(f"row,column,branch\n{lines}\n")
    chain = read_bit_order(made / "chain.csv", enabled.shape)
    for name, options, order in (
        ("s.csv", (), None),
        ("s.npz", (), None),
        ("s.txt", (), None),
        ("t.txt", ("--order", "-branch,row,-column"), None),
        ("u.txt", ("--order-file", "chain.csv"), chain),
    ):
        said = succeeds("switches", "chip.npz", "--out", name, *options, cwd=made)
        assert f"96 switches, 4 rows x 3 columns x 8 branches, {enabled.sum()} closed" in said
        assert np.array_equal(crossbar.read_switches(made / name, order=order), enabled)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("program weights.npy --chip absent.csv --out x.npz", "absent.csv: cannot be read"),
        ("program weights.npy --chip measured.csv --out x.npz", "the design's cell has 16"),
        ("program weights.npy --chip chip.npz --out chip.npz", "is an input too"),
        ("program weights.npy --chip chip.npz --out x.npz", "holds the arrays about, true_ohm"),
        ("program weights.npy --switch-excluded --out x.npz", "only with --chip"),
        (
            "program weights.npy --chip measured.csv --measurement-error 0.1 --out x.npz",
            "measured already",
        ),
        ("switches chip.npz --out chip.npz", "is an input too"),
        ("switches chip.npz --out x.bin", "ends in .csv or .npz or .txt"),
        ("switches chip.npz --out no/x.txt", "folder is missing"),
        ("switches chip.npz --out x.csv --order row,column,branch", "order of its own"),
        ("switches chip.npz --out x.txt --order row,col,branch", "each once"),
        ("switches chip.npz --out x.txt --order-file measured.csv", "header"),
        ("switches weights.npy --out x.txt", "no programmed chip"),
    ],
)
def test_bad_input_is_one_line_and_status_2(made, tmp_path, arguments, named):
    for path in made.iterdir():
        shutil.copy(path, tmp_path)
    assert named in fails(*arguments.split(), cwd=tmp_path)


def test_help_has_an_example(tmp_path):
    assert "Example: crossbar switches" in succeeds("switches", "--help", cwd=tmp_path)

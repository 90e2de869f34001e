"""The benchmarks run, and their tables hold what they promise."""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from spice_models import Array

ROOT = Path(__file__).parents[2]


def test_the_solvers_are_compared(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks/subset_sums.py"), "--sizes", "6", "15"]
    command += ["--seconds", "0.01", "--no-workloads", "--prototypes", "none", "--out", "found"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "found/solvers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    solvers = {row["solver"] for row in rows}
    assert {"auto", "OR-Tools CP-SAT", "OR-Tools KnapsackSolver", "brute force, numpy"} <= solvers
    assert all(row["optimal"] == "True" for row in rows)
    chosen = {
        (row["coefficients"], row["n"]): row["solver"] for row in rows if row["chosen"] == "True"
    }
    assert chosen == {
        ("0, 1", "6"): "enumeration",
        ("0, 1", "15"): "meet-in-the-middle",
        ("-1, 0, 1", "4"): "enumeration",
        ("-1, 0, 1", "8"): "enumeration",
        ("-1, 0, 1", "9"): "enumeration",
        ("-1, 0, 1", "10"): "meet-in-the-middle",
        ("-1, 0, 1", "12"): "meet-in-the-middle",
    }
    assert (tmp_path / "found/solvers.png").stat().st_size > 10_000


@pytest.fixture
def arrays(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("arrays", ROOT / "benchmarks/arrays.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "arrays", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--sizes 8 0", "--sizes: 0: give whole numbers from 1 on"),
        ("--inputs -1", "--inputs: -1: give whole numbers from 1 on"),
        ("--ohm 0", "--ohm: 0.0: give a finite resistance above 0"),
        ("--ohm nan", "--ohm: nan: give"),
        ("--ohm inf", "--ohm: inf: give"),
        ("--tiles -2", "--tiles: -2: give"),
        ("--prototypes nowhere", "--prototypes: nowhere: give a folder with nodal_line_cg.py"),
    ],
)
def test_a_bad_option_of_the_array_benchmark_is_one_line(
    option: str,
    told: str,
    arrays: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["arrays.py", *option.split()])
    with pytest.raises(SystemExit) as ended:
        arrays.main()
    assert ended.value.code == 2
    assert told in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("size", [16, 17, 40])
def test_what_is_measured_is_not_what_warmed_up(
    size: int, arrays: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    solved: list[int] = []

    def solve(array: Array, inputs: np.ndarray) -> np.ndarray:
        solved.append(array.rows)
        return np.zeros((len(inputs), array.lines))

    monkeypatch.setattr(arrays, "solvers", lambda: {"mine": arrays.Entry(solve, 100, 100)})
    arrays.measure("mine", (size, 1, 1.0))
    assert solved[1] == size != solved[0]


def test_the_simulators_of_an_array_are_compared(
    arrays: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(arrays, "apart", lambda task, *job: task(*job))
    command = "arrays.py --sizes 12 513 --inputs 2 --tiles 0"
    monkeypatch.setattr(sys, "argv", command.split())
    arrays.main()
    printed = capsys.readouterr().out.splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed if "|" in line]
    assert rows[0] == ["array", "inputs", "solver", "CPU s", "wall s", "memory MB", "error"]
    small = {row[2]: row[-1] for row in rows if row[0] == "12 x 12"}
    assert small.pop("ours, direct") == "reference"
    assert {"ours, iterative"} < small.keys()
    assert all(float(error) < 1e-9 for error in small.values())
    ((solver, *_, error),) = [row[2:] for row in rows if row[0] == "513 x 513"]
    assert solver == "ours, iterative"
    assert float(error.removesuffix(" (own estimate)")) < 1e-9
    for peer in ("badcrossbar", "ngspice 45 wasm"):
        assert peer in small or any(line.startswith(f"{peer}: not measured, ") for line in printed)


def test_cells_are_counted_for_each_polarity(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks/cells.py"), "--seconds", "0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("paired", "flip", "steered"))

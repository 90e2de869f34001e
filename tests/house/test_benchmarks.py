"""The benchmarks run, and their tables hold what they promise."""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_the_simulators_of_an_array_are_compared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("arrays", ROOT / "benchmarks/arrays.py")
    assert spec is not None
    assert spec.loader is not None
    arrays = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "arrays", arrays)
    spec.loader.exec_module(arrays)
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

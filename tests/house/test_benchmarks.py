"""The benchmark of the solvers runs, and its table holds what it promises."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

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

"""The directions of imports, and what an import must not drag in."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = {
    "PySpice",
    "matplotlib",
    "numba",
    "ortools",
    "pandas",
    "pydantic",
    "rich",
    "scipy",
    "sklearn",
    "torch",
}


def test_import_contracts_hold() -> None:
    command = [str(Path(sysconfig.get_path("scripts")) / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def test_importing_the_packages_loads_nothing_heavy() -> None:
    code = "import crossbar, solvers, spice_models, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert {"crossbar", "solvers", "spice_models", "numpy"} <= loaded
    assert loaded & HEAVY == set()

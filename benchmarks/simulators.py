"""Compare the simulators of one array in one run: nodal analysis, ngspice, and a prototype.

    python benchmarks/simulators.py
    python benchmarks/simulators.py --sizes 16 32 --prototypes path/to/prototypes

The job is the transfer matrix of an N x N array: cells of 1 to 100 uS, wires of 1 ohm a segment,
drivers and senses of 10 ohm. Times are the best of the repeats [s]; the ratio is to nodal; the
agreement is the largest difference to nodal relative to the largest entry.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from spice_models import Array, ngspice, nodal

Floats = NDArray[np.float64]
Simulator = Callable[[Array], Floats]


def main() -> None:
    """Print the table."""
    options = arguments()
    simulators = available(options.prototypes)
    table = Table(title="transfer matrix of an N x N array")
    for name in ("N", "simulator", "seconds", "ratio", "agreement"):
        table.add_column(name, justify="left" if name == "simulator" else "right")
    for size in options.sizes:
        siemens = np.random.default_rng(size).uniform(1e-6, 1e-4, (size, size))
        array = Array.from_siemens(siemens)
        exact, base = measure(simulators["nodal"], array, options.repeats)
        table.add_row(str(size), "nodal", f"{base:.4f}", "1", "")
        for name, simulate in simulators.items():
            if name == "nodal" or (name == "ngspice" and size > options.ngspice_largest):
                continue
            found, seconds = measure(simulate, array, options.repeats)
            difference = np.abs(found - exact).max() / np.abs(exact).max()
            table.add_row("", name, f"{seconds:.4f}", f"{seconds / base:.3g}", f"{difference:.1e}")
        table.add_section()
    console = Console()
    console.print(table)
    info = ngspice.probe()
    console.print(f"ngspice {info.version}, {'KLU' if info.klu else 'no KLU'}")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ngspice-largest", type=int, default=32, help="largest N for ngspice")
    parser.add_argument("--prototypes", type=Path, help="folder with spice_netlist_and_exact.py")
    return parser.parse_args()


def available(prototypes: Path | None) -> dict[str, Simulator]:
    """Every simulator by name."""
    found: dict[str, Simulator] = {
        "nodal": lambda array: nodal.transfer_matrix(array, keep=False).siemens,
        "ngspice": lambda array: ngspice.transfer_matrix(array).siemens,
    }
    if prototypes is not None:
        sys.path.insert(0, str(prototypes))
        exact_currents = import_module("spice_netlist_and_exact").exact_currents

        found["prototype (splu)"] = lambda array: np.asarray(
            exact_currents(array.siemens, np.eye(array.rows)).T
        )
    return found


def measure(simulate: Simulator, array: Array, repeats: int) -> tuple[Floats, float]:
    """Return the result and the best time of several runs."""
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        result = simulate(array)
        best = min(best, time.perf_counter() - start)
    return result, best


if __name__ == "__main__":
    main()

"""CPU time a cell of the exact solvers, side by side in one run.

    python benchmarks/subset_sums.py [--seconds 0.5] [--prototypes FOLDER]

Numbers are uniform in (-1, 1), targets in (-1/2, 1/2). Every solver of a row answers
the same problems, and its errors are compared with those of meet-in-the-middle.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import solvers

Floats = NDArray[np.float64]
Solver = Callable[[Floats, Floats], Floats]
OURS = "meet-in-the-middle"


def main() -> None:
    """Measure each size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 12, 16, 20, 24])
    parser.add_argument("--seconds", type=float, default=0.5, help="CPU seconds a figure [s]")
    parser.add_argument("--prototypes", type=Path, help="folder with subset_sum_core.py")
    arguments = parser.parse_args()
    peers = peer_solvers(arguments.prototypes)
    table = Table(title="CPU microseconds a cell, one thread (ratio to meet-in-the-middle)")
    for title in ("n", "ours", "cells/s", *peers):
        table.add_column(title, justify="right")
    for n in arguments.sizes:
        table.add_row(*row(n, peers, arguments.seconds))
    Console().print(table)


def row(n: int, peers: dict[str, tuple[Solver, int]], seconds: float) -> list[str]:
    """One line: n, our time and rate, and time and ratio of each peer that reaches n."""
    values, targets = problems(n, 4096)
    reference, own = measure(own_errors, values, targets, seconds)
    texts = [str(n), f"{1e6 * own:.2f}", f"{1 / own:,.0f}"]
    for solver, largest in peers.values():
        if n > largest:
            texts.append("-")
            continue
        errors, cost = measure(solver, values, targets, seconds)
        if not np.allclose(errors, reference[: len(errors)], rtol=0, atol=n * 2.0**-37):
            raise SystemExit(f"n = {n}: the solvers disagree")
        texts.append(f"{1e6 * cost:.2f} ({cost / own:.1f}x)")
    return texts


def problems(n: int, cells: int) -> tuple[Floats, Floats]:
    """Cells whose target is within reach."""
    rng = np.random.default_rng(n)
    values, targets = rng.uniform(-1, 1, (cells, n)), rng.uniform(-0.5, 0.5, cells)
    low, high = np.minimum(values, 0).sum(axis=1), np.maximum(values, 0).sum(axis=1)
    return values, np.clip(targets, low, high)


def measure(
    solver: Solver, values: Floats, targets: Floats, seconds: float
) -> tuple[Floats, float]:
    """Error magnitudes of the cells solved, and CPU time a cell [s], compiling left out.

    Twice as many cells each time, until the time is used.
    """
    solver(values[:1], targets[:1])
    cells = 1
    while True:
        start = time.process_time()
        errors = solver(values[:cells], targets[:cells])
        used = time.process_time() - start
        if used > seconds / 2 or cells >= len(values):
            return errors, used / cells
        cells *= 2


def peer_solvers(prototypes: Path | None) -> dict[str, tuple[Solver, int]]:
    """Name to solver and the largest n worth waiting for."""
    peers: dict[str, tuple[Solver, int]] = {
        "brute force, numpy": (brute_force, 24),
        "CP-SAT": (program_errors, 24),
    }
    if prototypes is not None and (prototypes / "subset_sum_core.py").exists():
        peers["prototype merge"] = (prototype(prototypes), 64)
    return peers


def own_errors(values: Floats, targets: Floats) -> Floats:
    """`solvers`, its own way."""
    return np.abs(solvers.solve_batch(values, targets, OURS).error)


def program_errors(values: Floats, targets: Floats) -> Floats:
    """`solvers` by way of OR-Tools."""
    return np.abs(solvers.solve_batch(values, targets, "milp").error)


def brute_force(values: Floats, targets: Floats) -> Floats:
    """All 2**n sums by doubling, cell by cell."""
    errors = np.empty(len(values))
    for cell, (row_values, target) in enumerate(zip(values, targets, strict=True)):
        sums = np.array([-target])
        for value in row_values:
            sums = np.concatenate([sums, sums + value])
        errors[cell] = np.abs(sums).min()
    return errors


def prototype(folder: Path) -> Solver:
    """Merge meet-in-the-middle without tie rule and checks, on a 2**-40 grid.

    It finds a mask by a second search; the loop over cells is plain Python, a call of
    about a microsecond each.
    """
    sys.path.insert(0, str(folder))
    from subset_sum_core import mitm_merge

    def run(values: Floats, targets: Floats) -> Floats:
        integers = np.rint(values * 2.0**40).astype(np.int64)
        goals = np.rint(targets * 2.0**40).astype(np.int64)
        found = [mitm_merge(row, goal)[0] for row, goal in zip(integers, goals, strict=True)]
        return np.array(found) * 2.0**-40

    return run


if __name__ == "__main__":
    main()

"""Subset-sum solvers side by side in one run: CPU time a cell, ratios, and what is proven.

    python benchmarks/subset_sums.py --out out/bench-solvers
    python benchmarks/subset_sums.py --sizes 8 16 24 --seconds 0.5 --no-workloads

Numbers are uniform in (-1, 1), targets in (-1/2, 1/2) and within reach; every solver of a size
answers the same cells, as many as it can in the time that is given, and its errors are compared
with those of the others. Ours answer floats, with all checks and floating-point results; the
others answer the same numbers as integers, on a grid of 2**-40 or finer. One thread each.
"""

from __future__ import annotations

import argparse
import csv
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from peers import Entry, Peer, brute_force, flsss, prototypes
from rich.console import Console
from rich.table import Table

import solvers

Floats = NDArray[np.float64]
Errors = Callable[[Floats, Floats], tuple[Floats, bool]]
BINARY = "0, 1"
ORTOOLS = {"milp": ("OR-Tools CP-SAT", 24), "knapsack": ("OR-Tools KnapsackSolver", 28)}
OURS = {"enumeration": 22, "meet-in-the-middle": 44, "schroeppel-shamir": 56}


SIGNED_SIZES = (4, 8, 9, 10, 12, 16, 20, 24, 28, 30)
SIGNED_RANGES = {
    "auto": (1, 64),
    "enumeration": (1, 12),
    "meet-in-the-middle": (1, 28),
    "schroeppel-shamir": (20, 34),
    "milp": (1, 12),
    "knapsack": (1, 12),
}


@dataclass(frozen=True)
class Row:
    """One solver at one size."""

    coefficients: str
    n: int
    solver: str
    cells: int
    us_a_cell: float
    ratio_to_auto: float
    optimal: bool
    chosen: bool


def main() -> None:
    """Measure every size, then the workloads; write the table and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sizes = [4, 8, 12, 14, 16, 20, 24, 28, 32, 36, 40, 44, 48]
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes)
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU seconds a figure [s]")
    parser.add_argument("--prototypes", type=Path, default=Path("../shared/prototypes"))
    parser.add_argument("--out", type=Path, default=Path("out/bench-solvers"))
    parser.add_argument("--no-workloads", action="store_true", help="only the sizes")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    console = Console(width=None if Console().is_terminal else 110)
    rows = []
    binary = measured(arguments.sizes, contestants(arguments.prototypes), arguments.seconds)
    signed_sizes = [n for n in SIGNED_SIZES if n <= max(arguments.sizes)]
    signed = measured(signed_sizes, signed_contestants(), arguments.seconds, (-1, 0, 1))
    for row in chain(binary, signed):
        rows.append(row)
        write(arguments.out / "solvers.csv", rows)
    for kind in dict.fromkeys(row.coefficients for row in rows):
        console.print(as_table([row for row in rows if row.coefficients == kind], kind))
    figure([row for row in rows if row.coefficients == BINARY], arguments.out / "solvers.png")
    if not arguments.no_workloads:
        from workloads import workloads

        console.print(workloads())
    console.print(f"Table and figure: {arguments.out}")


def contestants(folder: Path) -> dict[str, tuple[Errors, int, int]]:
    """Name to solver and its smallest and largest n worth measuring."""
    found: dict[str, tuple[Errors, int, int]] = {"auto": (own("auto"), 1, 64)}
    for name, largest in OURS.items():
        found[name] = (own(name), 1 if largest < 50 else 30, largest)
    for name, (title, largest) in ORTOOLS.items():
        found[title] = (own(name), 1, largest)
    others = {"brute force, numpy": Entry(brute_force, 20), **flsss(), **prototypes(folder)}
    for name, entry in others.items():
        found[name] = (on_grid(entry.solve, 2.0**entry.bits), entry.smallest, entry.largest)
    return found


def signed_contestants() -> dict[str, tuple[Errors, int, int]]:
    """The same for coefficients of -1, 0 and 1."""
    names = {name: title for name, (title, _) in ORTOOLS.items()}
    return {
        names.get(name, name): (own(name, (-1, 0, 1)), *sizes)
        for name, sizes in SIGNED_RANGES.items()
    }


def own(method: str, coefficients: tuple[int, ...] = (0, 1)) -> Errors:
    """A method of `solvers`, all of its work included."""

    def solve(values: Floats, targets: Floats) -> tuple[Floats, bool]:
        solution = solvers.solve_batch(values, targets, method, coefficients=coefficients)
        return np.abs(solution.error), solution.status == "optimal"

    return solve


def on_grid(peer: Peer, steps: float) -> Errors:
    """A peer that takes integers."""

    def solve(values: Floats, targets: Floats) -> tuple[Floats, bool]:
        integers = np.rint(values * steps).astype(np.int64)
        goals = np.rint(targets * steps).astype(np.int64)
        errors, proven = peer(integers, goals)
        return errors / steps, proven

    return solve


def measured(
    sizes: list[int],
    found: dict[str, tuple[Errors, int, int]],
    seconds: float,
    coefficients: tuple[int, ...] = (0, 1),
) -> Iterator[Row]:
    """Rows of all sizes, ``auto`` first, since the ratios are to it."""
    for n in sizes:
        values, targets = problems(n, 1 << 16)
        chosen = solvers.solve_batch(values[:0], targets[:0], coefficients=coefficients).method
        base, reference = math.nan, np.empty(0)
        for name, (solver, smallest, largest) in found.items():
            if not smallest <= n <= largest:
                continue
            errors, proven, cost = measure(solver, values, targets, seconds)
            if name == "auto":
                base, reference = cost, errors
            shared = min(len(errors), len(reference))
            agrees = np.allclose(
                errors[:shared], reference[:shared], rtol=0, atol=(n + 1) * 2.0**-40
            )
            optimal = proven and bool(agrees)
            texts = ", ".join(map(str, coefficients)), n, name
            yield Row(*texts, len(errors), 1e6 * cost, cost / base, optimal, name == chosen)


def problems(n: int, cells: int) -> tuple[Floats, Floats]:
    """Cells whose target is within reach."""
    rng = np.random.default_rng(n)
    values, targets = rng.uniform(-1, 1, (cells, n)), rng.uniform(-0.5, 0.5, cells)
    low, high = np.minimum(values, 0).sum(axis=1), np.maximum(values, 0).sum(axis=1)
    reached = (low < targets) & (targets < high)
    return values[reached], targets[reached]


def measure(
    solver: Errors, values: Floats, targets: Floats, seconds: float
) -> tuple[Floats, bool, float]:
    """Errors, proof and CPU time a cell [s]: twice the cells until the time is used.

    What is compiled is compiled before; the best of three runs counts where they are short.
    """
    solver(values[:1], targets[:1])
    cells = 1
    while True:
        start = time.process_time()
        errors, proven = solver(values[:cells], targets[:cells])
        used = time.process_time() - start
        if used > seconds / 4 or cells >= len(values):
            break
        cells *= 2
    for _ in range(2 if used < seconds else 0):
        start = time.process_time()
        solver(values[:cells], targets[:cells])
        used = min(used, time.process_time() - start)
    return errors, proven, used / min(cells, len(values))


def write(path: Path, rows: list[Row]) -> None:
    """All rows so far."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def as_table(rows: list[Row], kind: str) -> Table:
    """One line a solver, one section a size."""
    title = f"coefficients {kind}: CPU time a cell, one thread; * marks what auto chooses"
    table = Table(title=title)
    for title in ("n", "solver", "cells", "us a cell", "ratio to auto", "optimal"):
        table.add_column(title, justify="left" if title == "solver" else "right")
    for k, row in enumerate(rows):
        name = f"{row.solver} *" if row.chosen else row.solver
        first = k == 0 or rows[k - 1].n != row.n
        if first and k:
            table.add_section()
        table.add_row(
            str(row.n) if first else "",
            name,
            f"{row.cells:,}",
            f"{row.us_a_cell:,.3g}" if row.us_a_cell < 1000 else f"{row.us_a_cell:,.0f}",
            f"{row.ratio_to_auto:,.3g}"
            if row.ratio_to_auto < 1000
            else f"{row.ratio_to_auto:,.0f}",
            "all" if row.optimal else "no",
        )
    return table


def figure(rows: list[Row], path: Path) -> None:
    """CPU time a cell against n, both on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with plt.rc_context({"font.size": 9, "axes.grid": True, "grid.color": "#dddddd"}):
        drawing, ax = plt.subplots(figsize=(7.2, 4.6), layout="constrained")
        for k, name in enumerate(dict.fromkeys(row.solver for row in rows)):
            if name in OURS:
                continue
            points = [(row.n, row.us_a_cell * 1e-6) for row in rows if row.solver == name]
            style = "-" if name == "auto" else ":" if name.startswith("prototype") else "--"
            ax.plot(
                *zip(*points, strict=True),
                style,
                marker="osv^D<>pP"[k % 9],
                markersize=4,
                linewidth=2.2 if name == "auto" else 1.2,
                color="black" if name == "auto" else None,
                label="this package (auto)" if name == "auto" else name,
            )
        ax.set(
            xscale="log",
            yscale="log",
            xlabel="numbers in a cell, n",
            ylabel="CPU time a cell [s]",
            title="Exact subset sums: one thread, uniform numbers",
        )
        ticks = sorted({row.n for row in rows})
        ax.set_xticks(ticks, [str(n) for n in ticks])
        ax.minorticks_off()
        ax.legend(frameon=False, fontsize=8)
        drawing.savefig(path, dpi=160)
        plt.close(drawing)


if __name__ == "__main__":
    main()

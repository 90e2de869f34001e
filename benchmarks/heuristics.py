"""Bits against CPU time of the heuristic searches.

    python benchmarks/heuristics.py [--sizes 48 64 100 200] [--cells 30] [--figure FILE]

Numbers are uniform in (-1, 1), targets in (-1/2, 1/2). Bits are -log2 of the error magnitude;
floats of this size end at 53. All methods answer the same cells, compiling left out. The
defaults take about a minute.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

import solvers

Floats = NDArray[np.float64]

SETTINGS: list[tuple[str, dict[str, int]]] = [
    *(
        ("random", {"window": window, "tries": tries})
        for window in (16, 20, 24, 28, 32, 36, 40)
        for tries in (8, 64)
    ),
    *(("beam", {"width": 1 << digits}) for digits in range(6, 21, 2)),
]
LAST_BIT = 53


@dataclass(frozen=True)
class Point:
    """What one setting reached on cells of one size."""

    n: int
    method: str
    options: dict[str, int]
    seconds: float
    bits: Floats

    @property
    def median(self) -> float:
        """Bits that half of the cells reach."""
        return float(np.median(self.bits))


def main() -> None:
    """Measure, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[48, 64, 100, 200])
    parser.add_argument("--cells", type=int, default=30, help="cells of each size")
    parser.add_argument("--seconds", type=float, default=2.0, help="CPU time a figure, about [s]")
    parser.add_argument("--figure", type=Path, default=Path("out/heuristics.png"))
    arguments = parser.parse_args()
    points = [
        measure(n, method, options, arguments.cells, arguments.seconds)
        for n in arguments.sizes
        for method, options in SETTINGS
    ]
    Console().print(table(points))
    draw(points, arguments.figure)
    Console().print(f"figure: {arguments.figure}")


def measure(n: int, method: str, options: dict[str, int], cells: int, seconds: float) -> Point:
    """Solve as many of the cells as fit the time, at least five."""
    rng = np.random.default_rng(n)
    values, targets = rng.uniform(-1, 1, (cells, n)), rng.uniform(-0.5, 0.5, cells)
    solvers.solve_batch(values[:1, :], targets[:1], method, **options)
    errors: list[float] = []
    start = time.process_time()
    while len(errors) < cells and (len(errors) < 5 or time.process_time() - start < seconds):
        cell = slice(len(errors), len(errors) + 5)
        errors.extend(solvers.solve_batch(values[cell], targets[cell], method, **options).error)
    used = (time.process_time() - start) / len(errors)
    bits = -np.log2(np.maximum(np.abs(errors), 2.0**-LAST_BIT))
    return Point(n, method, options, used, bits)


def table(points: list[Point]) -> Table:
    """One line a setting, in the order of time."""
    rows = Table(title="bits against CPU time a cell")
    for title in ("n", "method", "options", "ms", "bits, median", "worst", "cells"):
        rows.add_column(title, justify="left" if title in ("method", "options") else "right")
    for point in sorted(points, key=lambda one: (one.n, one.method, one.seconds)):
        options = ", ".join(f"{name} {value}" for name, value in point.options.items())
        rows.add_row(
            str(point.n),
            point.method,
            options,
            f"{1e3 * point.seconds:.3g}",
            f"{point.median:.1f}",
            f"{point.bits.min():.1f}",
            str(len(point.bits)),
        )
    return rows


def draw(points: list[Point], file: Path) -> None:
    """Best median bits within a time, one panel for each n."""
    from matplotlib.figure import Figure

    sizes = sorted({point.n for point in points})
    figure = Figure(figsize=(3.2 * len(sizes), 3.2), layout="constrained")
    panels = figure.subplots(1, len(sizes), sharey=True, squeeze=False)[0]
    for axes, n in zip(panels, sizes, strict=True):
        for method in ("random", "beam"):
            mine = [point for point in points if (point.n, point.method) == (n, method)]
            mine.sort(key=lambda one: one.seconds)
            best = np.maximum.accumulate([point.median for point in mine])
            milliseconds = [1e3 * point.seconds for point in mine]
            (line,) = axes.step(milliseconds, best, where="post", label=method)
            axes.plot(milliseconds, [point.median for point in mine], ".", color=line.get_color())
        axes.set(xscale="log", title=f"n = {n}", xlabel="CPU time a cell [ms]")
        axes.axhline(LAST_BIT, color="0.7", linewidth=0.8)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("bits, median")
    panels[0].legend()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    main()

"""Bits of a layer against the resistance of its wires: the figure "wire-aware".

A layer of 128 inputs and 64 outputs on one tile of 128 x 128 lines, dense and with 90 % of its
weights pruned, for four cells: programmed as if wires had no resistance, the same with the one
gain that fits best, wire-aware with one scale for the layer and with one for each column, and
without any wire resistance. Scales are chosen so that all targets can be met. Bits are those of
products with uniform random inputs, by the values that were measured; two columns of the table
are those of the chip itself, whose resistors differ from them by the error of the measurement.
Run it with::

    python examples/wire_aware.py --out out/wire_aware --workers 2

With ``--against resistors``: the same layers where a segment's resistance times full scale is
1e-4, for cells of more and more resistors, scaled by column.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from crossbar import (
    Design,
    Program,
    Tile,
    Wires,
    fabricate,
    measure,
    target_siemens,
    transfer,
)
from crossbar.compensation import compensate
from crossbar.figures import COLORS, save_figure
from crossbar.metrics import effective_bits

INPUTS, OUTPUTS = 128, 64
CELLS = (
    Design(ladder="guaranteed", resistors=12),
    Design(ladder="stagger", resistors=12),
    Design(polarity="steered", ladder="stagger", radix=1.1, resistors=10),
    Design(polarity="flip", ladder="stagger", resistors=16),
)
RESISTORS = {
    Design(polarity="flip", ladder="stagger"): range(8, 25, 4),
    Design(polarity="steered", ladder="stagger", radix=1.1): range(6, 15, 2),
    Design(ladder="stagger"): range(8, 25, 4),
    Design(ladder="guaranteed"): range(8, 17, 4),
}
KEPT = {"dense": 1.0, "90 % pruned": 0.1}
LOAD = 1e-4
LOADS = (1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 2e-4, 5e-4)
CURVES = (
    ("ideal_wires_bits", "ideal wires", ":"),
    ("by_column_bits", "wire-aware, scaled by column", "-"),
    ("compensated_bits", "wire-aware, one scale", (0, (6, 1.5))),
    ("one_gain_bits", "one gain", "--"),
    ("uncompensated_bits", "uncompensated", "-."),
)


@dataclass(frozen=True)
class Row:
    """One layer with one resistance of its wires."""

    cell: str
    resistors: int
    layer: str
    load: float
    scale: float
    ideal_wires_bits: float
    uncompensated_bits: float
    one_gain_bits: float
    compensated_bits: float
    by_column_bits: float
    ideal_wires_true_bits: float
    by_column_true_bits: float


def row(task: tuple[Design, str, float, int], error: float) -> Row:
    """Fabricate, measure and program one layer."""
    design, layer, load, seed = task
    random = np.random.default_rng(seed)
    weights = random.normal(size=(OUTPUTS, INPUTS))
    weights *= random.random(weights.shape) < KEPT[layer]
    chip = fabricate(design, INPUTS, OUTPUTS, seed)
    segment = load / design.full_scale_siemens
    wires, tile = Wires(segment, segment, segment, segment), Tile(128, 128)
    wanted, inputs = target_siemens(design, weights), random.random((1000, INPUTS))
    measured = measure(chip, error=error, seed=seed + 1)
    work = partial(compensate, measured, wanted, wires, tile=tile, inputs=inputs)
    found, by_column = work(scale="fit"), work(scale="fit columns")

    def true_bits(done: Program, wires: Wires, scale: float | NDArray[np.float64]) -> float:
        matrix = transfer(chip, done, wires, tile=tile).siemens.T / scale
        return effective_bits(inputs @ (matrix - wanted), float(np.ptp(inputs @ wanted)))

    return Row(
        design.label,
        design.resistors,
        layer,
        load,
        float(found.scale),
        found.ideal_wires_bits,
        found.uncompensated_bits,
        found.one_gain_bits,
        found.compensated_bits,
        by_column.compensated_bits,
        true_bits(by_column.plain, Wires.ideal(), 1.0),
        true_bits(by_column.program, wires, by_column.scale),
    )


def plot(rows: Sequence[Row], ax: Axes) -> Axes:
    """Bits of one layer and cell against r x G."""
    loads = [one.load for one in rows]
    for (name, label, style), color in zip(CURVES, COLORS, strict=False):
        ax.plot(loads, [getattr(one, name) for one in rows], ls=style, color=color, label=label)
    ax.set_xscale("log")
    return ax


def plot_resistors(rows: Sequence[Row], ax: Axes) -> Axes:
    """Bits of one layer against the resistors of each kind of cell."""
    for cell, color in zip(dict.fromkeys(one.cell for one in rows), COLORS, strict=False):
        of_cell = [one for one in rows if one.cell == cell]
        counts = [one.resistors for one in of_cell]
        ideal, aware = ([getattr(one, name) for one in of_cell] for name, *_ in CURVES[:2])
        ax.plot(counts, ideal, ls=":", color=color)
        ax.plot(counts, aware, marker="o", color=color, label=cell)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return ax


def resistors_figure(rows: Sequence[Row]) -> Figure:
    """A panel for each layer."""
    drawn = Figure(figsize=(7.2, 3.8), layout="constrained")
    panels = drawn.subplots(1, len(KEPT), sharey=True)
    for ax, layer in zip(panels, KEPT, strict=True):
        plot_resistors([one for one in rows if one.layer == layer], ax)
        ax.set_title(layer)
        ax.set_xlabel("resistors of a cell")
    panels[0].set_ylabel("effective bits of products")
    handles, labels = panels[0].get_legend_handles_labels()
    handles.append(Line2D([], [], ls=":", color="0.3"))
    drawn.legend(handles, [*labels, "ideal wires"], loc="outside lower center", ncols=3)
    panels[0].set_ylim(bottom=0)
    return drawn


def figure(rows: Sequence[Row]) -> Figure:
    """A panel for each cell and layer."""
    drawn = Figure(figsize=(7.2, 9.6), layout="constrained")
    cells = list(dict.fromkeys((one.cell, one.resistors) for one in rows))
    panels = drawn.subplots(len(cells), len(KEPT), sharex=True, sharey="row", squeeze=False)
    for across, cell in zip(panels, cells, strict=True):
        for ax, layer in zip(across, KEPT, strict=True):
            plot(
                [one for one in rows if (one.cell, one.resistors, one.layer) == (*cell, layer)], ax
            )
            ax.set_title(f"{cell[0]}, {cell[1]} resistors, {layer}")
    for ax in panels[-1]:
        ax.set_xlabel("wire segment x full-scale conductance")
    for ax in panels[:, 0]:
        ax.set_ylabel("effective bits of products")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=3)
    for ax in panels[:, 0]:
        ax.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 4, 5, 10]))
        ax.set_ylim(bottom=0)  # last: it ends the automatic choice of the top
    return drawn


def main() -> None:
    """Write the rows and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("out/wire_aware"))
    parser.add_argument("--against", choices=["wires", "resistors"], default="wires")
    parser.add_argument("--resistors", type=int, nargs="+", help="of all cells")
    parser.add_argument("--error", type=float, default=1e-5, help="of measured conductances")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.against == "wires":
        name, draw, loads = "wire-aware", figure, LOADS
        counts = {one: [one.resistors] for one in CELLS}
    else:
        name, draw, loads = "wire-aware-resistors", resistors_figure, (LOAD,)
        counts = {one: list(some) for one, some in RESISTORS.items()}
    cells = [
        replace(one, resistors=count)
        for one, some in counts.items()
        for count in given.resistors or some
    ]
    tasks = [(cell, layer, load, given.seed) for cell in cells for layer in KEPT for load in loads]
    rows = []
    with (
        (given.out / f"{name}.csv").open("w", newline="", encoding="utf-8") as file,
        ProcessPoolExecutor(given.workers) as executor,
    ):
        table = csv.DictWriter(file, [field.name for field in fields(Row)])
        table.writeheader()
        for done in executor.map(partial(row, error=given.error), tasks):
            rows.append(done)
            table.writerow(asdict(done))
            file.flush()
            print(done, flush=True)
    save_figure(lambda: draw(rows), given.out, name)


if __name__ == "__main__":
    main()

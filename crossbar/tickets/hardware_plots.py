"""The picture of a ticket on hardware: random resistors being pruned, and what that is worth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crossbar.figures import COLORS, MARKERS, axes_or_new
from crossbar.production import ProgrammedChip
from crossbar.tickets.hardware import HardwareRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
OPEN = "#dddddd"
QUANTITIES = {
    "logit_error_percent": "rms logit error [% of range]",
    "percent": "test accuracy [%]",
}


def signed_siemens(made: ProgrammedChip, pruned: bool) -> Floats:
    """Conductance of each resistor, its line as the sign, (rows, columns x resistors) [S].

    Parameters
    ----------
    made : ProgrammedChip
        Its resistors are shown as fabricated.
    pruned : bool
        Whether those that are switched off are NaN.
    """
    every = np.ones(made.program.enabled.shape, np.bool_)
    siemens = made.chip.branch_siemens(every) * made.chip.design.signs
    if pruned:
        siemens = np.where(made.program.enabled, siemens, np.nan)
    return np.asarray(siemens.reshape(len(siemens), -1))


def plot_resistors(made: ProgrammedChip, pruned: bool, ax: Axes | None = None) -> Axes:
    """Every resistor of a chip, cell by cell; grey where pruning switched it off.

    Parameters
    ----------
    made : ProgrammedChip
        A small one.
    pruned : bool
        As fabricated, or after pruning.
    """
    ax = axes_or_new(ax)
    limit = 1e6 * float(np.abs(signed_siemens(made, False)).max())
    _map(1e6 * signed_siemens(made, pruned), limit, "conductance [µS]", ax)
    branches = made.program.enabled.shape[2]
    for edge in np.arange(branches, branches * made.chip.columns, branches):
        ax.axvline(edge - 0.5, color="black", linewidth=0.8)
    middle = (branches - 1) / 2 + branches * np.arange(made.chip.columns)
    ax.set_xticks(middle, [str(column) for column in range(made.chip.columns)])
    return ax


def plot_weights(
    weights: Floats, limit: float, ax: Axes | None = None, *, blank: bool = True
) -> Axes:
    """A matrix (outputs, inputs) as it stands on the chip: inputs down, outputs across.

    Parameters
    ----------
    weights : ndarray, (outputs, inputs)
        The matrix.
    limit : float
        Magnitude at either end of the colours.
    blank : bool
        Whether zeros are grey, as what was never asked for.
    """
    ax = axes_or_new(ax)
    shown = np.where(weights.T == 0, np.nan, weights.T) if blank else weights.T
    _map(shown, limit, "weight", ax)
    ax.set_xticks(range(len(weights)))
    return ax


def plot_quantity(rows: Sequence[HardwareRow], quantity: str, ax: Axes | None = None) -> Axes:
    """A quantity in ngspice against resistors per weight; the target's accuracy as a line.

    A line for each kind of resistors: the mean over chips, with a band from the lowest to the
    highest.

    Parameters
    ----------
    rows : sequence of HardwareRow
        Those of ngspice are shown.
    quantity : str
        A key of `QUANTITIES`.
    """
    ax = axes_or_new(ax)
    chosen = [row for row in rows if row.simulator == "ngspice"]
    kinds = dict.fromkeys(row.kind for row in chosen)
    for color, marker, kind in zip(cycle(COLORS), cycle(MARKERS), kinds, strict=False):
        values: dict[int, list[float]] = {}
        for row in chosen:
            if row.kind == kind:
                values.setdefault(row.resistors_per_weight, []).append(getattr(row, quantity))
        counts = sorted(values)
        chips = [np.array(values[n]) for n in counts]
        low, high = ([float(f(one)) for one in chips] for f in (np.min, np.max))
        mean = [float(one.mean()) for one in chips]
        ax.fill_between(counts, low, high, color=color, alpha=0.15, linewidth=0)
        ax.plot(counts, mean, color=color, marker=marker, markersize=4, label=kind)
    if quantity == "logit_error_percent":
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
    else:
        ax.axhline(
            chosen[0].target_percent, color="black", linestyle=":", linewidth=1, label="target"
        )
    ax.set_xticks(sorted({row.resistors_per_weight for row in chosen}))
    ax.set_xlabel("random resistors for each weight")
    ax.set_ylabel(QUANTITIES[quantity])
    return ax


def hardware_figure(
    made: ProgrammedChip, weights: Floats, product: Floats, rows: Sequence[HardwareRow], kind: str
) -> Figure:
    """Both halves: the random resistors, pruned, and what they compute; what the network keeps.

    Parameters
    ----------
    made : ProgrammedChip
        The last layer on a chip.
    weights, product : ndarray, (outputs, inputs)
        What was asked of it, and what it multiplies by.
    rows : sequence of HardwareRow
        Of all chips.
    kind : str
        The resistors of `made`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.4, 7.4), layout="constrained")
    grid = figure.add_gridspec(6, 4, width_ratios=[1, 1, 0.08, 1.5])
    plot_resistors(made, False, figure.add_subplot(grid[0:2, 0:2])).set_title(
        f"fabricated: {made.chip.true_ohm.size:,} random resistors ({kind})"
    )
    plot_resistors(made, True, figure.add_subplot(grid[2:4, 0:2])).set_title(
        f"pruned: {int(made.program.enabled.sum()):,} stay, the others are switched off"
    )
    limit = float(np.abs(weights).max())
    sums = plot_weights(product, limit, figure.add_subplot(grid[4:6, 0]), blank=False)
    sums.set_title("their sums, in ngspice")
    plot_weights(weights, limit, figure.add_subplot(grid[4:6, 1])).set_title("the target")
    errors, accuracy = figure.add_subplot(grid[0:3, 3]), figure.add_subplot(grid[3:6, 3])
    plot_quantity(rows, "logit_error_percent", errors).set_title("the whole network, in ngspice")
    plot_quantity(rows, "percent", accuracy)
    errors.legend(title="resistors")
    accuracy.legend()
    return figure


def _map(values: Floats, limit: float, label: str, ax: Axes) -> None:
    ax.set_facecolor(OPEN)
    image = ax.imshow(
        values, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest"
    )
    ax.figure.colorbar(image, ax=ax, label=label)
    ax.grid(False)
    ax.set_yticks(range(0, len(values), 5))
    ax.set_xlabel("output")
    ax.set_ylabel("input")

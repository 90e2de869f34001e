"""Figures of the theory: each takes data and, if given, the Axes to draw on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from solvers.theory.bits import BitsRow
from solvers.theory.growth import Reached, recursion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator

COLORS = ("#0072B2", "#D55E00", "#009E73", "#777777", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "osd^vP*"
STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "savefig.dpi": 200,
}
"""For `matplotlib.rc_context`: the look of the figures."""

LABELS = {
    "uniform": "uniform in (-1, 1)",
    "balanced": "as many of each sign",
    "products": "products of uniforms",
}


def plot_bits(rows: Sequence[BitsRow], ax: Axes | None = None) -> Axes:
    """Bits of precision against n: median, 1 % quantile and worst set of each distribution."""
    ax = _axes(ax)
    names = list(dict.fromkeys(row.distribution for row in rows))
    for color, marker, name in zip(cycle(COLORS), cycle(MARKERS), names, strict=False):
        chosen = sorted((row for row in rows if row.distribution == name), key=lambda row: row.n)
        counts = [row.n for row in chosen]
        label = LABELS.get(name, name)
        medians = [row.median for row in chosen]
        ax.plot(counts, medians, color=color, marker=marker, markersize=4, label=label)
        ax.plot(counts, [row.one_percent for row in chosen], "--", color=color)
        ax.plot(counts, [row.worst for row in chosen], ":", color=color)
    sets = f" of {rows[0].sets:,}" if len({row.sets for row in rows}) == 1 else ""
    for style, label in {"-": "median set", "--": "1 % quantile", ":": f"worst set{sets}"}.items():
        ax.plot([], [], style, color="black", label=label)
    ax.set_xlabel("values in a set")
    ax.set_ylabel("bits, whatever the target in [-1/2, 1/2]")
    ax.xaxis.set_major_locator(_steps_of_four())
    ax.yaxis.set_major_locator(_steps_of_four())
    ax.set_ylim(bottom=0)
    ax.legend(loc="upper left")
    return ax


def bits_figure(rows: Sequence[BitsRow]) -> Figure:
    """The figure "RSS in practice": `plot_bits` on a page of its own."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.6, 4.0), layout="constrained")
        plot_bits(rows, figure.subplots()).set_title("Random subset sums in practice")
    return figure


def plot_growth(fractions: ArrayLike, ax: Axes | None = None) -> Axes:
    """v_t of all runs (5 to 95 % and 25 to 75 % bands, mean), and the recursion from v_0.

    Parameters
    ----------
    fractions : array_like, (runs, steps + 1)
        As `sample_growth` returns them.
    """
    ax = _axes(ax)
    table = np.asarray(fractions, dtype=np.float64)
    steps = np.arange(table.shape[1])
    bands = ((0.05, 0.15, "5 to 95 % of runs"), (0.25, 0.3, "25 to 75 %"))
    for share, alpha, label in bands:
        low, high = np.quantile(table, (share, 1 - share), axis=0)
        ax.fill_between(steps, low, high, color=COLORS[0], alpha=alpha, linewidth=0, label=label)
    ax.plot(steps, table.mean(axis=0), color=COLORS[0], linewidth=1.6, label="mean of runs")
    expected = recursion(float(table[0, 0]), table.shape[1] - 1)
    ax.plot(steps, expected, color=COLORS[1], linestyle="--", linewidth=1.6, label="recursion")
    ax.set_xlabel("values $t$")
    ax.set_ylabel("fraction of targets reached $v_t$")
    ax.set_ylim(0, 1)
    ax.legend(loc="lower right")
    return ax


def plot_reached(steps: Sequence[Reached], ax: Axes | None = None) -> Axes:
    """f_0, f_1, ... one above the other: the targets that are reached, as bars."""
    ax = _axes(ax)
    for t, targets in enumerate(steps):
        bars = list(zip(targets.starts, targets.ends - targets.starts, strict=True))
        ax.broken_barh(bars, (t - 0.4, 0.8), color=COLORS[0], linewidth=0)
    ax.set_axisbelow(True)
    ax.set_xlim(-0.5, 0.5)
    ax.set_yticks(range(0, len(steps), max(1, len(steps) // 8)))
    ax.set_xlabel("target $z$")
    ax.set_ylabel("values $t$")
    return ax


def plot_values_needed(
    simulated: Mapping[float, ArrayLike],
    expected: Mapping[float, int],
    ax: Axes | None = None,
) -> Axes:
    """Values needed against eps: 5 %, median and 95 % of the runs, and the recursion.

    Parameters
    ----------
    simulated : mapping from eps to array_like, (runs,)
        As `values_to_reach` returns them.
    expected : mapping from eps to int
        As `values_needed` returns them.
    """
    ax = _axes(ax)
    widths = sorted(simulated)
    runs = [np.sort(np.asarray(simulated[eps], dtype=np.float64)) for eps in widths]
    low, median, high = (
        [float(one[math.ceil(share * one.size) - 1]) for one in runs] for share in (0.05, 0.5, 0.95)
    )
    ax.fill_between(widths, low, high, color=COLORS[0], alpha=0.18, linewidth=0, label="5 to 95 %")
    ax.plot(widths, median, "o-", color=COLORS[0], markersize=3.5, label="median run")
    known = sorted(expected)
    ax.plot(known, [expected[eps] for eps in known], "s--", color=COLORS[1], label="recursion")
    ax.set_xscale("log")
    ax.invert_xaxis()
    ax.set_xlabel("error $\\varepsilon$")
    ax.set_ylabel("values needed")
    ax.legend(loc="upper left")
    return ax


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots()[1]


def _steps_of_four() -> Locator:
    from matplotlib.ticker import MultipleLocator

    return MultipleLocator(4)

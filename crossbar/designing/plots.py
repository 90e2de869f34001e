"""The trade as a figure: a line for each kind of cell, a panel for each thing that it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crossbar.designing.trade import NOT_MET, PROOF, STATISTIC, TradeRow
from crossbar.figures import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOR_OF = {PROOF: "#0072B2", STATISTIC: "#E69F00", NOT_MET: "#bbbbbb"}
PANELS = (
    ("resistors", "resistors", False),
    ("switches", "switches", False),
    ("total_ohm", "total resistance\n= area [Mohm]", True),
    ("spread", "spread of values", True),
    ("usable", "usable range [%]", False),
)
_SCALE = {"total_ohm": 1e-6, "usable": 100.0}


def plot_cost(
    rows: Sequence[TradeRow], column: str, ax: Axes | None = None, log: bool = False
) -> Axes:
    """One column of the trade as bars, coloured by how sure each cell is, with its value.

    Parameters
    ----------
    rows : sequence of TradeRow
        One for each kind of cell, from above.
    column : str
        Of numbers.
    log : bool
        Whether the values differ by orders of magnitude; then a dot marks each.
    """
    ax = axes_or_new(ax)
    values = [getattr(row, column) * _SCALE.get(column, 1.0) for row in rows]
    colors = [COLOR_OF[row.certainty] for row in rows]
    places = range(len(rows))
    if log:
        ax.scatter(values, places, color=colors, s=16, zorder=3)
        ax.set_xscale("log")
        ax.set_xlim(min(values) / 2, max(values) * 30)
    else:
        ax.barh(places, values, color=colors, height=0.6, zorder=2)
        ax.set_xlim(0, max(values) * 1.35)
    for place, value in zip(places, values, strict=True):
        ax.annotate(
            f"{value:.3g}".replace("e+0", "e"),
            (value, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
        )
    return _rows_from_above(ax, rows)


def plot_bits(rows: Sequence[TradeRow], bits: float, ax: Axes | None = None) -> Axes:
    """Worst and median bits of the simulated cells, and what is asked as a line."""
    ax = axes_or_new(ax)
    ax.axvline(bits, color="black", linewidth=1, linestyle=":")
    for place, row in enumerate(rows):
        color = COLOR_OF[row.certainty]
        if row.worst_bits is not None and row.median_bits is not None:
            ax.plot([row.worst_bits, row.median_bits], [place, place], color=color, linewidth=2)
            ax.plot(row.worst_bits, place, "|", color=color, markersize=8, markeredgewidth=2)
            ax.plot(row.median_bits, place, "o", color=color, markersize=4)
        if row.certainty == PROOF and row.proven_bits is not None:
            ax.plot(row.proven_bits, place, "D", color="black", markersize=3, zorder=4)
    return _rows_from_above(ax, rows)


def trade_figure(rows: Sequence[TradeRow], bits: float, chosen: TradeRow | None = None) -> Figure:
    """All panels side by side; the chosen cell in bold."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(10.2, 0.9 + 0.21 * max(len(rows), 6)), layout="constrained")
    wide = figure.subplots(1, len(PANELS) + 1, sharey=True, width_ratios=[1.5] + [1] * len(PANELS))
    plot_bits(rows, bits, wide[0]).set_title("bits, every target", fontsize=9)
    for ax, (column, title, log) in zip(wide[1:], PANELS, strict=True):
        plot_cost(rows, column, ax, log).set_title(title, fontsize=9)
    for label, row in zip(wide[0].get_yticklabels(), rows, strict=True):
        if chosen is not None and row.key == chosen.key:
            label.set_fontweight("bold")
    marks = [
        Line2D([], [], color=color, linewidth=5, label=text)
        for text, color in COLOR_OF.items()
        if any(row.certainty == text for row in rows)
    ]
    styles = (("|", "worst cell"), ("o", "median cell"), ("D", "proven"))
    marks += [
        Line2D([], [], color="black", marker=mark, linestyle="", markersize=5, label=text)
        for mark, text in styles
    ]
    marks.append(Line2D([], [], color="black", linewidth=1, linestyle=":", label="asked"))
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), fontsize=8)
    return figure


def _rows_from_above(ax: Axes, rows: Sequence[TradeRow]) -> Axes:
    ax.set_yticks(range(len(rows)), [f"{row.family}, n = {row.resistors}" for row in rows])
    ax.tick_params(axis="y", labelsize=7.5, length=0)
    ax.tick_params(axis="x", labelsize=7)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(visible=False, axis="y")
    return ax

"""The figure "what limits my bits": a curve for each case, its name at its end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from crossbar.figures import COLORS, MARKERS, axes_or_new, plot_band
from crossbar.limits.cases import ALL, NONE, PANELS, Case
from crossbar.limits.experiment import LimitRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {
    "made": "How the chip is made and measured",
    "used": "What happens to it afterwards",
    "read": "How it is read",
}
LINE_HEIGHT = 0.052
"""Least distance of two names, of the axes' height."""


def plot_limits(
    rows: Sequence[LimitRow], cases: Sequence[Case], panel: str, ax: Axes | None = None
) -> Axes:
    """Effective bits of the products against resistors per weight.

    Parameters
    ----------
    rows : sequence of LimitRow
        Any cases; those of the panel are drawn, and those of every panel.
    cases : sequence of Case
        In the order of their colours.
    panel : str
        One of `cases.PANELS`.
    """
    ax = axes_or_new(ax)
    own = [case for case in cases if case.panel == panel]
    shown = [case for case in cases if case.panel in ("", panel)]
    ends = []
    for case in shown:
        chosen = [row for row in rows if row.case == case.name]
        if not chosen:
            continue
        color, style = "black", {"linewidth": 1.8, "linestyle": "-"}
        if case.name == NONE:
            color, style = "#777777", {"linewidth": 1.2, "linestyle": "--"}
        elif case.name != ALL:
            number = own.index(case)
            color = _COLORS[number % len(_COLORS)]
            style = {"linewidth": 1.4, "marker": MARKERS[number % len(MARKERS)], "markersize": 3.5}
        plot_band(ax, chosen, "effective_bits", color, **style)
        last = max(row.resistors_per_weight for row in chosen)
        mean = np.mean([row.effective_bits for row in chosen if row.resistors_per_weight == last])
        ends.append((float(mean), case.text, color))
    ax.set_xlabel("resistors per weight")
    ax.set_xticks(sorted({row.resistors_per_weight for row in rows}))
    ax.set_ylabel("effective bits of the products")
    ax.set_ylim(0, _highest(rows))
    _name_ends(ax, ends)
    return ax


def limits_figure(rows: Sequence[LimitRow], cases: Sequence[Case]) -> Figure:
    """A panel for each stage, with the limits of the others left out of it."""
    from matplotlib.figure import Figure

    panels = [panel for panel in PANELS if any(case.panel == panel for case in cases)]
    figure = Figure(figsize=(5.2 * len(panels), 4.1), layout="constrained")
    for ax, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        plot_limits(rows, cases, panel, ax).set_title(TITLES[panel], loc="left")
    return figure


_COLORS = [color for color in COLORS if color != "#777777"]


def _highest(rows: Sequence[LimitRow]) -> float:
    finite = [row.effective_bits for row in rows if np.isfinite(row.effective_bits)]
    return 1.04 * max(finite, default=1.0)


def _name_ends(ax: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Names right of the curves' ends, in their order, moved apart where they would touch."""
    least = LINE_HEIGHT * ax.get_ylim()[1]
    at = spread([bits for bits, _, _ in ends], least)
    for height, (bits, text, color) in zip(at, ends, strict=True):
        ax.annotate(
            text,
            (1, bits),
            (1.06, height),
            xycoords=ax.get_yaxis_transform(),
            textcoords=ax.get_yaxis_transform(),
            color=color,
            va="center",
            fontsize=8,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.5, "shrinkA": 1},
        )


def spread(heights: Sequence[float], least: float) -> list[float]:
    """Heights in the same order, at least so far apart, each group about its middle.

    Groups of touching ones are joined and centred until none touch.
    """
    order = np.argsort(np.asarray(heights, float), kind="stable")
    groups = [[float(heights[number]), 1] for number in order]
    done = False
    while not done:
        done = True
        for one, two in pairwise(groups):
            if two[0] - one[0] < least * (one[1] + two[1]) / 2:
                total = one[1] + two[1]
                one[:] = [(one[0] * one[1] + two[0] * two[1]) / total, total]
                groups.remove(two)
                done = False
                break
    placed = [
        middle + least * (number - (count - 1) / 2)
        for middle, count in groups
        for number in range(int(count))
    ]
    found = np.empty(len(placed))
    found[order] = placed
    return [float(height) for height in found]

"""The figure "what limits my bits": a curve for each case, its name at its end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

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
SHOWN_RESISTORS = 16
LINE_HEIGHT = 0.062
"""Least distance of two names, of the axes' height."""

_GREY = "#777777"
_COLORS = [color for color in COLORS if color != _GREY]


def plot_limits(
    rows: Sequence[LimitRow], cases: Sequence[Case], panel: str, ax: Axes | None = None
) -> Axes:
    """Effective bits of the products against resistors per weight; bands over chips.

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
    ends = []
    for case in cases:
        chosen = [row for row in rows if row.case == case.name]
        if case.panel not in ("", panel) or not chosen:
            continue
        style = _style(case, cases)
        plot_band(ax, chosen, "effective_bits", **style)
        last = max(row.resistors_per_weight for row in chosen)
        ends.append((_mean(chosen, last), case.text, style["color"]))
    ax.set_xlabel("resistors per weight")
    ax.set_xticks(sorted({row.resistors_per_weight for row in rows}))
    _bits_axis(ax, rows)
    _name_ends(ax, ends)
    return ax


def plot_ranking(
    rows: Sequence[LimitRow], cases: Sequence[Case], count: int, ax: Axes | None = None
) -> Axes:
    """Every case at one number of resistors, the worst at the bottom; bars span the chips."""
    ax = axes_or_new(ax)
    chosen = [row for row in rows if row.resistors_per_weight == count]
    present = [case for case in cases if any(row.case == case.name for row in chosen)]
    means = [_mean([row for row in chosen if row.case == one.name], count) for one in present]
    for place, number in enumerate(np.argsort(means, kind="stable")):
        case = present[number]
        bits = [row.effective_bits for row in chosen if row.case == case.name]
        color = _style(case, cases)["color"]
        ax.plot([0, means[number]], [place, place], color=color, linewidth=1)
        ax.plot([min(bits), max(bits)], [place, place], color=color, linewidth=4, alpha=0.35)
        ax.plot(means[number], place, "o", color=color, markersize=4)
        where = ax.get_yaxis_transform()
        ax.text(1.06, place, case.text, transform=where, color=color, va="center", fontsize=8)
    ax.set_yticks([])
    ax.grid(False, axis="y")
    ax.set_xlim(left=0)
    ax.set_xlabel(f"effective bits at {count} resistors per weight")
    return ax


def limits_figure(rows: Sequence[LimitRow], cases: Sequence[Case], title: str = "") -> Figure:
    """A panel for each stage, and all limits in their order."""
    from matplotlib.figure import Figure

    panels = [panel for panel in PANELS if any(case.panel == panel for case in cases)]
    figure = Figure(figsize=(9.6, 3.3 * ((len(panels) + 2) // 2)), layout="constrained")
    axes = list(figure.subplots((len(panels) + 2) // 2, 2, squeeze=False).flat)
    for ax, panel in zip(axes, panels, strict=False):
        plot_limits(rows, cases, panel, ax).set_title(TITLES[panel], loc="left")
    counts = sorted({row.resistors_per_weight for row in rows})
    count = max([n for n in counts if n <= SHOWN_RESISTORS], default=counts[0])
    plot_ranking(rows, cases, count, axes[len(panels)]).set_title("In order", loc="left")
    for ax in axes[len(panels) + 1 :]:
        ax.remove()
    if title:
        figure.suptitle(title, fontsize=10)
    return figure


def _style(case: Case, cases: Sequence[Case]) -> dict[str, Any]:
    if case.name == ALL:
        return {"color": "black", "linewidth": 1.8}
    if case.name == NONE:
        return {"color": _GREY, "linewidth": 1.2, "linestyle": "--"}
    number = [one.name for one in cases if one.panel == case.panel].index(case.name)
    marker = MARKERS[number % len(MARKERS)]
    color = _COLORS[number % len(_COLORS)]
    return {"color": color, "linewidth": 1.4, "marker": marker, "markersize": 3.5}


def _mean(rows: Sequence[LimitRow], count: int) -> float:
    return float(np.mean([row.effective_bits for row in rows if row.resistors_per_weight == count]))


def _bits_axis(ax: Axes, rows: Sequence[LimitRow]) -> None:
    from matplotlib.ticker import MaxNLocator

    finite = [row.effective_bits for row in rows if np.isfinite(row.effective_bits)]
    ax.set_ylim(min(0.0, *finite), 1.04 * max(finite))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 4, 5, 10]))
    ax.set_ylabel("effective bits of the products")


def _name_ends(ax: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Names right of the curves' ends, in their order, moved apart where they would touch."""
    low, high = ax.get_ylim()
    least = LINE_HEIGHT * (high - low)
    at = spread([bits for bits, _, _ in ends], least, high - least / 2)
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
            arrowprops={
                "arrowstyle": "-",
                "color": color,
                "linewidth": 0.5,
                "shrinkA": 1,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
        )


def spread(heights: Sequence[float], least: float, highest: float) -> list[float]:
    """Heights in the same order, at least so far apart, none above the highest.

    Groups of touching ones are joined about their middle until none touch.
    """
    order = np.argsort(np.asarray(heights, float), kind="stable")
    groups = [(float(heights[number]), 1) for number in order]
    while touching := [
        place
        for place, (one, two) in enumerate(pairwise(groups))
        if two[0] - one[0] < least * (one[1] + two[1]) / 2 * (1 - 1e-9)
    ]:
        place = touching[0]
        (one, few), (two, more) = groups[place : place + 2]
        total = few + more
        groups[place : place + 2] = [((one * few + two * more) / total, total)]
    placed = np.array(
        [
            middle + least * (number - (count - 1) / 2)
            for middle, count in groups
            for number in range(count)
        ]
    )
    below = highest - least * np.arange(len(placed))[::-1]
    found = np.empty(len(placed))
    found[order] = np.minimum(placed, below)
    return [float(height) for height in found]

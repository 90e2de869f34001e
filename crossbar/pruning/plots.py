"""The figure of all families: accuracy against what each takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from crossbar.pruning.rows import FAMILIES, PruningRow, by_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

QUANTITIES = {
    "stored_bits": "stored bits",
    "kept_weights": "weights that are not zero",
    "resistors": "resistors, cells for kept weights only",
    "array_resistors": "resistors, cells at every crossing",
}
COLORS = dict(
    zip(
        FAMILIES,
        ("#000000", "#E69F00", "#0072B2", "#56B4E9", "#009E73", "#D55E00", "#CC79A7", "#999999"),
        strict=True,
    )
)
LABELS = {
    "magnitude": "magnitude, at once",
    "iterative": "magnitude, in rounds",
    "ticket": "lottery ticket",
    "reinitialized": "ticket's mask, other weights",
}
MOST_LOST_PERCENT = 25
"""Accuracies further below the dense network's are outside the figure."""


def families_figure(rows: Sequence[PruningRow], digital_percent: float, title: str) -> Figure:
    """Accuracy of all families against each of the four quantities.

    Parameters
    ----------
    rows : sequence of PruningRow
        The table.
    digital_percent : float
        Accuracy of the network before pruning [%].
    title : str
        Of the figure.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7.6), layout="constrained")
    panels = figure.subplots(2, 2, sharey=True)
    for quantity, ax in zip(QUANTITIES, panels.flat, strict=True):
        plot_families(rows, quantity, ax)
        ax.axhline(digital_percent, color="black", linewidth=0.8, linestyle="--")
    lowest = min(row.accuracy_percent for row in rows)
    span = max(digital_percent, *(row.accuracy_percent for row in rows)) - lowest
    top = lowest + 1.04 * span + 0.1
    panels[0, 0].set_ylim(max(lowest - 0.04 * span - 0.1, digital_percent - MOST_LOST_PERCENT), top)
    for ax in panels[:, 0]:
        ax.set_ylabel("accuracy [%]")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    handles.append(panels[0, 0].plot([], [], "--", color="black", linewidth=0.8)[0])
    figure.legend(handles, [*labels, "not pruned, 32 bits"], loc="outside lower center", ncols=3)
    figure.suptitle(title)
    return figure


def plot_families(rows: Sequence[PruningRow], quantity: str, ax: Axes | None = None) -> Axes:
    """Accuracy against one quantity, a line for each family.

    Means over seeds, with a band from the lowest to the highest.
    """
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1]
    levels = by_level(rows)
    for family in dict.fromkeys(row.family for row in rows):
        seeds = [found for (its, _), found in levels.items() if its == family]
        taken = np.array([np.mean([getattr(row, quantity) for row in found]) for found in seeds])
        values = [np.array([row.accuracy_percent for row in found]) for found in seeds]
        order = np.argsort(taken, kind="stable")
        lowest, highest, means = (
            np.array([measure(found) for found in values])[order]
            for measure in (np.min, np.max, np.mean)
        )
        color = COLORS[family]
        ax.fill_between(taken[order], lowest, highest, color=color, alpha=0.15, linewidth=0)
        ax.plot(
            taken[order],
            means,
            ":" if family == "reinitialized" else "-",
            color=color,
            marker="o",
            markersize=3,
            linewidth=1.3,
            label=LABELS.get(family, family),
        )
    ax.set_xscale("log")
    ax.set_xlabel(QUANTITIES[quantity])
    return ax

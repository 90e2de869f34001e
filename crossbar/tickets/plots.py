"""Figures of the tickets: each function takes rows and, if given, the Axes to draw on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Protocol

import numpy as np

from crossbar.figures import COLORS, MARKERS, axes_or_new
from crossbar.tickets.flyhash import RecallRow
from crossbar.tickets.neurons import NeuronRow, largest_dimensions

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ErrorRow(Protocol):
    """What `plot_weight_errors` reads of a row, such as `experiments.TicketRow`."""

    @property
    def name(self) -> str:
        """The construction."""

    @property
    def n(self) -> int:
        """Candidates for a weight."""

    @property
    def relative_weight_error(self) -> float:
        """Largest error of a weight, relative to the largest of its tensor."""


LABELS = {
    "plain sums": "plain subset sums",
    "malach": "Malach: one of n",
    "pensia": "Pensia: subset sum, both signs",
    "orseau": "Orseau: digits, hyperbolic",
    "da_cunha": "Pensia, da Cunha: subset sum",
}

KIND_TITLES = {
    "outputs": "one input, d outputs",
    "inputs": "d inputs, one output",
    "independent": "independent vectors",
    "filters": "whole filters",
}


def plot_weight_errors(
    rows: Iterable[ErrorRow],
    published: Mapping[int, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Largest relative error of a weight against the random numbers to choose from.

    Parameters
    ----------
    rows : iterable of ErrorRow
        One line for each name: the median of the draws, the band all of them.
    published : mapping from n to error, optional
        Shown beside, as `experiments.DA_CUNHA`.
    """
    ax = axes_or_new(ax)
    lines: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        lines.setdefault(row.name, {}).setdefault(row.n, []).append(row.relative_weight_error)
    looks = zip(cycle(COLORS), cycle(MARKERS), lines.items(), strict=False)
    for color, marker, (name, errors) in looks:
        counts = sorted(errors)
        low, middle, high = np.array(
            [np.quantile(errors[n], (0, 0.5, 1), method="nearest") for n in counts]
        ).T
        ax.fill_between(counts, low, high, color=color, alpha=0.15, linewidth=0)
        label = LABELS.get(name, name)
        ax.plot(counts, middle, color=color, marker=marker, markersize=4, label=label)
    if published:
        known = sorted(published)
        values = [published[n] for n in known]
        ax.plot(known, values, "kx", markersize=7, label="da Cunha et al., published", zorder=3)
    ax.set_yscale("log")
    ax.set_xlabel("random numbers n for each weight")
    ax.set_ylabel("largest error of a weight,\nrelative to the largest weight")
    ax.legend(loc="lower left")
    return ax


def plot_neurons(
    rows: Sequence[NeuronRow], kind: str, eps: float = 0.1, ax: Axes | None = None
) -> Axes:
    """Median error for each dimension and number of neurons, as a heat map.

    The line divides what reaches eps from what does not; numbers of neurons whose choices are
    not proven best are marked with a star.

    Parameters
    ----------
    rows : sequence of NeuronRow
        All dimensions for each n.
    kind : str
        Which of them.
    eps : float
        Error that is asked for.
    """
    from matplotlib.colors import LogNorm

    ax = axes_or_new(ax)
    chosen = {(row.d, row.n): row for row in rows if row.kind == kind}
    dimensions, counts = (sorted({key[k] for key in chosen}) for k in (0, 1))
    errors = np.array([[chosen[d, n].median_error for n in counts] for d in dimensions])
    norm = LogNorm(min(1e-3, float(errors.min())), 0.5)
    image = ax.imshow(errors, norm=norm, cmap="viridis", origin="lower", aspect="auto")
    ax.figure.colorbar(image, ax=ax, label="median of the largest error")
    for place, value in np.ndenumerate(errors):
        color = "black" if norm(value) > 0.6 else "white"
        ax.text(place[1], place[0], f"{value:.1g}", ha="center", va="center", size=6, color=color)
    reached = largest_dimensions([row for row in rows if row.kind == kind], eps)
    steps = [sum(d <= reached[kind, n] for d in dimensions) - 0.5 for n in counts]
    edges = np.arange(len(counts) + 1) - 0.5
    ax.stairs(steps, edges, baseline=None, color="#D55E00", linewidth=2)
    stars = ["" if chosen[dimensions[0], n].proven else "*" for n in counts]
    ax.set_xticks(range(len(counts)), [f"{n}{star}" for n, star in zip(counts, stars, strict=True)])
    ax.set_yticks(range(len(dimensions)), list(map(str, dimensions)))
    ax.grid(False)
    unit = "filters" if kind == "filters" else "neurons"
    ax.set_xlabel(f"{unit} n to choose from (* not proven best)")
    ax.set_ylabel("weights d that one choice serves")
    ax.set_title(f"{KIND_TITLES.get(kind, kind)}; line: error {eps:g}")
    return ax


def plot_recall(rows: Iterable[RecallRow], ax: Axes | None = None) -> Axes:
    """Recall of each hash against its length, with its standard deviation over trials."""
    ax = axes_or_new(ax)
    lines: dict[str, list[RecallRow]] = {}
    for row in rows:
        lines.setdefault(row.name, []).append(row)
    for color, marker, (name, points) in zip(cycle(COLORS), cycle(MARKERS), lines.items()):
        chosen = sorted(points, key=lambda row: row.length)
        lengths, means = ([getattr(row, field) for row in chosen] for field in ("length", "recall"))
        deviations = [row.deviation for row in chosen]
        dashed = "--" if name == "array, wires" else "-"
        ax.errorbar(
            lengths,
            means,
            deviations,
            color=color,
            marker=marker,
            markersize=4,
            linestyle=dashed,
            capsize=2,
            label=name,
        )
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_ylim(0, 1)
    ax.set_xlabel("length of the hash: winners or projections")
    ax.set_ylabel("recall of the nearest 2 %")
    ax.legend(loc="upper left")
    return ax

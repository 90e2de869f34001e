"""Figures as files, in the style of the package."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crossbar.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE = Path(__file__).parent / "data" / "figures.mplstyle"
PAPER = Path(__file__).parent / "paper.mplstyle"
"""For ``matplotlib.style.use("crossbar.paper")``: one column of a paper."""
COLORS = ("#0072B2", "#D55E00", "#009E73", "#777777", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "osd^vP*"


def axes_or_new(ax: Axes | None) -> Axes:
    """The Axes that were given, or those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots()[1]


def plot_band(ax: Axes, rows: Sequence[Any], column: str, color: str, **line: Any) -> None:
    """A column against resistors per weight: the mean over chips as a line, all within a band.

    Parameters
    ----------
    rows : sequence of dataclass
        With `resistors_per_weight` and the column.
    line : dict
        More about the line, for `Axes.plot`.
    """
    counts = sorted({row.resistors_per_weight for row in rows})
    values = [
        np.array([getattr(row, column) for row in rows if row.resistors_per_weight == n], float)
        for n in counts
    ]
    low, high = [chips.min() for chips in values], [chips.max() for chips in values]
    ax.fill_between(counts, low, high, color=color, alpha=0.15, linewidth=0)
    ax.plot(counts, [chips.mean() for chips in values], color=color, **line)


def save_figure(
    draw: Callable[[], Figure], folder: Path, name: str, *, paper: bool = False
) -> list[Path]:
    """Draw a figure and write it as PNG and SVG; the same figure gives the same bytes.

    Parameters
    ----------
    draw : callable
        Makes the figure, under the style.
    folder : Path
        Where the files go.
    name : str
        Theirs, without suffix.
    paper : bool
        Whether to use the style for papers, and to write a PDF too.

    Returns
    -------
    list of Path
        The files.
    """
    import matplotlib.style

    paths = []
    kinds: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}}
    if paper:
        kinds["pdf"] = {"CreationDate": None}
    with matplotlib.style.context([STYLE, PAPER] if paper else STYLE):
        figure = draw()
        for suffix, metadata in kinds.items():
            drawn = io.BytesIO()
            figure.savefig(drawn, format=suffix, metadata=metadata)
            paths.append(folder / f"{name}.{suffix}")
            write_atomically(paths[-1], drawn.getvalue())
    return paths

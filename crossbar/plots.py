"""The figures of a study, from the rows of its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from crossbar.figures import COLORS, MARKERS, axes_or_new, plot_band, save_figure
from crossbar.results import NETWORK, Row

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WEIGHT_LINES = {"-": "median weight", "--": "worst weight"}
PRODUCT_LINES = {"-": "with wires", ":": "ideal wires"}
Place = Literal["outside upper center", "outside lower center"]
_LETTERS_PER_INCH = 14
_LEGEND_LINES = 2
"""Lines of a legend that a figure's own height has room for."""
_INCHES_PER_LINE = 0.22


def plot_weight_bits(rows: Sequence[Row], ax: Axes | None = None) -> Axes:
    """Bits of the weights against resistors per weight.

    Median cell (solid) and worst cell (dashed) of each design, averaged over chips, with
    the band from the lowest to the highest chip.
    """
    ax = axes_or_new(ax)
    for color, marker, label, chosen in _designs(rows):
        _band(ax, chosen, "weight_median_bits", color, marker, label)
        _band(ax, chosen, "weight_worst_bits", color, marker, None, "--")
    _x_axis(ax, rows)
    ax.set_ylabel("bits of precision of a weight")
    ax.set_ylim(bottom=0)
    return ax


def plot_product_bits(rows: Sequence[Row], ax: Axes | None = None) -> Axes:
    """Effective bits of the network's logits against resistors per weight.

    With the circuit's wires (solid) and without any wire resistance (dotted).
    """
    ax = axes_or_new(ax)
    for color, marker, label, chosen in _designs(rows):
        _band(ax, chosen, "product_effective_bits", color, marker, label)
        _band(ax, chosen, "ideal_wires_product_effective_bits", color, marker, None, ":")
    _x_axis(ax, rows)
    ax.set_ylabel("effective bits of the logits")
    return ax


def plot_logit_error(rows: Sequence[Row], ax: Axes | None = None) -> Axes:
    """Rms error of the logits, in percent of their range, against resistors per weight."""
    ax = axes_or_new(ax)
    for color, marker, label, chosen in _designs(rows):
        _band(ax, chosen, "logit_error_percent", color, marker, label)
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter("{x:g}")
    _x_axis(ax, rows)
    ax.set_ylabel("rms logit error [% of range]")
    return ax


def plot_flips(rows: Sequence[Row], ax: Axes | None = None) -> Axes:
    """Test images that change their label, against resistors per weight."""
    ax = axes_or_new(ax)
    for color, marker, label, chosen in _designs(rows):
        _band(ax, chosen, "flips", color, marker, label)
    ax.set_yscale("symlog", linthresh=1)
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_formatter("{x:g}")
    _x_axis(ax, rows)
    ax.set_ylabel("flips [test images]")
    return ax


def plot_accuracy(rows: Sequence[Row], digital_percent: float, ax: Axes | None = None) -> Axes:
    """Test accuracy against resistors per weight, the digital accuracy as a line."""
    ax = axes_or_new(ax)
    ax.axhline(digital_percent, color="black", linewidth=1, linestyle=":", label="digital")
    for color, marker, label, chosen in _designs(rows):
        _band(ax, chosen, "accuracy_percent", color, marker, label)
    _x_axis(ax, rows)
    ax.set_ylabel("test accuracy [%]")
    return ax


def precision_figure(rows: Sequence[Row]) -> Figure:
    """Bits of precision against resistors per weight: of a weight, and of the logits."""
    figure, (left, right) = _figure(2, (8.2, 3.9))
    plot_weight_bits(rows, left).set_title("Weights")
    plot_product_bits(rows, right).set_title("Network")
    _shared_legend(figure, right)
    _line_legend(left, WEIGHT_LINES)
    _line_legend(right, PRODUCT_LINES)
    return figure


def network_figure(rows: Sequence[Row], digital_percent: float) -> Figure:
    """What the network feels against resistors per weight: logit error, flips, accuracy."""
    figure, (left, middle, right) = _figure(3, (9.6, 3.6))
    plot_logit_error(rows, left).set_title("Logit error")
    plot_flips(rows, middle).set_title("Flipped labels")
    plot_accuracy(rows, digital_percent, right).set_title("Accuracy")
    _shared_legend(figure, right)
    return figure


def save_figures(rows: Sequence[Row], digital_percent: float, folder: Path) -> list[Path]:
    """Write both figures of a study as PNG and SVG.

    Returns
    -------
    list of Path
        The files.
    """
    precision = save_figure(lambda: precision_figure(rows), folder, "precision")
    network = save_figure(lambda: network_figure(rows, digital_percent), folder, "network")
    return precision + network


def save_paper_figures(rows: Sequence[Row], digital_percent: float, folder: Path) -> list[Path]:
    """Write each quantity of a study as a figure of one column's width: PNG, SVG and PDF.

    Returns
    -------
    list of Path
        The files, ``paper-weight-bits.png`` and so on.
    """
    draws: dict[str, tuple[Callable[[Axes], Axes], Mapping[str, str]]] = {
        "weight-bits": (lambda ax: plot_weight_bits(rows, ax), WEIGHT_LINES),
        "product-bits": (lambda ax: plot_product_bits(rows, ax), PRODUCT_LINES),
        "logit-error": (lambda ax: plot_logit_error(rows, ax), {}),
        "flips": (lambda ax: plot_flips(rows, ax), {}),
        "accuracy": (lambda ax: plot_accuracy(rows, digital_percent, ax), {}),
    }
    paths = []
    for name, (draw, lines) in draws.items():
        made = partial(_column, draw, lines)
        paths += save_figure(made, folder, f"paper-{name}", paper=True)
    return paths


def _column(draw: Callable[[Axes], Axes], lines: Mapping[str, str]) -> Figure:
    """A figure of the style's own size, its legend above: the panel has no room for any."""
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    ax = draw(figure.subplots())
    handles, labels = ax.get_legend_handles_labels()
    styles = _line_styles(ax, lines)
    _legend(figure, [*handles, *styles], [*labels, *lines.values()], "outside upper center")
    return figure


def _figure(panels: int, size: tuple[float, float]) -> tuple[Figure, Sequence[Axes]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(1, panels)


def _x_axis(ax: Axes, rows: Sequence[Row]) -> None:
    ax.set_xlabel("resistors per weight")
    ax.set_xticks(sorted({row.resistors_per_weight for row in rows}))


def _line_legend(ax: Axes, kinds: Mapping[str, str]) -> None:
    """Explain line styles in black, apart from the designs' colors."""
    ax.legend(handles=_line_styles(ax, kinds), loc="upper left")


def _line_styles(ax: Axes, kinds: Mapping[str, str]) -> list[Artist]:
    return [ax.plot([], [], style, color="black", label=text)[0] for style, text in kinds.items()]


def _shared_legend(figure: Figure, ax: Axes) -> None:
    _legend(figure, *ax.get_legend_handles_labels(), "outside lower center")


def _legend(figure: Figure, handles: Sequence[Artist], labels: Sequence[str], place: Place) -> None:
    """A legend beside the panels; the figure grows where it has many lines."""
    columns = _fitting(figure, labels)
    more = max(0, -(-len(labels) // columns) - _LEGEND_LINES)
    figure.set_figheight(figure.get_figheight() + more * _INCHES_PER_LINE)
    figure.legend(handles, labels, loc=place, ncols=columns)


def _fitting(figure: Figure, labels: Sequence[str]) -> int:
    """How many of these labels a legend can have side by side."""
    letters = _LETTERS_PER_INCH * figure.get_figwidth()
    return max(1, min(len(labels), int(letters / (max(map(len, labels), default=0) + 6))))


def _designs(rows: Sequence[Row]) -> list[tuple[str, str, str, list[Row]]]:
    """Color, marker, label and network rows of each design and swept point, as they appear."""
    network = [row for row in rows if row.layer == NETWORK]
    labels = list(dict.fromkeys(row.series for row in network))
    return [
        (
            COLORS[number % len(COLORS)],
            MARKERS[(number + number // len(COLORS)) % len(MARKERS)],
            label.replace("$", r"\$"),  # no formula
            [row for row in network if row.series == label],
        )
        for number, label in enumerate(labels)
    ]


def _band(
    ax: Axes,
    rows: Sequence[Row],
    column: str,
    color: str,
    marker: str,
    label: str | None,
    line: str = "-",
) -> None:
    style = {"markersize": 4, "linewidth": 1.4, "linestyle": line, "label": label}
    plot_band(ax, rows, column, color, marker=marker, **style)

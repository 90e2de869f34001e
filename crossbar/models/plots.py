"""The figure of a network on arrays: what its weights, products and labels keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from crossbar.figures import axes_or_new, plot_band
from crossbar.models.rows import ModelRow
from crossbar.tables import NETWORK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

QUANTITIES = {
    "weight_effective_bits": "weights\n[effective bits]",
    "product_effective_bits": "logits\n[effective bits]",
    "logit_error_percent": "logit error\n[% of range]",
    "flips": "flips\n[test images]",
    "accuracy_percent": "accuracy\n[%]",
}
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
LINES = {"real": "-", "ideal": ":"}
_LINEAR = {"flips": {"linthresh": 1}}


def model_figure(
    rows_of: Mapping[str, Sequence[ModelRow]], digital_percent: Mapping[str, float], title: str
) -> Figure:
    """All quantities against resistors per weight, without and with converters.

    Parameters
    ----------
    rows_of : mapping of str to sequence of ModelRow
        By version of the network: dense, pruned, ...; the same settings for all.
    digital_percent : mapping of str to float
        Digital accuracy of each version [%].
    title : str
        Of the figure.
    """
    from matplotlib.figure import Figure

    first = next(iter(rows_of.values()))
    converters = list(dict.fromkeys(row.converter_bits for row in first))
    size = (1.2 + 3.4 * len(converters), 0.8 + 1.75 * len(QUANTITIES))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(
        len(QUANTITIES), len(converters), sharex=True, sharey="row", squeeze=False
    )
    for quantity, line in zip(QUANTITIES, axes, strict=True):
        for bits, ax in zip(converters, line, strict=True):
            plot_quantity(rows_of, quantity, bits, ax)
            if quantity == "accuracy_percent":
                for color, percent in zip(COLORS, digital_percent.values(), strict=False):
                    ax.axhline(percent, color=color, linewidth=0.8, linestyle="--")
        line[0].set_ylabel(QUANTITIES[quantity])
    for bits, ax in zip(converters, axes[0], strict=True):
        ax.set_title("no converters" if bits is None else f"{bits}-bit converters")
    for ax in axes[-1]:
        ax.set_xlabel("resistors per weight")
    handles, labels = axes[1][0].get_legend_handles_labels()
    handles.append(axes[-1][0].plot([], [], "--", color="black", linewidth=0.8)[0])
    figure.legend(handles, [*labels, "digital accuracy"], loc="outside lower center", ncols=3)
    figure.suptitle(title)
    return figure


def plot_quantity(
    rows_of: Mapping[str, Sequence[ModelRow]],
    quantity: str,
    converter_bits: int | None,
    ax: Axes | None = None,
) -> Axes:
    """One quantity of the network against resistors per weight.

    Each version has a colour; real wires are solid, ideal ones dotted. Means over chips, with a
    band from the lowest to the highest.
    """
    ax = axes_or_new(ax)
    for color, (version, rows) in zip(COLORS, rows_of.items(), strict=False):
        network = [
            row for row in rows if row.layer == NETWORK and row.converter_bits == converter_bits
        ]
        for wires, style in LINES.items():
            if quantity == "weight_effective_bits" and wires == "ideal":
                continue  # cells know no wires
            chosen = [row for row in network if row.wires == wires]
            label = f"{version}, {wires} wires"
            line = {"linestyle": style, "markersize": 3, "linewidth": 1.3, "label": label}
            plot_band(ax, chosen, quantity, color, marker="o", **line)
    if quantity in ("logit_error_percent", "flips"):
        ax.set_yscale("symlog" if quantity == "flips" else "log", **_LINEAR.get(quantity, {}))
        ax.yaxis.set_major_formatter("{x:g}")
    if quantity == "flips":
        ax.set_ylim(bottom=0)
    ax.set_xticks(sorted({row.resistors_per_weight for rows in rows_of.values() for row in rows}))
    return ax

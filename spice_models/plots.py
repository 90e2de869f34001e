"""Figures of circuits: each takes data and, if given, the Axes to draw on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spice_models.array import Array, volts
from spice_models.checks import check_array, floats, refuse
from spice_models.errors import CircuitError
from spice_models.operating_point import OperatingPoint
from spice_models.transient import StepResponse

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_array", "plot_heat", "plot_operating_point", "plot_step_response"]

Floats = NDArray[np.float64]

WORD_COLOR = "#0072B2"
BIT_COLOR = "#D55E00"
_WORD_KINDS = ("word", "driver", "far_driver")
_PAD = 0.9
_HALF_CELL = 0.15
_MOST_LABELS = 16
_MOST_CURVES = 10


def draw_array(array: Array, ax: Axes | None = None) -> Axes:
    """Draw an array with its lines and pads, the cells coloured by conductance.

    Word lines run from the inputs on the left, bit lines to the senses at the bottom; a pad
    stands at each end that is connected, with the name of its node in the netlist. Each cell
    hangs between its word line and its bit line, which cross without touching. Open cells and
    open wires are left out. Readable up to about 16 x 16.

    Parameters
    ----------
    array : Array
    ax : Axes, optional
        A new one if not given.
    """
    from matplotlib.collections import LineCollection, PolyCollection

    check_array(array)
    rows, lines = array.rows, array.lines
    if ax is None:
        ax = _new_axes((2.2 + 0.42 * lines, 1.2 + 0.42 * rows))
    wires = _wire_ends(array)
    for kind, ends in wires.items():
        color = WORD_COLOR if kind in _WORD_KINDS else BIT_COLOR
        ax.add_collection(LineCollection(list(ends), colors=color, linewidths=1.2, label=kind))
    row, line = np.nonzero(array.siemens)
    word = np.stack([line, row], axis=1).astype(np.float64)
    leads = np.stack([word, word + 0.5], axis=1)
    ax.add_collection(LineCollection(list(leads), colors="#555555", linewidths=0.8, label="leads"))
    ax.plot(*word.T, ".", color=WORD_COLOR, markersize=4)
    ax.plot(*(word + 0.5).T, ".", color=BIT_COLOR, markersize=4)
    corners = _HALF_CELL * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    scale, prefix = _engineering(float(array.siemens.max()))
    squares = PolyCollection(
        list((word + 0.25)[:, None, :] + corners), edgecolors="black", linewidths=0.5, label="cells"
    )
    squares.set_array(scale * array.siemens[row, line])
    if not row.size:
        squares.set_clim(0, 1)
    squares.set_zorder(3)
    ax.add_collection(squares)
    bar = ax.figure.colorbar(squares, ax=ax, label=f"conductance [{prefix}S]", shrink=0.8)
    bar.formatter.set_useOffset(False)  # type: ignore[attr-defined]
    _draw_pads(ax, wires)
    right = _PAD + 0.4 if len(wires["far_driver"]) else 0.0
    top = _PAD + 0.9 if len(wires["far_sense"]) else 0.5
    ax.set_xlim(-_PAD - 0.9, lines + right)
    ax.set_ylim(rows + _PAD + 0.4, -top)
    ax.set_aspect("equal")
    ax.axis("off")
    return ax


def plot_heat(values: ArrayLike, ax: Axes | None = None, *, title: str, unit: str) -> Axes:
    """Show one value for each cell of an array as a heat map; NaN leaves a cell grey.

    Values of both signs get a map with white at 0, the others one from 0. Where all are 0 the
    title says so, and there is no colour bar.

    Parameters
    ----------
    values : array_like, shape (rows, lines)
    ax : Axes, optional
        A new one if not given.
    title : str
    unit : str
        Unit of the values, for example "V"; the colour bar adds a prefix.

    Raises
    ------
    CircuitError
        If the values are no such array or one of them is infinite.
    """
    from matplotlib.ticker import MaxNLocator

    table = floats("values", values)
    if table.ndim != 2 or table.size == 0:
        raise CircuitError(f"values has shape {table.shape}; give (rows, lines)")
    refuse("values", table, np.isinf(table), "give a finite number, or NaN where there is none")
    ax = _new_axes() if ax is None else ax
    known = table[~np.isnan(table)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    peak = max(-low, high, 0.0)
    scale, prefix = _engineering(peak)
    rounding = 1e-9 * peak
    if low < -rounding and high > rounding:
        colors, limits = "RdBu_r", (-peak, peak)
    elif low < -rounding:
        colors, limits = "viridis_r", (low, 0.0)
    else:
        colors, limits = "viridis", (0.0, peak or 1.0)
    nothing = bool(known.size) and peak == 0
    image = ax.imshow(
        scale * table, cmap=colors, vmin=scale * limits[0], vmax=scale * limits[1], aspect="auto"
    )
    ax.set_facecolor("#bbbbbb")
    if not nothing:
        bar = ax.figure.colorbar(image, ax=ax, label=f"{prefix}{unit}")
        bar.formatter.set_useOffset(False)  # type: ignore[attr-defined]
    ax.set_title(f"{title}: all 0 {unit}" if nothing else title)
    ax.set_xlabel("bit line")
    ax.set_ylabel("word line")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    return ax


def plot_operating_point(
    point: OperatingPoint, inputs_volt: ArrayLike, axes: Sequence[Axes] | None = None
) -> list[Axes]:
    """Heat maps of what the wires take from each cell's input, of its current and of its power.

    The lost voltage is the input less the voltage from word to bit line; the power is that of
    the branches with their switches.

    Parameters
    ----------
    point : OperatingPoint
        From `nodal.operating_point`.
    inputs_volt : array_like, shape (rows,)
        The inputs it was solved for [V].
    axes : sequence of 3 Axes, optional
        New ones, side by side, if not given.

    Returns
    -------
    list of 3 Axes

    Raises
    ------
    CircuitError
        If the inputs do not fit or there are not 3 Axes.
    """
    inputs = volts(point.word.shape[0], inputs_volt)
    if len(inputs) != 1:
        raise CircuitError(f"inputs_volt has {len(inputs)} points; give the one of the point")
    if axes is None:
        from matplotlib import pyplot as plt

        axes = list(plt.subplots(1, 3, figsize=(11, 3), layout="constrained")[1])
    if len(axes) != 3:
        raise CircuitError(f"axes holds {len(axes)}; give 3")
    lost = inputs[0][:, None] - (point.word - point.bit)
    power = (point.cell_power + point.switch_power).sum(axis=2)
    maps = [
        ("voltage lost in wires", lost, "V"),
        ("cell current", point.cells, "A"),
        ("cell power", power, "W"),
    ]
    return [
        plot_heat(values, ax, title=title, unit=unit)
        for ax, (title, values, unit) in zip(axes, maps, strict=True)
    ]


def plot_step_response(
    response: StepResponse, ax: Axes | None = None, lines: Sequence[int] | None = None
) -> Axes:
    """Bit-line currents against time after a step, with the settling time of the slowest.

    Parameters
    ----------
    response : StepResponse
    ax : Axes, optional
        A new one if not given.
    lines : sequence of int, optional
        Bit lines to draw; all if not given.

    Raises
    ------
    CircuitError
        If `lines` is empty or names a bit line that is not there.
    """
    chosen = _chosen(response.final.size, lines)
    ax = _new_axes() if ax is None else ax
    peak = float(np.abs(response.currents).max())
    time, time_unit = _engineering(float(response.seconds[-1]))
    current, current_unit = _engineering(peak)
    many = chosen.size > _MOST_CURVES
    colors = _line_colors(ax, chosen) if many else [None] * chosen.size
    for line, color in zip(chosen.tolist(), colors, strict=True):
        (curve,) = ax.plot(
            time * response.seconds,
            current * response.currents[:, line],
            color=color,
            label=f"bit line {line}",
        )
        ax.axhline(current * response.final[line], color=curve.get_color(), lw=0.6, ls=":")
    settled = time * float(response.settling_seconds[chosen].max())
    ax.axvline(settled, color="#777777", lw=0.8, ls="--")
    ax.set_title(f"settled to {100 * response.precision:g} % after {settled:.3g} {time_unit}s")
    ax.set_xlabel(f"time [{time_unit}s]")
    ax.set_ylabel(f"current [{current_unit}A]")
    ax.ticklabel_format(useOffset=False)
    if chosen.size > 1 and not many:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def _line_colors(ax: Axes, lines: NDArray[np.intp]) -> list[Any]:
    """A colour for each bit line, with a colour bar that tells which is which."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    numbers = ScalarMappable(Normalize(int(lines.min()), int(lines.max())), "viridis")
    ax.figure.colorbar(numbers, ax=ax, label="bit line")
    return list(numbers.to_rgba(lines.astype(np.float64)))


def _chosen(count: int, lines: Sequence[int] | None) -> NDArray[np.intp]:
    every = np.arange(count)
    if lines is None:
        return every
    wanted = np.asarray(lines)
    if wanted.ndim != 1 or not wanted.size or wanted.dtype.kind not in "iu":
        raise CircuitError(f"lines = {lines!r}: give a list of bit lines, at least one")
    outside = wanted[(wanted < -count) | (wanted >= count)]
    if outside.size:
        raise CircuitError(f"lines holds {outside[0]}: the bit lines go from 0 to {count - 1}")
    return np.asarray(every[wanted])


def _engineering(largest: float) -> tuple[float, str]:
    """Factor and prefix that bring a value to 1 .. 1000."""
    exponent = 3 * int(np.floor(np.log10(largest) / 3)) if largest > 0 else 0
    exponent = min(max(exponent, -18), 0)
    return 10.0**-exponent, {0: "", -3: "m", -6: "µ", -9: "n", -12: "p", -15: "f", -18: "a"}[
        exponent
    ]


def _wire_ends(array: Array) -> dict[str, Floats]:
    """Both ends (wires, 2, 2) as x, y of the connected wires by kind; inner end first.

    The word node of a cell lies at (line, row), its bit node half a cell further each way.
    """
    rows, lines = array.rows, array.lines
    ends: dict[str, Callable[..., tuple[float, float, float, float]]] = {
        "word": lambda i, j: (j, i, j + 1, i),
        "bit": lambda i, j: (j + 0.5, i + 0.5, j + 0.5, i + 1.5),
        "driver": lambda i: (0, i, -_PAD, i),
        "far_driver": lambda i: (lines - 1, i, lines - 0.5 + _PAD, i),
        "sense": lambda j: (j + 0.5, rows - 0.5, j + 0.5, rows - 0.5 + _PAD),
        "far_sense": lambda j: (j + 0.5, 0.5, j + 0.5, -_PAD),
    }
    result = {}
    for kind, ohm in array.wires.each(rows, lines).items():
        found = [ends[kind](*index) for index in np.argwhere(np.isfinite(ohm)).tolist()]
        result[kind] = np.array(found, dtype=np.float64).reshape(-1, 2, 2)
    return result


def _draw_pads(ax: Axes, wires: dict[str, Floats]) -> None:
    """A square and the name of its node at the outer end of each wire that leaves the array."""
    for kind, across, up, offset in (
        ("driver", "right", "center", (-6, 0)),
        ("far_driver", "left", "center", (6, 0)),
        ("sense", "center", "top", (0, -6)),
        ("far_sense", "center", "bottom", (0, 6)),
    ):
        ends = wires[kind]
        name, axis, color = ("in", 1, WORD_COLOR) if kind in _WORD_KINDS else ("s", 0, BIT_COLOR)
        ax.plot(*ends[:, 1].T, "s", color=color, markersize=6, label=f"{kind} pads")
        for inner, outer in ends[:: -(-len(ends) // _MOST_LABELS) or 1]:
            ax.annotate(
                f"{name}{int(inner[axis])}",
                outer,
                xytext=offset,
                textcoords="offset points",
                fontsize=8,
                ha=across,
                va=up,
            )


def _new_axes(figsize: tuple[float, float] | None = None) -> Axes:
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=figsize, layout="constrained")[1]

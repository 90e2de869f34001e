"""Charts and heat maps for paper, and for browsers that run no scripts: SVG by matplotlib."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from crossbar.figures import COLORS, MARKERS, STYLE
from crossbar.reporting.charts import Chart
from crossbar.reporting.heat import HeatMap
from spice_models.plots import plot_heat

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["HEIGHT", "draw_chart", "draw_heat", "svg"]

HEIGHT = 3.6
"""Of a figure [inches]."""


def draw_chart(chart: Chart, ax: Axes) -> Axes:
    """Draw a chart: means as lines, all chips within a band."""
    for line in chart.lines:
        color = COLORS[line.look[0]]
        ax.fill_between(line.x, line.low, line.high, color=color, alpha=0.15, linewidth=0)
        ax.plot(
            line.x,
            line.mean,
            "--" if line.dashed else "-",
            color=color,
            marker=MARKERS[line.look[1]],
            markersize=4,
            label=line.name.replace("$", r"\$"),
        )
    if chart.digital is not None:
        ax.axhline(chart.digital, color="black", linewidth=1, linestyle=":", label="digital")
    ax.set_xscale(chart.x_scale)
    ax.set_yscale(chart.y_scale)
    for axis, scale in ((ax.xaxis, chart.x_scale), (ax.yaxis, chart.y_scale)):
        if scale == "log":
            axis.set_major_formatter("{x:g}")
    ax.set_xlabel(chart.x_label)
    ax.set_ylabel(chart.y_label)
    if len(chart.lines) > 1 or chart.digital is not None:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def draw_heat(heat: HeatMap, ax: Axes) -> Axes:
    """Draw a heat map."""
    plot_heat(heat.values, ax, title="", unit=heat.unit)
    ax.set_xlabel(heat.x_label)
    ax.grid(False)
    return ax


def svg(draw: Callable[[Axes], Axes], inches: float = HEIGHT) -> str:
    """A figure of one panel as SVG, so high; the same figure gives the same text."""
    import matplotlib.style
    from matplotlib.figure import Figure

    with matplotlib.style.context(STYLE):
        figure = Figure(figsize=(7.0, inches), layout="constrained")
        draw(figure.subplots())
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()

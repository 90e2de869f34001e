"""Charts and heat maps for the screen, as what plotly draws from."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from crossbar.errors import InputError
from crossbar.figures import COLORS
from crossbar.reporting.charts import Chart, Line, log_ticks
from crossbar.reporting.heat import HeatMap

__all__ = ["plotly_script", "plotted_chart", "plotted_heat"]

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "star")
_TALL, _LEGEND_LINE = 400, 21
_FONT = {"family": "system-ui, sans-serif", "size": 13, "color": "#1a1a1a"}
_AXIS = {"gridcolor": "#dddddd", "linecolor": "#666666", "zeroline": False, "automargin": True}


def plotly_script() -> str:
    """The text of plotly's JavaScript.

    Raises
    ------
    InputError
        When plotly is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise InputError(
            "report: needs plotly; run: pip install 'resistive-crossbar[report]'"
        ) from None
    text: str = get_plotlyjs()
    return text


def plotted_chart(chart: Chart) -> str:
    """A chart as JSON that can stand in a script element."""
    import plotly.graph_objects as go

    figure = go.Figure(layout=_layout(chart.x_label, chart.y_label, len(chart.lines)))
    for number, line in enumerate(chart.lines):
        figure.add_trace(_band(line, number))
        figure.add_trace(_means(line, number, chart))
    figure.update_xaxes(_axis(chart.x_scale, [x for one in chart.lines for x in one.x]))
    ends = [y for one in chart.lines for y in (*one.low, *one.high)]
    figure.update_yaxes(_axis(chart.y_scale, ends))
    if chart.digital is not None:
        xs = [x for line in chart.lines for x in line.x]
        figure.add_trace(
            go.Scatter(
                x=[min(xs), max(xs)],
                y=[chart.digital] * 2,
                name="digital",
                mode="lines",
                line={"color": "#1a1a1a", "width": 1.2, "dash": "dot"},
                hovertemplate="digital: %{y:.4g}<extra></extra>",
            )
        )
    return _json(figure)


def plotted_heat(heat: HeatMap) -> str:
    """A heat map as JSON that can stand in a script element."""
    import plotly.graph_objects as go

    values = heat.values.astype(np.float32)
    known = heat.values[np.isfinite(heat.values)]
    signed = bool(known.size) and bool(known.min() < -1e-2 * np.abs(known).max())
    figure = go.Figure(layout=_layout(heat.x_label, "word line", 0))
    figure.add_trace(
        go.Heatmap(
            z=values,
            colorscale="RdBu_r" if signed else "Viridis",
            zmid=0 if signed else None,
            colorbar={"title": {"text": heat.unit}, "exponentformat": "SI", "thickness": 14},
            hovertemplate=(
                f"word line %{{y}}<br>{heat.x_label} %{{x}}<br>%{{z:.4s}}{heat.unit}<extra></extra>"
            ),
        )
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=False)
    return _json(figure)


def _axis(scale: str, values: list[float]) -> dict[str, Any]:
    if scale == "linear":
        return {}
    ticks = log_ticks(values)
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{value:g}" for value in ticks]}


def _means(line: Line, number: int, chart: Chart) -> Any:
    import plotly.graph_objects as go

    extent = "" if not _spread(line) else "<br>%{customdata[0]:.4g} to %{customdata[1]:.4g}"
    count = "" if max(line.repeats) == 1 else f"<br>%{{customdata[2]}} {chart.repeated}s"
    return go.Scatter(
        x=line.x,
        y=line.mean,
        name=_label(line.name),
        legendgroup=str(number),
        mode="lines+markers",
        line={"color": _color(line), "width": 2, "dash": "dash" if line.dashed else "solid"},
        marker={"symbol": _SYMBOLS[line.look[1]], "size": 7},
        customdata=list(zip(line.low, line.high, line.repeats, strict=True)),
        hovertemplate=(
            f"{_label(line.name)}<br>{chart.x_label}: %{{x:.6~g}}"
            f"<br>mean %{{y:.4g}}{extent}{count}<extra></extra>"
        ),
    )


def _band(line: Line, number: int) -> Any:
    """All chips between the lowest and the highest; goes with its line when that is hidden."""
    import plotly.graph_objects as go

    return go.Scatter(
        x=[*line.x, *reversed(line.x)],
        y=[*line.high, *reversed(line.low)],
        legendgroup=str(number),
        showlegend=False,
        hoverinfo="skip",
        mode="lines",
        fill="toself",
        fillcolor=_color(line),
        opacity=0.15,
        line={"width": 0, "color": _color(line)},
    )


def _layout(x_label: str, y_label: str, lines: int) -> dict[str, Any]:
    return {
        "template": "none",
        "font": _FONT,
        "height": _TALL + _LEGEND_LINE * lines,
        "margin": {"l": 56, "r": 12, "t": 36, "b": 48},
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": "#ffffff", "font": _FONT},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.25, "yanchor": "top"},
        "xaxis": {**_AXIS, "title": {"text": x_label, "standoff": 8}},
        "yaxis": {**_AXIS, "title": {"text": y_label}},
    }


def _spread(line: Line) -> bool:
    return line.low != line.high


def _color(line: Line) -> str:
    return COLORS[line.look[0]]


def _label(text: str) -> str:
    """Text that plotly shows as it is, though it reads markup, formulas and templates in labels."""
    return html.escape(text, quote=False).replace("$", "&#36;").replace("%", "&#37;")


def _json(figure: Any) -> str:
    import plotly.io

    text: str = plotly.io.to_json(figure, validate=True, engine="json")
    return text.replace("<", "\\u003c")

"""Charts and heat maps for the screen, as what plotly draws from."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from crossbar.designing.plots import COLOR_OF
from crossbar.designing.trade import PROOF
from crossbar.errors import InputError
from crossbar.figures import COLORS
from crossbar.reporting.charts import Chart, Line, log_ticks
from crossbar.reporting.heat import HeatMap
from crossbar.reporting.trade import TradeChart

__all__ = ["plotly_script", "plotted_chart", "plotted_heat", "plotted_trade"]

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "star")
_TALL, _LEGEND_LINE = 400, 21
_MARGINS, _TRADE_LINE = 130, 19
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


def plotted_trade(chart: TradeChart) -> str:
    """A chart with a line for each kind of cell as JSON that can stand in a script element."""
    import plotly.graph_objects as go

    figure = go.Figure(layout=_layout(chart.x_label, "", 0))
    for certainty, color in COLOR_OF.items():
        places = [k for k, row in enumerate(chart.rows) if row.certainty == certainty]
        if places:
            drawn = _costs(chart, places) if chart.column else _kept_bits(chart, places)
            marker = {"color": color, "size": 8}
            figure.add_trace(go.Scatter(name=certainty, mode="markers", marker=marker, **drawn))
    if not chart.column:
        proven = [k for k, row in enumerate(chart.rows) if row.certainty == PROOF]
        bits = [chart.rows[k].proven_bits for k in proven]
        marker = {"color": "#1a1a1a", "symbol": "diamond", "size": 7}
        said = "proven bits: %{x:.4g}<extra></extra>"
        figure.add_trace(
            go.Scatter(
                x=bits,
                y=proven,
                name="proven bits",
                mode="markers",
                marker=marker,
                hovertemplate=said,
            )
        )
        figure.add_vline(x=chart.asked, line={"color": "#1a1a1a", "width": 1.2, "dash": "dot"})
    figure.update_xaxes(_axis("log", chart.values) if chart.log else {"rangemode": "tozero"})
    figure.update_xaxes(tickangle=0)
    figure.update_yaxes(
        range=[len(chart.rows) - 0.4, -0.6],
        tickvals=list(range(len(chart.rows))),
        ticktext=[_marked(name, name == chart.chosen) for name in chart.names],
        tickfont={"size": 11},
    )
    figure.update_layout(
        height=_MARGINS + _TRADE_LINE * max(len(chart.rows), 6),
        legend={"y": 1.0, "yanchor": "bottom"},
        margin={"t": 48},
        showlegend=True,
    )
    return _json(figure)


def _costs(chart: TradeChart, places: list[int]) -> dict[str, Any]:
    return {
        "x": [chart.values[k] for k in places],
        "y": places,
        "customdata": [_label(chart.names[k]) for k in places],
        "hovertemplate": f"%{{customdata}}<br>{chart.x_label}: %{{x:.4g}}<extra></extra>",
    }


def _kept_bits(chart: TradeChart, places: list[int]) -> dict[str, Any]:
    """The median simulated cell, and a bar to the worst one."""
    found = [(k, chart.rows[k].worst_bits, chart.rows[k].median_bits) for k in places]
    known = [(k, worst, median) for k, worst, median in found if worst is not None]
    below = [(median or worst) - worst for _, worst, median in known]
    return {
        "x": [median for _, _, median in known],
        "y": [k for k, _, _ in known],
        "error_x": {"array": [0.0] * len(known), "arrayminus": below, "thickness": 2, "width": 4},
        "customdata": [[_label(chart.names[k]), worst] for k, worst, _ in known],
        "hovertemplate": (
            "%{customdata[0]}<br>median %{x:.4g}, worst %{customdata[1]:.4g}<extra></extra>"
        ),
    }


def _marked(name: str, chosen: bool) -> str:
    return f"<b>{_label(name)}</b>" if chosen else _label(name)


def _axis(scale: str, values: list[float]) -> dict[str, Any]:
    if scale == "linear":
        return {}
    ticks = log_ticks(values)
    return {"type": "log", "tickvals": ticks, "ticktext": [_tick(value) for value in ticks]}


def _tick(value: float) -> str:
    """Short, so that neighbours do not touch."""
    return f"{value:g}" if value < 1e4 else f"{value:.0e}".replace("e+0", "e").replace("e+", "e")


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

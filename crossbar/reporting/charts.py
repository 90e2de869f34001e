"""Means over chips, and the lines that charts and summary share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from crossbar.reporting.runs import Run, Table, Value, is_number
from crossbar.reporting.views import Panel, Scale, View, view_of
from crossbar.tables import words_and_unit

__all__ = [
    "Chart",
    "Line",
    "Summary",
    "charts_of",
    "heading",
    "known_table",
    "log_ticks",
    "number_text",
    "summary_of",
]

LOOKS = 7
"""Colours, and signs, before they repeat."""


@dataclass(frozen=True)
class Line:
    """One line of a chart: means over chips, and between which values all chips lie.

    Parameters
    ----------
    name : str
    color : int
        Number of the series; lines of one series share their colour.
    dashed : bool
    x, mean, low, high : tuple of float
    repeats : tuple of int
        Values that each mean was taken of.
    """

    name: str
    color: int
    dashed: bool
    x: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    repeats: tuple[int, ...]

    @property
    def look(self) -> tuple[int, int]:
        """Numbers of its colour and of its sign; no two of 49 series have both alike."""
        return self.color % LOOKS, (self.color + self.color // LOOKS) % LOOKS


@dataclass(frozen=True)
class Chart:
    """Lines with their axes; `digital` is the digital network's accuracy [%], if drawn."""

    title: str
    x_label: str
    y_label: str
    x_scale: Scale
    y_scale: Scale
    lines: tuple[Line, ...]
    digital: float | None
    repeated: str


def log_ticks(values: Sequence[float]) -> list[float]:
    """Marks of a logarithmic axis around some values: 1, 2, 5, or 1 alone for many decades."""
    known = [value for value in values if value > 0]
    if not known:
        return []
    low, high = (math.floor(math.log10(end)) for end in (min(known), max(known)))
    digits = (1, 2, 5) if high - low < 4 else (1,)
    return [float(f"{d}e{k}") for k in range(low, high + 2) for d in digits]


@dataclass(frozen=True)
class Summary:
    """The table of means: its columns, and its lines of text and numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    caption: str


def known_table(run: Run) -> tuple[View, Table] | None:
    """How to read the run's table, and its lines that are read; None for an unknown table."""
    view = view_of(run.table)
    if view is None:
        return None
    table = run.table.where(view.where)
    return view.with_swept(table, run.swept, heading), table


def summary_of(run: Run) -> Summary | None:
    """A line for each point of each series, the means over chips; None for an unknown table."""
    if (known := known_table(run)) is None:
        return None
    view, table = known
    keys = tuple(dict.fromkeys((*view.series, *view.points)))
    shown = [name for name in view.measures if name in table.columns and name not in keys]
    rows = []
    for key, found in table.groups(keys).items():
        means = [_tidy(name, _mean(found, name)) for name in shown]
        rows.append((*key, len(found.rows), *means) if view.repeats else (*key, *means))
    count = (f"{view.repeats[0]}s",) if view.repeats else ()
    caption = f"Means over {view.repeats[0]}s." if view.repeats else "One line for each result."
    about = "".join(f" Lines with {name} = {value}." for name, value in view.where.items())
    return Summary((*keys, *count, *shown), tuple(rows), caption + about)


def charts_of(run: Run) -> list[Chart]:
    """The charts of an experiment; none for an unknown table or one without lines."""
    if (known := known_table(run)) is None or not known[1].rows:
        return []
    view, table = known
    drawn = (_chart(view, panel, table, run.digital_percent) for panel in view.panels)
    return [chart for chart in drawn if chart.lines]


def _chart(view: View, panel: Panel, table: Table, digital: float | None) -> Chart:
    names = view.series
    varied = [k for k, name in enumerate(names) if len(set(table.column(name))) > 1]
    groups = {
        key: found for key, found in table.groups(names).items() if panel.omits.isdisjoint(key)
    }
    lines = []
    for color, (key, found) in enumerate(groups.items()):
        series = ", ".join(_named(names[k], key[k]) for k in varied or [0])
        for number, (column, note) in enumerate(panel.columns.items()):
            name = f"{series}, {note}" if note else series
            lines.append(_line(view, found, column, name, color, number > 0))
    return Chart(
        panel.title,
        view.x_label,
        panel.label,
        view.x_scale,
        panel.scale,
        tuple(line for line in lines if line.x),
        digital if panel.digital else None,
        view.repeats[0] if view.repeats else "result",
    )


def _line(view: View, table: Table, column: str, name: str, color: int, dashed: bool) -> Line:
    points = []
    for found in table.groups(view.points).values():
        values = [float(value) for value in found.column(column) if is_number(value)]
        x = _mean(found, view.x)
        if values and is_number(x) and (x > 0 or view.x_scale == "linear"):
            points.append((float(x), fmean(values), min(values), max(values), len(values)))
    points.sort()
    xs, mean, low, high, repeats = zip(*points, strict=True) if points else ((), (), (), (), ())
    return Line(name, color, dashed, xs, mean, low, high, repeats)


def _mean(table: Table, column: str) -> Value:
    values = [value for value in table.column(column) if value is not None]
    if not values:
        return None
    if len(set(values)) == 1:
        return values[0]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    return sum(numbers) / len(numbers) if len(numbers) == len(values) else "several"


def _tidy(column: str, value: Value) -> Value:
    """Bits to three decimals, so that rounding errors of an exact 0 do not show."""
    return round(value, 3) + 0.0 if is_number(value) and column.endswith("_bits") else value


def _named(column: str, value: Value) -> str:
    """A value as part of a line's name: text as it is, a number with what it is."""
    if isinstance(value, str):
        return f"{value} wires" if column == "wires" else value
    if column == "converter_bits":
        return "no converters" if value is None else f"{value}-bit converters"
    return f"{heading(column)} {number_text(value)}"


def heading(column: str) -> str:
    """A column's name for people, its unit in brackets."""
    words, unit = words_and_unit(column)
    return f"{words} [{unit}]" if unit else words


def number_text(value: Value, digits: int = 4) -> str:
    """A value to read: numbers with so many digits, a dash for nothing."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, int) and abs(value) < 1e9:
        return str(value)
    whole = len(f"{abs(value):.0f}") if abs(value) < 1e9 else 0
    return f"{value:.{max(digits, whole)}g}"

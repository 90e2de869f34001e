"""The page: one file of HTML that needs nothing else and asks no network."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree.ElementTree import Element

from crossbar.errors import InputError
from crossbar.files import check_output, write_atomically
from crossbar.reporting.charts import charts_of, heading, number_text, summary_of
from crossbar.reporting.heat import heat_maps
from crossbar.reporting.markup import data_table, document, node
from crossbar.reporting.plotted import plotly_script, plotted_chart, plotted_heat, plotted_trade
from crossbar.reporting.printed import HEIGHT, draw_chart, draw_heat, svg
from crossbar.reporting.progress import progress_text
from crossbar.reporting.runs import Run, Value, read_runs
from crossbar.reporting.settings import settings_tables
from crossbar.reporting.trade import (
    COLUMNS,
    FILES,
    head_of_design,
    is_design,
    trade_charts,
    trade_table,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["write_report"]

DATA = Path(__file__).parents[1] / "data"
POLICY = (
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
LARGEST_TEXT = 128 * 1024
"""Bytes of a netlist up to which its text stands in the page."""
MOST_LINES = 2000
"""Lines up to which the whole table stands in the page."""


def write_report(folder: str | Path, out: str | Path) -> int:
    """Write a page about an experiment, finished or not.

    It holds settings, tables, figures and, where the experiment wrote netlists, heat maps of an
    array and the netlists themselves; links to files are relative to the page. The same folder
    gives the same bytes.

    Parameters
    ----------
    folder : str or Path
        What ``--out`` of an experiment made; or a folder of several such folders.
    out : str or Path
        The page (``.html``).

    Returns
    -------
    int
        Figures on the page.

    Raises
    ------
    InputError
        For a folder of nothing, a damaged file, or when plotly is missing.
    """
    folder, out = Path(folder), Path(out)
    check_output(out, (".html", ".htm"))
    runs = read_runs(folder)
    if not any(run.table.columns or run.settings for run in runs):
        raise InputError(f"{folder}: run.json holds no settings and there are no results yet")
    drawn = any({"figures", "array"} & _sections(run).keys() for run in runs)
    script = plotly_script() if drawn else ""
    figures = _Figures()
    several = len(runs) > 1
    parts = [_part(run, f"run-{k}", out, figures, several) for k, run in enumerate(runs, start=1)]
    name = folder.resolve().name
    head = node(
        "head",
        node("meta", charset="utf-8"),
        node("meta", http_equiv="Content-Security-Policy", content=POLICY),
        node("meta", name="viewport", content="width=device-width, initial-scale=1"),
        node("meta", name="color-scheme", content="light"),
        node("title", f"{name}: resistive-crossbar report"),
        node("style", _data("report.css")),
    )
    body = node(
        "body",
        node("header", node("h1", name), *(node("p", progress_text(run)) for run in runs)),
        _contents(runs),
        node("main", *parts),
        *figures.data,
        node("script", script) if figures.count else None,  # some megabytes
        node("script", _data("report.js")),
    )
    write_atomically(out, document(node("html", head, body, lang="en")))
    return figures.count


class _Figures:
    """The figures so far: their number, and the data that the page's script draws from."""

    def __init__(self) -> None:
        self.count = 0
        self.data: list[Element] = []

    def add(
        self, title: str, plotted: str, draw: Callable[[Axes], Axes], inches: float = HEIGHT
    ) -> Element:
        """A figure for the screen, with the same one for paper, so high."""
        self.count += 1
        name = f"figure-{self.count}"
        self.data.append(node("script", plotted, type="application/json", id=f"{name}-data"))
        image = base64.b64encode(svg(draw, inches).encode()).decode()
        return node(
            "figure",
            node("figcaption", title),
            node("div", id=name, class_="plot", role="group", aria_label=f"Chart: {title}"),
            node(
                "img",
                class_="static",
                src=f"data:image/svg+xml;base64,{image}",
                alt=f"{title}; the values are in the tables.",
            ),
        )


def _contents(runs: list[Run]) -> Element:
    links = []
    for number, run in enumerate(runs, start=1):
        parts = _sections(run)
        if len(runs) > 1:
            links.append(node("a", run.name, href=f"#run-{number}"))
        else:
            links += [node("a", title, href=f"#run-{number}-{key}") for key, title in parts.items()]
    return node("nav", *links, aria_label="Contents")


def _sections(run: Run) -> dict[str, str]:
    """Names and titles of the sections that a run has."""
    parts = {"settings": "Settings"}
    if head_of_design(run):
        parts["cell"] = "The cell"
    if run.table.rows:
        parts["results"] = "Results"
    if is_design(run) or charts_of(run):
        parts["figures"] = "Figures"
    if run.netlists:
        parts |= {"array": "Array", "netlists": "Netlists"}
    return parts


def _part(run: Run, key: str, out: Path, figures: _Figures, several: bool) -> Element:
    made: dict[str, Callable[[], list[Element]]] = {
        "settings": partial(settings_tables, run),
        "cell": partial(_cell_chosen, run, out),
        "results": partial(_results, run, out),
        "figures": partial(_charts, run, figures),
        "array": partial(_array, run, figures),
        "netlists": partial(_netlists, run, out),
    }
    level = "h3" if several else "h2"
    sections = []
    for name, title in _sections(run).items():
        kind = "figures" if name in ("figures", "array") else "text"
        sections.append(
            node("section", node(level, title), *made[name](), id=f"{key}-{name}", class_=kind)
        )
    return node("article", node("h2", run.name) if several else None, *sections, id=key)


def _cell_chosen(run: Run, out: Path) -> list[Element]:
    lines = [node("p", line) for line in head_of_design(run)]
    files = [
        node("li", node("a", name, href=_link(run.path / name, out)), f": {what}")
        for name, what in FILES.items()
        if (run.path / name).is_file()
    ]
    return [*lines, node("ul", *files)]


def _results(run: Run, out: Path) -> list[Element]:
    found = []
    if is_design(run):
        rows = [[_cell(value) for value in row] for row in trade_table(run)]
        caption = (
            "The smallest cell of each kind that meets what is asked, or the best one seen; sure "
            "by a proof, or by so few failures among simulated cells."
        )
        found.append(data_table(caption, COLUMNS, rows, sortable=True))
    if summary := summary_of(run):
        rows = [[_cell(value) for value in row] for row in summary.rows]
        head = [heading(name) for name in summary.columns]
        found.append(data_table(summary.caption, head, rows, sortable=True))
    table = run.table
    whole = node("a", "results.csv", href=_link(run.path / "results.csv", out))
    size = f"{len(table.rows)} lines, {len(table.columns)} columns"
    found.append(node("p", "The whole table: ", whole, f" ({size})."))
    if len(table.rows) <= MOST_LINES:
        rows = [[_cell(value, 6) for value in row] for row in table.rows]
        every = data_table("All results", [heading(c) for c in table.columns], rows, sortable=True)
        found.append(node("details", node("summary", "Show it"), every))
    return found


def _cell(value: Value, digits: int = 4) -> tuple[str, str | None]:
    """A cell's text, and what to sort it by."""
    return number_text(value, digits), repr(value) if isinstance(value, int | float) else None


def _charts(run: Run, figures: _Figures) -> list[Element]:
    return [
        *(
            figures.add(chart.title, plotted_trade(chart), chart.draw, chart.inches)
            for chart in trade_charts(run)
        ),
        *(
            figures.add(chart.title, plotted_chart(chart), partial(draw_chart, chart))
            for chart in charts_of(run)
        ),
    ]


def _array(run: Run, figures: _Figures) -> list[Element]:
    first = run.netlists[0]
    maps, note = heat_maps(first)
    head = _first_line(first)
    about = node("p", node("code", first.name), f": {head}. {note}" if head else f": {note}")
    return [about, *(figures.add(h.title, plotted_heat(h), partial(draw_heat, h)) for h in maps)]


def _first_line(netlist: Path) -> str:
    """What the netlist says it is."""
    with netlist.open(encoding="utf-8", errors="replace") as file:
        return file.readline().removeprefix("*").strip()


def _netlists(run: Run, out: Path) -> list[Element]:
    return [part for path in run.netlists for part in _netlist(path, out)]


def _netlist(path: Path, out: Path) -> Iterator[Element]:
    size = path.stat().st_size
    link = node("a", path.name, href=_link(path, out))
    yield node("p", link, f" ({size:,} bytes): {_first_line(path)}")
    if size <= LARGEST_TEXT:
        text = path.read_text(encoding="utf-8", errors="replace")
        lines = node("pre", text, tabindex="0", aria_label=f"Text of {path.name}")
        yield node("details", node("summary", f"Text of {path.name}"), lines)


def _link(path: Path, out: Path) -> str:
    """The way to a file from the folder of the page."""
    relative = os.path.relpath(path.resolve(), out.resolve().parent)
    return quote(Path(relative).as_posix())


def _data(name: str) -> str:
    return (DATA / name).read_text(encoding="utf-8")

"""Pages about searches for a cell, about limits and about tickets."""

import html
import json
import re

import pytest

from crossbar.designing import Specification
from crossbar.designing.runs import run_design
from crossbar.designing.trade import TradeRow, smallest
from crossbar.limits.cases import ALL, NONE, cases
from crossbar.limits.experiment import LimitRow
from crossbar.limits.runs import run_limits
from crossbar.limits.study import LimitsStudy
from crossbar.reporting.charts import charts_of, summary_of
from crossbar.reporting.page import write_report
from crossbar.reporting.runs import read_runs
from crossbar.tables import columns, read_table

SPECIFICATION = Specification(
    bits=3, tolerance=0.2, yield_=0.9, polarities=("paired",), ladders=("stagger", "guaranteed")
)
LIMITS = LimitsStudy(resistors=(2, 4), chips=2, size=4, inputs=10)
LIBRARY = 2_000_000
"""Bytes that a page without plotly stays below."""


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    folder = tmp_path_factory.mktemp("designs") / "cell"
    run_design(SPECIFICATION, folder)
    (folder / "verification.txt").write_text("ngspice 39: <b>all</b> cells keep it\n")
    return folder


@pytest.fixture(scope="module")
def search_page(search):
    path = search.parent / "report.html"
    assert write_report(search, path) == 4
    return path


@pytest.fixture(scope="module")
def limits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limits") / "run"
    run_limits(LIMITS, folder)
    return folder


def text_of(page):
    return html.unescape(page.read_text(encoding="utf-8"))


def test_a_search_is_shown_with_its_cell_its_proof_and_its_verification(search, search_page):
    shown = text_of(search_page)
    head = (search / "design.toml").read_text().partition("\n\n")[0]
    joined = head.replace(",\n# ", ", ").replace(";\n# ", "; ")
    assert "asked: 3 bits" in joined
    for line in joined.splitlines():
        assert line.removeprefix("# ") in shown
    assert "verified: ngspice 39: <b>all</b> cells keep it" in shown


def test_a_search_links_the_files_of_its_cell(search, search_page):
    links = set(re.findall('href="([^"]+)"', text_of(search_page)))
    there = ("design.toml", "cell.lib", "resistors.csv", "trade.csv", "results.csv")
    assert {f"cell/{name}" for name in there} <= links
    assert "cell/array.cir" not in links  # none was made
    ours = [link for link in links if link.startswith("cell/")]  # the others are in plotly's text
    assert all((search.parent / link).is_file() for link in ours)


def test_settings_of_a_search_have_names_for_people_and_no_table_is_empty(search_page):
    text = search_page.read_text(encoding="utf-8")
    assert 'row">yield</th><td>0.9</td>' in text
    for name in ("asked.", "yield_", "<tbody></tbody>"):
        assert name not in text


def test_charts_of_a_search_are_the_trade(search, search_page):
    rows = smallest(read_table(search / "results.csv", TradeRow, "crossbar design"))
    drawn = re.findall('type="application/json" id="[^"]*">(.*?)</script>', search_page.read_text())
    figures = [json.loads(text) for text in drawn]
    assert len(figures) == 4
    names = [f"{row.family}, n = {row.resistors}" for row in rows]
    chosen = (search / "design.toml").read_text().partition("cell: ")[2].partition(" resistors")[0]
    chosen = chosen.replace(", ", ", n = ")
    assert chosen in names
    for figure in figures:
        labels = figure["layout"]["yaxis"]["ticktext"]
        assert labels == [f"<b>{name}</b>" if name == chosen else name for name in names]
    median = {y: x for one in figures[0]["data"] if one["name"] != "proven bits"
              for x, y in zip(one["x"], one["y"], strict=True)}  # fmt: skip
    assert median == {k: row.median_bits for k, row in enumerate(rows) if row.cells}
    below = {y: x for one in figures[0]["data"] if one["name"] != "proven bits"
             for x, y in zip(one["error_x"]["arrayminus"], one["y"], strict=True)}  # fmt: skip
    for k, less in below.items():
        assert median[k] - less == pytest.approx(rows[k].worst_bits, rel=1e-12)
    assert figures[0]["layout"]["shapes"][0]["x0"] == 3
    for figure, column, scale in zip(
        figures[1:], ("resistors", "total_ohm", "spread"), (1, 1e-6, 1), strict=True
    ):
        found = {y: x for one in figure["data"] for x, y in zip(one["x"], one["y"], strict=True)}
        wanted = [scale * getattr(row, column) for row in rows]
        assert [found[k] for k in range(len(rows))] == pytest.approx(wanted, rel=1e-12)


def test_a_search_that_found_nothing_yet_is_shown_without_a_cell(search, tmp_path):
    folder = tmp_path / "cell"
    folder.mkdir()
    for name in ("run.json", "results.csv"):
        (folder / name).write_text((search / name).read_text())
    assert write_report(folder, tmp_path / "report.html") == 4
    assert "The cell" not in text_of(tmp_path / "report.html")
    (folder / "results.csv").write_text(",".join(columns(TradeRow)) + "\n")
    assert write_report(folder, tmp_path / "report.html") == 0


def test_limits_are_drawn_by_stage_and_no_case_is_left_out(limits):
    (run,) = read_runs(limits)
    charts = charts_of(run)
    shown = [{line.name for line in chart.lines} for chart in charts]
    known = cases(LIMITS)
    assert shown == [
        {case.name for case in known if case.panel in ("", stage)}
        for stage in ("made", "used", "read")
    ]
    assert set.intersection(*shown) == {NONE, ALL}
    rows = read_table(limits / "results.csv", LimitRow, "crossbar limits")
    wires = next(line for line in charts[2].lines if line.name == "wires")
    bits = [row.effective_bits for row in rows if row.case == "wires"]
    assert wires.x == (2, 4)
    assert wires.low + wires.high == (min(bits[:2]), min(bits[2:]), max(bits[:2]), max(bits[2:]))
    assert len(summary_of(run).rows) == 2 * len(known)


def ticket(folder, head, *lines):
    folder.mkdir()
    state = {"identity": {"experiment": "filters", "settings": {"seed": 0}}, "complete": True}
    (folder / "run.json").write_text(json.dumps(state))
    (folder / "results.csv").write_text("\n".join([head, *lines]) + "\n")
    return charts_of(read_runs(folder)[0])


def test_filters_are_named_by_their_shapes(tmp_path):
    head = (
        "kind,d,n,trials,method,proven,median_error,worst_error,expected,kept,seconds,"
        "outputs,channels,kernel,output_error"
    )
    same = "5,enumeration,True,0.1,0.2,0.1,2,0.1"
    lines = [f"filters,{d},{n},{same},1,{c},1,0.3" for d, c in ((1, 1), (2, 2)) for n in (8, 12)]
    charts = ticket(tmp_path / "run", head, *lines)
    assert [chart.x_label for chart in charts] == ["filters n to choose from"] * 2
    assert [line.name for line in charts[0].lines] == ["channels 1", "channels 2"]
    assert charts[1].lines[0].mean == (0.3, 0.3)


def test_a_tolerance_of_nothing_has_no_place_on_a_logarithmic_axis(tmp_path):
    head = "tolerance,sets,weights,kept_per_weight,worst_error,seconds"
    (chart,) = ticket(tmp_path / "run", head, "0.0,5,60,9.9,1e-5,1", "1e-06,5,60,9.1,1e-5,1")
    assert [(line.x, line.mean) for line in chart.lines] == [((1e-6,), (9.1,))]


def test_page_without_a_figure_has_no_library_for_them(tmp_path):
    (tmp_path / "run.json").write_text('{"identity": {"settings": {"depth": 3}}, "complete": true}')
    assert write_report(tmp_path, tmp_path / "report.html") == 0
    assert (tmp_path / "report.html").stat().st_size < LIBRARY

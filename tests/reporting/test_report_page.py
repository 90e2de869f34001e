"""The text of the page: what it holds, and what no name can do to it."""

import base64
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest
from click.testing import CliRunner

from crossbar import InputError
from crossbar.cli import cli
from crossbar.evaluation import produce_layer
from crossbar.reporting.charts import charts_of, heading, summary_of
from crossbar.reporting.heat import heat_maps
from crossbar.reporting.page import POLICY, write_report
from crossbar.reporting.progress import progress_text
from crossbar.reporting.runs import Table, read_runs
from crossbar.reporting.settings import with_unit
from crossbar.results import NETWORK, read_results
from crossbar.simulation import place_tiles
from spice_models import nodal

VOID = {"meta", "img", "link", "br", "hr", "input"}


class Reader(HTMLParser):
    """Tags with their attributes, the text of each script, and whether tags are balanced."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.scripts, self.text = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open and self.open[-1] != "style":
            self.text.append(data)

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def read(page):
    return Reader(page.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def names(study):
    return [design.label for design in study.designs]


def test_names_stay_text(page, read, finished, names):
    shown = "".join(read.text)
    for name in (*names, finished.name):
        assert name in shown
    assert not read.all("b")
    assert not read.all("i")
    programs = [one for one in read.all("script") if one.get("type") != "application/json"]
    assert len(programs) == 2  # plotly, and the page's own
    assert page.read_text(encoding="utf-8").count("<script>alert(1)") == 0


def test_page_asks_for_nothing_outside_itself(read):
    policy = [one["content"] for one in read.all("meta") if "http-equiv" in one]
    assert policy == [POLICY]
    assert "default-src 'none'" in POLICY
    assert not read.all("link")
    assert not any("src" in one for one in read.all("script"))
    assert all(one["src"].startswith("data:image/svg+xml;base64,") for one in read.all("img"))
    links = [one["href"] for one in read.all("a")]
    assert not any(re.match(r"[a-z]+:", link) for link in links)


def test_page_can_be_read_by_machines_that_read_to_people(read):
    assert read.all("html") == [{"lang": "en"}]
    assert any(one.get("name") == "viewport" for one in read.all("meta"))
    assert len(read.all("h1")) == 1
    assert len(read.all("caption")) == len(read.all("table"))
    assert all(one["alt"] for one in read.all("img"))
    assert all(one["scope"] in ("row", "col") for one in read.all("th"))
    ids = [one["id"] for _, one in read.tags if "id" in one]
    assert len(set(ids)) == len(ids)
    anchors = [one["href"][1:] for one in read.all("a") if one["href"].startswith("#")]
    assert anchors
    assert set(anchors) <= set(ids)


def test_links_lead_to_files(page, read):
    files = [one["href"] for one in read.all("a") if not one["href"].startswith("#")]
    found = [page.parent / unquote(link) for link in files]
    assert {path.name for path in found} == {
        "results.csv",
        "layer_1.cir",
        "layer_2.cir",
        "layer_3.cir",
    }
    assert all(path.is_file() for path in found)


def test_small_netlists_stand_in_the_page(read, finished):
    shown = "".join(read.text)
    small = (finished / "netlists/layer_3.cir").read_text(encoding="utf-8")
    large = (finished / "netlists/layer_1.cir").read_text(encoding="utf-8")
    assert small in shown
    assert large not in shown


def test_every_figure_has_its_data_and_one_for_paper(read):
    plots = [one["id"] for one in read.all("div") if one.get("class") == "plot"]
    data = [one["id"] for one in read.all("script") if one.get("type") == "application/json"]
    assert data == [f"{name}-data" for name in plots]
    assert len(plots) == 5 + 4 == len(read.all("img"))
    for text in read.scripts[: len(plots)]:
        assert json.loads(text)["data"]
    for image in read.all("img"):
        svg = base64.b64decode(image["src"].partition(",")[2]).decode()
        assert svg.startswith("<?xml")


def test_chart_shows_the_means_of_the_table(read, finished, names):
    rows = [row for row in read_results(finished / "results.csv") if row.layer == NETWORK]
    traces = [one for one in json.loads(read.scripts[0])["data"] if one.get("showlegend") is None]
    median = traces[0]
    of = {
        count: [row.weight_median_bits for row in rows if row.key[:2] == (names[0], count)]
        for count in (2, 4, 6)
    }
    assert median["x"] == [2, 4, 6]
    assert median["y"] == pytest.approx([np.mean(of[n]) for n in (2, 4, 6)], rel=1e-12)
    assert [one[:3] for one in median["customdata"]] == [[min(v), max(v), 2] for v in of.values()]


def test_summary_has_a_line_for_each_design_and_number_of_resistors(finished, names):
    (run,) = read_runs(finished)
    summary = summary_of(run)
    assert summary.columns[:3] == ("design", "resistors_per_weight", "chips")
    assert [row[:3] for row in summary.rows] == [
        (name, count, 2) for name in names for count in (2, 4, 6)
    ]
    rows = [row for row in read_results(finished / "results.csv") if row.layer == NETWORK]
    accuracy = np.mean([row.accuracy_percent for row in rows[:2]])
    assert summary.rows[0][-1] == pytest.approx(accuracy, rel=1e-12)


def test_heat_maps_are_those_of_the_chip(finished, study):
    maps, note = heat_maps(finished / "netlists/layer_1.cir")
    assert "All 4 tiles" in note
    conductance, net, lost, current = (one.values for one in maps)
    design = replace(study.designs[0], resistors=6)
    made, _ = produce_layer(study.setting(), design, chip=0, number=0)
    wanted = made.chip.cell_siemens(made.program.enabled)
    # each line is written with all digits; their difference cancels some
    assert np.abs(net - wanted).max() < 1e-14 * conductance.max()
    setting = study.setting()
    data = setting.dataset
    volts = data.test_inputs[0] * study.read_volt / data.train_inputs.max()
    tile = place_tiles(made.chip, made.program, study.wires, study.tile)[0][0]
    layer = nodal.operating_point(tile.array, volts[tile.rows])
    assert np.abs(current[:48, :32] - layer.cells).max() < 1e-9 * np.abs(current).max()
    seen = volts[:48, None] - lost[:48, :32]
    assert np.abs(seen - (layer.word - layer.bit)).max() < 1e-9 * study.read_volt


def test_netlist_that_was_changed_is_not_solved(folder):
    path = folder / "netlists/layer_3.cir"
    path.write_text(re.sub(r"^(Rword0_0 \S+ \S+) .*", r"\1 7.0", path.read_text(), flags=re.M))
    maps, note = heat_maps(path)
    assert [one.unit for one in maps] == ["S", "S"]
    assert "Rword0_0 has 7.0 ohm, not 1.0" in note


@pytest.mark.parametrize("text", ["", "* nothing\n", ".subckt tile_0_0 in0 s0\nRcell0_0 a b x\n"])
def test_netlist_that_is_none_leaves_the_heat_maps_out(folder, text):
    for path in (folder / "netlists").iterdir():
        path.write_text(text)
    assert heat_maps(path)[0] == []
    (folder / "results.csv").unlink()
    assert write_report(folder, folder.parent / "report.html") == 0


def kill(folder):
    """Leave the folder as a kill in the middle of a line would."""
    table = folder / "results.csv"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(lines[: 1 + 4 * 3 + 2]) + lines[-1][:20])
    state = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(state | {"complete": False}))
    shutil.rmtree(folder / "netlists")


def test_killed_study_is_shown_as_far_as_it_is(folder):
    kill(folder)
    (run,) = read_runs(folder)
    assert len(run.table.rows) == 14
    said = progress_text(run)
    assert said.startswith("run: NOT COMPLETE, 3 of 12 chips so far; ")
    shutil.copytree(folder, folder.parent / "both/one")
    shutil.copytree(folder, folder.parent / "both/other")
    assert write_report(folder.parent / "both", folder.parent / "report.html") == 10
    read = Reader((folder.parent / "report.html").read_text(encoding="utf-8"))
    for name in ("one", "other"):
        assert f"{name}{said.removeprefix('run')}" in "".join(read.text)
    ids = [one["id"] for _, one in read.tags if "id" in one]
    assert len(set(ids)) == len(ids) == 10 * 2 + 2 * (1 + 3)


def test_swept_parameter_becomes_a_line_of_its_own(finished):
    (run,) = read_runs(finished)
    columns = (*run.table.columns, "task", "wires.word_segment_ohm")
    rows = [(*row, f"{k}{ohm}", ohm) for ohm in (1, 10) for k, row in enumerate(run.table.rows)]
    table = Table(columns, tuple(rows))
    swept = replace(run, table=table, swept=("wires.word_segment_ohm",))
    chart = charts_of(swept)[0]
    assert len(chart.lines) == 2 * 2 * 2
    assert chart.lines[0].name.endswith(", wires.word segment [ohm] 1, median")
    assert set(chart.lines[0].repeats) == {2}
    assert len(summary_of(swept).rows) == 12


def test_swept_number_is_the_axis_where_resistors_have_one_value(finished):
    (run,) = read_runs(finished)
    name = "wires.word_segment_ohm"
    rows = [
        (*row, ohm) for ohm in (10, 1) for row in run.table.where({"resistors_per_weight": 4}).rows
    ]
    table = Table((*run.table.columns, name), tuple(rows))
    charts = charts_of(replace(run, table=table, swept=(name,)))
    assert {chart.x_label for chart in charts} == {"wires.word segment [ohm]"}
    assert len(charts[0].lines) == 2 * 2
    assert charts[0].lines[0].x == (1, 10)
    summary = summary_of(replace(run, table=table, swept=(name,)))
    assert summary.columns[:4] == ("design", "resistors_per_weight", name, "chips")
    assert len(summary.rows) == 4


def test_chips_that_a_sweep_plans_are_counted(finished):
    (run,) = read_runs(finished)
    sweep = {"grid": {"wires.word_segment_ohm": [0, 1, 10]}, "points": [{"seed": 1}, {"seed": 2}]}
    identity = run.identity | {"study": run.settings | {"sweep": sweep}}
    unfinished = replace(run, identity=identity, complete=False)
    assert "12 of 72 chips so far" in progress_text(unfinished)


def test_unknown_table_is_shown_without_a_figure(tmp_path):
    (tmp_path / "run.json").write_text('{"identity": {"settings": {"depth": 3}}, "complete": true}')
    (tmp_path / "results.csv").write_text("what,how_many\nthis,3\nthat,4\n")
    assert write_report(tmp_path, tmp_path / "report.html") == 0
    shown = "".join(Reader((tmp_path / "report.html").read_text(encoding="utf-8")).text)
    for word in ("depth", "how many", "that"):
        assert word in shown


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (None, "no such folder"),
        ({}, "holds no run.json"),
        ({"run.json": "{"}, "not readable as an experiment's settings"),
        ({"run.json": "[]"}, "not readable as an experiment's settings"),
        ({"run.json": '{"identity": {}}'}, "holds no settings and there are no results"),
        (
            {"run.json": '{"identity": {}}', "results.csv": "a,b\n1\n"},
            "line 2: has 1 values for 2 columns",
        ),
        ({"run.json": '{"identity": {}}', "results.csv": "\xff"}, "not readable as a table"),
    ],
)
def test_what_is_no_experiment_is_one_clear_line(files, said, tmp_path):
    run = tmp_path / "run"
    if files is not None:
        run.mkdir()
        for name, text in files.items():
            (run / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=said) as caught:
        write_report(run, tmp_path / "report.html")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "report.html").exists()


def test_page_needs_a_name_that_browsers_know(finished, tmp_path):
    with pytest.raises(InputError, match="ends in .html"):
        write_report(finished, tmp_path / "report.txt")


def test_command_writes_the_same_bytes_again(finished, page):
    again = page.with_name("again.html")  # beside the first: links are relative
    done = CliRunner().invoke(cli, ["report", str(finished), "--out", str(again)])
    assert done.exit_code == 0, done.output
    assert f"{again}: 9 figures" in done.output
    assert again.read_bytes() == page.read_bytes()


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("full_scale_siemens", 1e-5, ("10", "µS")),
        ("wires.word_segment_ohm", 0.0, ("0.0", "ohm")),
        ("off_ohm", "inf", ("inf", "ohm")),
        ("off_ohm", 1e10, ("10", "Gohm")),
        ("on_ohm", [999.99, 1000.0], ("999.99 ohm, 1 kohm", "")),
        ("read_volt", 0.2, ("200", "mV")),
        ("tolerance", 0.2, ("0.2", "")),
        ("radix", None, ("–", "")),
        ("resistors", [2, 4], ("2, 4", "")),
        ("name", "ohm", ("ohm", "")),
    ],
)
def test_settings_have_units(name, value, shown):
    assert with_unit(name, value) == shown


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        ("logit_error_percent", "logit error [%]"),
        ("seconds", "seconds [s]"),
        ("flips", "flips"),
    ],
)
def test_headings_have_units(column, shown):
    assert heading(column) == shown

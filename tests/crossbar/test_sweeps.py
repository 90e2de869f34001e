import json
from dataclasses import dataclass, field, replace
from importlib.resources import files
from itertools import product

import numpy as np
import pytest
from click.testing import CliRunner

from crossbar import InputError
from crossbar.cli import cli
from crossbar.design import Design
from crossbar.results import NETWORK, read_results
from crossbar.studies import Study, Sweep, load_study, run
from crossbar.studies.folder import contradiction
from crossbar.studies.merging import merge
from crossbar.sweeps import dotted_names, settings_at

MANY = list(range(600))


def untimed(rows):
    return [replace(row, seconds=0.0) for row in rows]


def swept(small_toml, text):
    """The small study with one design and other lines before its designs."""
    head, _, _ = small_toml.read_text().partition("[[designs]]")
    head = head.replace("nodal", "ideal")
    small_toml.write_text(f'{head}\n{text}\n[[designs]]\nladder = "stagger"\n')
    return small_toml


def test_a_grid_runs_every_combination_and_names_it_in_the_table(small_toml, tmp_path):
    text = '[sweep]\n"wires.driver_ohm" = [0, 100]\ndesigns.tolerance = [0.1, 0.3]'
    study = load_study(swept(small_toml, text))
    rows = run(study, tmp_path / "out")
    names = ("wires.driver_ohm", "designs.tolerance")
    header = (tmp_path / "out/results.csv").read_text().partition("\n")[0].split(",")
    assert header[-3:] == ["task", *names]
    assert read_results(tmp_path / "out/results.csv") == rows
    points = list(dict.fromkeys(row.swept for row in rows))
    assert [tuple(value for _, value in point) for point in points] == [
        *product((0.0, 100.0), (0.1, 0.3))
    ]
    assert all(tuple(name for name, _ in point) == names for point in points)
    assert len({row.task for row in rows}) == 4 * 2 * 2


def test_a_point_of_a_sweep_is_the_study_with_that_setting(small_toml, tmp_path):
    study = load_study(swept(small_toml, "[sweep]\ndesigns.tolerance = [0.1, 0.3]"))
    rows = run(study, tmp_path / "sweep")
    plain = replace(study, sweep=Sweep(), designs=(replace(study.designs[0], tolerance=0.3),))
    alone = run(plain, tmp_path / "alone")
    chosen = [replace(row, swept=()) for row in rows if dict(row.swept)["designs.tolerance"] == 0.3]
    assert untimed(chosen) == untimed(alone)  # the same task, by its hash too
    assert untimed(rows[: len(chosen)]) != untimed(alone)


def test_a_list_moves_settings_together(small_toml):
    text = (
        '[sweep]\n"measurement_error" = [0, 1e-3]\n'
        "[[sweep.list]]\ntile.rows = 8\ntile.lines = 4\n"
        '[[sweep.list]]\n"tile.rows" = 16\n"tile.lines" = 32\n'
    )
    study = load_study(swept(small_toml, text))
    assert [(p.tile.rows, p.tile.lines, p.measurement_error) for p in study.points] == [
        (8, 4, 0.0), (8, 4, 1e-3), (16, 32, 0.0), (16, 32, 1e-3),
    ]  # fmt: skip
    assert len(study.tasks()) == 4 * 2 * 2


def test_values_that_only_fit_together_are_put_in_at_once(small_toml):
    text = "[[sweep.list]]\ndesigns.on_ohm = 1e11\ndesigns.off_ohm = 1e13"
    with pytest.raises(InputError, match="on_ohm = 1.*: the largest branch"):
        load_study(swept(small_toml, text))  # not "off_ohm: must be above on_ohm"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("wires.drivr_ohm = [1]", r"sweep.wires.drivr_ohm: no such .*mean 'wires.driver_ohm'"),
        ("tolerance = [0.1]", "sweep.tolerance: no such setting; did you mean 'designs.tolerance'"),
        ("designs.tolerance = []", "sweep.designs.tolerance = ..: an empty sweep"),
        ("designs.tolerance = 0.1", "sweep.designs.tolerance = 0.1: give a list"),
        ("designs.tolerance = [0.1, 2]", "sweep at designs.tolerance = 2: tolerance = 2"),
        ('designs.tolerance = ["a"]', "sweep.designs.tolerance = 'a': give a number"),
        ("designs.tolerance = [0.1, 0.1]", "toml: sweep.designs.tolerance: 0.1 is given twice"),
        ("read_volt = [1, 1.0]", "sweep.read_volt: 1 is given twice; give each value once"),
        ("[[sweep.list]]", "toml: sweep.list.0: is empty"),
        ("list = []", "sweep.list: give tables"),
        ("[[sweep.list]]\nseed = 2\n[[sweep.list]]\nseed = 2", "sweep.list.1: seed = 2 is sweep"),
        ("resistors = [2]", "sweep.resistors: not for a sweep"),
        ("designs.resistors = [2]", "sweep.designs.resistors: not for a sweep"),
        ("read_volt = [0]", "sweep at read_volt = 0: read_volt = 0"),
        ("seed = [1, 2]\n[[sweep.list]]\nseed = 2", "sweep.seed: in the grid and in the list"),
        ("[[sweep.list]]\nseed = 2\n[[sweep.list]]\nchips = 2", "sweep.list.1: names chips"),
        ("list = 3", "sweep.list: give tables"),
        ('tile = [{rows = 4}]\n"tile.rows" = [2]', "sweep.tile.rows: tile is swept as a whole"),
        ("tile = [{row = 4}]", "sweep.tile.row: no such setting"),
        ("chips = [1]", "sweep.chips: not for a sweep"),
        (f"seed = {MANY}\ntile.rows = {MANY[1:]}", "more than 1,000,000 tasks"),
        ('network = ["digits", "no.npz"]', "network = .*no.npz.: no such"),
    ],
)  # fmt: skip
def test_a_bad_sweep_is_one_line_that_names_it(small_toml, tmp_path, text, said):
    with pytest.raises(InputError, match=said) as caught:
        run(load_study(swept(small_toml, f"[sweep]\n{text}")), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_two_points_that_are_one_task_name_the_file_and_the_value(small_toml, tmp_path):
    from crossbar.networks import SHIPPED_NAMES

    shipped = files("crossbar") / "data" / f"{SHIPPED_NAMES[0]}.npz"
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "net.npz").write_bytes(shipped.read_bytes())
    text = f'[sweep]\nnetwork = ["{tmp_path}/a/net.npz", "{tmp_path}/b/net.npz"]'
    path = swept(small_toml, text)
    command = ["study", str(path), "--out", str(tmp_path / "out"), "--quiet", "--workers", "1"]
    with pytest.raises(InputError) as refused:
        CliRunner().invoke(cli, command, catch_exceptions=False)
    told = str(refused.value)
    assert told.startswith(f"{path}: sweep at network = {tmp_path}/b/net.npz: names a task twice")


@dataclass(frozen=True)
class Noise:
    read: float = 0.0
    drift: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Later(Study):
    """A study as a later version may have it."""

    noise: Noise | None = None
    scaling: str = "layer"
    parts: tuple[Noise, ...] = field(default=(Noise(),))


def test_settings_that_come_later_are_swept_without_further_code():
    study = Later(resistors=(2,), designs=(Design(),))
    assert {"noise", "noise.read", "scaling", "parts.drift"} <= set(dotted_names(Later))
    values = (("noise.read", 1), ("scaling", "tile"), ("parts.drift", 0.5))
    made = settings_at(study, values)
    assert (made.noise, made.scaling, made.parts) == (Noise(1.0), "tile", (Noise(drift=0.5),))
    grid = Sweep({"noise.read": [0, 2], "scaling": ["layer", "column"]})
    points = replace(study, sweep=grid).points
    assert [(p.noise.read, p.scaling) for p in points] == [
        (0, "layer"), (0, "column"), (2, "layer"), (2, "column"),
    ]  # fmt: skip


def test_a_later_setting_makes_another_task():
    from crossbar.studies.runs import _shared, plan

    study = Later(resistors=(2,), designs=(Design(),), chips=1, simulator="ideal")
    names = [
        list(plan(each, _shared(each)))
        for each in (study, replace(study, noise=Noise()), replace(study, scaling="tile"))
    ]
    assert len({name for (name,) in names}) == 3


def test_two_networks_are_two_series_and_no_common_accuracy(small_toml, tmp_path):
    from crossbar.console import print_summary
    from crossbar.folders import read_digital_accuracy
    from crossbar.plots import save_figures

    own = np.random.default_rng(1).normal(size=(10, 64))
    np.savez(tmp_path / "own.npz", weight_0=own, bias_0=np.zeros(10))
    np.savez(tmp_path / "other.npz", weight_0=-own, bias_0=np.zeros(10))
    text = '[sweep]\nnetwork = ["own.npz", "other.npz"]'
    rows = run(load_study(swept(small_toml, text)), tmp_path / "out")
    series = {row.series for row in rows if row.layer == NETWORK}
    assert series == {"paired stagger, network = own.npz", "paired stagger, network = other.npz"}
    assert np.isnan(read_digital_accuracy(tmp_path / "out"))
    assert json.loads((tmp_path / "out/run.json").read_text())["digital_accuracy_percent"] is None
    assert len(save_figures(rows, float("nan"), tmp_path / "out")) == 4
    print_summary(rows)


def test_more_chips_of_one_network_leave_the_other_in_the_table(small_toml, tmp_path):
    """And so there is no common accuracy still."""
    from crossbar.folders import read_digital_accuracy

    own = np.random.default_rng(1).normal(size=(10, 64))
    for name, sign in (("own", 1), ("other", -1)):
        np.savez(tmp_path / f"{name}.npz", weight_0=sign * own, bias_0=np.zeros(10))
    both = load_study(swept(small_toml, '[sweep]\nnetwork = ["own.npz", "other.npz"]'))
    run(both, tmp_path / "out")
    names = both.sweep.grid["network"]
    run(replace(both, chips=3, sweep=Sweep({"network": names[1:]})), tmp_path / "out")
    assert {row.chip for row in read_results(tmp_path / "out/results.csv")} == {0, 1, 2}
    assert np.isnan(read_digital_accuracy(tmp_path / "out"))


@pytest.mark.parametrize(
    "value", [1, 1.5, True, "true", "1", "a b", "NaN", float("inf"), None, [1]]
)
def test_any_setting_is_read_back_as_it_was(value, tmp_path):
    from crossbar.tables import _text, _value

    read = _value(_text(value))
    assert read == value
    assert type(read) is type(value)


def test_a_line_that_a_kill_cut_spoils_none_after_it(small_toml, tmp_path):
    study = load_study(swept(small_toml, ""))
    run(replace(study, chips=1), tmp_path / "out")
    with (tmp_path / "out/tasks.jsonl").open("a") as log:
        log.write('{"task": "cut')
    run(study, tmp_path / "out")
    seen = []
    run(study, tmp_path / "out", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(4, 4)]


def test_a_merged_folder_has_the_netlists_of_the_first(small_toml, tmp_path):
    study = load_study(swept(small_toml, ""))
    for chip, name in enumerate(("first", "second")):
        run(replace(study, chips=1, first_chip=chip), tmp_path / name)
    merge([tmp_path / "first", tmp_path / "second"], tmp_path / "both")
    first, both = (sorted((tmp_path / name / "netlists").iterdir()) for name in ("first", "both"))
    assert len(both) == 3
    assert [path.read_bytes() for path in both] == [path.read_bytes() for path in first]


def test_a_folder_without_ngspice_may_go_on_with_it_but_not_with_another():
    one, other = ({"version": "1.0.0", "study": {}, "ngspice": {"version": v}} for v in "12")
    none = one | {"ngspice": None}
    assert contradiction(none, one, ["simulator"]) is None
    assert contradiction(one, none, ["simulator"]) is None
    assert contradiction(one, other, ["simulator"]) == "ngspice.version was 1, is 2"

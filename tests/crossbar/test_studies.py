import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossbar import InputError
from crossbar.design import Design
from crossbar.results import NETWORK, Row, read_results
from crossbar.settings import read_toml
from crossbar.studies import Study, load_study, run, runs

EXAMPLE = Path(__file__).parents[2] / "examples/digits.toml"


def untimed(rows):
    return [replace(row, seconds=0.0) for row in rows]


def test_a_study_fills_its_folder(small_toml, tmp_path):
    study = load_study(small_toml)
    seen = []
    rows = run(study, tmp_path / "out", progress=lambda done, total: seen.append((done, total)))
    layers = len(study.setting().network.layers)
    assert len(rows) == 2 * 2 * 2 * (layers + 1)
    assert seen == [(done, 8) for done in range(9)]
    assert read_results(tmp_path / "out/results.csv") == rows
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["complete"] is True
    assert record["identity"]["study"]["seed"] == 3
    assert len(list((tmp_path / "out/netlists").glob("*.cir"))) == layers
    for row in rows:
        assert (row.flips is None) == (row.layer != NETWORK)
        assert 0 <= row.enabled_resistors <= row.kept_weights * row.resistors_per_weight


def test_workers_do_not_change_the_table(small_toml, tmp_path):
    study = load_study(small_toml)
    serial = run(study, tmp_path / "serial")
    with ThreadPoolExecutor(4) as executor:
        parallel = run(study, tmp_path / "parallel", executor=executor)
    assert untimed(serial) == untimed(parallel)
    assert untimed(read_results(tmp_path / "parallel/results.csv")) == untimed(serial)


def test_a_cut_log_is_completed_and_finished_rows_are_kept(small_toml, tmp_path):
    study = load_study(small_toml)
    out = tmp_path / "out"
    whole = run(study, out)
    log, table = out / "tasks.jsonl", out / "results.csv"
    lines = log.read_text().splitlines(keepends=True)
    a_task = len(study.setting().network.layers) + 1
    log.write_text("".join(lines[:3]) + lines[3][:200])
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:2]))
    ran = []
    again = run(study, out, progress=lambda done, total: ran.append(done))
    assert ran[0] == 3
    assert untimed(again) == untimed(whole)
    assert again[: 3 * a_task] == whole[: 3 * a_task]


def test_a_killed_study_continues_to_the_same_table(small_toml, tmp_path):
    small_toml.write_text(small_toml.read_text().replace("chips = 2", "chips = 8"))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "crossbar", "study", str(small_toml), "--out", str(out)]
    process = subprocess.Popen([*command, "--workers", "1", "--quiet"])
    table = out / "results.csv"
    deadline = time.monotonic() + 120
    while not (table.exists() and table.read_text().count(NETWORK) >= 3):
        assert process.poll() is None, "ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = [row for row in read_results(table) if row.layer == NETWORK]
    assert 3 <= len(kept) < 32
    study = load_study(small_toml)
    resumed = run(study, out)
    assert all(row in resumed for row in kept)  # finished work is not done again
    assert untimed(resumed) == untimed(run(study, tmp_path / "undisturbed"))


def test_a_folder_of_another_study_is_refused_and_untouched(small_toml, tmp_path):
    study = load_study(small_toml)
    run(study, tmp_path / "out")
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    with pytest.raises(InputError, match="belongs to another study .seed was 3, is 4"):
        run(replace(study, seed=4), tmp_path / "out")
    assert before == {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}


def test_a_folder_with_other_files_is_refused(small_toml, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        run(load_study(small_toml), tmp_path / "out")
    assert os.listdir(tmp_path / "out") == ["thesis.txt"]


def test_two_runs_at_once_are_refused(small_toml, tmp_path):
    from crossbar.folders import RunFolder

    study = load_study(small_toml)
    run(study, tmp_path / "out")
    identity = json.loads((tmp_path / "out/run.json").read_text())["identity"]
    with (
        RunFolder(tmp_path / "out", identity, Row),
        pytest.raises(InputError, match="another run is writing"),
    ):
        run(study, tmp_path / "out")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("resistors = [2, 4]", "resistor = [2, 4]", "resistor: no such setting; did you mean 're"),
        ('ladder = "stagger"', 'lader = "stagger"', "designs.0.lader: no such setting; did you"),
        ("resistors = [2, 4]", "resistors = []", "resistors = .*: an empty sweep"),
        ("resistors = [2, 4]", "resistors = [0]", "resistors = 0: a paired cell needs"),
        ("resistors = [2, 4]", "resistors = [2.5]", "resistors.0 = 2.5"),
        ("resistors = [2, 4]", "resistors = [2, 2]", "name each number once"),
        ("resistors = [2, 4]", "", "resistors: this setting is missing"),
        ("chips = 2", "chips = 0", "chips = 0"),
        ("chips = 2", 'chips = "many"', "chips = 'many'"),
        ("seed = 3", "seed = -1", "seed = -1"),
        ("seed = 3", "seed = ", "not valid TOML"),
        ('"nodal"', '"spice"', "simulator = 'spice'"),
        ("seed = 3", 'method = "gues"', "method = 'gues'"),
        ("seed = 3", "measurement_error = nan", "measurement_error = nan"),
        ("seed = 3", "read_volt = 0", "read_volt = 0"),
        ('ladder = "stagger"', 'ladder = "binary"\nname = "conventional"', "two are called 'conv"),
        (
            'ladder = "stagger"',
            "resistors = 4",
            "designs.0.resistors: all designs",
        ),
        ('ladder = "stagger"', "tolerance = -1", "designs.0: tolerance = -1.0"),
        ("\n[[designs]]", "\n[wires]\nword_segment_ohm = -1\n\n[[designs]]", "word_segment_ohm"),
        ("\n[[designs]]", "\n[wires]\nsense = 1\n\n[[designs]]", "wires.sense: no such setting"),
        ("\n[[designs]]", "\n[tile]\nlines = 3\n\n[[designs]]", "tile: tile lines = 3"),
        ("seed = 3", 'network = "nowhere.npz"', "nowhere.npz.*: no such file"),
        ("seed = 3", 'dataset = "mnist"', "dataset = 'mnist'"),
    ],
)
def test_a_bad_study_is_one_line_that_names_it(small_toml, old, new, named):
    small_toml.write_text(small_toml.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=named) as caught:
        load_study(small_toml).setting()
    assert "\n" not in str(caught.value)


def test_the_shipped_example_compares_every_ladder():
    study = load_study(EXAMPLE)
    assert {design.ladder for design in study.designs} >= {
        "stagger", "guaranteed", "identical", "binary",
    }  # fmt: skip
    assert study.simulator == "ngspice"
    assert read_toml(EXAMPLE)["resistors"] == list(study.resistors)


def own_network(path, factor=1.0):
    random = np.random.default_rng(1)
    np.savez(path, weight_0=factor * random.normal(size=(10, 64)), bias_0=random.normal(size=10))


def test_a_changed_network_is_another_study(small_toml, tmp_path):
    small_toml.write_text('network = "own.npz"\n' + small_toml.read_text())
    own_network(tmp_path / "own.npz")
    rows = run(load_study(small_toml), tmp_path / "out")
    assert {row.layer for row in rows} == {"1", NETWORK}
    own_network(tmp_path / "own.npz", factor=1.5)
    with pytest.raises(InputError, match="belongs to another study .network_sha256"):
        run(load_study(small_toml), tmp_path / "out")


def test_a_kill_during_the_very_first_write_is_no_obstacle(small_toml, tmp_path):
    (tmp_path / "out/netlists").mkdir(parents=True)
    (tmp_path / "out/.run.json.123.part").write_text('{"half')
    (tmp_path / "out/netlists").rmdir()
    rows = run(load_study(small_toml), tmp_path / "out")
    assert rows
    assert not list((tmp_path / "out").glob(".*.part"))


def test_a_finished_study_is_not_touched_again_and_a_lost_netlist_comes_back(small_toml, tmp_path):
    study = load_study(small_toml)
    run(study, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")}
    assert run(study, tmp_path / "out") == read_results(tmp_path / "out/results.csv")
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")}
    lost = tmp_path / "out/netlists/layer_2.cir"
    text = lost.read_text()
    lost.unlink()
    run(study, tmp_path / "out")
    assert lost.read_text() == text


def test_a_process_pool_gives_the_same_table(small_toml, tmp_path):
    study = load_study(small_toml)
    with ProcessPoolExecutor(2) as executor:
        pooled = run(study, tmp_path / "pool", executor=executor)
    assert untimed(pooled) == untimed(run(study, tmp_path / "serial"))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (",network,", ",7,", "is for network lines only"),
        ("stagger,2,", "stagger,x,", "is no number"),
        ("design,", "sign,", "other columns"),
    ],
)
def test_an_edited_table_is_refused(small_toml, tmp_path, old, new, named):
    study = load_study(small_toml)
    run(study, tmp_path / "out")
    table = tmp_path / "out/results.csv"
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=named):
        run(study, tmp_path / "out")


@pytest.mark.parametrize("name", ["gestuft ±20 %", "a$\\frac$", "[red]x[/]", "50 % & <b>"])
def test_any_printable_name_runs_to_the_figures(small_toml, tmp_path, name):
    from crossbar.console import print_summary
    from crossbar.plots import save_figures

    study = load_study(small_toml)
    study = replace(study, designs=(replace(study.designs[0], name=name),))
    rows = run(study, tmp_path / "out")
    assert {row.design for row in read_results(tmp_path / "out/results.csv")} == {name}
    assert len(save_figures(rows, 97.0, tmp_path / "out")) == 4
    print_summary(rows)


@pytest.mark.parametrize(
    "line",
    ['chips = "2"', "chips = true", "chips = 2.0", "chips = 99999999999999999999999", "chips = inf",
     "seed = false", "designs = true", "designs = [1]", "wires = 3", "network = 4",
     "chips = 1979-05-27", 'measurement_error = "0.1"', "chips = 10000000"],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_not_converted(small_toml, line):
    key = line.split(" ")[0]
    rest = [old for old in small_toml.read_text().splitlines() if not old.startswith(key)]
    if key == "designs":
        rest = [old for old in rest if old.startswith(("resistors", "seed", "simulator"))]
    small_toml.write_text("\n".join([line, *rest]))
    with pytest.raises(InputError, match=key) as caught:
        load_study(small_toml)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            {"version": "0.0"},
            r"workers: one has resistive-crossbar \d+\.\d+, here is 0\.0; install",
        ),
        ({"ngspice": ("1", False)}, r"workers: one has ngspice \d+.*, here is 1; install the same"),
    ],
)
def test_workers_with_another_version_are_refused(other, said):
    study = Study(resistors=(2,), designs=(Design(),), simulator="ideal")
    shared = replace(runs._shared(study), **other)
    call = next(iter(runs.plan(study, shared).values())).call
    with pytest.raises(InputError, match=said):
        runs._run_task(shared, call)

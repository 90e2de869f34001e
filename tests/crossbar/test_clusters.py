"""Studies on Dask clusters of real processes, which are killed."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
from click.testing import CliRunner

from crossbar import InputError
from crossbar.cli import cli
from crossbar.design import Design
from crossbar.results import read_results
from crossbar.studies import Study, load_study, run
from crossbar.workers import LostWork, executor_for

STUDY = Study(resistors=(2, 4), designs=(Design(),), chips=6, seed=3, simulator="ideal")


def untimed(rows):
    return [replace(row, seconds=0.0) for row in rows]


def crossbar(*arguments):
    done = CliRunner().invoke(cli, [*map(str, arguments)])
    if done.exception:
        raise done.exception
    return done.output


@pytest.fixture
def no_figures(monkeypatch):
    """Drawing takes longer than these small studies, and others look at the figures."""
    monkeypatch.setattr("crossbar.studies.commands._figures", lambda *_: [])


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes of a real cluster."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as made:
        yield made


def test_a_killed_worker_of_a_cluster_loses_nothing(cluster, tmp_path):
    serial = run(STUDY, tmp_path / "serial")
    killed = []

    def kill(done, total):
        if done == 3:
            killed.append(next(iter(cluster.workers.values())).pid)
            os.kill(killed[0], signal.SIGKILL)

    with executor_for(1, cluster.scheduler_address) as executor:
        rows = run(STUDY, tmp_path / "dask", executor=executor, progress=kill)
    assert killed
    assert untimed(rows) == untimed(serial)


def test_the_command_line_runs_a_study_on_a_cluster_and_merges(cluster, small_toml, tmp_path):
    small_toml.write_text(small_toml.read_text().replace("nodal", "ideal"))
    study = load_study(small_toml)
    run(study, tmp_path / "serial")
    run(replace(study, chips=1), tmp_path / "first")
    small_toml.write_text(
        "first_chip = 1\n" + small_toml.read_text().replace("chips = 2", "chips = 1")
    )
    address = cluster.scheduler_address
    said = crossbar("study", small_toml, "--out", tmp_path / "second", "--scheduler", address)
    assert "paired stagger" in said
    folders = tmp_path / "first", tmp_path / "second"
    said = crossbar("merge", *folders, "--out", tmp_path / "both")
    told, suggested = said.strip().split("; draw them with: crossbar ")
    assert told == f"{tmp_path / 'both'}: 8 chips of 2 folders"
    assert len(crossbar(*shlex.split(suggested)).splitlines()) == 4
    found = read_results(tmp_path / "both/results.csv")
    assert untimed(found) == untimed(read_results(tmp_path / "serial/results.csv"))


@pytest.mark.usefixtures("no_figures")
def test_ngspice_runs_on_the_workers_of_a_cluster(cluster, small_toml, tmp_path):
    text = small_toml.read_text().replace("nodal", "ngspice").replace("[2, 4]", "[2]")
    small_toml.write_text(text[: text.rindex("[[designs]]")])
    study = load_study(small_toml)
    assert (study.simulator, len(study.tasks())) == ("ngspice", 2)
    serial = run(study, tmp_path / "serial")
    address = cluster.scheduler_address
    crossbar("study", small_toml, "--out", tmp_path / "dask", "--scheduler", address)
    found = read_results(tmp_path / "dask/results.csv")
    assert untimed(found) == untimed(serial)
    assert all(0 < row.simulator_mismatch < 1e-9 for row in found)  # 0 where nothing is simulated
    files = [sorted((tmp_path / name / "netlists").iterdir()) for name in ("serial", "dask")]
    assert [path.read_bytes() for path in files[0]] == [path.read_bytes() for path in files[1]]


@contextmanager
def process(kind, file, *options):
    """``dask scheduler`` or ``dask worker``, as a user starts it; killed at the end."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--scheduler-file", file]
    with subprocess.Popen(
        [*map(str, command), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def address_in(file, scheduler):
    """Of a scheduler that has started."""
    while scheduler.poll() is None:
        try:
            return json.loads(file.read_text())["address"]
        except (FileNotFoundError, ValueError):
            time.sleep(0.05)
    raise AssertionError("the scheduler ended")


@pytest.mark.usefixtures("no_figures")
def test_a_cluster_from_its_start_to_its_end(monkeypatch, small_toml, tmp_path, caplog):
    """A scheduler without workers; then a nodal study; then all of it is killed in a study."""
    pytest.importorskip("distributed")
    file = tmp_path / "scheduler.json"
    local = "--host", "127.0.0.1"
    with process("scheduler", file, *local, "--port", "0", "--no-dashboard") as scheduler:
        address = address_in(file, scheduler)
        ask = "study", small_toml, "--scheduler", address, "--out"
        monkeypatch.setattr("crossbar.workers._CONNECT_SECONDS", 3)
        with pytest.raises(InputError) as caught:
            crossbar(*ask, tmp_path / "none")
        said = f"scheduler = {address}: has no workers; start some with 'dask worker {address}'"
        assert str(caught.value) == said
        assert not (tmp_path / "none").exists()

        monkeypatch.setattr("crossbar.workers._CONNECT_SECONDS", 60)
        with process("worker", file, "--nthreads", "1", "--no-nanny", "--no-dashboard") as worker:
            crossbar(*ask, tmp_path / "dask")
            rows = read_results(tmp_path / "dask/results.csv")
            assert untimed(rows) == untimed(run(load_study(small_toml), tmp_path / "serial"))

            def kill(done, total):
                if done == 3:
                    worker.kill()
                    scheduler.kill()

            study = replace(STUDY, chips=30)
            monkeypatch.setattr("crossbar.workers._CONNECT_SECONDS", 3)
            with (
                pytest.raises(LostWork, match="run the same command to continue") as caught,
                executor_for(1, address) as executor,
            ):
                run(study, tmp_path / "out", executor=executor, progress=kill)
    assert "\n" not in str(caught.value)
    assert "exception calling callback" not in caplog.text
    ran = []
    run(study, tmp_path / "out", progress=lambda done, total: ran.append(done))
    assert 3 <= ran[0] < 60

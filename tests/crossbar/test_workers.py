"""Tasks on executors of every kind, and what happens when workers die."""

import multiprocessing
import operator
import os
import signal
import sys
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from dataclasses import replace

import pytest

from crossbar import InputError
from crossbar.design import Design
from crossbar.results import read_results
from crossbar.studies import Study, load_study, run
from crossbar.workers import RETRIES, LostWork, completed, executor_for

STUDY = Study(resistors=(2, 4), designs=(Design(),), chips=6, seed=3, simulator="ideal")


def untimed(rows):
    return [replace(row, seconds=0.0) for row in rows]


def product(shared, task):
    return shared * task


class Inline(Executor):
    """Runs a call when it is submitted, and loses some of them."""

    def __init__(self, lost=()):
        self.lost, self.calls = list(lost), 0

    def submit(self, function, /, *arguments):
        self.calls += 1
        future = Future()
        if self.calls in self.lost:
            future.set_exception(CancelledError())
        else:
            future.set_result(function(*arguments))
        return future


def test_results_come_with_their_tasks():
    assert dict(completed(product, 3, range(5))) == {n: 3 * n for n in range(5)}
    with executor_for(2, None) as executor:
        assert dict(completed(product, 3, range(5), executor)) == {n: 3 * n for n in range(5)}


def test_what_is_shared_travels_once_to_a_process_that_is_not_a_fork():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        found = dict(completed(operator.mul, 3, range(200), executor))
    assert found == {n: 3 * n for n in range(200)}


def test_at_most_so_many_tasks_are_given_away_at_a_time():
    asked, done = [0], []

    def tasks():
        for number in range(1000):
            asked[0] += 1
            yield number

    with executor_for(2, None) as executor:
        for _ in completed(product, 3, tasks(), executor, in_flight=20):
            done.append(1)
            assert asked[0] - len(done) <= 20
    assert len(done) == 1000


def test_a_lost_task_is_submitted_again_but_not_for_ever():
    executor = Inline(lost=[2, 5, 11])
    assert dict(completed(product, 3, range(9), executor)) == {n: 3 * n for n in range(9)}
    assert executor.calls == 9 + 3
    with pytest.raises(LostWork, match=f"lost {RETRIES + 1} times.*the same command") as caught:
        list(completed(product, 3, [1], Inline(lost=range(1, 50))))
    assert "\n" not in str(caught.value)


def die(shared, task):
    if task == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def test_a_broken_pool_is_one_line():
    with (
        ProcessPoolExecutor(2) as executor,
        pytest.raises(LostWork, match="process was killed.*same command") as caught,
    ):
        list(completed(die, None, range(20), executor))
    assert "\n" not in str(caught.value)


def test_an_error_of_a_task_is_no_lost_worker():
    calls = []

    def fail(shared, task):
        calls.append(task)
        raise ValueError("its own fault")

    with pytest.raises(ValueError, match="its own fault"), executor_for(1, None) as executor:
        list(completed(fail, None, [1], executor))
    assert calls == [1]


def test_no_scheduler_is_one_line(monkeypatch):
    monkeypatch.setattr("crossbar.workers._CONNECT_SECONDS", 1)
    pytest.importorskip("distributed")
    for address in ("tcp://127.0.0.1:1", "nonsense://x"):
        with (
            pytest.raises(
                InputError, match=f"{address}: no Dask scheduler.*dask scheduler"
            ) as caught,
            executor_for(1, address),
        ):
            pass
        assert "\n" not in str(caught.value)


def test_no_dask_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(InputError, match=r"resistive-crossbar\[dask\]"),
        executor_for(1, "tcp://x:1"),
    ):
        pass


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes of a real cluster."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
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


def crossbar(*arguments):
    from click.testing import CliRunner

    from crossbar.cli import cli

    done = CliRunner().invoke(cli, [*map(str, arguments)])
    if done.exception:
        raise done.exception
    return done.output


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
    assert said.startswith(f"{tmp_path / 'both'}: 8 chips of 2 folders")
    found = read_results(tmp_path / "both/results.csv")
    assert untimed(found) == untimed(read_results(tmp_path / "serial/results.csv"))


def test_a_cluster_that_goes_away_is_one_line_and_the_study_continues(
    monkeypatch, tmp_path, caplog
):
    """The scheduler and its workers are killed in the middle of a study."""
    distributed = pytest.importorskip("distributed")
    made = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=":0"
    )
    study = replace(STUDY, chips=30)
    monkeypatch.setattr("crossbar.workers._CONNECT_SECONDS", 3)

    def stop(done, total):
        if done == 3:
            made.close()

    with (
        made,
        pytest.raises(LostWork, match="run the same command to continue") as caught,
        executor_for(1, made.scheduler_address) as executor,
    ):
        run(study, tmp_path / "out", executor=executor, progress=stop)
    assert "\n" not in str(caught.value)
    assert "exception calling callback" not in caplog.text
    ran = []
    run(study, tmp_path / "out", progress=lambda done, total: ran.append(done))
    assert 3 <= ran[0] < 60

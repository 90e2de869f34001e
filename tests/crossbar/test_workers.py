"""Tasks on executors of every kind, and what happens when workers die."""

import multiprocessing
import operator
import os
import signal
import sys
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor

import pytest

from crossbar import InputError
from crossbar.workers import RETRIES, LostWork, completed, executor_for


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

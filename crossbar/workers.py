"""Tasks shared out to any `concurrent.futures` executor, here or on a Dask cluster."""

from __future__ import annotations

import logging
import pickle
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from crossbar.errors import InputError

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")

IN_FLIGHT = 256
"""Most tasks that are given to an executor at a time; the others wait here."""

RETRIES = 2
"""How often a task is submitted again whose worker died."""

_FIRST = 16
_MOST_KEPT = 4
_CONNECT_SECONDS = 10
_kept: dict[str, Any] = {}


class LostWork(InputError):
    """Workers died, or the cluster went away; what was finished is kept."""


def completed(
    work: Callable[[S, T], R],
    shared: S,
    tasks: Iterable[T],
    executor: Executor | None = None,
    *,
    in_flight: int = IN_FLIGHT,
) -> Iterator[tuple[T, R]]:
    """Tasks with their results, as they end.

    What all tasks share travels to a worker process once, not with every task. A task whose
    worker died is submitted again, `RETRIES` times.

    Parameters
    ----------
    work : callable
        A function of a module, of what is shared and a task.
    shared : object
        What all tasks need; pickled where workers are other processes.
    tasks : iterable
        What to do.
    executor : concurrent.futures.Executor, optional
        Who does it; default one after another, here.
    in_flight : int
        Most tasks submitted at a time.

    Raises
    ------
    LostWork
        When a task's workers died too often, or all of them did.
    """
    if executor is None:
        yield from ((task, work(shared, task)) for task in tasks)
        return
    key = uuid.uuid4().hex
    _keep(key, shared)  # for threads, and for processes that are forked from here
    running: dict[Future[Any], _Attempt[T]] = {}
    try:
        yield from _shared_out(work, key, tasks, executor, in_flight, running)
    except LostWork:
        running.clear()  # nobody is left to cancel them
        raise
    finally:
        for future in running:
            future.cancel()
        _kept.pop(key, None)


@dataclass(frozen=True)
class _Attempt(Generic[T]):
    task: T
    lost: int = 0
    carries: bool = False


@dataclass(frozen=True)
class _Missing:
    """What a worker returns that does not have what is shared."""


def _shared_out(
    work: Callable[[Any, T], R],
    key: str,
    tasks: Iterable[T],
    executor: Executor,
    in_flight: int,
    running: dict[Future[Any], _Attempt[T]],
) -> Iterator[tuple[T, R]]:
    waiting, again = iter(tasks), deque[_Attempt[T]]()
    payload = b""
    limit = min(_FIRST, in_flight)  # grows with results: new workers ask for what is shared first
    while True:
        while len(running) < limit:
            if (attempt := again.popleft() if again else _first(waiting)) is None:
                break
            if attempt.carries and not payload:
                payload = pickle.dumps(_kept[key], protocol=pickle.HIGHEST_PROTOCOL)
            sent = payload if attempt.carries else None
            running[_submit(executor, work, key, sent, attempt.task)] = attempt
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            attempt = running.pop(future)
            try:
                result = future.result()
            except Exception as error:
                again.append(_retry(attempt, error))
                continue
            if isinstance(result, _Missing):
                again.append(replace(attempt, carries=True))
                continue
            limit = min(2 * limit, in_flight)
            yield attempt.task, result


def _first(tasks: Iterator[T]) -> _Attempt[T] | None:
    return next((_Attempt(task) for task in tasks), None)


def _submit(executor: Executor, *call: Any) -> Future[Any]:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")  # once a worker
            return executor.submit(_call, *call)
    except Exception as error:
        raise LostWork(
            f"workers: no task can be given to them any more ({_said(error)}); "
            "run the same command to continue"
        ) from None


def _retry(attempt: _Attempt[T], error: Exception) -> _Attempt[T]:
    """The same task once more, or the error."""
    if isinstance(error, BrokenExecutor):
        raise LostWork(
            "workers: a process was killed, perhaps for want of memory; "
            "run the same command to continue, with fewer workers"
        ) from None
    if isinstance(error, ModuleNotFoundError) and str(error.name).startswith("crossbar"):
        raise LostWork(
            "workers: they do not have this version of resistive-crossbar; install it there"
        ) from None
    if not isinstance(error, CancelledError) and type(error).__name__ != "KilledWorker":
        raise error
    if attempt.lost >= RETRIES:
        raise LostWork(
            f"workers: a task was lost {attempt.lost + 1} times, its workers died or went away; "
            "give them more memory and run the same command to continue"
        ) from None
    return replace(attempt, lost=attempt.lost + 1)


def _call(work: Callable[[Any, T], R], key: str, payload: bytes | None, task: T) -> R | _Missing:
    if key not in _kept:
        if payload is None:
            return _Missing()
        _keep(key, pickle.loads(payload))
    return work(_kept[key], task)


def _keep(key: str, shared: Any) -> None:
    while len(_kept) >= _MOST_KEPT:
        _kept.pop(next(iter(_kept)), None)
    _kept[key] = shared


@contextmanager
def executor_for(workers: int, scheduler: str | None) -> Iterator[Executor]:
    """So many threads of this machine, or a Dask cluster by its scheduler's address.

    Raises
    ------
    InputError
        When Dask is not installed, no scheduler answers there, or it has no workers.
    """
    if scheduler is None:
        with ThreadPoolExecutor(workers) as executor:
            yield executor
        return
    with _cluster(scheduler) as executor:
        yield executor


@contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "scheduler: needs Dask; install it with: pip install 'resistive-crossbar[dask]'"
        ) from None
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # we say it in one line
    try:
        connect: Any = Client  # has no types
        client = connect(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"scheduler = {address}: no Dask scheduler answers there ({_said(error)}); start one "
            "with 'dask scheduler', or give its address, like tcp://host:8786"
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except TimeoutError:
            raise InputError(
                f"scheduler = {address}: has no workers; start some with 'dask worker {address}'"
            ) from None
        yield client.get_executor(pure=False)


def _said(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]

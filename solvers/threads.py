"""Shares of a batch on threads: compiled searches hold no lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor


def in_threads(
    task: Callable[[slice], None],
    parts: Sequence[slice],
    workers: int,
    stop: threading.Event | None = None,
) -> None:
    """Do all parts; an error or Ctrl-C sets ``stop`` and drops those not begun."""
    if workers == 1:
        for part in parts:
            task(part)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        for done in [pool.submit(task, part) for part in parts]:
            done.result()
    except BaseException:
        if stop is not None:
            stop.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)

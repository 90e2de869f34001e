"""Shares of a batch on threads: compiled searches hold no lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor


def in_threads(task: Callable[[slice], None], parts: Sequence[slice], workers: int) -> None:
    """Do all parts; an error or Ctrl-C drops those not begun."""
    if workers == 1:
        for part in parts:
            task(part)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        for done in [pool.submit(task, part) for part in parts]:
            done.result()
    finally:
        pool.shutdown(cancel_futures=True)

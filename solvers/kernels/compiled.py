"""How kernels are compiled: on first use, cached on disk, without the GIL, and announced."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core import event

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile on first use, cached on disk, without the GIL."""
    try:
        return cast(Function, numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:  # neither beside this file nor at home may a cache be written
        return cast(Function, numba.njit(nogil=True)(function))


class _Announcement(event.Listener):
    """Says once why a first call takes seconds; what comes from the cache is silent."""

    def __init__(self) -> None:
        self.said = False

    def on_start(self, event: Any) -> None:
        module = event.data["dispatcher"].py_func.__module__
        if self.said or not module.startswith(__package__):
            return
        self.said = True
        print(
            "solvers: compiling the search, once after installing (some seconds; kept in "
            "NUMBA_CACHE_DIR, beside the package or in the user's cache, if one can be written)",
            file=sys.stderr,
            flush=True,
        )

    def on_end(self, event: Any) -> None:
        """Nothing to do."""


event.register("numba:compile", _Announcement())  # type: ignore[no-untyped-call]

"""How kernels are compiled: on first use, cached on disk, without the GIL, and announced."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numba.core.config
from numba.core import event
from numba.core.compiler import Compiler

Function = TypeVar("Function", bound=Callable[..., Any])


class _Distinct(Compiler):
    """Arguments that are written never overlap with others, as `restrict` says in C."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)  # type: ignore[no-untyped-call]
        self.state.flags.noalias = True

    def compile_extra(self, function: Any) -> Any:
        """Compile with unrolled loops turned into vector instructions, as numba does on request."""
        config: Any = numba.core.config
        before, config.SLP_VECTORIZE = config.SLP_VECTORIZE, 1
        try:
            return super().compile_extra(function)  # type: ignore[no-untyped-call]
        finally:
            config.SLP_VECTORIZE = before


def compiled(function: Function) -> Function:
    """Compile on first use, cached on disk, without the GIL; a * b + c may round once.

    No array that the function writes may overlap with another of its arguments: without that
    promise, nothing becomes vector instructions. Where no folder can be written to, each process
    compiles anew.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": {"contract"}, "pipeline_class": _Distinct}
    try:
        return cast(Function, numba.njit(cache=True, **options)(function))
    except RuntimeError:  # no place for the cache
        return cast(Function, numba.njit(**options)(function))


class _Announcement(event.Listener):
    """Says once why a first call takes seconds; what comes from the cache is silent."""

    def __init__(self) -> None:
        self.said = False

    def on_start(self, event: Any) -> None:
        module = event.data["dispatcher"].py_func.__module__
        if self.said or module.partition(".")[0] != __package__:
            return
        self.said = True
        print(
            "spice_models: compiling the circuit solver for its first use (some seconds; "
            "kept in NUMBA_CACHE_DIR, beside the package or in the user's cache, if one can be "
            "written)",
            file=sys.stderr,
            flush=True,
        )

    def on_end(self, event: Any) -> None:
        """Nothing to do."""


event.register("numba:compile", _Announcement())  # type: ignore[no-untyped-call]

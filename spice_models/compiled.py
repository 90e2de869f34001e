"""How kernels are compiled: on first use, cached on disk, without the GIL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numba.core.config
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

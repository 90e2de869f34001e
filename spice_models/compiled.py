"""How kernels are compiled: on first use, cached on disk, without the GIL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile on first use, cached on disk, without the GIL; a * b + c may round once."""
    return cast(Function, numba.njit(nogil=True, cache=True, fastmath={"contract"})(function))

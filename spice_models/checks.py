"""Checks shared by the circuit's data: each error names the field, the value and the remedy."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spice_models.errors import CircuitError

__all__ = [
    "SMALLEST_OHM",
    "check_array",
    "check_executor",
    "check_instance",
    "check_seconds",
    "finite_number",
    "floats",
    "number",
    "read_only",
    "refuse",
    "resistance",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)

SMALLEST_OHM = 1e-9
"""Smallest resistance other than 0 [ohm]. Below it write 0, which merges the two nodes exactly."""

LARGEST_OHM = 1e15
"""Largest resistance of a wire or a closed switch [ohm]; beyond it nothing is connected."""


def check_instance(name: str, value: Any, kind: type, example: str) -> None:
    """Raise a CircuitError unless the value is of a class of this package."""
    if not isinstance(value, kind):
        raise CircuitError(
            f"{name} = {type(value).__name__}: give {_article(kind)} {kind.__name__}, "
            f"for example {example}"
        )


def check_array(value: Any, name: str = "array") -> None:
    """Raise a CircuitError unless the value is an `Array`."""
    from spice_models.array import Array

    check_instance(name, value, Array, "Array.from_siemens(siemens)")


def check_executor(value: Any) -> None:
    """Raise a CircuitError unless the value is None or shares work out as an Executor does."""
    if value is not None and not (hasattr(value, "submit") and hasattr(value, "map")):
        raise CircuitError(
            f"executor = {type(value).__name__}: give an Executor, for example "
            "concurrent.futures.ThreadPoolExecutor(2), or None"
        )


def check_seconds(value: Any) -> float:
    """Return the time that a run may take [s], or raise a CircuitError."""
    seconds = finite_number("timeout_seconds", value)
    if seconds <= 0:
        raise CircuitError(f"timeout_seconds = {value!r}; give a time above 0")
    return seconds


def finite_number(name: str, value: Any) -> float:
    """Return the value as a float, or raise a CircuitError that names it."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise CircuitError(f"{name} = {value!r}; give a finite number")
    return found


def number(name: str, value: Any) -> float:
    """The value as a float, or a CircuitError that names it."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise CircuitError(f"{name} = {value!r}; give a number in ohm") from None


def resistance(name: str, value: Any) -> float:
    """A resistance of a wire or a closed switch [ohm]: 0, or one that a circuit can hold."""
    ohm = number(name, value)
    if ohm == 0:
        return 0.0
    if not SMALLEST_OHM <= ohm <= LARGEST_OHM:
        raise CircuitError(
            f"{name} = {ohm!r}; give 0 (no resistance at all) or a finite resistance "
            f"from {SMALLEST_OHM:g} to {LARGEST_OHM:g} ohm"
        )
    return ohm


def floats(name: str, values: ArrayLike) -> Floats:
    """A new array of floats, or a CircuitError for what are no real numbers."""
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "iuf":
            raise TypeError
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise CircuitError(f"{name} is not an array of real numbers; give floats") from None


def refuse(name: str, values: Floats, bad: Bools, remedy: str) -> None:
    """Raise a CircuitError that names the first bad element, if there is one."""
    if bad.any():
        where = tuple(int(k) for k in np.argwhere(bad)[0])
        index = ", ".join(map(str, where))
        raise CircuitError(f"{name}[{index}] = {float(values[where])!r}; {remedy}")


def _article(kind: type) -> str:
    return "an" if kind.__name__[0] in "AEIOU" else "a"


def read_only(values: NDArray[T]) -> NDArray[T]:
    """The same array, no longer writable."""
    values.flags.writeable = False
    return values

"""What a method is: a name, its limits and its options, and a function on a grid."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

from solvers.errors import InvalidInput
from solvers.problem import Grid

LARGEST_WINDOW = 44
"""Numbers that fit a meet in the middle: its four half tables then take 200 MB."""


class Options(TypedDict, total=False):
    """Options of the methods; None stands for the default.

    seed : int
        Of `random`; default 0, so that results repeat.
    tries : int
        Windows searched by `random`; default 32.
    window : int
        Numbers searched exactly at a time by `random`; default 24.
    time_limit : float
        Of `milp`, for each cell [s]; default none.
    """

    seed: int | None
    tries: int | None
    window: int | None
    time_limit: float | None


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method found on a grid.

    Parameters
    ----------
    mask : ndarray of bool, (cells, n)
        Chosen subsets.
    bound : ndarray, (cells,)
        Proven lower bound on the error magnitude on the grid, in grid steps.
    proven : ndarray of bool, (cells,)
        True where the mask is proven best on the grid.
    certificate : str
        What proves it.
    """

    mask: NDArray[np.bool_]
    bound: NDArray[np.float64]
    proven: NDArray[np.bool_]
    certificate: str


class Run(Protocol):
    """Solve the cells of a grid. Targets lie inside the reachable range, and n >= 1."""

    def __call__(self, grid: Grid, options: Options) -> Answer: ...


@dataclass(frozen=True)
class Method:
    """A way to solve subset sums.

    Parameters
    ----------
    name : str
        As the caller writes it.
    run : Run
        The function; what is slow to import it imports when called.
    options : tuple of str
        Names of the options that it takes.
    bits : int
        Finest grid that it accepts, in bits of full scale.
    most : int, optional
        Largest n that it accepts.
    """

    name: str
    run: Run
    options: tuple[str, ...] = ()
    bits: int = 61
    most: int | None = None

    def check_size(self, n: int) -> None:
        """Raise InvalidInput when n numbers are too many."""
        if self.most is not None and n > self.most:
            raise InvalidInput(
                f"n = {n}: method {self.name!r} takes at most {self.most} numbers a cell; "
                "use method='random' or 'milp'"
            )


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean ...?`` when a known name is close, else nothing."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def checked_integer(name: str, value: object, least: int, most: int | None = None) -> int:
    """An integer option inside its range.

    Raises
    ------
    InvalidInput
        When it is something else.
    """
    limits = f"at least {least}" if most is None else f"from {least} to {most}"
    number = int(value) if isinstance(value, numbers.Integral) else least - 1
    if isinstance(value, bool) or number < least or (most is not None and number > most):
        raise InvalidInput(f"{name} = {value!r}: give an integer, {limits}")
    return number


def checked_seconds(name: str, value: object) -> float:
    """A positive, finite time [s].

    Raises
    ------
    InvalidInput
        When it is something else.
    """
    number = float(value) if isinstance(value, numbers.Real) else math.nan
    if isinstance(value, bool) or not 0 < number < math.inf:
        raise InvalidInput(f"{name} = {value!r}: give a positive, finite number of seconds")
    return number


OPTION_CHECKS: dict[str, Callable[[object], object]] = {
    "seed": lambda value: checked_integer("seed", value, 0),
    "tries": lambda value: checked_integer("tries", value, 1),
    "window": lambda value: checked_integer("window", value, 1, LARGEST_WINDOW),
    "time_limit": lambda value: checked_seconds("time_limit", value),
}

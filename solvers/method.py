"""What a method is: a name, its limits and its options, and a function on a grid."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

from solvers.errors import InvalidInput
from solvers.grid import Grid
from solvers.problem import SIGNED, Problem

LARGEST_WINDOW = 44
"""Numbers that fit a meet in the middle: its four half tables then take 200 MB."""


LEAST_WIDTH, LARGEST_WIDTH = 16, 1 << 22
"""Sums in a list of a beam: at the largest width a search takes about 500 MB."""


Progress = Callable[[float, int], object]
"""Told the share that is done and the smallest error so far, in grid steps."""


class Options(TypedDict, total=False):
    """Options of the methods; None stands for the default.

    seed : int
        Of `random` and `schroeppel-shamir`; default 0, so that results repeat.
    tries : int
        Windows searched by `random`; default 32, of vectors 128.
    window : int
        Numbers searched exactly at a time by `random`; default 24, of vectors 20.
    time_limit : float
        Of `milp`, `knapsack`, `random`, `beam` and `schroeppel-shamir`, for each cell [s];
        default none. `random` then tries until the time is used, or until ``tries`` are
        done where that is given too; `beam` widens until the time is used.
    width : int
        Sums that `beam` keeps in each list; default 2**16, with a time limit the widest.
    progress : callable
        Of `schroeppel-shamir`; called now and then, and when a cell is done, with the
        share of the cell's search that is done and the error magnitude of its best choice
        so far, in grid steps. With several workers it is called from several threads.
    """

    seed: int | None
    tries: int | None
    window: int | None
    time_limit: float | None
    width: int | None
    progress: Progress | None


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method found on a grid.

    Parameters
    ----------
    mask : ndarray of int8, (cells, n)
        Chosen coefficients.
    bound : ndarray, (cells,)
        Proven lower bound on the error magnitude on the grid, in grid steps.
    certificate : ndarray of uint8, (cells,)
        What proves the mask best on the grid, see `solvers.Certificate`; NONE where
        nothing does.
    """

    mask: NDArray[np.int8]
    bound: NDArray[np.float64]
    certificate: NDArray[np.uint8]


class Takes(Protocol):
    """Something that takes options, by their names."""

    @property
    def options(self) -> tuple[str, ...]: ...


class Interrupted(KeyboardInterrupt):
    """Ctrl-C inside a method that keeps its best answers so far.

    Parameters
    ----------
    answer : Answer
        Those answers; NONE certifies the unfinished ones.
    begun, done : ndarray of bool, (cells,)
        Cells that have an answer, and those whose search had ended.
    """

    def __init__(self, answer: Answer, begun: NDArray[np.bool_], done: NDArray[np.bool_]) -> None:
        super().__init__("interrupted")
        self.answer = answer
        self.begun = begun
        self.done = done


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
    most, most_signed : int, optional
        Largest n that it accepts, for two coefficients and for -1, 0, +1.
    limits : bool
        It can keep to ``at_most``.
    cells_a_call : callable
        From n, and whether coefficients are -1, 0 and 1, to the cells that take some tenth
        of a second. Compiled code cannot be interrupted: short calls keep Ctrl-C working,
        and what they answered is kept.
    """

    name: str
    run: Run
    options: tuple[str, ...] = ()
    bits: int = 61
    most: int | None = None
    most_signed: int | None = None
    limits: bool = True
    cells_a_call: Callable[[int, bool], int] = lambda n, signed: 1

    def largest(self, signed: bool) -> int | None:
        """Largest n that it accepts; None for any."""
        return self.most_signed if signed else self.most

    def check(self, problem: Problem) -> None:
        """Raise InvalidInput when the problem is too large or of another kind."""
        signed = problem.coefficients == SIGNED
        most = self.largest(signed)
        if most is not None and problem.most_searched > most:
            kind = f" with coefficients {SIGNED}" if signed else ""
            raise InvalidInput(
                f"n = {problem.most_searched}: method {self.name!r} takes at most {most} numbers a "
                f"cell{kind}; use method='auto'"
            )
        if problem.at_most is not None and not self.limits:
            raise InvalidInput(
                f"at_most: method {self.name!r} cannot limit the numbers enabled; use method='auto'"
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


def checked_callable(name: str, value: object) -> Callable[..., object]:
    """A function.

    Raises
    ------
    InvalidInput
        When it is something else.
    """
    if not callable(value):
        raise InvalidInput(f"{name} = {value!r}: give a function")
    return value


OPTION_CHECKS: dict[str, Callable[[object], object]] = {
    "seed": lambda value: checked_integer("seed", value, 0),
    "tries": lambda value: checked_integer("tries", value, 1),
    "window": lambda value: checked_integer("window", value, 1, LARGEST_WINDOW),
    "time_limit": lambda value: checked_seconds("time_limit", value),
    "width": lambda value: checked_integer("width", value, LEAST_WIDTH, LARGEST_WIDTH),
    "progress": lambda value: checked_callable("progress", value),
}


def checked_options(name: str, options: Options, methods: Mapping[str, Takes]) -> Options:
    """Options that were given, each in range, or an error before any work is done."""
    names = ("auto", *methods)
    if not isinstance(name, str) or name not in names:
        hint = nearest(name, names) if isinstance(name, str) else ""
        raise InvalidInput(f"method = {name!r}: choose one of {', '.join(names)}{hint}")
    taken = tuple(OPTION_CHECKS) if name == "auto" else methods[name].options
    given: Options = {}
    for option, value in options.items():
        if option not in OPTION_CHECKS:
            known = ", ".join(OPTION_CHECKS)
            hint = nearest(option, OPTION_CHECKS)
            raise InvalidInput(f"option {option} = {value!r} is unknown: choose from {known}{hint}")
        if value is None:
            continue
        if option not in taken:
            takes = ", ".join(taken) or "no options"
            raise InvalidInput(
                f"option {option} = {value!r}: method {name!r} takes {takes}; leave it out"
            )
        given[option] = OPTION_CHECKS[option](value)  # type: ignore[literal-required]  # checked
    return given

"""`solve` and `solve_batch`: check, choose a method, search on a grid, evaluate in floats."""

from __future__ import annotations

import math
import time
from itertools import compress
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers import meet_in_the_middle, milp, random_window
from solvers.errors import InvalidInput
from solvers.method import OPTION_CHECKS, Answer, Method, Options, nearest
from solvers.problem import Ends, Grid, Problem, checked_problem, find_ends, grid_bits, to_grid
from solvers.solution import Solution

_METHODS = {
    method.name: method for method in (meet_in_the_middle.METHOD, milp.METHOD, random_window.METHOD)
}

METHODS = ("auto", *_METHODS)
"""The names that ``method`` takes."""

_ROWS_AT_ONCE = 4096


def solve(
    values: ArrayLike, target: ArrayLike, method: str = "auto", **options: Unpack[Options]
) -> Solution:
    """Choose the numbers whose sum comes closest to a target.

    Parameters
    ----------
    values : array_like, (n,)
        Real numbers of any sign and magnitude, in any unit; n = 0 is allowed.
    target : float
        The sum asked for. When no subset reaches that far, the nearest end is chosen and
        ``reachable`` is False.
    method : {"auto", "meet-in-the-middle", "milp", "random"}
        ``meet-in-the-middle`` is exact up to 44 numbers, with a unique answer: of equal
        errors the fewest numbers enabled, then the smallest mask (number k is bit k).
        ``milp`` is exact too and much slower, for any n. ``random`` is a heuristic for
        any n, exact up to its window. ``auto`` takes ``meet-in-the-middle`` up to 44
        numbers and ``random`` beyond.
    seed, tries, window : int, optional
        Of ``random`` (and ``auto``, which ignores them where it is exact): seed of the
        draws, default 0; windows searched, default 32; numbers in a window, default 24,
        at most 44.
    time_limit : float, optional
        Of ``milp``: limit for each cell [s]; what is found by then is returned, with
        ``optimal`` False unless it is proven.

    Returns
    -------
    Solution
        With shapes () and (n,).

    Raises
    ------
    InvalidInput
        For a wrong type or shape, NaN or infinity, an unknown method, an option that the
        method does not take, or more numbers than it takes.
    """
    return _solve(values, target, method, options, batch=False).cell(0)


def solve_batch(
    values: ArrayLike, targets: ArrayLike, method: str = "auto", **options: Unpack[Options]
) -> Solution:
    """Choose numbers for many targets, each from its own set; see `solve`.

    Parameters
    ----------
    values : array_like, (cells, n)
        One set of numbers a row. Each row is scaled by itself.
    targets : array_like, (cells,)
        One target for each row.
    method, seed, tries, window, time_limit
        As in `solve`.

    Returns
    -------
    Solution
        With shapes (cells,) and (cells, n); each cell as `solve` would answer it. The
        compiled methods hold no lock: threads may solve parts of a batch at once.

    Raises
    ------
    InvalidInput
        As `solve`.
    """
    return _solve(values, targets, method, options, batch=True)


def choose_method(n: int) -> Method:
    """The method that ``auto`` stands for: exact where it fits, else the heuristic."""
    exact = meet_in_the_middle.METHOD
    if exact.most is None or n <= exact.most:
        return exact
    return random_window.METHOD


def _solve(
    values: ArrayLike, target: ArrayLike, name: str, options: Options, *, batch: bool
) -> Solution:
    start = time.perf_counter()
    given = _checked_options(name, options)
    problem = checked_problem(values, target, batch=batch)
    method = choose_method(problem.n) if name == "auto" else _METHODS[name]
    method.check_size(problem.n)
    ends = find_ends(problem)
    inside = problem.part(~ends.answered)
    grid = to_grid(inside, grid_bits(problem.n, method.bits))
    answer = method.run(grid, given) if inside.cells else _nothing(grid)
    return _solution(problem, ends, grid, answer, method.name, start)


def _checked_options(name: str, options: Options) -> Options:
    """Options that were given, each in range, or an error before any work is done."""
    if not isinstance(name, str) or name not in METHODS:
        hint = nearest(name, METHODS) if isinstance(name, str) else ""
        raise InvalidInput(f"method = {name!r}: choose one of {', '.join(METHODS)}{hint}")
    taken = random_window.METHOD.options if name == "auto" else _METHODS[name].options
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


def _nothing(grid: Grid) -> Answer:
    return Answer(
        mask=np.zeros(grid.values.shape, dtype=bool),
        bound=np.zeros(0),
        proven=np.ones(0, dtype=bool),
        certificate="",
    )


def _solution(
    problem: Problem, ends: Ends, grid: Grid, answer: Answer, method: str, start: float
) -> Solution:
    inside = ~ends.answered
    mask = ends.mask.copy()
    mask[inside] = answer.mask
    achieved, error = evaluate(problem, mask)
    lower_bound = np.abs(error)
    lower_bound[inside] = _bound_in_floats(grid, answer, lower_bound[inside])
    quantum = np.zeros(problem.cells)
    quantum[inside] = grid.quantum
    optimal = np.ones(problem.cells, dtype=bool)
    optimal[inside] = answer.proven
    return Solution(
        mask=mask,
        achieved=achieved,
        error=error,
        reachable=ends.reachable,
        lower_bound=lower_bound,
        optimal=optimal,
        quantum=quantum,
        certificate=_certificate(ends, answer),
        method=method,
        seconds=time.perf_counter() - start,
    )


def evaluate(
    problem: Problem, mask: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums of the chosen numbers and their signed errors, each rounded once; (cells,)."""
    achieved = np.empty(problem.cells)
    error = np.empty(problem.cells)
    for start in range(0, problem.cells, _ROWS_AT_ONCE):  # as Python floats they are large
        part = slice(start, start + _ROWS_AT_ONCE)
        rows = zip(problem.values[part].tolist(), mask[part].tolist(), strict=True)
        chosen = [list(compress(values, row)) for values, row in rows]
        achieved[part] = [math.fsum(one) for one in chosen]
        targets = problem.targets[part].tolist()
        error[part] = [math.fsum((*one, -z)) for one, z in zip(chosen, targets, strict=True)]
    return achieved, error


def _bound_in_floats(grid: Grid, answer: Answer, error: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower bound on the exact error: the grid's, less half a step for each rounding."""
    n = grid.values.shape[1]
    steps = np.where(grid.exact, answer.bound, np.maximum(answer.bound - (n + 1) / 2, 0.0))
    bound = np.minimum(np.ldexp(steps, grid.exponent), error)
    return np.where(grid.exact & answer.proven, error, bound)


def _certificate(ends: Ends, answer: Answer) -> str:
    count = int(ends.answered.sum())
    if not count:
        return answer.certificate or "empty batch"
    beyond = int((~ends.reachable).sum())
    said = f"{count} targets at an end of the reachable range, {beyond} of them clamped to it"
    return f"{answer.certificate}; {said}" if answer.certificate else said

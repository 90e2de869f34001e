"""`solve` and `solve_batch`: check, choose a method, search on a grid, evaluate in floats."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.errors import SearchInterrupted
from solvers.grid import Grid, evaluate, from_grid, to_grid
from solvers.method import (
    Answer,
    Interrupted,
    Method,
    Options,
    Progress,
    checked_integer,
    checked_options,
)
from solvers.methods import BY_NAME, choose_method
from solvers.problem import BINARY, FREE, SIGNED, Problem, checked_problem
from solvers.solution import Certificate, Solution, as_mask
from solvers.threads import in_threads

METHODS = ("auto", *BY_NAME)
"""The names that ``method`` takes."""

_CELLS_AT_ONCE = 2048


def solve(
    values: ArrayLike,
    target: ArrayLike,
    method: str = "auto",
    *,
    coefficients: Sequence[int] = BINARY,
    fixed: ArrayLike | None = None,
    at_most: ArrayLike | None = None,
    **options: Unpack[Options],
) -> Solution:
    """Choose the numbers whose sum comes closest to a target.

    Parameters
    ----------
    values : array_like, (n,)
        Real numbers of any sign and magnitude, in any unit; n = 0 is allowed.
    target : float
        The sum asked for. When no subset reaches that far, the nearest end is chosen and
        ``reachable`` is False.
    method : str
        One of `METHODS`; ``auto`` chooses one by n, see `solvers.methods.choose_method`.
    coefficients : {(0, 1), (-1, 0, 1), (-1, 1)}
        What each number may be multiplied by.
    fixed : array_like, (n,), optional
        Coefficients that cannot be chosen; NaN for those that can.
    at_most : int, optional
        So many coefficients, the fixed ones included, may differ from 0. Taken by
        ``meet-in-the-middle``, ``random``, ``milp`` and ``auto``; not with (-1, 1).
    seed, tries, window, width, time_limit, progress : optional
        Of some methods, see `solvers.method.Options`. ``auto`` takes all of them.

    Returns
    -------
    Solution
        With shapes () and (n,). Exact methods choose, among equal errors, the fewest
        numbers enabled and then the smallest mask (number k is digit k, -1 counting 2);
        of coefficients -1 and 1, the fewest of 1.

    Raises
    ------
    InvalidInput
        For a wrong type or shape, NaN or infinity, constraints that contradict, an unknown
        method, an option that the method does not take, or more numbers than it takes.
    SearchInterrupted
        On Ctrl-C; it carries the best choices so far. ``knapsack`` without a time limit
        cannot be stopped.
    """
    start = time.perf_counter()
    problem = checked_problem(values, target, coefficients, fixed, at_most, batch=False)
    try:
        return _solve(problem, method, options, 1, start).cell(0)
    except SearchInterrupted as stop:
        raise SearchInterrupted(stop.solution.cell(0), stop.done) from None


def solve_batch(
    values: ArrayLike,
    targets: ArrayLike,
    method: str = "auto",
    *,
    coefficients: Sequence[int] = BINARY,
    fixed: ArrayLike | None = None,
    at_most: ArrayLike | None = None,
    workers: int = 1,
    **options: Unpack[Options],
) -> Solution:
    """Choose numbers for many targets, each from its own set; see `solve`.

    Parameters
    ----------
    values : array_like, (cells, n)
        One set of numbers a row. Each row is scaled by itself.
    targets : array_like, (cells,)
        One target for each row.
    fixed : array_like, (cells, n) or (n,), optional
    at_most : int or array_like of int, (cells,), optional
    workers : int
        Threads that share the cells; the compiled searches hold no lock. The answers do
        not depend on it.
    method, coefficients, seed, tries, window, width, time_limit, progress
        As in `solve`.

    Returns
    -------
    Solution
        With shapes (cells,) and (cells, n); each cell as `solve` would answer it. Besides
        it and the input, memory does not grow with the number of cells.

    Raises
    ------
    InvalidInput, SearchInterrupted
        As `solve`.
    """
    start = time.perf_counter()
    threads = checked_integer("workers", workers, 1)
    problem = checked_problem(values, targets, coefficients, fixed, at_most, batch=True)
    return _solve(problem, method, options, threads, start)


def _solve(problem: Problem, name: str, options: Options, workers: int, start: float) -> Solution:
    given = checked_options(name, options, BY_NAME)
    method = choose_method(problem, given) if name == "auto" else BY_NAME[name]
    method.check(problem)
    solution = unsolved(problem, method)
    a_call = method.cells_a_call(problem.most_searched, problem.coefficients == SIGNED)
    if given.get("time_limit") is not None:
        a_call = 1
    step = max(1, min(_CELLS_AT_ONCE, a_call, -(-problem.cells // (4 * workers))))
    parts = [slice(first, first + step) for first in range(0, problem.cells, step)]
    done = np.zeros(problem.cells, np.bool_)
    stop = threading.Event()
    if "progress" in method.options:
        given["progress"] = _heeding(stop, given.get("progress"))

    def task(part: slice) -> None:
        done[part] = solve_part(solution, part, method, given)
        if not done[part].all():
            raise KeyboardInterrupt

    try:
        in_threads(task, parts, workers, stop)
    except KeyboardInterrupt:
        solution = replace(solution, seconds=time.perf_counter() - start)
        raise SearchInterrupted(solution, done) from None
    return replace(solution, seconds=time.perf_counter() - start)


def _heeding(stop: threading.Event, progress: Progress | None) -> Progress:
    """A progress function that hands Ctrl-C on to the threads, which never see it."""

    def heed(share: float, error: int) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        if progress is not None:
            progress(share, error)

    return heed


def unsolved(problem: Problem, method: Method) -> Solution:
    """A solution to be filled by `solve_part`."""
    cells = problem.cells
    return Solution(
        mask=as_mask(np.zeros(problem.values.shape, np.int8), problem.coefficients),
        achieved=np.full(cells, np.nan),
        error=np.full(cells, np.nan),
        reachable=np.zeros(cells, np.bool_),
        lower_bound=np.zeros(cells),
        quantum=np.full(cells, np.nan),
        certificates=np.full(cells, Certificate.NONE, np.uint8),
        method=method.name,
        seconds=0.0,
        problem=problem,
    )


def solve_part(
    solution: Solution, cells: slice, method: Method, options: Options
) -> NDArray[np.bool_]:
    """Solve some cells and write them into the solution; which of them are done."""
    problem = solution.problem.part(cells)
    grid, ends = to_grid(problem, method.bits)
    inside = ~ends.answered
    begun, done = np.ones(problem.cells, np.bool_), np.ones(problem.cells, np.bool_)
    order = _free_first(problem)
    searched = grid.part(inside)
    if order is not None:
        values = np.take_along_axis(searched.values, order[inside], axis=1)
        searched = replace(searched, values=values)
    try:
        found = method.run(searched, options) if inside.any() else None
    except Interrupted as stop:
        found, begun[inside], done[inside] = stop.answer, stop.begun, stop.done
    if order is not None and found is not None:
        whole = np.zeros((len(found.mask), problem.n), np.int8)
        np.put_along_axis(whole, order[inside], found.mask, axis=1)
        found = replace(found, mask=whole)
    answer = _with_ends(found, inside, problem.n)
    mask = from_grid(problem, answer.mask)
    mask[ends.answered] = ends.mask[ends.answered]
    achieved, error = evaluate(problem, mask)
    bound = _bound_in_floats(grid, answer, np.abs(error))
    achieved[~begun] = error[~begun] = np.nan
    solution.mask[cells] = as_mask(mask, problem.coefficients)
    solution.achieved[cells] = achieved
    solution.error[cells] = error
    solution.reachable[cells] = ends.reachable
    solution.lower_bound[cells] = bound
    solution.quantum[cells] = np.where(inside, grid.quantum, 0.0)
    solution.certificates[cells] = answer.certificate
    return done


def _free_first(problem: Problem) -> NDArray[np.intp] | None:
    """Where the numbers stand that are searched: the free ones of each cell, in their order.

    A cell with fewer free ones than others has some fixed ones too, which are zeros there.
    """
    if problem.fixed is None:
        return None
    order = np.argsort(problem.fixed != FREE, axis=1, kind="stable")
    return order[:, : problem.most_searched]


def _with_ends(found: Answer | None, inside: NDArray[np.bool_], n: int) -> Answer:
    """The answer of the cells inside the range, and END elsewhere."""
    if found is not None and inside.all():
        return found
    mask = np.zeros((len(inside), n), np.int8)
    bound = np.zeros(len(inside))
    certificate = np.full(len(inside), Certificate.END, np.uint8)
    if found is not None:
        mask[inside], bound[inside] = found.mask, found.bound
        certificate[inside] = found.certificate
    return Answer(mask, bound, certificate)


def _bound_in_floats(grid: Grid, answer: Answer, error: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lower bound on the exact error: the grid's, less half a step for each rounding."""
    n = grid.values.shape[1]
    steps = np.where(grid.exact, answer.bound, np.maximum(answer.bound - (n + 1) / 2, 0.0))
    # Rounded down: the steps, their difference and the error are each rounded to a float.
    bound = np.nextafter(np.minimum(np.ldexp(steps, grid.exponent), error) * (1 - 2**-51), 0)
    proven = answer.certificate != Certificate.NONE
    known = (answer.certificate == Certificate.END) | (grid.exact & proven)
    return np.where(known, error, bound)

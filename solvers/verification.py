"""Check a solution by other means: rational arithmetic, and an OR-Tools search.

Nothing of the solution's own way is used again: constraints, sums and ends are worked out
in fractions from the problem as it was asked, and the optimum is found by OR-Tools on a
grid made from those fractions.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from solvers.errors import InvalidInput
from solvers.grid import Grid, grid_bits
from solvers.method import Method, Options, checked_integer, checked_seconds, nearest
from solvers.methods import knapsack, milp
from solvers.problem import FLIP, FREE, SIGNED
from solvers.solution import Certificate, Solution

_REFERENCES = {"knapsack": knapsack.METHOD, "milp": milp.METHOD}
_CLAIMS = ("achieved", "error", "reachable", "lower_bound", "quantum", "certificates")


@dataclass(frozen=True, eq=False)
class Verification:
    """What `verify` found; shapes are () for the solution of one problem.

    Parameters
    ----------
    sound : ndarray of bool, (cells,)
        True where nothing wrong was found.
    compared : ndarray of bool, (cells,)
        True where the error was compared with the best one: of OR-Tools, or of an end of
        the reachable range, which needs no search. Cells already found wrong are not.
    proven : ndarray of bool, (cells,)
        True where that best one is itself proven; with a ``time_limit`` it may not be.
    best : ndarray, (cells,)
        Error magnitude of the best choice so found; NaN where not compared.
    problems : tuple of str
        One line for each thing wrong: cell, field, what was found and what was expected.
    method : str
        The OR-Tools method.
    seconds : float
        Wall time [s].
    """

    sound: NDArray[np.bool_]
    compared: NDArray[np.bool_]
    proven: NDArray[np.bool_]
    best: NDArray[np.float64]
    problems: tuple[str, ...]
    method: str
    seconds: float

    @property
    def ok(self) -> bool:
        """True when nothing wrong was found."""
        return not self.problems

    def __str__(self) -> str:
        verdict = "ok" if self.ok else f"{len(self.problems)} problems, first: {self.problems[0]}"
        return (
            f"{verdict}; {self.sound.size} cells checked, {np.count_nonzero(self.compared)} "
            f"compared with the best choice ({np.count_nonzero(self.proven)} proven, method "
            f"{self.method}), {self.seconds:.3g} s"
        )


def verify(
    solution: Solution,
    method: Literal["auto", "knapsack", "milp"] = "auto",
    cells: int | None = None,
    time_limit: float | None = None,
) -> Verification:
    """Check all that a solution says.

    Of each cell: the coefficients are allowed, fixed ones kept, ``at_most`` too;
    ``achieved``, ``error`` and ``reachable`` are right in rational arithmetic; no choice
    that is claimed best is worse than another one by more than the solution's
    quantisation allows, (n + 1) * quantum; and ``lower_bound`` is not above the best.

    Parameters
    ----------
    solution : Solution
        Of `solvers.solve` or `solvers.solve_batch`.
    method : {"auto", "knapsack", "milp"}
        Who looks for better choices; ``auto`` is ``knapsack`` for two coefficients, few
        enough numbers and no ``at_most``, else ``milp``.
    cells : int, optional
        So many cells, evenly spread, go to OR-Tools; all by default. The rest is checked
        in all cells.
    time_limit : float, optional
        For each of these cells [s]. A cell that needs longer is not ``proven``.

    Returns
    -------
    Verification

    Raises
    ------
    InvalidInput
        For a solution of vectors, a mask of another size than its problem, an unknown
        method, or one that does not take the problem.
    """
    start = time.perf_counter()
    if not isinstance(solution, Solution):
        raise InvalidInput(f"solution = {solution!r}: give what solve or solve_batch returned")
    reference, options = _checked(solution, method, time_limit)
    count = solution.problem.cells
    most = count if cells is None else min(count, checked_integer("cells", cells, 0))
    searched = set(np.linspace(0, max(count - 1, 0), most).round().astype(int).tolist())
    compared, proven = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    best = np.full(count, np.nan)
    faults: list[list[str]] = []
    for index in range(count):
        cell = _Cell(solution, index)
        found = list(cell.faults())
        if not found and (index in searched or cell.beyond >= 0):
            error, proven[index] = cell.best(reference, options)
            compared[index], best[index] = True, error / cell.scale
            found = list(cell.faults_beside(error))
        faults.append(found)
    shape = solution.certificates.shape
    return Verification(
        np.array([not found for found in faults], np.bool_).reshape(shape),
        compared.reshape(shape),
        proven.reshape(shape),
        best.reshape(shape),
        tuple(f"cell {index}: {text}" for index, found in enumerate(faults) for text in found),
        reference.name,
        time.perf_counter() - start,
    )


def _checked(solution: Solution, method: str, time_limit: float | None) -> tuple[Method, Options]:
    """The reference method and its options."""
    problem = solution.problem
    if problem.values.ndim != 2:
        raise InvalidInput("solution is one of vectors: verify takes those of solve, solve_batch")
    if solution.mask.size != problem.values.size or solution.certificates.size != problem.cells:
        raise InvalidInput(
            f"solution.mask has shape {solution.mask.shape}, its problem {problem.values.shape}: "
            "give a solution as solve or solve_batch returned it"
        )
    if method not in ("auto", *_REFERENCES):
        hint = nearest(method, _REFERENCES) if isinstance(method, str) else ""
        raise InvalidInput(f"method = {method!r}: choose one of auto, knapsack, milp{hint}")
    if method == "auto":
        most = knapsack.METHOD.most or 0
        small = problem.coefficients != SIGNED and problem.n <= most
        method = "knapsack" if small and problem.at_most is None else "milp"
    reference = _REFERENCES[method]
    reference.check(problem)
    if time_limit is None:
        return reference, {}
    return reference, {"time_limit": checked_seconds("time_limit", time_limit)}


class _Cell:
    """One cell of a solution. Sums are integers in units of 1 / ``scale``, so exact."""

    def __init__(self, solution: Solution, index: int) -> None:
        problem = solution.problem
        n = problem.n
        ratios: list[tuple[int, int]] = [
            one.as_integer_ratio()
            for one in (*problem.values[index].tolist(), float(problem.targets[index]))
        ]
        self.scale = max(below for _, below in ratios)
        *self.values, self.target = [above * (self.scale // below) for above, below in ratios]
        self.alphabet = problem.coefficients
        self.fixed = [FREE] * n if problem.fixed is None else problem.fixed[index].tolist()
        self.most = n if problem.at_most is None else int(problem.at_most[index])
        self.mask = solution.mask.reshape(-1, n)[index].tolist() if n else []
        self.claims = {name: getattr(solution, name).reshape(-1)[index].item() for name in _CLAIMS}
        self.error = self.sum_of(self.mask) - self.target
        self.beyond = max(self.target - self.end(1), -self.target - self.end(-1))

    def sum_of(self, mask: list[int]) -> int:
        return sum(value * one for value, one in zip(self.values, mask, strict=True) if one)

    @property
    def coarsest(self) -> float:
        """Largest grid step that any method uses."""
        largest = max(map(abs, self.values), default=0) / self.scale
        return math.ldexp(1.0, math.frexp(largest)[1] - grid_bits(2 * len(self.values), 48))

    @property
    def spare(self) -> Fraction:
        """What the rounding of numbers and target can hide, (n + 1) quanta."""
        return (len(self.values) + 1) * Fraction(self.claims["quantum"]) * self.scale

    @property
    def most_free(self) -> int:
        """How many coefficients that are not fixed may differ from 0."""
        return self.most - sum(one not in (0, FREE) for one in self.fixed)

    def end(self, sign: int) -> int:
        """The largest ``sign * sum`` that is allowed."""
        given = [0 if one == FREE else one for one in self.fixed]
        gains: list[int] = sorted(
            max(sign * one * value for one in self.alphabet)
            for value, one in zip(self.values, self.fixed, strict=True)
            if one == FREE
        )
        if 0 in self.alphabet:
            gains = gains[max(0, len(gains) - self.most_free) :]
        return sum(gains, sign * self.sum_of(given))

    def faults(self) -> Iterator[str]:
        """What is wrong without a look at other choices."""
        for k, (one, given) in enumerate(zip(self.mask, self.fixed, strict=True)):
            if one not in self.alphabet:
                yield _fault(f"mask[{k}]", one, f"one of {self.alphabet}")
            elif given not in (FREE, one):
                yield _fault(f"mask[{k}]", int(one), f"{given}, as fixed")
        if not set(self.mask) <= set(self.alphabet):
            return
        enabled = sum(map(bool, self.mask))
        if enabled > self.most:
            yield _fault("mask", f"{enabled} enabled", f"at most {self.most}")
        rounded = self.error / self.scale  # of integers: rounded once
        expected = {
            "achieved": (self.error + self.target) / self.scale,
            "error": rounded,
            "reachable": self.beyond <= 0,
        }
        for name, value in expected.items():
            if self.claims[name] != value:
                yield _fault(name, self.claims[name], value)
        if not 0 <= self.claims["quantum"] <= self.coarsest:
            yield _fault("quantum", self.claims["quantum"], f"from 0 to {self.coarsest}")
        if not 0 <= self.claims["lower_bound"] <= abs(rounded):
            yield _fault("lower_bound", self.claims["lower_bound"], "at least 0, at most |error|")
        if self.claims["certificates"] not in list(Certificate):
            yield _fault("certificates", self.claims["certificates"], "one of Certificate")
        elif self.claims["certificates"] == Certificate.END and self.beyond < 0:
            yield _fault("certificates", "END", "another: the target is inside the range")
        elif self.claims["certificates"] == Certificate.ZERO and abs(self.error) > self.spare:
            yield _fault("certificates", "ZERO", f"another: the error is {rounded}")

    def best(self, method: Method, options: Options) -> tuple[int, bool]:
        """Smallest error magnitude that is known, and whether it is proven."""
        if self.beyond >= 0:
            return self.beyond, True
        answer = method.run(self.grid(method.bits), options)
        chosen = answer.mask[0].tolist()
        if self.alphabet == FLIP:
            chosen = [2 * one - 1 for one in chosen]
        mask = [c if one == FREE else one for c, one in zip(chosen, self.fixed, strict=True)]
        error = abs(self.sum_of(mask) - self.target)
        return min(error, abs(self.error)), bool(answer.certificate[0] != Certificate.NONE)

    def grid(self, finest: int) -> Grid:
        """The same problem on a grid of the reference method, of free coefficients only."""
        n = len(self.values)
        bits = grid_bits(2 * n, finest - 1)
        free = [x if one == FREE else 0 for x, one in zip(self.values, self.fixed, strict=True)]
        step = Fraction(1 << max(map(abs, free)).bit_length(), 1 << bits)
        target = self.target - self.sum_of([0 if one == FREE else one for one in self.fixed])
        if self.alphabet == FLIP:
            target += sum(free)
            free = [2 * value for value in free]
        return Grid(
            np.array([[round(value / step) for value in free]], np.int64),
            np.array([round(target / step)], np.int64),
            np.zeros(1, np.int64),  # neither the unit nor exactness matters to a method
            np.zeros(1, np.bool_),
            bits,
            self.alphabet == SIGNED,
            np.array([self.most_free], np.int64) if self.most < n else None,
        )

    def faults_beside(self, best: int) -> Iterator[str]:
        """What is wrong when some choice has this error magnitude."""
        spare = self.spare
        code = Certificate(self.claims["certificates"])
        if code != Certificate.NONE and abs(self.error) > best + spare:
            found = f"{code.name} for |error| {abs(self.error) / self.scale!r}"
            yield _fault("certificates", found, f"NONE: one of {best / self.scale!r} exists")
        if self.claims["lower_bound"] > best / self.scale:
            yield _fault("lower_bound", self.claims["lower_bound"], f"at most {best / self.scale}")


def _fault(field: str, found: object, expected: object) -> str:
    return f"{field}: found {found}, expected {expected}"

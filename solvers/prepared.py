"""One set of numbers, many targets: prepare once, then look up.

Examples
--------
>>> from solvers.prepared import prepare
>>> prepared = prepare([0.5, -0.25, 0.125])
>>> prepared.solve([0.3, -0.1]).achieved.tolist()
[0.25, -0.125]
>>> float(prepared.covering_radius(-0.25, 0.625).radius)
0.0625
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from solvers.api import solve_part, unsolved
from solvers.covering import CoveringRadius
from solvers.errors import InvalidInput
from solvers.grid import Grid, to_grid
from solvers.method import Answer, Method, Options
from solvers.problem import (
    BINARY,
    FREE,
    SIGNED,
    Problem,
    check_magnitudes,
    checked_numbers,
    checked_problem,
)
from solvers.solution import Certificate, Solution

MOST_IN_TABLE, MOST_SIGNED_IN_TABLE = 24, 15
"""Numbers whose sums fit one table: 2**24 or 3**15 sums take 200 MB, twice that while made."""

MOST, MOST_SIGNED = 44, 28
"""Numbers whose two halves' sums are kept: 100 MB, twice that while made."""

_TARGETS_AT_ONCE = 4096
_LOOKUPS_A_CALL = 1 << 18
_STEPS_A_CALL = 1 << 26

Integers = NDArray[np.int64]
Keys = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Table:
    """All distinct sums of the free numbers on the grid, ascending, each with its best key."""

    sums: Integers
    keys: Keys

    def search(self, targets: Integers, signed: bool, masks: NDArray[np.int8]) -> Integers:
        """Fill masks (targets, free numbers); return the errors."""
        from solvers.kernels import lookup

        errors = np.empty(len(targets), np.int64)
        lookup.look_up(self.sums, self.keys, targets, signed, masks, errors)
        return errors


@dataclass(frozen=True, eq=False)
class Halves:
    """Distinct sums of each half of the free numbers, in classes that ascend.

    Class c begins at starts[c]: the sums with c numbers enabled where only ``most`` may be,
    else a single class.
    """

    low: tuple[Integers, Keys, Integers]
    high: tuple[Integers, Keys, Integers]
    most: int

    def search(self, targets: Integers, signed: bool, masks: NDArray[np.int8]) -> Integers:
        """Fill masks (targets, free numbers); return the errors."""
        from solvers.kernels import lookup

        errors = np.empty(len(targets), np.int64)
        steps = sum(len(half[0]) * (len(half[2]) - 1) for half in (self.low, self.high))
        # Compiled code cannot be interrupted: short calls keep Ctrl-C working.
        step = max(1, _STEPS_A_CALL // steps)
        for first in range(0, len(targets), step):
            part = slice(first, first + step)
            goals, out = targets[part], errors[part]
            lookup.walk(*self.low, *self.high, self.most, goals, signed, masks[part], out)
        return errors


@dataclass(frozen=True, eq=False)
class Prepared:
    """A set of numbers whose sums are laid out in order; made by `prepare`.

    Parameters
    ----------
    problem : Problem
        The set and what a solution may do, with a target of 0.
    grid : Grid
        The same on its grid.
    free : ndarray of int64
        Positions of the numbers whose coefficient is not fixed.
    store : Table or Halves
        Their sums: one table up to `MOST_IN_TABLE` free numbers, two halves beyond.
    """

    problem: Problem
    grid: Grid
    free: Integers
    store: Table | Halves

    @property
    def n(self) -> int:
        """Numbers in the set, those with a fixed coefficient included."""
        return self.problem.n

    @property
    def step(self) -> float:
        """Step of the grid: numbers and targets that are not multiples of it are rounded."""
        return float(np.ldexp(1.0, self._exponent))

    @property
    def sums(self) -> NDArray[np.float64]:
        """All distinct sums that can be reached, ascending.

        Sums on the grid, each rounded to a float; each number that is no multiple of
        `step` adds at most half of it.

        Raises
        ------
        InvalidInput
            When there are too many for a table.
        """
        total = self._table("sums").sums + self._shift
        return np.asarray(np.ldexp(total.astype(float), self._exponent))

    def solve(self, targets: ArrayLike) -> Solution:
        """Answer each target as `solvers.solve` would, bit for bit.

        Parameters
        ----------
        targets : array_like, (targets,) or ()
            The sums asked for, in any order.

        Returns
        -------
        Solution
            With shapes (targets,) and (targets, n), or () and (n,) for one number. Its
            method is ``prepared``, its problem repeats the set without copies of it.

        Raises
        ------
        InvalidInput
            For a wrong type or shape, NaN or infinity.
        """
        start = time.perf_counter()
        wanted = checked_numbers("targets", targets)
        if wanted.ndim > 1:
            raise InvalidInput(f"targets has shape {wanted.shape}: give one dimension or a number")
        method = Method("prepared", self._run)
        solution = unsolved(self._repeated(wanted.reshape(-1)), method)
        for first in range(0, wanted.size, _TARGETS_AT_ONCE):
            solve_part(solution, slice(first, first + _TARGETS_AT_ONCE), method, {})
        solution = replace(solution, seconds=time.perf_counter() - start)
        return solution if wanted.ndim else solution.cell(0)

    def error(self, targets: ArrayLike) -> NDArray[np.float64]:
        """Signed error of the best choice for each target, found on the grid alone.

        Parameters
        ----------
        targets : array_like
            The sums asked for, in any shape.

        Returns
        -------
        ndarray
            Nearest sum less target, in the shape of the targets. Its magnitude differs
            from the smallest in exact arithmetic by at most (n + 1) / 2 times `step`, half
            a step for each rounding, and one rounding to a float. Where nothing is rounded
            it is the error that `solve` gives, sign included. With two halves it is always
            that, and takes as long.

        Raises
        ------
        InvalidInput
            For a wrong type, NaN or infinity.
        """
        wanted = checked_numbers("targets", targets)
        if not isinstance(self.store, Table):
            return self.solve(wanted.reshape(-1)).error.reshape(wanted.shape)
        from solvers.kernels import lookup

        errors = np.empty(wanted.shape)
        flat, out = wanted.reshape(-1), errors.reshape(-1)
        store, exponent = self.store, self._exponent
        for first in range(0, flat.size, _LOOKUPS_A_CALL):
            part = slice(first, first + _LOOKUPS_A_CALL)
            lookup.signed_errors(
                store.sums, store.keys, flat[part], exponent, self._shift, out[part]
            )
        return errors

    def covering_radius(self, low: float, high: float) -> CoveringRadius:
        """Largest error magnitude over all targets between two ends, both included.

        The error is largest in the middle of a gap between neighbouring sums or at an end
        of the range. Sums outside the range count; beyond all sums the whole distance does.

        Parameters
        ----------
        low, high : float
            The range of targets; equal ends ask for one target.

        Returns
        -------
        CoveringRadius
            With shapes (), as accurate as `error`.

        Raises
        ------
        InvalidInput
            For ends that are no finite numbers or in the wrong order, and when there are
            too many sums for a table.
        """
        from solvers.kernels import lookup

        sums = self._table("covering_radius").sums
        ends = checked_numbers("low, high", [low, high])
        if ends.ndim != 1 or ends[0] > ends[1]:
            raise InvalidInput(f"low = {low}, high = {high}: give two numbers, the smaller first")
        at_low, at_high = np.abs(self.error(ends)).tolist()
        gap = lookup.widest_gap(sums, *(self._doubled(end) for end in ends.tolist()))
        worst = [(at_low, float(ends[0]))]
        if gap >= 0:
            below, above = sums[gap : gap + 2].tolist()
            middle = np.ldexp(float(below + above + 2 * self._shift), self._exponent - 1)
            radius = np.ldexp(float(above - below), self._exponent - 1)
            worst.append((float(radius), float(np.clip(middle, *ends))))
        worst.append((at_high, float(ends[1])))
        radius, target = max(worst, key=lambda one: one[0])
        step = Fraction(self.step)
        exact = self.grid.exact[0] and all(Fraction(end) % step == 0 for end in ends.tolist())
        quantum = 0.0 if exact else self.step
        return CoveringRadius(np.array(radius), np.array(target), np.array(quantum))

    @property
    def _exponent(self) -> int:
        return int(self.grid.exponent[0])

    @property
    def _shift(self) -> int:
        """What is added to sums of free numbers: the fixed ones, and -1 where +1 is not."""
        return -int(self.grid.targets[0])

    def _doubled(self, target: float) -> int:
        """Twice the sum of free numbers that meets a target, or a number beyond all sums."""
        limit = (1 << 62) + 1
        steps = round(Fraction(target) / Fraction(2) ** self._exponent)
        return min(max(2 * (steps - self._shift), -limit), limit)

    def _table(self, wanted: str) -> Table:
        if isinstance(self.store, Table):
            return self.store
        most = MOST_SIGNED_IN_TABLE if self.grid.signed else MOST_IN_TABLE
        raise InvalidInput(
            f"{wanted}: the set has {len(self.free)} free numbers, too many for a table of all "
            f"sums; prepare at most {most}, or use error at targets of your choice"
        )

    def _repeated(self, targets: NDArray[np.float64]) -> Problem:
        """The set for each of the targets, in no more memory than one."""
        one, cells = self.problem, len(targets)
        values = np.broadcast_to(one.values, (cells, one.n))
        fixed = None if one.fixed is None else np.broadcast_to(one.fixed, (cells, one.n))
        most = None if one.at_most is None else np.repeat(one.at_most, cells)
        problem = Problem(values, targets, one.coefficients, fixed, most)
        check_magnitudes(problem)
        return problem

    def _run(self, grid: Grid, options: Options) -> Answer:
        cells = len(grid.targets)
        mask = np.zeros((cells, len(self.free)), np.int8)
        errors = self.store.search(grid.targets, grid.signed, mask)
        certificate = np.full(cells, Certificate.EXHAUSTIVE, np.uint8)
        return Answer(mask, errors.astype(float), certificate)


def prepare(
    values: ArrayLike,
    *,
    coefficients: Sequence[int] = BINARY,
    fixed: ArrayLike | None = None,
    at_most: int | None = None,
) -> Prepared:
    """Lay out the sums of one set of numbers in order, for any number of targets.

    Parameters
    ----------
    values : array_like, (n,)
        Real numbers of any sign and magnitude, in any unit; n = 0 is allowed.
    coefficients, fixed, at_most : optional
        As in `solvers.solve`.

    Returns
    -------
    Prepared
        Up to 24 free numbers (15 for coefficients of -1, 0 and 1): a table of all sums, a
        binary search for each target. Up to 44 (28): two sorted halves, one walk through
        both for each target.

    Raises
    ------
    InvalidInput
        As `solvers.solve`, and for more numbers than that.
    """
    problem = checked_problem(values, 0.0, coefficients, fixed, at_most, batch=False)
    problem = replace(problem, values=problem.values.copy())  # the caller may change its own
    grid, _ = to_grid(problem, 61)
    free = np.arange(problem.n)
    if problem.fixed is not None:
        free = np.flatnonzero(problem.fixed[0] == FREE)
    signed = problem.coefficients == SIGNED
    most = MOST_SIGNED if signed else MOST
    if len(free) > most:
        raise InvalidInput(
            f"values has {len(free)} free numbers: prepare at most {most} with coefficients "
            f"{problem.coefficients}, or use solvers.solve with method='random'"
        )
    limit = len(free) if grid.at_most is None else int(grid.at_most[0])
    make = _table if len(free) <= (MOST_SIGNED_IN_TABLE if signed else MOST_IN_TABLE) else _halves
    return Prepared(problem, grid, free, make(grid.values[0, free], signed, limit))


def _table(values: Integers, signed: bool, limit: int) -> Table:
    from solvers.kernels import lookup

    sums, keys = _sums(values, signed)
    return Table(*(lookup.within(sums, keys, limit) if limit < len(values) else (sums, keys)))


def _halves(values: Integers, signed: bool, limit: int) -> Halves:
    half = len(values) // 2
    low, high = (_classes(part, signed, limit < len(values)) for part in np.split(values, [half]))
    return Halves(low, high, limit)


def _classes(values: Integers, signed: bool, by_count: bool) -> tuple[Integers, Keys, Integers]:
    from solvers.kernels import merge

    sums, keys = _sums(values, signed)
    if not by_count:
        return sums, keys, np.array([0, len(sums)])
    starts = np.empty(len(values) + 2, np.int64)
    new_sums, new_keys = np.empty_like(sums), np.empty_like(keys)
    merge.sorted_by_count(sums, keys, len(sums), new_sums, new_keys, starts)
    return new_sums, new_keys, starts


def _sums(values: Integers, signed: bool) -> tuple[Integers, Keys]:
    """Distinct sums, ascending, and their keys, in no more memory than they need."""
    from solvers.kernels import merge

    size = (3 if signed else 2) ** len(values)
    space = [(np.empty(size, np.int64), np.empty(size, np.int32)) for _ in range(2)]
    sums, keys, _, _, length = merge.sorted_sums(values, signed, *space[0], *space[1])
    if length == size:
        return sums, keys
    return sums[:length].copy(), keys[:length].copy()

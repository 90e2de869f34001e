"""Between floats and the grid: rounding, reachable ends, and sums that are rounded once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Coefficients = NDArray[np.int8]

FREE = np.int8(2)
"""Stands where a coefficient is not fixed."""


@compiled
def exact_sum(
    values: Floats, coefficients: Coefficients, target: float
) -> tuple[float, float, bool]:
    """The chosen sum and its error, each rounded once; and whether that is certain.

    Two error-free additions in a row (D. E. Knuth's TwoSum; T. Ogita, S. M. Rump and
    S. Oishi, SIAM J. Sci. Comput. 26 (2005) 1955, doi:10.1137/030601818). Where the second
    one loses nothing, sum and remainder are exact and their sum is rounded once.
    """
    total = 0.0
    rest = 0.0
    lost = 0.0
    achieved = 0.0
    for k in range(values.size + 1):
        if k == values.size:
            achieved = total + rest
            term = -target
        else:
            term = coefficients[k] * values[k]
        added = total + term
        part = added - total
        remainder = (total - (added - part)) + (term - part)
        total = added
        added = rest + remainder
        part = added - rest
        lost += abs((rest - (added - part)) + (remainder - part))
        rest = added
    return achieved, total + rest + 0.0, lost == 0


@compiled
def find_end(
    values: Floats,
    fixed: Coefficients,
    lowest: int,
    sign: int,
    most: int,
    coefficients: Coefficients,
) -> None:
    """Coefficients of the largest (sign 1) or smallest (sign -1) sum, the fewest enabled.

    ``lowest`` is the smallest coefficient but for zero: 1, or -1 where signs are free. Of
    equal values the first ones are enabled.
    """
    for k in range(values.size):
        helpful = sign * values[k] > 0
        harmful = sign * values[k] < 0
        coefficients[k] = 1 if helpful else (-1 if harmful and lowest == -1 else 0)
    if fixed.size:
        for k in range(values.size):
            if fixed[k] != FREE:
                coefficients[k] = 0
    if most < values.size:
        _keep_largest(values, coefficients, most)
    if fixed.size:
        for k in range(values.size):
            if fixed[k] != FREE:
                coefficients[k] = fixed[k]


@compiled
def _keep_largest(values: Floats, coefficients: Coefficients, most: int) -> None:
    count = 0
    for k in range(values.size):
        count += coefficients[k] != 0
    while count > most:
        smallest = -1
        for k in range(values.size):
            if coefficients[k] and (smallest < 0 or abs(values[k]) <= abs(values[smallest])):
                smallest = k
        coefficients[smallest] = 0
        count -= 1


@compiled
def sums_on_grid(grid: Integers, coefficients: Coefficients) -> int:
    total = 0
    for k in range(grid.size):
        total += grid[k] * coefficients[k]
    return total


INSIDE, HIGH, LOW, UNDECIDED = 0, 1, 2, 3


@compiled
def scale_of(values: Floats, bits: int) -> tuple[int, float, float]:
    """Power of two of a grid step, and the two factors that divide by it without overflow."""
    largest = 0.0
    for k in range(values.size):
        largest = max(largest, abs(values[k]))
    exponent = math.frexp(largest)[1] - bits
    half = -exponent // 2
    return exponent, math.ldexp(1.0, half), math.ldexp(1.0, -exponent - half)


@compiled
def round_values(values: Floats, first: float, second: float, grid: Integers) -> bool:
    """Fill the grid; whether nothing was rounded."""
    exact = True
    for k in range(values.size):
        scaled = values[k] * first * second
        rounded = np.rint(scaled)
        exact &= (rounded == scaled) & ((rounded != 0) | (values[k] == 0))
        grid[k] = int(rounded)
    return exact


@compiled
def range_on_grid(grid: Integers, lowest: int) -> tuple[int, int]:
    """Smallest and largest sum where nothing is fixed or limited."""
    low = 0
    high = 0
    for k in range(grid.size):
        number = grid[k]
        if lowest == -1:
            high += abs(number)
        else:
            high += max(number, 0)
            low += min(number, 0)
    return (-high if lowest == -1 else low), high


@compiled
def at_end(
    values: Floats,
    target: float,
    fixed: Coefficients,
    lowest: int,
    sign: int,
    most: int,
    end: Coefficients,
) -> tuple[int, bool]:
    """Side of a target near one end, decided in floats, and whether it is within reach."""
    find_end(values, fixed, lowest, sign, most, end)
    _, beyond, certain = exact_sum(values, end, target)
    if not certain:
        return UNDECIDED, True
    if sign * beyond > 0:
        return INSIDE, True
    return (HIGH if sign > 0 else LOW), beyond == 0


@compiled
def remove_fixed(grid: Integers, fixed: Coefficients) -> int:
    """Set numbers with a fixed coefficient to 0 and return their sum."""
    total = 0
    for k in range(fixed.size):
        if fixed[k] != FREE:
            total += grid[k] * fixed[k]
            grid[k] = 0
    return total


@compiled
def fill_grid(
    values: Floats,
    targets: Floats,
    fixed: Coefficients,
    most: Integers,
    lowest: int,
    bits: int,
    grid: Integers,
    goals: Integers,
    exponents: Integers,
    exact: NDArray[np.bool_],
    sides: NDArray[np.uint8],
    reachable: NDArray[np.bool_],
    ends: Coefficients,
) -> None:
    """Round each cell to integers times a power of two and compare its target with its ends.

    Values with a fixed coefficient become 0 and their part leaves the goal. ``sides`` tells
    where the target lies: INSIDE the reachable range, at or beyond an end (whose
    coefficients go to ``ends``), or UNDECIDED by these floats.
    """
    n = values.shape[1]
    end = np.empty(n, dtype=np.int8)
    goal = np.empty(1, dtype=np.int64)
    for cell in range(len(values)):
        row, target = values[cell], targets[cell]
        stuck = fixed[cell] if fixed.size else end[:0]
        limit = most[cell] if most.size else n
        exponents[cell], first, second = scale_of(row, bits)
        is_exact = round_values(row, first, second, grid[cell])
        low, high = range_on_grid(grid[cell], lowest)
        if fixed.size or limit < n:
            find_end(row, stuck, lowest, 1, limit, end)
            high = sums_on_grid(grid[cell], end)
            find_end(row, stuck, lowest, -1, limit, end)
            low = sums_on_grid(grid[cell], end)
        scaled = target * first * second
        goal[0] = 0
        at_high, at_low = scaled > 0, scaled < 0
        if abs(scaled) < 2.0**62:
            is_exact &= round_values(targets[cell : cell + 1], first, second, goal)
            slack = 0 if is_exact else n + 1
            at_high, at_low = goal[0] >= high - slack, goal[0] <= low + slack
        side, within = INSIDE, True
        for sign in (1, -1):
            if side == INSIDE and (at_high if sign > 0 else at_low):
                side, within = at_end(row, target, stuck, lowest, sign, limit, end)
                for k in range(n):
                    ends[cell, k] = end[k] if side in (HIGH, LOW) else 0
        sides[cell], reachable[cell], exact[cell] = side, within, is_exact
        goals[cell] = goal[0] - remove_fixed(grid[cell], stuck)


@compiled
def evaluate(
    values: Floats,
    targets: Floats,
    coefficients: Coefficients,
    achieved: Floats,
    errors: Floats,
    certain: NDArray[np.bool_],
) -> None:
    """Sums of the chosen values and their errors, each rounded once where ``certain``."""
    for cell in range(len(values)):
        achieved[cell], errors[cell], certain[cell] = exact_sum(
            values[cell], coefficients[cell], targets[cell]
        )

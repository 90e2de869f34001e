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
    cells, n = values.shape
    low_end = np.empty(n, dtype=np.int8)
    high_end = np.empty(n, dtype=np.int8)
    limit = n
    for cell in range(cells):
        row = values[cell]
        stuck = fixed[cell] if fixed.size else high_end[:0]
        if most.size:
            limit = most[cell]
        largest = 0.0
        for k in range(n):
            largest = max(largest, abs(row[k]))
        exponent = math.frexp(largest)[1] - bits
        half = -exponent // 2
        first, second = math.ldexp(1.0, half), math.ldexp(1.0, -exponent - half)
        is_exact = True
        low = 0
        high = 0
        for k in range(n):
            scaled = row[k] * first * second
            rounded = np.rint(scaled)
            is_exact &= (rounded == scaled) & ((rounded != 0) | (row[k] == 0))
            number = int(rounded)
            grid[cell, k] = number
            if lowest == -1:
                high += abs(number)
            else:
                high += max(number, 0)
                low += min(number, 0)
        if lowest == -1:
            low = -high
        if fixed.size or limit < n:
            find_end(row, stuck, lowest, 1, limit, high_end)
            find_end(row, stuck, lowest, -1, limit, low_end)
            high = sums_on_grid(grid[cell], high_end)
            low = sums_on_grid(grid[cell], low_end)
        scaled = targets[cell] * first * second
        goal = 0
        if abs(scaled) < 2.0**62:
            rounded = np.rint(scaled)
            is_exact &= (rounded == scaled) & ((rounded != 0) | (targets[cell] == 0))
            goal = int(rounded)
            slack = 0 if is_exact else n + 1
            at_high = goal >= high - slack
            at_low = goal <= low + slack
        else:
            at_high = scaled > 0
            at_low = scaled < 0
        side = INSIDE
        within = True
        if at_high:
            find_end(row, stuck, lowest, 1, limit, high_end)
            _, beyond, certain = exact_sum(row, high_end, targets[cell])
            if not certain:
                side = UNDECIDED
            elif beyond <= 0:
                side = HIGH
                within = beyond == 0
                for k in range(n):
                    ends[cell, k] = high_end[k]
        if at_low and side == INSIDE:
            find_end(row, stuck, lowest, -1, limit, low_end)
            _, beyond, certain = exact_sum(row, low_end, targets[cell])
            if not certain:
                side = UNDECIDED
            elif beyond >= 0:
                side = LOW
                within = beyond == 0
                for k in range(n):
                    ends[cell, k] = low_end[k]
        sides[cell] = side
        reachable[cell] = within
        if fixed.size:
            for k in range(n):
                if fixed[cell, k] != FREE:
                    goal -= grid[cell, k] * fixed[cell, k]
                    grid[cell, k] = 0
        goals[cell] = goal
        exponents[cell] = exponent
        exact[cell] = is_exact


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

"""All sums of a small set, in two steps: a fast look in 32 bits, an exact one after.

A table of sums of the first numbers, shifted by each sum of the others less the target, is
scanned in int32, which a processor does eight or sixteen at a time. Every choice whose
rounded error is within the rounding of the smallest one is then compared in 64 bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled
from solvers.kernels.filters import exact_half
from solvers.kernels.merge import LARGEST, Integers, write_digits

Words = NDArray[np.int32]

COLUMNS = 8
SIGNED_COLUMNS = 5
REACH = 2.0**30


@compiled
def smallest_magnitude(table: Words, shift: np.int32) -> np.int32:
    least = np.int32(0x7FFFFFFF)
    for i in range(table.size):
        least = np.int32(min(least, np.int32(abs(np.int32(table[i] + shift)))))
    return least


@compiled
def within(table: Words, shift: np.int32, limit: np.int32) -> tuple[int, int]:
    """How many shifted sums are within a limit, and the sum of their places."""
    count = np.int32(0)
    places = np.int32(0)
    for i in range(table.size):
        near = np.int32(np.int32(abs(np.int32(table[i] + shift))) <= limit)
        count = np.int32(count + near)
        places = np.int32(places + np.int32(near * np.int32(i)))
    return int(count), int(places)


@compiled
def rounded_sums(values: Integers, scale: float, signed: bool, table: Words) -> None:
    """All sums after ``table[0]`` is added; the index of a sum holds its digits."""
    size = 1
    if signed:
        for k in range(values.size):
            value = np.int32(np.rint(values[k] * scale))
            for j in range(size):
                table[size + j] = table[j] + value
                table[2 * size + j] = table[j] - value
            size *= 3
    else:
        for k in range(values.size):
            value = np.int32(np.rint(values[k] * scale))
            for j in range(size):
                table[size + j] = table[j] + value
            size *= 2


@compiled
def better(
    values: Integers, target: int, signed: bool, index: int, best: int, best_key: int
) -> tuple[int, int]:
    """The smaller of the best error so far and that of an index; keys are count << 32 | index."""
    total, count = exact_half(values, index, signed)
    error = abs(total - target)
    key = (count << 32) | index
    if error < best or (error == best and key < best_key):
        return error, key
    return best, best_key


@compiled
def solve_one(
    values: Integers, target: int, signed: bool, table: Words, shifts: Words, least: Words
) -> tuple[int, int]:
    """Smallest error of one set, and its best key."""
    columns = min(values.size, SIGNED_COLUMNS if signed else COLUMNS)
    reach = abs(float(target))
    for k in range(values.size):
        reach += abs(float(values[k]))
    scale = REACH / max(reach, 1.0)
    table[0] = 0
    rounded_sums(values[:columns], scale, signed, table)
    shifts[0] = np.int32(np.rint(-target * scale))
    rounded_sums(values[columns:], scale, signed, shifts)
    smallest = np.int32(0x7FFFFFFF)
    for j in range(shifts.size):
        least[j] = smallest_magnitude(table, shifts[j])
        smallest = np.int32(min(smallest, least[j]))
    # Rounding moves each of two errors by at most half a step for each of n + 1 numbers.
    limit = np.int32(smallest + values.size + 2)
    best = LARGEST
    best_key = LARGEST
    for j in range(shifts.size):
        if least[j] > limit:
            continue
        count, place = within(table, shifts[j], limit)
        if count == 1:
            index = j * table.size + place
            best, best_key = better(values, target, signed, index, best, best_key)
            continue
        for i in range(table.size):
            if abs(np.int64(table[i]) + shifts[j]) <= limit:
                index = j * table.size + i
                best, best_key = better(values, target, signed, index, best, best_key)
    return best, best_key


@compiled
def solve_cells(
    values: Integers,
    targets: Integers,
    signed: bool,
    masks: NDArray[np.int8],
    errors: Integers,
) -> None:
    """Solve each row of values (cells, n); fills masks (cells, n) and errors (cells,)."""
    cells, n = values.shape
    base = 3 if signed else 2
    columns = min(n, SIGNED_COLUMNS if signed else COLUMNS)
    table = np.zeros(base**columns, np.int32)
    shifts = np.zeros(base ** (n - columns), np.int32)
    least = np.zeros(shifts.size, np.int32)
    for cell in range(cells):
        errors[cell], key = solve_one(values[cell], targets[cell], signed, table, shifts, least)
        write_digits(key & 0xFFFFFFFF, signed, masks[cell])

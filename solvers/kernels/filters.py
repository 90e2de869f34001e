"""Meet in the middle by filters: of all pairs of half sums only the close ones are looked at.

Half sums are kept modulo 2**32 in steps of about 1/50 of the error that is expected, and
thrown into small tables of bytes: a half sum survives when some half sum of the other half
may lie within the bound of the target. The survivors are compared exactly. As no pair
within the bound is lost, a best pair within it is best of all; otherwise the bound grows.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled
from solvers.kernels.merge import DIGITS, LARGEST, Integers, write_mask

Words = NDArray[np.uint32]
Indices = NDArray[np.int32]
Bytes = NDArray[np.uint8]

STEPS = 64
COARSE = 10
FINE = 8
LARGEST_TABLE = 1 << (32 - COARSE)  # its places and what is below them fill a word
HASH = np.uint64(0x9E3779B97F4A7C15)
OTHER_HASH = np.uint64(0xC2B2AE3D27D4EB4F)
MOST_TRIES = 6


@compiled
def half_sums(values: Integers, shift: float, signed: bool, sums: Words) -> None:
    """All sums modulo 2**32 in steps of 1/shift; the index of a sum holds its digits."""
    sums[0] = 0
    size = 1
    if signed:
        for k in range(values.size):
            value = np.uint32(np.int64(np.rint(values[k] * shift)))
            for j in range(size):
                sums[size + j] = sums[j] + value
                sums[2 * size + j] = sums[j] - value
            size *= 3
    else:
        for k in range(values.size):
            value = np.uint32(np.int64(np.rint(values[k] * shift)))
            for j in range(size):
                sums[size + j] = sums[j] + value
            size *= 2


@compiled
def expected_error(values: Integers, target: int, signed: bool) -> float:
    """Error that about four choices stay within, for sums that are nearly normal."""
    variance = 0.0
    mean = 0.0
    for k in range(values.size):
        variance += float(values[k]) * float(values[k]) * (2.0 / 3.0 if signed else 0.25)
        mean += 0.0 if signed else 0.5 * values[k]
    deviation = math.sqrt(variance) + 1.0
    place = (target - mean) / deviation
    density = 0.4 * math.exp(-0.5 * min(place * place, 12.0))
    return 2.0 * deviation / density / (3.0 if signed else 2.0) ** values.size


@compiled
def filter_all(fill: Words, test: Words, goal: int, table: Bytes, found: Indices) -> int:
    """Indices of the sums in ``test`` that one in ``fill`` may bring within STEPS of goal."""
    table[:] = 0
    mask = np.uint64(table.size - 1)
    for i in range(fill.size):
        value = np.uint64(fill[i])
        table[((value - np.uint64(STEPS)) >> np.uint64(COARSE)) & mask] = 1
        table[((value + np.uint64(STEPS)) >> np.uint64(COARSE)) & mask] = 1
    count = 0
    for j in range(test.size):
        found[count] = j
        count += table[((np.uint64(goal) - test[j]) >> np.uint64(COARSE)) & mask]
    return count


@compiled
def bucket(value: int, factor: np.uint64, down: np.uint64) -> np.uint64:
    """Place of a sum in a table; each factor scatters the sums in another way."""
    return ((np.uint64(np.uint32(value)) >> np.uint64(FINE)) * factor) >> down


@compiled
def filter_some(
    fill: Words,
    filling: Indices,
    test: Words,
    tested: Indices,
    goal: int,
    factor: np.uint64,
    table: Bytes,
    found: Indices,
) -> int:
    """As `filter_all`, for some of the sums on either side; an empty ``tested`` means all."""
    bits = 6
    while (1 << bits) < 16 * filling.size and (1 << bits) < table.size:
        bits += 1
    down = np.uint64(64 - bits)
    table[: 1 << bits] = 0
    for i in filling:
        table[bucket(fill[i] - STEPS, factor, down)] = 1
        table[bucket(fill[i] + STEPS, factor, down)] = 1
    count = 0
    if tested.size:
        for j in tested:
            found[count] = j
            count += table[bucket(goal - test[j], factor, down)]
    else:
        for j in range(test.size):
            found[count] = j
            count += table[bucket(goal - test[j], factor, down)]
    return count


@compiled
def exact_half(values: Integers, index: int, signed: bool) -> tuple[int, int]:
    """Sum that an index stands for, and how many numbers it enables."""
    total = 0
    count = 0
    if signed:
        for k in range(values.size):
            digit = index % 3
            index //= 3
            count += digit > 0
            total += values[k] * (-1 if digit == 2 else digit)
    else:
        for k in range(values.size):
            digit = (index >> k) & 1
            count += digit
            total += values[k] * digit
    return total, count


@compiled
def exact_pair(
    values: Integers, target: int, signed: bool, low: int, high: int, half: int
) -> tuple[int, int]:
    """Error of a pair of half sums, and its joined key."""
    low_sum, low_count = exact_half(values[:half], low, signed)
    high_sum, high_count = exact_half(values[half:], high, signed)
    key = (low_count + high_count) << 2 * DIGITS
    return abs(low_sum + high_sum - target), key | (int(high) << DIGITS) | int(low)


@compiled
def closest_survivors(
    values: Integers,
    target: int,
    signed: bool,
    low: Words,
    low_found: Indices,
    high: Words,
    high_found: Indices,
    goal: int,
    heads: Indices,
    following: Indices,
) -> tuple[int, int]:
    """Best pair of survivors and its joined key; LARGEST when none is within STEPS.

    The low ones are chained by place, so that each high one looks at those near it alone.
    Gives up, with LARGEST too, when many equal sums make the chains long.
    """
    half = values.size // 2
    size = 1
    while size < 2 * low_found.size and size < heads.size:
        size *= 2
    heads = heads[:size]
    heads[:] = -1
    for i in range(low_found.size):
        place = (low[low_found[i]] >> FINE) & (size - 1)
        following[i] = heads[place]
        heads[place] = i
    best = LARGEST
    best_key = LARGEST
    left = 4096 + 16 * (low.size + high.size)
    for index in high_found:
        first = np.uint32(goal - high[index] - STEPS)
        for edge in range(2):
            place = (np.uint32(first + edge * 2 * STEPS) >> FINE) & (size - 1)
            if edge and place == (first >> FINE) & (size - 1):
                break
            i = heads[place]
            while i >= 0:
                if np.uint32(low[low_found[i]] - first) <= 2 * STEPS:
                    error, key = exact_pair(values, target, signed, low_found[i], index, half)
                    if error < best or (error == best and key < best_key):
                        best = error
                        best_key = key
                i = following[i]
                left -= 1
                if left < 0:
                    return LARGEST, LARGEST
    return best, best_key


@compiled
def certified_steps(n: int) -> int:
    """Error in steps up to which no pair is lost.

    Rounding n numbers and the target moves a pair by at most (n + 1) / 2 steps, and floats a
    little more.
    """
    return STEPS - 2 - n // 2


@compiled
def filter_one(
    values: Integers,
    target: int,
    signed: bool,
    low: Words,
    high: Words,
    table: Bytes,
    low_found: Indices,
    high_found: Indices,
    following: Indices,
) -> tuple[int, int]:
    """Smallest error of one set and its best key; LARGEST when the filters do not help."""
    n = values.size
    half = n // 2
    reach = certified_steps(n)
    bound = expected_error(values, target, signed)
    for _ in range(MOST_TRIES):
        step = max(bound / reach, 1.0)
        half_sums(values[:half], 1.0 / step, signed, low)
        half_sums(values[half:], 1.0 / step, signed, high)
        scaled = np.rint(target / step)
        if not abs(scaled) < 2.0**62:
            break
        goal = int(scaled)
        high_size = filter_all(low, high, goal, table, high_found)
        low_size = filter_some(
            high, high_found[:high_size], low, high_found[:0], goal, HASH, table, low_found
        )
        high_size = filter_some(
            low,
            low_found[:low_size],
            high,
            high_found[:high_size],
            goal,
            OTHER_HASH,
            table,
            high_found,
        )
        best, key = closest_survivors(
            values,
            target,
            signed,
            low,
            low_found[:low_size],
            high,
            high_found[:high_size],
            goal,
            table.view(np.int32),
            following,
        )
        if best <= reach * step:
            return best, key
        bound *= 8.0
    return LARGEST, LARGEST


@compiled
def solve_cells(
    values: Integers,
    targets: Integers,
    signed: bool,
    masks: NDArray[np.int8],
    errors: Integers,
) -> None:
    """Fill masks (cells, n) and errors (cells,); an error of -1 where filters do not help."""
    cells, n = values.shape
    base = 3 if signed else 2
    low = np.empty(base ** (n // 2), np.uint32)
    high = np.empty(base ** (n - n // 2), np.uint32)
    low_found = np.empty(low.size + 1, np.int32)
    high_found = np.empty(high.size + 1, np.int32)
    following = np.empty(low.size, np.int32)
    size = 64
    while size < 8 * low.size and size < LARGEST_TABLE:
        size *= 2
    table = np.empty(size, np.uint8)
    for cell in range(cells):
        error, key = filter_one(
            values[cell], targets[cell], signed, low, high, table, low_found, high_found, following
        )
        errors[cell] = -1 if error == LARGEST else error
        if error != LARGEST:
            write_mask(key, signed, masks[cell])

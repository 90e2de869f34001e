"""Compiled meet in the middle on int64 (numba); imported when first used.

The two halves of a set are the numbers before and from n // 2. A half subset is carried
as a key, (numbers enabled) << 24 | mask, so that comparing keys compares the number
enabled first and the mask second, and adding a number adds a constant. The functions
release the GIL; each call needs its own workspace.

E. Horowitz and S. Sahni, "Computing partitions with applications to the knapsack
problem", J. ACM 21 (1974) 277, doi:10.1145/321812.321823 (halves, sums by merging).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])
Integers = NDArray[np.int64]
Keys = NDArray[np.int32]

_COUNT_SHIFT = 24
_MASK = (1 << _COUNT_SHIFT) - 1
_TOTAL_SHIFT = 48
_LARGEST = np.iinfo(np.int64).max


def compiled(function: Function) -> Function:
    """Compile on first use, cached on disk, without the GIL."""
    return cast(Function, numba.njit(nogil=True, cache=True)(function))


def workspace(n: int) -> tuple[Integers, Keys]:
    """Sums (4, 2**ceil(n/2)) and keys of the same shape: two tables for each half."""
    size = 1 << (n - n // 2)
    return np.empty((4, size), dtype=np.int64), np.empty((4, size), dtype=np.int32)


@compiled
def sorted_sums(
    values: Integers, sums: Integers, keys: Keys, spare_sums: Integers, spare_keys: Keys
) -> tuple[Integers, Keys, int]:
    """Distinct subset sums in ascending order, each with its smallest key.

    Each number merges the list with a shifted copy of itself, from one table into the
    other and back. Returns the table that holds the result, and its length.
    """
    sums[0] = 0
    keys[0] = 0
    size = 1
    for k in range(values.size):
        value = values[k]
        enabled = (1 << _COUNT_SHIFT) + (1 << k)
        if value >= 0:
            first, first_key, second, second_key = 0, 0, value, enabled
        else:
            first, first_key, second, second_key = value, enabled, 0, 0
        i = 0
        j = 0
        length = 0
        # The copy that is shifted less stays ahead: j <= i, so only i needs a bound.
        while i < size:
            p = sums[i] + first
            q = sums[j] + second
            p_key = keys[i] + first_key
            q_key = keys[j] + second_key
            spare_sums[length] = min(p, q)
            spare_keys[length] = p_key if (p < q) | ((p == q) & (p_key < q_key)) else q_key
            i += p <= q
            j += q <= p
            length += 1
        while j < size:
            spare_sums[length] = sums[j] + second
            spare_keys[length] = keys[j] + second_key
            j += 1
            length += 1
        sums, spare_sums = spare_sums, sums
        keys, spare_keys = spare_keys, keys
        size = length
    return sums, keys, size


@compiled
def closest_pair(
    low: Integers,
    low_keys: Keys,
    low_size: int,
    high: Integers,
    high_keys: Keys,
    high_size: int,
    target: int,
    low_bits: int,
) -> tuple[int, int]:
    """Smallest |low + high - target| and the best key among all pairs that have it.

    The walk passes every pair with the smallest error: both lists are strictly
    ascending, so all that lies beyond such a pair has the other sign. The key is
    (numbers enabled) << 48 | mask of both halves.
    """
    best = _LARGEST
    best_key = _LARGEST
    i = 0
    j = high_size - 1
    while i < low_size and j >= 0:
        difference = low[i] + high[j] - target
        error = abs(difference)
        if error <= best:
            count = (low_keys[i] >> _COUNT_SHIFT) + (high_keys[j] >> _COUNT_SHIFT)
            mask = ((high_keys[j] & _MASK) << low_bits) | (low_keys[i] & _MASK)
            key = (np.int64(count) << _TOTAL_SHIFT) | mask
            if error < best or key < best_key:
                best = error
                best_key = key
        i += difference <= 0
        j -= difference >= 0
    return best, best_key


@compiled
def solve_one(values: Integers, target: int, sums: Integers, keys: Keys) -> tuple[int, int]:
    """Smallest error of one set and its best key; see `closest_pair`."""
    half = values.size // 2
    low, low_keys, low_size = sorted_sums(values[:half], sums[0], keys[0], sums[1], keys[1])
    high, high_keys, high_size = sorted_sums(values[half:], sums[2], keys[2], sums[3], keys[3])
    return closest_pair(low, low_keys, low_size, high, high_keys, high_size, target, half)


@compiled
def solve_cells(
    values: Integers,
    targets: Integers,
    sums: Integers,
    keys: Keys,
    masks: NDArray[np.bool_],
    errors: Integers,
) -> None:
    """Solve each row of values (cells, n); fills masks (cells, n) and errors (cells,)."""
    cells, n = values.shape
    for cell in range(cells):
        error, key = solve_one(values[cell], targets[cell], sums, keys)
        errors[cell] = error
        for k in range(n):
            masks[cell, k] = (key >> k) & 1


@compiled
def rest_share(values: Integers, target: int, order: Integers, window: int) -> float:
    """Place in the reachable range of the rest that leaves the window its own middle.

    Most sums of a window lie about its middle, so there the search is finest. From 0,
    the sum of the negative numbers outside the window, to 1, that of the positive ones.
    """
    low = 0.0
    high = 0.0
    middle = 0.0
    for k in range(values.size):
        value = values[order[k]]
        if k < window:
            middle += 0.5 * value
        elif value < 0:
            low += value
        else:
            high += value
    return min(max((target - middle - low) / max(high - low, 1.0), 0.0), 1.0)


@compiled
def draw_rest(
    values: Integers,
    share: float,
    order: Integers,
    coins: NDArray[np.float64],
    window: int,
    mask: NDArray[np.bool_],
) -> int:
    """Fix the numbers outside the window at random, and return their sum.

    A number is enabled with the probability that puts the sum at its share on average;
    once the sum has drifted from that by more than the largest number, the next one is
    chosen to bring it back.
    """
    limit = 0
    for k in range(values.size):
        limit = max(limit, abs(values[k]))
    drift = 0.0
    total = 0
    for k in range(window, values.size):
        item = order[k]
        value = values[item]
        chance = share if value > 0 else 1.0 - share
        on = coins[k] < chance
        if drift > limit:
            on = value < 0
        elif drift < -limit:
            on = value > 0
        drift += value * (1.0 - chance) if on else -value * chance
        total += value if on else 0
        mask[item] = on
    return total


@compiled
def solve_windows(
    values: Integers,
    targets: Integers,
    orders: Integers,
    coins: NDArray[np.float64],
    window: int,
    sums: Integers,
    keys: Keys,
    masks: NDArray[np.bool_],
    errors: Integers,
) -> None:
    """Best of several windows for each cell; fills masks (cells, n) and errors (cells,).

    Try t searches the numbers orders[t, :window] exactly and fixes the others. Among
    tries of equal error the fewest numbers enabled win, then the earliest try.
    """
    cells, n = values.shape
    trial = np.empty(n, dtype=np.bool_)
    inside = np.empty(window, dtype=np.int64)
    for cell in range(cells):
        best = _LARGEST
        best_count = n + 1
        for t in range(orders.shape[0]):
            order = orders[t]
            share = rest_share(values[cell], targets[cell], order, window)
            rest = draw_rest(values[cell], share, order, coins[t], window, trial)
            for k in range(window):
                inside[k] = values[cell, order[k]]
            error, key = solve_one(inside, targets[cell] - rest, sums, keys)
            for k in range(window):
                trial[order[k]] = (key >> k) & 1
            count = trial.sum()
            if error < best or (error == best and count < best_count):
                best = error
                best_count = count
                masks[cell] = trial
        errors[cell] = best

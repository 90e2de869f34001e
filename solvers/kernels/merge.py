"""Meet in the middle by merging: all sums of two halves, sorted, and one walk through both.

The two halves of a set are the numbers before and from n // 2. A half is carried as a key,
(numbers enabled) << 24 | mask, so that comparing keys compares the number enabled first and
the mask second, and adding a number adds a constant. A mask has one digit for each number:
binary digits for coefficients of 0 and 1, ternary ones (2 for -1) where signs are free.

E. Horowitz and S. Sahni, "Computing partitions with applications to the knapsack
problem", J. ACM 21 (1974) 277, doi:10.1145/321812.321823 (halves, sums by merging).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled

Integers = NDArray[np.int64]
Keys = NDArray[np.int32]
Halves = tuple[Integers, Keys, Integers, Integers, Keys, Integers]

DIGITS = 24
MASK = (1 << DIGITS) - 1
LARGEST = np.iinfo(np.int64).max


def workspace(n: int, signed: bool) -> tuple[Integers, Keys]:
    """Sums (4, b**ceil(n/2)) and keys of the same shape: two tables for each half."""
    size = (3 if signed else 2) ** (n - n // 2)
    return np.empty((4, size), dtype=np.int64), np.empty((4, size), dtype=np.int32)


@compiled
def add_number(
    value: int,
    enabled: int,
    sums: Integers,
    keys: Keys,
    size: int,
    new_sums: Integers,
    new_keys: Keys,
) -> int:
    """Merge a list of distinct sums with itself shifted; of equal sums keep the smaller key."""
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
        new_sums[length] = min(p, q)
        new_keys[length] = p_key if (p < q) | ((p == q) & (p_key < q_key)) else q_key
        i += p <= q
        j += q <= p
        length += 1
    while j < size:
        new_sums[length] = sums[j] + second
        new_keys[length] = keys[j] + second_key
        j += 1
        length += 1
    return length


@compiled
def add_signed_number(
    value: int,
    plus: int,
    minus: int,
    sums: Integers,
    keys: Keys,
    size: int,
    new_sums: Integers,
    new_keys: Keys,
) -> int:
    """As `add_number`, shifted down, not at all and up."""
    shift = abs(value)
    low_key, high_key = (minus, plus) if value >= 0 else (plus, minus)
    i = 0
    j = 0
    k = 0
    length = 0
    while k < size:
        p = sums[i] - shift if i < size else LARGEST
        q = sums[j] if j < size else LARGEST
        r = sums[k] + shift
        least = min(p, q, r)
        key = LARGEST
        if p == least:
            key = min(key, keys[i] + low_key)
            i += 1
        if q == least:
            key = min(key, keys[j])
            j += 1
        if r == least:
            key = min(key, keys[k] + high_key)
            k += 1
        new_sums[length] = least
        new_keys[length] = key
        length += 1
    return length


@compiled
def sorted_sums(
    values: Integers,
    signed: bool,
    sums: Integers,
    keys: Keys,
    spare_sums: Integers,
    spare_keys: Keys,
) -> tuple[Integers, Keys, Integers, Keys, int]:
    """Distinct sums in ascending order, each with its smallest key.

    Each number merges the list with shifted copies of itself, from one table into the
    other and back. Returns the tables, the one that holds the result first, and its length.
    """
    sums[0] = 0
    keys[0] = 0
    size = 1
    digit = 1
    for k in range(values.size):
        plus = (1 << DIGITS) + digit
        if signed:
            size = add_signed_number(
                values[k], plus, plus + digit, sums, keys, size, spare_sums, spare_keys
            )
            digit *= 3
        else:
            size = add_number(values[k], plus, sums, keys, size, spare_sums, spare_keys)
            digit *= 2
        sums, spare_sums = spare_sums, sums
        keys, spare_keys = spare_keys, keys
    return sums, keys, spare_sums, spare_keys, size


@compiled
def closest_pair(
    low: Integers, low_keys: Keys, high: Integers, high_keys: Keys, target: int
) -> tuple[int, int]:
    """Smallest |low + high - target| and the best key among all pairs that have it.

    The walk passes every pair with the smallest error: both lists are strictly
    ascending, so all that lies beyond such a pair has the other sign. The key is
    (numbers enabled) << 48 | mask of the high half << 24 | mask of the low half.
    """
    best = LARGEST
    best_key = LARGEST
    i = 0
    j = high.size - 1
    while i < low.size and j >= 0:
        difference = low[i] + high[j] - target
        error = abs(difference)
        if error <= best:
            key = joined_key(low_keys[i], high_keys[j])
            if error < best or key < best_key:
                best = error
                best_key = key
        i += difference <= 0
        j -= difference >= 0
    return best, best_key


@compiled
def joined_key(low: int, high: int) -> int:
    count = int((low >> DIGITS) + (high >> DIGITS))
    return (count << 2 * DIGITS) | (int(high & MASK) << DIGITS) | int(low & MASK)


@compiled
def sorted_by_count(
    sums: Integers, keys: Keys, size: int, new_sums: Integers, new_keys: Keys, starts: Integers
) -> None:
    """Group by numbers enabled, in ascending order of sums; class c begins at starts[c]."""
    starts[:] = 0
    for i in range(size):
        starts[(keys[i] >> DIGITS) + 1] += 1
    for c in range(1, starts.size):
        starts[c] += starts[c - 1]
    for i in range(size):
        c = keys[i] >> DIGITS
        new_sums[starts[c]] = sums[i]
        new_keys[starts[c]] = keys[i]
        starts[c] += 1
    for c in range(starts.size - 1, 0, -1):
        starts[c] = starts[c - 1]
    starts[0] = 0


@compiled
def sorted_halves(
    values: Integers, signed: bool, by_count: bool, sums: Integers, keys: Keys
) -> Halves:
    """Sums and keys of both halves, ascending in each class, and where the classes begin."""
    half = values.size // 2
    low, low_keys, spare, spare_keys, low_size = sorted_sums(
        values[:half], signed, sums[0], keys[0], sums[1], keys[1]
    )
    high, high_keys, other, other_keys, high_size = sorted_sums(
        values[half:], signed, sums[2], keys[2], sums[3], keys[3]
    )
    if not by_count:
        return (
            low[:low_size],
            low_keys[:low_size],
            np.array([0, low_size]),
            high[:high_size],
            high_keys[:high_size],
            np.array([0, high_size]),
        )
    starts = np.empty(half + 2, np.int64)
    ends = np.empty(values.size - half + 2, np.int64)
    sorted_by_count(low, low_keys, low_size, spare, spare_keys, starts)
    sorted_by_count(high, high_keys, high_size, other, other_keys, ends)
    return spare, spare_keys, starts, other, other_keys, ends


@compiled
def closest_in_classes(
    low: Integers,
    low_keys: Keys,
    low_starts: Integers,
    high: Integers,
    high_keys: Keys,
    high_starts: Integers,
    most: int,
    target: int,
) -> tuple[int, int]:
    """Smallest error and best key of two halves whose sums are in classes.

    Class c begins at starts[c]: the sums of c numbers enabled, of which a pair of classes
    may have ``most``; or a single class where any number may be.
    """
    best = LARGEST
    best_key = LARGEST
    for i in range(min(most, low_starts.size - 2) + 1):
        a = slice(low_starts[i], low_starts[i + 1])
        for j in range(min(most - i, high_starts.size - 2) + 1):
            b = slice(high_starts[j], high_starts[j + 1])
            error, key = closest_pair(low[a], low_keys[a], high[b], high_keys[b], target)
            if error < best or (error == best and key < best_key):
                best = error
                best_key = key
    return best, best_key


@compiled
def solve_one(
    values: Integers, target: int, signed: bool, most: int, sums: Integers, keys: Keys
) -> tuple[int, int]:
    """Smallest error of one set, at most ``most`` numbers enabled, and its best key."""
    low, low_keys, low_starts, high, high_keys, high_starts = sorted_halves(
        values, signed, most < values.size, sums, keys
    )
    return closest_in_classes(low, low_keys, low_starts, high, high_keys, high_starts, most, target)


@compiled
def write_digits(index: int, signed: bool, mask: NDArray[np.int8]) -> None:
    """Write the digits of a half's mask as coefficients."""
    if signed:
        for k in range(mask.size):
            digit = index % 3
            mask[k] = -1 if digit == 2 else digit
            index //= 3
    else:
        for k in range(mask.size):
            mask[k] = (index >> k) & 1


@compiled
def write_mask(key: int, signed: bool, mask: NDArray[np.int8]) -> None:
    """Write the digits of a joined key as coefficients."""
    half = mask.size // 2
    write_digits(key & MASK, signed, mask[:half])
    write_digits((key >> DIGITS) & MASK, signed, mask[half:])


@compiled
def solve_cells(
    values: Integers,
    targets: Integers,
    signed: bool,
    most: Integers,
    sums: Integers,
    keys: Keys,
    masks: NDArray[np.int8],
    errors: Integers,
) -> None:
    """Solve each row of values (cells, n); fills masks (cells, n) and errors (cells,).

    ``most`` is empty where any number may be enabled.
    """
    cells, n = values.shape
    for cell in range(cells):
        limit = most[cell] if most.size else n
        error, key = solve_one(values[cell], targets[cell], signed, limit, sums, keys)
        errors[cell] = error
        write_mask(key, signed, masks[cell])

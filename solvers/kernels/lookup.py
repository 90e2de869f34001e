"""One set, many targets: binary search in all its sums, or a walk through its two halves.

A table holds the distinct sums in ascending order and the key of each, as `kernels.merge`
makes them: comparing keys compares the number enabled first and the mask second.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled
from solvers.kernels.merge import (
    DIGITS,
    MASK,
    Integers,
    Keys,
    closest_in_classes,
    write_mask,
)

Floats = NDArray[np.float64]


@compiled
def first_at_least(sums: Integers, target: int) -> int:
    """Where the first sum lies that is not below the target; their number where none is."""
    start = 0
    length = sums.size
    while length > 1:
        half = length // 2
        start += half if sums[start + half - 1] < target else 0
        length -= half
    return start + 1 if sums[start] < target else start


@compiled
def nearest(sums: Integers, keys: Keys, target: int) -> int:
    """Where the sum nearest to the target lies; of two equally near that of the smaller key."""
    above = first_at_least(sums, target)
    if above == 0:
        return 0
    if above == sums.size:
        return above - 1
    difference = (target - sums[above - 1]) - (sums[above] - target)
    below = difference < 0 or (difference == 0 and keys[above - 1] < keys[above])
    return above - 1 if below else above


@compiled
def look_up(
    sums: Integers,
    keys: Keys,
    targets: Integers,
    signed: bool,
    masks: NDArray[np.int8],
    errors: Integers,
) -> None:
    """Choose the nearest sum for each target; fills masks (targets, n) and errors."""
    base = 3 if signed else 2
    for t in range(targets.size):
        at = nearest(sums, keys, targets[t])
        errors[t] = abs(sums[at] - targets[t])
        digits = keys[at] & MASK
        for k in range(masks.shape[1]):
            digit = digits % base
            masks[t, k] = -1 if digit == 2 else digit
            digits //= base


@compiled
def signed_errors(
    sums: Integers, keys: Keys, targets: Floats, exponent: int, shift: int, errors: Floats
) -> None:
    """Nearest (sum + shift) * 2**exponent less each target, in the units of the targets."""
    half = -exponent // 2
    first, second = math.ldexp(1.0, half), math.ldexp(1.0, -exponent - half)
    for t in range(targets.size):
        scaled = targets[t] * first * second
        if abs(scaled) <= 2.0**61:
            goal = int(np.rint(scaled)) - shift
            at = nearest(sums, keys, goal)
            errors[t] = math.ldexp(float(sums[at] - goal), exponent)
        else:
            end = sums[sums.size - 1] if scaled > 0 else sums[0]
            errors[t] = math.ldexp(float(end + shift), exponent) - targets[t]


@compiled
def widest_gap(sums: Integers, low: int, high: int) -> int:
    """Index of the sum below the widest gap whose middle is within low / 2 and high / 2.

    The first of equal ones; -1 where there is none.
    """
    widest = 0
    found = -1
    for i in range(max(first_at_least(sums, low // 2) - 1, 0), sums.size - 1):
        middle = sums[i] + sums[i + 1]
        if middle > high:
            break
        gap = sums[i + 1] - sums[i]
        if middle >= low and gap > widest:
            widest = gap
            found = i
    return found


@compiled
def walk(
    low: Integers,
    low_keys: Keys,
    low_starts: Integers,
    high: Integers,
    high_keys: Keys,
    high_starts: Integers,
    most: int,
    targets: Integers,
    signed: bool,
    masks: NDArray[np.int8],
    errors: Integers,
) -> None:
    """Closest pair of two halves for each target; fills masks (targets, n) and errors."""
    for t in range(targets.size):
        errors[t], key = closest_in_classes(
            low, low_keys, low_starts, high, high_keys, high_starts, most, targets[t]
        )
        write_mask(key, signed, masks[t])


def within(sums: Integers, keys: Keys, most: int) -> tuple[Integers, Keys]:
    """The sums that at most so many numbers make."""
    kept = (keys >> DIGITS) <= most
    return sums[kept], keys[kept]

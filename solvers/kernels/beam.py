"""Joins of lists of sums: of all pairs from two lists, those nearest to a centre."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled
from solvers.kernels.merge import LARGEST, Integers


@compiled
def settle(
    values: Integers,
    target: int,
    signed: bool,
    order: Integers,
    first: int,
    mask: NDArray[np.int8],
) -> int:
    """Choose the numbers from order[first] on one by one, and return their sum.

    Each is chosen so that the target comes nearest to the middle of what all later numbers
    and those before ``first`` can still reach.
    """
    left = float(target)
    if not signed:
        for k in range(values.size):
            left -= 0.5 * values[k]
    total = 0
    for k in range(first, order.size):
        value = values[order[k]]
        middle = 0.0 if signed else 0.5 * value
        best = 0
        if abs(left + middle - value) < abs(left + middle):
            best = 1
        if signed and abs(left + value) < abs(left):
            best = -1
        left += middle - best * value
        total += best * value
        mask[order[k]] = best
    return total


@compiled
def count_pairs(a: Integers, b: Integers, low: int, high: int) -> int:
    """How many sums of a pair lie between two bounds, both included."""
    start = b.size
    stop = b.size
    count = 0
    for i in range(a.size):
        while start > 0 and a[i] + b[start - 1] >= low:
            start -= 1
        while stop > 0 and a[i] + b[stop - 1] > high:
            stop -= 1
        count += stop - start
    return count


@compiled
def reach(a: Integers, b: Integers, centre: int, width: int) -> int:
    """Distance from the centre within which lie about ``width`` sums, and no more.

    More only where very many sums are equal.
    """
    many = int(max(abs(a[0] + b[0] - centre), abs(a[-1] + b[-1] - centre)))
    if a.size * b.size <= width:
        return many
    few = -1
    distance = int(many * (width / (a.size * b.size)))
    while many - few > 1:
        count = count_pairs(a, b, centre - distance, centre + distance)
        if count > width:
            many = distance
        elif count < width // 2:
            few = distance
        else:
            return distance
        distance = int(min(distance * (0.75 * width / max(count, 1)), float(many)))
        if distance <= few or distance >= many:
            distance = few + (many - few) // 2
    if few >= 0 and count_pairs(a, b, centre - few, centre + few) > 0:
        return few
    return many


@compiled
def join(a: Integers, b: Integers, centre: int, width: int) -> Integers:
    """The sums of a pair, one from each ascending list, that are nearest to the centre.

    At most ``width``, and about as many where there are; distinct and ascending.
    """
    distance = reach(a, b, centre, width)
    low = max(centre - distance, a[0] + b[0])
    high = min(centre + distance, a[-1] + b[-1])
    found = np.empty(min(width, count_pairs(a, b, low, high)), dtype=np.int64)
    start = b.size
    stop = b.size
    count = 0
    for i in range(a.size):
        while start > 0 and a[i] + b[start - 1] >= low:
            start -= 1
        while stop > 0 and a[i] + b[stop - 1] > high:
            stop -= 1
        for j in range(start, min(stop, start + found.size - count)):
            found[count] = a[i] + b[j]
            count += 1
    ordered = ascending(found, low, high)
    size = 0
    for i in range(count):
        if i == 0 or ordered[i] != ordered[size - 1]:
            ordered[size] = ordered[i]
            size += 1
    return ordered[:size].copy()


@compiled
def ascending(numbers: Integers, low: int, high: int) -> Integers:
    """Sort numbers that lie between two bounds, for the most part evenly."""
    buckets = numbers.size
    scale = buckets / (float(high) - float(low) + 1.0)
    ends = np.zeros(buckets + 1, dtype=np.int64)
    for number in numbers:
        ends[min(int((number - low) * scale), buckets - 1) + 1] += 1
    for bucket in range(buckets):
        ends[bucket + 1] += ends[bucket]
    placed = np.empty(numbers.size, dtype=np.int64)
    for number in numbers:
        bucket = min(int((number - low) * scale), buckets - 1)
        placed[ends[bucket]] = number
        ends[bucket] += 1
    start = 0
    for bucket in range(buckets):
        shell_sort(placed[start : ends[bucket]])
        start = ends[bucket]
    return placed


@compiled
def shell_sort(numbers: Integers) -> None:
    """Sort in place: quick for few numbers, bearable for many."""
    gap = 1
    while 3 * gap < numbers.size:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, numbers.size):
            number = numbers[i]
            j = i
            while j >= gap and numbers[j - gap] > number:
                numbers[j] = numbers[j - gap]
                j -= gap
            numbers[j] = number
        gap //= 3


@compiled
def closest(a: Integers, b: Integers, target: int) -> tuple[int, int, int]:
    """Smallest |a[i] + b[j] - target| of two ascending lists, i and j."""
    best = LARGEST
    best_i = 0
    best_j = 0
    i = 0
    j = b.size - 1
    while i < a.size and j >= 0:
        difference = a[i] + b[j] - target
        if abs(difference) < best:
            best = abs(difference)
            best_i = i
            best_j = j
        i += difference <= 0
        j -= difference >= 0
    return best, best_i, best_j

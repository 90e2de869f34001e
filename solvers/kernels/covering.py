"""The worst target of a set: every sum in a range marks a bin, and long empty runs are measured.

A set is split into a short and a long list of sorted sums. The range is cut into segments
whose bins stay in the cache; for each sum of the short list only the stretch of the long
one that falls into the segment is passed. k empty bins of width w between two marked ones
mean a gap of more than k w and less than (k + 2) w, so only the longest runs can hold the
widest gap, and these few are measured exactly.

Radii and targets are doubled here, so that the middle of a gap is an integer. Nothing
overflows while sums and ends of the range are at most 2**59 in magnitude.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled

Integers = NDArray[np.int64]
Bytes = NDArray[np.uint8]

NONE = 1 << 62
"""Stands for a missing neighbour above, -NONE for one below."""

BINS = 1 << 18
PADDING = 4
_MOST_MEASURED = 32
_MOST_SHIFT = 58


@compiled
def sorted_sums(values: Integers) -> Integers:
    """Distinct subset sums in ascending order, and PADDING times NONE."""
    sums = np.empty((1 << values.size) + PADDING, np.int64)
    spare = np.empty_like(sums)
    sums[0] = 0
    size = 1
    for value in values:
        first = min(value, 0)
        second = max(value, 0)
        i = 0
        j = 0
        length = 0
        # The copy that is shifted less stays ahead: j <= i, so only i needs a bound.
        while i < size:
            p = sums[i] + first
            q = sums[j] + second
            spare[length] = min(p, q)
            i += p <= q
            j += q <= p
            length += 1
        while j < size:
            spare[length] = sums[j] + second
            j += 1
            length += 1
        sums, spare = spare, sums
        size = length
    sums[size : size + PADDING] = NONE
    return sums[: size + PADDING]


@compiled
def first_above(long: Integers, bound: int) -> int:
    """Index of the first entry greater than the bound."""
    start = 0
    size = long.size
    while size > 1:
        half = size >> 1
        start = start + half if long[start + half - 1] <= bound else start
        size -= half
    return start


@compiled
def neighbours(short: Integers, long: Integers, point: int) -> tuple[int, int]:
    """The largest sum at or below a point and the smallest one above it."""
    below = -NONE
    above = NONE
    for one in short:
        k = first_above(long, point - one)
        if k > 0:
            below = max(below, one + long[k - 1])
        if k < long.size - PADDING:
            above = min(above, one + long[k])
    return below, above


@compiled
def worst_between(below: int, above: int, low: int, high: int) -> tuple[int, int]:
    """Twice the largest distance from two neighbouring sums in the range, and where."""
    if below == -NONE:
        return 2 * (above - low), 2 * low
    if above == NONE:
        return 2 * (high - below), 2 * high
    middle = min(max(below + above, 2 * low), 2 * high)
    return min(middle - 2 * below, 2 * above - middle), middle


@compiled
def mark(
    short: Integers,
    long: Integers,
    starts: Integers,
    ends: Integers,
    base: int,
    length: int,
    shift: int,
    marked: Bytes,
) -> None:
    """Mark the bins of the sums from ``base`` on; ends[i] is the first entry beyond them."""
    marked[:] = 0
    shift_right = np.uint64(shift)
    for i in range(short.size):
        offset = short[i] - base
        limit = length - offset
        j = starts[i]
        while long[j + 3] < limit:
            marked[np.uint64(long[j] + offset) >> shift_right] = 1
            marked[np.uint64(long[j + 1] + offset) >> shift_right] = 1
            marked[np.uint64(long[j + 2] + offset) >> shift_right] = 1
            marked[np.uint64(long[j + 3] + offset) >> shift_right] = 1
            j += 4
        while long[j] < limit:
            marked[np.uint64(long[j] + offset) >> shift_right] = 1
            j += 1
        ends[i] = j


@compiled
def next_run(marked: Bytes, last: int, least: int) -> tuple[int, int]:
    """The next two marks with at least so many empty bins between them, from a mark on.

    The second is the number of bins where there are none. Short runs are skipped: unless
    the bins up to last + least are all empty, the search goes on from the last of them.
    """
    while last + least < marked.size:
        k = last + least
        while not marked[k]:
            k -= 1
        if k == last:
            k = last + least + 1
            while k < marked.size and not marked[k]:
                k += 1
            return last, k
        last = k
    return last, marked.size


@compiled
def longest_run(marked: Bytes, first: int) -> int:
    """The most empty bins between two marked ones."""
    longest = 0
    left, right = next_run(marked, first, 1)
    while right < marked.size:
        longest = right - left - 1
        left, right = next_run(marked, right, longest + 1)
    return longest


@compiled
def widest_in_bins(
    short: Integers,
    long: Integers,
    starts: Integers,
    ends: Integers,
    base: int,
    shift: int,
    bins: int,
    best: int,
    where: int,
) -> tuple[int, int]:
    """The widest gap between sums of different bins, if it exceeds ``best``."""
    lowest = np.full(bins, NONE)
    highest = np.full(bins, -NONE)
    for i in range(short.size):
        for j in range(starts[i], ends[i]):
            total = short[i] + long[j]
            k = (total - base) >> shift
            lowest[k] = min(lowest[k], total)
            highest[k] = max(highest[k], total)
    last = NONE
    for k in range(bins):
        if lowest[k] != NONE:
            if lowest[k] - last > best:
                best = lowest[k] - last
                where = lowest[k] + last
            last = highest[k]
    return best, where


@compiled
def widest_in_segment(
    short: Integers,
    long: Integers,
    starts: Integers,
    ends: Integers,
    base: int,
    shift: int,
    marked: Bytes,
    best: int,
    where: int,
) -> tuple[int, int]:
    """The widest gap between marked bins with an empty one between, if it exceeds ``best``."""
    width = 1 << shift
    first = 0
    while first < marked.size and not marked[first]:
        first += 1
    longest = longest_run(marked, first)
    if longest == 0 or (longest + 2) * width <= best:
        return best, where
    # The longest run holds a gap of more than its own length: shorter ones must compete.
    least = max(1, max(best, longest * width) // width - 1)
    _, right = next_run(marked, first, least)
    measured = 0
    while right < marked.size:
        measured += 1
        if measured > _MOST_MEASURED:
            return widest_in_bins(short, long, starts, ends, base, shift, marked.size, best, where)
        below, above = neighbours(short, long, base + (right << shift) - 1)
        if above - below > best:
            best = above - below
            where = above + below
            least = max(least, best // width - 1)
        _, right = next_run(marked, right, least)
    return best, where


@compiled
def worst_with_bins(
    short: Integers, long: Integers, low: int, high: int, shift: int
) -> tuple[int, int]:
    """Twice the radius and twice its target; right when it is at least two bins or they are 1."""
    bins = min(BINS, ((high - low) >> shift) + 1)
    marked = np.empty(bins, np.uint8)
    starts = np.empty(short.size, np.int64)
    ends = np.empty(short.size, np.int64)
    for i in range(short.size):
        starts[i] = first_above(long, low - short[i] - 1)
    best = 0
    where = 2 * low
    base = low
    while True:
        # The gap across the end of a segment, or up to a sum that lies exactly there.
        below, above = neighbours(short, long, base - 1)
        radius, middle = worst_between(below, above, low, high)
        if radius > best:
            best, where = radius, middle
        if base > high:
            return best, where
        length = min(bins << shift, high + 1 - base)
        mark(short, long, starts, ends, base, length, shift, marked)
        best, where = widest_in_segment(short, long, starts, ends, base, shift, marked, best, where)
        starts, ends = ends, starts
        base += length


@compiled
def count_between(short: Integers, long: Integers, low: int, high: int) -> int:
    """Pairs whose sum lies in the range."""
    count = 0
    for one in short:
        count += first_above(long, high - one) - first_above(long, low - one - 1)
    return count


@compiled
def floor_log2(number: int) -> int:
    bits = 0
    while number > 1:
        number >>= 1
        bits += 1
    return bits


@compiled
def worst_targets(
    values: Integers, lows: Integers, highs: Integers, radii: Integers, targets: Integers
) -> None:
    """Fill twice the covering radius of each row over its range, and twice the target.

    Some gap is at least as wide as range / (sums + 1). Bins of up to twice that width are
    tried first, as the widest of many random gaps is far wider; then ones of at most half.
    """
    cells, n = values.shape
    for cell in range(cells):
        short = sorted_sums(values[cell, : n // 3])
        short = short[: short.size - PADDING]
        long = sorted_sums(values[cell, n // 3 :])
        low = lows[cell]
        high = highs[cell]
        even = (high - low) // (count_between(short, long, low, high) + 1)
        shift = min(floor_log2(even) + 1, _MOST_SHIFT)
        best, where = worst_with_bins(short, long, low, high, shift)
        if best < 2 << shift:
            shift = min(max(floor_log2(even) - 1, 0), _MOST_SHIFT)
            best, where = worst_with_bins(short, long, low, high, shift)
        radii[cell] = best
        targets[cell] = where

"""Half sums met without being stored: pairs of quarter sums, one interval at a time.

A half is carried as its two quarters: the distinct sums of each in ascending order, each
with its smallest key. A key is (numbers enabled) << 32 | mask of the half, so that the key
of a pair is the sum of two keys, and comparing keys of equal sums follows the tie rule. A
mask has a binary digit for each number, or a ternary one (2 for -1) where signs are free.

R. Schroeppel and A. Shamir, "A T = O(2**(n/2)), S = O(2**(n/4)) algorithm for certain
NP-complete problems", SIAM J. Comput. 10 (1981) 456, doi:10.1137/0210033 (quarters). Here
intervals of sums take the place of their priority queues, as residues do in N. Howgrave-
Graham and A. Joux, "New generic algorithms for hard knapsacks", EUROCRYPT 2010,
doi:10.1007/978-3-642-13190-5_12.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled
from solvers.kernels.merge import LARGEST, Integers, add_number, add_signed_number

Half = tuple[Integers, Integers, Integers, Integers]
"""Sums and keys of the first quarter, then of the second."""

DIGITS = 32
MASK = (1 << DIGITS) - 1
ABSENT = -1
"""Stands for the key of a sum that is not there."""

MARKS = 1 << 18
_DROPPED = 64 - 18
_HASHES = (-7046029254386353131, -4417276706812531889)


@compiled
def distinct_sums(
    values: Integers, place: int, signed: bool, sums: Integers, keys: Integers
) -> tuple[int, int]:
    """Distinct sums in ascending order, each with its smallest key.

    Returns the row of ``sums`` and ``keys`` (2, size) that holds them and their number, 0
    if these may be too small. ``place`` is the mask of the first number alone. (Ctrl-C
    while numba makes an array to return ends in a SystemError: so none is returned here.)
    """
    sums[0, 0] = 0
    keys[0, 0] = 0
    size = 1
    now = 0
    for k in range(values.size):
        new = 1 - now
        plus = (1 << DIGITS) + place
        if size * (3 if signed else 2) > sums.shape[1]:
            return 0, 0
        if signed:
            size = add_signed_number(
                values[k], plus, plus + place, sums[now], keys[now], size, sums[new], keys[new]
            )
            place *= 3
        else:
            size = add_number(values[k], plus, sums[now], keys[now], size, sums[new], keys[new])
            place *= 2
        now = new
    return now, size


@compiled
def pairs_between(
    half: Half, low: int, high: int, sums: Integers, keys: Integers
) -> tuple[int, int, int, int, int]:
    """Number of pairs whose sum lies from low to high, and the sums next to these.

    Fills in the pairs if they are at most as many as there is room for. Returns their
    number, then the largest sum below low and the smallest above high, each followed by
    its smallest key or ABSENT.
    """
    first, first_keys, second, second_keys = half
    count = 0
    below, below_key = -LARGEST, ABSENT
    above, above_key = LARGEST, ABSENT
    start = second.size
    stop = second.size
    for i in range(first.size):
        value = first[i]
        key = first_keys[i]
        while start > 0 and second[start - 1] >= low - value:
            start -= 1
        while stop > 0 and second[stop - 1] > high - value:
            stop -= 1
        if start > 0:
            total = value + second[start - 1]
            if total >= below:
                new = key + second_keys[start - 1]
                if total > below or new < below_key:
                    below, below_key = total, new
        if stop < second.size:
            total = value + second[stop]
            if total <= above:
                new = key + second_keys[stop]
                if total < above or new < above_key:
                    above, above_key = total, new
        if count + stop - start <= sums.size:
            offset = count - start
            for j in range(start, stop):
                sums[offset + j] = value + second[j]
                keys[offset + j] = key + second_keys[j]
        count += stop - start
    return count, below, below_key, above, above_key


@compiled
def keep_near(
    sums: Integers,
    keys: Integers,
    others: Integers,
    target: int,
    error: int,
    shift: int,
    factor: int,
    marks: NDArray[np.uint8],
) -> int:
    """Keep, in front, the sums that may come within an error of the target; their number.

    A sum needs another one within the error of what it lacks. All cells of 2**shift (more
    than twice the error) that hold such a place are marked, under a hash of their number
    (D. E. Knuth, TAOCP 3, section 6.4: multiplicative), so that none is lost.
    """
    marks[:] = 0
    last = marks.size - 1
    for i in range(others.size):
        marks[(((others[i] - error) >> shift) * factor >> _DROPPED) & last] = 1
        marks[(((others[i] + error) >> shift) * factor >> _DROPPED) & last] = 1
    kept = 0
    for i in range(sums.size):
        value = sums[i]
        sums[kept] = value
        keys[kept] = keys[i]
        kept += marks[((target - value) >> shift) * factor >> _DROPPED & last]
    return kept


@compiled
def search_interval(
    first: Half,
    second: Half,
    target: int,
    low: int,
    high: int,
    error: int,
    sums: Integers,
    keys: Integers,
    marks: NDArray[np.uint8],
) -> tuple[int, int, int, int]:
    """Gather all that an answer within an error of the target can be made of.

    That takes a sum of the first half from low to high; the sum of the second half is then
    the next one below or above what is lacking, so from target - high to target - low or
    beside these. Where it is beside these, only the outermost sums of the first half count.
    Returns how many pairs the halves have there, and how many sums of each are left in rows
    0 and 1: none if the first half has no pair, or if both have some and either has more
    than there is room for.
    """
    room = sums.shape[1] - 2
    count, _, _, _, _ = pairs_between(first, low, high, sums[0, :room], keys[0, :room])
    size, below, below_key, above, above_key = pairs_between(
        second, target - high, target - low, sums[1, :room], keys[1, :room]
    )
    if count == 0 or (size > 0 and max(count, size) > room):
        return count, size, 0, 0
    rows = [count, size]
    if size == 0:
        none, no_keys = sums[0, :0], keys[0, :0]
        _, sums[0, 0], keys[0, 0], _, _ = pairs_between(first, high + 1, high, none, no_keys)
        _, _, _, sums[0, 1], keys[0, 1] = pairs_between(first, low, low - 1, none, no_keys)
        rows[0] = 2
    if below_key != ABSENT:
        sums[1, rows[1]], keys[1, rows[1]] = below, below_key
        rows[1] += 1
    if above_key != ABSENT:
        sums[1, rows[1]], keys[1, rows[1]] = above, above_key
        rows[1] += 1
    shift = 3
    while (high - low) >> shift > 0 and error >> (shift - 3) > 0:
        shift += 1
    row = 1
    while (high - low) >> shift > 0 and min(rows[0], rows[1]) > 0:
        before = rows[row]
        rows[row] = keep_near(
            sums[row, :before],
            keys[row, :before],
            sums[1 - row, : rows[1 - row]],
            target,
            error,
            shift,
            _HASHES[row],
            marks,
        )
        if 2 * rows[row] > before:
            break
        row = 1 - row
    return count, size, rows[0], rows[1]


@compiled
def closest_pair(
    low: Integers,
    low_keys: Integers,
    high: Integers,
    high_keys: Integers,
    target: int,
    best: tuple[int, int, int],
) -> tuple[int, int, int]:
    """The better of a known answer and the best pair of two ascending lists.

    An answer is its error and the keys of its low and its high half. See
    `solvers.kernels.merge.closest_pair` for the walk.
    """
    error, low_key, high_key = best
    i = 0
    j = high.size - 1
    while i < low.size and j >= 0:
        difference = low[i] + high[j] - target
        if abs(difference) <= error:
            new = (abs(difference), low_keys[i], high_keys[j])
            if new[0] < error or comes_first(new[1], new[2], low_key, high_key):
                error, low_key, high_key = new
        i += difference <= 0
        j -= difference >= 0
    return error, low_key, high_key


@compiled
def comes_first(low: int, high: int, other_low: int, other_high: int) -> bool:
    """Whether one pair of keys has fewer numbers enabled than another, or a smaller mask."""
    count = (low >> DIGITS) + (high >> DIGITS)
    other_count = (other_low >> DIGITS) + (other_high >> DIGITS)
    if count != other_count:
        return count < other_count
    return (high & MASK, low & MASK) < (other_high & MASK, other_low & MASK)


def sorted_distinct(sums: Integers, keys: Integers) -> tuple[Integers, Integers]:
    """Distinct sums in ascending order, each with its smallest key."""
    lowest = sums.min()
    width = int(sums.max() - lowest) + 1
    if width < 8 * sums.size:  # sums of small integers: faster than to sort
        table = np.full(width, LARGEST)
        np.minimum.at(table, sums - lowest, keys)
        found = np.flatnonzero(table != LARGEST)
        return found + lowest, table[found]
    order = np.argsort(sums)
    ordered = sums[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return ordered[starts], np.minimum.reduceat(keys[order], starts)

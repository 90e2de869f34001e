"""Unions of intervals in [-1/2, 1/2] that grow by shifted copies of themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled

Floats = NDArray[np.float64]


@compiled
def add_shifted(
    starts: Floats, ends: Floats, size: int, shift: float, new_starts: Floats, new_ends: Floats
) -> int:
    """Unite disjoint sorted intervals with a copy shifted and cut to the range."""
    low, high = -0.5, 0.5
    i = 0
    j = 0
    while j < size and ends[j] + shift <= low:
        j += 1
    stop = size
    while stop > j and starts[stop - 1] + shift >= high:
        stop -= 1
    length = 0
    while i < size or j < stop:
        if j == stop or (i < size and starts[i] <= starts[j] + shift):
            start, end = starts[i], ends[i]
            i += 1
        else:
            start, end = max(starts[j] + shift, low), min(ends[j] + shift, high)
            j += 1
        if length and start <= new_ends[length - 1]:
            new_ends[length - 1] = max(new_ends[length - 1], end)
        else:
            new_starts[length] = start
            new_ends[length] = end
            length += 1
    return length


@compiled
def grow(starts: Floats, ends: Floats, values: Floats, reached: Floats) -> tuple[Floats, Floats]:
    """Add the values one by one; reached[t] is the total length after value t."""
    size = starts.size
    new_starts = np.empty(2 * size)
    new_ends = np.empty(2 * size)
    for t in range(values.size):
        if new_starts.size < 2 * size:
            new_starts = np.empty(4 * size)
            new_ends = np.empty(4 * size)
        size = add_shifted(starts, ends, size, values[t], new_starts, new_ends)
        starts, new_starts = new_starts, starts
        ends, new_ends = new_ends, ends
        total = 0.0
        for k in range(size):
            total += ends[k] - starts[k]
        reached[t] = min(total, 1.0)
    return starts[:size].copy(), ends[:size].copy()

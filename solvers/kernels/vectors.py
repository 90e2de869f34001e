"""Vector sums of two halves: every pair that can be best, found by its first component."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled

Integers = NDArray[np.int64]


@compiled
def closest_vectors(
    low: Integers,
    low_keys: Integers,
    high: Integers,
    high_keys: Integers,
    lower: Integers,
    upper: Integers,
    best: int,
    best_key: int,
) -> tuple[int, int]:
    """Smallest error among all sums low + high, and the best key that has it.

    The error of a sum is the largest of sum - upper and lower - sum over its components.
    The sums (2**half, d) of ``low`` ascend in the first component, so that for each row of
    ``high`` only a stretch of them can have an error up to ``best``, the smallest so far.
    Keys of the two halves add up to that of the whole.
    """
    rows, d = low.shape
    for j in range(high.shape[0]):
        least = lower[0] - high[j, 0] - best
        i = 0
        end = rows
        while i < end:
            middle = (i + end) // 2
            if low[middle, 0] < least:
                i = middle + 1
            else:
                end = middle
        while i < rows and low[i, 0] + high[j, 0] - upper[0] <= best:
            error = -best - 1
            for k in range(d):
                total = low[i, k] + high[j, k]
                error = max(error, total - upper[k], lower[k] - total)
                if error > best:
                    break
            if error <= best:
                key = low_keys[i] + high_keys[j]
                if error < best or key < best_key:
                    best = error
                    best_key = key
            i += 1
    return best, best_key

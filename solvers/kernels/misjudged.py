"""Sums in the order in which they are believed to lie, each with what it truly is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled

Floats = NDArray[np.float64]


@compiled
def ordered_sums(
    believed: Floats, true: Floats, bias: float, coefficients: Floats
) -> tuple[Floats, Floats]:
    """Believed sums, ascending, and the true sums beside them.

    The sums so far are copied once for each coefficient of the next value, and the two or three
    copies, each in order, are merged.
    """
    n, choices = believed.size, coefficients.size
    size = choices**n
    sums, truth = np.empty(size), np.empty(size)
    next_sums, next_truth = np.empty(size), np.empty(size)
    sums[0] = 0
    truth[0] = bias
    length = 1
    at = np.empty(choices, np.int64)
    for k in range(n):
        at[:] = 0
        for out in range(length * choices):
            best = -1
            smallest = np.inf
            for c in range(choices):
                if at[c] < length:
                    candidate = sums[at[c]] + coefficients[c] * believed[k]
                    if best < 0 or candidate < smallest:
                        best, smallest = c, candidate
            next_sums[out] = smallest
            next_truth[out] = truth[at[best]] + coefficients[best] * true[k]
            at[best] += 1
        length *= choices
        sums, next_sums = next_sums, sums
        truth, next_truth = next_truth, truth
    return sums, truth


@compiled
def worst_errors(
    believed: Floats,
    true: Floats,
    low: Floats,
    high: Floats,
    bias: Floats,
    coefficients: Floats,
    radii: Floats,
) -> None:
    """Fill the largest true error over [low, high] where the nearest believed sum is chosen."""
    for cell in range(len(believed)):
        sums, truth = ordered_sums(believed[cell], true[cell], bias[cell], coefficients)
        worst = 0.0
        start = low[cell]
        for k in range(sums.size):
            end = high[cell]
            if k + 1 < sums.size:
                end = min(end, (sums[k] + sums[k + 1]) / 2)
            if end >= start:
                worst = max(worst, abs(truth[k] - start), abs(truth[k] - end))
                start = end
                if end == high[cell]:
                    break
        radii[cell] = worst

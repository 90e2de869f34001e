"""Two sets, one subset of each: the pair of sums at which a sum of squares is smallest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled

Floats = NDArray[np.float64]
Keys = NDArray[np.int64]


@compiled
def ascending_sums(
    values: Floats, sums: Floats, keys: Keys, other: Floats, other_keys: Keys
) -> None:
    """Fill sums with all subset sums in ascending order and keys with their subsets, by merging."""
    sums[0] = 0.0
    keys[0] = 0
    size = 1
    for k in range(values.size):
        for i in range(size):
            other[i] = sums[i]
            other_keys[i] = keys[i]
        low = 0  # of those without the number
        high = 0  # of those with it
        for place in range(2 * size):
            with_it = high < size and (low == size or other[high] + values[k] < other[low])
            if with_it:
                sums[place] = other[high] + values[k]
                keys[place] = other_keys[high] | (1 << k)
                high += 1
            else:
                sums[place] = other[low]
                keys[place] = other_keys[low]
                low += 1
        size *= 2


@compiled
def closest_pairs(
    first: Floats,
    second: Floats,
    targets: Floats,
    held: Floats,
    weights: Floats,
    masks: NDArray[np.bool_],
    costs: Floats,
) -> None:
    """Fill masks (cells, n + m) and costs (cells,); see `solvers.pairs.closest_pairs`.

    For each sum x of the first set the cost is a parabola in y, so the best y of the second is
    one of the two neighbours of its vertex. That moves on with x: one walk through both lists.
    """
    cells, n = first.shape
    m = second.shape[1]
    x, x_keys = np.empty(1 << n), np.empty(1 << n, np.int64)
    y, y_keys = np.empty(1 << m), np.empty(1 << m, np.int64)
    spare, spare_keys = np.empty(1 << max(n, m)), np.empty(1 << max(n, m), np.int64)
    for cell in range(cells):
        ascending_sums(first[cell], x, x_keys, spare, spare_keys)
        ascending_sums(second[cell], y, y_keys, spare, spare_keys)
        w_both, w_x, w_y = weights[cell]
        held_x, held_y = held[cell]
        held_both = held_x + held_y
        target = targets[cell]
        curvature = 1.0 + w_both + w_y
        slope = (1.0 - w_both) / curvature
        offset = (w_both * held_both + w_y * held_y - target) / curvature
        best = np.inf
        best_x = 0
        best_y = 0
        j = 0
        for i in range(x.size):
            vertex = slope * x[i] + offset
            while j < y.size and y[j] < vertex:
                j += 1
            while j > 0 and y[j - 1] >= vertex:
                j -= 1
            for k in range(max(j - 1, 0), min(j + 1, y.size)):
                cost = (x[i] - y[k] - target) ** 2 + w_both * (x[i] + y[k] - held_both) ** 2
                cost += w_x * (x[i] - held_x) ** 2 + w_y * (y[k] - held_y) ** 2
                if cost < best:
                    best = cost
                    best_x = x_keys[i]
                    best_y = y_keys[k]
        costs[cell] = best
        for k in range(n):
            masks[cell, k] = (best_x >> k) & 1
        for k in range(m):
            masks[cell, n + k] = (best_y >> k) & 1

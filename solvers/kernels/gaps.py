"""Nearest nets of the states of cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled
from solvers.kernels.settling import ascending_states, count_states

Floats = NDArray[np.float64]


@compiled
def nearest(one: Floats, two: Floats, net: float, enough: float) -> float:
    """Distance from a net to the nearest sum of one of each, or `enough` where that is less.

    Both are by ascending net.
    """
    best, j = np.inf, two.shape[0] - 1
    for i in range(one.shape[0]):
        rest = net - one[i, 0]
        while j > 0 and two[j - 1, 0] >= rest:
            j -= 1
        best = min(best, abs(two[j, 0] - rest))
        if j > 0:
            best = min(best, abs(two[j - 1, 0] - rest))
        if best <= enough:
            return enough
    return best


@compiled
def distance(
    up: Floats,
    down: Floats,
    base: Floats,
    allowed: NDArray[np.int8],
    nets: Floats,
    enough: float,
    found: Floats,
) -> None:
    """Fill `found`; see `solvers.gaps.distance`."""
    rows, columns, branches = allowed.shape
    half = branches // 2
    for r in range(rows):
        for c in range(columns):
            here = allowed[r, c]
            one_size = count_states(here, 0, half)
            two_size = count_states(here, half, branches)
            one, _ = ascending_states(up[r, c], down[r, c], here, 0, half, one_size)
            two, _ = ascending_states(up[r, c], down[r, c], here, half, branches, two_size)
            for k in range(nets.shape[2]):
                found[r, c, k] = nearest(one, two, nets[r, c, k] - base[r, c, 0], enough)

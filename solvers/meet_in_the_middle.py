"""Exact search: all sums of two halves, sorted, and one walk through both.

Time and memory grow with 2**(n/2). Among subsets of equal error the one with the fewest
numbers enabled is chosen, then the one with the smallest mask (number k is bit k), so
that the answer is unique.
"""

from __future__ import annotations

import numpy as np

from solvers.method import LARGEST_WINDOW, Answer, Method, Options
from solvers.problem import Grid

_SUMS_A_CALL = 1 << 24


def run(grid: Grid, options: Options) -> Answer:
    """Solve every cell exactly on its grid; no options."""
    from solvers import kernels

    cells, n = grid.values.shape
    masks = np.empty((cells, n), dtype=bool)
    errors = np.empty(cells, dtype=np.int64)
    sums, keys = kernels.workspace(n)
    # Compiled code cannot be interrupted: short calls keep Ctrl-C working.
    step = max(1, _SUMS_A_CALL >> (n - n // 2))
    for start in range(0, cells, step):
        part = slice(start, start + step)
        kernels.solve_cells(
            grid.values[part], grid.targets[part], sums, keys, masks[part], errors[part]
        )
    return Answer(
        mask=masks,
        bound=errors.astype(float),
        proven=np.ones(cells, dtype=bool),
        certificate=f"exhaustive meet-in-the-middle on a grid of 2^-{grid.bits} of full scale",
    )


METHOD = Method("meet-in-the-middle", run, most=LARGEST_WINDOW)

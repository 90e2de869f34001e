"""Exact search of pairs of half sums; time grows with 2**(n/2), memory too.

Among choices of equal error the one with the fewest numbers enabled is chosen, then the
one with the smallest mask (number k is digit k, the digit of -1 is 2), so that the answer
is unique.
"""

from __future__ import annotations

import numpy as np

from solvers.grid import Grid
from solvers.method import Answer, Method, Options
from solvers.solution import Certificate

_SUMS_A_CALL = 1 << 24


def run(grid: Grid, options: Options) -> Answer:
    """Solve every cell exactly on its grid; no options."""
    from solvers.kernels import merge

    cells, n = grid.values.shape
    mask = np.empty((cells, n), dtype=np.int8)
    errors = np.empty(cells, dtype=np.int64)
    sums, keys = merge.workspace(n, grid.signed)
    # Compiled code cannot be interrupted: short calls keep Ctrl-C working.
    step = max(1, _SUMS_A_CALL // sums.shape[1])
    for start in range(0, cells, step):
        part = slice(start, start + step)
        merge.solve_cells(
            grid.values[part],
            grid.targets[part],
            grid.signed,
            np.empty(0, np.int64) if grid.at_most is None else grid.at_most[part],
            sums,
            keys,
            mask[part],
            errors[part],
        )
    certificate = np.full(cells, Certificate.EXHAUSTIVE, np.uint8)
    return Answer(mask, errors.astype(float), certificate)


METHOD = Method("meet-in-the-middle", run, most=44, most_signed=28)

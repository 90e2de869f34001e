"""Exact search of pairs of half sums; time grows with 2**(n/2), memory too.

Filters find the few pairs that may be best (`solvers.kernels.filters`). Where they do not
help, as among many equal sums, and where the numbers enabled are limited, the halves are
sorted by merging (`solvers.kernels.merge`).

Among choices of equal error the one with the fewest numbers enabled is chosen, then the
one with the smallest mask (number k is digit k, the digit of -1 is 2), so that the answer
is unique.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.grid import Grid
from solvers.method import Answer, Method, Options
from solvers.solution import Certificate

_SUMS_A_CALL = 1 << 24
_MOST_FILTERED = 40
_MOST_FILTERED_SIGNED = 25


def run(grid: Grid, options: Options) -> Answer:
    """Solve every cell exactly on its grid; no options."""
    from solvers.kernels import filters

    cells, n = grid.values.shape
    mask = np.empty((cells, n), dtype=np.int8)
    errors = np.full(cells, -1, dtype=np.int64)
    certificate = np.full(cells, Certificate.FILTER, np.uint8)
    if grid.at_most is None and n <= (_MOST_FILTERED_SIGNED if grid.signed else _MOST_FILTERED):
        filters.solve_cells(grid.values, grid.targets, grid.signed, mask, errors)
    left = errors < 0  # the filters did not help
    if left.any():
        mask[left], errors[left] = _merge(grid.part(left))
        certificate[left] = Certificate.EXHAUSTIVE
    return Answer(mask, errors.astype(float), certificate)


def _merge(grid: Grid) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    from solvers.kernels import merge

    cells, n = grid.values.shape
    mask = np.empty((cells, n), dtype=np.int8)
    errors = np.empty(cells, dtype=np.int64)
    most = np.empty(0, np.int64) if grid.at_most is None else grid.at_most
    sums, keys = merge.workspace(n, grid.signed)
    merge.solve_cells(grid.values, grid.targets, grid.signed, most, sums, keys, mask, errors)
    return mask, errors


METHOD = Method(
    "meet-in-the-middle",
    run,
    most=44,
    most_signed=28,
    cells_a_call=lambda n, signed: _SUMS_A_CALL // (3 if signed else 2) ** (n - n // 2),
)

"""Exact search of all choices of a small set; ties as in `meet_in_the_middle`."""

from __future__ import annotations

import numpy as np

from solvers.grid import Grid
from solvers.method import Answer, Method, Options
from solvers.solution import Certificate

_CHOICES_A_CALL = 1 << 28


def run(grid: Grid, options: Options) -> Answer:
    """Compare every choice of every cell; no options."""
    from solvers.kernels import tables

    cells, n = grid.values.shape
    mask = np.empty((cells, n), dtype=np.int8)
    errors = np.empty(cells, dtype=np.int64)
    tables.solve_cells(grid.values, grid.targets, grid.signed, mask, errors)
    return Answer(mask, errors.astype(float), np.full(cells, Certificate.EXHAUSTIVE, np.uint8))


METHOD = Method(
    "enumeration",
    run,
    most=26,
    most_signed=16,
    limits=False,
    cells_a_call=lambda n, signed: _CHOICES_A_CALL // (3 if signed else 2) ** n,
)

"""Randomized heuristic: exact search of random windows, the other numbers drawn at random.

The error falls by about one bit for each number in the window and each doubling of the
tries. The draws depend on the seed, n, the window and the tries alone: each cell has the
same answer in a batch, in any part of it, and by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.grid import Grid
from solvers.method import Answer, Method, Options
from solvers.methods import meet_in_the_middle
from solvers.solution import Certificate

DEFAULT_SEED = 0
DEFAULT_TRIES = 32
DEFAULT_WINDOW = 24
_SUMS_A_CALL = 1 << 24


def run(grid: Grid, options: Options) -> Answer:
    """Best of ``tries`` windows of each cell; exact when the window holds all numbers."""
    tries = options.get("tries") or DEFAULT_TRIES
    window = options.get("window") or DEFAULT_WINDOW
    if grid.signed:
        window = min(window, round(window / np.log2(3)))  # as many sums: 3**w = 2**window
    cells, n = grid.values.shape
    if n <= window:
        return meet_in_the_middle.run(grid, {})
    from solvers.kernels import merge, windows

    orders, coins = draws(options.get("seed") or DEFAULT_SEED, tries, n)
    mask = np.empty((cells, n), dtype=np.int8)
    errors = np.empty(cells, dtype=np.int64)
    sums, keys = merge.workspace(window, grid.signed)
    # Compiled code cannot be interrupted: short calls keep Ctrl-C working.
    step = max(1, _SUMS_A_CALL // sums.shape[1] // tries)
    for start in range(0, cells, step):
        part = slice(start, start + step)
        windows.solve_windows(
            grid.values[part],
            grid.targets[part],
            grid.signed,
            np.empty(0, np.int64) if grid.at_most is None else grid.at_most[part],
            orders,
            coins,
            window,
            sums,
            keys,
            mask[part],
            errors[part],
        )
    certificate = np.where(errors == 0, Certificate.ZERO, Certificate.NONE).astype(np.uint8)
    return Answer(mask, np.zeros(cells), certificate)


def draws(seed: int, tries: int, n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Order of the numbers, the window first, and a coin in [0, 1) for each; (tries, n).

    Try t has its own stream, so that more tries only add to those of fewer.
    """
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(tries)]
    orders = np.stack([stream.permutation(n) for stream in streams]).astype(np.int64)
    return orders, np.stack([stream.random(n) for stream in streams])


METHOD = Method("random", run, options=("seed", "tries", "window"))

"""Randomized heuristic: exact search of a window of small numbers, the others at random.

The error falls by about one bit for each number in the window and each doubling of the
tries. The draws depend on the seed and the number of the try alone: each cell has the same
answer in a batch, in any part of it, and by itself, and more tries only add to fewer. With
a time limit the number of tries, and so the answer, depends on the machine.
"""

from __future__ import annotations

import time

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
_LEAST_TRIES_A_CALL = 8
_NO_END = 1 << 40


def run(grid: Grid, options: Options) -> Answer:
    """Best of ``tries`` draws for each cell; exact when the window holds all numbers."""
    window = options.get("window") or DEFAULT_WINDOW
    if grid.signed:
        window = min(window, round(window / np.log2(3)))  # as many sums: 3**w = 2**window
    cells, n = grid.values.shape
    if n <= window:
        return meet_in_the_middle.run(grid, {})
    mask = np.zeros((cells, n), dtype=np.int8)
    errors = np.full(cells, np.iinfo(np.int64).max)
    limit = options.get("time_limit")
    if limit is None:
        _search(grid, window, options, mask, errors)
    else:
        for cell in range(cells):
            part = np.arange(cells) == cell
            one, least = mask[cell : cell + 1], errors[cell : cell + 1]
            _search(grid.part(part), window, options, one, least, time.perf_counter() + limit)
    certificate = np.where(errors == 0, Certificate.ZERO, Certificate.NONE).astype(np.uint8)
    return Answer(mask, np.zeros(cells), certificate)


def _search(
    grid: Grid,
    window: int,
    options: Options,
    mask: NDArray[np.int8],
    errors: NDArray[np.int64],
    deadline: float | None = None,
) -> None:
    """Improve the masks by all tries, or by those that begin before the deadline."""
    from solvers.kernels import merge, windows

    tries = options.get("tries") or (DEFAULT_TRIES if deadline is None else _NO_END)
    state = np.random.SeedSequence(options.get("seed") or DEFAULT_SEED).generate_state(1, np.uint64)
    seed = int(state.view(np.int64)[0])
    sums, keys = merge.workspace(window, grid.signed)
    # Compiled code cannot be interrupted: short calls keep Ctrl-C working.
    tries_a_call = max(_LEAST_TRIES_A_CALL, _SUMS_A_CALL // sums.shape[1])
    step = max(1, tries_a_call // tries)
    for start in range(0, len(mask), step):
        part = slice(start, start + step)
        ranked = np.argsort(np.abs(grid.values[part]), axis=1, kind="stable")
        first = 0
        while first < tries:
            count = tries_a_call
            if deadline is not None:
                if first and (time.perf_counter() > deadline or not errors[part].any()):
                    break
                count = min(count, max(_LEAST_TRIES_A_CALL, first // 4))
            last = min(first + count, tries)
            windows.solve_windows(
                grid.values[part],
                ranked,
                grid.targets[part],
                grid.signed,
                np.empty(0, np.int64) if grid.at_most is None else grid.at_most[part],
                window,
                seed,
                (first, last),
                sums,
                keys,
                mask[part],
                errors[part],
            )
            first = last


METHOD = Method("random", run, options=("seed", "tries", "window", "time_limit"))

"""Randomized heuristic: exact search of a window of small numbers, the others at random.

The error falls by about one bit for each number in the window and each doubling of the
tries. The draws depend on the seed and the number of the try alone: each cell has the same
answer in a batch, in any part of it, and by itself, and more tries only add to fewer. With
a time limit the number of tries, and so the answer, depends on the machine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from solvers.grid import Grid
from solvers.method import Answer, Interrupted, Method, Options
from solvers.methods import meet_in_the_middle
from solvers.solution import Certificate

DEFAULT_SEED = 0
DEFAULT_TRIES = 32
DEFAULT_WINDOW = 24
_SUMS_A_CALL = 1 << 24
_LEAST_TRIES_A_CALL = 8
_NO_END = 1 << 40


def run(grid: Grid, options: Options) -> Answer:
    """Best of ``tries`` draws for each cell; exact when the window holds all numbers.

    Raises
    ------
    Interrupted
        On KeyboardInterrupt, with the best answers so far.
    """
    window = options.get("window") or DEFAULT_WINDOW
    if grid.signed:
        window = min(window, round(window / np.log2(3)))  # as many sums: 3**w = 2**window
    cells, n = grid.values.shape
    if n <= window:
        return meet_in_the_middle.run(grid, {})
    mask = np.zeros((cells, n), dtype=np.int8)
    errors = np.full(cells, np.iinfo(np.int64).max)
    done = np.zeros(cells, np.bool_)
    try:
        for count in _searched(grid, window, options, mask, errors):
            done[:count] = True
    except KeyboardInterrupt:
        begun = errors < np.iinfo(np.int64).max
        raise Interrupted(_answer(mask, errors), begun, done) from None
    return _answer(mask, errors)


def _answer(mask: NDArray[np.int8], errors: NDArray[np.int64]) -> Answer:
    certificate = np.where(errors == 0, Certificate.ZERO, Certificate.NONE).astype(np.uint8)
    return Answer(mask, np.zeros(len(mask)), certificate)


def _searched(
    grid: Grid,
    window: int,
    options: Options,
    mask: NDArray[np.int8],
    errors: NDArray[np.int64],
) -> Iterator[int]:
    """Improve masks and errors, several cells at a time; yields how many are done."""
    limit = options.get("time_limit")
    if limit is None:
        yield from _search(grid, window, options, mask, errors)
        return
    cells = len(mask)
    for cell in range(cells):
        part = slice(cell, cell + 1)
        one = grid.part(np.arange(cells) == cell)
        deadline = time.perf_counter() + limit
        for done in _search(one, window, options, mask[part], errors[part], deadline):
            yield cell + done


def _search(
    grid: Grid,
    window: int,
    options: Options,
    mask: NDArray[np.int8],
    errors: NDArray[np.int64],
    deadline: float | None = None,
) -> Iterator[int]:
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
        yield min(start + step, len(mask))


METHOD = Method(
    "random",
    run,
    options=("seed", "tries", "window", "time_limit"),
    cells_a_call=lambda n, signed: 64,
)

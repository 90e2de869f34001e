"""What the targets of a layer are multiplied by, so that its cells can meet them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from crossbar.compensation.tasks import Place, Task, mapped

Floats = NDArray[np.float64]

_ROUNDS = 10

_STEP, _LEAST = 0.0025, 0.86
"""Of a scale: from one that is looked at to the next, relative to it; and the least of them."""

_UNSURE = 0.02
"""Of what a cell needs, relative to it. Measured: it comes out 1 to 3 % off what was foretold."""

_WORTH = 1.1
"""Squared errors, relative to the least, that a larger scale may cost.

Measured: 1.5 in its place moves layers of 48 x 24 weights by less than 0.06 bits.
"""

_WHATEVER = 8e-6
"""Error of a cell, relative to full scale, that is left whatever the scale is.

Measured: 7e-6 of 20 paired resistors at a segment resistance times full scale of 1e-4.
"""


def fitting_scale(
    tasks: Sequence[Task],
    places: Sequence[Place],
    by_column: bool,
    executor: Executor | None,
) -> float | Floats:
    """The largest scale at which no cell needs more than it may, to about 1 %.

    It is somewhat less where single cells would need what none of their states has.
    """
    size = np.ones(max(columns.stop for _, columns in places))
    for _ in range(_ROUNDS):
        scaled = [
            task.scaled(size[columns]) for task, (_, columns) in zip(tasks, places, strict=True)
        ]
        share = np.zeros(size.size)
        for (_, columns), found in zip(
            places, mapped("needed_share", scaled, executor), strict=True
        ):
            share[columns] = np.maximum(share[columns], found)
        if not by_column:
            share[:] = share.max()
        if (share <= 1).all():
            break
        size /= np.where(share > 1, 1.005 * share, 1.0)
    size = size * _out_of_gaps(tasks, places, size, by_column, executor)
    return size if by_column else float(size[0])


def _out_of_gaps(
    tasks: Sequence[Task],
    places: Sequence[Place],
    size: Floats,
    by_column: bool,
    executor: Executor | None,
) -> Floats:
    """What to multiply sizes by so that cells need what some state of theirs has, (columns,)."""
    around = round(_UNSURE / _STEP)
    steps = np.exp(-_STEP * np.arange(-around, round(-np.log(_LEAST) / _STEP) + around + 1))
    scaled = [task.scaled(size[columns]) for task, (_, columns) in zip(tasks, places, strict=True)]
    squares, cells = np.zeros((size.size, steps.size)), np.zeros((size.size, 1))
    for task, (_, columns), found in zip(
        scaled, places, mapped("gaps", scaled, executor, steps), strict=True
    ):
        squares[columns] += found
        cells[columns, 0] += task.kept.sum(axis=0)
    squares += cells * _WHATEVER**2
    if not by_column:
        squares[:] = squares.sum(axis=0)
    expected = sliding_window_view(squares, 2 * around + 1, axis=1).mean(axis=2)
    sizes = steps[around : steps.size - around]
    cost = expected / sizes**2
    return np.asarray(sizes[(cost <= _WORTH * cost.min(axis=1, keepdims=True)).argmax(axis=1)])

"""The other subset-sum solvers of the benchmark: each takes integers and returns errors.

A peer is a function (values (cells, n), targets (cells,)) of int64 -> (errors (cells,), proven).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Peer = Callable[[Integers, Integers], tuple[Integers, bool]]


@dataclass(frozen=True)
class Entry:
    """A peer, the sizes worth waiting for, and the grid that it gets: steps of 2**-bits."""

    solve: Peer
    largest: int
    smallest: int = 1
    bits: int = 40


def brute_force(values: Integers, targets: Integers) -> tuple[Integers, bool]:
    """All 2**n sums by doubling, cell by cell, in numpy."""
    errors = np.empty(len(values), np.int64)
    for cell, (row, target) in enumerate(zip(values, targets, strict=True)):
        sums = np.array([-target])
        for value in row:
            sums = np.concatenate([sums, sums + value])
        errors[cell] = np.abs(sums).min()
    return errors, True


def flsss() -> dict[str, Entry]:
    """FLSSS (C. W. Liu) in a window that shrinks to the last error until nothing is left."""
    try:
        gen = import_module("flsss").gen
    except ImportError:
        return {}

    def solve(values: Integers, targets: Integers) -> tuple[Integers, bool]:
        errors = np.empty(len(values), np.int64)
        for cell, (row, target) in enumerate(zip(values, targets, strict=True)):
            best = greedy_error(row, int(target))
            while best > 0:
                low, high = int(target) - best + 1, int(target) + best - 1
                found = gen(row, low, high, n_threads=1)
                if low <= 0 <= high:  # the empty subset is not among those it tries
                    best = min(best, abs(int(target)))
                if not found:
                    break
                best = min(abs(int(row[one].sum()) - int(target)) for one in found)
            errors[cell] = best
        return errors, True

    return {"FLSSS": Entry(solve, 28)}


def greedy_error(values: Integers, target: int) -> int:
    """Error of taking the largest numbers first, as long as each brings the sum closer."""
    left = target
    for value in sorted(values.tolist(), key=abs, reverse=True):
        if abs(left - value) < abs(left):
            left -= value
    return abs(left)


def prototypes(folder: Path) -> dict[str, Entry]:
    """The fast throwaway solvers that showed what can be reached, where they are at hand."""
    if not (folder / "subset_sum_core.py").exists():
        return {}
    copies = tempfile.mkdtemp(prefix="prototypes-")  # numba writes its cache beside them
    for file in folder.glob("subset_sum_*.py"):
        shutil.copy(file, copies)
    sys.path.insert(0, copies)
    import numba

    numba.set_num_threads(1)
    core = import_module("subset_sum_core")
    filters = import_module("subset_sum_filter")
    quarters = import_module("subset_sum_schroeppel_shamir")

    def table(values: Integers, targets: Integers) -> tuple[Integers, bool]:
        return core.batch(values, targets, 1, 8, 1)[0], True

    def filtered(values: Integers, targets: Integers) -> tuple[Integers, bool]:
        n = values.shape[1]
        return filters.batch_f2(values, targets, n // 2 + 3, 1, 1.0)[0], True

    def hard(values: Integers, targets: Integers) -> tuple[Integers, bool]:
        answers = [quarters.solve(row, target) for row, target in zip(values, targets, strict=True)]
        return np.array([one[0] for one in answers]), all(one[2] or one[0] == 0 for one in answers)

    return {
        "prototype: table": Entry(table, 20),
        "prototype: filters": Entry(filtered, 36, smallest=12),
        "prototype: quarters": Entry(hard, 48, smallest=32, bits=55),
    }

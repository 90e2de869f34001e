"""Beam search on a tree: sums of groups are joined pair by pair, the best of each join kept.

The numbers are dealt to groups, each small enough that a list of ``width`` holds all its
sums. Two lists are joined into one by keeping, of all sums of a pair, the ``width`` nearest
to their share of the target; the last two are walked through as in a meet in the middle.
Each join narrows the sums by about the factor ``width``, so that 4 lists give about
3 log2(width) bits and 8 lists 4 log2(width), in a time that grows with ``width`` times the
number of lists. Numbers that no group takes are settled first, the largest first, so that
the groups are left with the middle of their range. The search is deterministic.

Beam search for random subset sums: C. Teuscher and E. Chen, arXiv 2605.04465; here the beam
goes up a tree as in D. Wagner, "A generalized birthday problem", CRYPTO 2002,
doi:10.1007/3-540-45708-9_19, rather than along the numbers, which reaches more bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from solvers.grid import Grid
from solvers.method import LARGEST_WIDTH, Answer, Interrupted, Method, Options
from solvers.methods import meet_in_the_middle
from solvers.solution import Certificate

DEFAULT_WIDTH = 1 << 16
_FIRST_WIDTH = 1 << 10
_GROWTH = 4
_SPARE_BITS = 4
_LOST_BITS = 8
_LOST_STEPS = 4

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class List:
    """Sums near a centre, ascending: of a group of numbers, or of two lists joined."""

    sums: Integers
    centre: int
    numbers: Integers
    parts: tuple[List, List] | None = None


def run(grid: Grid, options: Options) -> Answer:
    """Solve cell by cell; exact where two groups hold all numbers.

    Raises
    ------
    Interrupted
        On KeyboardInterrupt, with the best answers so far.
    """
    timed = options.get("time_limit") is not None
    width = options.get("width") or (LARGEST_WIDTH if timed else DEFAULT_WIDTH)
    cells, n = grid.values.shape
    size = group_size(width, grid.signed)
    if n <= 2 * size:
        return meet_in_the_middle.run(grid, {})
    mask = np.zeros((cells, n), dtype=np.int8)
    error = np.empty(cells)
    begun, done = np.zeros(cells, np.bool_), np.zeros(cells, np.bool_)
    try:
        for cell in range(cells):
            values, target = grid.values[cell], int(grid.targets[cell])
            trial = np.zeros(n, np.int8)
            for wide in _widths(width, options.get("time_limit")):
                found = _solve_cell(values, target, grid, wide, trial)
                if not begun[cell] or found < error[cell]:
                    mask[cell], error[cell], begun[cell] = trial, found, True
                if found == 0:
                    break
            done[cell] = True
    except KeyboardInterrupt:
        raise Interrupted(_answer(mask, error, begun), begun, done) from None
    return _answer(mask, error, begun)


def _answer(mask: NDArray[np.int8], error: NDArray[np.float64], begun: NDArray[np.bool_]) -> Answer:
    zero = begun & (error == 0)
    certificate = np.where(zero, Certificate.ZERO, Certificate.NONE).astype(np.uint8)
    return Answer(mask, np.zeros(len(mask)), certificate)


def _widths(widest: int, time_limit: float | None) -> Iterator[int]:
    """The width, or with a time limit wider and wider ones while the next may fit in it."""
    if time_limit is None:
        yield widest
        return
    start = time.perf_counter()
    width = min(_FIRST_WIDTH, widest)
    while True:
        before = time.perf_counter()
        yield width
        now = time.perf_counter()
        if width == widest or now - start + _GROWTH * (now - before) > time_limit:
            return
        width = min(_GROWTH * width, widest)


def group_size(width: int, signed: bool) -> int:
    """Numbers whose sums all fit a list."""
    size = 0
    while (3 if signed else 2) ** (size + 1) <= width:
        size += 1
    return size


class Plan(NamedTuple):
    """How many groups, numbers in each, and the bits that this promises of random numbers."""

    groups: int
    size: int
    bits: float


def plans(n: int, width: int, signed: bool, wanted: float) -> list[Plan]:
    """From the plan that promises most down to two groups, none that promises far too much.

    Joining two lists of 2**s sums narrows them by 2s bits less those of the list kept.
    """
    most, digit = group_size(width, signed), math.log2(3 if signed else 2)
    found: list[Plan] = []
    groups = 2
    while groups <= max(n, 2) and not (found and found[-1].bits >= wanted):
        numbers = min(n // groups, most)
        size, gained = digit * numbers, 0.0
        for _ in range(groups.bit_length() - 2):
            gained += max(2 * size - math.log2(width), 0.0)
            size = min(2 * size, math.log2(width))
        found.append(Plan(groups, numbers, gained + 2 * size))
        groups *= 2
    best = max(range(len(found)), key=lambda k: found[k].bits)
    return found[best::-1]


def _solve_cell(
    values: Integers, target: int, grid: Grid, width: int, mask: NDArray[np.int8]
) -> int:
    """Fill a mask and return its error magnitude on the grid.

    Numbers of very different magnitudes may keep less than the plan promises; then fewer
    groups are tried too.
    """
    least = int(np.iinfo(np.int64).max)
    trial = np.empty_like(mask)
    reach = float(np.abs(values).sum())
    useful = int(np.count_nonzero(values))
    for plan in plans(useful, width, grid.signed, grid.bits + _SPARE_BITS):
        error = _follow(plan, values, target, grid.signed, width, trial)
        if error < least:
            least = error
            mask[:] = trial
        if least <= max(math.ldexp(reach, _LOST_BITS - math.floor(plan.bits)), _LOST_STEPS):
            break
    return least


def _follow(
    plan: Plan, values: Integers, target: int, signed: bool, width: int, mask: NDArray[np.int8]
) -> int:
    from solvers.kernels import beam, windows

    used = plan.groups * plan.size
    order = np.empty(len(values), np.int64)
    ranked = np.argsort(np.abs(values), kind="stable")
    windows.window_first(values, ranked, used, order)
    mask[:] = 0
    goal = target - beam.settle(values, target, signed, order, used, mask)
    left, right = _lists(values, goal, signed, order[:used], plan.groups, width)
    error, i, j = beam.closest(left.sums, right.sums, goal)
    _trace(left, int(left.sums[i]), values, signed, mask)
    _trace(right, int(right.sums[j]), values, signed, mask)
    return error


def _lists(
    values: Integers, goal: int, signed: bool, numbers: Integers, groups: int, width: int
) -> list[List]:
    """The last two lists of the tree."""
    from solvers.kernels import beam

    parts = [numbers[first::groups] for first in range(groups)]
    middles = [0.0 if signed else values[part].sum() / 2 for part in parts]
    ranges = [float(np.abs(values[part]).sum()) for part in parts]
    most = 1.0 if signed else 0.5
    shift = min(max((goal - sum(middles)) / max(sum(ranges), 1.0), -most), most)
    lists = [
        List(_all_sums(values[part], signed), round(middle + shift * span), part)
        for part, middle, span in zip(parts, middles, ranges, strict=True)
    ]
    while len(lists) > 2:
        lists = [
            List(
                beam.join(a.sums, b.sums, a.centre + b.centre, width),
                a.centre + b.centre,
                np.concatenate([a.numbers, b.numbers]),
                (a, b),
            )
            for a, b in zip(lists[::2], lists[1::2], strict=True)
        ]
    return lists


def _all_sums(values: Integers, signed: bool) -> Integers:
    from solvers.kernels import merge

    size = (3 if signed else 2) ** len(values)
    space = [(np.empty(size, np.int64), np.empty(size, np.int32)) for _ in range(2)]
    sums, _, _, _, length = merge.sorted_sums(values, signed, *space[0], *space[1])
    return sums[:length]


def _trace(node: List, total: int, values: Integers, signed: bool, mask: NDArray[np.int8]) -> None:
    """Find the numbers that make a sum, from the lists that were joined."""
    from solvers.kernels import beam, merge

    if node.parts is not None:
        a, b = node.parts
        _, i, j = beam.closest(a.sums, b.sums, total)
        _trace(a, int(a.sums[i]), values, signed, mask)
        _trace(b, int(b.sums[j]), values, signed, mask)
        return
    numbers = values[node.numbers]
    digits = np.empty(len(numbers), np.int8)
    sums, keys = merge.workspace(len(numbers), signed)
    _, key = merge.solve_one(numbers, total, signed, len(numbers), sums, keys)
    merge.write_mask(key, signed, digits)
    mask[node.numbers] = digits


METHOD = Method(
    "beam",
    run,
    options=("width", "time_limit"),
    limits=False,
    cells_a_call=lambda n, signed: 16,
)

"""Exact search of single hard instances in little memory, with the best so far at any time.

Where both halves have few distinct sums, these are met in the middle. Else the sums of one
half are searched interval by interval, those first that meet most sums of the other half;
each half is put together from two quarters, so that time grows with 2**(n/2) and memory
with 2**(n/4). A complete search follows the tie rule of `solvers.methods.meet_in_the_middle`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from solvers.grid import Grid
from solvers.method import Answer, Interrupted, Method, Options
from solvers.methods import random_window
from solvers.solution import Certificate

if TYPE_CHECKING:
    from solvers.kernels.quarters import Half

Integers = NDArray[np.int64]
Best = tuple[int, int, int]
"""Error in grid steps, key of the low half, key of the high half."""

_MOST_STORED = 1 << 20
"""Distinct sums of a half that are met in the middle."""

_PAIRS = 1 << 17
"""Pairs of the quarters of a half in an interval, about; there is room for twice as many."""

_INTERVALS_A_REPORT = 64

_START: Options = {"tries": 32, "window": 24}
"""Options of the random windows that give the first answer."""


@dataclass(frozen=True, eq=False)
class Found:
    """The best choice so far of one cell.

    Parameters
    ----------
    mask : ndarray of int8, (n,)
        Coefficients.
    error : int
        Error magnitude in grid steps.
    share : float
        Share of the sums of one half that were searched.
    certificate : Certificate
        What proves the choice best.
    """

    mask: NDArray[np.int8]
    error: int
    share: float
    certificate: Certificate


def run(grid: Grid, options: Options) -> Answer:
    """Search each cell to the end, or for ``time_limit`` [s].

    ``seed`` draws the first answer alone: it changes nothing where the search is complete.

    Raises
    ------
    Interrupted
        On KeyboardInterrupt, from ``progress`` too; with the best answers so far.
    """
    cells, n = grid.values.shape
    limit = options.get("time_limit")
    progress = options.get("progress")
    answer = Answer(
        np.zeros((cells, n), np.int8), np.zeros(cells), np.full(cells, Certificate.NONE, np.uint8)
    )
    begun, done = np.zeros(cells, np.bool_), np.zeros(cells, np.bool_)
    try:
        for cell in range(cells):
            start = time.perf_counter()
            one = grid.part(np.arange(cells) == cell)
            for step, found in enumerate(search(one, options.get("seed") or 0)):
                answer.mask[cell] = found.mask
                answer.bound[cell] = found.error if found.share == 1 else 0
                answer.certificate[cell] = found.certificate
                begun[cell] = True
                if progress and (found.share == 1 or step % _INTERVALS_A_REPORT == 0):
                    progress(found.share, found.error)
                if limit and time.perf_counter() - start > limit:
                    break
            done[cell] = True
    except KeyboardInterrupt:
        raise Interrupted(answer, begun, done) from None
    return answer


def search(grid: Grid, seed: int) -> Iterator[Found]:
    """Better and better choices for a grid of one cell; the last one is proven best."""
    from solvers.kernels import merge, quarters

    values, target, signed = grid.values[0], int(grid.targets[0]), grid.signed
    n, middle = values.size, values.size // 2
    low, high = values[:middle], values[middle:]
    best = merge.LARGEST, 0, 0
    if (3 if signed else 2) ** high.size > _MOST_STORED:
        mask = random_window.run(grid, {**_START, "seed": seed}).mask[0]
        error = abs(int(mask @ values) - target)
        best = error, _key(mask[:middle], signed), _key(mask[middle:], signed)
        yield _found(best, n, signed, 0.0, Certificate.NONE)
    low_sums = _distinct_sums(low, 1, signed, _MOST_STORED)
    high_sums = _distinct_sums(high, 1, signed, _MOST_STORED)
    if len(low_sums[0]) and len(high_sums[0]):
        best = quarters.closest_pair(*low_sums, *high_sums, target, best)
        yield _found(best, n, signed, 1.0, Certificate.EXHAUSTIVE)
        return
    del low_sums, high_sums
    sweep = _sweep(_quarters(low, signed), _quarters(high, signed), target, best)
    for best, share in sweep:
        proof = Certificate.FILTER if share == 1 else Certificate.NONE
        yield _found(best, n, signed, share, proof)


def _distinct_sums(
    values: Integers, place: int, signed: bool, most: int
) -> tuple[Integers, Integers]:
    """All distinct sums and their smallest keys; none where there may be too many."""
    from solvers.kernels import quarters

    size = min(most, (3 if signed else 2) ** values.size)
    sums, keys = np.empty((2, size), np.int64), np.empty((2, size), np.int64)
    row, found = quarters.distinct_sums(values, place, signed, sums, keys)
    return sums[row, :found], keys[row, :found]


def _quarters(values: Integers, signed: bool) -> Half:
    base = 3 if signed else 2
    size = values.size // 2
    first = _distinct_sums(values[:size], 1, signed, base**size)
    second = _distinct_sums(values[size:], base**size, signed, base ** (values.size - size))
    return *first, *second


def _key(coefficients: NDArray[np.int8], signed: bool) -> int:
    """Numbers enabled and mask of a half, as `solvers.kernels.quarters` packs them."""
    from solvers.kernels import quarters

    base = 3 if signed else 2
    mask: int = sum(int(one) % 3 * base**k for k, one in enumerate(coefficients))
    return mask + (int(np.count_nonzero(coefficients)) << quarters.DIGITS)


def _found(best: Best, n: int, signed: bool, share: float, proof: Certificate) -> Found:
    from solvers.kernels import quarters

    error, *keys = best
    base = 3 if signed else 2
    digits = [
        (key & quarters.MASK) // base**k % base
        for key, size in zip(keys, (n // 2, n - n // 2), strict=True)
        for k in range(size)
    ]
    if error == 0 and not proof:
        proof = Certificate.ZERO
    mask = np.array([-1 if digit == 2 else digit for digit in digits], np.int8)
    return Found(mask, error, share, proof)


@dataclass(frozen=True, eq=False)
class _Plan:
    """Which sums of which half are to be searched.

    Those of the first half from low to high, in all ``pairs`` of its quarters: the ones
    that meet the range of the second half, and the one next to these on either side.
    """

    first: Half
    second: Half
    low: int
    high: int
    pairs: int

    @classmethod
    def of(cls, first: Half, second: Half, target: int) -> _Plan:
        from solvers.kernels import quarters

        none = np.empty(0, np.int64)
        low = target - int(second[0][-1] + second[2][-1])
        high = target - int(second[0][0] + second[2][0])
        _, below, below_key, above, above_key = quarters.pairs_between(first, low, high, none, none)
        low = low if below_key == quarters.ABSENT else below
        high = high if above_key == quarters.ABSENT else above
        pairs, *_ = quarters.pairs_between(first, low, high, none, none)
        return cls(first, second, low, high, pairs)

    def centre(self, target: int) -> int:
        """Where both halves have most sums, were they normally distributed."""
        means, variances = [], []
        for half in (self.first, self.second):
            quarters = np.asarray(half[0], float), np.asarray(half[2], float)
            means.append(sum(quarter.mean() for quarter in quarters))
            variances.append(sum(quarter.var() for quarter in quarters))
        share = variances[0] / max(sum(variances), 1.0)
        middle = means[0] + share * (target - sum(means))
        return min(max(int(middle), self.low), self.high)


def _sweep(
    low_half: Half, high_half: Half, target: int, best: Best
) -> Iterator[tuple[Best, float]]:
    """The best so far after each interval, and the share of the search that is done.

    Intervals grow from the centre to both sides, the side first whose next one is narrower;
    their widths follow the number of pairs that the last ones held.
    """
    from solvers.kernels import quarters

    plan = _Plan.of(low_half, high_half, target)
    other = _Plan.of(high_half, low_half, target)
    if swapped := other.pairs < plan.pairs:
        plan = other
    room = max(2 * _PAIRS, *(quarter.size for quarter in low_half + high_half))
    sums, keys = np.empty((2, room + 2), np.int64), np.empty((2, room + 2), np.int64)
    marks = np.empty(quarters.MARKS, np.uint8)
    ends = [plan.centre(target)] * 2  # searched: from the first up to the second, exclusive
    widths = [plan.high - plan.low + 1] * 2
    done = 0
    while done < plan.pairs:
        up = ends[0] <= plan.low or (ends[1] <= plan.high and widths[1] <= widths[0])
        if up:
            low, high = ends[1], min(ends[1] + widths[1] - 1, plan.high)
        else:
            low, high = max(ends[0] - widths[0], plan.low), ends[0] - 1
        first, second, *left = quarters.search_interval(
            plan.first, plan.second, target, low, high, best[0], sums, keys, marks
        )
        width, fewest, most = high - low + 1, *sorted((first, second))
        if fewest and most > room:
            wanted = max(width * _PAIRS // most, width // (2 * fewest))
            widths[up] = max(1, min(width // 2, wanted))
            continue
        ends[up] = high + 1 if up else low
        widths[up] = 1 + min(4 * width, width * _PAIRS // most if fewest else 4 * width)
        done += first
        if min(left) > 0:
            lists = [
                quarters.sorted_distinct(sums[row, :size], keys[row, :size])
                for row, size in enumerate(left)
            ]
            if swapped:
                lists.reverse()
            best = quarters.closest_pair(*lists[0], *lists[1], target, best)
        yield best, done / plan.pairs


METHOD = Method(
    "schroeppel-shamir",
    run,
    options=("seed", "time_limit", "progress"),
    most=64,
    most_signed=40,
    limits=False,
)

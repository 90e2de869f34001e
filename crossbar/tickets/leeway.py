"""How many random numbers stay where a sum need not be the closest one.

A. Pensia et al. (arXiv 2006.07990) kept 9.39 of 21 numbers a weight, solving each weight as a
mixed-integer program with Gurobi; the closest subset of the same numbers keeps more. A solver of
such programs stops within tolerances: with Gurobi's defaults a constraint may be off by 1e-6 and
an integer by 1e-5, so it may return any subset that is close enough. How few numbers that can
leave is found here, by counting all subsets; which one a solver prefers is its own choice, so this
says what tolerances can explain and not that they do.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossbar.errors import InputError
from crossbar.tables import WholeRow

Floats = NDArray[np.float64]

SOLVER_TOLERANCES = (0.0, 1e-6, 1e-5, 1e-2)
"""None, of a constraint, of an integer, and the eps = 0.01 that they ask for."""

MOST_ROWS = 500
"""Rows of the first layer of their network, each with numbers of its own."""

_N, _SEED = 21, 1
_LEAST_MARGIN = 1e-3

_LOW, _HIGH = -0.46423155069351196, 0.5407021641731262
_PRINTED = (
    *(0.0031, 0.0005, 0.0012, 0.0022, 0.0014, 0.0019, -0.0011, -0.0007, -0.0014),
    *(0.0007, 0.0010, -0.0003, 0.0024, -0.0005, -0.0023, -0.0008, 0.0007, -0.0023),
    *(0.0029, -0.0009, -0.0019, 0.0015, -0.0016, 0.0019, 0.0043, 0.0014, 0.0009),
    *(0.0017, 0.0004, 0.0049, 0.0032, -0.0013, -0.0005, 0.0038, 0.0018, 0.0029),
)


@dataclass(frozen=True)
class LeewayRow(WholeRow):
    """Numbers that stay within one tolerance.

    Parameters
    ----------
    tolerance : float
        Error up to which the subset with the fewest numbers is taken; where no subset is
        within it, and for 0, the closest one.
    sets, weights : int
        Sets of random numbers; weights for which a subset was chosen, over all sets.
    kept_per_weight : float
        Mean of the numbers that stay.
    worst_error : float
        Largest error of a weight.
    seconds : float
        Wall time of all tolerances [s].
    """

    tolerance: float
    sets: int
    weights: int
    kept_per_weight: float
    worst_error: float
    seconds: float

    @property
    def key(self) -> tuple[float]:
        """What names the row."""
        return (self.tolerance,)


def published_draws(rows: int = MOST_ROWS) -> Floats:
    """The random numbers of the first rows of weights, as they drew them, (rows, 21).

    Their script seeds numpy with 1 and draws 21 numbers for each row, uniform in the range of
    the network's weights, which the published log of the run tells
    (github.com/acnagle/optimal-lottery-tickets, subset-sum).
    """
    draws = np.random.RandomState(_SEED).uniform(_LOW, _HIGH, (MOST_ROWS, _N))
    return np.asarray(draws[:rows])


def published_weights() -> Floats:
    """The weights of their first layer that the log shows: 36, all small, (36,)."""
    return np.array(_PRINTED)


def fewest_within(values: Floats, targets: Floats, tolerances: Sequence[float]) -> Floats:
    """Size and error of the smallest subset within each tolerance.

    Parameters
    ----------
    values : ndarray, (n,)
        All of their 2^n sums are made, so n is at most some 24.
    targets : ndarray, (targets,)
    tolerances : sequence of float

    Returns
    -------
    ndarray, (tolerances, targets, 2)
        How many numbers, and how far their sum is from the target.
    """
    sums, sizes = _near(values, targets, max(*tolerances, _LEAST_MARGIN))
    rounding = 2 * float(
        np.spacing(max(np.abs(sums).max(), np.abs(targets).max()))
    )  # of an interval's ends
    found = np.empty((len(tolerances), len(targets), 2))
    for number, target in enumerate(targets):
        closest = float(np.abs(sums - target).min())
        for line, tolerance in enumerate(tolerances):
            limit = max(tolerance, closest) + rounding
            low = int(np.searchsorted(sums, target - limit))
            high = int(np.searchsorted(sums, target + limit, "right"))
            best = low + int(np.argmin(sizes[low:high]))
            found[line, number] = sizes[best], abs(sums[best] - target)
    return found


def leeway_rows(
    tolerances: Sequence[float] = SOLVER_TOLERANCES,
    *,
    rows: int = MOST_ROWS,
    skip: Collection[tuple[Hashable, ...]] = (),
) -> Iterator[LeewayRow]:
    """Numbers that stay of those that A. Pensia et al. drew, within each tolerance.

    Parameters
    ----------
    tolerances : sequence of float
        From 0 on.
    rows : int
        How many of their 500 sets of numbers to look at, for 36 weights each.
    skip : collection of keys
        Rows that are left out.

    Raises
    ------
    InputError
        For a tolerance that is negative or not finite, or no set.
    """
    for tolerance in tolerances:
        if not 0 <= tolerance < math.inf:
            raise InputError(f"tolerances: {tolerance} is none; give finite numbers from 0 on")
    if not 1 <= rows <= MOST_ROWS:
        raise InputError(f"rows = {rows}: give a whole number from 1 to {MOST_ROWS}")
    wanted = [one for one in tolerances if (one,) not in skip]
    if not wanted:
        return
    begun = time.perf_counter()
    weights = published_weights()
    found = np.stack([fewest_within(one, weights, wanted) for one in published_draws(rows)], axis=1)
    seconds = time.perf_counter() - begun
    for tolerance, (sizes, errors) in zip(wanted, np.moveaxis(found, -1, 1), strict=True):
        yield LeewayRow(
            tolerance=tolerance,
            sets=rows,
            weights=sizes.size,
            kept_per_weight=float(sizes.mean()),
            worst_error=float(errors.max()),
            seconds=seconds,
        )


def _near(values: Floats, targets: Floats, margin: float) -> tuple[Floats, NDArray[np.int8]]:
    """Sums within a margin of the targets, in order, and how many numbers each has.

    The margin grows until each target has a sum within it, so the closest one is among them.
    """
    sums, sizes = np.zeros(1), np.zeros(1, np.int8)
    for value in values:
        sums = np.concatenate([sums, sums + value])
        sizes = np.concatenate([sizes, sizes + np.int8(1)])
    while True:
        near = (sums >= targets.min() - margin) & (sums <= targets.max() + margin)
        order = np.argsort(sums[near], kind="stable")
        some = sums[near][order]
        if some.size and all(float(np.abs(some - one).min()) <= margin for one in targets):
            return some, sizes[near][order]
        margin *= 2

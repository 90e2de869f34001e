"""Bits of precision against the number of values: the worst target of each random set.

The figure "RSS in practice". Values uniform in (-1, 1) have a heavy tail: a set that drew too
few values of one sign does not reach all targets, however many values it has. With as many
of each sign the line is clean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from solvers.covering import MOST, covering_radius
from solvers.errors import InvalidInput
from solvers.method import checked_integer
from solvers.theory.sampling import Draw, Floats, blocks, checked_real, drawing, drawn

LOW, HIGH = -0.5, 0.5
"""The range of targets of the study, that of `solvers.theory.growth` too."""

FULL_SCALE = 1.0
"""What an error of 0 bits is: the width of that range, and the largest value of U(-1, 1)."""


def sample_bits(
    n: int,
    sets: int,
    *,
    seed: int = 0,
    distribution: str | Draw = "uniform",
    low: float = LOW,
    high: float = HIGH,
    full_scale: float = FULL_SCALE,
    workers: int = 1,
) -> Floats:
    """Sample the bits that a set promises: -log2(worst error over [low, high] / full scale).

    Parameters
    ----------
    n : int
        Values in a set, at most `MOST`.
    sets : int
        Independent sets.
    seed : int
        The same seed gives the same bits, on any number of workers.
    distribution : str or callable
        A name in `DISTRIBUTIONS`, or a function (rng, (sets, n)) -> values.
    low, high : float
        The range of targets.
    full_scale : float
        The error that counts 0 bits.
    workers : int
        Threads that share the sets.

    Returns
    -------
    ndarray, (sets,)
        inf where every target is met exactly.

    Raises
    ------
    InvalidInput
        As `covering_radius`, and for an unknown distribution.
    """
    n, sets = checked_integer("n", n, 0, MOST), checked_integer("sets", sets, 1)
    seed, draw = checked_integer("seed", seed, 0), drawing(distribution)
    scale = checked_real("full_scale", full_scale)
    if not 0 < scale < np.inf:
        raise InvalidInput(f"full_scale = {full_scale!r}: give a positive, finite number")
    radius = np.empty(sets)
    for block, rng in blocks(sets, n, seed):
        values = drawn(draw, rng, (block.stop - block.start, n))
        radius[block] = covering_radius(values, low, high, workers).radius
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log2(radius / scale))


@dataclass(frozen=True)
class BitsRow:
    """Bits of many random sets of one size.

    Parameters
    ----------
    distribution : str
        How the values were drawn.
    n : int
        Values in a set.
    sets : int
        Sets drawn.
    worst, one_percent, median : float
        The fewest bits of any set, and the quantiles over sets.
    """

    distribution: str
    n: int
    sets: int
    worst: float
    one_percent: float
    median: float


def bits_against_n(
    counts: Iterable[int],
    sets: int = 2500,
    *,
    seed: int = 0,
    distribution: str | Draw = "uniform",
    workers: int = 1,
) -> Iterator[BitsRow]:
    """Sample the bits of sets of growing size, one row for each n as soon as it is done.

    Targets in [-1/2, 1/2], full scale 1; the other arguments are those of `sample_bits`.
    """
    name = distribution if isinstance(distribution, str) else ""
    name = name or getattr(distribution, "__name__", "own")
    for n in counts:
        bits = sample_bits(n, sets, seed=seed, distribution=distribution, workers=workers)
        one_percent, median = np.quantile(bits, (0.01, 0.5)).tolist()
        yield BitsRow(name, int(n), sets, float(bits.min()), one_percent, median)


def bits_for_each_value(rows: Iterable[BitsRow]) -> float:
    """Slope of the median: the least-squares line through the rows, of one distribution."""
    table = list(rows)
    if len({row.n for row in table}) < 2:
        raise InvalidInput(f"rows holds {len(table)} sizes: a slope needs at least two")
    slope: float = np.polyfit([row.n for row in table], [row.median for row in table], 1)[0]
    return float(slope)

"""How often no subset comes close enough, and how large the smallest one is that does."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from solvers.api import solve_batch
from solvers.errors import InvalidInput
from solvers.method import checked_integer
from solvers.methods import meet_in_the_middle
from solvers.theory.sampling import Draw, Floats, blocks, checked_real, drawing, drawn

Integers = NDArray[np.int64]

FAILED = -1
"""Stands for the size where no subset comes close enough."""


@dataclass(frozen=True)
class Failure:
    """Estimates over independent trials, each with its standard error.

    Parameters
    ----------
    n, eps, trials :
        What was asked.
    probability : float
        Share of the trials in which no subset comes within eps of the target.
    probability_error : float
        Its standard error, sqrt(p (1 - p) / trials); 0 where none or all failed.
    mean_size : float
        Mean size of the smallest subset within eps, over the trials that have one; the
        empty one counts 0. NaN where all failed.
    mean_size_error : float
        Its standard error; NaN with fewer than two successes.
    """

    n: int
    eps: float
    trials: int
    probability: float
    probability_error: float
    mean_size: float
    mean_size_error: float


def failure_probability(
    n: int,
    eps: float,
    trials: int,
    *,
    seed: int = 0,
    distribution: str | Draw = "uniform",
    workers: int = 1,
) -> Failure:
    """Estimate the probability that no subset of n random values is within eps of a target.

    Targets are uniform in (-1, 1), whatever the values are.

    Parameters
    ----------
    n : int
        Values in each trial.
    eps : float
        Largest error, at least 0.
    trials : int
        Independent trials, each with fresh values and a fresh target.
    seed : int
        The same seed gives the same bits, on any number of workers.
    distribution : str or callable
        A name in `DISTRIBUTIONS`, or a function (rng, (trials, n)) -> values.
    workers : int
        Threads.

    Raises
    ------
    InvalidInput
        For an argument out of range or an unknown distribution.

    Notes
    -----
    R. Burkholz, "Convolutional and Residual Networks Provably Contain Lottery Tickets",
    ICML 2022, PMLR 162 (2414), publishes the script of her numbers as
    RelationalML/LT-existence. It draws targets the same way and tries the empty subset,
    then sizes 1, 2, ... up to n - 1, until one subset is within eps; here the full set
    counts too, which changes nothing at n = 15 (one subset of 32,768). For a failed trial
    the script records the size of the best subset; here the mean is over the successes.
    """
    n = checked_integer("n", n, 0, meet_in_the_middle.METHOD.most)
    trials = checked_integer("trials", trials, 1)
    threads, seed = checked_integer("workers", workers, 1), checked_integer("seed", seed, 0)
    width, draw = checked_eps(eps), drawing(distribution)
    sizes = np.empty(trials, np.int64)
    for block, rng in blocks(trials, n, seed):
        values = drawn(draw, rng, (block.stop - block.start, n))
        sizes[block] = smallest_sizes(values, rng.uniform(-1, 1, len(values)), width, threads)
    found = sizes[sizes != FAILED].astype(float)
    share = (trials - found.size) / trials
    return Failure(
        n=n,
        eps=width,
        trials=trials,
        probability=share,
        probability_error=math.sqrt(share * (1 - share) / trials),
        mean_size=float(found.mean()) if found.size else math.nan,
        mean_size_error=(
            float(found.std(ddof=1)) / math.sqrt(found.size) if found.size > 1 else math.nan
        ),
    )


def checked_eps(eps: object) -> float:
    """A finite error, at least 0.

    Raises
    ------
    InvalidInput
        When it is something else.
    """
    width = checked_real("eps", eps)
    if not 0 <= width < math.inf:
        raise InvalidInput(f"eps = {eps!r}: give a finite number, at least 0")
    return width


def smallest_sizes(values: Floats, targets: Floats, eps: float, workers: int = 1) -> Integers:
    """Find the fewest values whose sum is within eps of the target, exactly.

    Parameters
    ----------
    values : array_like, (cells, n)
    targets : array_like, (cells,)
    eps : float
    workers : int
        Threads.

    Returns
    -------
    ndarray of int64, (cells,)
        `FAILED` where no subset comes that close.

    Raises
    ------
    InvalidInput
        As `solvers.solve_batch`.
    """
    checked_eps(eps)
    best = solve_batch(values, targets, "meet-in-the-middle", workers=workers)
    table, wanted = best.problem.values, best.problem.targets
    left = np.flatnonzero(np.abs(best.error) <= eps)
    sizes = np.full(len(table), FAILED, dtype=np.int64)
    for size in range(table.shape[1] + 1):
        if not left.size:
            break
        limited = solve_batch(
            table[left], wanted[left], "meet-in-the-middle", at_most=size, workers=workers
        )
        hit = np.abs(limited.error) <= eps
        sizes[left[hit]] = size
        left = left[~hit]
    return sizes

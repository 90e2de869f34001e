"""The open problem: a network from a random one by dropping whole neurons.

The constructions of `crossbar.tickets.constructions` drop single weights, which saves little in
hardware. Dropping whole neurons leaves a smaller dense network, but one choice must then serve
all weights of a neuron at once: a subset sum of vectors. Proven is that n = O(d^3 log(1/eps)
(log(1/eps) + log d)) vectors suffice in d dimensions (L. Becchetti et al., "On the
multidimensional random subset sum problem", 2022, arXiv 2207.13944), and a polynomial bound for
structured pruning (A. da Cunha, F. d'Amore and E. Natale, NeurIPS 2023, arXiv 2311.09858).
Counting allows n = O(d log(1/eps)), see `first_moment`; whether so few suffice is not settled
there, nor how to find them among many. Here it is tried.
"""

from __future__ import annotations

import math
import numbers
import time
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

import solvers
from crossbar.errors import InputError
from crossbar.tables import WholeRow
from solvers.vector_methods import LARGEST

Floats = NDArray[np.float64]

KINDS = ("outputs", "inputs", "independent")
"""What the d numbers of a vector are, see `neuron_rows`."""


@dataclass(frozen=True, eq=False)
class NeuronTicket:
    """A random network y = V relu(U x), U from 0 on, of which whole neurons stay.

    Parameters
    ----------
    target : ndarray, (outputs, inputs)
        The matrix asked for.
    first, second : ndarray, (n, inputs) and (outputs, n)
        U, uniform in [0, 1), and V, uniform in [-1, 1).
    mask : ndarray of bool, (n,)
        Neurons that stay.
    method : str
        Which method of `solvers.solve_vectors` chose them.
    proven : bool
        Whether no other choice has a smaller error.
    seconds : float
        Wall time of choosing [s].
    """

    target: Floats
    first: Floats
    second: Floats
    mask: NDArray[np.bool_]
    method: str
    proven: bool
    seconds: float

    @property
    def matrix(self) -> Floats:
        """What the pruned network computes for inputs from 0 on, (outputs, inputs)."""
        return np.asarray(self.second[:, self.mask] @ self.first[self.mask])

    @property
    def error(self) -> float:
        """Largest error of an entry."""
        return float(np.abs(self.matrix - self.target).max())

    def run(self, inputs: ArrayLike) -> Floats:
        """Outputs (points, outputs) of the pruned network for inputs (points, inputs)."""
        hidden = np.maximum(np.asarray(inputs, np.float64) @ self.first[self.mask].T, 0)
        return np.asarray(hidden @ self.second[:, self.mask].T)


@dataclass(frozen=True)
class NeuronRow(WholeRow):
    """How close whole neurons came to targets of one size.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    d, n : int
        Numbers that one choice must serve; neurons to choose from.
    trials : int
        Independent networks and targets.
    method : str
        Of `solvers.solve_vectors`.
    proven : bool
        Whether all choices are best. Where they are not, a larger error may be the search's.
    median_error, worst_error : float
        Largest error of an entry: median and worst trial.
    expected : float
        Median of what counting expects of the best choice, see `first_moment`.
    kept : float
        Mean number of neurons that stay.
    seconds : float
        Mean wall time of a choice [s].
    """

    kind: str
    d: int
    n: int
    trials: int
    method: str
    proven: bool
    median_error: float
    worst_error: float
    expected: float
    kept: float
    seconds: float

    @property
    def key(self) -> tuple[str, int, int]:
        """What names the row."""
        return self.kind, self.d, self.n


def prune_neurons(
    target: ArrayLike,
    n: int,
    *,
    seed: int | np.random.SeedSequence = 0,
    tries: int | None = None,
) -> NeuronTicket:
    """Draw n random neurons and drop whole ones so that the rest compute a matrix.

    Neuron k adds the matrix V[:, k] U[k, :] for inputs from 0 on, since no weight of U is
    negative and its ReLU is always open. Of neurons with weights of either sign only a share
    of 2**-inputs is like this: those are what n counts. With one input that is half of them.

    Parameters
    ----------
    target : array_like, (outputs, inputs)
        The matrix.
    n : int
        Neurons; beyond 28 the choice is a search without proof.
    seed : int or numpy.random.SeedSequence
        Of network and search.
    tries : int, optional
        Of method ``random`` of `solvers.solve_vectors`, for more than 28 neurons.

    Raises
    ------
    InputError
        For a target that is no matrix, or no neuron.
    """
    wanted = np.asarray(target, np.float64)
    if wanted.ndim != 2 or not wanted.size or not np.isfinite(wanted).all():
        raise InputError(f"target has shape {wanted.shape}: give a finite matrix (outputs, inputs)")
    check_counts("n", [n])
    rng = np.random.default_rng(seed)
    first = rng.random((n, wanted.shape[1]))
    second = rng.uniform(-1, 1, (len(wanted), n))
    vectors = (second.T[:, :, None] * first[:, None, :]).reshape(n, -1)
    solution = choose_vectors(vectors, wanted.ravel(), tries)
    return NeuronTicket(
        target=wanted,
        first=first,
        second=second,
        mask=np.asarray(solution.mask, np.bool_),
        method=solution.method,
        proven=bool(solution.optimal),
        seconds=solution.seconds,
    )


def choose_vectors(vectors: Floats, target: Floats, tries: int | None) -> solvers.Solution:
    """`solvers.solve_vectors`: proven up to 28 vectors, else a search with so many tries."""
    if tries is None or len(vectors) <= LARGEST:
        return solvers.solve_vectors(vectors, target)
    return solvers.solve_vectors(vectors, target, "random", tries=tries)


def check_counts(name: str, counts: Sequence[int]) -> None:
    """Raise an InputError unless there are some counts, whole and at least 1."""
    whole = all(isinstance(n, numbers.Integral) and not isinstance(n, bool) for n in counts)
    if not whole or min(counts, default=0) < 1:
        given = counts[0] if len(counts) == 1 else list(counts)
        raise InputError(f"{name} = {given}: give whole numbers, at least 1")


def check_seed(seed: object) -> None:
    """Raise an InputError unless a seed is a whole number from 0 on."""
    whole = isinstance(seed, numbers.Integral) and not isinstance(seed, bool)
    if not whole or seed < 0:  # type: ignore[operator]
        raise InputError(f"seed = {seed!r}: give a whole number, at least 0")


def first_moment(vectors: Floats, target: Floats) -> float:
    """Error at which one subset is expected within it, were the sums a normal cloud.

    With 2^n sums of mean m and covariance C, (2^n) N(target; m, C) (2 e)^d = 1. NaN where
    there are fewer vectors than dimensions, infinite where that is beyond all floats. No
    proof, but no choice is likely to do better.
    """
    n, d = vectors.shape
    if n < d:
        return math.nan
    covariance = vectors.T @ vectors / 4
    away = target - vectors.sum(axis=0) / 2
    distance = float(away @ np.linalg.solve(covariance, away))
    log_det = float(np.linalg.slogdet(covariance)[1])
    log_density = -0.5 * (d * math.log(2 * math.pi) + log_det + distance)
    exponent = -(n * math.log(2) + log_density) / d
    return 0.5 * math.exp(exponent) if exponent < 700 else math.inf


def neuron_rows(
    dimensions: Sequence[int],
    counts: Sequence[int],
    *,
    kinds: Sequence[str] = KINDS,
    trials: int = 5,
    seed: int = 0,
    tries: int | None = None,
    skip: Collection[tuple[Hashable, ...]] = (),
) -> Iterator[NeuronRow]:
    """Try every dimension against every number of neurons.

    Parameters
    ----------
    dimensions, counts : sequence of int
        d and n. Up to n = 28 each choice is proven best.
    kinds : sequence of str
        ``outputs``: one input and d outputs, a neuron's weights to all of them at once.
        ``inputs``: d inputs and one output. ``independent``: vectors uniform in [-1, 1)^d, as
        in the theorems; no network.
    trials : int
        Networks for each; targets are uniform in [-1/2, 1/2].
    seed : int
        Each trial has a child of its own, whatever else is asked for.
    tries : int, optional
        As `prune_neurons`.
    skip : collection of keys
        Rows that are left out, and not computed.

    Raises
    ------
    InputError
        For an unknown kind, or a number that is not whole or below 1.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(f"kinds: {kind!r} is none of {', '.join(KINDS)}")
    for name, given in (("dimensions", dimensions), ("counts", counts), ("trials", [trials])):
        check_counts(name, given)
    check_seed(seed)
    for kind in kinds:
        for n in counts:
            for d in dimensions:
                if (kind, d, n) not in skip:
                    yield _row(kind, d, n, trials, seed, tries)


def largest_dimensions(rows: Iterable[NeuronRow], eps: float) -> dict[tuple[str, int], int]:
    """Largest d, by kind and n, up to which the median error is at most eps; 0 if none is."""
    table: dict[tuple[str, int], dict[int, float]] = {}
    for row in rows:
        table.setdefault((row.kind, row.n), {})[row.d] = row.median_error
    reached = {}
    for key, errors in table.items():
        reached[key] = 0
        for d in sorted(errors):
            if errors[d] > eps:
                break
            reached[key] = d
    return reached


def _row(kind: str, d: int, n: int, trials: int, seed: int, tries: int | None) -> NeuronRow:
    errors, expected, kept, seconds, proven, method = [], [], [], [], True, ""
    for trial in range(trials):
        child = np.random.SeedSequence(seed, spawn_key=(KINDS.index(kind), d, n, trial))
        begun = time.perf_counter()
        vectors, target = _drawn(kind, d, n, child)
        solution = choose_vectors(vectors, target, tries)
        seconds.append(time.perf_counter() - begun)
        errors.append(float(np.abs(solution.error).max()))
        expected.append(first_moment(vectors, target))
        kept.append(int(np.count_nonzero(solution.mask)))
        proven, method = proven and bool(solution.optimal), solution.method
    return NeuronRow(
        kind=kind,
        d=d,
        n=n,
        trials=trials,
        method=method,
        proven=proven,
        median_error=float(np.median(errors)),
        worst_error=max(errors),
        expected=float(np.median(expected)),
        kept=float(np.mean(kept)),
        seconds=float(np.mean(seconds)),
    )


def _drawn(kind: str, d: int, n: int, seed: np.random.SeedSequence) -> tuple[Floats, Floats]:
    """Vectors (n, d) of a kind and a target (d,)."""
    rng = np.random.default_rng(seed)
    target = rng.uniform(-0.5, 0.5, d)
    if kind == "independent":
        return rng.uniform(-1, 1, (n, d)), target
    inputs, outputs = (1, d) if kind == "outputs" else (d, 1)
    return rng.random((n, inputs)) * rng.uniform(-1, 1, (n, outputs)), target

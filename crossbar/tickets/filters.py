"""The open problem for convolutions: a target from a random one by dropping whole filters.

Two random convolutions V * relu(U * X), U of 1 x 1, as A. da Cunha, E. Natale and L. Viennot (ICLR
2022) build them; they drop single weights of both. Dropping whole filters of U, and with them
channels of V, leaves a smaller dense network, as A. da Cunha, F. d'Amore and E. Natale (NeurIPS
2023, arXiv 2311.09858) ask for: one choice then serves every weight of the target at once, a
subset sum of vectors in outputs x channels x height x width dimensions. Their theorem asks for
polynomially many filters. Here it is tried how many dimensions so many filters serve.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.errors import InputError
from crossbar.tickets.neurons import (
    Floats,
    NeuronRow,
    check_counts,
    check_seed,
    choose_vectors,
    first_moment,
)

if TYPE_CHECKING:
    from torch import nn

FILTERS = "filters"
"""The kind of these rows, beside `neurons.KINDS`."""

Shape = tuple[int, int, int]

SHAPES: tuple[Shape, ...] = (
    *((1, 1, 1), (1, 2, 1), (1, 1, 2), (1, 2, 2), (1, 1, 3), (2, 2, 2), (2, 1, 3), (1, 1, 5)),
)
"""Targets (outputs, channels, kernel): 1 to 25 weights; the last is a filter of LeNet-5."""

_PATCHES = 256


@dataclass(frozen=True, eq=False)
class FilterTicket:
    """A random network V * relu(U * X), U from 0 on, of which whole filters stay.

    Parameters
    ----------
    target : ndarray, (outputs, channels, height, width)
        The kernel asked for.
    first : ndarray, (n, channels)
        U, uniform in [0, 1): n filters of 1 x 1.
    second : ndarray, (outputs, n, height, width)
        V, uniform in [-1, 1).
    mask : ndarray of bool, (n,)
        Filters that stay.
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
    def kernel(self) -> Floats:
        """What the pruned network convolves inputs from 0 on with, as the target."""
        kept = self.second[:, self.mask], self.first[self.mask]
        return np.asarray(np.einsum("onhw,nc->ochw", *kept))

    @property
    def error(self) -> float:
        """Largest error of a weight."""
        return float(np.abs(self.kernel - self.target).max())

    def run(self, patches: ArrayLike) -> Floats:
        """Outputs (points, outputs) for patches (points, channels, height, width)."""
        given = np.asarray(patches, np.float64)
        hidden = np.maximum(np.einsum("pchw,nc->pnhw", given, self.first[self.mask]), 0)
        return np.asarray(np.einsum("pnhw,onhw->po", hidden, self.second[:, self.mask]))

    def network(self, padding: int = 0) -> nn.Sequential:
        """The pruned network in PyTorch: dense, with as many filters as stay.

        Raises
        ------
        InputError
            Where no filter stays, which is no network.
        """
        import torch
        from torch import nn

        kept = int(np.count_nonzero(self.mask))
        if not kept:
            raise InputError("mask: no filter stays, so there is no network; draw more filters")
        outputs, channels, *size = self.target.shape
        first = nn.Conv2d(channels, kept, 1, bias=False)
        second = nn.Conv2d(kept, outputs, (size[0], size[1]), padding=padding, bias=False)
        with torch.no_grad():
            first.weight.copy_(torch.from_numpy(self.first[self.mask][:, :, None, None]))
            second.weight.copy_(torch.from_numpy(self.second[:, self.mask]))
        return nn.Sequential(first, nn.ReLU(), second)


@dataclass(frozen=True)
class FilterRow(NeuronRow):
    """How close whole filters came to targets of one shape.

    Parameters
    ----------
    kind, d, n, trials, method, proven, median_error, worst_error, expected, kept, seconds
        As `neurons.NeuronRow`; d is the product of the next two and the kernel's square.
    outputs, channels, kernel : int
        Of the target; kernel x kernel weights for each pair of channels.
    output_error : float
        Largest error of an output for patches of pixels uniform in [0, 1): the median trial.
    """

    outputs: int
    channels: int
    kernel: int
    output_error: float


def prune_filters(
    target: ArrayLike,
    n: int,
    *,
    seed: int | np.random.SeedSequence = 0,
    tries: int | None = None,
) -> FilterTicket:
    """Draw two random convolutions and drop whole filters so that the rest are a target.

    Filter k of U and channel k of V add the kernel V[:, k] U[k, :] for inputs from 0 on, since no
    weight of U is negative and its ReLU is always open. Of filters with weights of either sign
    only a share of 2**-channels is like this: those are what n counts.

    Parameters
    ----------
    target : array_like, (outputs, channels, height, width)
        The kernel.
    n : int
        Filters; beyond 28 the choice is a search without proof.
    seed : int or numpy.random.SeedSequence
        Of the network.
    tries : int, optional
        Of method ``random`` of `solvers.solve_vectors`, for more than 28 filters.

    Raises
    ------
    InputError
        For a target that is no such kernel, or no filter.
    """
    wanted = np.asarray(target, np.float64)
    if wanted.ndim != 4 or not wanted.size or not np.isfinite(wanted).all():
        raise InputError(
            f"target has shape {wanted.shape}: give a finite kernel (outputs, channels, height, "
            "width)"
        )
    check_counts("n", [n])
    rng = np.random.default_rng(seed)
    first = rng.random((n, wanted.shape[1]))
    second = rng.uniform(-1, 1, (wanted.shape[0], n, *wanted.shape[2:]))
    begun = time.perf_counter()
    solution = choose_vectors(_vectors(first, second), wanted.ravel(), tries)
    return FilterTicket(
        target=wanted,
        first=first,
        second=second,
        mask=np.asarray(solution.mask, np.bool_),
        method=solution.method,
        proven=bool(solution.optimal),
        seconds=time.perf_counter() - begun,
    )


def filter_rows(
    shapes: Sequence[Shape] = SHAPES,
    counts: Sequence[int] = (8, 12, 16, 20),
    *,
    trials: int = 5,
    seed: int = 0,
    tries: int | None = None,
    skip: Collection[tuple[Hashable, ...]] = (),
) -> Iterator[FilterRow]:
    """Try every shape of target against every number of filters.

    Parameters
    ----------
    shapes : sequence of (outputs, channels, kernel)
        No two of the same number of weights.
    counts : sequence of int
        n. Up to 28 each choice is proven best.
    trials : int
        Networks for each; targets are uniform in [-1/2, 1/2].
    seed : int
        Each trial has a child of its own, whatever else is asked for.
    tries : int, optional
        As `prune_filters`.
    skip : collection of keys
        Rows that are left out, and not computed.

    Raises
    ------
    InputError
        For a number that is not whole or below 1, or shapes of the same number of weights.
    """
    for shape in shapes:
        check_counts("shapes", shape)
    sizes = [_size(shape) for shape in shapes]
    if len(set(sizes)) < len(sizes):
        raise InputError(f"shapes have {sizes} weights: give shapes of different numbers")
    check_counts("counts", counts)
    check_counts("trials", [trials])
    check_seed(seed)
    for n in counts:
        for shape, d in zip(shapes, sizes, strict=True):
            if (FILTERS, d, n) not in skip:
                yield _row(shape, n, trials, seed, tries)


def _row(shape: Shape, n: int, trials: int, seed: int, tries: int | None) -> FilterRow:
    outputs, channels, kernel = shape
    made, expected, outputs_off = [], [], []
    for trial in range(trials):
        child = np.random.SeedSequence(seed, spawn_key=(*shape, n, trial))
        targets, network, patches = child.spawn(3)
        size = (outputs, channels, kernel, kernel)
        target = np.random.default_rng(targets).uniform(-0.5, 0.5, size)
        ticket = prune_filters(target, n, seed=network, tries=tries)
        made.append(ticket)
        expected.append(first_moment(_vectors(ticket.first, ticket.second), target.ravel()))
        some = np.random.default_rng(patches).random((_PATCHES, *size[1:]))
        wanted = np.einsum("pchw,ochw->po", some, target)
        outputs_off.append(float(np.abs(ticket.run(some) - wanted).max()))
    return FilterRow(
        kind=FILTERS,
        d=_size(shape),
        n=n,
        trials=trials,
        method=made[-1].method,
        proven=all(one.proven for one in made),
        median_error=float(np.median([one.error for one in made])),
        worst_error=max(one.error for one in made),
        expected=float(np.median(expected)),
        kept=float(np.mean([np.count_nonzero(one.mask) for one in made])),
        seconds=float(np.mean([one.seconds for one in made])),
        outputs=outputs,
        channels=channels,
        kernel=kernel,
        output_error=float(np.median(outputs_off)),
    )


def _vectors(first: Floats, second: Floats) -> Floats:
    """What each filter adds to the kernel, (n, weights)."""
    return np.asarray(np.einsum("onhw,nc->nochw", second, first).reshape(len(first), -1))


def _size(shape: Shape) -> int:
    outputs, channels, kernel = shape
    return outputs * channels * kernel**2

"""The published experiments, repeated: what a ticket costs and what it is worth.

Both papers solved subset sums of plain uniform numbers, without the two random layers of their
own proofs; `plain_sums` does as they did, `crossbar.tickets.constructions` what they proved.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import solvers
from crossbar.errors import InputError
from crossbar.tickets.constructions import CONSTRUCTIONS, pensia
from crossbar.tickets.pairs import Approximated
from crossbar.tickets.ticket import Ticket, propagated_bound, relative_weight_error

PENSIA = {"accuracy_percent": 97.19, "kept_per_weight": 3_725_871 / 397_000, "seconds": 77_266.0}
"""A. Pensia et al.: 784-500-10 on MNIST, n = 21, Gurobi on 36 cores (arXiv 2006.07990)."""

DA_CUNHA = {5: 0.80, 10: 0.51, 15: 0.016, 20: 6.5e-4, 25: 6.9e-5, 30: 6.9e-6}
"""A. da Cunha et al., ICLR 2022: n to the largest relative error, LeNet-5's convolutions."""

DA_CUNHA_PERCENT = {"mnist": 98.99, "fashion-mnist": 89.12}
"""The same: test accuracy of the target networks."""

_IMAGES_AT_ONCE = 64
_IMAGES_COMPARED = 256


@dataclass(frozen=True, eq=False)
class PlainSums:
    """A network each of whose weights is a subset sum of plain random numbers.

    Parameters
    ----------
    target, network : torch.nn.Sequential
        As asked for, and with the sums in place of the weights.
    layers : tuple of Approximated
        The weights and the sums.
    n, kept : int
        Random numbers for each weight; those that are in a subset, over all weights.
    seconds : float
        Wall time of the subset sums [s].
    """

    target: nn.Sequential
    network: nn.Sequential
    layers: tuple[Approximated, ...]
    n: int
    kept: int
    seconds: float


@dataclass(frozen=True)
class TicketRow:
    """One line of a table of tickets.

    Parameters
    ----------
    name : str
        The construction.
    n : int
        Candidates for each weight (and sign of its input).
    weights : int
        Weights and biases of the target.
    random_per_weight : float
        Random numbers for each of these, before pruning.
    kept_per_weight : float
        Those that stay; of a ticket the products, as the papers count.
    network_kept_per_weight : float
        All weights of a ticket that stay, those of the first layers included.
    missed : int
        Weights whose error is more than ``eps``.
    weight_error, relative_weight_error : float
        Largest error of a weight; the same relative to the largest weight of its tensor.
    target_percent, percent : float
        Test accuracy of the target and of the pruned network.
    flips : int
        Test images whose label differs.
    error, bound : float
        Largest error of an output over some test images, in double precision; its bound.
    seconds : float
        Wall time of finding the masks [s].
    """

    name: str
    n: int
    weights: int
    random_per_weight: float
    kept_per_weight: float
    network_kept_per_weight: float
    missed: int
    weight_error: float
    relative_weight_error: float
    target_percent: float
    percent: float
    flips: int
    error: float
    bound: float
    seconds: float


@dataclass(frozen=True)
class WeightErrorRow:
    """Largest relative error of one draw.

    Parameters
    ----------
    name, n, seed : str, int, int
        The construction, its candidates, its draw.
    relative_weight_error : float
        Largest error of a weight, relative to the largest of its tensor.
    seconds : float
        Wall time of finding the masks [s].
    """

    name: str
    n: int
    seed: int
    relative_weight_error: float
    seconds: float


def plain_sums(
    target: nn.Sequential,
    n: int,
    *,
    low: float = -1.0,
    high: float = 1.0,
    seed: int = 0,
    shared: bool = False,
) -> PlainSums:
    """Replace each weight by the best subset sum of n numbers uniform in [low, high).

    Parameters
    ----------
    target : torch.nn.Sequential
        The Linear and Conv2d layers in it are replaced, biases included.
    n : int
        Numbers for each weight.
    low, high : float
        Their range.
    seed : int
        Of the numbers.
    shared : bool
        Whether all weights of a row share their n numbers, as in the script that A. Pensia et
        al. published; else each has its own.

    Raises
    ------
    InputError
        For an empty range.
    """
    if not low < high:
        raise InputError(f"low = {low}, high = {high}: give a range that is not empty")
    rng = np.random.default_rng(seed)
    network = copy.deepcopy(target)
    begun = time.perf_counter()
    layers, kept = [], 0
    for layer in network:
        if not isinstance(layer, (nn.Linear, nn.Conv2d)):
            continue
        wanted = _matrix(layer)
        for tensor in layer.parameters():
            matrix = tensor.detach().double().numpy().reshape(len(tensor), -1)
            sets = (len(matrix), 1 if shared else matrix.shape[1], n)
            values = np.broadcast_to(rng.uniform(low, high, sets), (*matrix.shape, n))
            solution = solvers.solve_batch(values.reshape(-1, n), matrix.ravel())
            kept += int(np.count_nonzero(solution.mask))
            with torch.no_grad():
                tensor.copy_(torch.from_numpy(solution.achieved.reshape(tensor.shape)))
        found = _matrix(layer)
        layers.append(Approximated(wanted, found, found, layer.bias is not None))
    return PlainSums(target, network, tuple(layers), n, kept, time.perf_counter() - begun)


def measure(
    name: str,
    made: Ticket | PlainSums,
    images: Tensor,
    labels: NDArray[np.int64],
    *,
    eps: float = 0.01,
    head: nn.Module | None = None,
) -> TicketRow:
    """Run a ticket and its target on test images and compare them.

    Parameters
    ----------
    name : str
        Of the row.
    made : Ticket or PlainSums
        What is measured.
    images : torch.Tensor, (images, ...)
        Inputs as the target takes them.
    labels : ndarray, (images,)
        Classes.
    eps : float
        Weights with a larger error are counted.
    head : torch.nn.Module, optional
        What follows both networks, for example the layers that were not replaced.
    """
    wanted = predictions(made.target, images, head)
    found = predictions(made.network, images, head)
    weights = sum(layer.wanted.size for layer in made.layers)
    missed = sum(int((layer.gap > eps).sum()) for layer in made.layers)
    if isinstance(made, Ticket):
        drawn, kept, whole = made.random_parameters, made.kept_products, made.kept_parameters
    else:
        drawn, kept, whole = made.n * weights, made.kept, made.kept
    some = images[:_IMAGES_COMPARED]
    return TicketRow(
        name=name,
        n=made.n,
        weights=weights,
        random_per_weight=drawn / weights,
        kept_per_weight=kept / weights,
        network_kept_per_weight=whole / weights,
        missed=missed,
        weight_error=max(float(layer.gap.max()) for layer in made.layers),
        relative_weight_error=relative_weight_error(made.layers),
        target_percent=100 * float((wanted == labels).mean()),
        percent=100 * float((found == labels).mean()),
        flips=int((wanted != found).sum()),
        error=_difference(made, some),
        bound=propagated_bound(made.layers, float(some.abs().max())),
        seconds=made.seconds,
    )


def predictions(
    network: nn.Module, images: Tensor, head: nn.Module | None = None
) -> NDArray[np.int64]:
    """Class of each image: the largest output."""
    whole = network if head is None else nn.Sequential(network, head)
    with torch.no_grad():
        parts = [whole(part).argmax(dim=1) for part in torch.split(images, _IMAGES_AT_ONCE)]
    return np.asarray(torch.cat(parts).numpy(), np.int64)


def pensia_experiment(
    target: nn.Sequential,
    images: Tensor,
    labels: NDArray[np.int64],
    *,
    n: int = 21,
    eps: float = 0.01,
    seed: int = 0,
) -> Iterator[TicketRow]:
    """Repeat the experiment of A. Pensia et al. on a trained network.

    Yields
    ------
    TicketRow
        Subset sums of numbers drawn as their script does, uniform in the range of the target's
        weights and the same for a row of weights; with numbers of its own for each weight; and
        the pruned two-layer structure that they proved, `constructions.pensia`.
    """
    every = torch.cat([one.detach().ravel() for one in target.parameters()])
    low, high = float(every.min()), float(every.max())
    for name, shared in (("their script", True), ("plain sums", False)):
        made = plain_sums(target, n, low=low, high=high, seed=seed, shared=shared)
        yield measure(name, made, images, labels, eps=eps)
    ticket = pensia(target, n, seed=seed, nonnegative=True)
    yield measure("pensia", ticket, images, labels, eps=eps)


def da_cunha_table(
    target: nn.Sequential,
    head: nn.Module,
    images: Tensor,
    labels: NDArray[np.int64],
    *,
    counts: Sequence[int] = tuple(DA_CUNHA),
    names: Sequence[str] = ("plain sums", "da_cunha"),
    seed: int = 0,
) -> Iterator[TicketRow]:
    """Repeat the table of A. da Cunha et al.: convolutions from n random numbers a weight.

    Parameters
    ----------
    target, head : torch.nn.Sequential, torch.nn.Module
        The layers to replace, and those that follow and stay.
    images, labels : torch.Tensor, ndarray
        Test images; pixels from 0 on.
    counts : sequence of int
        n.
    names : sequence of str
        ``plain sums``, as in their program, numbers uniform in [-1, 1); or constructions.
    seed : int
        Of the random numbers.

    Raises
    ------
    InputError
        For an unknown name.
    """
    _check_names(names)
    for name in names:
        for n in counts:
            made = _made(name, target, n, seed)
            yield measure(name, made, images, labels, head=head)


def weight_errors(
    target: nn.Sequential,
    *,
    counts: Sequence[int] = tuple(DA_CUNHA),
    names: Sequence[str] = ("plain sums", "malach", "orseau", "da_cunha"),
    seeds: Sequence[int] = range(10),
) -> Iterator[WeightErrorRow]:
    """Largest relative errors of the weights only, over several random networks.

    The largest of thousands of errors changes a lot from one draw to the next: a published
    number is one draw, and is to be compared with a range.

    Parameters
    ----------
    target : torch.nn.Sequential
        The layers to replace; their inputs from 0 on.
    counts, names : sequence
        As `da_cunha_table`. For inputs from 0 on ``pensia`` is the same as ``da_cunha``.
    seeds : sequence of int
        Of the random numbers.

    Raises
    ------
    InputError
        For an unknown name.
    """
    _check_names(names)
    for name in names:
        for n in counts:
            for seed in seeds:
                made = _made(name, target, n, seed)
                error = relative_weight_error(made.layers)
                yield WeightErrorRow(name, n, seed, error, made.seconds)


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if name != "plain sums" and name not in CONSTRUCTIONS:
            raise InputError(f"names: {name!r} is none of plain sums, {', '.join(CONSTRUCTIONS)}")


def _made(name: str, target: nn.Sequential, n: int, seed: int) -> Ticket | PlainSums:
    """A ticket for inputs from 0 on, or plain sums."""
    if name == "plain sums":
        return plain_sums(target, n, seed=seed)
    given = {} if name == "da_cunha" else {"nonnegative": True}
    return CONSTRUCTIONS[name](target, n, seed=seed, **given)


def _difference(made: Ticket | PlainSums, images: Tensor) -> float:
    if isinstance(made, Ticket):
        return made.error(images)
    target, network = (copy.deepcopy(one).double() for one in (made.target, made.network))
    with torch.no_grad():
        return float((target(images.double()) - network(images.double())).abs().max())


def _matrix(layer: nn.Linear | nn.Conv2d) -> NDArray[np.float64]:
    """Weights (outputs, inputs), the bias as the last column if there is one."""
    parts = [layer.weight] if layer.bias is None else [layer.weight, layer.bias]
    return np.hstack([one.detach().double().numpy().reshape(len(one), -1) for one in parts])

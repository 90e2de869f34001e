"""The published experiments, repeated: what a ticket costs and what it is worth.

Both papers solved subset sums of plain uniform numbers, without the two random layers of their
own proofs; `plain.plain_sums` does as they did, `crossbar.tickets.constructions` what they proved.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crossbar.errors import InputError
from crossbar.tables import WholeRow
from crossbar.tickets.constructions import CONSTRUCTIONS, pensia
from crossbar.tickets.plain import PlainSums, plain_sums
from crossbar.tickets.ticket import Ticket, propagated_bound, relative_weight_error, run

Key = tuple[Hashable, ...]

PENSIA = {"accuracy_percent": 97.19, "kept_per_weight": 3_725_871 / 397_000, "seconds": 77_266.0}
"""A. Pensia et al.: 784-500-10 on MNIST, n = 21, Gurobi on 36 cores (arXiv 2006.07990)."""

DA_CUNHA = {5: 0.80, 10: 0.51, 15: 0.016, 20: 6.5e-4, 25: 6.9e-5, 30: 6.9e-6}
"""A. da Cunha et al., ICLR 2022: n to the largest relative error, LeNet-5's convolutions."""

DA_CUNHA_PERCENT = {"mnist": 98.99, "fashion-mnist": 89.12}
"""The same: test accuracy of the target networks."""

_IMAGES_AT_ONCE = 64
_IMAGES_COMPARED = 256


@dataclass(frozen=True)
class TicketRow(WholeRow):
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
    missed, unreachable : int
        Weights whose error is more than ``eps``; those beyond all that their random numbers can
        make, which ask for another scale.
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
    unreachable: int
    weight_error: float
    relative_weight_error: float
    target_percent: float
    percent: float
    flips: int
    error: float
    bound: float
    seconds: float

    @property
    def key(self) -> tuple[str, int]:
        """What names the row."""
        return self.name, self.n


@dataclass(frozen=True)
class WeightErrorRow(WholeRow):
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

    @property
    def key(self) -> tuple[str, int, int]:
        """What names the row."""
        return self.name, self.n, self.seed


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
        unreachable=sum(layer.unreachable for layer in made.layers),
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
    classes = np.empty(len(images), np.int64)
    with torch.no_grad():
        for start in range(0, len(images), _IMAGES_AT_ONCE):
            outputs = run(network, images[start : start + _IMAGES_AT_ONCE])
            outputs = outputs if head is None else head(outputs)
            classes[start : start + _IMAGES_AT_ONCE] = outputs.argmax(dim=1).numpy()
    return classes


def pensia_experiment(
    target: nn.Sequential,
    images: Tensor,
    labels: NDArray[np.int64],
    *,
    n: int = 21,
    eps: float = 0.01,
    seed: int = 0,
    skip: Collection[Key] = (),
) -> Iterator[TicketRow]:
    """Repeat the experiment of A. Pensia et al. on a trained network.

    Rows whose key is in ``skip`` are left out, and not computed.

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
        if (name, n) in skip:
            continue
        made = plain_sums(target, n, low=low, high=high, seed=seed, shared=shared)
        yield measure(name, made, images, labels, eps=eps)
    if ("pensia", n) not in skip:
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
    skip: Collection[Key] = (),
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
    skip : collection of keys
        Rows that are left out, and not computed.

    Raises
    ------
    InputError
        For an unknown name.
    """
    _check_names(names)
    for name in names:
        for n in counts:
            if (name, n) in skip:
                continue
            made = _made(name, target, n, seed)
            yield measure(name, made, images, labels, head=head)


def weight_errors(
    target: nn.Sequential,
    *,
    counts: Sequence[int] = tuple(DA_CUNHA),
    names: Sequence[str] = ("plain sums", "malach", "orseau", "da_cunha"),
    seeds: Sequence[int] = range(10),
    skip: Collection[Key] = (),
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
    skip : collection of keys
        Rows that are left out, and not computed.

    Raises
    ------
    InputError
        For an unknown name.
    """
    _check_names(names)
    for name in names:
        for n in counts:
            for seed in seeds:
                if (name, n, seed) in skip:
                    continue
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
    found = run(made.target, images, double=True) - run(made.network, images, double=True)
    return float(found.abs().max())

"""Four proofs that a random network contains any smaller one, carried out.

Each function takes a target network, draws a random one of twice the depth that knows nothing of
the target but its shape, and prunes it. The target is a `torch.nn.Sequential`, for what comes
out is to be an ordinary network that runs, and a convolution is more than its matrix.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable

import numpy as np
from torch import nn

from crossbar.errors import InputError
from crossbar.tickets.checks import check_plain, check_weights, check_whole, is_number
from crossbar.tickets.choices import Choice, binary_decomposition, one_of_many, subset_sum
from crossbar.tickets.pairs import Affine, Draw, check_layer, hyperbolic, prune_pair, uniform
from crossbar.tickets.ticket import Ticket

SMALLEST_HYPERBOLIC = 2.0**-5
"""Of 2**-2 to 2**-8 the one with the smallest median error at n = 16, targets in (-1/2, 1/2)."""

_POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.Flatten, nn.Identity)
_KNOWN = (nn.Linear, nn.Conv2d, nn.ReLU, *_POOLS)


def malach(
    target: nn.Sequential,
    n: int,
    *,
    seed: int = 0,
    scale: float = 1.0,
    nonnegative: bool = False,
) -> Ticket:
    """One random product, out of n for each sign of its input, stands for each weight.

    E. Malach et al., "Proving the lottery ticket hypothesis: pruning is all you need", ICML
    2020, arXiv 2002.00585. Weights are uniform. The error of a weight falls as 1/n.

    Parameters
    ----------
    target : torch.nn.Sequential
        Linear and Conv2d, with or without biases; ReLU, pooling and Flatten between them.
    n : int
        Candidates for each target weight and sign of its input; the block of an input has
        twice as many hidden neurons.
    seed : int
        The same seed draws the same random network.
    scale : float
        Half-width of the distribution of the second layers; that of the first ones is 1. What
        n products cannot reach is missed, which `Ticket.weight_error` shows.
    nonnegative : bool
        Whether the network's inputs are never negative. Then, as after every ReLU, the neurons
        that only negative inputs reach are pruned.

    Raises
    ------
    InputError
        For a layer of another kind, one that computes by a method or a hook of its own, weights
        that are missing, infinite or no real floating-point numbers, or an argument out of range.
    """
    return _construct("malach", target, n, seed, scale, nonnegative, one_of_many, uniform)


def pensia(
    target: nn.Sequential,
    n: int,
    *,
    seed: int = 0,
    scale: float = 1.0,
    nonnegative: bool = False,
) -> Ticket:
    """The best subset of n random products, for each sign of its input, stands for each weight.

    A. Pensia et al., "Optimal lottery tickets via subset sum: logarithmic over-parameterization
    is sufficient", NeurIPS 2020, arXiv 2006.07990. Weights are uniform. The error of a weight
    falls exponentially with n. `solvers.solve_batch` proves each subset best.

    Parameters, Raises
        As `malach`.
    """
    return _construct("pensia", target, n, seed, scale, nonnegative, subset_sum, uniform)


def orseau(
    target: nn.Sequential,
    n: int,
    *,
    seed: int = 0,
    scale: float = 1.0,
    nonnegative: bool = False,
    smallest: float = SMALLEST_HYPERBOLIC,
) -> Ticket:
    """Digits of each weight, one random product each, out of n for each sign of its input.

    L. Orseau, M. Hutter and O. Rivasplata, "Logarithmic pruning is all you need", NeurIPS
    2020, arXiv 2006.12156. Magnitudes are hyperbolic, that is log-uniform; no subset sum is
    solved, so the choice costs next to nothing. The paper says how many to draw for an error
    that is given; here n is given and the error is what comes out.

    Parameters, Raises
        As `malach`, and

    smallest : float
        Magnitudes are log-uniform in [smallest, 1], times ``scale`` in the second layers.
    """
    if not is_number(smallest) or not 0 < smallest < 1:
        raise InputError(f"smallest = {smallest!r}: give a magnitude between 0 and 1")
    draw = hyperbolic(smallest)
    return _construct("orseau", target, n, seed, scale, nonnegative, binary_decomposition, draw)


def da_cunha(
    target: nn.Sequential,
    n: int,
    *,
    seed: int = 0,
    scale: float = 1.0,
) -> Ticket:
    """V * relu(U * X), where U is 1 x 1 and its negative entries are pruned, X never negative.

    A. da Cunha, E. Natale and L. Viennot, "Proving the lottery ticket hypothesis for
    convolutional neural networks", ICLR 2022. With c channels U has 2 n c filters (n c with
    positive entries) and V the kernel of the target. Weights are uniform.

    Parameters, Raises
        As `malach`; the inputs of the network must not be negative, as pixels.
    """
    return _construct("da_cunha", target, n, seed, scale, True, subset_sum, uniform)


CONSTRUCTIONS: dict[str, Callable[..., Ticket]] = {
    one.__name__: one for one in (malach, pensia, orseau, da_cunha)
}
"""The constructions by name."""


def _construct(
    name: str,
    target: nn.Sequential,
    n: int,
    seed: int,
    scale: float,
    nonnegative: bool,
    choose: Choice,
    draw: Draw,
) -> Ticket:
    _check(target, n, seed, scale)
    begun = time.perf_counter()
    random, pruned, layers = [], [], []
    signed = not nonnegative
    for position, layer in enumerate(target):
        if not isinstance(layer, Affine):
            signed = signed and not isinstance(layer, nn.ReLU)
            random.append(copy.deepcopy(layer))
            pruned.append(copy.deepcopy(layer))
            continue
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(position,)))
        first, second, approximated = prune_pair(
            layer, n, rng, draw=draw, choose=choose, scale=scale, signed=signed
        )
        random += [first[0], nn.ReLU(), first[1]]
        pruned += [second[0], nn.ReLU(), second[1]]
        layers.append(approximated)
        signed = True
    return Ticket(
        construction=name,
        n=n,
        seed=seed,
        target=target,
        random=nn.Sequential(*random),
        network=nn.Sequential(*pruned),
        layers=tuple(layers),
        nonnegative=nonnegative,
        seconds=time.perf_counter() - begun,
    )


def _check(target: nn.Sequential, n: object, seed: object, scale: float) -> None:
    if not isinstance(target, nn.Sequential):
        raise InputError(f"target is {type(target).__name__}: give a torch.nn.Sequential")
    check_whole("n", n, 1)
    check_whole("seed", seed, 0)
    if not is_number(scale) or not 0 < scale < math.inf:
        raise InputError(f"scale = {scale!r}: give a positive, finite number")
    check_plain("target", target, (nn.Sequential,))
    for position, layer in enumerate(target):
        if isinstance(layer, Affine):
            check_weights(f"target[{position}]", layer)
        check_plain(f"target[{position}]", layer, _KNOWN)
        if isinstance(layer, Affine):
            check_layer(layer)
        elif _grows(layer):
            raise InputError(
                f"target[{position}] is {layer}: give a pooling that returns the mean or the "
                "largest only, without divisor_override and return_indices"
            )
        elif not isinstance(layer, (nn.ReLU, *_POOLS)):
            raise InputError(
                f"target[{position}] is {type(layer).__name__}: give Linear, Conv2d, ReLU, "
                "MaxPool2d, AvgPool2d or Flatten; fold a normalisation into the layer before it"
            )
    if not any(isinstance(layer, Affine) for layer in target):
        raise InputError("target has no Linear or Conv2d: give a network with weights")


def _grows(layer: nn.Module) -> bool:
    """Whether a pooling may return more than its largest input, which the bounds rule out."""
    summed = isinstance(layer, nn.AvgPool2d) and layer.divisor_override is not None
    return summed or (isinstance(layer, nn.MaxPool2d) and layer.return_indices)

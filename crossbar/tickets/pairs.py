"""Two random layers for one layer of a target network, and how they are pruned to it.

A target layer y = W x + b becomes V relu(U x + c), U and c and V random. Each input of W owns a
block of 2 n hidden neurons, each of which keeps one weight of U, that from its input. So each
weight w of W meets n products u v with u > 0 and n with u < 0; the first stand for w where the
input is positive, the second where it is negative::

    v relu(u x) = (u v) x  where u x > 0, else 0

A bias is the weight of an input that is always one: its neurons keep their c and no weight. For
a convolution U is 1 x 1 and V has the target's kernel, stride and padding.

The signs of the kept weights of U alternate. Neurons of a block are exchangeable, so this is a
network with independent signs, given that n of 2 n came out positive in each block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils import prune

from crossbar.errors import InputError
from crossbar.tickets.choices import Choice, Floats, Mask, beyond_reach

Single = NDArray[np.float32]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Single]
Affine = nn.Linear | nn.Conv2d

_CELLS_AT_ONCE = 1 << 16


def uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> Single:
    """Numbers uniform in [-1, 1)."""
    return 2 * rng.random(shape, dtype=np.float32) - 1


def hyperbolic(smallest: float) -> Draw:
    """Numbers of either sign whose magnitude is log-uniform in [smallest, 1]."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...]) -> Single:
        magnitude = np.float32(smallest) ** rng.random(shape, dtype=np.float32)
        return np.where(rng.integers(0, 2, shape, np.int8) > 0, magnitude, -magnitude)

    return draw


@dataclass(frozen=True, eq=False)
class Approximated:
    """A target layer's weights and what stands for them; as matrices (outputs, inputs).

    A convolution's inputs are all weights of a filter. The last column is the bias where
    ``biased``.

    Parameters
    ----------
    wanted : ndarray
        The target's weights.
    positive, negative : ndarray
        Sums of the products that stand for them, for positive and for negative inputs; the
        same array twice where no input is negative.
    biased : bool
        Whether the last column is a bias.
    unreachable : int
        Weights beyond all that their random numbers can make, for an input of either sign; no
        choice comes close to them. Scale the random numbers up, or the weights down.
    """

    wanted: Floats
    positive: Floats
    negative: Floats
    biased: bool
    unreachable: int

    @property
    def gap(self) -> Floats:
        """Larger of both errors of each weight."""
        errors = np.abs(self.positive - self.wanted), np.abs(self.negative - self.wanted)
        return np.asarray(np.maximum(*errors))


def check_layer(layer: Affine) -> None:
    """Refuse a layer whose geometry the two random layers could not have.

    Raises
    ------
    InputError
        For grouped, dilated or unusually padded convolutions.
    """
    if not isinstance(layer, nn.Conv2d):
        return
    if layer.groups != 1 or layer.dilation != (1, 1) or layer.padding_mode != "zeros":
        raise InputError(
            f"layer {layer}: give a convolution with groups = 1, dilation = 1, padding of zeros"
        )
    if isinstance(layer.padding, str):
        raise InputError(f"layer {layer}: give its padding in pixels, not by name")
    wide = any(2 * p > k - 1 for p, k in zip(layer.padding, layer.kernel_size, strict=True))
    if wide and layer.bias is not None:
        raise InputError(
            f"layer {layer}: with a bias, give a padding of at most (kernel - 1) / 2 pixels"
        )


def prune_pair(
    layer: Affine,
    n: int,
    rng: np.random.Generator,
    *,
    draw: Draw,
    choose: Choice,
    scale: float,
    signed: bool,
) -> tuple[tuple[Affine, Affine], tuple[Affine, Affine], Approximated]:
    """Make two random layers and prune them to one target layer.

    Parameters
    ----------
    layer : torch.nn.Linear or torch.nn.Conv2d
        The target.
    n : int
        Candidates for each weight and sign of its input.
    rng : numpy.random.Generator
        Draws all random weights, whatever the target's are.
    draw, choose
        The distribution of the weights; which of them stay.
    scale : float
        Factor on the weights of the second layer.
    signed : bool
        Whether inputs may be negative; else the neurons with u < 0 are pruned.

    Returns
    -------
    pair of layers
        Random ones.
    pair of layers
        The same with masks (`torch.nn.utils.prune`); they share their weights.
    Approximated
        What became of the target's weights.
    """
    inputs, biased = layer.weight.shape[1], layer.bias is not None
    blocks = inputs + biased
    kernel = tuple(layer.weight.shape[2:])
    first = draw(rng, (blocks * 2 * n, inputs))
    constant = draw(rng, (blocks * 2 * n,)) if biased else None
    second = np.float32(scale) * draw(rng, (len(layer.weight), blocks * 2 * n, *kernel))
    factors = _alternate(first, constant, n)
    masks, approximated = _choose(layer, second, factors, choose, signed)
    used = np.asarray(masks.any(axis=(0, *range(2, masks.ndim))))
    first_masks = _first_masks(used, inputs, n)
    arrays = (first.reshape(len(first), inputs, *(1 for _ in kernel)), constant, second)
    random, pruned = _layers(layer, arrays), _layers(layer, arrays)
    pruned[0].weight, pruned[0].bias, pruned[1].weight = (
        random[0].weight,
        random[0].bias,
        random[1].weight,
    )
    _mask(pruned[0], "weight", first_masks[0])
    if biased:
        _mask(pruned[0], "bias", first_masks[1])
    _mask(pruned[1], "weight", masks)
    return random, pruned, approximated


def _alternate(first: Single, constant: Single | None, n: int) -> Single:
    """Give the weights that may stay alternating signs, in place; these, (blocks, 2 n)."""
    inputs = first.shape[1]
    rows = np.arange(inputs * 2 * n)
    kept = np.abs(first[rows, rows // (2 * n)])
    kept[1::2] *= -1
    first[rows, rows // (2 * n)] = kept
    factors: Single = kept.reshape(inputs, 2 * n)
    if constant is None:
        return factors
    last = np.abs(constant[inputs * 2 * n :])
    last[1::2] *= -1
    constant[inputs * 2 * n :] = last
    return np.vstack([factors, last])


def _choose(
    layer: Affine,
    second: Single,
    factors: Single,
    choose: Choice,
    signed: bool,
) -> tuple[Mask, Approximated]:
    """The mask of the second layer, and what it makes of the target's weights."""
    inputs = layer.weight.shape[1]
    outputs, _, *kernel = second.shape
    table = second.reshape(outputs, len(factors), -1, *kernel)
    masks = np.zeros(table.shape, np.bool_)
    weight = layer.weight.detach().double().cpu().numpy()
    masks[:, :inputs], parts, beyond = _stand_in(
        table[:, :inputs], factors[:inputs], weight, choose, signed
    )
    if layer.bias is not None:
        # Where the kernel's tap at its padding meets a pixel it always meets one of the image.
        tap = layer.padding if isinstance(layer, nn.Conv2d) else ()
        everywhere = slice(None)
        place: tuple[int | slice, ...] = (everywhere, slice(inputs, None), everywhere)
        place += tuple(map(int, tap))
        bias = layer.bias.detach().double().cpu().numpy()[:, None]
        masks[place], more, far = _stand_in(table[place], factors[inputs:], bias, choose, False)
        beyond += far
        parts = [np.hstack(both) for both in zip(parts, more, strict=True)]
    biased = layer.bias is not None
    wanted, positive, negative = parts
    approximated = Approximated(wanted, positive, negative, biased, beyond)
    return masks.reshape(second.shape), approximated


def _stand_in(
    table: Single, factors: Single, wanted: Floats, choose: Choice, signed: bool
) -> tuple[Mask, list[Floats], int]:
    """Choose among the products for some weights.

    Parameters
    ----------
    table : ndarray, (outputs, blocks, 2 n, ...)
        Weights of the second layer.
    factors : ndarray, (blocks, 2 n)
        Those of the first.
    wanted : ndarray, (outputs, blocks, ...)

    Returns
    -------
    ndarray of bool
        Shape of ``table``.
    list of ndarray, (outputs, weights)
        What was wanted, and the sums for positive and for negative inputs.
    int
        Weights beyond the reach of their products.
    """
    masks = np.zeros(table.shape, np.bool_)
    beyond = np.zeros(wanted.size, np.bool_)
    parts = [wanted.reshape(len(wanted), -1)]
    for start in (0, 1) if signed else (0,):
        candidates = np.moveaxis(table[:, :, start::2], 2, -1).astype(np.float64)
        some = factors[:, start::2].astype(np.float64)
        candidates *= np.expand_dims(some, tuple(range(1, wanted.ndim - 1)))
        cells = candidates.reshape(-1, candidates.shape[-1])
        chosen = _in_parts(choose, cells, wanted.ravel())
        beyond |= beyond_reach(cells, wanted.ravel(), choose)
        masks[:, :, start::2] = np.moveaxis(chosen.reshape(candidates.shape), -1, 2)
        parts.append(np.where(chosen, cells, 0).sum(axis=1).reshape(parts[0].shape))
    return masks, parts if signed else [*parts, parts[1]], int(np.count_nonzero(beyond))


def _in_parts(choose: Choice, candidates: Floats, targets: Floats) -> Mask:
    parts = range(0, len(targets), _CELLS_AT_ONCE)
    return np.concatenate(
        [choose(candidates[k : k + _CELLS_AT_ONCE], targets[k : k + _CELLS_AT_ONCE]) for k in parts]
    )


def _first_masks(used: Mask, inputs: int, n: int) -> tuple[Mask, Mask]:
    """Masks of the first layer's weights and biases: one for each neuron that is used."""
    rows = np.arange(inputs * 2 * n)
    weights = np.zeros((len(used), inputs), np.bool_)
    weights[rows, rows // (2 * n)] = used[rows]
    return weights, used & (np.arange(len(used)) >= rows.size)


def _layers(
    layer: Affine,
    arrays: tuple[Single, Single | None, Single],
) -> tuple[Affine, Affine]:
    """Two layers like the target that hold the arrays; none of them is trained."""
    first, constant, second = (
        None if one is None else torch.from_numpy(one).to(layer.weight.dtype) for one in arrays
    )
    assert first is not None
    assert second is not None
    kinds: tuple[Affine, Affine]
    hidden, biased = len(first), constant is not None
    with torch.device("meta"):
        if isinstance(layer, nn.Conv2d):
            geometry = {"stride": layer.stride, "padding": layer.padding}
            size = layer.kernel_size
            kinds = (
                nn.Conv2d(layer.in_channels, hidden, 1, bias=biased),
                nn.Conv2d(hidden, layer.out_channels, size, bias=False, **geometry),  # type: ignore[arg-type]
            )
        else:
            kinds = (
                nn.Linear(layer.in_features, hidden, bias=biased),
                nn.Linear(hidden, layer.out_features, bias=False),
            )
    kinds[0].weight = nn.Parameter(first, requires_grad=False)
    if constant is not None:
        kinds[0].bias = nn.Parameter(constant, requires_grad=False)
    kinds[1].weight = nn.Parameter(second, requires_grad=False)
    return kinds


def _mask(layer: Affine, name: str, mask: Mask) -> None:
    tensor = getattr(layer, name)
    tensor_mask = torch.from_numpy(mask).reshape(tensor.shape)
    prune.custom_from_mask(layer, name, tensor_mask)  # type: ignore[no-untyped-call]
    getattr(layer, f"{name}_orig").requires_grad_(False)
    setattr(layer, name, getattr(layer, name).detach())

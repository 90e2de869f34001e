"""What pruning is compared with: fewer bits a weight, and matrices of low rank."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from crossbar.errors import InputError
from crossbar.models.planning import OPAQUE
from crossbar.models.pruning import matrix_layers
from crossbar.models.structures import pair_like
from crossbar.pruning.counting import check_bits
from crossbar.pruning.pruned import Pruned, check_fraction, copied, weight_of

Per = Literal["layer", "channel"]


def quantize(model: nn.Module, bits: int, *, per: Per = "layer") -> Pruned:
    """Round weights to a symmetric grid of 2^bits - 1 values, without training.

    The largest magnitude of a layer, or of each of its outputs, is on the grid's end, and zero is
    on it (B. Jacob et al., arXiv 1712.05877, with no zero point).

    Parameters
    ----------
    model : torch.nn.Module
        Any; biases stay.
    bits : int
        Of a weight, sign included: 2 to 16.
    per : {"layer", "channel"}
        What shares a scale.

    Raises
    ------
    InputError
        For a value out of range, or a model that `copied` refuses.
    """
    check_bits(bits)
    if per not in get_args(Per):
        raise InputError(f"per = {per!r}: choose one of {', '.join(get_args(Per))}")
    rounded = copied(model)
    scales = 0
    for layer in matrix_layers(rounded).values():
        weight = weight_of(layer)
        rows = weight.reshape(1 if per == "layer" else len(weight), -1)
        scales += len(rows)
        step = rows.abs().amax(dim=1, keepdim=True) / (2 ** (bits - 1) - 1)
        step[step == 0] = 1
        weight.copy_((torch.round(rows / step) * step + 0.0).reshape(weight.shape))
    return Pruned(rounded, bits=bits, scales=scales)


def low_rank(
    model: nn.Module,
    keep: float | None = None,
    *,
    rank: int | Mapping[str, int] | None = None,
) -> Pruned:
    """Replace each layer by two whose product is the best approximation of its rank.

    A Linear layer becomes two; a convolution becomes one with fewer filters and one of 1 x 1. The
    singular values are shared evenly (C. Eckart, G. Young, doi:10.1007/BF02288367; for filters:
    E. Denton et al., arXiv 1404.0736). Where two layers would not hold fewer weights than one, the
    layer stays, and so do convolutions of several groups and layers inside modules that read
    their weights directly (`torch.nn.MultiheadAttention`, `torch.nn.TransformerEncoderLayer`).

    Parameters
    ----------
    model : torch.nn.Module
        Any.
    keep : float, optional
        Weights of the two layers relative to the one's, at most, all layers together; at least a
        rank of 1 each. Ranks grow where one more holds the largest share of its layer's squared
        weights for the weights that it takes.
    rank : int or mapping of str to int, optional
        In its place: the rank of all layers, or of the layers with these paths only.

    Raises
    ------
    InputError
        For a fraction out of range, both or neither given, a rank above that of a full matrix, or
        a layer that must stay named by its path.
    """
    if (keep is None) == (rank is None):
        raise InputError("keep, rank: give one of the two")
    factored = copied(model)
    ranks = _ranks(matrix_layers(factored), _fixed(factored), keep, rank)
    pairs = {
        matrix_layers(factored)[path]: _factors(matrix_layers(factored)[path], one)
        for path, one in ranks.items()
    }
    if factored in pairs:
        return Pruned(pairs[factored])
    for path, layer in list(factored.named_modules(remove_duplicate=False)):
        if layer in pairs:
            parent, _, name = path.rpartition(".")
            setattr(factored.get_submodule(parent), name, pairs[layer])
    return Pruned(factored)


def _fixed(model: nn.Module) -> dict[str, str]:
    """Layers that stay as they are, by path, and why."""
    read = {
        part: type(module).__name__
        for module in model.modules()
        if isinstance(module, OPAQUE)
        for part in module.modules()
    }
    fixed = {}
    for path, layer in matrix_layers(model).items():
        if isinstance(layer, nn.Conv2d) and layer.groups > 1:
            fixed[path] = "has several groups"
        elif layer in read:
            fixed[path] = f"is read directly by {read[layer]}"
    return fixed


def _ranks(
    layers: Mapping[str, nn.Module],
    fixed: Mapping[str, str],
    keep: float | None,
    rank: int | Mapping[str, int] | None,
) -> dict[str, int]:
    """Rank of each layer that becomes two."""
    shapes = {
        path: tuple(weight_of(layer).flatten(1).shape)
        for path, layer in layers.items()
        if path not in fixed
    }
    if keep is not None:
        ranks = _ranks_for(keep, {path: weight_of(layers[path]).flatten(1) for path in shapes})
    elif isinstance(rank, Mapping):
        if unknown := rank.keys() - layers.keys():
            raise InputError(f"rank = {sorted(unknown)}: the layers are {', '.join(layers)}")
        for path in sorted(rank.keys() & fixed.keys()):
            raise InputError(f"rank: layer {path!r} {fixed[path]}; leave it out")
        ranks = dict(rank)
    else:
        assert rank is not None
        ranks = dict.fromkeys(shapes, rank)
    for path, one in ranks.items():
        _check_rank(path, one, shapes[path])
    return {
        path: one for path, one in ranks.items() if one * sum(shapes[path]) < prod(shapes[path])
    }


def _ranks_for(keep: float, weights: Mapping[str, Tensor]) -> dict[str, int]:
    """Ranks that share a fraction of the weights among the layers."""
    check_fraction("keep", keep)
    gains = []
    for path, weight in weights.items():
        squares = torch.linalg.svdvals(weight.double()) ** 2
        share = squares / squares.sum().clamp(min=torch.finfo(squares.dtype).tiny)
        gains += [(-float(one) / sum(weight.shape), path) for one in share[1:]]
    ranks = dict.fromkeys(weights, 1)
    room = keep * sum(weight.numel() for weight in weights.values())
    room -= sum(_taken(weight, 1) for weight in weights.values())
    full: set[str] = set()
    for _, path in sorted(gains, key=lambda gain: gain[0]):
        weight = weights[path]
        more = _taken(weight, ranks[path] + 1) - _taken(weight, ranks[path])
        if path in full or more > room:
            full.add(path)
            continue
        ranks[path] += 1
        room -= more
    return ranks


def _taken(weight: Tensor, rank: int) -> int:
    """Weights of a layer of a rank: of two matrices, or of one where that is less."""
    return min(rank * sum(weight.shape), weight.numel())


def _check_rank(path: str, rank: int, shape: tuple[int, ...]) -> None:
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise InputError(f"rank = {rank!r}: give a whole number, 1 or more")
    if rank > min(shape):
        raise InputError(
            f"rank = {rank}: layer {path!r} is a matrix of {shape[0]} x {shape[1]}; "
            f"give at most {min(shape)}, or ranks by layer"
        )


def _factors(layer: nn.Module, rank: int) -> nn.Sequential:
    weight = weight_of(layer)
    left, values, right = torch.linalg.svd(weight.flatten(1).double(), full_matrices=False)
    root = values[:rank].sqrt()
    first, second = pair = pair_like(layer, rank)
    weight_of(first).copy_((root[:, None] * right[:rank]).reshape(weight_of(first).shape))
    weight_of(second).copy_((left[:, :rank] * root).reshape(weight_of(second).shape))
    if isinstance(layer.bias, Tensor):
        second.bias = nn.Parameter(layer.bias.detach().clone())
    return pair

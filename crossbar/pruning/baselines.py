"""What pruning is compared with: fewer bits a weight, and matrices of low rank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from crossbar.errors import InputError
from crossbar.models.pruning import matrix_layers
from crossbar.models.structures import pair_like
from crossbar.pruning.counting import check_bits
from crossbar.pruning.pruned import Pruned, check_fraction, copied, make_plain, weight_of

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
    layer stays.

    Parameters
    ----------
    model : torch.nn.Module
        Any.
    keep : float, optional
        Weights of the two layers relative to the one's, at most; at least a rank of 1.
    rank : int or mapping of str to int, optional
        In its place: the rank of all layers, or of the layers with these paths only.

    Raises
    ------
    InputError
        For a fraction out of range, both or neither given, a rank above that of a full matrix, or
        a convolution of several groups named by its path.
    """
    if (keep is None) == (rank is None):
        raise InputError("keep, rank: give one of the two")
    factored = copied(model)
    ranks = _ranks(matrix_layers(factored), keep, rank)
    for path, layer in matrix_layers(factored).items():
        if path not in ranks:
            continue
        pair = _factors(layer, ranks[path])
        if not path:
            factored = pair
            break
        parent, _, name = path.rpartition(".")
        setattr(factored.get_submodule(parent), name, pair)
    make_plain(factored)
    return Pruned(factored)


def _ranks(
    layers: Mapping[str, nn.Module], keep: float | None, rank: int | Mapping[str, int] | None
) -> dict[str, int]:
    """Rank of each layer that becomes two."""
    if keep is not None:
        check_fraction("keep", keep)
    if isinstance(rank, Mapping) and (unknown := rank.keys() - layers.keys()):
        raise InputError(f"rank = {sorted(unknown)}: the layers are {', '.join(layers)}")
    ranks = {}
    for path, layer in layers.items():
        outputs, inputs = (weight := weight_of(layer).flatten(1)).shape
        named = isinstance(rank, Mapping)
        if named and path not in rank:  # type: ignore[operator]
            continue
        if isinstance(layer, nn.Conv2d) and layer.groups > 1:
            if named:
                raise InputError(f"rank: layer {path!r} has {layer.groups} groups; leave it out")
            continue
        found = rank[path] if named else rank  # type: ignore[index]
        if found is None:
            assert keep is not None
            found = max(1, int(keep * weight.numel() / (outputs + inputs)))
        elif isinstance(found, bool) or not isinstance(found, int) or found < 1:
            raise InputError(f"rank = {found!r}: give a whole number, 1 or more")
        elif found > min(outputs, inputs):
            raise InputError(
                f"rank = {found}: layer {path!r} is a matrix of {outputs} x {inputs}; "
                f"give at most {min(outputs, inputs)}, or ranks by layer"
            )
        if found * (outputs + inputs) < outputs * inputs:
            ranks[path] = found
    return ranks


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

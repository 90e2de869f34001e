"""Prune whole neurons and filters, those of the smallest norm, and really remove them.

H. Li et al., Pruning filters for efficient ConvNets, ICLR 2017, arXiv 1608.08710.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from crossbar.errors import InputError
from crossbar.models.pruning import matrix_layers
from crossbar.pruning.chains import Matrix, chain_of, columns_of
from crossbar.pruning.pruned import (
    Pruned,
    check_fraction,
    check_not_empty,
    copied,
    make_plain,
    weight_of,
)


def prune_filters(
    model: nn.Module, keep: float, *, norm: int = 2, spare: Collection[str] | None = None
) -> Pruned:
    """Set whole neurons (of Linear layers) and filters (of Conv2d layers) to zero, biases too.

    In a chain of layers (see `chains.chain_of`) the inputs that read them become zero as well.
    `crossbar.models.convert` makes no line on an array for either.

    Parameters
    ----------
    model : torch.nn.Module
        Any.
    keep : float
        Fraction of the outputs of each layer that stay, at least one of them.
    norm : {1, 2}
        Of an output's weights.
    spare : collection of str, optional
        Paths of layers that keep all outputs; by default the last one, whose outputs are the
        network's.

    Returns
    -------
    Pruned
        A copy of the same shape; `shrink` removes what is zero.

    Raises
    ------
    InputError
        For a value out of range, an unknown path, or a model that `copied` refuses.
    """
    check_fraction("keep", keep)
    if norm not in (1, 2):
        raise InputError(f"norm = {norm!r}: choose 1 or 2")
    pruned = copied(model)
    layers = matrix_layers(pruned)
    spared = [list(layers)[-1]] if spare is None else list(spare)
    if unknown := set(spared) - layers.keys():
        raise InputError(f"spare = {sorted(unknown)}: the layers are {', '.join(layers)}")
    for path, layer in layers.items():
        outputs = len(weight_of(layer))
        fewer = outputs - max(1, round(keep * outputs))
        if path in spared or not fewer:
            continue
        prune.ln_structured(layer, "weight", amount=fewer, n=norm, dim=0)  # type: ignore[no-untyped-call]
        if isinstance(layer.bias, Tensor):
            with torch.no_grad():
                layer.bias[~_kept_rows(layer)] = 0
    make_plain(pruned)
    try:
        chain = chain_of(pruned)
    except InputError:
        return Pruned(pruned)
    for earlier, later in pairwise(chain):
        with torch.no_grad():
            weight_of(later)[:, ~columns_of(later, _alive(earlier))] = 0
    check_not_empty(pruned)
    return Pruned(pruned)


def shrink(model: nn.Module) -> nn.Module:
    """A smaller copy of a chain of layers, without the outputs whose weights and biases are zero.

    It computes the same. At least one output of each layer stays, and all of the last one.

    Raises
    ------
    InputError
        For a model that is no chain; see `chains.chain_of`.
    """
    smaller = copied(model)
    chain = chain_of(smaller)
    for earlier, later in pairwise(chain):
        kept = _alive(earlier)
        columns = columns_of(later, kept)
        _cut(earlier, rows=kept)
        _cut(later, columns=columns)
    return smaller


def _kept_rows(layer: nn.Module) -> Tensor:
    mask = layer.weight_mask
    assert isinstance(mask, Tensor)
    return mask.flatten(1).any(dim=1)


def _alive(layer: nn.Module) -> Tensor:
    """Which outputs are not always zero; the first one where all are."""
    alive = weight_of(layer).flatten(1).any(dim=1)
    if isinstance(layer.bias, Tensor):
        alive = alive | (layer.bias.detach() != 0)
    if not bool(alive.any()):
        alive[0] = True
    return alive


def _cut(layer: Matrix, rows: Tensor | None = None, columns: Tensor | None = None) -> None:
    weight = weight_of(layer)
    if rows is not None:
        weight = weight[rows]
        if layer.bias is not None:
            layer.bias = nn.Parameter(layer.bias.detach()[rows])
    if columns is not None:
        weight = weight[:, columns]
    layer.weight = nn.Parameter(weight.clone())
    if isinstance(layer, nn.Conv2d):
        layer.out_channels, layer.in_channels = weight.shape[:2]
    else:
        layer.out_features, layer.in_features = weight.shape

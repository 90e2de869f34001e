"""Magnitude pruning: the smallest weights become zero (S. Han et al., arXiv 1506.02626)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import nn
from torch.nn.utils import prune

from crossbar.errors import InputError
from crossbar.models.pruning import matrix_layers, prune_smallest
from crossbar.pruning.pruned import (
    Pruned,
    check_fraction,
    check_not_empty,
    copied,
    make_plain,
    masks_of,
    put_masks,
    weight_of,
)

Scope = Literal["global", "layer"]


def magnitude(
    model: nn.Module,
    keep: float | Mapping[str, float],
    *,
    scope: Scope = "global",
    allow_empty: bool = False,
) -> Pruned:
    """Prune at once, without training.

    Parameters
    ----------
    model : torch.nn.Module
        Any; its Linear and Conv2d layers are pruned. Biases stay. Zeros count as pruned.
    keep : float or mapping of str to float
        Fraction of the weights that stay, above 0; by the layers' paths for scope "layer".
    scope : {"global", "layer"}
        Compare the weights of all layers with each other, or keep that fraction of each layer.
    allow_empty : bool
        Whether a layer may lose all its weights; the network's output is constant then.

    Returns
    -------
    Pruned
        A copy.

    Raises
    ------
    InputError
        For a fraction out of range, more than there are weights left, a layer that would lose all
        its weights, or a model that `copied` refuses.
    """
    if scope not in get_args(Scope):
        raise InputError(f"scope = {scope!r}: choose one of {', '.join(get_args(Scope))}")
    for fraction in keep.values() if isinstance(keep, Mapping) else [keep]:
        check_fraction("keep", fraction)
    pruned = copied(model)
    put_masks(pruned, masks_of(pruned))
    if scope == "layer":
        for path, fraction in fractions_of(pruned, keep).items():
            _prune_layer(path, matrix_layers(pruned)[path], fraction)
    elif isinstance(keep, Mapping):
        raise InputError("keep: a fraction for each layer is for scope 'layer'; give one number")
    else:
        prune_smallest(pruned, kept=_kept(pruned, keep))
    make_plain(pruned)
    if not allow_empty:
        check_not_empty(pruned, "keep more, or prune each layer by itself (scope 'layer')")
    return Pruned(pruned)


def schedule(keep: float, rate: float = 0.2) -> list[float]:
    """Fractions kept after each round that prunes a share of what is left; the last is `keep`.

    Parameters
    ----------
    keep : float
        Wanted in the end.
    rate : float
        Share of the weights left that a round prunes, at most; above 0 and below 1.
    """
    check_fraction("keep", keep)
    check_fraction("rate", rate)
    if rate == 1:
        raise InputError("rate = 1: would leave nothing; give less")
    rounds = math.ceil(round(math.log(keep) / math.log(1 - rate), 9))
    return [(1 - rate) ** number for number in range(1, rounds)] + [keep] * (rounds > 0)


def fractions_of(model: nn.Module, keep: float | Mapping[str, float]) -> dict[str, float]:
    """Fraction kept of each layer, by its path.

    Raises
    ------
    InputError
        For a mapping that does not name each Linear and Conv2d layer.
    """
    layers = matrix_layers(model)
    if not isinstance(keep, Mapping):
        return dict.fromkeys(layers, keep)
    if keep.keys() != layers.keys():
        raise InputError(f"keep = {dict(keep)}: name each of the layers {', '.join(layers)}")
    return dict(keep)


def _kept(model: nn.Module, keep: float) -> int:
    """How many weights of all layers stay."""
    weights = [weight_of(layer) for layer in matrix_layers(model).values()]
    total = sum(weight.numel() for weight in weights)
    left = sum(int(torch.count_nonzero(weight)) for weight in weights)
    if round(keep * total) > left:
        raise InputError(f"keep = {keep}: only {left / total:.4f} of the weights are left")
    return round(keep * total)


def _prune_layer(path: str, layer: nn.Module, keep: float) -> None:
    weight = weight_of(layer)
    left = int(torch.count_nonzero(weight))
    more = left - round(keep * weight.numel())
    if more < 0:
        raise InputError(
            f"keep = {keep}: only {left / weight.numel():.4f} of the weights of layer {path!r} are "
            "left"
        )
    prune.l1_unstructured(layer, "weight", amount=more)  # type: ignore[no-untyped-call]

"""Edge-popup: train by pruning a random network whose weights never change.

V. Ramanujan et al., What's hidden in a randomly weighted neural network?, CVPR 2020,
arXiv 1911.13299.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from crossbar.errors import InputError
from crossbar.models.pruning import matrix_layers
from crossbar.pruning.magnitudes import fractions_of
from crossbar.pruning.pruned import (
    Fit,
    Pruned,
    check_epochs,
    check_fraction,
    check_seed,
    copied,
    make_plain,
    weight_of,
)

SIGN_BITS = 2
"""A signed constant and zero are the three values of weights of two bits, exactly."""

Start = Literal["signed constant", "kaiming", "as given"]


def edge_popup(
    model: nn.Module,
    keep: float | Mapping[str, float],
    fit: Fit,
    *,
    epochs: int,
    start: Start = "signed constant",
    seed: int = 0,
) -> Pruned:
    """Find a good subnetwork of a random network.

    Each weight gets a score. The forward pass uses, in each layer, the weights whose scores are
    largest in magnitude; the backward pass gives every score the gradient of its weight's mask
    (straight through the choice; section 3 of the paper). Only scores are trained.

    Parameters
    ----------
    model : torch.nn.Module
        Any; the weights of its Linear and Conv2d layers are drawn anew, their biases are zero, and
        its other parameters stay as they are.
    keep : float or mapping of str to float
        Fraction of the weights of each layer that stay; or by the layers' paths.
    fit : Fit
        Trains the scores.
    epochs : int
        How long.
    start : {"signed constant", "kaiming", "as given"}
        Weights: a constant of random sign, the deviation that Kaiming's normal has; that normal;
        or the model's own. The deviation is scaled for the share kept, sqrt(2 / (keep x inputs)),
        section 4.4 of the paper.
    seed : int
        Of weights and scores.

    Returns
    -------
    Pruned
        A copy: the random weights that were chosen, zeros elsewhere. Signed constants have two
        bits: minus, zero and plus one scale. Those of a seed take none to store, only a cell that
        can hold them.

    Raises
    ------
    InputError
        For a fraction or seed out of range, unknown paths, or a layer that would lose all its
        weights.
    """
    check_epochs(epochs)
    check_seed(seed)
    if start not in get_args(Start):
        raise InputError(f"start = {start!r}: choose one of {', '.join(get_args(Start))}")
    random = copied(model).requires_grad_(False)
    keep_of = kept_of_layers(random, keep)
    generator = torch.Generator().manual_seed(seed)
    for path, layer in matrix_layers(random).items():
        _draw(layer, keep_of[path], start, generator)
        chosen = _Chosen(weight_of(layer), keep_of[path], generator)
        parametrize.register_parametrization(layer, "weight", chosen)
    if epochs:
        fit(random, epochs)
    for layer in matrix_layers(random).values():
        parametrize.remove_parametrizations(layer, "weight")
    make_plain(random)
    bits = SIGN_BITS if start == "signed constant" else None
    return Pruned(random.requires_grad_(True), bits=bits, seeded=start != "as given")


class _Chosen(nn.Module):
    """The weights whose scores are largest."""

    def __init__(self, weight: Tensor, keep: float, generator: torch.Generator) -> None:
        super().__init__()
        self.kept = round(keep * weight.numel())
        scores = torch.empty(weight.shape, dtype=weight.dtype)
        nn.init.kaiming_uniform_(scores, a=math.sqrt(5), generator=generator)
        self.scores = nn.Parameter(scores.to(weight.device))

    def forward(self, weight: Tensor) -> Tensor:
        return weight * _largest(self.scores.abs(), self.kept) + 0.0


class _Largest(torch.autograd.Function):
    """1 at the largest values and 0 elsewhere; gradients pass as if it were the identity."""

    @staticmethod
    def forward(context: Any, values: Tensor, kept: int) -> Tensor:
        mask = torch.zeros_like(values).flatten()
        mask[values.flatten().topk(kept, sorted=False).indices] = 1
        return mask.reshape(values.shape)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def _largest(values: Tensor, kept: int) -> Tensor:
    mask: Tensor = _Largest.apply(values, kept)  # type: ignore[no-untyped-call]
    return mask


def _draw(layer: nn.Module, keep: float, start: Start, generator: torch.Generator) -> None:
    weight = weight_of(layer)
    if isinstance(layer.bias, Tensor):
        layer.bias.zero_()
    if start == "as given":
        return
    inputs = weight[0].numel()
    drawn = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
    if start == "signed constant":
        drawn = torch.where(drawn < 0, -1.0, 1.0).to(weight.dtype)
    weight.copy_(drawn * math.sqrt(2 / (keep * inputs)))


def kept_of_layers(model: nn.Module, keep: float | Mapping[str, float]) -> dict[str, float]:
    """Fraction kept of each layer; see `edge_popup` for what is refused."""
    layers, keep_of = matrix_layers(model), fractions_of(model, keep)
    for path, layer in layers.items():
        check_fraction("keep", keep_of[path])
        if not round(keep_of[path] * weight_of(layer).numel()):
            raise InputError(
                f"keep = {keep_of[path]}: leaves layer {path!r} without any weight; keep more"
            )
    return keep_of

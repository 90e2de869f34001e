"""A pruned network, and what all families share: checks, copies, masks, fine-tuning."""

from __future__ import annotations

import copy
import numbers
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune

from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.models.pruning import matrix_layers
from crossbar.pruning.counting import IDEAL, Size, count, layers_of

Fit = Callable[[nn.Module, int], None]
"""Trains a model in place for a number of epochs; see `fitting.Fitting` for a ready one.

It must train what requires a gradient and give the same result for the same model. Masks are those
of torch.nn.utils.prune: they hold whatever the optimiser does.
"""

Masks = Mapping[str, Tensor]


@dataclass(frozen=True)
class Pruned:
    """A pruned network.

    Parameters
    ----------
    model : torch.nn.Module
        A copy without masks or hooks: what is pruned is zero, or not there.
    bits : int, optional
        Of a weight, where the family fixes them.
    scales : int, optional
        32-bit scales of the whole network, where there are more than one for each layer.
    seeded : bool
        Whether the values of the kept weights follow from a seed.
    """

    model: nn.Module
    bits: int | None = None
    scales: int | None = None
    seeded: bool = False

    def size(self, bits: int = 8, design: Design = IDEAL) -> Size:
        """What the network takes; weights of a family that fixes no bits have `bits`."""
        return count(
            self.model,
            self.bits or bits,
            seeded=self.seeded,
            scales=self.scales,
            design=design,
        )


def copied(model: nn.Module) -> nn.Module:
    """A copy of a model that can be pruned.

    Raises
    ------
    InputError
        As `counting.layers_of`, and for a model that has masks or parametrisations already, weights
        that are not finite real numbers or none at all, or that two layers share.
    """
    layers = layers_of(model)
    users = Counter(id(value) for part in model.modules() for value in part._parameters.values())
    for path, layer in layers.items():
        if users[id(layer.weight)] > 1:
            raise InputError(
                f"model: layer {path!r} shares its weights with another; give each its own"
            )
        if parametrize.is_parametrized(layer) or hasattr(layer, "weight_orig"):
            raise InputError(
                f"model: layer {path!r} has masks or parametrisations; make them permanent first "
                "(torch.nn.utils.prune.remove, parametrize.remove_parametrizations)"
            )
        weight = weight_of(layer)
        if not weight.is_floating_point():
            raise InputError(
                f"model: layer {path!r} has no weights that are real numbers; give no complex ones"
            )
        if not weight.numel():
            raise InputError(
                f"model: layer {path!r} has weights of shape {tuple(weight.shape)}; remove it"
            )
        if not bool(torch.isfinite(weight).all()):
            raise InputError(f"model: layer {path!r} holds NaN or infinity; train it again")
    return copy.deepcopy(model)


def check_fraction(name: str, value: float, *, most: float = 1.0) -> None:
    """Raise an InputError unless a fraction is above 0 and at most `most`."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not 0 < value <= most:
        raise InputError(f"{name} = {value!r}: give a fraction above 0 and at most {most:g}")


def check_epochs(epochs: int, fewest: int = 0) -> None:
    """Raise an InputError unless `epochs` is a whole number of at least `fewest`."""
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < fewest:
        raise InputError(f"epochs = {epochs!r}: give a whole number, {fewest} or more")


def check_seed(seed: object) -> None:
    """Raise an InputError unless a seed is a whole number from 0 on."""
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed = {seed!r}: give a whole number, 0 or more")


def check_not_empty(model: nn.Module, remedy: str = "keep more") -> None:
    """Raise an InputError when a layer has no weights left: its output would be constant."""
    for path, layer in matrix_layers(model).items():
        if not bool(weight_of(layer).any()):
            raise InputError(f"keep: leaves layer {path!r} without any weight; {remedy}")


def weight_of(layer: nn.Module) -> Tensor:
    """The weights of a layer as they act."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.detach()


def masks_of(model: nn.Module) -> dict[str, Tensor]:
    """What stays in the Linear and Conv2d layers of a model, by the parameters' names.

    Weights that are not zero; all biases but those zero ones whose weights are all zero.
    """
    masks = {}
    for path, layer in matrix_layers(model).items():
        mask = weight_of(layer) != 0
        masks[_named(path, "weight")] = mask
        if isinstance(layer.bias, Tensor):
            rows = mask.flatten(1).any(dim=1)
            masks[_named(path, "bias")] = rows | (layer.bias.detach() != 0)
    return masks


def put_masks(model: nn.Module, masks: Masks) -> None:
    """Hold weights and biases at zero where a mask is false."""
    for path, layer in matrix_layers(model).items():
        for name in ("weight", "bias"):
            mask = masks.get(_named(path, name))
            if mask is not None and not bool(mask.all()):
                mask = mask.to(getattr(layer, name).dtype)
                prune.custom_from_mask(layer, name, mask)  # type: ignore[no-untyped-call]


def _named(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def make_plain(model: nn.Module) -> None:
    """Make masks permanent: zeros, all of them positive, in ordinary parameters."""
    for layer in matrix_layers(model).values():
        for name in ("weight", "bias"):
            if hasattr(layer, f"{name}_mask"):
                prune.remove(layer, name)  # type: ignore[no-untyped-call]
                with torch.no_grad():
                    getattr(layer, name).add_(0.0)


def fine_tune(model: nn.Module, fit: Fit, epochs: int) -> nn.Module:
    """A copy of a model, trained for some epochs; its zeros stay."""
    check_epochs(epochs)
    tuned = copied(model)
    put_masks(tuned, masks_of(tuned))
    if epochs:
        fit(tuned, epochs)
    make_plain(tuned)
    return tuned

"""Networks whose layers differ from their architecture's: smaller ones, or two in place of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from crossbar.errors import InputError
from crossbar.models.pruning import matrix_layers

Structure = dict[str, list[list[int]]]
"""Shapes of the weights that stand in place of a layer, one or two, by the layer's path."""


def structure_of(model: nn.Module, like: nn.Module) -> Structure:
    """Where a model's layers differ from those of another; empty where none does."""
    found: Structure = {}
    for path, layer in matrix_layers(like).items():
        now = model.get_submodule(path)
        parts = list(matrix_layers(now).values())
        shapes = [list(_weight(part).shape) for part in parts]
        if len(parts) != 1 or shapes[0] != list(_weight(layer).shape):
            found[path] = shapes
    return found


def restructure(model: nn.Module, structure: Any) -> None:
    """Give a fresh model's layers the shapes of a `Structure`; their weights come after.

    Raises
    ------
    InputError
        For one that does not fit the model.
    """
    layers = matrix_layers(model)
    if not isinstance(structure, Mapping):
        raise InputError(f"layers = {structure!r}: gives no shapes by layer; write the file again")
    for path, shapes in structure.items():
        try:
            made = _made(layers[path], shapes)
        except (KeyError, TypeError, ValueError, IndexError, RuntimeError):
            raise InputError(f"layers: {path!r} of {shapes} does not fit the network") from None
        parent, _, name = path.rpartition(".")
        setattr(model.get_submodule(parent), name, made)


def pair_like(layer: nn.Module, rank: int) -> nn.Sequential:
    """Two fresh layers of a rank that can stand in place of a Linear or a Conv2d of one group."""
    weight = _weight(layer)
    bias = layer.bias is not None
    first: nn.Module
    second: nn.Module
    if isinstance(layer, nn.Conv2d):
        first = _conv(layer, rank, layer.in_channels, bias=False)
        second = nn.Conv2d(rank, layer.out_channels, 1, bias=bias)
    else:
        first = nn.Linear(weight.shape[1], rank, bias=False)
        second = nn.Linear(rank, len(weight), bias=bias)
    pair = nn.Sequential(first, second).to(weight.device, weight.dtype)
    return pair.train(layer.training)


def _made(layer: nn.Module, shapes: Sequence[Sequence[int]]) -> nn.Module:
    if len(shapes) == 2:
        return pair_like(layer, shapes[0][0])
    outputs, inputs = shapes[0][:2]
    if isinstance(layer, nn.Conv2d):
        return _conv(layer, outputs, inputs, bias=layer.bias is not None)
    return nn.Linear(inputs, outputs, bias=layer.bias is not None)


def _conv(layer: nn.Conv2d, outputs: int, inputs: int, bias: bool) -> nn.Conv2d:
    return nn.Conv2d(
        inputs,
        outputs,
        layer.kernel_size,  # type: ignore[arg-type]
        layer.stride,  # type: ignore[arg-type]
        layer.padding,  # type: ignore[arg-type]
        layer.dilation,  # type: ignore[arg-type]
        bias=bias,
        padding_mode=layer.padding_mode,
    )


def _weight(layer: nn.Module) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.detach()

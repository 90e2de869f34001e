"""Models that are a chain of layers, so that an output of one is an input of the next."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from crossbar.errors import InputError

Matrix = nn.Linear | nn.Conv2d

ANYWHERE = (
    nn.Identity, nn.Dropout, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh,
)  # fmt: skip
"""Layers that treat each number by itself and make zeros of zeros."""

ON_MAPS = (
    nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Dropout2d,
)  # fmt: skip
"""The same of each channel of a convolution."""


def chain_of(model: nn.Module) -> list[Matrix]:
    """The Linear and Conv2d layers of a chain, in their order.

    Raises
    ------
    InputError
        For a model that is no `torch.nn.Sequential` (they may be nested) of convolutions of one
        group, a Flatten, Linear layers, and between them layers of `ANYWHERE` and `ON_MAPS`.
    """
    chain: list[Matrix] = []
    flat = False
    for path, layer in _layers("", model):
        maps = not flat and (not chain or isinstance(chain[-1], nn.Conv2d))
        if isinstance(layer, nn.Linear):
            good = not maps or not chain
            places = None if chain and isinstance(chain[-1], nn.Conv2d) else 1
        elif isinstance(layer, nn.Conv2d):
            good = maps and layer.groups == 1
            places = 1
        elif isinstance(layer, nn.Flatten):
            flat = True
            good = maps and (layer.start_dim, layer.end_dim) == (1, -1)
        else:
            good = isinstance(layer, ANYWHERE) or (maps and isinstance(layer, ON_MAPS))
        if good and isinstance(layer, Matrix):
            good = layer not in chain and (not chain or _fits(chain[-1], layer, places))
            chain.append(layer)
        if not good:
            raise InputError(
                f"model: {path or 'itself'!r}, a {type(layer).__name__}, is not part of a chain of "
                "layers that can shrink; keep the zeros where they are"
            )
    return chain


def _fits(earlier: Matrix, later: Matrix, places: int | None) -> bool:
    """Whether a layer reads each output of the one before at so many places, None for any."""
    outputs, inputs = earlier.weight.shape[0], later.weight.shape[1]
    return inputs % outputs == 0 if places is None else inputs == places * outputs


def columns_of(layer: Matrix, channels: Tensor) -> Tensor:
    """Which inputs of a layer read the given outputs of the one before.

    A Linear layer after a flattened convolution reads each channel at several places.
    """
    return torch.repeat_interleave(channels, layer.weight.shape[1] // len(channels))


def _layers(path: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    if type(module) is nn.Sequential:
        for name, part in module._modules.items():  # named_children leaves repeated ones out
            assert part is not None
            yield from _layers(f"{path}.{name}" if path else name, part)
    else:
        yield path, module

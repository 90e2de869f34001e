"""Planned layers to analog ones: which matrices they share, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crossbar.models.arrays import AnalogMatrix, with_bias_row
from crossbar.models.converters import Converters
from crossbar.models.layers import AnalogConv1d, AnalogConv2d, AnalogLayer, AnalogLinear
from crossbar.models.planning import PlannedLayer
from crossbar.models.reports import ConvertedLayer, figures

Floats = NDArray[np.float64]


@dataclass
class Work:
    """Matrices to make, and the layers that use them.

    Parameters
    ----------
    layers : list of PlannedLayer
        The first stands for all; the others have the same weights.
    matrices : list of ndarray, (outputs, inputs)
        One for each group, with the bias as last input where it is a word line.
    constants : list of float
        Inputs that drive the bias lines; empty where there are none.
    inputs : list of ndarray, (points, inputs), or None
        What each matrix is multiplied by, as far as that is known.
    made : list of AnalogMatrix
        What became of the matrices.
    """

    layers: list[PlannedLayer]
    matrices: list[Floats]
    constants: list[float]
    inputs: list[Floats | None]
    made: list[AnalogMatrix] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Of the first layer."""
        return self.layers[0].paths[0]

    def seeds(self, seed: int, chip: int) -> list[np.random.SeedSequence]:
        """One for each matrix; see `crossbar.convert`."""
        key = (chip, self.layers[0].index)
        groups = len(self.matrices)
        keys = [key] if groups == 1 else [(*key, group) for group in range(groups)]
        return [np.random.SeedSequence(seed, spawn_key=one) for one in keys]


def works(planned: Sequence[PlannedLayer], bias_on_line: bool) -> list[Work]:
    """Group layers that share weights, and the bias where it is a row of cells."""
    found: dict[tuple[Any, ...], Work] = {}
    for layer in planned:
        own = layer.module._parameters  # what hooks compute is not there, and not shared
        tied = own.get("weight", layer.module) if layer.norm is None else layer.module
        key: tuple[Any, ...] = (id(tied), layer.kind, layer.groups)
        key += (id(own.get("bias", layer.module)),) if bias_on_line else ()
        if key in found:
            found[key].layers.append(layer)
            continue
        matrices = np.split(layer.weight, layer.groups)
        constants = []
        if bias_on_line and layer.bias is not None:
            pairs = zip(matrices, np.split(layer.bias, layer.groups), strict=True)
            extended = [with_bias_row(matrix, part) for matrix, part in pairs]
            matrices = [matrix for matrix, _ in extended]
            constants = [constant for _, constant in extended]
        found[key] = Work([layer], matrices, constants, [None] * len(matrices))
    return list(found.values())


def analog_layer(work: Work, layer: PlannedLayer, converters: Converters | None) -> AnalogLayer:
    """The analog form of one of the layers of finished work."""
    products = [made.product for made in work.made]
    bias = layer.bias
    if work.constants:
        pairs = zip(products, work.constants, strict=True)
        bias = np.concatenate([product[:, -1] * constant for product, constant in pairs])
        products = [product[:, :-1] for product in products]
    weight = shaped_like(layer, np.concatenate(products))
    grid_row = torch.as_tensor(np.stack([made.grid_row for made in work.made]))
    options: dict[str, Any] = {
        "bias_on_line": bool(work.constants),
        "grid_row": grid_row.to(weight.device),
        "converters": converters,
    }
    return as_analog(layer, weight, None if bias is None else typed_like(layer, bias), **options)


def as_analog(
    layer: PlannedLayer, weight: Tensor, offset: Tensor | None, **options: Any
) -> AnalogLayer:
    """The analog form of a layer with such weights and bias."""
    if isinstance(layer.module, nn.Conv2d):
        return AnalogConv2d(layer.module, layer.paths[0], weight, offset, **options)
    if isinstance(layer.module, nn.Conv1d):
        return AnalogConv1d(layer.module, layer.paths[0], weight, offset, **options)
    linear = cast(nn.Linear, layer.module)
    flat = layer.norm is not None
    return AnalogLinear(linear, layer.paths[0], weight, offset, flat=flat, **options)


def report(work: Work, bias: str, paths: dict[nn.Module, str]) -> ConvertedLayer:
    """What finished work took; `paths` name the batch-norms."""
    first = work.layers[0]
    outputs, inputs = first.weight.shape
    others = [path for layer in work.layers for path in layer.paths][1:]
    return ConvertedLayer(
        path=work.path,
        kind=first.kind,
        outputs=outputs // first.groups,
        inputs=inputs,
        groups=first.groups,
        bias="none" if first.bias is None else bias,
        constants=tuple(work.constants),
        folded="" if first.norm is None else paths[first.norm],
        shared_by=tuple(others),
        **figures(work.made),
    )


def shaped_like(layer: PlannedLayer, matrix: Floats) -> Tensor:
    """A matrix in the shape and type and on the device of a layer's weights."""
    return typed_like(layer, matrix).reshape(cast(Any, layer.module).weight.shape)


def typed_like(layer: PlannedLayer, values: Floats) -> Tensor:
    """Values in the type and on the device of a layer's weights."""
    own: Tensor = cast(Any, layer.module).weight
    return torch.tensor(values, dtype=own.dtype, device=own.device)

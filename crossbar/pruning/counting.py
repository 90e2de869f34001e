"""What a pruned network takes: weights that are not zero, stored bits, resistors.

Each weight matrix is coded in the cheapest of three ways:

- every place: b bits each;
- the kept weights of b bits each, and which places they take;
- the same on the rows and columns that are not all zero, which take a bit each to name.

Which of N places hold the K kept weights takes log2 of "N choose K" bits, the rank of that choice
among all (T. Cover, Enumerative source encoding, doi:10.1109/TIT.1973.1054929), or N bits as a
plain mask. Weights that follow from a seed take no stored bits: their places, the seed and a scale
are enough; resistors they take for their bits, which are two for a constant of either sign.
Scales are 32-bit floats. Biases are neither pruned nor counted, in any family.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from crossbar.design import Design, most_resistors
from crossbar.errors import InputError
from crossbar.models.pruning import matrix_layers

SCALE_BITS = 32
SEED_BITS = 64
FEWEST_BITS, MOST_BITS = 2, 16
IDEAL = Design(ladder="guaranteed", off_ohm=math.inf)
"""Cells with a proof of their bits; open switches leak nothing."""

Positions = Callable[[int, int], int]
"""Bits that name which of some places hold a number of kept weights."""


@dataclass(frozen=True)
class Size:
    """What the weights of a network take.

    Parameters
    ----------
    weights, kept_weights : int
        Places in all weight matrices; those that are not zero.
    weight_bits : int
        Bits of a kept weight.
    stored_bits, mask_bits : int
        With places by their rank among all choices, and as a plain mask.
    resistors_per_weight : int
        The fewest that guarantee the bits of a weight.
    resistors : int
        Of a chip that has cells for the kept weights only.
    array_resistors : int
        Of arrays with a cell at every crossing of the rows and columns that are not all zero.
    """

    weights: int
    kept_weights: int
    weight_bits: int
    stored_bits: int
    mask_bits: int
    resistors_per_weight: int
    resistors: int
    array_resistors: int

    @property
    def kept_fraction(self) -> float:
        """Share of the places that are not zero."""
        return self.kept_weights / self.weights


def count(
    model: nn.Module,
    bits: int = 8,
    *,
    seeded: bool = False,
    scales: int | None = None,
    design: Design = IDEAL,
) -> Size:
    """Count what the Linear and Conv2d layers of a model take.

    Parameters
    ----------
    model : torch.nn.Module
        Pruned weights are exact zeros.
    bits : int
        Of a weight.
    seeded : bool
        Whether a seed gives the values of the weights.
    scales : int, optional
        32-bit scales of the whole network; by default one for each layer.
    design : Design
        The cell; `resistors_for` chooses its number of resistors.

    Raises
    ------
    InputError
        For bits out of range, or that the design cannot promise, and as `layers_of`.
    """
    check_bits(bits)
    each = resistors_for(bits, design)
    layers = layers_of(model).values()
    if scales is None:
        scales = len(layers)
    fixed = SCALE_BITS * scales + (SEED_BITS if seeded else 0)
    entropy, mask, weights, kept, crossings = fixed, fixed, 0, 0, 0
    for matrix in (matrix for layer in layers for matrix in matrices(layer)):
        found = _Matrix.of(matrix, 0 if seeded else bits)
        weights += found.places
        kept += found.kept
        crossings += (found.rows + design.has_reference) * found.columns
        entropy += found.bits(choice_bits)
        mask += found.bits(lambda places, _: places)
    return Size(weights, kept, bits, entropy, mask, each, each * kept, each * crossings)


@dataclass(frozen=True)
class _Matrix:
    places: int
    kept: int
    lines: int
    rows: int
    columns: int
    value_bits: int

    @classmethod
    def of(cls, matrix: Tensor, value_bits: int) -> _Matrix:
        kept = matrix != 0
        rows, columns = (int(kept.any(dim=dim).sum()) for dim in (1, 0))
        return cls(matrix.numel(), int(kept.sum()), sum(matrix.shape), rows, columns, value_bits)

    def bits(self, positions: Positions) -> int:
        """Bits of the cheapest coding."""
        values = self.kept * self.value_bits
        codings = [
            values + positions(self.places, self.kept),
            values + self.lines + positions(self.rows * self.columns, self.kept),
        ]
        if self.value_bits:
            codings.append(self.places * self.value_bits)
        return min(codings)


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    """Linear and Conv2d layers of a model, by path.

    Raises
    ------
    InputError
        For no module, one without such layers, or weights that have no values yet.
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"model is a {type(model).__name__}: give a torch.nn.Module")
    layers = matrix_layers(model)
    if not layers:
        raise InputError("model: has no Linear or Conv2d layer; there is nothing to prune")
    for path, layer in layers.items():
        for tensor in layer.parameters(recurse=False):
            if is_lazy(tensor):
                raise InputError(
                    f"model: layer {path!r} is lazy and has no weights that are real numbers; "
                    "run the model once"
                )
            if tensor.is_meta:
                raise InputError(f"model: layer {path!r} is on the device meta; load its weights")
    return layers


def choice_bits(places: int, kept: int) -> int:
    """Bits that name which `kept` of `places` are meant: log2 of "places choose kept", upwards."""
    logarithm = math.lgamma(places + 1) - math.lgamma(kept + 1) - math.lgamma(places - kept + 1)
    return min(places, math.ceil(round(logarithm / math.log(2), 6)))


def matrices(layer: nn.Module) -> Iterator[Tensor]:
    """Weight matrices (outputs, inputs) of a layer, one for each group of a convolution."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    groups = layer.groups if isinstance(layer, nn.Conv2d) else 1
    for part in torch.chunk(weight.detach(), groups):
        yield part.reshape(len(part), -1)


def resistors_for(bits: int, design: Design = IDEAL) -> int:
    """Fewest resistors a weight with which a design guarantees the bits of every weight.

    The largest error is then half a step of weights of that many bits, sign included; see
    `Design.guaranteed_bits`.

    Raises
    ------
    InputError
        When no number of resistors does.
    """
    for resistors in range(2, most_resistors(design.polarity) + 1):
        promised = replace(design, resistors=resistors).guaranteed_bits
        if promised is not None and promised >= bits:
            return resistors
    raise InputError(
        f"bits = {bits}: no number of resistors guarantees them in the design {design.label}; "
        "give fewer, a smaller tolerance, or the ladder 'guaranteed'"
    )


def check_bits(bits: int) -> None:
    """Raise an InputError unless weights can have so many bits."""
    if isinstance(bits, bool) or not isinstance(bits, int) or not FEWEST_BITS <= bits <= MOST_BITS:
        raise InputError(f"bits = {bits!r}: give a whole number, {FEWEST_BITS} to {MOST_BITS}")

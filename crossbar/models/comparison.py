"""An analog model beside the digital one that it was made from, on the same images."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from crossbar.errors import InputError
from crossbar.metrics import effective_bits, worst_bits
from crossbar.models.conversion import digital_twin
from crossbar.models.reports import Conversion
from crossbar.models.text import as_text

_LARGE = 2.0**500
_WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@dataclass(frozen=True, kw_only=True)
class LayerProducts:
    """How well an analog layer multiplies, given the digital network's activations.

    Parameters
    ----------
    path : str
        In the model.
    worst_bits : float
        Of the largest error relative to the largest product; see `crossbar.metrics`.
    effective_bits : float
        Of the rms error relative to the range of the products.

    Both are NaN for a layer that no image reaches.
    """

    path: str
    worst_bits: float
    effective_bits: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What the arrays make of a network; prints as a table.

    Its column "weight bits" is `ConvertedLayer.cell_effective_bits`, of the cells without wires;
    "matrix bits" of a `Conversion` include the wires. "product bits" are `effective_bits`.

    Parameters
    ----------
    layers : tuple of LayerProducts
        In the order of the conversion.
    conversion : Conversion
        What the layers took.
    images : int
        How many were compared.
    worst_bits, effective_bits : float
        Of the logits, as for a layer's products.
    logit_error_percent : float
        Rms error of the logits over the range of the digital ones [%].
    flips : int
        Images whose label differs from the digital network's.
    accuracy_percent, digital_accuracy_percent : float or None
        With labels: images labelled right [%].
    """

    layers: tuple[LayerProducts, ...]
    conversion: Conversion
    images: int
    worst_bits: float
    effective_bits: float
    logit_error_percent: float
    flips: int
    accuracy_percent: float | None
    digital_accuracy_percent: float | None

    def __str__(self) -> str:
        """One line for each layer, one for the network."""
        headings = ("layer", "tiles", "resistors", "enabled", "weight bits", "product bits")
        rows = [
            (
                made.path or "(model)",
                f"{made.tiles}",
                f"{made.resistors}",
                f"{made.enabled}",
                f"{made.cell_effective_bits:.1f}",
                f"{layer.effective_bits:.1f}",
            )
            for made, layer in zip(self.conversion.converted, self.layers, strict=True)
        ]
        accuracy = ""
        if self.accuracy_percent is not None and self.digital_accuracy_percent is not None:
            accuracy = (
                f"; accuracy {self.accuracy_percent:.2f} %, "
                f"digital {self.digital_accuracy_percent:.2f} %"
            )
        return (
            f"{as_text(headings, rows)}\n{self.images} images: logits {self.effective_bits:.1f} "
            f"bits, error {self.logit_error_percent:.2g} %, {self.flips} flips{accuracy}"
        )


def compare(
    model: nn.Module,
    analog: nn.Module,
    images: Tensor,
    labels: Tensor | None = None,
    *,
    batch: int = 500,
) -> Comparison:
    """Run images through a model and its analog counterpart.

    Each analog layer is also given what its digital counterpart, batch-norm folded in, is given;
    its products are compared without the digital bias.

    Parameters
    ----------
    model : torch.nn.Module
        What `crossbar.convert` was given; on the same device and of the same type as the images.
    analog : torch.nn.Module
        What it returned.
    images : Tensor, (images, ...)
        Inputs of the model.
    labels : Tensor of int, (images,), optional
        The right classes.
    batch : int
        Images at a time.

    Raises
    ------
    InputError
        For a model that was not converted or another model, images that the model does not take,
        labels that are not whole numbers from 0 to below the number of classes, or a model that
        does not return one row of finite logits for each image.
    """
    conversion = _checked(analog, images, labels, batch)
    twin = _twin(model, analog, conversion)
    layers = {layer.path: _Errors() for layer in conversion.converted}
    for path, errors in layers.items():
        hook = partial(_beside, analog.get_submodule(path), errors)
        twin.get_submodule(path).register_forward_hook(hook, with_kwargs=True)
    network, flips = _Errors(), 0
    right = torch.zeros(2, dtype=torch.int64)
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            wanted, found = _logits("model", twin, part), _logits("analog", analog, part)
            if labels is not None and not start:
                _check_classes(labels, wanted.shape[1])
            network.add(wanted, found)
            chosen = torch.stack([found.argmax(1), wanted.argmax(1)])
            flips += int((chosen[0] != chosen[1]).sum())
            if labels is not None:
                right += (chosen == labels[start : start + batch]).sum(1).cpu()
    accuracy = [None, None] if labels is None else (100 * right.double() / len(images)).tolist()
    return Comparison(
        layers=tuple(
            LayerProducts(
                path=path, worst_bits=errors.worst_bits, effective_bits=errors.effective_bits
            )
            for path, errors in layers.items()
        ),
        conversion=conversion,
        images=len(images),
        worst_bits=network.worst_bits,
        effective_bits=network.effective_bits,
        logit_error_percent=100 * network.rms / network.extent if network.extent else math.inf,
        flips=flips,
        accuracy_percent=accuracy[0],
        digital_accuracy_percent=accuracy[1],
    )


@dataclass
class _Errors:
    """Errors of products, gathered batch by batch."""

    count: int = 0
    squares: float = 0.0
    worst: float = 0.0
    largest: float = 0.0
    low: float = field(default=math.inf)
    high: float = field(default=-math.inf)
    unit: float = 1.0

    def add(self, wanted: Tensor, found: Tensor) -> None:
        error = (found.double() - wanted.double()).abs()
        self.count += error.numel()
        self.worst = max(self.worst, float(error.max()))
        self._rescale()
        self.squares += float(((error / self.unit) ** 2).sum())
        self.largest = max(self.largest, float(wanted.abs().max()))
        self.low, self.high = (
            min(self.low, float(wanted.min())),
            max(self.high, float(wanted.max())),
        )

    def _rescale(self) -> None:
        """Count in units of a power of two, where the largest square would leave the floats."""
        usual = self.worst == 0 or 1 / _LARGE <= self.worst <= _LARGE
        unit = 1.0 if usual else 2.0 ** (math.frexp(self.worst)[1] - 1)
        if self.squares:
            self.squares *= (self.unit / unit) ** 2
        self.unit = unit

    @property
    def rms(self) -> float:
        """In units of `unit`, as `extent`."""
        return math.sqrt(self.squares / self.count) if self.count else math.nan

    @property
    def extent(self) -> float:
        extent = self.high / self.unit - self.low / self.unit
        return extent if self.count else math.nan

    @property
    def worst_bits(self) -> float:
        return worst_bits(self.worst, self.largest) if self.count else math.nan

    @property
    def effective_bits(self) -> float:
        return effective_bits(self.rms, self.extent)


def _beside(
    analog: nn.Module,
    errors: _Errors,
    layer: nn.Module,
    inputs: tuple[Any, ...],
    named: dict[str, Any],
    output: Tensor,
) -> None:
    """Forward hook of a digital layer: give the analog one the same inputs."""
    found = analog(*inputs, **named)
    bias: Any = getattr(layer, "bias", None)
    if bias is None:
        errors.add(output, found)
        return
    shift = bias.reshape(-1, *[1] * (getattr(layer, "weight").ndim - 2))  # noqa: B009
    errors.add(output - shift, found - shift)


def _twin(model: nn.Module, analog: nn.Module, conversion: Conversion) -> nn.Module:
    """The digital twin of what the analog model was made from."""
    if not isinstance(model, nn.Module):
        raise InputError(f"model is a {type(model).__name__}: give a torch.nn.Module")
    twin = digital_twin(model, sorted({layer.kind for layer in conversion.converted}))
    shapes, wanted = (_shapes(one) for one in (twin, analog))
    for layer in conversion.converted:
        if shapes.get(layer.path) != wanted[layer.path]:
            raise InputError(
                f"model: has no layer {layer.path!r} with weights {wanted[layer.path]}; give the "
                "model that analog was made from"
            )
    return twin


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    weights = {path: getattr(module, "weight", None) for path, module in model.named_modules()}
    return {path: tuple(one.shape) for path, one in weights.items() if isinstance(one, Tensor)}


def _logits(name: str, model: nn.Module, images: Tensor) -> Tensor:
    try:
        found = model(images)
    except InputError:
        raise
    except Exception as error:  # whatever the model's own code raises
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{name}: fails on images of shape {tuple(images.shape)} and type {images.dtype}: "
            f"{reason}"
        ) from None
    if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(images):
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise InputError(
            f"model returns {shape} for {len(images)} images: compare needs (images, classes)"
        )
    if not bool(torch.isfinite(found).all()):
        raise InputError("model returns NaN or infinity: check its weights and images")
    return found


def _checked(analog: nn.Module, images: Tensor, labels: Tensor | None, batch: int) -> Conversion:
    conversion = getattr(analog, "conversion", None)
    if not isinstance(conversion, Conversion):
        raise InputError("analog: is no converted model; give what crossbar.convert returned")
    if not isinstance(images, Tensor) or images.ndim < 2 or not len(images):
        raise InputError("images: give a tensor (images, ...), not empty")
    if labels is not None and not isinstance(labels, Tensor):
        raise InputError(f"labels is a {type(labels).__name__}: give a tensor of whole numbers")
    if labels is not None and labels.shape != (len(images),):
        raise InputError(
            f"labels have shape {tuple(labels.shape)}: {len(images)} images need ({len(images)},)"
        )
    if labels is not None and labels.dtype not in _WHOLE:
        raise InputError(f"labels have type {labels.dtype}: give whole numbers, the classes from 0")
    if batch < 1:
        raise InputError(f"batch = {batch}: give 1 or more")
    return conversion


def _check_classes(labels: Tensor, classes: int) -> None:
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise InputError(
            f"labels reach from {low} to {high}: the model has {classes} classes, 0 to "
            f"{classes - 1}"
        )

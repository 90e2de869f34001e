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
        For a model that was not converted, images and labels that do not fit, or a model that does
        not return one row of finite logits for each image.
    """
    conversion = _checked(analog, images, labels, batch)
    kinds = sorted({layer.kind for layer in conversion.converted})
    twin = digital_twin(model, kinds)
    layers = {layer.path: _Errors() for layer in conversion.converted}
    for path, errors in layers.items():
        hook = partial(_beside, analog.get_submodule(path), errors)
        twin.get_submodule(path).register_forward_hook(hook, with_kwargs=True)
    network, flips = _Errors(), 0
    right = torch.zeros(2, dtype=torch.int64)
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            wanted, found = _logits(twin, part), _logits(analog, part)
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

    def add(self, wanted: Tensor, found: Tensor) -> None:
        error = (found.double() - wanted.double()).abs()
        self.count += error.numel()
        self.squares += float((error**2).sum())
        self.worst = max(self.worst, float(error.max()))
        self.largest = max(self.largest, float(wanted.abs().max()))
        self.low, self.high = (
            min(self.low, float(wanted.min())),
            max(self.high, float(wanted.max())),
        )

    @property
    def rms(self) -> float:
        return math.sqrt(self.squares / self.count) if self.count else math.nan

    @property
    def extent(self) -> float:
        return self.high - self.low if self.count else math.nan

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


def _logits(model: nn.Module, images: Tensor) -> Tensor:
    found = model(images)
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
        raise InputError(f"labels are a {type(labels).__name__}: give a tensor ({len(images)},)")
    if labels is not None and labels.shape != (len(images),):
        raise InputError(
            f"labels have shape {tuple(labels.shape)}: {len(images)} images need ({len(images)},)"
        )
    if batch < 1:
        raise InputError(f"batch = {batch}: give 1 or more")
    return conversion

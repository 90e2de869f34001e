"""What a target network must be, so that its weights alone say what it computes, and its chip."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from crossbar.design import Design
from crossbar.errors import InputError

Floats = NDArray[np.float64]

REAL = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def is_number(value: object) -> bool:
    """Whether a value is a real number."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def check_whole(name: str, value: object, least: int) -> None:
    """Raise an InputError unless a value is a whole number of at least so much."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < least:  # type: ignore[operator]
        raise InputError(f"{name} = {value!r}: give a whole number, at least {least}")


def check_plain(name: str, module: nn.Module, known: Sequence[type[nn.Module]]) -> None:
    """Refuse a module of a known kind that computes something else than its kind does.

    Parameters
    ----------
    name : str
        Of the module.
    module : torch.nn.Module
        Others than the known kinds pass.
    known : sequence of type
        Kinds whose forward methods count.

    Raises
    ------
    InputError
        For a forward method of its own, of its class or itself, or forward hooks.
    """
    kind = next((one for one in known if isinstance(module, one)), None)
    if kind is None:
        return
    if type(module).forward is not kind.forward or "forward" in vars(module):
        raise InputError(
            f"{name} is {type(module).__name__} with a forward of its own: give a plain "
            f"torch.nn.{kind.__name__}"
        )
    if module._forward_pre_hooks or module._forward_hooks:
        raise InputError(
            f"{name} has forward hooks: remove them, those of torch.nn.utils.prune by prune.remove"
        )


def check_weights(name: str, layer: nn.Module) -> None:
    """Refuse a layer whose weights are no finite real numbers.

    Raises
    ------
    InputError
        For weights that are not there yet (lazy layers, the device meta), none at all, of a
        complex or quantised type, or not finite.
    """
    for part, tensor in layer.named_parameters():
        if is_lazy(tensor) or tensor.is_meta:
            raise InputError(f"{name}.{part} has no values yet: run the network once or load it")
        if tensor.dtype not in REAL:
            raise InputError(
                f"{name}.{part} is of {tensor.dtype}: give real floating-point numbers of 16 bits "
                "or more"
            )
        if not tensor.numel():
            raise InputError(f"{name}.{part} has shape {tuple(tensor.shape)}: give some weights")
        if not bool(tensor.isfinite().all()):
            raise InputError(f"{name}.{part}: every weight must be finite")


def check_largest_input(value: object) -> None:
    """Raise an InputError unless a bound on inputs is a finite number from 0 on."""
    if not is_number(value) or not 0 <= float(value) < math.inf:  # type: ignore[arg-type]
        raise InputError(f"largest_input = {value!r}: give a finite number, at least 0")


def check_inputs(inputs: object, target: nn.Sequential) -> None:
    """Refuse inputs that a network cannot take.

    Raises
    ------
    InputError
        Unless it is a tensor of one finite example or more, as wide as the first layer is.
    """
    if not isinstance(inputs, Tensor):
        raise InputError(f"inputs are {type(inputs).__name__}: give a torch.Tensor")
    shape = tuple(inputs.shape)
    if not inputs.numel() or inputs.ndim < 2:
        raise InputError(f"inputs have shape {shape}: give one example or more, (examples, ...)")
    if inputs.is_complex() or not bool(inputs.isfinite().all()):
        raise InputError("inputs: give finite real numbers")
    try:
        with torch.no_grad():
            target(inputs[:1].to(next(target.parameters()).dtype))
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"inputs have shape {shape}: give what the target takes ({reason})"
        ) from None


def check_run(target: Sequence[Floats], images: Floats, labels: NDArray[np.int64]) -> None:
    """Raise an InputError unless layers follow each other, and images and labels fit them."""
    if not target:
        raise InputError("weights: give at least one layer")
    for number, (one, other) in enumerate(pairwise(target)):
        if other.shape[1] != len(one):
            raise InputError(
                f"weights: layer {number} has {len(one)} outputs and layer {number + 1} takes "
                f"{other.shape[1]} inputs; give layers that follow each other"
            )
    inputs = target[0].shape[1]
    if images.ndim != 2 or not len(images) or images.shape[1] != inputs:
        raise InputError(f"images have shape {images.shape}: give (images, {inputs}), at least one")
    if not np.isfinite(images).all():
        raise InputError("images: give finite numbers")
    classes = np.asarray(labels)
    if classes.shape != (len(images),) or not np.issubdtype(classes.dtype, np.integer):
        raise InputError(
            f"labels have shape {classes.shape} and type {classes.dtype}: give a whole number for "
            f"each of {len(images)} images"
        )


def check_paired(design: Design) -> None:
    """Raise an InputError unless the cells are paired: a ticket's resistors have fixed signs."""
    if design.polarity != "paired":
        raise InputError(
            f"polarity = {design.polarity!r}: a ticket's resistors have fixed signs; use 'paired'"
        )

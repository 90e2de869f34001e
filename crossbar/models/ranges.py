"""Ranges of converters, from what a few batches really put on the arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crossbar.errors import InputError
from crossbar.models.layers import AnalogLayer

Batch = tuple[Any, ...]


def checked_batches(model: nn.Module, batches: Iterable[Any]) -> list[Batch]:
    """Run batches through the digital model, to find a wrong one before long work starts.

    Parameters
    ----------
    batches : iterable
        Each is a tensor, or a tuple of all the inputs of the model's forward method, which may be
        lists, tuples and dicts of tensors.

    Raises
    ------
    InputError
        When there are none, or one does not run; it names the batch and the layer.
    """
    given = list(batches)
    found = [batch if isinstance(batch, tuple) else (batch,) for batch in given]
    if not found:
        raise InputError("calibration has no batches: give at least one")
    for number, batch in enumerate(found):
        parts = _tensors(batch)
        if parts is None or not isinstance(given[number], Tensor | tuple):
            raise InputError(
                f"calibration batch {number}: give a tensor, or a tuple of the model's inputs "
                "(of a loader of images and labels, the images alone)"
            )
        for part in parts:
            if part.is_floating_point() and not torch.isfinite(part).all():
                raise InputError(f"calibration batch {number}: every value must be finite")
        run_batch(model, batch, number)
    return found


def _tensors(value: Any) -> list[Tensor] | None:
    """The tensors in lists, tuples and dicts; None where there is anything else, or nothing."""
    if isinstance(value, Tensor):
        return [value]
    parts = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(parts, list | tuple) or not parts:
        return None
    found = [_tensors(part) for part in parts]
    if any(one is None for one in found):
        return None
    return [tensor for one in found for tensor in one or []]


def calibrate(
    model: nn.Module, layers: Sequence[AnalogLayer], batches: Sequence[Batch], percentile: float
) -> None:
    """Set the ranges of the layers' converters from batches that pass unconverted.

    Inputs that have no word line have no DAC either, and count for nothing.

    Raises
    ------
    InputError
        For a layer that no batch reaches, or that sees nothing but zeros.
    """
    seen: dict[AnalogLayer, dict[str, list[float]]] = {layer: {} for layer in layers}
    for layer in layers:
        layer.observer = partial(_note, seen[layer], percentile)
    try:
        for number, batch in enumerate(batches):
            run_batch(model, batch, number)
    finally:
        for layer in layers:
            layer.observer = None
    for layer in layers:
        if "dac" not in seen[layer]:
            raise InputError(
                f"layer {layer.path!r}: no calibration batch reaches it; give inputs that do, or "
                "convert without converters"
            )
        largest, lowest = seen[layer]["dac"]
        driven = bool(layer.lines.any())
        if driven and largest == 0:
            raise InputError(
                f"layer {layer.path!r}: sees nothing but zeros on the calibration batches (at "
                "this percentile); give other batches"
            )
        layer.dac_range.fill_(largest if driven else 1.0)
        layer.dac_signed.fill_(lowest < 0)
        sums = seen[layer].get("adc", [0.0])[0]
        if sums == 0 and bool(layer.weight.any()):
            raise InputError(
                f"layer {layer.path!r}: gives nothing but zeros on the calibration batches (at "
                "this percentile); give other batches"
            )
        layer.adc_range.fill_(sums or 1.0)


def _note(seen: dict[str, list[float]], percentile: float, name: str, values: Tensor) -> None:
    numbers = values.detach().cpu().double().numpy()
    largest = float(np.percentile(np.abs(numbers), percentile)) if numbers.size else 0.0
    before = seen.get(name, [0.0, 0.0])
    seen[name] = [max(before[0], largest), min(before[1], float(numbers.min(initial=0.0)))]


def run_batch(model: nn.Module, batch: Batch, number: int) -> None:
    """Run one batch; an error names the module that was at work."""
    at_work = [""]

    def enter(path: str) -> Callable[[nn.Module, Any], None]:
        def hook(_: nn.Module, __: Any) -> None:
            at_work[0] = path

        return hook

    hooks = [
        module.register_forward_pre_hook(enter(path)) for path, module in model.named_modules()
    ]
    try:
        with torch.no_grad():
            model(*batch)
    except Exception as error:  # whatever the model's own code raises
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        shapes = ", ".join(str(tuple(part.shape)) for part in _tensors(batch) or [])
        raise InputError(
            f"calibration batch {number} of shape {shapes}: fails in or after layer "
            f"{at_work[0]!r}: {reason}"
        ) from None
    finally:
        for hook in hooks:
            hook.remove()

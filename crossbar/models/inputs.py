"""What layers are multiplied by, from what a few batches really put into them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from crossbar.compensation import nothing_comes_of
from crossbar.errors import InputError
from crossbar.models.layers import AnalogLayer
from crossbar.models.making import Work, as_analog, typed_like
from crossbar.models.ranges import Batch, run_batch

Floats = NDArray[np.float64]

MOST_VECTORS = 2000
"""Of a matrix and all batches together, each time that its layer is used; others are left out at
even distances."""


def note_inputs(model: nn.Module, works: Sequence[Work], batches: Sequence[Batch]) -> None:
    """Give all works the inputs of their matrices, those of all their layers together.

    None to matrices that no batch reaches, or only with what they make zeros of.

    Parameters
    ----------
    model : nn.Module
        The digital one, whose layers are in `works`.
    batches : sequence of tuple
        Each with the inputs of the model; see `checked_batches`.

    Raises
    ------
    InputError
        For a layer that sees NaN or infinity.
    """
    hooks = []
    most = max(MOST_VECTORS // max(len(batches), 1), 1)
    seen: list[list[list[Tensor]]] = [[[] for _ in work.matrices] for work in works]
    for work, found in zip(works, seen, strict=True):
        for layer in work.layers:
            form = as_analog(layer, typed_like(layer, layer.weight), None)
            note = partial(_note, form, most, found)
            hooks.append(layer.module.register_forward_pre_hook(note, with_kwargs=True))
    try:
        for number, batch in enumerate(batches):
            run_batch(model, batch, number)
    finally:
        for hook in hooks:
            hook.remove()
    for work, found in zip(works, seen, strict=True):
        constants: Sequence[float | None] = work.constants or [None] * len(found)
        work.inputs = [
            _points(work.path, *one) for one in zip(work.matrices, found, constants, strict=True)
        ]


def _note(
    form: AnalogLayer,
    most: int,
    found: list[list[Tensor]],
    _: nn.Module,
    args: tuple[Any, ...],
    named: dict[str, Any],
) -> None:
    given = args[0] if args else named["input"]
    for vectors, parts in zip(form.vectors(given.detach(), most), found, strict=True):
        parts.append(vectors.cpu())


def _points(
    path: str, matrix: Floats, parts: Sequence[Tensor], constant: float | None
) -> Floats | None:
    """Inputs of a matrix, with that of its bias where it has one."""
    if not parts:
        return None
    points = np.concatenate([part.double().numpy() for part in parts])
    if not np.isfinite(points).all():
        raise InputError(
            f"layer {path!r}: sees NaN or infinity on the calibration batches; give other batches"
        )
    if nothing_comes_of(points, matrix.T[: points.shape[1]]):
        return None
    if constant is not None:
        points = np.column_stack([points, np.full(len(points), constant)])
    return points

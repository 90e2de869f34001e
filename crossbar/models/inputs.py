"""What layers are multiplied by, from what a few batches really put into them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from crossbar.models.layers import AnalogLayer
from crossbar.models.making import Work, as_analog, typed_like
from crossbar.models.ranges import Batch, run_batch

Floats = NDArray[np.float64]

MOST_VECTORS = 2000
"""Of a matrix and a batch; patches of images beyond are left out at even distances."""


def note_inputs(model: nn.Module, works: Sequence[Work], batches: Sequence[Batch]) -> None:
    """Give all works the inputs of their matrices, those of all their layers together.

    Works that no batch reaches, or only with zeros, get none.

    Parameters
    ----------
    model : nn.Module
        The digital one, whose layers are in `works`.
    batches : sequence of tuple
        Each with the inputs of the model; see `checked_batches`.
    """
    hooks = []
    seen: list[list[list[Floats]]] = [[[] for _ in work.matrices] for work in works]
    for work, found in zip(works, seen, strict=True):
        for layer in work.layers:
            form = as_analog(layer, typed_like(layer, layer.weight), None)
            note = partial(_note, form, found)
            hooks.append(layer.module.register_forward_pre_hook(note, with_kwargs=True))
    try:
        for number, batch in enumerate(batches):
            run_batch(model, batch, number)
    finally:
        for hook in hooks:
            hook.remove()
    for work, found in zip(works, seen, strict=True):
        matrices = [np.concatenate(parts) if parts else np.zeros((0, 0)) for parts in found]
        if work.constants:
            matrices = [
                np.column_stack([matrix, np.full(len(matrix), constant)])
                for matrix, constant in zip(matrices, work.constants, strict=True)
            ]
        work.inputs = matrices


def _note(
    form: AnalogLayer,
    found: list[list[Floats]],
    _: nn.Module,
    args: tuple[Any, ...],
    named: dict[str, Any],
) -> None:
    given = args[0] if args else named["input"]
    for vectors, parts in zip(form.vectors(given.detach()), found, strict=True):
        each = vectors.reshape(-1, vectors.shape[-1])
        step = -(-len(each) // MOST_VECTORS) or 1
        parts.append(each[::step].cpu().double().numpy())

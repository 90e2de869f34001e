"""What layers are multiplied by, from what a few batches really put into them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crossbar.compensation import nothing_comes_of
from crossbar.errors import InputError
from crossbar.models.layers import AnalogLayer
from crossbar.models.making import Work, as_analog, typed_like
from crossbar.models.ranges import Batch, run_batch

Floats = NDArray[np.float64]

MOST_VECTORS = 2000
"""That a matrix keeps, drawn from all that it is multiplied by."""

_AT_ONCE = 8  # images, whose patches take some times their memory
_LARGEST = 1e100


@dataclass
class _Drawn:
    """Vectors with the smallest of random keys, so that each is as likely to be kept."""

    random: np.random.Generator
    keys: Floats = field(default_factory=lambda: np.zeros(0))
    vectors: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    def add(self, vectors: Tensor) -> None:
        each = vectors.reshape(-1, vectors.shape[-1])
        keys = self.random.random(len(each))
        kept = np.sort(np.argsort(keys)[:MOST_VECTORS])
        chosen = each[torch.as_tensor(kept, device=each.device)].cpu().double().numpy()
        keys = np.concatenate([self.keys, keys[kept]])
        chosen = np.concatenate([self.vectors.reshape(-1, each.shape[1]), chosen])
        kept = np.sort(np.argsort(keys)[:MOST_VECTORS])
        self.keys, self.vectors = keys[kept], chosen[kept]


def note_inputs(model: nn.Module, works: Sequence[Work], batches: Sequence[Batch]) -> None:
    """Give all works the inputs of their matrices, those of all their layers together.

    Of many, as of the patches of images, at most `MOST_VECTORS` are drawn, the same every time.
    Matrices that no batch reaches, or whose products are all 0, get none.

    Parameters
    ----------
    model : nn.Module
        The digital one, whose layers are in `works`.
    batches : sequence of tuple
        Each with the inputs of the model; see `checked_batches`.

    Raises
    ------
    InputError
        For inputs of a layer that are not finite or of an unusual size.
    """
    hooks = []
    drawn = [[_Drawn(np.random.default_rng(0)) for _ in work.matrices] for work in works]
    for work, found in zip(works, drawn, strict=True):
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
    for work, found in zip(works, drawn, strict=True):
        constants: Sequence[float | None] = work.constants or [None] * len(found)
        work.inputs = [
            _of_use(work.path, one.vectors, matrix, constant)
            for one, matrix, constant in zip(found, work.matrices, constants, strict=True)
        ]


def _note(
    form: AnalogLayer,
    found: Sequence[_Drawn],
    _: nn.Module,
    args: tuple[Any, ...],
    named: dict[str, Any],
) -> None:
    given: Tensor = (args[0] if args else named["input"]).detach()
    step = _AT_ONCE if given.ndim == form.weight.ndim > 2 else max(len(given), 1)
    for first in range(0, len(given), step):
        for vectors, drawn in zip(form.vectors(given[first : first + step]), found, strict=True):
            drawn.add(vectors)


def _of_use(path: str, vectors: Floats, matrix: Floats, constant: float | None) -> Floats | None:
    """Inputs of a matrix, with that of its bias line, or None where its products are all 0."""
    if not len(vectors):
        return None
    if not np.isfinite(vectors).all():
        raise InputError(
            f"layer {path!r}: sees NaN or infinity on the calibration batches; give other batches"
        )
    if (largest := np.abs(vectors).max(initial=0)) > _LARGEST:
        raise InputError(
            f"layer {path!r}: calibration puts inputs of up to {largest:g} into it; give other "
            "batches, or scale the model to a usual size"
        )
    if nothing_comes_of(vectors, matrix.T[: vectors.shape[1]]):
        return None
    if constant is None:
        return vectors
    return np.column_stack([vectors, np.full(len(vectors), constant)])

"""What a ticket on hardware takes: paired cells, and layers, images and labels that fit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from crossbar.design import Design
from crossbar.errors import InputError

Floats = NDArray[np.float64]


def check_run(target: Sequence[Floats], images: Floats, labels: NDArray[np.int64]) -> None:
    """Refuse layers that do not follow each other, or images and labels that do not fit them.

    Parameters
    ----------
    target : sequence of ndarray, (outputs, inputs)
    images : ndarray, (images, inputs)
    labels : ndarray of int, (images,)

    Raises
    ------
    InputError
        For any of these.
    """
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

"""How weights become conductances: one full scale for a layer, for each column or for each tile.

Where some columns or tiles have small weights only, a scale of their own lets these use the whole
range of the cells. The currents are divided by it again in digital: behind the sum for columns,
before the tiles of a column are added up for tiles.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.programming import checked_weights
from crossbar.simulation import Tile, listed, tile_slices

Scaling = Literal["layer", "column", "tile"]
SiemensPerWeight = float | NDArray[np.float64]


def check_scaling(scaling: object) -> None:
    """Raise an InputError for a scaling that is none."""
    if scaling not in get_args(Scaling):
        raise InputError(f"scaling = {scaling!r}: choose one of {', '.join(get_args(Scaling))}")


def scaled_siemens_per_weight(
    design: Design, weights: ArrayLike, scaling: Scaling = "layer", tile: Tile | None = None
) -> SiemensPerWeight:
    """Conductance that stands for a weight of one, the largest of each part at full scale.

    Parameters
    ----------
    design : Design
        Gives the full scale.
    weights : array_like, (outputs, inputs)
        A layer's weights.
    scaling : {"layer", "column", "tile"}
        What has a full scale of its own; a part whose weights are all zero takes the layer's.
    tile : Tile, optional
        For ``tile``; default 32 x 32 lines.

    Returns
    -------
    float or ndarray, (outputs, 1) or (outputs, inputs)
        [S]; it divides a matrix (outputs, inputs).

    Raises
    ------
    InputError
        For bad weights or an unknown scaling.
    """
    check_scaling(scaling)
    matrix = np.abs(checked_weights(weights))
    layer = float(matrix.max())
    if scaling == "layer":
        return design.full_scale_siemens / layer
    largest = matrix.max(axis=1, keepdims=True)
    if scaling == "tile":
        largest = np.zeros(matrix.shape)
        for rows, columns in tile_slices(matrix.T.shape, tile or Tile()):
            largest[columns, rows] = matrix[columns, rows].max()
    return np.asarray(design.full_scale_siemens / np.where(largest > 1e-300, largest, layer))


def described(siemens_per_weight: SiemensPerWeight) -> list[str]:
    """The scale in lines of words, for the heads of files; each column's where they differ."""
    if isinstance(siemens_per_weight, float):
        return [f"weights: {siemens_per_weight!r} S for a weight of 1"]
    least, most = float(siemens_per_weight.min()), float(siemens_per_weight.max())
    text = [f"weights: {least!r} to {most!r} S for a weight of 1, by column or tile"]
    if siemens_per_weight.shape[1] > 1:
        return text
    values = siemens_per_weight[:, 0].tolist()
    return text + listed("siemens for a weight of 1 in each column", values)

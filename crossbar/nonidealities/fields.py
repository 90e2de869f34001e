"""Gradients over the die: what neighbouring cells have in common."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

REACH = 3.0
"""Where the kernel of the smooth field ends, in correlation lengths: it is 1e-4 there."""


def plane(rows: int, columns: int, random: np.random.Generator) -> NDArray[np.float64]:
    """A plane of random direction: 0 in the middle of the die, 1 where its edge is farthest up.

    Returns
    -------
    ndarray, (rows, columns)
        From -1 to 1, for cells in a square grid.
    """
    angle = random.uniform(0, 2 * math.pi)
    height = np.arange(rows) - (rows - 1) / 2
    width = np.arange(columns) - (columns - 1) / 2
    slope = math.cos(angle) * height[:, None] + math.sin(angle) * width[None, :]
    return np.asarray(slope / max(float(np.abs(slope).max()), 1e-300))


def smooth_field(
    rows: int, columns: int, correlation_cells: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """A Gaussian random field of variance 1.

    White noise convolved with exp(-d^2 / L^2), whose correlation is exp(-d^2 / (2 L^2)).

    Returns
    -------
    ndarray, (rows, columns)
    """
    from scipy.ndimage import convolve1d

    reach = math.ceil(REACH * correlation_cells)
    kernel = np.exp(-((np.arange(-reach, reach + 1) / correlation_cells) ** 2))
    kernel /= math.sqrt(float(np.sum(kernel**2)))
    field = random.standard_normal((rows + 2 * reach, columns + 2 * reach))
    for axis in (0, 1):
        field = convolve1d(field, kernel, axis=axis, mode="constant")
    return np.asarray(field[reach : reach + rows, reach : reach + columns])

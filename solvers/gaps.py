"""How far the states of a cell lie from nets that it may be asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.errors import InvalidInput
from solvers.settling import Choices

Floats = NDArray[np.float64]


def distance(choices: Choices, nets: Floats, *, enough: float = 0.0) -> Floats:
    """Distance from each net to the nearest one that a state of its cell has.

    Parameters
    ----------
    choices : Choices
        What cells can do.
    nets : ndarray, (rows, columns, points)
        Several for each cell.
    enough : float
        What no distance need be less than; given where one is. Takes far less time where cells
        have many states.

    Returns
    -------
    ndarray, (rows, columns, points)

    Raises
    ------
    InvalidInput
        For shapes that do not fit, NaN or infinity.
    """
    if nets.ndim != 3 or nets.shape[:2] != choices.allowed.shape[:2]:
        raise InvalidInput(
            f"nets have shape {nets.shape}: give (rows, columns, points) for "
            f"{choices.allowed.shape[:2]} cells"
        )
    if not np.isfinite(nets).all():
        raise InvalidInput("nets: every number must be finite")
    from solvers.kernels import gaps as kernels

    found = np.empty(nets.shape)
    kernels.distance(choices.up, choices.down, choices.base, choices.allowed, nets, enough, found)
    return found

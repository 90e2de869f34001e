"""How far cells that are not linear, transistors say, lie from the folded array."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spice_models import ngspice, nodal
from spice_models.array import Array, volts
from spice_models.cells import Cells

__all__ = ["Deviation", "deviation"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Deviation:
    """Currents of an array's cells in ngspice beside those of its folded resistors.

    Parameters
    ----------
    currents, folded : ndarray, shape (points, lines)
        Bit-line currents [A].
    worst, rms : float
        Largest and root-mean-square difference, relative to the largest folded current; 0 if
        nothing flows in either.
    """

    currents: Floats
    folded: Floats
    worst: float
    rms: float


def deviation(
    array: Array,
    inputs_volt: ArrayLike,
    cells: Cells = "transistors",
    timeout_seconds: float = ngspice.DEFAULT_TIMEOUT,
) -> Deviation:
    """Measure how far cells at some depth deviate from the folded array.

    Parameters
    ----------
    array : Array
    inputs_volt : array_like, shape (rows,) or (points, rows)
        Word-line voltages [V].
    cells : {"folded", "branches", "switches", "transistors"} or CellModel
    timeout_seconds : float
        The run of ngspice is killed after this time.

    Raises
    ------
    CircuitError
        If the inputs or the cells do not fit the array.
    NgspiceError
        If ngspice is missing or its answer cannot be trusted.
    """
    inputs = volts(array.rows, inputs_volt)
    found = ngspice.sweep(array, inputs, cells, timeout_seconds).currents
    folded = nodal.currents(array, inputs)
    difference = found - folded
    scale = float(np.abs(folded).max())
    if not difference.any():
        return Deviation(found, folded, 0.0, 0.0)
    relative = np.abs(difference) / scale if scale else np.full(difference.shape, np.inf)
    return Deviation(found, folded, float(relative.max()), float(np.sqrt((relative**2).mean())))

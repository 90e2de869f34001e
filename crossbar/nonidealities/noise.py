"""Read noise of a programmed array: thermal, and in proportion to the current (1/f)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossbar.fabrication import Chip, Switches

BOLTZMANN = 1.380649e-23
"""Boltzmann's constant [J/K], exact since the SI of 2019."""


def thermal_variance(
    siemens: NDArray[np.float64], bandwidth_hertz: float, kelvin: float
) -> NDArray[np.float64]:
    """Variance of the short-circuit noise current of conductances, 4 k T G B [A^2].

    Nyquist, "Thermal agitation of electric charge in conductors", Phys. Rev. 32, 110 (1928).
    """
    return np.asarray(4 * BOLTZMANN * kelvin * bandwidth_hertz * siemens)


def flicker_variance(
    square_siemens: NDArray[np.float64], volts: NDArray[np.float64], relative: float
) -> NDArray[np.float64]:
    """Variance of the columns' currents when each branch fluctuates by itself [A^2].

    A branch carries the current V G, of which its fluctuation is the share `relative`.

    Parameters
    ----------
    square_siemens : ndarray, (rows, columns)
        Sum of G^2 over the branches of a cell [S^2].
    volts : ndarray, (points, rows)
        Word-line voltages [V].

    Returns
    -------
    ndarray, (points, columns)
    """
    return np.asarray(relative**2 * (volts**2 @ square_siemens))


def column_siemens(chip: Chip, enabled: Switches) -> NDArray[np.float64]:
    """Conductance whose noise is that of each column, open switches too, (columns,) [S].

    Both lines' noise reaches the difference, and that of a reference line every column. Wires,
    which lower it a little, are neglected.
    """
    lines = chip.noise_siemens(enabled).sum(axis=(0, 2))
    return np.asarray(lines[:-1] + lines[-1] if chip.design.has_reference else lines)


def cell_square_siemens(chip: Chip, enabled: Switches) -> NDArray[np.float64]:
    """Sum of squared branch conductances of each cell, (rows, columns) [S^2]."""
    cells = (chip.branch_siemens(enabled) ** 2).sum(axis=2)
    return np.asarray(cells[:, :-1] + cells[:, -1:] if chip.design.has_reference else cells)

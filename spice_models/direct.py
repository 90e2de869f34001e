"""The direct solve: by factorisation, or by elimination where that cannot be trusted.

A factorisation (`spice_models.network`) serves where rounding stays small against the currents:
where the `strain` of the array is at most `LARGEST_STRAIN`, the largest current at least
`SMALLEST_SHARE` of what the largest cell would carry alone, and its own estimate of the error at
most `GOOD_ENOUGH`. Within these limits tests found it right to 1e-9 against rational arithmetic.
Beyond them `spice_models.elimination` answers, and where the array is too large for that, an error.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spice_models import elimination
from spice_models.array import Array
from spice_models.errors import CircuitError
from spice_models.network import TOO_FAR_APART, Network

__all__ = ["check_currents", "solve"]

Floats = NDArray[np.float64]

LARGEST_STRAIN = 1e12
SMALLEST_SHARE = 1e-5
GOOD_ENOUGH = 1e-9
WORST = 1e-6
_ZERO = 1e-14


def solve(array: Array, applied: Floats, backward: bool) -> tuple[Floats, float]:
    """Currents for voltages at the inputs, or at the senses if `backward`.

    Parameters
    ----------
    array : Array
    applied : ndarray, shape (points, rows), or (points, lines) if `backward`
        Voltages [V].
    backward : bool

    Returns
    -------
    currents : ndarray, shape (points, lines), or (points, rows) if `backward`
        Currents into the other side [A].
    error : float
        Estimate of the largest error of a current [A].

    Raises
    ------
    CircuitError
        If the resistances lie too far apart for a trustworthy answer.
    """
    strained = elimination.strain(array) > LARGEST_STRAIN
    if not strained:
        found, error = Network(array).solve(applied.T, backward)
        if _sizeable(array, applied, found) and error <= GOOD_ENOUGH * np.abs(found).max():
            return found.T, error
    siemens = elimination.transfer_matrix(array)
    if siemens is not None:
        siemens = siemens if backward else siemens.T
        error = elimination.rounding(array) * float((np.abs(applied) @ siemens).max())
        return applied @ siemens, error
    if strained:
        raise CircuitError(TOO_FAR_APART)
    _check(array, applied, found, error)
    return found.T, error


def check_currents(array: Array, inputs: Floats, found: Floats) -> None:
    """Refuse what a factorisation found, (lines,), for inputs (rows,) if it is not right.

    Raises
    ------
    CircuitError
        If factorisation is out of its limits here and elimination disagrees, or cannot tell.
    """
    strained = elimination.strain(array) > LARGEST_STRAIN
    if not strained and _sizeable(array, inputs, found):
        return
    siemens = elimination.transfer_matrix(array)
    if siemens is None:
        wrong = strained or np.abs(found).max() > _ZERO * _carried(array, inputs)
    else:
        scale = siemens @ np.abs(inputs)
        wrong = bool(np.abs(found - siemens @ inputs).max() > GOOD_ENOUGH * scale.max())
    if wrong:
        raise CircuitError(TOO_FAR_APART)


def _check(array: Array, applied: Floats, found: Floats, error: float) -> None:
    """Refuse a poor answer, unless it is zero but for rounding.

    Raises
    ------
    CircuitError
        If the error is above 1e-6 of the largest current, and above 1e-14 of what the largest
        cell would carry.
    """
    if not (error <= WORST * np.abs(found).max() or error <= _ZERO * _carried(array, applied)):
        raise CircuitError(TOO_FAR_APART)


def _sizeable(array: Array, applied: Floats, found: Floats) -> bool:
    return bool(np.abs(found).max() >= SMALLEST_SHARE * _carried(array, applied))


def _carried(array: Array, applied: Floats) -> float:
    return float(array.siemens.max() * np.abs(applied).max())

"""Bits of precision, defined once: every table and figure takes them from here."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def worst_bits(error: ArrayLike, full_scale: float) -> float:
    """Bits that even the worst element keeps, ``-log2(max|error| / full_scale)``.

    A value within half a step of a b-bit scale has ``b + 1`` of these bits.

    Parameters
    ----------
    error : array_like
        Signed errors, in the units of `full_scale`; at least one.
    full_scale : float
        The largest magnitude that the quantity is meant to reach.

    Returns
    -------
    float
        Infinity when every error is zero.
    """
    return _bits(float(np.max(np.abs(np.asarray(error, dtype=float)))), full_scale)


def median_bits(error: ArrayLike, full_scale: float) -> float:
    """Bits of the median element, ``-log2(median|error| / full_scale)``."""
    return _bits(float(np.median(np.abs(np.asarray(error, dtype=float)))), full_scale)


def effective_bits(error: ArrayLike, output_range: float) -> float:
    """Effective number of bits, ``log2(range / (sqrt(12) rms error))``.

    The convention of analog-to-digital converters (IEEE Std 1241): an ideal b-bit
    quantiser of that range, whose rms error is its step over sqrt(12), has b bits.

    Parameters
    ----------
    error : array_like
        Signed errors, in the units of `output_range`; at least one.
    output_range : float
        Largest minus smallest value that the quantity takes.
    """
    rms = float(np.sqrt(np.mean(np.square(np.asarray(error, dtype=float)))))
    return _bits(rms * float(np.sqrt(12.0)), output_range)


def _bits(error: float, scale: float) -> float:
    if error == 0:
        return float("inf")
    if scale <= 0:
        return float("-inf")
    return float(np.log2(scale) - np.log2(error))

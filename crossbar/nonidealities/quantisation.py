"""The arithmetic of converters, for numpy arrays and PyTorch tensors alike."""

from __future__ import annotations

from typing import Any


def quantise(values: Any, largest: Any, bits: int, signed: Any) -> Any:
    """Values as a converter returns them; see `crossbar.Converters` for its levels.

    Parameters
    ----------
    values : ndarray or Tensor
        Of any shape, floats.
    largest : float or Tensor
        The range, in the units of the values.
    bits : int
        So the converter has 2^bits levels, one of them exactly zero.
    signed : float or Tensor
        1 where the range reaches below zero, else 0.
    """
    step = largest * (1 + signed) / (2**bits - 1)
    low = -signed * 2 ** (bits - 1)
    return (values / step).round().clip(low, low + (2**bits - 1)) * step

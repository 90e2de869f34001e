"""What the converters around an array are: their bits, where they stand, how they are ranged."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from crossbar.errors import InputError
from crossbar.nonidealities import quantisation
from crossbar.nonidealities.settings import MOST_BITS as MOST_BITS

if TYPE_CHECKING:
    from torch import Tensor

Place = Literal["tile", "layer"]


@dataclass(frozen=True, kw_only=True)
class Converters:
    """Digital-to-analog converters before and analog-to-digital ones behind the arrays of a layer.

    A converter of b bits has 2^b levels a step apart, one of them exactly zero (mid-tread). A
    signed one covers its range R from -R to R in steps of 2 R / (2^b - 1), an unsigned one from 0
    to R in steps of R / (2^b - 1); every value inside is met within half a step, and every value
    outside becomes the nearest end. As zero is a level, the top code of a signed converter stands
    for half a step less than R, its lowest for half a step below -R.

    Ranges come from calibration batches: each layer has one for all its DACs and one for all its
    ADCs, so the codes of partial sums add up as integers. Inputs without a word line have no DAC
    and set no range. ADCs are ranged by the partial sums of inputs that no DAC has rounded.

    Parameters
    ----------
    dac_bits : int, optional
        Bits of the inputs, 1 to 24; None leaves them as they are. Unsigned where calibration
        saw no negative input.
    adc_bits : int, optional
        Bits of the outputs, 1 to 24, always signed; None leaves them as they are.
    adc_at : {"tile", "layer"}
        ``tile``: the partial sum of each column of each tile is converted, and the codes of tiles
        one above the other are added. ``layer``: their currents add up first, as if on one line.
    percentile : float
        Of the magnitudes in a batch [%], above 0 to 100, of each row of tiles alone where ADCs
        stand at tiles; a range is the largest of these over batches and rows. 100 takes the
        largest value; less lets outliers saturate.

    Raises
    ------
    InputError
        For a value out of range.
    """

    dac_bits: int | None = 8
    adc_bits: int | None = 8
    adc_at: Place = "tile"
    percentile: float = 100.0

    def __post_init__(self) -> None:
        for field in ("dac_bits", "adc_bits"):
            bits = getattr(self, field)
            whole = isinstance(bits, numbers.Integral) and not isinstance(bits, bool)
            if bits is not None and not (whole and 1 <= bits <= MOST_BITS):
                raise InputError(
                    f"{field} = {bits!r}: give a whole number from 1 to {MOST_BITS}, or None"
                )
        if self.dac_bits is None and self.adc_bits is None:
            raise InputError("dac_bits, adc_bits = None: give one of them, or converters=None")
        if self.adc_at not in get_args(Place):
            raise InputError(
                f"adc_at = {self.adc_at!r}: choose one of {', '.join(get_args(Place))}"
            )
        percentile = self.percentile
        if not isinstance(percentile, numbers.Real) or not 0 < percentile <= 100:
            raise InputError(f"percentile = {percentile!r}: give a number above 0 and up to 100")


def quantise(values: Tensor, largest: Tensor, bits: int, signed: Tensor) -> Tensor:
    """Values as a converter of some bits and a range returns them; see `Converters`.

    Parameters
    ----------
    values : Tensor
        Of any shape and floating type; the steps are counted in float32 or better.
    largest : Tensor, ()
        The range, in the units of the values.
    signed : Tensor of bool, ()
        Whether the range reaches below zero.
    """
    import torch

    exact = values.to(torch.promote_types(values.dtype, torch.float32))
    rounded = quantisation.quantise(exact, largest.to(exact.dtype), bits, signed.to(exact.dtype))
    converted: Tensor = rounded.to(values.dtype)
    return converted

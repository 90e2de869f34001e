"""A layer as it is read: rounded inputs, the array, its noise, rounded outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossbar.fabrication import Chip, Switches
from crossbar.nonidealities.chips import Child, generator
from crossbar.nonidealities.noise import (
    cell_square_siemens,
    column_siemens,
    flicker_variance,
    thermal_variance,
)
from crossbar.nonidealities.quantisation import quantise
from crossbar.nonidealities.settings import Nonidealities

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ranges:
    """What a layer's inputs and outputs reach, by which voltages and converters are set.

    Parameters
    ----------
    largest_input, largest_output : float
        Largest magnitudes, in the units of the activations and of the digital products.
    signed : bool
        Whether there are negative inputs.
    """

    largest_input: float
    largest_output: float
    signed: bool

    @staticmethod
    def of(inputs: Floats, outputs: Floats) -> Ranges:
        """Those of calibration data and their digital products; 1 where all are zero."""
        return Ranges(
            float(np.abs(inputs).max()) or 1.0,
            float(np.abs(outputs).max()) or 1.0,
            bool((inputs < 0).any()),
        )


@dataclass(frozen=True)
class Reading:
    """How the products of a layer are read; a function of the inputs.

    DACs and ADCs stand at the layer, have one range each and saturate beyond it; the levels are
    those of `crossbar.Converters`. Every call draws the same noise, a new one for each input.

    Parameters
    ----------
    matrix : ndarray, (outputs, inputs)
        What the array multiplies by.
    chip, enabled : Chip, ndarray of bool
        Whose branches make the noise.
    siemens_per_weight : float or ndarray, (outputs, 1)
        Conductance that stands for a weight of one [S].
    read_volt : float
        Word-line voltage of the largest input [V].
    ranges : Ranges
        Of this layer.
    nonidealities : Nonidealities
        Noise and converters.
    seed : numpy.random.SeedSequence
        The layer's, see `chips.Child`.
    """

    matrix: Floats
    chip: Chip
    enabled: Switches
    siemens_per_weight: float | Floats
    read_volt: float
    ranges: Ranges
    nonidealities: Nonidealities
    seed: np.random.SeedSequence

    def __call__(self, inputs: Floats) -> Floats:
        """Products (points, outputs) of inputs (points, inputs), both in digital units."""
        n, ranges = self.nonidealities, self.ranges
        if n.dac_bits is not None:
            signed = float(ranges.signed)
            inputs = quantise(inputs, ranges.largest_input, n.dac_bits, signed)
        products = inputs @ self.matrix.T
        if n.noisy:
            drawn = generator(self.seed, Child.NOISE).standard_normal(products.shape)
            products = products + drawn * self.noise(inputs)
        if n.adc_bits is not None:
            products = quantise(products, ranges.largest_output, n.adc_bits, 1.0)
        return np.asarray(products)

    def noise(self, inputs: Floats) -> Floats:
        """Standard deviation of each product, (points, outputs), in digital units."""
        n = self.nonidealities
        volt_per_input = self.read_volt / self.ranges.largest_input
        thermal = thermal_variance(
            column_siemens(self.chip, self.enabled), n.noise_bandwidth_hertz, n.temperature_kelvin
        )
        squares = cell_square_siemens(self.chip, self.enabled)
        flicker = flicker_variance(squares, inputs * volt_per_input, n.flicker_relative)
        ampere = np.sqrt(thermal + flicker)
        per_weight = np.asarray(self.siemens_per_weight).T  # a row of outputs, or one for all
        return np.asarray(ampere / (per_weight * volt_per_input))

"""What a real chip suffers besides the tolerance of its resistors: one dataclass, all off."""

from __future__ import annotations

import numbers
from dataclasses import dataclass, fields

from crossbar.errors import InputError

MOST_BITS = 24
LONGEST_CORRELATION = 256


@dataclass(frozen=True, kw_only=True)
class Nonidealities:
    """Non-idealities of a chip, in the order in which they happen; by default there are none.

    Tolerance, its distribution and the switch are fields of `Design`, wires are `Wires`, and the
    error of the measurement is an argument of `measure`: they are not repeated here.

    Parameters
    ----------
    gradient_relative : float
        Made with the chip: a plane over the die, of random direction, that changes the
        resistances by this much, relative, from the middle to the edge. Matching of
        resistors falls with their distance (Pelgrom et al., JSSC 24, 1433, 1989); a few per cent
        over a die are usual.
    gradient_field_relative : float
        Made with the chip: a smooth random field over the die; standard deviation of the
        logarithm of the resistances.
    gradient_correlation_cells : float
        Correlation length L of that field [cells]: cells d apart have exp(-d^2 / (2 L^2)) in
        common; 1 to 256.
    stuck_open_probability, stuck_closed_probability : float
        Share of the branches that never conduct, and of those that conduct whatever their
        switch is told. Published arrays lose 0.1 to 10 % of their devices (Chen et al., IEEE
        Trans. Comput. 64, 180, 2015: 9.0 % stuck at one, 1.75 % at the other state).
    stuck_unknown_share : float
        Of these branches, the share that gets stuck after the measurement, 0 to 1. The others
        are found by it, and the programming works around them.
    temperature_rise_kelvin : float
        Of the chip, from its measurement to its use [K].
    temperature_coefficient_ppm_per_kelvin : float
        Of every resistance [ppm/K]; thin film 25 to 100.
    temperature_coefficient_sigma_ppm_per_kelvin : float
        Standard deviation among branches [ppm/K]; thin-film networks track to 2 to 15.
    drift_seconds : float
        Time from measurement to use [s]; 0 for no drift.
    drift_start_seconds : float
        Age t0 of the resistors when they are measured, since they were made or last written [s].
    drift_exponent, drift_exponent_sigma : float
        A branch's conductance falls as (t / t0)^-nu, nu normal with this mean and standard
        deviation. Phase-change memory: 0.049 and 0.008 near full conductance (Joshi et al.,
        Nat. Commun. 11, 2473, 2020; Le Gallo et al., Adv. Electron. Mater. 4, 1700627, 2018).
        Thin film: 0.1 % after 8,000 h, so some 1e-4 from t0 = 1 h on. The spread after a time
        is, relative, sigma ln(t / t0).
    noise_bandwidth_hertz : float
        Of the readout [Hz]; each conductance G adds a thermal noise current of variance 4 k T G
        times it (Nyquist, Phys. Rev. 32, 110, 1928); 0 for none.
    ambient_kelvin : float
        Temperature of the chip before `temperature_rise_kelvin` [K]; 0.001 to 2000.
    flicker_relative : float
        Standard deviation of a branch's conductance from one read to the next by 1/f noise,
        relative, over the band of the readout; in proportion to the current (Hooge, Phys. Lett.
        A 29, 139, 1969). Metal films 1e-6 and less, phase-change memory near 1e-2.
    dac_bits, adc_bits : int, optional
        Bits of the converters at a layer's inputs and outputs, 1 to 24; None for exact ones. In
        PyTorch models these are `Converters`.

    Raises
    ------
    InputError
        For a value out of range.
    """

    gradient_relative: float = 0.0
    gradient_field_relative: float = 0.0
    gradient_correlation_cells: float = 16.0
    stuck_open_probability: float = 0.0
    stuck_closed_probability: float = 0.0
    stuck_unknown_share: float = 0.0
    temperature_rise_kelvin: float = 0.0
    temperature_coefficient_ppm_per_kelvin: float = 25.0
    temperature_coefficient_sigma_ppm_per_kelvin: float = 5.0
    drift_seconds: float = 0.0
    drift_start_seconds: float = 3600.0
    drift_exponent: float = 1e-4
    drift_exponent_sigma: float = 3e-5
    noise_bandwidth_hertz: float = 0.0
    ambient_kelvin: float = 300.0
    flicker_relative: float = 0.0
    dac_bits: int | None = None
    adc_bits: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            self._check(field.name)
        both = self.stuck_open_probability + self.stuck_closed_probability
        if both > 1:
            raise InputError(
                f"stuck_open_probability + stuck_closed_probability = {both}: give at most 1 in all"
            )
        if self.ambient_kelvin + self.temperature_rise_kelvin <= 0:
            raise InputError(
                f"temperature_rise_kelvin = {self.temperature_rise_kelvin}: brings the chip below "
                "0 K; give a smaller fall"
            )

    def _check(self, name: str) -> None:
        value = getattr(self, name)
        if name.endswith("_bits"):
            whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
            if value is not None and not (whole and 1 <= value <= MOST_BITS):
                raise InputError(
                    f"{name} = {value!r}: give a whole number from 1 to {MOST_BITS}, or none"
                )
            return
        least, most = _RANGES[name]
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number or not least <= value <= most:
            raise InputError(f"{name} = {value!r}: give a number from {least:g} to {most:g}")

    @property
    def noisy(self) -> bool:
        """Whether a read differs from the next."""
        return self.noise_bandwidth_hertz > 0 or self.flicker_relative > 0

    @property
    def reads_exactly(self) -> bool:
        """Whether products are read without noise and without converters."""
        return not self.noisy and self.dac_bits is None and self.adc_bits is None

    @property
    def temperature_kelvin(self) -> float:
        """Of the chip in use [K]."""
        return self.ambient_kelvin + self.temperature_rise_kelvin


_LONGEST = 1e12
_RANGES: dict[str, tuple[float, float]] = {
    "gradient_relative": (0, 0.9),
    "gradient_field_relative": (0, 1),
    "gradient_correlation_cells": (1, LONGEST_CORRELATION),
    "stuck_open_probability": (0, 1),
    "stuck_closed_probability": (0, 1),
    "stuck_unknown_share": (0, 1),
    "temperature_rise_kelvin": (-1000, 1000),
    "temperature_coefficient_ppm_per_kelvin": (-1e5, 1e5),
    "temperature_coefficient_sigma_ppm_per_kelvin": (0, 1e4),
    "drift_seconds": (0, _LONGEST),
    "drift_start_seconds": (1e-9, _LONGEST),
    "drift_exponent": (-1, 1),
    "drift_exponent_sigma": (0, 1),
    "noise_bandwidth_hertz": (0, 1e15),
    "ambient_kelvin": (0.001, 2000),
    "flicker_relative": (0, 1),
}

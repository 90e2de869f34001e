"""Every number of a cost that is not computed from the circuit, with its unit and source."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import get_type_hints

from crossbar.errors import InputError

__all__ = ["SOURCES", "Assumptions", "unit_of"]

ASSUMED = "assumed"
SURVEY = "B. Murmann, ADC Performance Survey 1997-2024; good SAR converters of some 8 bits"
HOROWITZ = "M. Horowitz, ISSCC 2014, 45 nm at 0.9 V"
MOST_BITS = 24


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """What is assumed about the circuits around the resistors; `SOURCES` names where it is from.

    An energy may be 0, to leave that part out.

    Parameters
    ----------
    read_volt : float
        Word-line voltage where no inputs are given [V].
    supply_volt : float
        Of drivers and sense amplifiers [V]: a linear driver takes a word line's current from it,
        a sense amplifier at least the bit line's. Assumed, usual from 28 to 14 nm.
    bits : int
        Of DACs and ADCs; lines settle to half a step.
    walden_joule : float
        Energy of a conversion is at least this for each of its 2^bits steps [J]. Assumed; R. H.
        Walden, JSAC 17 (1999), defines it, SAR converters of 4 to 10 fJ are published (B. Murmann,
        ADC Performance Survey).
    schreier_db : float
        Energy of a conversion is also at least what the noise of so many bits takes at this figure
        of merit, SNDR + 10 log10(bandwidth / power) [dB]. Assumed; see the same survey.
    conversion_seconds : float
        Of one conversion [s]. Assumed: 100 MS/s.
    columns_per_adc : int
        Columns that take turns at one ADC; each is sampled and held meanwhile.
    dac_unit_farad : float
        Smallest capacitor of a DAC that redistributes charge; a conversion takes 2^bits of them
        times supply_volt^2 [F]. Assumed; 0.5 fF is published (P. Harpe et al., JSSC 46, 2011).
    dac_seconds : float
        From digital input to driven word line [s]. Assumed: one clock at 1 GHz.
    rescale_joule : float
        Digital scale and offset of an output [J]: a 32-bit integer product and sum. Horowitz.
    partial_sum_joule : float
        Digital sum of two tiles' outputs [J]: a 32-bit integer sum. Horowitz.
    sheet_ohm : float
        Of the resistors [ohm a square]. Assumed: high-resistance polysilicon.
    resistor_width_metre : float
        Of a resistor's track [m]. Assumed.
    resistor_spread : float
        Area with spacing, over that of the track. Assumed: track and gap alike.
    switch_square_metre : float
        A switch with its wiring [m^2]. Assumed: near minimum at 28 nm.
    memory_square_metre : float
        The bit that holds it [m^2]. Assumed: 28 nm SRAM.
    adc_square_metre : float
        One ADC [m^2]. A. Shafiee et al. (ISAAC), ISCA 2016: 8 bits, 1.2 GS/s, 32 nm.
    dac_square_metre : float
        One DAC with driver [m^2]. Assumed.
    wire_farad_per_metre : float
        Of word and bit lines [F/m], one side of a cell a column and a row; it is the root of the
        area of a cell, both bit lines together. Assumed: 0.2 fF a um, usual on chips (R. Ho et
        al., Proc. IEEE 89, 2001).
    fp32_joule : float
        A digital multiply-accumulate in 32-bit floating point [J]: 3.7 + 0.9 pJ. Horowitz.
    int8_joule : float
        The same in 8-bit integers [J]: 0.2 + 0.03 pJ. Horowitz.

    Raises
    ------
    InputError
        For a value that is out of range; the message names field, value and remedy.
    """

    read_volt: float = 0.2
    supply_volt: float = 0.8
    bits: int = 8
    walden_joule: float = 10e-15
    schreier_db: float = 175.0
    conversion_seconds: float = 10e-9
    columns_per_adc: int = 1
    dac_unit_farad: float = 1e-15
    dac_seconds: float = 1e-9
    rescale_joule: float = 3.2e-12
    partial_sum_joule: float = 0.1e-12
    sheet_ohm: float = 1e3
    resistor_width_metre: float = 0.4e-6
    resistor_spread: float = 2.0
    switch_square_metre: float = 0.3e-12
    memory_square_metre: float = 0.127e-12
    adc_square_metre: float = 1200e-12
    dac_square_metre: float = 100e-12
    wire_farad_per_metre: float = 0.2e-9
    fp32_joule: float = 4.6e-12
    int8_joule: float = 0.23e-12

    def __post_init__(self) -> None:
        kinds = get_type_hints(type(self))
        for field in fields(self):
            value = getattr(self, field.name)
            allowed = int if kinds[field.name] is int else (int, float)
            if isinstance(value, bool) or not isinstance(value, allowed):
                raise InputError(f"{field.name} = {value!r}: give a number")
            free = field.name.endswith("_joule") and value == 0
            if not (0 < value < math.inf or free):
                raise InputError(f"{field.name} = {value}: give a positive, finite number")
        if self.bits > MOST_BITS:
            raise InputError(f"bits = {self.bits}: give 1 to {MOST_BITS}")
        if self.resistor_spread < 1:
            raise InputError(f"resistor_spread = {self.resistor_spread}: give 1 or more")
        if self.supply_volt < self.read_volt:
            raise InputError(
                f"supply_volt = {self.supply_volt}: is below read_volt = {self.read_volt}; "
                "give a higher one"
            )

    @property
    def conversion_joule(self) -> float:
        """Energy of one conversion of an ADC [J]: what its steps or its noise take, the larger.

        Walden: ``walden_joule 2^bits``. Schreier, at twice the bandwidth a second and
        ``SNDR = 6.02 bits + 1.76`` dB: ``10^((SNDR - schreier_db) / 10) / 2``.
        """
        noise = math.pow(10, (6.02 * self.bits + 1.76 - self.schreier_db) / 10) / 2
        return max(self.walden_joule * (1 << self.bits), noise)

    @property
    def dac_joule(self) -> float:
        """Energy of one conversion of a DAC [J], ``2^bits dac_unit_farad supply_volt^2``."""
        return (1 << self.bits) * self.dac_unit_farad * self.supply_volt * self.supply_volt


SOURCES = {
    "walden_joule": f"{ASSUMED}; 4 to 10 fJ published, {SURVEY}",
    "schreier_db": f"{ASSUMED}; see {SURVEY.partition(';')[0]}",
    "dac_unit_farad": f"{ASSUMED}; 0.5 fF in P. Harpe et al., JSSC 46, 2011",
    "rescale_joule": f"{HOROWITZ}: 32-bit integers, 3.1 + 0.1 pJ",
    "partial_sum_joule": f"{HOROWITZ}: 32-bit integers",
    "adc_square_metre": "A. Shafiee et al., ISAAC, ISCA 2016: 8 bits, 1.2 GS/s, 32 nm",
    "wire_farad_per_metre": f"{ASSUMED}; usual on chips, R. Ho et al., Proc. IEEE 89, 2001",
    "fp32_joule": f"{HOROWITZ}: 3.7 + 0.9 pJ",
    "int8_joule": f"{HOROWITZ}: 0.2 + 0.03 pJ",
}
"""Where an assumption comes from; the others are assumed."""

_UNITS = {
    "volt": "V",
    "joule": "J",
    "seconds": "s",
    "ohm": "ohm/square",
    "farad": "F",
    "db": "dB",
    "bits": "bits",
}


def unit_of(name: str) -> str:
    """Unit of an assumption, by its name."""
    if name.endswith("farad_per_metre"):
        return "F/m"
    if name.endswith("square_metre"):
        return "m^2"
    if name.endswith("metre"):
        return "m"
    return _UNITS.get(name.rsplit("_", 1)[-1], "")

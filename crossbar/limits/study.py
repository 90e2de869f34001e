"""What is compared: one layer of random weights, and values that are usual for each limit."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, field, replace

from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.nonidealities import Nonidealities
from spice_models import Wires


def typical() -> Nonidealities:
    """Usual values for thin-film resistors and an 8-bit readout; sources in `Nonidealities`.

    Drift after 8,000 h is 0.1 %; its spread among branches, 0.03 %, and the relative 1/f noise
    are assumptions.
    """
    return Nonidealities(
        gradient_relative=0.05,
        gradient_field_relative=0.03,
        stuck_open_probability=0.005,
        stuck_closed_probability=0.005,
        stuck_unknown_share=0.1,
        temperature_rise_kelvin=30.0,
        drift_seconds=8000 * 3600.0,
        noise_bandwidth_hertz=1e7,
        flicker_relative=1e-4,
        dac_bits=8,
        adc_bits=8,
    )


@dataclass(frozen=True, kw_only=True)
class LimitsStudy:
    """What to put on chips.

    A layer of uniform random weights reads uniform random inputs; one gain, fitted on other
    inputs, is allowed for the whole layer, as any receiver of the products has it.

    Parameters
    ----------
    design : Design
        The cell; `resistors` replaces its number of resistors. Its switches and a distribution
        other than uniform are limits like the others: alone, each curve has ideal switches and
        a uniform tolerance, of the resistances, or of the conductances as the design says.
    resistors : tuple of int
        Resistors per weight to try.
    chips : int
        Chips of each.
    size : int
        Rows and columns of the layer, one tile.
    inputs : int
        Input vectors that are compared, and as many for the gain.
    lognormal_sigma : float
        Of the logarithm of the resistances, for the curve with a tail; 0 for none.
    measurement_error : float
        Relative standard deviation.
    wires : Wires
        Behind one gain; in a curve of their own made up for (`compensation.compensate`), where
        the cells can be programmed so.
    read_volt : float
        Word-line voltage of an input of 1 [V].
    nonidealities : Nonidealities
        The others; see `typical`.
    seed : int
        Root of all random numbers.

    Raises
    ------
    InputError
        For a value out of range.
    """

    design: Design = field(default_factory=Design)
    resistors: tuple[int, ...] = (4, 6, 8, 10, 12, 14, 16, 18, 20)
    chips: int = 5
    size: int = 64
    inputs: int = 500
    lognormal_sigma: float = 0.2
    measurement_error: float = 1e-4
    wires: Wires = field(default_factory=Wires)
    read_volt: float = 0.2
    nonidealities: Nonidealities = field(default_factory=typical)
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.resistors or len(set(self.resistors)) < len(self.resistors):
            raise InputError(f"resistors = {list(self.resistors)}: give each number once")
        for name, least, most in (("chips", 1, 10_000), ("size", 2, 512), ("inputs", 2, 100_000)):
            value = getattr(self, name)
            whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
            if not whole or not least <= value <= most:
                raise InputError(f"{name} = {value!r}: give a whole number from {least} to {most}")
        for name, largest in (("lognormal_sigma", 0.99), ("measurement_error", 0.1)):
            if not (_is_number(getattr(self, name)) and 0 <= getattr(self, name) <= largest):
                raise InputError(f"{name} = {getattr(self, name)!r}: give 0 to {largest}")
        if not (_is_number(self.read_volt) and 0 < self.read_volt < math.inf):
            raise InputError(f"read_volt = {self.read_volt!r}: give a positive voltage")
        if not isinstance(self.seed, numbers.Integral) or self.seed < 0:
            raise InputError(f"seed = {self.seed!r}: give a whole number of 0 or more")
        for count in self.resistors:
            replace(self.design, resistors=count)  # refused here, not after an hour


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)

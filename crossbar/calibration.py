"""True resistances to measured ones: all that programming ever learns about a chip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.fabrication import Chip, Seed


@dataclass(frozen=True)
class Measurement:
    """Measured branches of a chip.

    Parameters
    ----------
    design : Design
        What each cell was meant to be.
    on_siemens : ndarray, (rows, columns, branches)
        Measured conductance of each branch through its closed switch [S].
    """

    design: Design
    on_siemens: NDArray[np.float64]

    def __post_init__(self) -> None:
        on_siemens = np.array(self.on_siemens, dtype=float)
        if on_siemens.ndim != 3 or on_siemens.shape[2] != self.design.resistors:
            raise InputError(
                f"on_siemens has shape {on_siemens.shape}: give (rows, columns, "
                f"{self.design.resistors}), a branch for each resistor of the design"
            )
        if not (np.isfinite(on_siemens) & (on_siemens > 0)).all():
            raise InputError("on_siemens: every measured conductance must be positive and finite")
        on_siemens.setflags(write=False)
        object.__setattr__(self, "on_siemens", on_siemens)

    @property
    def off_siemens(self) -> NDArray[np.float64]:
        """Conductance of each branch with its switch open, by the switch's ratings [S]."""
        return off_siemens(self.design, self.on_siemens)


def off_siemens(design: Design, on_siemens: NDArray[np.float64]) -> NDArray[np.float64]:
    """Leakage of open branches from their closed conductance [S]."""
    return np.asarray(1 / (1 / on_siemens - design.on_ohm + design.off_ohm), dtype=float)


def measure(chip: Chip, *, error: float = 1e-4, seed: Seed) -> Measurement:
    """Measure every branch of a chip through its closed switch.

    Parameters
    ----------
    chip : Chip
        The chip.
    error : float
        Standard deviation of the measurement, relative to the value.
    seed : int or numpy.random.SeedSequence
        Seed of the measurement's noise, independent of the chip's.

    Raises
    ------
    InputError
        When `error` is not in [0, 0.1].
    """
    if not 0 <= error <= 0.1:
        raise InputError(f"measurement error = {error}: give a fraction from 0 to 0.1")
    noise = np.random.default_rng(seed).standard_normal(chip.true_ohm.shape)
    every = np.ones(chip.true_ohm.shape, dtype=bool)
    return Measurement(chip.design, chip.branch_siemens(every) * (1 + error * noise))

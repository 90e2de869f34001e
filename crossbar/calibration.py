"""True resistances to measured ones: all that programming ever learns about a chip."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from crossbar.branches import off_siemens, resistor_ohm
from crossbar.design import SMALLEST_OHM, Design
from crossbar.errors import InputError
from crossbar.fabrication import Chip, Seed, check_reference, checked_stuck, draw_branches


@dataclass(frozen=True)
class Measurement:
    """Measured branches of a chip.

    Parameters
    ----------
    design : Design
        What each cell was meant to be.
    on_siemens : ndarray, (rows, columns, branches)
        Measured conductance of each branch through its closed switch [S], where there are two
        the current into the line of the closed one, at 1 V; 0 where the branch
        is open, that is known not to conduct. Programming leaves its switch open. A design
        with a reference line has one more column of cells for it, the last one.
    stuck_closed : ndarray of bool or int8, (rows, columns, branches), optional
        Branches known to conduct whatever their switch is told; None where there are none. Where a
        branch can take either line, int8: 1 or -1, the line that it is stuck to, else 0.
    """

    design: Design
    on_siemens: NDArray[np.float64]
    stuck_closed: NDArray[np.bool_] | NDArray[np.int8] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        on_siemens = np.array(self.on_siemens, dtype=float)
        if on_siemens.ndim != 3 or on_siemens.shape[2] != self.design.resistors:
            raise InputError(
                f"on_siemens has shape {on_siemens.shape}: give (rows, columns, "
                f"{self.design.resistors}), a branch for each resistor of the design"
            )
        check_reference("on_siemens", self.design, on_siemens.shape)
        if not (np.isfinite(on_siemens) & (on_siemens >= 0)).all():
            raise InputError(
                "on_siemens: every measured conductance must be positive and finite, or 0 where "
                "the branch is open"
            )
        on_siemens.setflags(write=False)
        object.__setattr__(self, "on_siemens", on_siemens)
        stuck = checked_stuck(self.stuck_closed, self.design, on_siemens.shape)
        object.__setattr__(self, "stuck_closed", stuck)

    @property
    def rows(self) -> int:
        """Word lines, one for each input."""
        return int(self.on_siemens.shape[0])

    @property
    def columns(self) -> int:
        """Columns, one for each output, without that of a reference."""
        return int(self.on_siemens.shape[1]) - self.design.has_reference

    @property
    def open(self) -> NDArray[np.bool_]:
        """Branches that do not conduct, (rows, columns, branches)."""
        return np.asarray(self.on_siemens == 0)

    @property
    def off_siemens(self) -> NDArray[np.float64]:
        """Conductance of each branch through its open switch, by the switch's ratings [S].

        Where a branch can take either line, to the other line than the one that it is on.
        """
        return off_siemens(self.design, self.on_siemens)


def measure(chip: Chip, *, error: float = 1e-4, seed: Seed) -> Measurement:
    """Measure every branch of a chip through its closed switch.

    A branch whose switch is stuck closed is found as such; one that is open measures 0.

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
    draw = np.random.default_rng(seed).standard_normal
    noise = draw_branches(draw, chip.design, chip.rows, chip.columns)
    on_siemens = chip.closed_siemens * (1 + error * noise)
    return Measurement(chip.design, on_siemens, stuck_closed=chip.stuck_closed)


@dataclass(frozen=True)
class MeasuredChip(Chip):
    """A real array, of which no more is known than its measurement.

    Its `true_ohm` ARE the measured values: a simulation of it shows what programming and
    wires do, and nothing of the error of the measurement, which nobody knows.

    Parameters
    ----------
    design, true_ohm
        As in `Chip`; the resistances that `as_measured` takes from the measurement.
    source : str
        Where the values come from, for the headers of files.
    """

    source: str = ""


def as_measured(measurement: Measurement, source: str = "") -> MeasuredChip:
    """Take measured values for the true ones, to simulate a real array.

    Parameters
    ----------
    measurement : Measurement
        Of a real array.
    source : str
        Where it comes from, such as the name of its file.

    Raises
    ------
    InputError
        When a branch has less resistance than its closed switch alone.
    """
    with np.errstate(divide="ignore"):
        true_ohm = resistor_ohm(measurement.design, measurement.on_siemens)
    wrong = true_ohm < SMALLEST_OHM
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0].tolist())
        raise InputError(
            f"on_siemens{list(place)} = {measurement.on_siemens[place]}: more than the switch "
            f"alone conducts, on_ohm = {measurement.design.on_ohm}; mend the design or the value"
        )
    stuck = measurement.stuck_closed
    return MeasuredChip(measurement.design, true_ohm, source, stuck_closed=stuck)

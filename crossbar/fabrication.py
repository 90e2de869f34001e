"""Design and seed to a chip: the true resistances, which only the simulation may see."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossbar.design import Design
from crossbar.errors import InputError

Seed = int | np.random.SeedSequence
Switches = NDArray[np.bool_] | NDArray[np.int8]


@dataclass(frozen=True)
class Chip:
    """One fabricated array.

    Parameters
    ----------
    design : Design
        What each cell was meant to be.
    true_ohm : ndarray, (rows, columns, branches)
        True resistance of each resistor, its switch not included [ohm]; infinite where the
        branch is open, whatever its switch does. A design with a reference line has one more
        column of cells for it, the last one.
    """

    design: Design
    true_ohm: NDArray[np.float64]

    def __post_init__(self) -> None:
        true_ohm = np.array(self.true_ohm, dtype=float)
        if true_ohm.ndim != 3 or true_ohm.shape[2] != self.design.resistors or not true_ohm.size:
            raise InputError(
                f"true_ohm has shape {true_ohm.shape}: give (rows, columns, "
                f"{self.design.resistors}), a branch for each resistor of the design"
            )
        check_reference("true_ohm", self.design, true_ohm.shape)
        if not (true_ohm > 0).all():  # NaN fails too
            raise InputError("true_ohm: every resistance must be positive; inf where it is open")
        true_ohm.setflags(write=False)
        object.__setattr__(self, "true_ohm", true_ohm)

    @property
    def rows(self) -> int:
        """Word lines, one for each input."""
        return int(self.true_ohm.shape[0])

    @property
    def columns(self) -> int:
        """Columns, one for each output, without that of a reference; see `lines_per_column`."""
        return int(self.true_ohm.shape[1]) - self.design.has_reference

    @property
    def closed_siemens(self) -> NDArray[np.float64]:
        """True conductance of each branch through its closed switch [S]."""
        return np.asarray(1 / (self.true_ohm + self.design.on_ohm), dtype=float)

    def check_switches(self, enabled: Switches) -> None:
        """Raise an InputError unless `enabled` has a state for each of this chip's branches."""
        either = self.design.takes_either_line
        if enabled.shape != self.true_ohm.shape or enabled.dtype != (np.int8 if either else bool):
            raise InputError(
                f"enabled is {enabled.dtype} of shape {enabled.shape}: this chip needs "
                f"{'int8' if either else 'booleans'} of shape {self.true_ohm.shape}; program it "
                "with its own measurement"
            )
        if either and not np.isin(enabled, self.design.coefficients).all():
            raise InputError(
                f"enabled: a branch of a {self.design.polarity} cell can be one of "
                f"{self.design.coefficients}; give nothing else"
            )

    def branch_siemens(self, enabled: Switches) -> NDArray[np.float64]:
        """True conductance of each branch with its switch as `enabled` says [S].

        Where a branch can take either line, the conductance to the positive less that to the
        negative one; each open switch leaks as if it had the resistor for itself (see
        `simulation.place_tiles`).
        """
        self.check_switches(enabled)
        if self.design.takes_either_line:
            leaking = 1 / (self.true_ohm + self.design.off_ohm)
            return np.asarray(enabled * (self.closed_siemens - leaking), dtype=float)
        switch = np.where(enabled, self.design.on_ohm, self.design.off_ohm)
        return np.asarray(1 / (self.true_ohm + switch), dtype=float)

    def cell_siemens(self, enabled: Switches) -> NDArray[np.float64]:
        """True signed conductance of each cell, wires not included, (rows, columns) [S].

        That of the row's reference cell, where there is one, is subtracted.
        """
        cells = np.asarray(self.branch_siemens(enabled) @ self.design.signs.astype(float))
        return cells[:, :-1] - cells[:, -1:] if self.design.has_reference else cells


def fabricate(design: Design, rows: int, columns: int, seed: Seed) -> Chip:
    """Fabricate one chip.

    Parameters
    ----------
    design : Design
        The cell.
    rows, columns : int
        Inputs and outputs; a design with a reference line gets a column of cells more.
    seed : int or numpy.random.SeedSequence
        The same seed gives the same resistances.

    Raises
    ------
    InputError
        When there are no rows or columns.
    """
    for field, value in (("rows", rows), ("columns", columns)):
        if not isinstance(value, numbers.Integral) or value < 1:
            raise InputError(f"{field} = {value}: give a whole number, at least 1")
    random = np.random.default_rng(seed)
    if design.distribution == "uniform":
        spread = draw_branches(lambda shape: random.uniform(-1, 1, shape), design, rows, columns)
        factor = 1 + design.tolerance * spread
    else:
        spread = draw_branches(random.standard_normal, design, rows, columns)
        factor = np.exp(design.tolerance * spread)
    return Chip(design, design.nominal_ohm * factor)


def draw_branches(
    draw: Callable[[tuple[int, int, int]], NDArray[np.float64]],
    design: Design,
    rows: int,
    columns: int,
) -> NDArray[np.float64]:
    """Random numbers for all branches of a chip, (rows, columns, branches).

    Those of a reference column are drawn last: the other cells meet the same draws as
    without one.
    """
    numbers = draw((rows, columns, design.resistors))
    if not design.has_reference:
        return numbers
    return np.concatenate([numbers, draw((rows, 1, design.resistors))], axis=1)


def check_reference(field: str, design: Design, shape: tuple[int, ...]) -> None:
    """Raise an InputError where all columns of cells are taken by the reference line."""
    if shape[1] <= design.has_reference:
        raise InputError(
            f"{field} has shape {shape}: an {design.polarity} chip holds a column of cells for "
            "each output and, last, one for the reference line; give at least 2"
        )

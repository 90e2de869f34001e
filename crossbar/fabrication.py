"""Design and seed to a chip: the true resistances, which only the simulation may see."""

from __future__ import annotations

import numbers
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossbar.design import Design
from crossbar.errors import InputError

Seed = int | np.random.SeedSequence


@dataclass(frozen=True)
class Chip:
    """One fabricated array.

    Parameters
    ----------
    design : Design
        What each cell was meant to be.
    true_ohm : ndarray, (rows, columns, branches)
        True resistance of each resistor, its switch not included [ohm]; infinite where the
        branch is open, whatever its switch does.
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
        """Columns, one for each output; a paired column has two bit lines."""
        return int(self.true_ohm.shape[1])

    def check_switches(self, enabled: NDArray[np.bool_]) -> None:
        """Raise an InputError unless `enabled` has a switch for each of this chip's branches."""
        if enabled.shape != self.true_ohm.shape or enabled.dtype != np.bool_:
            raise InputError(
                f"enabled is {enabled.dtype} of shape {enabled.shape}: this chip needs booleans "
                f"of shape {self.true_ohm.shape}; program it with its own measurement"
            )

    def branch_siemens(self, enabled: NDArray[np.bool_]) -> NDArray[np.float64]:
        """True conductance of each branch with its switch as `enabled` says [S]."""
        self.check_switches(enabled)
        switch = np.where(enabled, self.design.on_ohm, self.design.off_ohm)
        return np.asarray(1 / (self.true_ohm + switch), dtype=float)

    def cell_siemens(self, enabled: NDArray[np.bool_]) -> NDArray[np.float64]:
        """True signed conductance of each cell, wires not included, (rows, columns) [S]."""
        return np.asarray(self.branch_siemens(enabled) @ self.design.signs.astype(float))


def fabricate(design: Design, rows: int, columns: int, seed: Seed) -> Chip:
    """Fabricate one chip.

    Parameters
    ----------
    design : Design
        The cell.
    rows, columns : int
        Inputs and outputs.
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
    shape = (rows, columns, design.resistors)
    if design.distribution == "uniform":
        factor = 1 + design.tolerance * random.uniform(-1, 1, shape)
    else:
        factor = np.exp(design.tolerance * random.standard_normal(shape))
    return Chip(design, design.nominal_ohm * factor)

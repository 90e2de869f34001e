"""Design and seed to a chip: the true resistances, which only the simulation may see."""

from __future__ import annotations

import numbers
from dataclasses import dataclass, field

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
    stuck_closed : ndarray of bool, (rows, columns, branches), optional
        Branches whose switch conducts whatever it is told; None where there are none.
    """

    design: Design
    true_ohm: NDArray[np.float64]
    stuck_closed: NDArray[np.bool_] | None = field(default=None, kw_only=True)

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
        stuck = checked_stuck(self.stuck_closed, true_ohm.shape)
        object.__setattr__(self, "stuck_closed", stuck)

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

    def closed(self, enabled: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which switches conduct: those that are told to, and those that are stuck closed."""
        self.check_switches(enabled)
        stuck = self.stuck_closed
        return enabled if stuck is None else np.where(stuck, stuck, enabled)

    def branch_siemens(self, enabled: NDArray[np.bool_]) -> NDArray[np.float64]:
        """True conductance of each branch with its switch as `enabled` says [S]."""
        switch = np.where(self.closed(enabled), self.design.on_ohm, self.design.off_ohm)
        return np.asarray(1 / (self.true_ohm + switch), dtype=float)

    def cell_siemens(self, enabled: NDArray[np.bool_]) -> NDArray[np.float64]:
        """True signed conductance of each cell, wires not included, (rows, columns) [S]."""
        return np.asarray(self.branch_siemens(enabled) @ self.design.signs.astype(float))


def checked_stuck(
    stuck: NDArray[np.bool_] | None, shape: tuple[int, ...]
) -> NDArray[np.bool_] | None:
    """Which branches of a chip are stuck closed, read-only; None where none is.

    Raises
    ------
    InputError
        For anything but booleans of this shape.
    """
    if stuck is None:
        return None
    array = np.array(stuck)
    if array.dtype != np.bool_ or array.shape != shape:
        raise InputError(
            f"stuck_closed is {array.dtype} of shape {array.shape}: give booleans {shape}, one "
            "for each branch"
        )
    array.setflags(write=False)
    return array if array.any() else None


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
    for name, value in (("rows", rows), ("columns", columns)):
        if not isinstance(value, numbers.Integral) or value < 1:
            raise InputError(f"{name} = {value}: give a whole number, at least 1")
    random = np.random.default_rng(seed)
    shape = (rows, columns, design.resistors)
    if design.distribution == "uniform":
        factor = 1 + design.tolerance * random.uniform(-1, 1, shape)
    elif design.distribution == "truncated normal":
        factor = 1 + design.tolerance * cut_normal(random, shape)
    else:
        factor = np.exp(design.tolerance * random.standard_normal(shape))
    return Chip(design, design.nominal_ohm * factor)


def cut_normal(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Normal numbers of sigma 1/3, those beyond -1 and 1 left out.

    By the inverse of the distribution function, one uniform number each.
    """
    from scipy.special import ndtr, ndtri

    tail = float(ndtr(-3.0))
    return np.asarray(ndtri(random.uniform(tail, 1 - tail, shape)) / 3)

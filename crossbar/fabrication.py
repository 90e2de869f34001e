"""Design and seed to a chip: the true resistances, which only the simulation may see."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossbar.branches import closed_siemens, noise_siemens, resistor_ohm
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
    stuck_closed : ndarray of bool or int8, (rows, columns, branches), optional
        Branches whose switch conducts whatever it is told; None where there are none. Where a
        branch can take either line, int8: 1 or -1, the line that it is stuck to, else 0.
    """

    design: Design
    true_ohm: NDArray[np.float64]
    stuck_closed: Switches | None = field(default=None, kw_only=True)

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
        stuck = checked_stuck(self.stuck_closed, self.design, true_ohm.shape)
        object.__setattr__(self, "stuck_closed", stuck)

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
        """True conductance of each branch through its closed switch, see `branches` [S]."""
        return closed_siemens(self.design, self.true_ohm)

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

    def closed(self, enabled: Switches) -> Switches:
        """The switches as they really are: as they are told, or as they are stuck."""
        self.check_switches(enabled)
        stuck = self.stuck_closed
        return enabled if stuck is None else np.where(stuck, stuck, enabled)

    def branch_siemens(self, enabled: Switches) -> NDArray[np.float64]:
        """True conductance of each branch with its switch as `enabled` says [S].

        Where a branch can take either line, the conductance to the positive less that to the
        negative one.
        """
        states = self.closed(enabled)
        if self.design.takes_either_line:
            return np.asarray(states * self.closed_siemens * (1 - self.design.open_share))
        switch = np.where(states, self.design.on_ohm, self.design.off_ohm)
        return np.asarray(1 / (self.true_ohm + switch), dtype=float)

    def noise_siemens(self, enabled: Switches) -> NDArray[np.float64]:
        """Conductance whose noise is that of each branch in its column, see `branches` [S]."""
        return noise_siemens(self.design, self.true_ohm, self.closed(enabled))

    def cell_siemens(self, enabled: Switches) -> NDArray[np.float64]:
        """True signed conductance of each cell, wires not included, (rows, columns) [S].

        That of the row's reference cell, where there is one, is subtracted.
        """
        cells = np.asarray(self.branch_siemens(enabled) @ self.design.signs.astype(float))
        return cells[:, :-1] - cells[:, -1:] if self.design.has_reference else cells


def checked_stuck(
    stuck: Switches | None, design: Design, shape: tuple[int, ...]
) -> Switches | None:
    """Which branches of a chip are stuck closed, read-only; None where none is.

    Raises
    ------
    InputError
        For anything but booleans of this shape, or int8 where a branch can take either line.
    """
    if stuck is None:
        return None
    array: NDArray[Any] = np.array(stuck)
    kind = np.dtype(np.int8 if design.takes_either_line else np.bool_)
    if array.dtype != kind or array.shape != shape or not np.isin(array, (-1, 0, 1)).all():
        raise InputError(
            f"stuck_closed is {array.dtype} of shape {array.shape}: give {kind} of shape {shape}, "
            "one for each branch; -1, 0 or 1 where it can take either line"
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
        Inputs and outputs; a design with a reference line gets a column of cells more.
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
    if design.distribution == "uniform conductance":
        spread = -draw_branches(_uniform(random), design, rows, columns)  # above -1, so none is 0
        siemens = design.nominal_siemens * (1 + design.tolerance * spread)
        return Chip(design, resistor_ohm(design, siemens))
    if design.distribution == "uniform":
        spread = draw_branches(_uniform(random), design, rows, columns)
        factor = 1 + design.tolerance * spread
    elif design.distribution == "truncated normal":
        spread = draw_branches(partial(cut_normal, random), design, rows, columns)
        factor = 1 + design.tolerance * spread
    else:
        spread = draw_branches(random.standard_normal, design, rows, columns)
        factor = np.exp(design.tolerance * spread)
    return Chip(design, design.nominal_ohm * factor)


def _uniform(random: np.random.Generator) -> Callable[[tuple[int, ...]], NDArray[np.float64]]:
    """Draws from [-1, 1)."""
    return lambda shape: random.uniform(-1, 1, shape)


def cut_normal(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Normal numbers of sigma 1/3, those beyond -1 and 1 left out.

    By the inverse of the distribution function, one uniform number each.
    """
    from scipy.special import ndtr, ndtri

    tail = float(ndtr(-3.0))
    return np.asarray(ndtri(random.uniform(tail, 1 - tail, shape)) / 3)


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

"""One array of cells as plain data: branch resistances, switch states, switch and wires."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spice_models.checks import SMALLEST_OHM, floats, number, read_only, refuse, resistance
from spice_models.errors import CircuitError

__all__ = ["SMALLEST_OHM", "Array", "Switch", "Wires"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Wires:
    """Resistances of the wiring around the cells. 0 merges the two nodes exactly.

    Parameters
    ----------
    word_segment_ohm : float
        Word line between two neighbouring cells [ohm].
    bit_segment_ohm : float
        Bit line between two neighbouring cells [ohm].
    driver_ohm : float
        From each input voltage to the first cell of its word line [ohm].
    sense_ohm : float
        From the last cell of each bit line to the 0 V at which its current is measured [ohm].

    Raises
    ------
    CircuitError
        If a resistance is negative, not finite, or not 0 but below `SMALLEST_OHM`.
    """

    word_segment_ohm: float = 1.0
    bit_segment_ohm: float = 1.0
    driver_ohm: float = 10.0
    sense_ohm: float = 10.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = resistance(f"wires.{field.name}", getattr(self, field.name))
            object.__setattr__(self, field.name, value)

    @classmethod
    def ideal(cls) -> Wires:
        """Wires without resistance: the array computes the exact product."""
        return cls(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Switch:
    """The switch in series with each branch resistor.

    Parameters
    ----------
    on_ohm, off_ohm : float
        Resistance when enabled and when not [ohm]; `off_ohm` may be infinite (open).

    Raises
    ------
    CircuitError
        Unless 0 <= on_ohm < off_ohm.
    """

    on_ohm: float = 1e3
    off_ohm: float = 1e10

    def __post_init__(self) -> None:
        on = resistance("switch.on_ohm", self.on_ohm)
        off = number("switch.off_ohm", self.off_ohm)
        if not off > on:
            raise CircuitError(
                f"switch.off_ohm = {off!r} must be above switch.on_ohm = {on!r}; "
                "use inf for a switch that opens fully"
            )
        object.__setattr__(self, "on_ohm", on)
        object.__setattr__(self, "off_ohm", off)


@dataclass(frozen=True, eq=False)
class Array:
    """A rectangle of cells, each of parallel branches, with the wires around them.

    Row `i` is word line `i` (an input voltage), line `j` is bit line `j` (an output current).

    Parameters
    ----------
    ohm : array_like, shape (rows, lines, branches)
        Branch resistances without their switches [ohm]; inf where there is no branch.
    enabled : array_like of bool, shape (rows, lines, branches)
        Which switches are on.
    switch : Switch
    wires : Wires

    Raises
    ------
    CircuitError
        If a shape does not fit or a resistance is NaN, negative, or too small.
    """

    ohm: Floats
    enabled: Bools
    switch: Switch = Switch()
    wires: Wires = Wires()

    def __post_init__(self) -> None:
        ohm = read_only(floats("ohm", self.ohm))
        if ohm.ndim != 3 or 0 in ohm.shape:
            raise CircuitError(
                f"ohm has shape {ohm.shape}; give (rows, lines, branches), each at least 1"
            )
        refuse("ohm", ohm, np.isnan(ohm) | (ohm < SMALLEST_OHM), _BRANCH_REMEDY)
        enabled = np.array(self.enabled)
        if enabled.dtype != np.bool_:
            raise CircuitError(
                f"enabled has dtype {enabled.dtype}; give booleans, for example enabled == 1"
            )
        if enabled.shape != ohm.shape:
            raise CircuitError(
                f"enabled has shape {enabled.shape}, ohm has {ohm.shape}; make them equal"
            )
        for name, value, kind in (("switch", self.switch, Switch), ("wires", self.wires, Wires)):
            if not isinstance(value, kind):
                raise CircuitError(f"{name} = {value!r}; give a {kind.__name__}(...)")
        object.__setattr__(self, "ohm", ohm)
        object.__setattr__(self, "enabled", read_only(enabled))

    @classmethod
    def from_siemens(cls, siemens: ArrayLike, wires: Wires | None = None) -> Array:
        """Build an array of one always-enabled branch a cell, with switches of 0 ohm.

        Parameters
        ----------
        siemens : array_like, shape (rows, lines)
            Cell conductances [S], >= 0; 0 leaves the crosspoint open.
        wires : Wires, optional
            `Wires()` if not given.

        Raises
        ------
        CircuitError
            If a conductance is NaN, infinite or negative.
        """
        values = floats("siemens", siemens)
        if values.ndim != 2:
            raise CircuitError(f"siemens has shape {values.shape}; give (rows, lines)")
        bad = ~((values >= 0) & (values <= 1 / SMALLEST_OHM))
        refuse("siemens", values, bad, f"give 0 (open) to {1 / SMALLEST_OHM:g} siemens")
        with np.errstate(divide="ignore", over="ignore"):
            ohm = 1 / values[:, :, None]
        switch = Switch(on_ohm=0.0, off_ohm=np.inf)
        enabled = np.ones(ohm.shape, dtype=np.bool_)
        return cls(np.maximum(ohm, SMALLEST_OHM), enabled, switch, wires or Wires())

    @property
    def rows(self) -> int:
        """Number of word lines."""
        return int(self.ohm.shape[0])

    @property
    def lines(self) -> int:
        """Number of bit lines."""
        return int(self.ohm.shape[1])

    @property
    def branches(self) -> int:
        """Number of branches a cell."""
        return int(self.ohm.shape[2])

    @cached_property
    def path_ohm(self) -> Floats:
        """Each branch with its switch, (rows, lines, branches) [ohm]; inf where open."""
        states = np.where(self.enabled, self.switch.on_ohm, self.switch.off_ohm)
        return read_only(self.ohm + states)

    @cached_property
    def siemens(self) -> Floats:
        """Each cell as one conductance, (rows, lines) [S]: the sum of 1 / path_ohm."""
        return read_only((1 / self.path_ohm).sum(axis=2))


_BRANCH_REMEDY = f"give at least {SMALLEST_OHM:g} ohm, or inf where there is no branch"


def volts(rows: int, inputs_volt: ArrayLike) -> Floats:
    """Check inputs of `rows` word lines and return them as (points, rows) [V].

    Raises
    ------
    CircuitError
        If the shape is neither (rows,) nor (points, rows), or a value is not finite.
    """
    values = floats("inputs_volt", inputs_volt)
    if values.ndim not in (1, 2) or values.shape[-1] != rows or 0 in values.shape:
        raise CircuitError(
            f"inputs_volt has shape {values.shape}; give ({rows},) or "
            f"(points, {rows}), one voltage for each word line"
        )
    refuse("inputs_volt", values, ~np.isfinite(values), "give finite volts")
    return np.atleast_2d(values)

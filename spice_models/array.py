"""One array of cells as plain data: branch resistances, switch states, switch and wires."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spice_models.checks import (
    LARGEST_OHM,
    SMALLEST_OHM,
    floats,
    number,
    read_only,
    refuse,
    resistance,
)
from spice_models.errors import CircuitError

__all__ = ["SMALLEST_OHM", "Array", "Switch", "Wires"]

Floats = NDArray[np.float64]
if TYPE_CHECKING:
    Ohms = float | ArrayLike
else:
    Ohms = float  # what a settings file can give
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Wires:
    """Resistances of the wiring around the cells: a number for all, or an array of each.

    0 merges the two nodes exactly; in an array, inf leaves that wire open. Parts that open wires
    cut off carry no current.

    Parameters
    ----------
    word_segment_ohm : float or array_like, shape (rows, lines - 1)
        Word line between two neighbouring cells [ohm].
    bit_segment_ohm : float or array_like, shape (rows - 1, lines)
        Bit line between two neighbouring cells [ohm].
    driver_ohm : float or array_like, shape (rows,)
        From each input voltage to the first cell of its word line [ohm].
    sense_ohm : float or array_like, shape (lines,)
        From the last cell of each bit line to the 0 V at which its current is measured [ohm].
    far_driver_ohm : float or array_like, shape (rows,), optional
        From each input voltage to the last cell of its word line [ohm]; None where lines are
        driven from one end.
    far_sense_ohm : float or array_like, shape (lines,), optional
        From the first cell of each bit line to the same 0 V [ohm]; the current of a line is that
        of both ends.

    Raises
    ------
    CircuitError
        If a resistance is negative, NaN, not 0 but below `SMALLEST_OHM`, or a single number
        that is infinite.
    """

    word_segment_ohm: Ohms = 1.0
    bit_segment_ohm: Ohms = 1.0
    driver_ohm: Ohms = 10.0
    sense_ohm: Ohms = 10.0
    far_driver_ohm: Ohms | None = None
    far_sense_ohm: Ohms | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                object.__setattr__(self, field.name, _ohms(f"wires.{field.name}", value))

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, Wires) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    @cached_property
    def _key(self) -> tuple[Any, ...]:
        values = [getattr(self, field.name) for field in fields(self)]
        return tuple(
            (value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value
            for value in values
        )

    @classmethod
    def ideal(cls) -> Wires:
        """Wires without resistance: the array computes the exact product."""
        return cls(0.0, 0.0, 0.0, 0.0)

    def ends(self) -> tuple[Any, Any, Any, Any]:
        """Resistances at driver, sense, far driver and far sense; None where not connected."""
        return self.driver_ohm, self.sense_ohm, self.far_driver_ohm, self.far_sense_ohm

    def connected(self, rows: int, lines: int) -> tuple[Bools, Bools]:
        """Which word lines have an input, (rows,), and which bit lines a sense, (lines,)."""
        ohm = self.each(rows, lines)
        driven = np.isfinite(np.minimum(ohm["driver"], ohm["far_driver"]))
        return driven, np.isfinite(np.minimum(ohm["sense"], ohm["far_sense"]))

    def each(self, rows: int, lines: int) -> dict[str, Floats]:
        """Every wire's resistance by kind, inf where open [ohm].

        Raises
        ------
        CircuitError
            If an array does not fit rows and lines.
        """
        shapes = (
            ("word", "word_segment_ohm", (rows, lines - 1)),
            ("bit", "bit_segment_ohm", (rows - 1, lines)),
            ("driver", "driver_ohm", (rows,)),
            ("sense", "sense_ohm", (lines,)),
            ("far_driver", "far_driver_ohm", (rows,)),
            ("far_sense", "far_sense_ohm", (lines,)),
        )
        result = {}
        for kind, name, shape in shapes:
            value = getattr(self, name)
            value = np.inf if value is None else value
            if np.ndim(value) and np.shape(value) != shape:
                raise CircuitError(
                    f"wires.{name} has shape {np.shape(value)}; give a number or {shape} for an "
                    f"array of {rows} x {lines}"
                )
            result[kind] = np.broadcast_to(np.asarray(value, dtype=np.float64), shape)
        return result


def _ohms(name: str, value: Any) -> Any:
    if np.ndim(value) == 0:
        return resistance(name, value)
    ohm = floats(name, value)
    bad = ~((ohm == 0) | ((ohm >= SMALLEST_OHM) & (ohm <= LARGEST_OHM)) | (ohm == np.inf))
    refuse(name, ohm, bad, f"give 0, {SMALLEST_OHM:g} to {LARGEST_OHM:g} ohm, or inf for open")
    return read_only(ohm)


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
        Branch resistances without their switches [ohm]; inf where there is no branch. 0 is a
        shorted branch, of which only the switch is left; with a switch of 0 ohm a short has to
        be given a resistance.
    enabled : array_like of bool, shape (rows, lines, branches)
        Which switches are on.
    switch : Switch
    wires : Wires

    Raises
    ------
    CircuitError
        If a shape does not fit, or a resistance is NaN, negative, or too small; or 0 where the
        switch is 0 ohm too.
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
        refuse("ohm", ohm, np.isnan(ohm) | ((ohm < SMALLEST_OHM) & (ohm != 0)), _BRANCH_REMEDY)
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
        if self.switch.on_ohm == 0:
            refuse("ohm", ohm, ohm == 0, _SHORT_REMEDY)
        self.wires.each(*ohm.shape[:2])
        object.__setattr__(self, "ohm", ohm)
        object.__setattr__(self, "enabled", read_only(enabled))

    @classmethod
    def from_siemens(cls, siemens: ArrayLike, wires: Wires | None = None) -> Array:
        """Build an array of one always-enabled branch a cell, with switches of 0 ohm.

        Parameters
        ----------
        siemens : array_like, shape (rows, lines)
            Cell conductances [S], 0 to 1e9; 0 leaves the crosspoint open.
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
        bad = ~((values >= 0) & (values <= _LARGEST_SIEMENS))
        refuse("siemens", values, bad, f"give 0 (open) to {_LARGEST_SIEMENS:g} siemens")
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
        return read_only(self._path_ohm())

    def _path_ohm(self) -> Floats:
        path = np.where(self.enabled, self.switch.on_ohm, self.switch.off_ohm)
        path += self.ohm
        return path

    @cached_property
    def siemens(self) -> Floats:
        """Each cell as one conductance, (rows, lines) [S]: the sum of 1 / path_ohm."""
        path = self._path_ohm()  # of all branches: too large to keep for this
        return read_only(np.divide(1, path, out=path).sum(axis=2))


_LARGEST_SIEMENS = 1e9
_LARGEST_VOLT = 1e100
_BRANCH_REMEDY = f"give 0 (a short), at least {SMALLEST_OHM:g} ohm, or inf where there is no branch"
_SHORT_REMEDY = (
    "with a switch of 0 ohm it would join word and bit line without any resistance; give at least "
    f"{SMALLEST_OHM:g} ohm, or inf where there is no branch"
)


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


def refuse_huge(inputs: Floats) -> None:
    """Raise a CircuitError for voltages whose powers no float can hold."""
    remedy = f"give volts of a usual size, at most {_LARGEST_VOLT:g}, for powers and waveforms"
    refuse("inputs_volt", inputs, np.abs(inputs) > _LARGEST_VOLT, remedy)

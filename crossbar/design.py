"""What a cell is: its ladder of nominal resistances, their tolerance, signs and switches."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from crossbar.errors import InputError

Ladder = Literal["stagger", "guaranteed", "identical", "binary"]
Polarity = Literal["paired"]
Distribution = Literal["uniform", "truncated normal", "lognormal"]
ProgrammedBy = Literal["measured", "nominal"]

STAGGER_RADIX = 1.2
CENTRAL_HALF = 0.5
MOST_RESISTORS = 44
LARGEST_SPREAD = 1e12
LONGEST_NAME = 30
SMALLEST_OHM = 1e-9


@dataclass(frozen=True, kw_only=True)
class Design:
    """A cell design.

    A cell holds `resistors` branches in parallel, each a resistor in series with a
    switch. In a ``paired`` cell every branch has a fixed sign: it runs from the word
    line to the positive or to the negative bit line of its column, and the weight is
    the difference of the two lines' conductances.

    Parameters
    ----------
    ladder : {"stagger", "guaranteed", "identical", "binary"}
        Nominal conductances of the branches. ``stagger``: a geometric ladder of small
        radix, nearly equal on purpose. ``guaranteed``: the largest radix at which no
        gap can open whatever the tolerance does (see `guaranteed_bits`).
        ``identical``: all equal. ``binary``: radix 2 on each line, the conventional one.
    resistors : int
        Branches in a cell, both lines together; at least 2, and even for ``binary``. With
        an even number both lines have as many, so that a pruned cell leaks nothing net.
    tolerance : float
        Spread of the resistances: half-width of the uniform distribution, relative to
        the nominal value, or sigma of the logarithm for ``lognormal``. ``truncated normal``
        has a third of it for sigma and is cut at it, as resistors are sold.
    distribution : {"uniform", "truncated normal", "lognormal"}
        Distribution of a resistance around its nominal value.
    radix : float, optional
        Ratio of neighbouring branches; only for ``stagger`` (default 1.2) and
        ``guaranteed`` (default: the largest safe one).
    programmed_by : {"measured", "nominal"}
        Whether the switches are chosen from the chip's measured values, or from the
        nominal ones as a conventional array would: the bit line of the weight's sign
        carries its magnitude, the other one nothing.
    usable : float, optional
        Share of the reachable range that is promised as full scale. Default 0.5 for
        ``stagger`` and ``identical``, whose sums are dense only in the middle, else 1.
    full_scale_siemens : float
        Conductance of the largest weight [S].
    on_ohm, off_ohm : float
        Resistance of a closed and of an open switch [ohm]; `off_ohm` may be infinite.
    name : str
        Name in tables and figures, one printable line; default polarity and ladder.

    Raises
    ------
    InputError
        For a value out of range; the message names field, value and remedy.
    """

    ladder: Ladder = "stagger"
    polarity: Polarity = "paired"
    resistors: int = 16
    tolerance: float = 0.2
    distribution: Distribution = "uniform"
    radix: float | None = None
    programmed_by: ProgrammedBy = "measured"
    usable: float | None = None
    full_scale_siemens: float = 1e-5
    on_ohm: float = 1e3
    off_ohm: float = 1e10
    name: str = ""

    def __post_init__(self) -> None:
        _check_choice("ladder", self.ladder, get_args(Ladder))
        _check_choice("polarity", self.polarity, get_args(Polarity))
        _check_choice("distribution", self.distribution, get_args(Distribution))
        _check_choice("programmed_by", self.programmed_by, get_args(ProgrammedBy))
        self._check_types()
        if self.resistors < 2:
            raise InputError(
                f"resistors = {self.resistors}: a paired cell needs at least 2, one for each line"
            )
        if self.resistors > MOST_RESISTORS:
            raise InputError(
                f"resistors = {self.resistors}: cells of more than {MOST_RESISTORS} cannot be "
                "programmed exactly; give fewer"
            )
        if self.ladder == "binary" and self.resistors % 2:
            raise InputError(
                f"resistors = {self.resistors}: a binary cell has the same ladder on both lines; "
                "give an even number"
            )
        if not 0 <= self.tolerance < 1:
            raise InputError(f"tolerance = {self.tolerance}: give a fraction from 0 to below 1")
        self._check_radix()
        if self.usable is not None and not 0 < self.usable <= 1:
            raise InputError(f"usable = {self.usable}: give a fraction above 0 and at most 1")
        if not 1e-12 <= self.full_scale_siemens <= 1:
            raise InputError(
                f"full_scale_siemens = {self.full_scale_siemens}: give a conductance from "
                "1e-12 to 1 S"
            )
        if not (self.on_ohm == 0 or SMALLEST_OHM <= self.on_ohm < math.inf):
            raise InputError(
                f"on_ohm = {self.on_ohm}: give 0, or a resistance of {SMALLEST_OHM} ohm or more"
            )
        if not self.off_ohm > self.on_ohm:
            raise InputError(
                f"off_ohm = {self.off_ohm}: must be above on_ohm = {self.on_ohm}; "
                "give a larger value, or inf for an ideal switch"
            )
        if (smallest := float(self.nominal_ohm.min())) <= 0:
            raise InputError(
                f"on_ohm = {self.on_ohm}: the largest branch would need a resistor of "
                f"{smallest:.3g} ohm; lower on_ohm or full_scale_siemens"
            )

    def _check_types(self) -> None:
        if isinstance(self.resistors, bool) or not isinstance(self.resistors, numbers.Integral):
            raise InputError(f"resistors = {self.resistors!r}: give a whole number")
        for field in ("tolerance", "radix", "usable", "full_scale_siemens", "on_ohm", "off_ohm"):
            value = getattr(self, field)
            optional = field in ("radix", "usable") and value is None
            if not optional and (isinstance(value, bool) or not isinstance(value, numbers.Real)):
                raise InputError(f"{field} = {value!r}: give a number")
        name = self.name
        good = isinstance(name, str) and name.isprintable() and len(name) <= LONGEST_NAME
        if not good or name.startswith("_"):
            raise InputError(
                f"name = {name!r}: give one printable line of at most {LONGEST_NAME} characters "
                "that does not begin with '_'"
            )

    def _check_radix(self) -> None:
        if self.radix is None:
            return
        if self.ladder in ("identical", "binary"):
            raise InputError(
                f"radix = {self.radix}: the ladder {self.ladder!r} takes none; drop it"
            )
        most = LARGEST_SPREAD ** (1 / (self.resistors - 1))
        if not 1 < self.radix <= most:  # NaN fails too
            raise InputError(
                f"radix = {self.radix}: give a ratio above 1 that spreads {self.resistors} "
                f"branches over at most {LARGEST_SPREAD:g}"
            )

    @property
    def label(self) -> str:
        """Name in tables and figures."""
        return self.name or f"{self.polarity} {self.ladder}"

    @property
    def safe_radix(self) -> float:
        """Largest radix without gaps at this tolerance, ``1 + (1 - t) / (1 + t)``.

        With it no branch is larger than all smaller ones together plus the largest that
        the smallest can be, even when it is at its largest and they at their smallest.
        """
        return 1 + (1 - self.tolerance) / (1 + self.tolerance)

    @cached_property
    def signs(self) -> NDArray[np.int8]:
        """Fixed sign of each branch, (branches,): +1 or -1.

        Half the branches on each line, and the lines' sums about equal: from the largest
        branch on, each goes to the line with the smaller sum that still has room.
        """
        ladder = self._relative_ladder
        signs = np.zeros(ladder.size, dtype=np.int8)
        sums = {1: 0.0, -1: 0.0}
        room = -(-ladder.size // 2)
        for branch in np.argsort(-ladder, kind="stable"):
            sign = 1 if sums[1] <= sums[-1] else -1
            if np.count_nonzero(signs == sign) == room:
                sign = -sign
            signs[branch] = sign
            sums[sign] += ladder[branch]
        signs.setflags(write=False)
        return signs

    @cached_property
    def nominal_siemens(self) -> NDArray[np.float64]:
        """Nominal conductance of each closed branch, its switch included, (branches,) [S]."""
        ladder = self._relative_ladder
        reach = min(ladder[self.signs > 0].sum(), ladder[self.signs < 0].sum())
        if self.programmed_by == "measured":
            reach /= 1 + self.tolerance  # the cell whose resistors all came out large
        usable = self.usable
        if usable is None:
            usable = CENTRAL_HALF if self.ladder in ("stagger", "identical") else 1.0
        nominal = np.asarray(ladder * (self.full_scale_siemens / (usable * reach)), dtype=float)
        nominal.setflags(write=False)
        return nominal

    @property
    def nominal_ohm(self) -> NDArray[np.float64]:
        """Nominal resistance of each resistor, without its switch, (branches,) [ohm]."""
        return np.asarray(1 / self.nominal_siemens - self.on_ohm, dtype=float)

    @property
    def guaranteed_bits(self) -> float | None:
        """Worst-case bits of every cell and target, where there is a proof; else None.

        With a radix up to `safe_radix` and resistances within the tolerance, neighbouring
        sums lie at most the smallest branch apart, so no target in range is missed by more
        than half of it, and what all open switches leak. Holds for exact measurement.
        """
        proof = self.ladder == "guaranteed" and self.distribution != "lognormal"
        if not proof or self.programmed_by == "nominal" or self._radix > self.safe_radix:
            return None
        half_gap = float(self.nominal_siemens.min()) / (1 - self.tolerance) / 2
        leakage = self.resistors / self.off_ohm
        return math.log2(self.full_scale_siemens / (half_gap + leakage))

    @property
    def _radix(self) -> float:
        if self.radix is not None:
            return self.radix
        return STAGGER_RADIX if self.ladder == "stagger" else self.safe_radix

    @property
    def _relative_ladder(self) -> NDArray[np.float64]:
        steps = np.arange(self.resistors)
        if self.ladder == "identical":
            return np.ones(self.resistors)
        if self.ladder == "binary":
            return np.asarray(2.0 ** (steps // 2))
        return np.asarray(self._radix**steps)


def _check_choice(field: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{field} = {value!r}: choose one of {', '.join(choices)}")

"""What a cell is: its ladder of nominal resistances, their tolerance, signs and switches."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from crossbar.branches import resistor_ohm
from crossbar.errors import InputError

Ladder = Literal["stagger", "guaranteed", "identical", "binary"]
Polarity = Literal["paired", "offset", "flip", "steered"]
Distribution = Literal["uniform", "truncated normal", "lognormal", "uniform conductance"]
ProgrammedBy = Literal["measured", "nominal"]

STAGGER_RADIX = 1.2
CENTRAL_HALF = 0.5
MOST_RESISTORS = 44
MOST_STEERED = 28
MOST_BITS = 60
LARGEST_SPREAD = 1e12
LONGEST_NAME = 30
SMALLEST_OHM = 1e-9


@dataclass(frozen=True, kw_only=True)
class Design:
    """A cell design.

    A cell holds `resistors` branches in parallel, each a resistor in series with its
    switch or switches. `polarity` says how they make a signed weight.

    Parameters
    ----------
    polarity : {"paired", "offset", "flip", "steered"}
        ``paired``: every branch has a fixed sign, it runs from the word line to the
        positive or to the negative bit line of its column, and the weight is the
        difference of the two lines' conductances. ``flip``: two switches join every branch
        to one of the two lines, always one of them is closed. ``steered``: the same, but
        both may be open. ``offset``: one line a column, and the weight is its conductance
        less that of a reference line that all columns share (see `reference_siemens`).
    ladder : {"stagger", "guaranteed", "identical", "binary"}
        Nominal conductances of the branches. ``stagger``: a geometric ladder of small
        radix, nearly equal on purpose. ``guaranteed``: the largest radix at which no
        gap can open whatever the tolerance does (see `guaranteed_bits`).
        ``identical``: all equal. ``binary``: radix 2, of a paired cell on each of its lines,
        the conventional one.
    resistors : int
        Branches in a cell, both lines of a paired one together; 2 to 44, of steered ones
        to 28, and even for paired ``binary``. With an even number both lines of a paired
        cell have as many, so that a pruned one leaks nothing net.
    tolerance : float
        Spread of the resistances: half-width of the uniform distribution, relative to
        the nominal value, or sigma of the logarithm for ``lognormal``. ``truncated normal``
        has a third of it for sigma and is cut at it, as resistors are sold. Only of
        ``uniform conductance`` it may be 1.
    distribution : {"uniform", "truncated normal", "lognormal", "uniform conductance"}
        Distribution of a resistance around its nominal value. ``uniform conductance``: that of a
        closed branch's conductance; with the identical ladder and a tolerance of 1 the branches
        conduct anything from 0 to twice their nominal values, alike often, as the theory of
        random subset sums has it.
    radix : float, optional
        Ratio of neighbouring branches; only for ``stagger`` (default 1.2) and
        ``guaranteed`` (default: the largest safe one).
    programmed_by : {"measured", "nominal"}
        Whether the switches are chosen from the chip's measured values, or from the
        nominal ones as a conventional array would: of paired and steered cells the bit
        line of the weight's sign carries its magnitude, the other one nothing.
    usable : float, optional
        Share of the range that all cells reach, though their resistors all come out large,
        that is promised as full scale, in both directions from its middle; of ``uniform
        conductance``, which is sure of none, of what a nominal cell reaches. Default 0.5 for
        ``stagger`` and ``identical``, whose sums are dense only in the middle, else 1.
    enough_bits : float, optional
        Bits that a cell is content with: of the states whose error is at most full scale over
        2 ** enough_bits, some that conduct little are taken, which spares wires and power.
        Default: the states that come closest. Only for paired and steered cells by measured
        values.
    full_scale_siemens : float
        Conductance of the largest weight [S].
    on_ohm, off_ohm : float
        Resistance of a closed and of an open switch [ohm]; `off_ohm` may be infinite.
    name : str
        Name in tables and figures, one printable line; default polarity, ladder and `radix`.

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
    enough_bits: float | None = None
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
        self._check_resistors()
        self._check_tolerance()
        self._check_radix()
        if self.usable is not None and not 0 < self.usable <= 1:
            raise InputError(f"usable = {self.usable}: give a fraction above 0 and at most 1")
        self._check_enough_bits()
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
        largest = float(self.nominal_siemens.max())
        if self.distribution == "uniform conductance":
            largest *= 1 + self.tolerance
        if (smallest := 1 / largest - self.on_ohm) <= 0:
            raise InputError(
                f"on_ohm = {self.on_ohm}: the largest branch would need a resistor of "
                f"{smallest:.3g} ohm; lower on_ohm or full_scale_siemens"
            )

    def _check_types(self) -> None:
        if isinstance(self.resistors, bool) or not isinstance(self.resistors, numbers.Integral):
            raise InputError(f"resistors = {self.resistors!r}: give a whole number")
        optionals = ("radix", "usable", "enough_bits")
        for field in ("tolerance", "full_scale_siemens", "on_ohm", "off_ohm", *optionals):
            value = getattr(self, field)
            optional = field in optionals and value is None
            if not optional and (isinstance(value, bool) or not isinstance(value, numbers.Real)):
                raise InputError(f"{field} = {value!r}: give a number")
        name = self.name
        good = isinstance(name, str) and name.isprintable() and len(name) <= LONGEST_NAME
        if not good or name.startswith("_"):
            raise InputError(
                f"name = {name!r}: give one printable line of at most {LONGEST_NAME} characters "
                "that does not begin with '_'"
            )

    def _check_tolerance(self) -> None:
        anything = self.distribution == "uniform conductance"
        if not 0 <= self.tolerance <= 1 or (self.tolerance == 1 and not anything):
            most = "1" if anything else "below 1"
            raise InputError(f"tolerance = {self.tolerance}: give a fraction from 0 to {most}")
        if anything and self.ladder == "guaranteed":
            raise InputError(
                "ladder = 'guaranteed': nothing is where the distribution is 'uniform "
                "conductance', of branches that may conduct next to nothing; choose another ladder"
            )

    def _check_resistors(self) -> None:
        paired = self.polarity == "paired"
        if self.resistors < 2:
            needs = f"{self.polarity} cells need at least 2"
            if paired:
                needs = "a paired cell needs at least 2, one for each line"
            raise InputError(f"resistors = {self.resistors}: {needs}")
        most = most_resistors(self.polarity)
        if self.resistors > most:
            kind = "steered cells" if self.polarity == "steered" else "cells"
            raise InputError(
                f"resistors = {self.resistors}: {kind} of more than {most} cannot be "
                "programmed exactly; give fewer"
            )
        if self.ladder == "binary" and paired and self.resistors % 2:
            raise InputError(
                f"resistors = {self.resistors}: a binary cell has the same ladder on both lines; "
                "give an even number"
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

    def _check_enough_bits(self) -> None:
        if self.enough_bits is None:
            return
        if not 1 <= self.enough_bits <= MOST_BITS:
            raise InputError(
                f"enough_bits = {self.enough_bits}: give 1 to {MOST_BITS} bits, or drop it"
            )
        if self.polarity not in ("paired", "steered") or self.programmed_by == "nominal":
            raise InputError(
                f"enough_bits = {self.enough_bits}: only paired and steered cells, programmed by "
                "measured values, can conduct less for the same weight; drop it"
            )

    @property
    def label(self) -> str:
        """Name in tables and figures."""
        radix = "" if self.radix is None else f" {self.radix:g}"
        return self.name or f"{self.polarity} {self.ladder}{radix}"

    @property
    def coefficients(self) -> tuple[int, ...]:
        """What the conductance of a branch may be multiplied by, as `solvers.solve` takes it.

        (0, 1) where a branch is joined to its one line or to none, (-1, 1) where it is
        always on one of two lines, (-1, 0, 1) where it is on either or on none. Where a
        branch can take either line, 1 is the positive one.
        """
        return {"flip": (-1, 1), "steered": (-1, 0, 1)}.get(self.polarity, (0, 1))

    @property
    def lines_per_column(self) -> int:
        """Bit lines of a column: a positive and a negative one, or one alone."""
        return 1 if self.has_reference else 2

    @property
    def has_reference(self) -> bool:
        """True where the columns share a reference line: one column of cells more."""
        return self.polarity == "offset"

    @property
    def takes_either_line(self) -> bool:
        """True where a branch can be joined to either line of its column."""
        return -1 in self.coefficients

    @property
    def switches_per_branch(self) -> int:
        """Switches that a branch is programmed by: one to each line that it can take."""
        return 2 if self.takes_either_line else 1

    @property
    def open_share(self) -> float:
        """What a closed branch conducts to the line of its open switch, of what to the other.

        ``on_ohm / off_ohm`` where a branch can take either line, see `branches`; else 0.
        """
        return self.on_ohm / self.off_ohm if self.takes_either_line else 0.0

    @property
    def leakage_siemens(self) -> float:
        """What open switches add to the worst error of a cell at most, without wires [S].

        All that they leak; where a branch can take either line, full scale times `open_share`:
        a branch that is on neither leaks to both alike, so only the range gets shorter.
        """
        if self.takes_either_line:
            return self.full_scale_siemens * self.open_share
        return self.resistors / self.off_ohm

    @property
    def safe_radix(self) -> float:
        """Largest radix without gaps at this tolerance t, ``1 + c (1 - t) / (1 + t)``.

        With it no branch is larger than c times all smaller ones together plus the largest
        that the smallest can be, even when it is at its largest and they at their smallest;
        c = 2 for steered cells, whose smaller branches cover as much on either side, else 1.
        """
        sides = 2 if self.polarity == "steered" else 1
        return 1 + sides * (1 - self.tolerance) / (1 + self.tolerance)

    @cached_property
    def signs(self) -> NDArray[np.int8]:
        """Fixed sign of each branch, (branches,): +1 or -1; only paired cells have both.

        Half the branches on each line, and the lines' sums about equal: from the largest
        branch on, each goes to the line with the smaller sum that still has room. Of other
        polarities all are +1: their sign is in the switches or in the reference.
        """
        ladder = self._relative_ladder
        signs = np.full(ladder.size, 0 if self.polarity == "paired" else 1, dtype=np.int8)
        if self.polarity != "paired":
            signs.setflags(write=False)
            return signs
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
        if self.polarity == "paired":
            reach = min(ladder[self.signs > 0].sum(), ladder[self.signs < 0].sum())
        else:
            reach = ladder.sum() / (2 if self.has_reference else 1)
        reach /= self._spare
        scale = self.full_scale_siemens / (self.usable_share * reach)
        nominal = np.asarray(ladder * scale, dtype=float)
        nominal.setflags(write=False)
        return nominal

    @property
    def nominal_ohm(self) -> NDArray[np.float64]:
        """Nominal resistance of each resistor, without its switch, (branches,) [ohm]."""
        return resistor_ohm(self, self.nominal_siemens)

    @cached_property
    def reference_siemens(self) -> float:
        """Conductance asked of each cell of an offset design's reference line [S]; else 0.

        Half of what a nominal cell reaches, where sums are densest, or as much lower as it
        takes for the largest weight to stay in reach of a cell whose resistors all came out
        large.
        """
        if not self.has_reference:
            return 0.0
        reach = float(self.nominal_siemens.sum())
        return min(reach / 2, reach / self._spare - self.full_scale_siemens)

    @property
    def guaranteed_bits(self) -> float | None:
        """Worst-case bits of every cell and target, where there is a proof; else None.

        With a radix up to `safe_radix` and resistances within the tolerance, neighbouring
        sums lie at most the smallest branch apart (in a flip cell, where a branch that
        changes lines counts twice, twice as far), so no target in range is missed by more
        than half of it, and `leakage_siemens`. Holds for exact measurement.
        """
        proof = self.ladder == "guaranteed" and self.distribution != "lognormal"
        if not proof or self.programmed_by == "nominal" or self._radix > self.safe_radix:
            return None
        half_gap = float(self.nominal_siemens.min()) / (1 - self.tolerance) / 2
        if self.polarity == "flip":
            half_gap *= 2
        bits = math.log2(self.full_scale_siemens / (half_gap + self.leakage_siemens))
        return bits if self.enough_bits is None else min(bits, self.enough_bits)

    @property
    def usable_share(self) -> float:
        """`usable`, or what it is by default."""
        if self.usable is not None:
            return self.usable
        return CENTRAL_HALF if self.ladder in ("stagger", "identical") else 1.0

    @property
    def _spare(self) -> float:
        """Nominal sum of a cell over what it is sure to reach when its resistors come out large."""
        if self.programmed_by == "nominal" or self.distribution == "uniform conductance":
            return 1.0
        return 1 + self.tolerance

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
            return np.asarray(2.0 ** (steps // 2 if self.polarity == "paired" else steps))
        return np.asarray(self._radix**steps)


def most_resistors(polarity: Polarity) -> int:
    """Most resistors of a cell that can be programmed exactly."""
    return MOST_STEERED if polarity == "steered" else MOST_RESISTORS


def _check_choice(field: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{field} = {value!r}: choose one of {', '.join(choices)}")

"""What is asked of a cell, checked before any work."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, Literal, get_args

import click

from crossbar.design import Design, Distribution, Ladder, Polarity
from crossbar.designing.yields import YieldTest
from crossbar.errors import InputError

Preference = Literal["area", "resistors", "switches", "spread", "proof"]
Kind = Literal[Ladder, "uniform"]
"""``uniform``: identical nominal values, and conductances uniform from 0 to twice these, whatever
the tolerance; the model of the slides and of the theory of random subset sums."""

MOST_SUMS = 1 << 20
LARGEST_ERROR = 0.1


@dataclass(frozen=True, kw_only=True)
class Specification:
    """What a cell has to do.

    Parameters
    ----------
    bits : float
        ``-log2(largest error / full scale)`` that every target between minus and plus full
        scale must reach; a signed scale of so many bits, met to half a step.
    yield_ : float
        Share of cells of which that must be true.
    confidence : float
        Of what is simulated.
    allowed_failures : int
        Cells that may fail in the test of the yield; 0 takes the fewest cells, more let a cell
        that is hardly better than asked pass more often.
    tolerance, distribution
        Of the resistors, as in `crossbar.Design`.
    measurement_error : float
        Of each branch, relative, one standard deviation; 0: exact.
    stuck : float
        Share of branches that are stuck, half of them open and half closed (of flip and steered
        cells on either line), known to the tester; the programming works around them.
    polarities, ladders : tuple of str
        What to look at; among the ladders the `Kind` ``uniform``.
    radix : float, optional
        Of the ladders ``guaranteed`` and ``stagger``, in place of their own.
    usable : float, optional
        As in `crossbar.Design`.
    full_scale_siemens, on_ohm, off_ohm
        As in `crossbar.Design`.
    sheet_ohm : float
        Resistance of a square of the resistors' film [ohm], for their area; a high-resistance
        polysilicon of 1 kohm.
    most_sums : int
        Cells with more subset sums are not simulated, only proven: 2**20 takes 1 to 3 ms.
    seed : int
        Of the cells that are simulated.

    Raises
    ------
    InputError
        For a value out of range.
    """

    bits: float
    yield_: float = 0.999
    confidence: float = 0.95
    allowed_failures: int = 0
    tolerance: float = 0.2
    distribution: Distribution = "uniform"
    measurement_error: float = 0.0
    stuck: float = 0.0
    polarities: tuple[Polarity, ...] = get_args(Polarity)
    ladders: tuple[Kind, ...] = get_args(Kind)
    radix: float | None = None
    usable: float | None = None
    full_scale_siemens: float = 1e-5
    on_ohm: float = 1e3
    off_ohm: float = 1e10
    sheet_ohm: float = 1e3
    most_sums: int = MOST_SUMS
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_number("bits", self.bits, 1, 30, "bits from 1 to 30")
        most = 1.0 if self.distribution == "uniform conductance" else 0.9
        self._check_number("tolerance", self.tolerance, 0, most, f"a fraction from 0 to {most:g}")
        self._check_number(
            "measurement_error",
            self.measurement_error,
            0,
            LARGEST_ERROR,
            "a fraction from 0 to 0.1",
        )
        self._check_number("stuck", self.stuck, 0, 0.5, "a fraction from 0 to 0.5")
        self._check_number("sheet_ohm", self.sheet_ohm, 1e-3, 1e9, "ohms from 1e-3 to 1e9")
        for field, whole, least in (
            ("allowed_failures", self.allowed_failures, 0),
            ("most_sums", self.most_sums, 4),
            ("seed", self.seed, 0),
        ):
            if isinstance(whole, bool) or not isinstance(whole, numbers.Integral) or whole < least:
                raise InputError(f"{field} = {whole!r}: give a whole number, at least {least}")
        if self.most_sums > 1 << 24:
            raise InputError(f"most_sums = {self.most_sums}: give at most {1 << 24}")
        for field, given, known in (
            ("polarities", self.polarities, get_args(Polarity)),
            ("ladders", self.ladders, get_args(Kind)),
        ):
            if not given or set(given) - set(known) or len(set(given)) < len(given):
                raise InputError(f"{field} = {given}: choose some of {', '.join(known)}, each once")
        if self.distribution not in get_args(Distribution):
            raise InputError(
                f"distribution = {self.distribution!r}: choose one of "
                f"{', '.join(get_args(Distribution))}"
            )
        if self.on_ohm == 0:
            raise InputError("on_ohm = 0: SPICE writes no switch of 0 ohm; give a small resistance")
        _ = self.test.cells
        self.design(ladder="identical", resistors=2)  # refuses what no cell takes
        if self.radix is not None:
            self.design(ladder="stagger", resistors=2, radix=self.radix)

    @staticmethod
    def _check_number(field: str, value: Any, low: float, high: float, remedy: str) -> None:
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            raise InputError(f"{field} = {value!r}: give {remedy}")

    @cached_property
    def test(self) -> YieldTest:
        """The test of the yield."""
        return YieldTest(self.yield_, self.confidence, self.allowed_failures)

    @property
    def seeks_proof(self) -> bool:
        """Whether guaranteed ladders are looked at: not of conductances that may be almost 0."""
        return "guaranteed" in self.ladders and self.distribution != "uniform conductance"

    @property
    def largest_error(self) -> float:
        """Largest error that a target may have, relative to full scale."""
        return math.pow(2.0, -self.bits)

    def design(self, **cell: Any) -> Design:
        """A cell with this specification's resistors, switches and full scale."""
        common: dict[str, Any] = {
            "tolerance": self.tolerance,
            "distribution": self.distribution,
            "usable": self.usable,
            "full_scale_siemens": self.full_scale_siemens,
            "on_ohm": self.on_ohm,
            "off_ohm": self.off_ohm,
        }
        return Design(**(common | cell))

    def with_bits(self, bits: float) -> Specification:
        """The same for another number of bits."""
        return replace(self, bits=bits)


class Fraction(click.ParamType[float]):
    """A fraction or a percentage on the command line: ``0.2`` or ``20%``."""

    name = "fraction"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """The fraction; bad text is one line of error."""
        if isinstance(value, float):
            return value
        try:
            return fraction(str(value))
        except InputError as error:
            self.fail(str(error), param, ctx)


def fraction(text: str) -> float:
    """Read ``0.2`` or ``20%``.

    Raises
    ------
    InputError
        For anything else; 20, which may mean 20 %, too.

    Examples
    --------
    >>> fraction("20 %"), fraction("0.2")
    (0.2, 0.2)
    """
    stripped = text.strip()
    try:
        number = Decimal(stripped.removesuffix("%").strip())  # 99.9 % is 0.999, to the last bit
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise InputError(f"{text!r}: give a fraction such as 0.2, or a percentage such as 20%")
    if stripped.endswith("%"):
        return float(number / 100)
    if 1 < number <= 100:
        share = float(number / 100)
        raise InputError(f"{text!r}: is that a percentage? write {stripped}% or {share:g}")
    return float(number)

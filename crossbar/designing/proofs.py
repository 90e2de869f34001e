"""What is certain about a cell without any simulation, and the radix that makes it so.

If the conductance of branch i is sure to lie between ``low`` and ``high`` times its nominal
value, a ladder of radix ``1 + c low / high`` has no branch larger than c times all smaller ones
together plus the smallest at its largest (c = 2 for steered cells, else 1). Then, by induction,
neighbouring sums lie at most the smallest branch apart, twice that in a flip cell, and the worst
error is half of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from crossbar.design import Design, Polarity
from crossbar.designing.specification import Specification
from crossbar.errors import InputError


@dataclass(frozen=True)
class Spread:
    """Between what factors of their nominal values all branches of a cell are measured.

    Parameters
    ----------
    low, high : float
        Of the conductance as it is measured.
    true_high : float
        The largest factor of the true conductance.
    noise : float
        Largest relative error of the measurement.
    share : float
        Share of cells of which that is true; 1 where it is of all.
    """

    low: float
    high: float
    true_high: float
    noise: float
    share: float


def spread_of(
    specification: Specification, resistors: int, polarity: Polarity = "paired"
) -> Spread:
    """Limits that a share `yield_` of cells keeps, each tail of all branches counted.

    Those of an offset cell are the branches of its reference too.

    A uniform tolerance has limits of its own. A lognormal one, and the normal error of a
    measurement, are cut where all branches of that share of cells lie within:
    ``(2 Phi(z) - 1)**k = yield``, k the number of such normal quantities of a cell.

    Raises
    ------
    InputError
        For conductances that may be almost 0: no factor is sure.
    """
    if specification.distribution == "uniform conductance":
        raise InputError(
            "distribution = 'uniform conductance': nothing is proven of it; choose another one"
        )
    from scipy.stats import norm

    tails = (specification.distribution == "lognormal") + (specification.measurement_error > 0)
    share = specification.yield_ if tails else 1.0
    normal = tails * resistors * (2 if polarity == "offset" else 1)
    z = float(norm.ppf((1 + share ** (1 / normal)) / 2)) if tails else 0.0
    t = specification.tolerance
    if specification.distribution == "lognormal":
        low, high = math.exp(-t * z), math.exp(t * z)
    else:
        low, high = 1 / (1 + t), 1 / (1 - t)
    noise = specification.measurement_error * z
    return Spread(low * (1 - noise), high * (1 + noise), high, noise, share)


def safe_radix(spread: Spread, polarity: Polarity) -> float:
    """Largest radix without gaps; at a larger one the worst error jumps, the guarantee's cliff."""
    return 1 + (2 if polarity == "steered" else 1) * spread.low / spread.high


def guaranteed_design(specification: Specification, polarity: Polarity, resistors: int) -> Design:
    """The guaranteed ladder of this specification, its radix from the tail where there is one.

    Where the tail is wider than `crossbar.Design` reckons with, less of the range is usable.
    """
    spread = spread_of(specification, resistors, polarity)
    plain = specification.design(ladder="guaranteed", polarity=polarity, resistors=resistors)
    if spread.share == 1:
        return plain
    usable = (specification.usable or 1.0) * min(spread.low * (1 + specification.tolerance), 1.0)
    return specification.design(
        ladder="guaranteed",
        polarity=polarity,
        resistors=resistors,
        radix=safe_radix(spread, polarity),
        usable=usable,
    )


def proven_bits(specification: Specification, design: Design) -> float | None:
    """Bits that at least a share `yield_` of cells reaches at every target, where proven.

    Returns
    -------
    float or None
        ``log2(full scale / (half gap + leakage + error of the measurement))``: leakage is
        `Design.leakage_siemens`, by which a gap grows or the end of the range moves at most; the
        measurement misjudges each branch by its largest error.
        None without a proof: other ladders, a radix above the cliff, a nominal
        programming, or branches that are stuck.
    """
    if design.ladder != "guaranteed" or design.programmed_by == "nominal" or specification.stuck:
        return None
    spread = spread_of(specification, design.resistors, design.polarity)
    radix = design.safe_radix if design.radix is None else design.radix
    if radix > safe_radix(spread, design.polarity) * (1 + 1e-12):
        return None
    nominal = design.nominal_siemens
    half_gap = float(nominal.min()) * spread.high / 2 * (2 if design.polarity == "flip" else 1)
    misjudged = spread.noise * spread.true_high * float(nominal.sum())
    if design.has_reference:
        misjudged *= 2
    return math.log2(design.full_scale_siemens / (half_gap + design.leakage_siemens + misjudged))

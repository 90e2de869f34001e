"""The same product elsewhere: digital hardware, and analog chips that were measured."""

from __future__ import annotations

from dataclasses import dataclass

from crossbar.costs.assumptions import HOROWITZ, Assumptions
from crossbar.costs.estimate import Cost
from crossbar.costs.networks import NetworkCost

__all__ = ["PUBLISHED", "Elsewhere", "compare_cost"]


@dataclass(frozen=True)
class Chip:
    """A published analog chip: its measured efficiency [operations/J], two a multiplication."""

    name: str
    operations_per_joule: float
    source: str


PUBLISHED = (
    Chip(
        "HERMES core, 256 x 256 PCM, 14 nm",
        10.5e12,
        "R. Khaddam-Aljameh et al., JSSC 57 (2022), 10.1109/JSSC.2022.3140414",
    ),
    Chip(
        "64-core PCM chip, 14 nm, one phase",
        9.76e12,
        "M. Le Gallo et al., Nature Electronics 6 (2023), 10.1038/s41928-023-01010-1",
    ),
    Chip(
        "64-core PCM chip, 14 nm, four phases",
        2.48e12,
        "M. Le Gallo et al., Nature Electronics 6 (2023), 10.1038/s41928-023-01010-1",
    ),
)


@dataclass(frozen=True)
class Elsewhere:
    """The product, or all those of an image, on some hardware.

    Parameters
    ----------
    name : str
    joule : float
        Energy of the product, or of an image [J].
    times : float
        Of this package's estimate.
    operations_per_joule : float
        Two for each multiply-accumulate of the whole matrix.
    source : str
    """

    name: str
    joule: float
    times: float
    operations_per_joule: float
    source: str


def compare_cost(cost: Cost | NetworkCost, assumptions: Assumptions) -> list[Elsewhere]:
    """The estimate, then digital hardware and published chips for as many multiplications.

    A digital design that skips pruned weights is a line of its own; what it takes to find them is
    not counted. The published figures hold for full, large arrays and include what this package's
    estimate leaves out to different extents.
    """
    whole, kept = cost.multiplications, cost.kept
    operations = 2 * whole
    found = [
        ("this chip, estimated", cost.joule, "the table above"),
        ("digital, fp32", whole * assumptions.fp32_joule, HOROWITZ),
        ("digital, int8", whole * assumptions.int8_joule, HOROWITZ),
    ]
    if kept < whole:
        found.append(("digital, int8, kept weights", kept * assumptions.int8_joule, HOROWITZ))
    found += [(c.name, operations / c.operations_per_joule, c.source) for c in PUBLISHED]
    return [
        Elsewhere(name, joule, joule / cost.joule, operations / joule if joule else 0.0, source)
        for name, joule, source in found
    ]

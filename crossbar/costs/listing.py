"""One table of a cost: its parts, the comparison and every assumption."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from crossbar.costs.assumptions import ASSUMED, SOURCES, Assumptions, unit_of
from crossbar.costs.comparison import compare_cost
from crossbar.costs.estimate import Cost
from crossbar.costs.networks import NetworkCost
from crossbar.tables import WholeRow

__all__ = ["LEFT_OUT", "CostRow", "cost_rows"]

LEFT_OUT = (
    "A lower bound. Left out: moving data, control and clocks, bias of amplifiers, leakage between "
    "reads, programming, calibration of converters; of a network also activation "
    "functions and pooling. Published chips were measured and hold some of "
    "it; the digital figures are arithmetic alone."
)
_METHODS = {
    "estimate": "from the slowest time constant",
    "transient": "ngspice, step response",
}


@dataclass(frozen=True)
class CostRow(WholeRow):
    """One line.

    Parameters
    ----------
    table : str
        ``product``, ``energy``, ``latency``, ``area``, ``comparison`` or ``assumptions``; of a
        network ``image``, ``energy of layers`` and ``latency of layers`` instead of the first.
    name : str
    value : float
    unit : str
    share : float or None
        Of the table's total; in the comparison, energy relative to this chip's.
    source : str
        Where the value comes from.
    """

    table: str
    name: str
    value: float
    unit: str
    share: float | None
    source: str

    @property
    def key(self) -> tuple[str, str]:
        """What names the line."""
        return self.table, self.name


def cost_rows(cost: Cost | NetworkCost, assumptions: Assumptions) -> list[CostRow]:
    """All of it, in order."""
    return [
        *_product(cost),
        *(_layers(cost) if isinstance(cost, NetworkCost) else ()),
        *_parts("energy", cost.energy_joule, "J", _energy_sources(cost)),
        *_parts("latency", cost.latency_seconds, "s", _latency_sources(cost)),
        *_parts("area", cost.area_square_metre, "m^2", dict.fromkeys(cost.area_square_metre, "")),
        *(
            CostRow("comparison", one.name, one.joule, "J", one.times, one.source)
            for one in compare_cost(cost, assumptions)
        ),
        *(
            CostRow("assumptions", name, value, unit_of(name), None, SOURCES.get(name, ASSUMED))
            for name, value in asdict(assumptions).items()
        ),
    ]


def _product(cost: Cost | NetworkCost) -> Iterator[CostRow]:
    table = "image" if isinstance(cost, NetworkCost) else "product"
    operations = 2 * cost.multiplications
    for name, value, unit, source in (
        ("multiply-accumulates", cost.multiplications, "", f"{cost.shape} weights"),
        ("multiply-accumulates of kept weights", cost.kept, "", "not zero"),
        ("tiles", cost.tiles, "", ""),
        ("resistors", cost.resistors, "", ""),
        ("static power while read", cost.power_watt, "W", "nodal analysis, with wires"),
        ("side of a cell", cost.pitch_metre, "m", "root of its area, all bit lines together"),
        ("operations per joule", operations / cost.joule, "1/J", "two a multiply-accumulate"),
    ):
        yield CostRow(table, name, value, unit, None, source)


def _layers(cost: NetworkCost) -> Iterator[CostRow]:
    """Energy and time of an image, layer by layer."""
    for table, values, unit in (
        ("energy of layers", [layer.joule for layer in cost.layers], "J"),
        ("latency of layers", [layer.seconds for layer in cost.layers], "s"),
    ):
        for layer, value in zip(cost.layers, values, strict=True):
            times = f", {layer.products} products" if layer.products > 1 else ""
            source = f"{layer.one.shape} weights{times}"
            yield CostRow(table, layer.name, value, unit, value / sum(values), source)


def _parts(
    table: str, parts: dict[str, float], unit: str, sources: dict[str, str]
) -> Iterator[CostRow]:
    total = sum(parts.values())
    for name, value in parts.items():
        yield CostRow(table, name, value, unit, value / total, sources.get(name, ""))
    yield CostRow(table, "total", total, unit, 1.0, "")


def _energy_sources(cost: Cost | NetworkCost) -> dict[str, str]:
    return {
        "array, static": "nodal analysis: power of all sources x settling time",
        "array, charging lines": "ngspice" if cost.settling == "transient" else "C V^2 a word line",
        "drivers": "linear, from supply_volt",
        "sense amplifiers": "at least the lines' currents from supply_volt",
        "DACs": "2^bits dac_unit_farad supply_volt^2 each",
        "ADCs": "walden_joule 2^bits each, or noise at schreier_db",
        "digital partial sums": "partial_sum_joule each",
        "digital rescaling": "rescale_joule an output",
    }


def _latency_sources(cost: Cost | NetworkCost) -> dict[str, str]:
    return {
        "DAC": "dac_seconds",
        "settling": f"to half a step: {_METHODS[cost.settling]}",
        "ADC": "conversion_seconds x columns_per_adc",
    }

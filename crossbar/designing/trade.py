"""Lines of the trade: a cell that was looked at, what it costs, and how sure it is."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from crossbar.designing.specification import Preference
from crossbar.errors import InputError
from crossbar.messages import counted
from crossbar.tables import WholeRow

PROOF, STATISTIC, NOT_MET = "proof", "statistic", "not met"


@dataclass(frozen=True)
class TradeRow(WholeRow):
    """One cell beside the specification.

    Parameters
    ----------
    family : str
        Polarity and ladder.
    resistors, switches : int
        In a cell.
    certainty : str
        ``proof``: holds without any simulation. ``statistic``: a test of the yield was passed.
        ``not met``: neither.
    proven_bits, proven_share : float, optional
        What is proven, and for what share of cells.
    cells, failures : int
        Simulated, and of these below the bits asked for.
    yield_at_least : float, optional
        Lower bound with the confidence asked for, where the test was passed.
    worst_bits, one_percent_bits, median_bits : float, optional
        Of the simulated cells' worst targets.
    polarity, ladder, programmed_by, radix
        As in `families.Family`; the radix of a guaranteed ladder is that which it got.
    usable : float
        Share of the reach of every cell that is full scale.
    total_ohm, unit_resistors, squares, spread, smallest_ohm, largest_ohm : float
        As in `costs.CellCost`.
    """

    family: str
    resistors: int
    switches: int
    certainty: str
    proven_bits: float | None
    proven_share: float | None
    cells: int
    failures: int
    yield_at_least: float | None
    worst_bits: float | None
    one_percent_bits: float | None
    median_bits: float | None
    polarity: str
    ladder: str
    programmed_by: str
    radix: float | None
    usable: float
    total_ohm: float
    unit_resistors: float
    squares: float
    spread: float
    smallest_ohm: float
    largest_ohm: float

    @property
    def key(self) -> tuple[Hashable, ...]:
        """What names the cell."""
        return (self.family, self.resistors)

    @property
    def met(self) -> bool:
        """Whether the specification is met."""
        return self.certainty != NOT_MET


def smallest(rows: Sequence[TradeRow]) -> list[TradeRow]:
    """Of each family the smallest cell that meets the specification, else the best one seen.

    A family has two lines where a proof takes more resistors than a statistic.
    """
    found = []
    for family in dict.fromkeys(row.family for row in rows):
        cells = sorted((r for r in rows if r.family == family), key=lambda row: row.resistors)
        met = [[r for r in cells if r.certainty == certainty] for certainty in (STATISTIC, PROOF)]
        found += [some[0] for some in met if some]
        if not any(met):
            found.append(max(cells, key=lambda row: (row.worst_bits or 0, -row.resistors)))
    return found


def recommended(
    rows: Sequence[TradeRow],
    prefer: Preference = "area",
    remedy: str = "ask for fewer bits or a lower yield",
) -> tuple[TradeRow, str]:
    """The cell to take, and why, in words.

    Parameters
    ----------
    rows : sequence of TradeRow
        The trade.
    prefer : {"area", "resistors", "switches", "spread", "proof"}
        What counts: the total resistance; the number of resistors or switches; the spread
        of values; or a proof, and then the total resistance. Ties: the total resistance.
        ``uniform`` cells, whose resistors are not those that were asked for, are taken only
        where no other cell meets the specification.
    remedy : str
        What to do where no cell does, see `causes.remedy`.

    Raises
    ------
    InputError
        When no cell meets the specification.
    """
    met = [row for row in smallest(rows) if row.met]
    met = [row for row in met if row.ladder != "uniform"] or met
    if not met:
        best = max(rows, key=lambda row: row.worst_bits or 0)
        raise InputError(
            f"bits: no cell meets the specification; the best, {best.family} of {best.resistors} "
            f"resistors, reaches {best.worst_bits or 0:.1f} bits; {remedy}"
        )
    proven = [row for row in met if row.certainty == PROOF]
    if prefer == "proof" and not proven:
        raise InputError(
            "prefer = 'proof': no cell is proven to meet the specification; prefer 'area', or "
            "search the guaranteed ladder without stuck branches"
        )
    measures: dict[str, Callable[[TradeRow], float]] = {
        "area": lambda row: row.total_ohm,
        "resistors": lambda row: row.resistors,
        "switches": lambda row: row.switches,
        "spread": lambda row: row.spread,
        "proof": lambda row: row.total_ohm,
    }
    measure = measures[prefer]
    choice = min(
        proven if prefer == "proof" else met, key=lambda row: (measure(row), row.total_ohm)
    )
    return choice, _reason(choice, met, proven, prefer)


def _simulated(row: TradeRow) -> str:
    if row.cells == 1:
        return "; all its cells are alike"
    return f"; its yield is a statistic: {row.failures} of {counted(row.cells, 'cell')} failed"


def _reason(
    choice: TradeRow, met: Sequence[TradeRow], proven: Sequence[TradeRow], prefer: Preference
) -> str:
    what = {
        "area": "the smallest total resistance, and so the least area,",
        "resistors": "the fewest resistors",
        "switches": "the fewest switches",
        "spread": "the smallest spread of resistances",
        "proof": "a proof, and of those that have one the smallest total resistance",
    }[prefer]
    text = f"{what} of the {counted(len(met), 'cell')} that meet the specification"
    if len(met) == 1:
        text = "being the only cell that meets the specification"
    if choice.certainty == STATISTIC and proven:
        least = min(proven, key=lambda row: row.total_ohm)
        text += (
            f"{_simulated(choice)}. "
            f"With a proof: {least.family} of {least.resistors} resistors, "
            f"{least.total_ohm / choice.total_ohm:.3g} times the total resistance, spread "
            f"{least.spread:.3g} in place of {choice.spread:.3g}"
        )
    elif choice.certainty == STATISTIC:
        text += _simulated(choice)
    else:
        share = choice.proven_share or 1.0
        whole = "every cell" if share == 1 else f"{100 * share:g} % of cells"
        text += f"; a proof for {whole}, {choice.proven_bits:.2f} bits"
    fewest = min(met, key=lambda row: row.switches)
    if fewest.switches < choice.switches:
        text += f". Fewest switches: {fewest.family}, {fewest.switches} (here {choice.switches})"
    return text

"""A search for a cell: its trade as charts and a table, and the cell that was chosen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crossbar.designing.plots import plot_bits, plot_cost
from crossbar.designing.trade import NOT_MET, PROOF, TradeRow, smallest
from crossbar.reporting.runs import Run, Value, is_number
from crossbar.tables import read_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FILES", "TradeChart", "head_of_design", "is_design", "trade_charts", "trade_table"]

FILES = {
    "design.toml": "the cell, as every command takes it",
    "cell.lib": "the cell as a SPICE library",
    "resistors.csv": "its resistors",
    "array.cir": "an array of it with random weights, for ngspice",
    "hardest.cir": "the same, each cell at its own worst target",
    "chip.npz": "that array as a programmed chip",
    "trade.csv": "the smallest cell of each kind",
}
"""What a search leaves beside its table, and what each is."""

COLUMNS = (
    "cell", "resistors", "switches", "sure by", "worst bits", "median bits",
    "usable range [%]", "total resistance [Mohm]", "spread",
)  # fmt: skip
_CHARTS = (
    ("Bits of the median and the worst simulated cell", "bits at its worst target", "", False),
    ("Resistors of a cell", "resistors", "resistors", False),
    ("Total resistance of a cell", "total resistance [Mohm]", "total_ohm", True),
    ("Spread of the resistances", "largest / smallest resistance", "spread", True),
)
_CELL = re.compile(r"cell: (.+), (\d+) resistors")


@dataclass(frozen=True)
class TradeChart:
    """One line for each kind of cell, what it keeps or costs.

    Parameters
    ----------
    title, x_label : str
    rows : tuple of TradeRow
        From above.
    column : str
        Of numbers; empty for bits: of the worst and the median simulated cell, and proven ones.
    log : bool
        Of the axis.
    asked : float
        Bits that were asked for.
    chosen : str
        The name of the cell that was chosen, or nothing.
    """

    title: str
    x_label: str
    rows: tuple[TradeRow, ...]
    column: str
    log: bool
    asked: float
    chosen: str

    @property
    def values(self) -> list[float]:
        """What is drawn of a column."""
        scale = 1e-6 if self.column == "total_ohm" else 1.0
        return [scale * getattr(row, self.column) for row in self.rows] if self.column else []

    @property
    def names(self) -> list[str]:
        """Of the lines."""
        return [name_of(row) for row in self.rows]

    @property
    def inches(self) -> float:
        """Height on paper."""
        return 0.8 + 0.19 * max(len(self.rows), 6)

    def draw(self, ax: Axes) -> Axes:
        """For paper, as the search draws it itself."""
        if self.column:
            plot_cost(self.rows, self.column, ax, self.log)
        else:
            plot_bits(self.rows, self.asked, ax)
        ax.set_xlabel(self.x_label)
        for label, name in zip(ax.get_yticklabels(), self.names, strict=True):
            label.set_fontweight("bold" if name == self.chosen else "normal")
        return ax


def is_design(run: Run) -> bool:
    """Whether it is a search for a cell that has found something."""
    return run.identity.get("experiment") == "design" and bool(run.table.rows)


def name_of(row: TradeRow) -> str:
    """Of a cell, in charts and table."""
    return f"{row.family}, n = {row.resistors}"


def trade_charts(run: Run) -> list[TradeChart]:
    """Bits and costs of the smallest cell of each kind; none where it is another experiment.

    Raises
    ------
    InputError
        For a table that is damaged.
    """
    if not is_design(run):
        return []
    rows, asked = tuple(_rows(run)), run.settings.get("bits")
    bits = float(asked) if is_number(asked) else 0.0
    chosen = _chosen(run)
    return [
        TradeChart(title, label, rows, column, log, bits, chosen)
        for title, label, column, log in _CHARTS
    ]


def trade_table(run: Run) -> list[tuple[Value, ...]]:
    """Lines of `COLUMNS`, the smallest cell of each kind, or the best one that was seen."""
    return [
        (
            name_of(row) + (" (chosen)" if name_of(row) == _chosen(run) else ""),
            row.resistors,
            row.switches,
            _sure_by(row),
            row.worst_bits,
            row.median_bits,
            100 * row.usable,
            row.total_ohm / 1e6,
            row.spread,
        )
        for row in _rows(run)
    ]


def head_of_design(run: Run) -> list[str]:
    """What ``design.toml`` says of the chosen cell, and how ngspice verified it; or nothing."""
    found: list[str] = []
    for line in _text(run, "design.toml").splitlines():
        if not line.startswith("#"):
            break
        said = line.removeprefix("#").strip()
        if found and found[-1].endswith((",", ";")):
            found[-1] += f" {said}"
        else:
            found.append(said)
    verified = _text(run, "verification.txt").strip()
    return [*found, *([f"verified: {verified}"] if verified else [])]


def _rows(run: Run) -> Sequence[TradeRow]:
    return smallest(read_table(run.path / "results.csv", TradeRow, "crossbar design"))


def _chosen(run: Run) -> str:
    found = next((match for line in head_of_design(run) if (match := _CELL.match(line))), None)
    return f"{found[1]}, n = {found[2]}" if found else ""


def _sure_by(row: TradeRow) -> str:
    if row.certainty == PROOF:
        return f"proof, {row.proven_bits:.2f} bits"
    if row.certainty == NOT_MET:
        return "not met"
    return f"{row.failures} of {row.cells:,} failed"


def _text(run: Run, name: str) -> str:
    path = run.path / name
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

"""The trade as a table on the console."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from crossbar.designing.trade import NOT_MET, PROOF, TradeRow


def print_trade(rows: Sequence[TradeRow], chosen: TradeRow | None = None) -> None:
    """Print a line for each kind of cell, the chosen one in bold."""
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        caption="The smallest cell of each kind (missed: the best one seen). n: resistors; sure "
        "by: proven bits, or simulated cells that failed; bits: at the worst target, of the worst "
        "and the median simulated cell; use: full scale of what every cell reaches "
        "(uniform, nominal: a nominal one); area: total resistance; spread: largest over smallest",
    )
    table.add_column("cell")
    for heading in (
        "n", "swit-\nches", "sure by", "worst\nbits", "med.\nbits", "use\n[%]", "area\n[Mohm]",
        "spread",
    ):  # fmt: skip
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        style = "bold" if chosen is not None and row.key == chosen.key else None
        style = "dim" if row.certainty == NOT_MET else style
        table.add_row(
            row.family,
            str(row.resistors),
            str(row.switches),
            _sure_by(row),
            _bits(row.worst_bits),
            _bits(row.median_bits),
            f"{100 * row.usable:.0f}",
            _short(row.total_ohm / 1e6),
            _short(row.spread),
            style=style,
        )
    Console().print(table)


def _sure_by(row: TradeRow) -> str:
    if row.certainty == PROOF:
        return f"proof {row.proven_bits:.1f}"
    if row.certainty == NOT_MET:
        return "missed"
    return "all alike" if row.cells == 1 else f"{row.failures}/{row.cells}"


def _short(number: float) -> str:
    """Three digits, and no sign in the exponent."""
    return f"{number:.3g}".replace("e+0", "e").replace("e+", "e")


def _bits(bits: float | None) -> str:
    return "" if bits is None else f"{bits:.1f}"

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
        caption="the smallest cell of each kind; bits: worst target of the worst and the median "
        "simulated cell; area: total resistance; not met: the best one seen",
    )
    table.add_column("cell", no_wrap=True)
    for heading in (
        "n", "switches", "sure by", "worst\nbits", "median\nbits", "usable\n[%]", "area\n[Mohm]",
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
            f"{row.total_ohm / 1e6:.3g}",
            f"{row.spread:.3g}",
            style=style,
        )
    Console().print(table)


def _sure_by(row: TradeRow) -> str:
    if row.certainty == PROOF:
        return f"proof, {row.proven_bits:.1f} bits"
    if row.certainty == NOT_MET:
        return f"not met: {row.failures} of {row.cells:,}" if row.cells else "not met"
    return f"{row.failures} of {row.cells:,} failed"


def _bits(bits: float | None) -> str:
    return "" if bits is None else f"{bits:.1f}"

"""A cost on the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from crossbar.costs.listing import LEFT_OUT, CostRow

__all__ = ["prefixed", "print_cost"]

_PREFIXES = ("a", "f", "p", "n", "µ", "m", "", "k", "M", "G", "T", "P")
_TITLES = {
    "product": "One product of the matrix with a vector",
    "image": "One image through all layers of the network",
    "energy of layers": "Energy, layer by layer",
    "latency of layers": "Latency, layer by layer",
    "energy": "Energy",
    "latency": "Latency",
    "area": "Area",
    "comparison": "The same work elsewhere",
    "assumptions": "Assumptions (each can be set in --assumptions FILE.toml)",
}


def print_cost(rows: Sequence[CostRow]) -> None:
    """Print a table for each part."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    for name, found in groupby(rows, key=lambda row: row.table):
        table = Table(
            title=_TITLES[name], title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
        )
        table.add_column("")
        table.add_column("", justify="right", no_wrap=True)
        share = {"assumptions": None, "product": None, "image": None, "comparison": "of this"}.get(
            name, "share"
        )
        if share:
            table.add_column(share, justify="right", no_wrap=True)
        table.add_column("source")
        for row in found:
            cells = [escape(row.name), prefixed(row.value, row.unit)]
            if share:
                shown = row.share or 0.0
                cells.append(f"{shown:.3g} x" if name == "comparison" else f"{100 * shown:.1f} %")
            table.add_row(*cells, escape(row.source))
        console.print(table)
    console.print(LEFT_OUT)


def prefixed(value: float, unit: str) -> str:
    """A number with its unit and a prefix."""
    if unit == "m^2":
        return f"{value * 1e6:.4g} mm²" if value >= 1e-8 else f"{value * 1e12:.4g} µm²"
    if unit in ("", "bits", "dB", "ohm/square") or value == 0:
        return f"{value:.6g} {unit}".strip()
    if unit == "1/J":
        return f"{value / 1e12:.3g} TOPS/W"
    power = min(max(math.floor(math.log10(abs(value)) / 3), -6), 5)
    return f"{value / 1000.0**power:.4g} {_PREFIXES[power + 6]}{unit}"

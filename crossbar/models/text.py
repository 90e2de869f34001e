"""Tables as plain text."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

_WIDEST = 200


def as_text(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, its first column to the left and the others to the right."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(escape(heading), justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(escape, row))
    stream = io.StringIO()
    Console(file=stream, width=_WIDEST).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines() if line.strip())

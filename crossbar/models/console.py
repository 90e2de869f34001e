"""What the commands about networks show: progress, and the table of an experiment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from crossbar.models.rows import ModelRow
from crossbar.models.text import as_text
from crossbar.tables import NETWORK

_COLUMNS = {
    "weight_effective_bits": 1,
    "product_effective_bits": 1,
    "logit_error_percent": 2,
    "flips": 1,
    "accuracy_percent": 2,
}
_HEADINGS = (
    "version", "wires", "converters", "n",
    "weight bits", "logit bits", "logit error [%]", "flips", "accuracy [%]",
)  # fmt: skip


def network_table(name: str, rows_of: Mapping[str, Sequence[ModelRow]]) -> str:
    """Means over chips, a line for each version, setting and number of resistors."""
    lines = []
    for version, rows in rows_of.items():
        network = [row for row in rows if row.layer == NETWORK]
        settings = [(row.wires, row.converter_bits, row.resistors_per_weight) for row in network]
        for wires, bits, count in sorted(dict.fromkeys(settings), key=settings.index):
            setting = (wires, bits, count)
            same = [row for row, its in zip(network, settings, strict=True) if its == setting]
            means = [float(np.mean([getattr(row, column) for row in same])) for column in _COLUMNS]
            said = [
                f"{mean:.{digit}f}" for mean, digit in zip(means, _COLUMNS.values(), strict=True)
            ]
            lines.append((version, wires, f"{bits or '-'}", f"{count}", *said))
    return f"{name}\n{as_text(_HEADINGS, lines)}"


@contextmanager
def progress_bar(quiet: bool, step: str, unit: str) -> Iterator[Callable[..., None] | None]:
    """Draw how much of a step is done on stderr, and a note; None when quiet."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn(step),
        BarColumn(),
        TextColumn("{task.completed:.4g}/{task.total} " + unit),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    bar = Progress(*columns, console=Console(stderr=True))
    task = bar.add_task("", total=None)

    def show(done: float, total: int, accuracy_percent: float | None = None) -> None:
        bar.start()  # not before the input is known to be good
        said = None if accuracy_percent is None else f"{accuracy_percent:.2f} % right"
        bar.update(task, completed=done, total=total, description=said)

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()

"""What the command line shows while a study runs, and when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from crossbar.results import NETWORK, Row


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A callback for `studies.run` that draws a bar on stderr; None when quiet."""
    if quiet:
        yield None
        return
    columns = (
        TextColumn("chips"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True))
    task = bar.add_task("study", total=None)

    def show(done: int, total: int) -> None:
        bar.start()  # not before the input is known to be good
        bar.update(task, completed=done, total=total)

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()


def print_summary(rows: Sequence[Row]) -> None:
    """Print a line for each design and number of resistors, the mean over chips."""
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        caption="n: resistors per weight; median, worst: of the weights; mean over chips",
    )
    table.add_column("design", no_wrap=not any(row.swept for row in rows), overflow="fold")
    for heading in (
        "n", "median\nbits", "worst\nbits", "logits\nbits",
        "logit\nerror\n[%]", "flips", "accuracy\n[%]",
    ):  # fmt: skip
        table.add_column(heading, justify="right", no_wrap=True)
    network = [row for row in rows if row.layer == NETWORK]
    series: dict[tuple[str, int], list[Row]] = {}
    for row in network:
        series.setdefault((row.series, row.resistors_per_weight), []).append(row)
    for (design, count), chips in series.items():
        table.add_row(
            escape(design),
            str(count),
            _mean(chips, "weight_median_bits"),
            _mean(chips, "weight_worst_bits"),
            _mean(chips, "product_effective_bits"),
            _mean(chips, "logit_error_percent", digits=2),
            _mean(chips, "flips"),
            _mean(chips, "accuracy_percent"),
        )
    Console().print(table)


def _mean(rows: Sequence[Row], column: str, digits: int = 1) -> str:
    mean = round(float(np.mean([getattr(row, column) for row in rows])), digits)
    return f"{mean + 0.0:.{digits}f}"  # + 0.0: no minus before a zero

"""Cells checked in a second: fabricated, and the worst of all targets found exactly.

    python benchmarks/cells.py [--seconds 1]

One thread, CPU time, compiling left out; resistors of 20 %, 10 uS, stagger 1.2 and guaranteed.
"""

from __future__ import annotations

import argparse
import time

from rich.console import Console
from rich.table import Table

from crossbar import Design
from crossbar.designing.trials import worst_errors

CELLS = (("paired", (8, 12, 16, 20)), ("flip", (12, 16)), ("steered", (8, 10, 12)))
BATCH_SUMS = 1 << 22


def rate(design: Design, seconds: float, measurement_error: float = 0.0) -> float:
    """Cells a second of CPU time."""
    sums = len(design.coefficients) ** design.resistors
    batch = max(2, BATCH_SUMS // sums)
    worst_errors(design, 1, 0, measurement_error=measurement_error)
    cells, start = 0, time.process_time()
    while cells == 0 or time.process_time() - start < seconds:
        worst_errors(design, batch, cells, measurement_error=measurement_error)
        cells += batch
    return cells / (time.process_time() - start)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="CPU time a figure, about [s]")
    seconds = parser.parse_args().seconds
    table = Table(title="cells a second, one core")
    for heading in ("polarity", "n", "guaranteed", "stagger", "stagger, measured to 1e-4"):
        table.add_column(heading, justify="right")
    for polarity, counts in CELLS:
        for n in counts:
            kinds = [
                Design(polarity=polarity, ladder=ladder, resistors=n)
                for ladder in ("guaranteed", "stagger")
            ]
            found = [*(rate(kind, seconds) for kind in kinds), rate(kinds[1], seconds, 1e-4)]
            table.add_row(polarity, str(n), *(f"{one:,.0f}" for one in found))
    Console().print(table)


if __name__ == "__main__":
    main()

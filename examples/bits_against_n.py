"""Bits of precision against the number of values: the figure "RSS in practice".

For each n many sets of random values are drawn, and for each set the worst target in
[-1/2, 1/2] is found, exactly. Rows are written to bits.csv as they come, then the figure to
bits.png. Run it with::

    make theory
    python examples/bits_against_n.py --sets 200 --to 16 --out out/theory
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from dataclasses import asdict, fields
from pathlib import Path

from solvers.theory import DISTRIBUTIONS, BitsRow, bits_against_n, bits_for_each_value


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("out/theory"), help="folder to write to")
    parser.add_argument("--sets", type=int, default=2500, help="random sets for each n")
    parser.add_argument("--from", type=int, default=4, dest="first", help="smallest n")
    parser.add_argument("--to", type=int, default=24, dest="last", help="largest n, at most 32")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="threads")
    parser.add_argument(
        "--distributions",
        nargs="+",
        choices=tuple(DISTRIBUTIONS),
        default=["uniform", "balanced"],
        metavar="NAME",
        help=f"some of {', '.join(DISTRIBUTIONS)}",
    )
    return parser.parse_args()


def main() -> None:
    """Write the rows and the figure."""
    given = arguments()
    given.out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    rows: list[BitsRow] = []
    with (given.out / "bits.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [field.name for field in fields(BitsRow)])
        table.writeheader()
        for name in given.distributions:
            counts = range(given.first, given.last + 1)
            for row in bits_against_n(
                counts, given.sets, seed=given.seed, distribution=name, workers=given.workers
            ):
                rows.append(row)
                table.writerow(asdict(row))
                file.flush()
                print(
                    f"{name:9s} n = {row.n:2d}   worst {row.worst:5.2f}   "
                    f"1 % {row.one_percent:5.2f}   median {row.median:5.2f} bits"
                    f"   {time.perf_counter() - start:6.1f} s",
                    flush=True,
                )
    for name in given.distributions:
        medians = [row for row in rows if row.distribution == name]
        if len(medians) > 1:
            print(f"{name}: {bits_for_each_value(medians):.2f} bits for each value (median)")
    if rows:
        from solvers.theory.plots import bits_figure

        bits_figure(rows).savefig(given.out / "bits.png", dpi=200)
        print(f"wrote {given.out / 'bits.csv'} and {given.out / 'bits.png'}")


if __name__ == "__main__":
    main()

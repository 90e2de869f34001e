"""The command about costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import click

from crossbar.costs.arrays import Settling

__all__ = ["cost"]


@click.command(epilog="Example: crossbar cost chip.npz --bits 8 --out cost.csv")
@click.argument("chip", type=click.Path(path_type=Path))
@click.option("--bits", type=int, help="Of DACs and ADCs.  [default: 8]")
@click.option("--inputs", type=click.Path(path_type=Path), help="Voltages, points x rows [V].")
@click.option(
    "--assumptions",
    "file",
    type=click.Path(path_type=Path),
    help="TOML of assumptions that differ.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Table to write (.csv).")
@click.option(
    "--settling",
    type=click.Choice(get_args(Settling)),
    default="estimate",
    show_default=True,
    help="From the slowest time constant, or by ngspice (small tiles).",
)
@click.option("--segment-ohm", default=1.0, show_default=True, help="Wire between cells.")
@click.option("--driver-ohm", default=10.0, show_default=True, help="Word-line driver.")
@click.option("--sense-ohm", default=10.0, show_default=True, help="Bit-line sense.")
@click.option("--tile-rows", default=32, show_default=True, help="Word lines of a tile.")
@click.option("--tile-lines", default=32, show_default=True, help="Bit lines of a tile.")
def cost(
    chip: Path,
    bits: int | None,
    inputs: Path | None,
    file: Path | None,
    out: Path | None,
    settling: Settling,
    segment_ohm: float,
    driver_ohm: float,
    sense_ohm: float,
    tile_rows: int,
    tile_lines: int,
) -> None:
    """Estimate energy, latency and area of one product on a programmed chip, beside digital
    hardware and published analog chips; without --inputs every line is at 0.2 V."""
    from crossbar.costs.assumptions import Assumptions
    from crossbar.costs.console import print_cost
    from crossbar.costs.estimate import estimate
    from crossbar.costs.listing import CostRow, cost_rows
    from crossbar.files import check_output, load_chip, read_volts, write_atomically
    from crossbar.settings import build, read_toml
    from crossbar.simulation import Tile
    from crossbar.tables import to_csv
    from spice_models import Wires
    from spice_models.checks import resistance

    if out is not None:
        check_output(out, (".csv",), inputs=[chip, inputs, file])
    given = build(Assumptions, read_toml(file), file) if file else Assumptions()
    if bits is not None:
        given = replace(given, bits=bits)
    made, _ = load_chip(chip)
    volts = None if inputs is None else read_volts(inputs, made.chip.rows)
    named = {"--segment-ohm": segment_ohm, "--driver-ohm": driver_ohm, "--sense-ohm": sense_ohm}
    segment, driver, sense = (resistance(name, ohm) for name, ohm in named.items())
    found = estimate(
        made,
        given,
        wires=Wires(segment, segment, driver, sense),
        tile=Tile(tile_rows, tile_lines),
        inputs_volt=volts,
        settling=settling,
    )
    rows = cost_rows(found, given)
    if out is not None:
        write_atomically(out, to_csv(rows, CostRow))
    print_cost(rows)

"""The command about costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from crossbar.costs.arrays import Settling
from crossbar.errors import InputError
from crossbar.messages import warn

if TYPE_CHECKING:
    from crossbar.costs.estimate import Cost
    from crossbar.costs.networks import NetworkCost
    from crossbar.costs.sources import Source
    from crossbar.simulation import Tile
    from spice_models import Wires

__all__ = ["cost"]

MODELS = (".safetensors", ".onnx")


@click.command(epilog="Example: crossbar cost chip.npz --bits 8 --out cost.csv")
@click.argument("source", type=click.Path(path_type=Path))
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
@click.option(
    "--segment-ohm", type=float, help="Wire between cells.  [default: the source's, or 1]"
)
@click.option("--driver-ohm", type=float, help="Word-line driver.  [default: the source's, or 10]")
@click.option("--sense-ohm", type=float, help="Bit-line sense.  [default: the source's, or 10]")
@click.option("--tile-rows", type=int, help="Word lines of a tile.  [default: the source's, or 32]")
@click.option("--tile-lines", type=int, help="Bit lines of a tile.  [default: 32]")
@click.option(
    "--design",
    type=click.Path(path_type=Path),
    help="TOML of the cell, for a .safetensors or .onnx file.",
)
def cost(
    source: Path,
    bits: int | None,
    inputs: Path | None,
    file: Path | None,
    out: Path | None,
    settling: Settling,
    segment_ohm: float | None,
    driver_ohm: float | None,
    sense_ohm: float | None,
    tile_rows: int | None,
    tile_lines: int | None,
    design: Path | None,
) -> None:
    """Estimate energy, latency and area, beside digital hardware and published analog chips.

    SOURCE is a programmed chip (.npz), for one product; or, for one image through all layers, a
    study (its folder or TOML file; of its first design, most resistors and first chip, with its
    wires and tiles, as they were placed if they know their wires) or a network (.safetensors,
    .onnx). Without --inputs every line is at 0.2 V."""
    from crossbar.costs.assumptions import Assumptions
    from crossbar.costs.console import print_cost
    from crossbar.costs.estimate import estimate
    from crossbar.costs.listing import CostRow, cost_rows
    from crossbar.costs.networks import estimate_network
    from crossbar.files import check_output, read_volts, write_atomically
    from crossbar.settings import build, read_toml
    from crossbar.tables import to_csv

    if out is not None:
        check_output(out, (".csv",), inputs=[source, inputs, file, design])
    given = build(Assumptions, read_toml(file), file) if file else Assumptions()
    if bits is not None:
        given = replace(given, bits=bits)
    found = _source(source, design, inputs)
    if found.digital:
        warn(f"{source}: digital, and not counted: {', '.join(found.digital)}")
    wires = _wires(found.wires, segment_ohm, driver_ohm, sense_ohm)
    tile = _tile(found.tile, tile_rows, tile_lines)
    estimated: Cost | NetworkCost
    if found.alone:
        made = found.chips[0].made
        volts = None if inputs is None else read_volts(inputs, made.chip.rows)
        estimated = estimate(
            made,
            given,
            wires=wires,
            tile=tile or found.tile,
            inputs_volt=volts,
            settling=settling,
        )
    else:
        estimated = estimate_network(found.chips, given, wires=wires, tile=tile, settling=settling)
    rows = cost_rows(estimated, given)
    if out is not None:
        write_atomically(out, to_csv(rows, CostRow))
    print_cost(rows)


def _source(path: Path, design: Path | None, inputs: Path | None) -> Source:
    """The chips that a file or folder stands for, and what goes with them."""
    from crossbar.costs.sources import of_chip, of_model, of_study
    from crossbar.design import Design
    from crossbar.files import read_design

    study, model = path.is_dir() or path.suffix == ".toml", path.suffix in MODELS
    if inputs is not None and (study or model):
        raise InputError(f"--inputs = {inputs}: is for a chip alone; leave it out")
    if design is not None and not model:
        told = " or ".join(MODELS)
        raise InputError(f"--design = {design}: is for a {told} file alone; leave it out")
    if study:
        return of_study(path)
    if model:
        return of_model(path, Design() if design is None else read_design(design))
    return of_chip(path)


def _wires(
    found: Wires | None, segment: float | None, driver: float | None, sense: float | None
) -> Wires:
    """Those of a study or the default ones, but for what is asked for."""
    from spice_models import Wires
    from spice_models.checks import resistance

    changes: dict[str, float] = {}
    for option, ohm, names in (
        ("--segment-ohm", segment, ("word_segment_ohm", "bit_segment_ohm")),
        ("--driver-ohm", driver, ("driver_ohm",)),
        ("--sense-ohm", sense, ("sense_ohm",)),
    ):
        if ohm is not None:
            changes |= dict.fromkeys(names, resistance(option, ohm))
    return replace(found or Wires(), **changes)


def _tile(found: Tile | None, rows: int | None, lines: int | None) -> Tile | None:
    """What is asked for, the rest as in a study or by default; None for how chips are cut."""
    from crossbar.simulation import Tile

    if rows is None and lines is None:
        return None
    tile = found or Tile()
    return Tile(
        tile.rows if rows is None else rows,
        tile.lines if lines is None else lines,
    )

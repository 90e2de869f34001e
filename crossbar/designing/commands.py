"""``crossbar design``: from a specification to a cell, with its proof or its statistics."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any, get_args

import click

from crossbar.design import Distribution, Polarity
from crossbar.designing.specification import Fraction, Kind, Preference, Specification
from crossbar.errors import InputError
from crossbar.messages import warn
from crossbar.progress import interruptible, progress_bar

FRACTION = Fraction()
EPILOG = "Example: crossbar design --bits 8 --tolerance 20% --yield 99.9% --out out/cell"


@click.command(epilog=EPILOG)
@click.option(
    "--bits", required=True, type=float, help="Of every target, -log2(error / full scale)."
)
@click.option(
    "--yield", "yield_", default="99.9%", show_default=True, type=FRACTION, help="Of cells."
)
@click.option(
    "--confidence", default="95%", show_default=True, type=FRACTION, help="Of a statistic."
)
@click.option(
    "--tolerance", default="20%", show_default=True, type=FRACTION, help="Of the resistors."
)
@click.option(
    "--distribution",
    default="uniform",
    show_default=True,
    type=click.Choice(get_args(Distribution)),
    help="Uniform within the tolerance, normal and cut at it, lognormal with it as sigma, or of "
    "conductances uniform within it.",
)
@click.option(
    "--measurement-error",
    default="0",
    show_default=True,
    type=FRACTION,
    help="Of each branch, sigma.",
)
@click.option(
    "--stuck", default="0", show_default=True, type=FRACTION, help="Branches stuck, known to you."
)
@click.option(
    "--polarity",
    "polarities",
    multiple=True,
    type=click.Choice(get_args(Polarity)),
    help="What to search; may be given again.  [default: all]",
)
@click.option(
    "--ladder",
    "ladders",
    multiple=True,
    type=click.Choice(get_args(Kind)),
    help="What to search; may be given again; uniform is the slides' model: identical, of "
    "conductances uniform from 0 up.  [default: all]",
)
@click.option("--radix", type=float, help="Of the ladders guaranteed and stagger.")
@click.option("--usable", type=FRACTION, help="Share of the reach that is full scale.")
@click.option(
    "--full-scale", default=1e-5, show_default=True, type=float, help="Of the largest weight [S]."
)
@click.option("--on-ohm", default=1e3, show_default=True, type=float, help="Switch, closed.")
@click.option("--off-ohm", default=1e10, show_default=True, type=float, help="Switch, open.")
@click.option("--sheet-ohm", default=1e3, show_default=True, type=float, help="Film, a square.")
@click.option(
    "--prefer",
    default="area",
    show_default=True,
    type=click.Choice(get_args(Preference)),
    help="What decides among the cells that meet it all.",
)
@click.option("--allowed-failures", default=0, show_default=True, help="In the test of the yield.")
@click.option("--most-sums", default=1 << 20, show_default=True, help="Of a cell to simulate.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option(
    "--out",
    default=Path("out/design"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder to write.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=lambda: os.cpu_count() or 1,
    show_default="all cores",
    help="Threads; the results do not depend on it.",
)
@click.option(
    "--verify/--no-verify",
    default=None,
    help="Whether ngspice reads a small array of the cell.  [default: where ngspice is found]",
)
@click.option("--quiet", is_flag=True, help="No progress bar and no table.")
def design(
    prefer: Preference,
    out: Path,
    workers: int,
    verify: bool | None,
    quiet: bool,
    full_scale: float,
    polarities: tuple[Polarity, ...],
    ladders: tuple[Kind, ...],
    **asked: Any,
) -> None:
    """Find the resistor cell that keeps its BITS: which one, how sure that is, what it costs."""
    from crossbar.designing.console import print_trade
    from crossbar.designing.runs import run_design
    from crossbar.designing.searching import cliff, leaky, left_out
    from crossbar.designing.wording import found

    specification = Specification(
        full_scale_siemens=full_scale,
        polarities=polarities or get_args(Polarity),
        ladders=ladders or get_args(Kind),
        **asked,
    )
    for told in (cliff(specification), leaky(specification)):
        if told:
            warn(told)
    if verify is None:
        verify = _has_ngspice()
    with interruptible(), progress_bar(quiet, "kinds of cell", "kinds") as progress:
        outcome = run_design(specification, out, prefer=prefer, progress=progress, workers=workers)
    if not quiet:
        print_trade(outcome.trade, outcome.chosen)
    if names := left_out(specification, outcome.rows):
        warn(f"too many sums to simulate and no proof: {', '.join(names)}; raise --most-sums")
    if outcome.chosen is None:
        raise InputError(outcome.why)
    for line in found(specification, outcome.chosen):
        click.echo(line)
    click.echo(f"chosen for {outcome.why}")
    if verify:
        with interruptible():
            _verify(specification, outcome.chosen, out)
    click.echo(f"Design, cell library, resistors, trade: {out}")
    file = shlex.quote(str(out / "design.toml"))
    click.echo(f"Next: crossbar program weights.npy --design {file} --out chip.npz")


def _has_ngspice() -> bool:
    from spice_models import NgspiceError, ngspice

    try:
        ngspice.probe()
    except NgspiceError as error:
        warn(f"not verified in a circuit: {error}")
        return False
    return True


def _verify(specification: Specification, chosen: Any, out: Path) -> None:
    from crossbar.designing.outputs import design_of
    from crossbar.designing.verifying import verify
    from crossbar.files import write_atomically

    outcome = verify(specification, chosen, design_of(specification, chosen), out)
    write_atomically(out / "verification.txt", outcome.text + "\n")
    click.echo(f"verified: {outcome.text} ({out / 'array.cir'})")

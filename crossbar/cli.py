"""The command line: each command reads files, calls one module and writes files."""

from __future__ import annotations

import shlex
import signal
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from crossbar import __version__
from crossbar.costs.commands import cost
from crossbar.designing.commands import design
from crossbar.errors import InputError
from crossbar.limits.commands import limits
from crossbar.messages import (
    BAD_INPUT,
    counted,
    drop_stdout,
    fail,
    is_input_error,
    show_warning,
    warn,
)
from crossbar.models.commands import SCALING, WIRE_AWARE, evaluate, lenets, train
from crossbar.pruning.commands import prune, prune_study
from crossbar.reporting.commands import report
from crossbar.scaling import Scaling
from crossbar.simulation import SimulatorName
from crossbar.studies.commands import merge, plot, study
from crossbar.tickets.commands import tickets
from crossbar.wire_options import recorded, used, wire_options, wires_and_tile
from spice_models.dialects import Dialect

if TYPE_CHECKING:
    from crossbar.design import Design
    from crossbar.production import ProgrammedChip
    from crossbar.simulation import NetlistForm
    from crossbar.switches import BitOrder
    from spice_models.netlist import Cells

INTERRUPTED = 130
NETLIST_SUFFIXES = (".cir", ".sp", ".spice", ".net", ".inc", ".lib")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(version)s")
def cli() -> None:
    """Design, program and simulate analog crossbar arrays of imprecise resistors."""


EXPERIMENTS = (lenets, prune_study, tickets, limits)
for command in (design, study, plot, merge, report, cost, train, evaluate, prune, *EXPERIMENTS):
    cli.add_command(command)


def main() -> None:
    """Run the command line; every error is one line on stderr and a non-zero exit status."""
    from spice_models import NgspiceError

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as well as Ctrl-C does
    warnings.showwarning = show_warning
    try:
        status = cli.main(standalone_mode=False, prog_name="crossbar")
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        status = BAD_INPUT
    except click.Abort:
        status = INTERRUPTED
    except click.ClickException as error:
        status = fail(error.format_message())
    except NgspiceError as error:
        status = fail(str(error))
    except ValueError as error:
        if not is_input_error(error):
            raise
        status = fail(str(error))
    except BrokenPipeError:
        drop_stdout()
        status = 1
    except OSError as error:
        drop_stdout()
        status = fail(f"{error.filename or 'output'}: {error.strerror}; mend that and try again")
    sys.exit(status or 0)


@cli.command(epilog="Example: crossbar program weights.npy --design cell.toml --out chip.npz")
@click.argument("weights", type=click.Path(path_type=Path))
@click.option("--design", "design_file", type=click.Path(path_type=Path), help="TOML of the cell.")
@click.option(
    "--chip",
    "measured",
    type=click.Path(path_type=Path),
    help="Measured resistances of a real chip (.csv: row,column,branch,ohm; or .npz).",
)
@click.option(
    "--switch-included/--switch-excluded",
    default=None,
    help="Whether --chip was measured through closed switches.  [default: included]",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Chip to write (.npz).")
@click.option("--seed", default=0, type=click.IntRange(min=0), show_default=True, help="The chip.")
@click.option(
    "--measurement-error",
    type=float,
    help="Of the fabricated chip; relative, one sigma.  [default: 0.0001]",
)
@click.option("--method", default="auto", show_default=True, help="Subset-sum method.")
@WIRE_AWARE
@click.option(
    "--inputs",
    type=click.Path(path_type=Path),
    help="Rows of inputs such as the chip will get: with --wire-aware, paired and steered cells "
    "are chosen for the products with them.",
)
@SCALING
@wire_options(of_chip=False)
def program(
    weights: Path,
    design_file: Path | None,
    measured: Path | None,
    switch_included: bool | None,
    out: Path,
    seed: int,
    measurement_error: float | None,
    method: str,
    wire_aware: bool,
    inputs: Path | None,
    scaling: Scaling,
    **options: Any,
) -> None:
    """Program a chip for WEIGHTS (outputs x inputs): one that is fabricated and measured by
    seed, or with --chip a real one, whose measured resistances stand for the true ones."""
    import hashlib

    import numpy as np

    from crossbar.design import Design
    from crossbar.files import check_output, read_design, read_matrix, save_chip
    from crossbar.production import check_programming, produce
    from crossbar.progress import progress_bar
    from crossbar.summaries import programmed

    check_output(out, (".npz",), inputs=[weights, design_file, measured, inputs])
    if inputs is not None and not wire_aware:
        raise InputError("--inputs: only with --wire-aware; drop it")
    if measured is None and switch_included is not None:
        raise InputError("--switch-included, --switch-excluded: only with --chip; drop it")
    if measured is not None and measurement_error is not None:
        raise InputError(
            "--measurement-error: the values of --chip are measured already; drop one of the two"
        )
    design = read_design(design_file) if design_file else Design()
    error = 0.0 if measured else 1e-4 if measurement_error is None else measurement_error
    check_programming(wire_aware, scaling, "nodal", [design])
    wires, tile = wires_and_tile(used(options, wire_aware, scaling))
    how: dict[str, Any] = {"scaling": scaling, "tile": tile, "method": method}
    how["wires"] = wires if wire_aware else None
    matrix = read_matrix(weights, "weights")
    how["inputs"] = None if inputs is None else read_matrix(inputs, "inputs")
    with progress_bar(not wire_aware, "wire-aware", "tiles") as how["progress"]:
        if measured is not None:
            made = _program_real(measured, design, matrix, switch_included is not False, seed, how)
        else:
            random = np.random.SeedSequence(seed)
            made = produce(design, matrix, random, measurement_error=error, **how)
    settings = {"seed": seed, "measurement_error": error, "method": method}
    known: dict[str, Any] = {"wire_aware": options, "scaling": scaling} if wire_aware else {}
    if inputs is not None:
        known["inputs_sha256"] = hashlib.sha256(inputs.read_bytes()).hexdigest()
    save_chip(out, made, {"version": __version__, **settings, **known})
    click.echo(f"{out}: {programmed(made, inputs is not None)}")


def _program_real(
    measured: Path,
    design: Design,
    weights: Any,
    switch_included: bool,
    seed: int,
    how: dict[str, Any],
) -> ProgrammedChip:
    """Program the array of a file."""
    import hashlib

    from crossbar.measurements import read_measurement, unlike_design
    from crossbar.production import program_real

    measurement = read_measurement(measured, design, switch_included=switch_included)
    if told := unlike_design(measurement):
        warn(f"{measured}: {told}")
    digest = hashlib.sha256(measured.read_bytes()).hexdigest()[:16]
    source = f"{measured.name}, sha256 {digest}"
    return program_real(measurement, weights, seed=seed, source=source, **how)


@cli.command(epilog="Example: crossbar netlist chip.npz --out chip.cir && ngspice -b chip.cir")
@click.argument("chip", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Netlist to write.")
@click.option("--inputs", type=click.Path(path_type=Path), help="Word-line voltages, one row [V].")
@click.option(
    "--cells",
    type=click.Choice(["folded", "branches", "switches", "transistors"]),
    default="folded",
    show_default=True,
    help="A cell as one resistor, or branch by branch with its switches.",
)
@click.option(
    "--dialect",
    type=click.Choice(get_args(Dialect)),
    default="ngspice",
    show_default=True,
    help="Only that of ngspice was run.",
)
@click.option("--hierarchical", is_flag=True, help="The layer, its tiles and cells in levels.")
@click.option("--subcircuit", is_flag=True, help="Only these levels, to .include in a design.")
@click.option("--name", help="Of the --subcircuit, one for each chip.  [default: layer]")
@wire_options(of_chip=True)
def netlist(
    chip: Path,
    out: Path,
    inputs: Path | None,
    cells: Cells,
    dialect: Dialect,
    hierarchical: bool,
    subcircuit: bool,
    name: str | None,
    **options: Any,
) -> None:
    """Write the SPICE netlist of a programmed chip; without --inputs every line is at 0.2 V."""
    import numpy as np

    from crossbar.files import check_output, load_chip, read_volts, write_atomically
    from crossbar.netlists import chip_text
    from crossbar.simulation import place_tiles

    check_output(out, NETLIST_SUFFIXES, inputs=[chip, inputs])
    if subcircuit and (inputs is not None or hierarchical):
        raise InputError("--subcircuit: takes neither --inputs nor --hierarchical; drop them")
    if name is not None and not subcircuit:
        raise InputError("--name: only with --subcircuit; drop it")
    made, settings = load_chip(chip)
    rows = made.chip.rows
    volts = np.full((1, rows), 0.2) if inputs is None else read_volts(inputs, rows)
    if len(volts) != 1:
        raise InputError(f"inputs have shape {volts.shape}: give one row of {rows} voltages")
    wires, tile = wires_and_tile(recorded(options, settings))
    form: NetlistForm = "subcircuit" if subcircuit else "hierarchical" if hierarchical else "tiles"
    grid = place_tiles(made.chip, made.program, wires, tile)
    named = "layer" if name is None else name
    how: dict[str, Any] = {"cells": cells, "dialect": dialect, "form": form, "name": named}
    write_atomically(out, chip_text(made, settings, grid, volts[0], **how))
    use = (
        f"include it, use it as {named}"
        if subcircuit
        else f"run it with: ngspice -b {shlex.quote(str(out))}"
    )
    told = use if dialect == "ngspice" else f"for {dialect}; not run by us"
    click.echo(f"{out}: {counted(sum(map(len, grid)), 'tile')}; {told}")


@cli.command(epilog="Example: crossbar simulate chip.npz --inputs volts.csv --out amperes.csv")
@click.argument("chip", type=click.Path(path_type=Path))
@click.option(
    "--inputs", required=True, type=click.Path(path_type=Path), help="Voltages, points x rows [V]."
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Net column currents to write, points x columns [A] (.npy or .csv).",
)
@click.option(
    "--simulator",
    type=click.Choice(get_args(SimulatorName)),
    default="ngspice",
    show_default=True,
    help="Who computes the currents.",
)
@wire_options(of_chip=True)
def simulate(chip: Path, inputs: Path, out: Path, simulator: SimulatorName, **options: Any) -> None:
    """Simulate a programmed chip's column currents."""
    import numpy as np

    from crossbar.files import check_output, load_chip, read_volts, write_matrix
    from crossbar.metrics import effective_bits
    from crossbar.simulation import transfer
    from crossbar.summaries import simulated

    check_output(out, (".npy", ".csv"), inputs=[chip, inputs])
    made, settings = load_chip(chip)
    volts = read_volts(inputs, made.chip.rows)
    wires, tile = wires_and_tile(recorded(options, settings))
    answer = transfer(made.chip, made.program, wires, tile=tile, simulator=simulator)
    currents = answer.currents(volts)
    write_matrix(out, currents)
    wanted = volts @ made.wanted_siemens
    bits = effective_bits(currents - wanted, float(np.ptp(wanted)))
    precision = f"{bits:.1f} effective bits" if np.ptp(wanted) > 0 else "no range to judge bits by"
    click.echo(
        f"{out}: {len(volts)} points x {made.chip.columns} columns [A] by {simulator} "
        f"(mismatch {answer.mismatch:.1e}); product: {precision}; "
        f"{simulated(made, wires, tile, simulator)}"
    )


@cli.command(
    epilog="Example: crossbar switches chip.npz --out switches.txt --order row,-column,branch"
)
@click.argument("chip", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Switches to write: a table (.csv), an array (.npz) or a stream of bits (.txt).",
)
@click.option(
    "--order",
    help="Of a .txt: slowest first, - counts down; the first bit is the most significant.  "
    "[default: row,column,branch]",
)
@click.option(
    "--order-file",
    type=click.Path(path_type=Path),
    help="Of a .txt: a .csv with row,column,branch, a line for each bit, the first bit first.",
)
def switches(chip: Path, out: Path, order: str | None, order_file: Path | None) -> None:
    """Write which switches of a programmed chip are closed (1) and which open (0)."""
    from crossbar.files import check_output, load_chip
    from crossbar.switches import SWITCH_SUFFIXES, bit_order, read_bit_order, write_switches

    check_output(out, SWITCH_SUFFIXES, inputs=[chip, order_file])
    if (order is not None or order_file) and out.suffix != ".txt":
        raise InputError(f"--order: {out} has an order of its own; write a .txt, or drop it")
    if order is not None and order_file:
        raise InputError("--order, --order-file: give one of the two")
    made, _ = load_chip(chip)
    enabled = made.program.enabled
    rows, columns, branches = enabled.shape
    shape = rows, columns, branches
    how: BitOrder | str = "" if order is None else bit_order(order, shape)
    if order_file:
        how = read_bit_order(order_file, shape)
    design = made.chip.design
    write_switches(out, enabled, order=how, reference=design.has_reference)
    last = " (the last one is the reference)" if design.has_reference else ""
    click.echo(
        f"{out}: {enabled.size * design.switches_per_branch} switches, {rows} rows x "
        f"{columns} columns{last} x {branches} branches, {int((enabled != 0).sum())} closed"
    )


@cli.command(epilog="Example: crossbar doctor")
def doctor() -> None:
    """Say what is installed, and what to do about what is missing."""
    from crossbar.doctor import examine

    findings = examine()
    for finding in findings:
        click.echo(f"{'ok     ' if finding.good else 'MISSING'} {finding.name}: {finding.text}")
    if not all(finding.good for finding in findings if finding.needed):
        raise click.ClickException("something that is needed is missing; see above")

"""What the command line says about a programmed chip, and where its resistances come from."""

from __future__ import annotations

import numpy as np

from crossbar.calibration import MeasuredChip
from crossbar.compensation import Compensation
from crossbar.messages import counted
from crossbar.metrics import median_bits, worst_bits
from crossbar.production import ProgrammedChip
from crossbar.simulation import SimulatorName, Tile
from spice_models import Wires


def programmed(made: ProgrammedChip, with_inputs: bool = False) -> str:
    """One line about size, switches and precision; for a real chip another about its values.

    A wire-aware program's bits are those of the matrix, or of products `with_inputs`.
    """
    chip, unreachable = made.chip, int((~made.program.reachable).sum())
    enabled = made.program.enabled
    text = (
        f"{chip.rows} x {chip.columns} cells, {chip.design.label}, "
        f"{np.count_nonzero(enabled)} of {enabled.size} resistors enabled, "
        f"median {median_bits(made.cell_errors, 1):.1f} bits, "
        f"worst {worst_bits(made.cell_errors, 1):.1f} bits"
        + (f", {counted(unreachable, 'cell')} out of reach" if unreachable else "")
    )
    if made.compensation is not None:
        text += f"; {_with_wires(made.compensation, with_inputs)}"
    if not isinstance(chip, MeasuredChip):
        return text
    ratio = made.measurement.on_siemens / chip.design.nominal_siemens
    return (
        f"{text}\ntrue resistances: {_measured(chip)}; {int(made.measurement.open.sum())} branches "
        f"open, the others conduct {np.median(ratio[ratio > 0]):.3g} x nominal (median)"
    )


def _with_wires(found: Compensation, with_inputs: bool) -> str:
    """What wire-aware programming came to."""
    what = "products with such inputs have" if with_inputs else "the matrix has"
    unknown = f"{found.one_gain_bits:.1f} if they were not known (one gain), "
    least, most = (f"{end(found.scale):.3g}" for end in (np.min, np.max))
    return (
        f"with its wires {what} {found.compensated_bits:.1f} effective bits by the "
        f"measured values, {'' if np.isnan(found.one_gain_bits) else unknown}"
        f"{found.ideal_wires_bits:.1f} without any; "
        + (f"scale {least}" if least == most else f"scales of columns {least} to {most}")
    )


def origin(made: ProgrammedChip, seed: int) -> str:
    """Where the chip's true resistances come from, in one printable line."""
    chip = made.chip
    return _measured(chip) if isinstance(chip, MeasuredChip) else f"seed {seed}"


def simulated(made: ProgrammedChip, wires: Wires, tile: Tile, simulator: SimulatorName) -> str:
    """What the currents of a simulation follow from: the wires, a real chip's resistances."""
    used = (
        f"wires: {wires.word_segment_ohm:g} ohm a segment, {wires.driver_ohm:g} ohm driver, "
        f"{wires.sense_ohm:g} ohm sense, tiles of {tile.rows} x {tile.lines}"
    )
    real = isinstance(made.chip, MeasuredChip)
    return ("wires: none" if simulator == "ideal" else used) + (
        "; true resistances: the measured ones" if real else ""
    )


def _measured(chip: MeasuredChip) -> str:
    text = f"the measured ones of {chip.source}" if chip.source else "the measured ones"
    return "".join(letter if letter.isprintable() else "?" for letter in text)

"""A small array of a design, fabricated, measured and programmed, and read in ngspice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import solvers
from crossbar.design import Design
from crossbar.designing.specification import Specification
from crossbar.designing.trade import TradeRow
from crossbar.designing.trials import cell_values
from crossbar.designing.wording import asked, found, made_by
from crossbar.files import save_chip, write_atomically
from crossbar.messages import counted
from crossbar.metrics import median_bits, worst_bits
from crossbar.production import ProgrammedChip, produce
from crossbar.programming import program
from crossbar.simulation import Tile, layer_text, net_currents, place_tiles
from spice_models import Wires

SIZE = 8
IDEAL = Wires(0, 0, 0, 0)
_SPAWN_KEY = 1 << 20
"""Apart from those of the cells of the search."""


@dataclass(frozen=True)
class Verification:
    """What ngspice says about an array of the design, wires left out.

    Parameters
    ----------
    rows, columns : int
        Of the array.
    promised_bits : float
        What was asked of every cell.
    worst_bits, median_bits : float
        Of the cells' conductances in ngspice less their random weights.
    hardest_bits : float, optional
        The worst where each cell is programmed for its own worst target; None for cells with
        too many sums to find it.
    below : int
        Cells that miss the promise, in either.
    difference : float
        Largest difference of ngspice from the sum of the chosen resistors, relative to full
        scale.
    version : str
        Of ngspice.
    yield_ : float
        Share of cells that was asked to keep the promise.
    """

    rows: int
    columns: int
    promised_bits: float
    worst_bits: float
    median_bits: float
    hardest_bits: float | None
    below: int
    difference: float
    version: str
    yield_: float = 1.0

    @property
    def text(self) -> str:
        """One line."""
        hardest = ""
        if self.hardest_bits is not None:
            hardest = f"; each cell at its own worst target: worst {self.hardest_bits:.2f} bits"
        cells = self.rows * self.columns
        kept = "all cells keep it"
        if self.below:
            miss = "misses" if self.below == 1 else "miss"
            allowed = f"{cells * (1 - self.yield_):.2g}"
            kept = (
                f"{self.below} of {counted(cells, 'cell')} {miss} it; a yield of "
                f"{100 * self.yield_:g} % allows {allowed} on average"
            )
        return (
            f"ngspice {self.version}, {self.rows} x {self.columns} cells, no wires: random "
            f"weights, worst {self.worst_bits:.2f} bits, median {self.median_bits:.2f}{hardest}; "
            f"promised {self.promised_bits:g}: {kept}"
        )


def programmed_array(
    specification: Specification, design: Design, rows: int = SIZE, columns: int = SIZE
) -> ProgrammedChip:
    """Fabricate, measure and program an array for weights uniform in (-1, 1)."""
    drawing, making = (
        np.random.SeedSequence(specification.seed, spawn_key=(_SPAWN_KEY, k)) for k in range(2)
    )
    weights = np.random.default_rng(drawing).uniform(-1, 1, (columns, rows))
    return produce(design, weights, making, measurement_error=specification.measurement_error)


def at_worst_targets(made: ProgrammedChip) -> ProgrammedChip:
    """The same chip, each cell programmed for the target that its measured values miss most.

    Of an offset cell, around the nominal reference: near the worst.
    """
    design, columns = made.chip.design, made.chip.columns
    on = made.measurement.on_siemens[:, :columns].reshape(-1, design.resistors)
    values, fixed = cell_values(design, on)
    low = design.reference_siemens - fixed - design.full_scale_siemens
    found = solvers.covering_radius(
        values, low, low + 2 * design.full_scale_siemens, coefficients=design.coefficients
    )
    target = found.target - low - design.full_scale_siemens
    limit = design.full_scale_siemens
    wanted = np.clip(target, -limit, limit).reshape(made.chip.rows, columns)
    return replace(made, program=program(made.measurement, wanted))


def array_netlist(specification: Specification, row: TradeRow, made: ProgrammedChip) -> str:
    """The array as SPICE text, every resistor with its switch, one volt on each line in turn."""
    rows, columns = made.chip.rows, made.chip.columns
    sides = made.chip.design.lines_per_column
    tile = Tile(rows=rows, lines=2 * -(-sides * (columns + 1) // 2))
    placed = place_tiles(made.chip, made.program, IDEAL, tile)
    return layer_text(
        placed,
        np.eye(rows),
        title=f"array of {row.family}, {row.resistors} resistors a weight",
        design=made.chip.design.label,
        seed=specification.seed,
        comments=[*asked(specification), *found(specification, row), made_by(specification)],
        cells="branches",
    )


def verify(
    specification: Specification, row: TradeRow, design: Design, folder: Path
) -> Verification:
    """Write the arrays, run each netlist as it is written, and compare.

    Writes ``array.cir`` (random weights) with its chip ``chip.npz``, and ``hardest.cir``.

    Raises
    ------
    spice_models.NgspiceError
        When ngspice is missing or fails.
    """
    from crossbar import __version__
    from spice_models import ngspice

    made = programmed_array(specification, design)
    settings = {"seed": specification.seed, "measurement_error": specification.measurement_error}
    save_chip(folder / "chip.npz", made, {"version": __version__, **settings, "method": "auto"})
    arrays = {"array.cir": made}
    if len(design.coefficients) ** design.resistors <= specification.most_sums:
        arrays["hardest.cir"] = at_worst_targets(made)
    errors, differences = {}, []
    for name, one in arrays.items():
        text = array_netlist(specification, row, one)
        write_atomically(folder / name, text)
        siemens = _cells_in_ngspice(text, one)
        errors[name] = (siemens - one.program.target_siemens) / design.full_scale_siemens
        ideal = one.chip.cell_siemens(one.program.enabled)
        differences.append(np.abs(siemens - ideal).max() / design.full_scale_siemens)
    missed = [np.abs(error) > specification.largest_error for error in errors.values()]
    hardest = errors.get("hardest.cir")
    return Verification(
        rows=made.chip.rows,
        columns=made.chip.columns,
        promised_bits=specification.bits,
        worst_bits=worst_bits(errors["array.cir"], 1),
        median_bits=median_bits(errors["array.cir"], 1),
        hardest_bits=None if hardest is None else worst_bits(hardest, 1),
        below=int(np.any(missed, axis=0).sum()),
        difference=float(max(differences)),
        version=ngspice.probe().version,
        yield_=specification.yield_,
    )


def _cells_in_ngspice(text: str, made: ProgrammedChip) -> NDArray[np.float64]:
    """Conductance of each cell (rows, columns) [S]: the currents at one volt on each line."""
    from spice_models import ngspice

    design = made.chip.design
    vectors = ngspice.run(text)
    count = design.lines_per_column * (made.chip.columns + design.has_reference)
    lines = np.stack([vectors[f"i(vs0_0_{k})"] for k in range(count)])
    return np.asarray(net_currents(design.polarity, lines).T)

"""A small array of a design, fabricated, measured and programmed, and read in ngspice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crossbar.design import Design
from crossbar.designing.specification import Specification
from crossbar.designing.trade import TradeRow
from crossbar.designing.wording import asked, found, made_by
from crossbar.files import save_chip, write_atomically
from crossbar.metrics import median_bits, worst_bits
from crossbar.production import ProgrammedChip, produce
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
        Of the array, each cell with a random weight.
    promised_bits : float
        What was asked of every cell.
    worst_bits, median_bits : float
        Of the cells' conductances in ngspice less the targets.
    below : int
        Cells that miss the promise.
    difference : float
        Largest difference of ngspice from the sum of the chosen resistors, relative to full
        scale.
    version : str
        Of ngspice.
    """

    rows: int
    columns: int
    promised_bits: float
    worst_bits: float
    median_bits: float
    below: int
    difference: float
    version: str

    @property
    def text(self) -> str:
        """One line."""
        cells = self.rows * self.columns
        kept = "all keep it" if not self.below else f"{self.below} of them miss it"
        return (
            f"ngspice {self.version}, {self.rows} x {self.columns} cells with random weights, no "
            f"wires: worst {self.worst_bits:.2f} bits, median {self.median_bits:.2f}; promised "
            f"{self.promised_bits:g}: of {cells} cells {kept}"
        )


def programmed_array(
    specification: Specification, design: Design, rows: int = SIZE, columns: int = SIZE
) -> ProgrammedChip:
    """Fabricate, measure and program an array for weights uniform in (-1, 1)."""
    seed = np.random.SeedSequence(specification.seed, spawn_key=(_SPAWN_KEY,))
    drawing, making = (
        np.random.SeedSequence(seed.entropy, spawn_key=(_SPAWN_KEY, k)) for k in range(2)
    )
    weights = np.random.default_rng(drawing).uniform(-1, 1, (columns, rows))
    return produce(design, weights, making, measurement_error=specification.measurement_error)


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
    """Write ``array.cir`` and ``chip.npz``, run the netlist as it is written, and compare.

    Raises
    ------
    spice_models.NgspiceError
        When ngspice is missing or fails.
    """
    from crossbar import __version__
    from spice_models import ngspice

    made = programmed_array(specification, design)
    text = array_netlist(specification, row, made)
    write_atomically(folder / "array.cir", text)
    settings = {"seed": specification.seed, "measurement_error": specification.measurement_error}
    save_chip(folder / "chip.npz", made, {"version": __version__, **settings, "method": "auto"})
    vectors = ngspice.run(text)
    count = design.lines_per_column * (made.chip.columns + design.has_reference)
    lines = np.stack([vectors[f"i(vs0_0_{k})"] for k in range(count)])
    siemens = net_currents(design.polarity, lines).T
    full_scale, wanted = design.full_scale_siemens, made.program.target_siemens
    error = siemens - wanted
    return Verification(
        rows=made.chip.rows,
        columns=made.chip.columns,
        promised_bits=specification.bits,
        worst_bits=worst_bits(error, full_scale),
        median_bits=median_bits(error, full_scale),
        below=int((np.abs(error) > specification.largest_error * full_scale).sum()),
        difference=float(
            np.abs(siemens - made.chip.cell_siemens(made.program.enabled)).max() / full_scale
        ),
        version=ngspice.probe().version,
    )

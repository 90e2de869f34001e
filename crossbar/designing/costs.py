"""What a cell costs: parts, resistance, area of film, spread."""

from __future__ import annotations

from dataclasses import dataclass

from crossbar.design import Design


@dataclass(frozen=True)
class CellCost:
    """What one cell takes; an offset column shares its reference cells with all others.

    Parameters
    ----------
    resistors, switches : int
        In one cell; a change-over switch is two.
    total_ohm : float
        Sum of the nominal resistances [ohm]; the area of resistors of one width.
    unit_resistors : float
        The same in units of the smallest one.
    squares : float
        The same in squares of film.
    spread : float
        Largest over smallest nominal resistance.
    smallest_ohm, largest_ohm : float
        [ohm]
    """

    resistors: int
    switches: int
    total_ohm: float
    unit_resistors: float
    squares: float
    spread: float
    smallest_ohm: float
    largest_ohm: float


def cell_cost(design: Design, sheet_ohm: float = 1e3) -> CellCost:
    """Count and measure the parts of a cell; `sheet_ohm` is the film's, for a square [ohm]."""
    ohm = design.nominal_ohm
    total, smallest, largest = float(ohm.sum()), float(ohm.min()), float(ohm.max())
    return CellCost(
        resistors=design.resistors,
        switches=design.resistors * design.switches_per_branch,
        total_ohm=total,
        unit_resistors=total / smallest,
        squares=total / sheet_ohm,
        spread=largest / smallest,
        smallest_ohm=smallest,
        largest_ohm=largest,
    )

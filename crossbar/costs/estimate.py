"""Energy, time and area of one product on a programmed chip."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossbar.costs.arrays import ArrayCost, Settling, array_cost
from crossbar.costs.assumptions import Assumptions
from crossbar.errors import InputError
from crossbar.production import ProgrammedChip
from crossbar.simulation import PlacedTile, Tile, place_tiles
from spice_models import Capacitances, Wires

__all__ = ["Cost", "estimate"]

Floats = NDArray[np.float64]
MOST_POINTS = 100
LARGEST_TRANSIENT = 32 * 32
"""Cells of a tile up to which ngspice solves a transient without KLU."""


@dataclass(frozen=True)
class Cost:
    """What one product of a matrix and a vector costs.

    Parameters
    ----------
    rows, columns, tiles : int
        Of the weight matrix; circuits.
    kept : int
        Weights that are not zero.
    energy_joule : dict of str to float
        Parts of the energy [J].
    power_watt : float
        Static, of all arrays together while they are read [W].
    latency_seconds : dict of str to float
        Parts of the time from digital input to digital output [s]; tiles work at the same time.
    area_square_metre : dict of str to float
        Parts of the area [m^2].
    pitch_metre : float
        Side of a cell of that area, with all branches of all its bit lines [m]: the length of word
        line that a column takes, and of bit line that a row takes. A reference cell takes as much.
    resistors : int
        Branches.
    settling : str
        How the settling time was found.
    """

    rows: int
    columns: int
    tiles: int
    kept: int
    energy_joule: dict[str, float]
    power_watt: float
    latency_seconds: dict[str, float]
    area_square_metre: dict[str, float]
    pitch_metre: float
    resistors: int
    settling: Settling

    @property
    def multiplications(self) -> int:
        """Multiply-accumulates that digital hardware does for the whole matrix."""
        return self.rows * self.columns

    @property
    def shape(self) -> str:
        """Inputs and outputs."""
        return f"{self.rows} x {self.columns}"

    @property
    def joule(self) -> float:
        """All energy [J]."""
        return sum(self.energy_joule.values())

    @property
    def seconds(self) -> float:
        """All time [s]."""
        return sum(self.latency_seconds.values())

    @property
    def square_metre(self) -> float:
        """All area [m^2]."""
        return sum(self.area_square_metre.values())


def estimate(
    made: ProgrammedChip,
    assumptions: Assumptions | None = None,
    *,
    wires: Wires | None = None,
    tile: Tile | None = None,
    inputs_volt: Floats | None = None,
    settling: Settling = "estimate",
) -> Cost:
    """Estimate what one product on a programmed chip costs.

    The arrays are solved exactly, tile by tile, with their wires; the rest are `Assumptions`. It is
    a lower bound: not counted are moving data to the chip and away, control and clocks, bias of
    amplifiers, leakage while nothing is read, programming, and what calibrates the converters.

    Parameters
    ----------
    made : ProgrammedChip
    assumptions : Assumptions, optional
    wires : Wires, optional
        `Wires()` if not given.
    tile : Tile, optional
        Largest circuit.
    inputs_volt : ndarray, shape (points, rows), optional
        Word-line voltages [V]; energies are means over them. Every line at ``read_volt`` if not
        given, the most that inputs of one sign take but for sneak currents.
    settling : {"estimate", "transient"}
        See `arrays.array_cost`.

    Raises
    ------
    InputError
        For inputs of another shape, beyond the supply or too many, or tiles too large for a
        transient.
    """
    given = assumptions or Assumptions()
    rows = made.chip.rows
    volts = np.full((1, rows), given.read_volt) if inputs_volt is None else inputs_volt
    _check_inputs(volts, rows, given)
    grid = place_tiles(made.chip, made.program, wires or Wires(), tile)
    placed = [one for line in grid for one in line]
    if settling == "transient":
        _check_transient(placed)
    area, pitch = _area(made, placed, given)
    lines = _line_capacitances(pitch, made.chip.design.lines_per_column, given)
    arrays = [
        array_cost(
            one.array,
            volts[:, one.rows],
            lines,
            precision=2.0 ** -(given.bits + 1),
            supply_volt=given.supply_volt,
            settling=settling,
        )
        for one in placed
    ]
    most = max(_columns(one) for one in placed)
    turns = min(given.columns_per_adc, most)
    return Cost(
        rows=rows,
        columns=made.chip.columns,
        tiles=len(placed),
        kept=int(np.count_nonzero(made.wanted_siemens)),
        energy_joule=_energy(arrays, placed, len(grid), made.chip.columns, given),
        power_watt=sum(one.power_watt for one in arrays),
        latency_seconds={
            "DAC": given.dac_seconds,
            "settling": max(one.settling_seconds for one in arrays),
            "ADC": given.conversion_seconds * turns,
        },
        area_square_metre=area,
        pitch_metre=pitch,
        resistors=int(np.isfinite(made.chip.true_ohm).sum()),
        settling=settling,
    )


def _energy(
    arrays: list[ArrayCost],
    placed: list[PlacedTile],
    grid_rows: int,
    columns: int,
    given: Assumptions,
) -> dict[str, float]:
    """Parts of the energy [J]; every tile has its own DACs and ADCs."""
    inputs = sum(one.array.rows for one in placed)
    outputs = sum(_columns(one) for one in placed)
    return {
        "array, static": sum(one.static_joule for one in arrays),
        "array, charging lines": sum(one.charging_joule for one in arrays),
        "drivers": sum(one.driver_joule for one in arrays),
        "sense amplifiers": sum(one.sense_joule for one in arrays),
        "DACs": inputs * given.dac_joule,
        "ADCs": outputs * given.conversion_joule,
        "digital partial sums": (grid_rows - 1) * columns * given.partial_sum_joule,
        "digital rescaling": columns * given.rescale_joule,
    }


def _area(
    made: ProgrammedChip, placed: list[PlacedTile], given: Assumptions
) -> tuple[dict[str, float], float]:
    """Parts of the area [m^2] and the side of a cell [m]; resistors by their nominal squares."""
    chip = made.chip
    squares = np.maximum(chip.design.nominal_ohm / given.sheet_ohm, 1.0)
    resistors = float(squares.sum()) * given.resistor_width_metre**2 * given.resistor_spread
    cells, branches = chip.true_ohm[..., 0].size, chip.true_ohm.shape[2]  # a reference's too
    bits = (len(chip.design.coefficients) - 1).bit_length()
    switch = chip.design.switches_per_branch * given.switch_square_metre
    switches = branches * (switch + bits * given.memory_square_metre)
    adcs = sum(-(-_columns(one) // given.columns_per_adc) for one in placed)
    dacs = sum(one.array.rows for one in placed)
    parts = {
        "resistors": cells * resistors,
        "switches and their bits": cells * switches,
        "ADCs": adcs * given.adc_square_metre,
        "DACs": dacs * given.dac_square_metre,
    }
    return parts, math.sqrt(resistors + switches)


def _line_capacitances(
    pitch_metre: float, lines_per_column: int, given: Assumptions
) -> Capacitances:
    """Of the wire at each crossing [F]: a side of the cell of each line that passes through it.

    A bit line is as long as its rows are high. A word line crosses all bit lines of a column
    within one side, so each crossing has its share of that side.
    """
    side = given.wire_farad_per_metre * pitch_metre
    return Capacitances(bit_farad=side, word_farad=side / lines_per_column)


def _columns(one: PlacedTile) -> int:
    return int(one.columns.stop - one.columns.start)


def _check_inputs(volts: Floats, rows: int, given: Assumptions) -> None:
    if volts.ndim != 2 or volts.shape[1] != rows or not len(volts):
        raise InputError(f"inputs have shape {volts.shape}: give (points, {rows})")
    if len(volts) > MOST_POINTS:
        raise InputError(f"inputs: {len(volts)} points, each is solved; give at most {MOST_POINTS}")
    if not (np.abs(volts) <= given.supply_volt).all():
        raise InputError(
            f"inputs: {np.abs(volts).max():g} V is beyond supply_volt = {given.supply_volt}; "
            "give smaller voltages or a higher supply"
        )


def _check_transient(placed: list[PlacedTile]) -> None:
    largest = max(one.array.rows * one.array.lines for one in placed)
    if largest > LARGEST_TRANSIENT:
        raise InputError(
            f"settling = transient: a tile of {largest} cells is slow without end in ngspice; "
            f"take tiles of at most {LARGEST_TRANSIENT}, or settling = estimate"
        )

"""Chip and switch states to currents: the transfer matrix of a layer, tile by tile.

An array of resistors is linear, so its transfer matrix (columns, rows) [S], wires
included, is all there is to know: extracted once, it gives every product.
"""

from __future__ import annotations

import numbers
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from crossbar.branches import equivalent_ohm
from crossbar.design import Polarity
from crossbar.errors import InputError
from crossbar.fabrication import Chip
from crossbar.programming import Program
from spice_models import Array, Switch, Wires, layer_netlist, layer_subcircuit
from spice_models.checks import check_executor
from spice_models.dialects import Dialect
from spice_models.netlist import Cells

_PAIR_COMMENT = "column j of the layer is the difference of bit lines 2j and 2j + 1"
_REFERENCE_COMMENT = "column j of the layer is bit line j less the last one, the reference"
_EITHER_COMMENT = (
    "a branch can take either line: one resistor, two switches; written as what that star conducts "
    "to each line, so its resistances belong to these switch states"
)
_TILES_COMMENT = ", counted along the tiles of a grid row and summed over the grid rows"
NetlistForm = Literal["tiles", "hierarchical", "subcircuit"]
SimulatorName = Literal["ideal", "nodal", "ngspice"]
Answers = Sequence[tuple[NDArray[np.float64], float]]


@dataclass(frozen=True)
class Tile:
    """The largest array that is built as one circuit.

    Parameters
    ----------
    rows : int
        Word lines.
    lines : int
        Bit lines, two for each column, one where the design has a reference line; even.
    """

    rows: int = 32
    lines: int = 32

    def __post_init__(self) -> None:
        if not isinstance(self.rows, numbers.Integral) or self.rows < 1:
            raise InputError(f"tile rows = {self.rows}: give a whole number, at least 1")
        if not isinstance(self.lines, numbers.Integral) or self.lines < 2 or self.lines % 2:
            raise InputError(
                f"tile lines = {self.lines}: give an even number; columns of paired, flip and "
                "steered cells have two bit lines"
            )


@dataclass(frozen=True)
class PlacedTile:
    """One tile of a layer: its circuit and the part of the weight matrix that it holds.

    Parameters
    ----------
    array : Array
        The circuit.
    rows, columns : slice
        Of the chip's cells; the column after that of the last output is the reference.
    polarity : {"paired", "offset", "flip", "steered"}
        What its bit lines mean, see `place_tiles`.
    """

    array: Array
    rows: slice
    columns: slice
    polarity: Polarity = "paired"


@dataclass(frozen=True)
class Transfer:
    """What a layer does to its inputs.

    Parameters
    ----------
    siemens : ndarray, (columns, rows)
        Net output current of each column for one volt on each row [S].
    mismatch : float
        What the simulator found missing in its own answer, relative to the largest current
        of a tile: for ``nodal`` an estimate of the error, for ``ngspice`` the balance of the
        currents in and out. NaN where rounding hides it.
    simulator : str
        Which simulator answered.
    tiles : int
        Circuits simulated.
    seconds : float
        Time that it took, all tiles together [s].
    """

    siemens: NDArray[np.float64]
    mismatch: float
    simulator: str
    tiles: int
    seconds: float

    def currents(self, inputs_volt: NDArray[np.float64]) -> NDArray[np.float64]:
        """Net column currents (points, columns) [A] for inputs (points, rows) [V].

        Raises
        ------
        InputError
            For inputs of another shape, NaN or infinity.
        """
        volts = np.asarray(inputs_volt, dtype=float)
        if volts.ndim != 2 or volts.shape[1] != self.siemens.shape[1]:
            raise InputError(
                f"inputs have shape {volts.shape}: give (points, {self.siemens.shape[1]})"
            )
        if not np.isfinite(volts).all():
            raise InputError("inputs: every voltage must be finite")
        return np.asarray(volts @ self.siemens.T)


def place_tiles(
    chip: Chip, program: Program, wires: Wires, tile: Tile | None = None
) -> list[list[PlacedTile]]:
    """Cut a layer into tiles: a grid, rows of the layer by columns of the layer.

    On a tile the positive and the negative bit line of a column lie side by side:
    line 2j and line 2j + 1 of column j. An offset column has one line; the reference follows
    the last column, so every row of the grid has one, on its last tile.

    A branch that can take either line is one resistor and two switches: `branches.equivalent_ohm`
    has its equivalent to each line and says what that leaves out.
    """
    chip.check_switches(program.enabled)
    tile, design = tile or Tile(), chip.design
    cell_columns = chip.columns + design.has_reference
    return [
        [
            PlacedTile(
                _circuit(chip, program, wires, rows, columns), rows, columns, design.polarity
            )
            for columns in _slices(cell_columns, tile.lines // design.lines_per_column)
        ]
        for rows in _slices(chip.rows, tile.rows)
    ]


def tile_slices(
    shape: tuple[int, ...], tile: Tile, lines_per_column: int = 2
) -> list[tuple[slice, slice]]:
    """Where the tiles of cells (rows, columns) lie, as `place_tiles` cuts them, row by row."""
    across = list(_slices(shape[1], tile.lines // lines_per_column))
    return [(down, one) for down in _slices(shape[0], tile.rows) for one in across]


def transfer(
    chip: Chip,
    program: Program,
    wires: Wires,
    *,
    tile: Tile | None = None,
    simulator: SimulatorName = "nodal",
    executor: Executor | None = None,
) -> Transfer:
    """Extract the transfer matrix of a programmed layer.

    Parameters
    ----------
    chip, program : Chip, Program
        The true resistances and the switch states.
    wires : Wires
        Wire, driver and sense resistances.
    tile : Tile, optional
        Largest circuit; default 32 x 32 lines.
    simulator : {"ideal", "nodal", "ngspice"}
        ``ideal`` neglects every wire; ``nodal`` solves the circuit's equations;
        ``ngspice`` runs a netlist.
    executor : concurrent.futures.Executor, optional
        Where the tiles run; default one after another. Of equal tiles ``nodal`` solves one, and
        none that it solved lately (`spice_models.nodal`).

    Raises
    ------
    InputError
        For an unknown simulator, or a program that is not this chip's.
    spice_models.NgspiceError
        When ngspice is missing or fails.
    """
    if simulator not in get_args(SimulatorName):
        raise InputError(
            f"simulator = {simulator!r}: choose one of {', '.join(get_args(SimulatorName))}"
        )
    check_executor(executor)
    start = time.perf_counter()
    placed = [one for row in place_tiles(chip, program, wires, tile) for one in row]
    answers = _SIMULATORS[simulator]([one.array for one in placed], executor)
    side = chip.design.lines_per_column
    lines = np.zeros((side * (chip.columns + chip.design.has_reference), chip.rows))
    for one, (found, _) in zip(placed, answers, strict=True):
        lines[side * one.columns.start : side * one.columns.stop, one.rows] = found
    return Transfer(
        siemens=net_currents(chip.design.polarity, lines),
        mismatch=float(np.max([mismatch for _, mismatch in answers])),
        simulator=simulator,
        tiles=len(placed),
        seconds=time.perf_counter() - start,
    )


def listed(name: str, values: Sequence[float]) -> list[str]:
    """Comments for `layer_text`: values that are numbered from 0, eight a line."""
    return [
        f"{name}, from {start}: {' '.join(map(repr, values[start : start + 8]))}"
        for start in range(0, len(values), 8)
    ]


def layer_text(
    placed: list[list[PlacedTile]],
    inputs_volt: NDArray[np.float64],
    *,
    title: str,
    comments: Sequence[str] = (),
    design: str = "",
    seed: int | None = None,
    cells: Cells = "folded",
    dialect: Dialect = "ngspice",
    form: NetlistForm = "tiles",
    name: str = "layer",
) -> str:
    """Netlist of a layer's tiles.

    Parameters
    ----------
    placed : list of list of PlacedTile
    inputs_volt : ndarray, shape (rows,)
        The input vector that is read [V]; a subcircuit has none.
    title, design, seed, comments, cells, dialect
        As for `spice_models.layer_netlist`; texts that are not ASCII become question marks.
    form : {"tiles", "hierarchical", "subcircuit"}
        `spice_models.layer_netlist`, its hierarchical text, or `spice_models.layer_subcircuit`.
    name : str
        Of a subcircuit, see there.
    """
    tiles = [[one.array for one in row] for row in placed]
    write: Callable[..., str] = partial(layer_subcircuit, name=name)
    if form != "subcircuit":
        hierarchical = form == "hierarchical"
        write = partial(layer_netlist, inputs_volt=inputs_volt, hierarchical=hierarchical)
    polarity = placed[0][0].polarity
    columns = _REFERENCE_COMMENT if polarity == "offset" else _PAIR_COMMENT
    columns += _TILES_COMMENT if form == "tiles" else ""
    either = [_EITHER_COMMENT] if polarity in ("flip", "steered") else []
    return write(
        tiles,
        cells=cells,
        title=_ascii(title),
        design=_ascii(design),
        seed=seed,
        comments=[*map(_ascii, comments), columns, *either],
        dialect=dialect,
    )


def pair_difference(lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positive minus negative bit line of each column; lines on the first axis."""
    return np.asarray(lines[0::2] - lines[1::2])


def net_currents(polarity: Polarity, lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Net current of each column from those of all its layer's bit lines, on the first axis."""
    return lines[:-1] - lines[-1] if polarity == "offset" else pair_difference(lines)


def _ideal(arrays: list[Array], executor: Executor | None) -> Answers:
    return [(np.asarray(array.siemens.T), 0.0) for array in arrays]


def _nodal(arrays: list[Array], executor: Executor | None) -> Answers:
    from spice_models import nodal

    return nodal.transfer_matrices(arrays, executor=executor)


def _ngspice(arrays: list[Array], executor: Executor | None) -> Answers:
    from spice_models import ngspice

    solve = executor.map if executor else map
    return list(solve(ngspice.transfer_matrix, arrays))


_SIMULATORS: dict[SimulatorName, Callable[[list[Array], Executor | None], Answers]] = {
    "ideal": _ideal,
    "nodal": _nodal,
    "ngspice": _ngspice,
}


def _ascii(text: str) -> str:
    """SPICE reads ASCII; what is none becomes a question mark."""
    return text.encode("ascii", "replace").decode("ascii")


def _slices(length: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, length)) for start in range(0, length, step))


def _circuit(chip: Chip, program: Program, wires: Wires, rows: slice, columns: slice) -> Array:
    design = chip.design
    ohm = chip.true_ohm[rows, columns]
    enabled = chip.closed(program.enabled)[rows, columns]
    switch = Switch(on_ohm=design.on_ohm, off_ohm=design.off_ohm)
    if design.has_reference:
        return Array(ohm=ohm, enabled=enabled == 1, switch=switch, wires=wires)
    height, width, _ = ohm.shape
    if design.takes_either_line:
        either = np.stack([enabled == 1, enabled == -1], axis=2)  # line 2j, line 2j + 1
        ohms = [equivalent_ohm(design, ohm, enabled == sign, enabled == -sign) for sign in (1, -1)]
        both = np.stack(ohms, axis=2).reshape(height, 2 * width, -1)
        either = either.reshape(both.shape)
        return Array(ohm=both, enabled=either, switch=switch, wires=wires)
    sides = [np.flatnonzero(design.signs == sign) for sign in (1, -1)]
    depth = max(side.size for side in sides)
    line_ohm = np.full((height, 2 * width, depth), np.inf)
    line_enabled = np.zeros(line_ohm.shape, dtype=bool)
    for line, side in enumerate(sides):
        line_ohm[:, line::2, : side.size] = ohm[:, :, side]
        line_enabled[:, line::2, : side.size] = enabled[:, :, side]
    return Array(ohm=line_ohm, enabled=line_enabled, switch=switch, wires=wires)

"""A grid of arrays (tiles) as one SPICE file: the product of a whole layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from spice_models.array import Array, volts
from spice_models.dialects import Dialect, translate
from spice_models.errors import CircuitError
from spice_models.netlist import (
    Cells,
    analysis,
    array_text,
    check_title,
    library,
    printing,
    sources,
    wires_comment,
)

__all__ = ["layer_netlist"]

_WRAP = 10


def layer_netlist(
    tiles: Sequence[Sequence[Array]],
    inputs_volt: ArrayLike,
    *,
    cells: Cells = "folded",
    title: str = "resistive crossbar layer",
    comments: Sequence[str] = (),
    dialect: Dialect = "ngspice",
) -> str:
    """Write several tiles, each a subcircuit, with the inputs of the whole layer.

    Parameters
    ----------
    tiles : nested sequence of Array
        ``tiles[r][c]``; the tiles of one grid row share its word lines' inputs, so they have
        equal numbers of rows; the tiles of one grid column have equal numbers of lines.
    inputs_volt : array_like, shape (rows,) or (points, rows)
        Voltages of all word lines, grid row after grid row [V].
    cells : {"folded", "branches", "switches", "transistors"} or CellModel
        How deep the cells are written; see `spice_models.cells`.
    title : str
        One line of printable ASCII.
    comments : sequence of str
        Further such lines for the head of the file.
    dialect : {"ngspice", "xyce", "ltspice"}
        Only that of ngspice has been run; see `spice_models.dialects`.

    Returns
    -------
    str
        Runs with plain ``ngspice -b``. The current of bit line j of tile (r, c) is
        ``i(vs<r>_<c>_<j>)`` [A], positive into the sense ground.

    Raises
    ------
    CircuitError
        If the grid is empty or ragged, or the inputs do not fit.
    """
    starts = _check(tiles)
    inputs = volts(int(starts[-1]), inputs_volt)
    places = [(r, c, tile) for r, row in enumerate(tiles) for c, tile in enumerate(row)]
    senses = {(r, c): [f"{r}_{c}_{j}" for j in range(tile.lines)] for r, c, tile in places}
    currents = [f"i(vs{name})" for names in senses.values() for name in names]
    text = [f"* {check_title(title)}", *(f"* {check_title(line)}" for line in comments)]
    text += _description(tiles, len(inputs), int(starts[-1]))
    text += library(cells)
    for r, c, tile in places:
        text += _subcircuit(f"tile_{r}_{c}", tile, cells)
    for (r, c), names in senses.items():
        nodes = [f"in{i}" for i in range(starts[r], starts[r + 1])] + [f"s{k}" for k in names]
        text.append(_wrap([f"Xtile_{r}_{c}", *nodes, f"tile_{r}_{c}"]))
        text += [f"Vs{name} s{name} 0 0" for name in names]
    text += [*sources(inputs), *analysis(len(inputs), currents, cells)]
    for names in senses.values():
        text += printing([f"i(vs{name})" for name in names])
    return translate("\n".join([*text, ".end\n"]), dialect)


def _check(tiles: Sequence[Sequence[Array]]) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the first word line of each grid row, and the end."""
    if not tiles or not tiles[0] or len({len(row) for row in tiles}) > 1:
        widths = [len(row) for row in tiles]
        raise CircuitError(f"tiles has rows of {widths} arrays; give a full grid, at least 1 x 1")
    for r, row in enumerate(tiles):
        for c, tile in enumerate(row):
            wanted = (row[0].rows, tiles[0][c].lines)
            if (tile.rows, tile.lines) != wanted:
                raise CircuitError(
                    f"tiles[{r}][{c}] is {tile.rows} x {tile.lines}; make it {wanted[0]} x "
                    f"{wanted[1]} like the others of its grid row and column"
                )
    return np.cumsum([0, *(row[0].rows for row in tiles)])


def _description(tiles: Sequence[Sequence[Array]], points: int, rows: int) -> Iterable[str]:
    lines = sum(tile.lines for tile in tiles[0])
    yield f"* {rows} word lines, {lines} bit lines on {len(tiles)} x {len(tiles[0])} tiles"
    yield "* tile_<r>_<c> holds grid row r (word lines) and grid column c (bit lines); V, A, ohm"
    yield "* inside a tile: in<i> -driver- w<i>_0 - ..; cell i,j joins w<i>_<j> and b<i>_<j>;"
    yield "* b0_<j> - .. -sense- s<j>, held at 0 V"
    yield wires_comment(tiles[0][0].wires) + " (tile_0_0)"
    yield f"* {points} input vectors: point k of the sweep is vector k (from 0)"
    yield "* printed: current of bit line j of tile_<r>_<c> [A], vs<r>_<c>_<j>#branch,"
    yield "* positive into the ground; a layer's output is the sum over the grid rows r"


def _subcircuit(name: str, tile: Array, cells: Cells) -> Iterable[str]:
    ports = [f"in{i}" for i in range(tile.rows)] + [f"s{j}" for j in range(tile.lines)]
    return (_wrap([f".subckt {name}", *ports]), array_text(tile, cells), f".ends {name}")


def _wrap(words: Sequence[str]) -> str:
    parts = [" ".join(words[k : k + _WRAP]) for k in range(0, len(words), _WRAP)]
    return "\n+ ".join(parts)

"""A grid of arrays (tiles) as one SPICE file: the product of a whole layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from spice_models.array import Array, volts
from spice_models.cell_model import check_subcircuit_name
from spice_models.cells import check_cells, has_prefix, is_linear
from spice_models.checks import check_array
from spice_models.dialects import Dialect, translate
from spice_models.errors import CircuitError
from spice_models.header import header
from spice_models.hierarchy import cell_definitions, instance, ports, subcircuit
from spice_models.netlist import (
    NONLINEAR_OPTIONS,
    OPTIONS,
    Cells,
    analysis,
    array_text,
    cells_name,
    library,
    printing,
    sources,
    wires_comment,
)

__all__ = ["layer_netlist", "layer_subcircuit"]

Tiles = Sequence[Sequence[Array]]


def layer_netlist(
    tiles: Tiles,
    inputs_volt: ArrayLike,
    *,
    cells: Cells = "folded",
    title: str = "resistive crossbar layer",
    comments: Sequence[str] = (),
    dialect: Dialect = "ngspice",
    design: str = "",
    seed: int | None = None,
    hierarchical: bool = False,
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
    design, seed
        For the head of the file, as for `netlist`.
    hierarchical : bool
        Write what `layer_subcircuit` writes and one instance of it.

    Returns
    -------
    str
        Runs with plain ``ngspice -b``. The current of bit line j of tile (r, c) is
        ``i(vs<r>_<c>_<j>)`` [A], positive into the sense ground; in hierarchical text that of
        the layer's bit line k, the sum over the tiles above one another, is ``i(vs<k>)``.

    Raises
    ------
    CircuitError
        If the grid is empty or ragged, the inputs do not fit, or a text or the seed is not
        valid.
    """
    check_cells(cells)
    starts = _check(tiles)
    inputs = volts(int(starts[-1]), inputs_volt)
    about = [*_description(tiles, cells), *_sweep_description(len(inputs), hierarchical)]
    text = header(title, about, design=design, seed=seed, comments=comments)
    if hierarchical:
        text += _definitions(tiles, cells, "layer")
        senses = [[str(k) for k in range(sum(tile.lines for tile in tiles[0]))]]
        text.append(instance("layer", _layer_ports(tiles)))
    else:
        text += library(cells)
        text += _tiles(tiles, cells, None)
        senses = [[f"{r}_{c}_{j}" for j in range(tile.lines)] for r, c, tile in _places(tiles)]
        for (r, c, _), names in zip(_places(tiles), senses, strict=True):
            nodes = [f"in{i}" for i in range(starts[r], starts[r + 1])] + [f"s{k}" for k in names]
            text.append(instance(f"tile_{r}_{c}", nodes))
    currents = [f"i(vs{name})" for names in senses for name in names]
    text += [f"Vs{name} s{name} 0 0" for names in senses for name in names]
    text += [*sources(inputs), *analysis(len(inputs), currents, cells)]
    for names in senses:
        text += printing([f"i(vs{name})" for name in names])
    return translate("\n".join([*text, ".end\n"]), dialect)


def layer_subcircuit(
    tiles: Tiles,
    *,
    cells: Cells = "folded",
    name: str = "layer",
    title: str = "resistive crossbar layer, to be included",
    comments: Sequence[str] = (),
    dialect: Dialect = "ngspice",
    design: str = "",
    seed: int | None = None,
) -> str:
    """Write the tiles and their layer as subcircuits alone, for ``.include`` in a larger design.

    Parameters
    ----------
    tiles, cells, title, comments, dialect, design, seed
        As for `layer_netlist`; for one array give ``[[array]]``.
    name : str
        Of the layer's subcircuit: letters, digits and underscores. Other names than ``layer``
        also begin the names of its tiles, its cells and their library, so that several files fit
        into one design. Only a `CellModel` of your own is shared by them: the same in all.

    Returns
    -------
    str
        No sources, no analysis. The ports of the layer are ``in0``, ``in1``, ... (all word
        lines), then ``s0``, ``s1``, ... (all bit lines; those of tiles above one another are
        joined); the head says so.

    Raises
    ------
    CircuitError
        If the grid is empty or ragged, or a name, a text or the seed is not valid.
    """
    check_cells(cells)
    _check(tiles)
    text = _definitions(tiles, cells, name)
    rows, lines = _size(tiles)
    options = OPTIONS if is_linear(cells) else NONLINEAR_OPTIONS
    about = [
        *_description(tiles, cells),
        f"use: X1 <{rows} word lines> <{lines} bit lines> {name}",
        f"ports of {name}: in0 .. in{rows - 1} (inputs [V]), then s0 .. s{lines - 1} (bit lines; "
        "hold each near 0 V, its current is the output)",
        "bit lines of tiles above one another are joined in one s<k>",
        "one design, two layers: give each file its own name (--name of the command line)",
        *([f"advised: {options}"] if dialect == "ngspice" else []),
        *_shared_description(cells),
    ]
    head = header(title, about, design=design, seed=seed, comments=comments)
    return translate("\n".join([*head, *text, ""]), dialect)


def _definitions(tiles: Tiles, cells: Cells, name: str) -> list[str]:
    """Library, cells, tiles and layer."""
    check_subcircuit_name(name, "\n".join(library(cells)))
    prefix = "" if name == "layer" else f"{name}_"
    shared = library(cells, prefix)
    text = shared + cell_definitions([tile for _, _, tile in _places(tiles)], cells, prefix)
    text += _tiles(tiles, cells, prefix)
    starts = _check(tiles)
    sides = np.cumsum([0, *(tile.lines for tile in tiles[0])])
    body = []
    for r, c, _ in _places(tiles):
        nodes = [f"in{i}" for i in range(starts[r], starts[r + 1])]
        nodes += [f"s{k}" for k in range(sides[c], sides[c + 1])]
        body.append(instance(f"tile_{r}_{c}", nodes, f"{prefix}tile_{r}_{c}"))
    return [*text, subcircuit(name, _layer_ports(tiles), "\n".join(body))]


def _tiles(tiles: Tiles, cells: Cells, prefix: str | None) -> list[str]:
    return [
        subcircuit(f"{prefix or ''}tile_{r}_{c}", ports(tile), array_text(tile, cells, prefix))
        for r, c, tile in _places(tiles)
    ]


def _places(tiles: Tiles) -> list[tuple[int, int, Array]]:
    return [(r, c, tile) for r, row in enumerate(tiles) for c, tile in enumerate(row)]


def _size(tiles: Tiles) -> tuple[int, int]:
    return sum(row[0].rows for row in tiles), sum(tile.lines for tile in tiles[0])


def _layer_ports(tiles: Tiles) -> list[str]:
    rows, lines = _size(tiles)
    return [f"in{i}" for i in range(rows)] + [f"s{k}" for k in range(lines)]


def _check(tiles: Tiles) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the first word line of each grid row, and the end."""
    if not isinstance(tiles, Sequence) or not all(isinstance(row, Sequence) for row in tiles):
        raise CircuitError(
            f"tiles = {type(tiles).__name__}: give rows of arrays; for one array [[array]]"
        )
    if not tiles or not tiles[0] or len({len(row) for row in tiles}) > 1:
        widths = [len(row) for row in tiles]
        raise CircuitError(f"tiles has rows of {widths} arrays; give a full grid, at least 1 x 1")
    for r, c, tile in _places(tiles):
        check_array(tile, f"tiles[{r}][{c}]")
    for r, row in enumerate(tiles):
        for c, tile in enumerate(row):
            wanted = (row[0].rows, tiles[0][c].lines)
            if (tile.rows, tile.lines) != wanted:
                raise CircuitError(
                    f"tiles[{r}][{c}] is {tile.rows} x {tile.lines}; make it {wanted[0]} x "
                    f"{wanted[1]} like the others of its grid row and column"
                )
    return np.cumsum([0, *(row[0].rows for row in tiles)])


def _description(tiles: Tiles, cells: Cells) -> Iterable[str]:
    rows, lines = _size(tiles)
    yield f"{rows} word lines, {lines} bit lines on {len(tiles)} x {len(tiles[0])} tiles"
    yield "tile_<r>_<c> holds grid row r (word lines) and grid column c (bit lines)"
    yield "inside a tile: in<i> -driver- w<i>_0 - ..; cell i,j joins w<i>_<j> and b<i>_<j>;"
    yield "b0_<j> - .. -sense- s<j>, held at 0 V"
    yield wires_comment(tiles[0][0].wires) + " (tile_0_0)"
    switch = tiles[0][0].switch
    yield (
        f"cells: {cells_name(cells)}; switch on {switch.on_ohm!r} ohm, "
        f"off {switch.off_ohm!r} ohm (tile_0_0)"
    )


def _shared_description(cells: Cells) -> Iterable[str]:
    if not has_prefix(cells):
        yield "the library of the cells is at the top level: files of one design must hold the same"
        yield "one, with the same .param values; SPICE then says that it ignores the second"


def _sweep_description(points: int, hierarchical: bool) -> Iterable[str]:
    yield f"{points} input vectors: point k of the sweep is vector k (from 0)"
    if hierarchical:
        yield "printed: current of each bit line of the layer [A], vs<k>#branch, positive into"
        yield "the ground; bit lines of tiles above one another are joined"
    else:
        yield "printed: current of bit line j of tile_<r>_<c> [A], vs<r>_<c>_<j>#branch,"
        yield "positive into the ground; a layer's output is the sum over the grid rows r"

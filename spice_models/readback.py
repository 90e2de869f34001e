"""Reading a netlist that this package wrote, and comparing it with its array, element by element.

What is expected comes from the array and its topology, not from the writer's text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spice_models.array import Array
from spice_models.cells import OPEN
from spice_models.checks import check_array
from spice_models.errors import CircuitError
from spice_models.reading import (
    Element,
    NetlistElements,
    Parsed,
    Path,
    check_surroundings,
    elements,
    parse,
)
from spice_models.topology import connected, may_float, reached, topology

__all__ = [
    "NetlistElements",
    "check_layer_netlist",
    "check_netlist",
    "differences",
    "read_netlist",
]

_ROUNDING = 1e-14


def read_netlist(text: str, tile: str | None = None) -> NetlistElements:
    """Read the wires and cells of an array from a netlist, flat or hierarchical.

    Parameters
    ----------
    text : str
        What `netlist`, or with `tile` `layer_netlist` or `layer_subcircuit`, wrote at any of the
        shipped depths. A user's own subcircuits and capacitances cannot be read.
    tile : str, optional
        Name of the subcircuit to read, such as ``tile_0_0``.

    Raises
    ------
    CircuitError
        If the text holds an element that such a netlist does not, or one twice, or a shipped
        subcircuit that is not as shipped.
    """
    parsed = parse(text)
    return _read(parsed, _only_tile(parsed) if tile is None else tile)


def check_netlist(text: str, array: Array, tile: str | None = None) -> list[str]:
    """Compare a netlist that this package wrote with the array it came from.

    Parameters
    ----------
    text, tile
        As for `read_netlist`.
    array : Array

    Returns
    -------
    list of str
        The differences, one line each: what is missing, what is too much, which nodes,
        resistances or switches differ. Empty if the netlist holds this array.

    Raises
    ------
    CircuitError
        If the netlist cannot be read.
    """
    check_array(array)
    parsed = parse(text)
    if tile is not None:
        return differences(_read(parsed, tile), array)
    only = _only_tile(parsed)
    told = [] if only is None else _check_placing(parsed, only, array)
    return told + differences(_read(parsed, only), array)


def check_layer_netlist(
    text: str, tiles: Sequence[Sequence[Array]], name: str = "layer"
) -> list[str]:
    """Compare the netlist of a layer, or its subcircuits alone, with the tiles it came from.

    Parameters
    ----------
    text : str
        What `layer_netlist` or `layer_subcircuit` wrote.
    tiles : nested sequence of Array
    name : str
        The name given to `layer_subcircuit`.

    Returns
    -------
    list of str
        As `check_netlist`, each line with its tile; also ports and connections that differ.

    Raises
    ------
    CircuitError
        If the netlist cannot be read.
    """
    parsed = parse(text)
    joined = name in parsed.definitions
    prefix = "" if name == "layer" else f"{name}_"
    lines = parsed.definitions[name].lines if joined else parsed.lines
    check_surroundings(parsed.lines)
    check_surroundings(lines)
    found = [line.split() for line in lines if line[0] in "xX"]
    placed = {words[0]: words[1:] for words in found}
    told = []
    if joined:
        rows = sum(row[0].rows for row in tiles)
        width = sum(tile.lines for tile in tiles[0])
        told += _check_ports(parsed, name, rows, width)
    first_row = 0
    for r, row in enumerate(tiles):
        first_line = 0
        for c, array in enumerate(row):
            tile = f"{prefix}tile_{r}_{c}"
            told += [f"{tile}: {line}" for line in differences(_read(parsed, tile), array)]
            told += _check_ports(parsed, tile, array.rows, array.lines)
            wanted = [f"in{first_row + i}" for i in range(array.rows)]
            wanted += [
                f"s{first_line + j}" if joined else f"s{r}_{c}_{j}" for j in range(array.lines)
            ]
            if placed.pop(f"Xtile_{r}_{c}", None) != [*wanted, tile]:
                told.append(
                    f"Xtile_{r}_{c} is missing or not joined to {wanted[0]} .. {wanted[-1]}"
                )
            first_line += array.lines
        first_row += row[0].rows
    return told + [f"{extra} is not in the layer" for extra in placed]


def _read(parsed: Parsed, tile: str | None) -> NetlistElements:
    if tile is None:
        return elements(parsed, parsed.lines)
    if tile not in parsed.definitions:
        known = sorted(parsed.definitions)[:5]
        raise CircuitError(f"tile = {tile!r} is not in the text; it holds {known}")
    return elements(parsed, parsed.definitions[tile].lines)


def _only_tile(parsed: Parsed) -> str | None:
    """Name of the tile of hierarchical text of one array; None if the text is flat."""
    tiles = [name for name in parsed.definitions if name.startswith("tile_")]
    if len(tiles) > 1 or "layer" in parsed.definitions:
        raise CircuitError(
            f"the text holds the tiles {tiles[:5]}; name one by tile, or use check_layer_netlist"
        )
    return tiles[0] if tiles else None


def _check_placing(parsed: Parsed, tile: str, array: Array) -> list[str]:
    wanted = [f"in{i}" for i in range(array.rows)] + [f"s{j}" for j in range(array.lines)]
    placed = [line.split() for line in parsed.lines if line[0] in "xX"]
    check_surroundings(parsed.lines)
    told = _check_ports(parsed, tile, array.rows, array.lines)
    if placed != [[f"X{tile}", *wanted, tile]]:
        told.append(f"X{tile} is missing, not alone, or not joined to {wanted[0]} .. {wanted[-1]}")
    return told


def _check_ports(parsed: Parsed, name: str, rows: int, lines: int) -> list[str]:
    wanted = (*(f"in{i}" for i in range(rows)), *(f"s{j}" for j in range(lines)))
    if parsed.definitions[name].ports == wanted:
        return []
    return [f"{name} has other ports than in0 .. in{rows - 1}, s0 .. s{lines - 1}"]


def differences(found: NetlistElements, array: Array) -> list[str]:
    """Compare elements that `read_netlist` read with their array, as `check_netlist` does."""
    paths = _branches(array, found.cells)
    cells = _folded(array) if found.cells == "folded" else {k: v[0] for k, v in paths.items()}
    wanted = _wires(array) | cells
    given = found.resistors | found.branches
    told = [f"{name} is missing" for name in wanted if name not in given]
    told += [f"{name} is not in the array" for name in given if name not in wanted]
    for name in (name for name in wanted if name in given):
        first, second, ohm = given[name]
        node, other, expected = wanted[name]
        if (first, second) != (node, other):
            told.append(f"{name} joins {first} and {second}, not {node} and {other}")
        if not _equal(ohm, expected):
            told.append(f"{name} has {ohm!r} ohm, not {expected!r}")
        elif name in found.paths and not _same(found.paths[name], paths[name][1]):
            told.append(f"{name} has {found.paths[name]}, not {paths[name][1]}")
    return told


def _equal(found: float, expected: float) -> bool:
    return found == expected or abs(found - expected) <= _ROUNDING * min(expected, 1e300)


def _same(found: Path, expected: Path) -> bool:
    parts = (found.ohm, found.on_ohm, found.off_ohm)
    wanted = (expected.ohm, expected.on_ohm, expected.off_ohm)
    return found.enabled == expected.enabled and all(map(_equal, parts, wanted))


def _wires(array: Array) -> dict[str, Element]:
    plan = topology(array.rows, array.lines, array.wires)
    names = plan.names()
    alive = np.ones(plan.nodes, np.bool_)
    if may_float(array):
        alive = connected(plan, array.siemens)
    wanted = {}
    for part in plan.segments:
        ohms = np.broadcast_to(part.ohm, part.tail.shape).tolist()
        for index, tail, head, ohm in zip(
            part.index.tolist(), part.tail.tolist(), part.head.tolist(), ohms, strict=True
        ):
            label = "_".join(map(str, index))
            if alive[tail]:
                wanted[f"R{part.kind}{label}"] = Element(names[tail], names[head], ohm)
    return wanted


def _folded(array: Array) -> dict[str, Element]:
    plan = topology(array.rows, array.lines, array.wires)
    names = plan.names()
    return {
        f"Rcell{i}_{j}": Element(
            names[plan.word[i, j]],
            names[plan.bit[i, j]],
            1 / float(array.siemens[i, j]),
        )
        for i, j in np.argwhere((array.siemens > 0) & reached(array)).tolist()
    }


def _branches(array: Array, cells: str) -> dict[str, tuple[Element, Path]]:
    """All branches that are written at a depth; those with enable bits also where open."""
    if cells == "folded":
        return {}
    plan = topology(array.rows, array.lines, array.wires)
    there = np.isfinite(array.path_ohm if cells == "branches" else array.ohm)
    names, on = plan.names(), array.switch.on_ohm
    off = array.switch.off_ohm if array.switch.off_ohm < float(OPEN) else np.inf
    wanted = {}
    for i, j, k in np.argwhere(there & reached(array)[:, :, None]).tolist():
        ends = names[plan.word[i, j]], names[plan.bit[i, j]]
        ohm, enabled = float(array.ohm[i, j, k]), bool(array.enabled[i, j, k])
        path = Path(ohm, enabled, on, off) if ohm else Path(on, enabled, 0.0, off - on)
        wanted[f"Xcell{i}_{j}_{k}"] = Element(*ends, path.total), path
    return wanted

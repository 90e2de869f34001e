"""Heat maps of an array, read back from the netlist of its layer and solved again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spice_models import Array, CircuitError, Wires, nodal
from spice_models.readback import differences
from spice_models.reading import NetlistElements, Parsed, elements, parse

__all__ = ["HeatMap", "heat_maps"]

Floats = NDArray[np.float64]
MOST_CELLS = 60_000
"""Of a larger layer only the first tile is shown."""
_TILE = re.compile(r"tile_(\d+)_(\d+)")
_CELL = re.compile(r"[RX]cell(\d+)_(\d+)(?:_\d+)?")
_INPUT = re.compile(r"Vin(\d+) in\1 0 (\S+)")
_WIRES = re.compile(r"^\* wires \[ohm\]: (.*?)(?: \(tile_0_0\))?$", re.MULTILINE)
_PAIRED = "column j of the layer is the difference of bit lines 2j and 2j + 1"
_WIRE_FIELDS = {
    "word segment": "word_segment_ohm",
    "bit segment": "bit_segment_ohm",
    "driver": "driver_ohm",
    "sense": "sense_ohm",
    "far driver": "far_driver_ohm",
    "far sense": "far_sense_ohm",
}


@dataclass(frozen=True, eq=False)
class HeatMap:
    """One value for each cell.

    Parameters
    ----------
    title, unit : str
    x_label : str
        What the second axis counts.
    values : ndarray, shape (rows, lines)
        In the unit; NaN where there is none.
    """

    title: str
    unit: str
    x_label: str
    values: Floats


@dataclass(frozen=True, eq=False)
class _Tile:
    """A tile that was read: where it stands, its cells [S] and its elements."""

    name: str
    rows: slice
    lines: slice
    siemens: Floats
    found: NetlistElements


def heat_maps(netlist: Path) -> tuple[list[HeatMap], str]:
    """Read the arrays of a netlist that the package wrote.

    Conductances are those in the text. Where its cells are folded and all wires of a kind are
    alike, voltages and currents are solved at the inputs of the text; an array that differs from
    the text in any element is not.

    Parameters
    ----------
    netlist : Path
        A layer on tiles.

    Returns
    -------
    list of HeatMap
        Empty when the text cannot be read.
    str
        What they show, or why they do not, in sentences.
    """
    try:
        text = netlist.read_text(encoding="utf-8")
        parsed = parse(text)
        tiles, note = _read(parsed)
    except (OSError, UnicodeDecodeError, CircuitError, ValueError) as error:
        return [], f"The netlist cannot be read back: {' '.join(str(error).split())}."
    shape = max(one.rows.stop for one in tiles), max(one.lines.stop for one in tiles)
    siemens = _joined(tiles, [one.siemens for one in tiles], shape)
    maps = [HeatMap("Conductance of the cells", "S", "bit line", siemens)]
    if _PAIRED in text and shape[1] % 2 == 0:
        net = siemens[:, 0::2] - siemens[:, 1::2]
        maps.append(HeatMap("Net conductance: positive less negative bit line", "S", "column", net))
    solved = _solved(text, parsed, tiles)
    if isinstance(solved, str):
        return maps, note + solved
    lost, currents = ([part[k] for part in solved] for k in (0, 1))
    maps.append(HeatMap("Voltage lost in wires", "V", "bit line", _joined(tiles, lost, shape)))
    maps.append(HeatMap("Current of the cells", "A", "bit line", _joined(tiles, currents, shape)))
    return maps, note + " Voltages and currents are solved at the inputs of the netlist."


def _read(parsed: Parsed) -> tuple[list[_Tile], str]:
    sizes = {}
    for name, one in parsed.definitions.items():
        if place := _TILE.fullmatch(name):
            rows = sum(port.startswith("in") for port in one.ports)
            sizes[int(place[1]), int(place[2])] = rows, len(one.ports) - rows
    if (0, 0) not in sizes:
        raise CircuitError("it holds no tile_0_0")
    shown = sorted(sizes)
    note = f"All {len(sizes)} tiles of the layer." if len(sizes) > 1 else "The whole layer."
    if sum(rows * lines for rows, lines in sizes.values()) > MOST_CELLS:
        shown, note = [(0, 0)], f"The first of {len(sizes)} tiles."
    tiles = []
    for r, c in shown:
        rows, lines = sizes[r, c]
        top, left = sum(sizes[k, 0][0] for k in range(r)), sum(sizes[0, k][1] for k in range(c))
        name = f"tile_{r}_{c}"
        found = elements(parsed, parsed.definitions[name].lines)
        places = slice(top, top + rows), slice(left, left + lines)
        tiles.append(_Tile(name, *places, _siemens(found, rows, lines), found))
    return tiles, note


def _siemens(found: NetlistElements, rows: int, lines: int) -> Floats:
    """Conductance of each cell [S], its branches together."""
    siemens = np.zeros((rows, lines))
    for name, element in (found.resistors | found.branches).items():
        if place := _CELL.fullmatch(name):
            siemens[int(place[1]), int(place[2])] += 1 / element.ohm
    return siemens


def _joined(tiles: list[_Tile], parts: list[Floats], shape: tuple[int, int]) -> Floats:
    whole = np.full(shape, np.nan)
    for one, part in zip(tiles, parts, strict=True):
        whole[one.rows, one.lines] = part
    return whole


def _solved(text: str, parsed: Parsed, tiles: list[_Tile]) -> list[tuple[Floats, Floats]] | str:
    """Voltage lost in wires [V] and current [A] of each cell, tile by tile; or why not."""
    if any(one.found.cells != "folded" for one in tiles):
        return " Voltages and currents are shown for folded cells only."
    wires, inputs = _wires(text), _inputs(parsed)
    if wires is None or inputs is None:
        return " Voltages and currents are shown for one input and equal wires only."
    try:
        return [_at(one, wires, inputs[one.rows]) for one in tiles]
    except CircuitError as error:
        return f" Voltages and currents are not shown: {' '.join(str(error).split())}."


def _at(tile: _Tile, wires: Wires, inputs: Floats) -> tuple[Floats, Floats]:
    array = Array.from_siemens(tile.siemens, wires)
    if told := differences(tile.found, array):
        raise CircuitError(f"{tile.name} is another array: {told[0]}")
    point = nodal.operating_point(array, inputs)
    return inputs[:, None] - (point.word - point.bit), point.cells


def _wires(text: str) -> Wires | None:
    """The wires that the head of a netlist names, where one value is said for all of a kind."""
    if not (found := _WIRES.search(text)):
        return None
    values = {}
    for part in found[1].split(", "):
        name, _, value = part.rpartition(" ")
        if name not in _WIRE_FIELDS:
            return None
        values[_WIRE_FIELDS[name]] = float(value)
    return Wires(**values)


def _inputs(parsed: Parsed) -> Floats | None:
    """The word-line voltages [V], in order; None where they change."""
    found = dict(_found_inputs(parsed))
    if None in found.values() or sorted(found) != list(range(len(found))):
        return None
    return np.array([found[row] for row in range(len(found))], float)


def _found_inputs(parsed: Parsed) -> Iterator[tuple[int, float | None]]:
    for line in parsed.lines:
        if line.startswith("Vin"):
            match = _INPUT.fullmatch(line)
            yield (int(match[1]), float(match[2])) if match else (-1, None)

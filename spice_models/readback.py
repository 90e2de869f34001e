"""Reading a netlist that this package wrote, and comparing it with its array, element by element.

What is expected comes from the array and its topology, not from the writer's text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from spice_models.array import Array
from spice_models.errors import CircuitError
from spice_models.topology import connected, reached, topology

__all__ = ["NetlistElements", "check_netlist", "read_netlist"]

_BRANCH = {"branch", "branch_lossless"}
_PARAMETERS = {"ohm", "enabled", "on_ohm", "off_ohm"}
_SUBCKT = re.compile(r"^\.subckt (\S+)[^\n]*(?:\n\+[^\n]*)*\n(.*?)^\.ends \1$", re.M | re.S)
_ROUNDING = 1e-14

Element = tuple[str, str, float]


@dataclass(frozen=True)
class NetlistElements:
    """The elements of an array in a netlist, each (node, node, value), by name.

    Parameters
    ----------
    resistors : dict
        Wires and folded cells [ohm].
    branches : dict
        Branches of cells, their switch included [ohm].
    """

    resistors: dict[str, Element]
    branches: dict[str, Element]


def read_netlist(text: str, tile: str | None = None) -> NetlistElements:
    """Read the wires and cells of a netlist with cells "folded" or "branches".

    Parameters
    ----------
    text : str
        What `netlist`, or with `tile` `layer_netlist`, wrote in the dialect of ngspice.
    tile : str, optional
        Name of the subcircuit to read, such as ``tile_0_0``.

    Raises
    ------
    CircuitError
        If the text holds an element that such a netlist does not, or one twice.
    """
    found: dict[str, str] = dict(_SUBCKT.findall(text))
    if tile is not None and tile not in found:
        raise CircuitError(f"tile = {tile!r} is not in the text; it holds {sorted(found)[:5]}")
    body = found[tile] if tile is not None else _SUBCKT.sub("", text)
    resistors: dict[str, Element] = {}
    branches: dict[str, Element] = {}
    for line in body.splitlines():
        kind = line[:1].upper()
        if not kind or kind in "*.+BV":
            continue
        words = line.split()
        if kind == "R" and len(words) == 4:
            table, element = resistors, (words[1], words[2], _number(words[3], line))
        elif kind == "X" and len(words) > 3 and words[3] in _BRANCH:
            table, element = branches, (words[1], words[2], _path_ohm(words[4:], line))
        else:
            raise CircuitError(f"line {line[:80]!r} is no wire or cell; give a netlist as written")
        if words[0] in table:
            raise CircuitError(f"line {line[:80]!r} names an element twice; remove one")
        table[words[0]] = element
    return NetlistElements(resistors, branches)


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
        The differences, one line each: what is missing, what is too much, which nodes or
        resistances differ. Empty if the netlist holds this array.

    Raises
    ------
    CircuitError
        If the netlist cannot be read.
    """
    found = read_netlist(text, tile)
    cells = _branches(array) if found.branches else _folded(array)
    wanted = _wires(array) | cells
    given = found.resistors | found.branches
    told = [f"{name} is missing" for name in wanted if name not in given]
    told += [f"{name} is not in the array" for name in given if name not in wanted]
    for name in (name for name in wanted if name in given):
        first, second, ohm = given[name]
        node, other, expected = wanted[name]
        if (first, second) != (node, other):
            told.append(f"{name} joins {first} and {second}, not {node} and {other}")
        if abs(ohm - expected) > _ROUNDING * expected:
            told.append(f"{name} has {ohm!r} ohm, not {expected!r}")
    return told


def _wires(array: Array) -> dict[str, Element]:
    plan = topology(array.rows, array.lines, array.wires)
    names = plan.names()
    alive = np.ones(plan.nodes, np.bool_)
    if not reached(array).all():
        alive = connected(plan, array.siemens)
    wanted = {}
    for part in plan.segments:
        ohms = np.broadcast_to(part.ohm, part.tail.shape).tolist()
        for index, tail, head, ohm in zip(
            part.index.tolist(), part.tail.tolist(), part.head.tolist(), ohms, strict=True
        ):
            label = "_".join(map(str, index))
            if alive[tail]:
                wanted[f"R{part.kind}{label}"] = (names[tail], names[head], ohm)
    return wanted


def _folded(array: Array) -> dict[str, Element]:
    plan = topology(array.rows, array.lines, array.wires)
    names = plan.names()
    return {
        f"Rcell{i}_{j}": (
            names[plan.word[i, j]],
            names[plan.bit[i, j]],
            1 / float(array.siemens[i, j]),
        )
        for i, j in np.argwhere((array.siemens > 0) & reached(array)).tolist()
    }


def _branches(array: Array) -> dict[str, Element]:
    plan = topology(array.rows, array.lines, array.wires)
    kept = np.isfinite(array.path_ohm) & reached(array)[:, :, None]
    names = plan.names()
    return {
        f"Xcell{i}_{j}_{k}": (
            names[plan.word[i, j]],
            names[plan.bit[i, j]],
            float(array.path_ohm[i, j, k]),
        )
        for i, j, k in np.argwhere(kept).tolist()
    }


def _path_ohm(words: list[str], line: str) -> float:
    pairs = [word.partition("=") for word in words]
    values = {key: _number(value, line) for key, _, value in pairs}
    if not {"ohm", "enabled", "off_ohm"} <= set(values) <= _PARAMETERS:
        raise CircuitError(f"line {line[:80]!r} lacks a parameter or has one too many")
    switch = values.get("on_ohm", 0.0) if values["enabled"] > 0.5 else values["off_ohm"]
    return values["ohm"] + switch


def _number(word: str, line: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise CircuitError(f"line {line[:80]!r}: {word!r} is no plain number") from None

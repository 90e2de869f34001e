"""Netlists in levels: a cell of several elements, a tile and a layer as subcircuits.

A cell is ``<model>_cell_<pattern>``; digit k of the pattern is 1 where branch k is there. The
parameters of its instance are ``ohm<k>`` and ``enabled<k>`` (0 or 1) of each such branch, and
``on_ohm`` and ``off_ohm`` of the switches. A folded cell is one resistor and needs none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from spice_models.array import Array
from spice_models.cell_model import CellModel
from spice_models.cells import (
    Cells,
    branch_model,
    cells_text,
    crosspoints,
    has_prefix,
    refuse_short,
    shared_parameters,
    written,
)

__all__ = ["cell_definitions", "cell_instances", "instance", "ports", "subcircuit", "wrapped"]

_WRAP = 10
_DEFAULTS = {"ohm": "1e4", "enabled": "1", "on_ohm": "1e3", "off_ohm": "1e10"}


def cell_definitions(arrays: Iterable[Array], cells: Cells, prefix: str = "") -> list[str]:
    """Write each kind of cell that occurs in these arrays once, as a subcircuit.

    Parameters
    ----------
    arrays : iterable of Array
    cells : {"folded", "branches", "switches", "transistors"} or CellModel
    prefix : str
        Begins each name, those of a shipped library too, so that several files fit into one
        design.
    """
    if cells == "folded":
        return []
    found: dict[str, str] = {}
    for array in arrays:
        refuse_short(array, "a cell that is a subcircuit cannot hold a short")
        model = branch_model(cells, array)
        kept = written(array, model).reshape(-1, array.branches)
        for there in np.unique(kept[kept.any(axis=1)], axis=0):
            name = _name(model, there, prefix)
            of = f"{prefix if has_prefix(cells) else ''}{model.name}"
            found.setdefault(name, _definition(name, of, model, np.flatnonzero(there).tolist()))
    return [found[name] for name in sorted(found)]


def cell_instances(array: Array, cells: Cells, prefix: str = "") -> str:
    """Write all cells of an array, each one instance of its subcircuit."""
    if cells == "folded":
        return cells_text(array, cells)
    model = branch_model(cells, array)
    kept = written(array, model).reshape(-1, array.branches)
    where = crosspoints(array.rows, array.lines, array.wires)
    shared = shared_parameters(array, model)
    after = [f"{key}={shared[key]}" for key in ("on_ohm", "off_ohm") if key in shared]
    ohm = array.ohm.reshape(kept.shape).tolist()
    enabled = array.enabled.reshape(kept.shape).astype(int).tolist()
    text = []
    for k in np.flatnonzero(kept.any(axis=1)).tolist():
        branches = np.flatnonzero(kept[k]).tolist()
        words = [f"Xcell{where[k]} {_name(model, kept[k], prefix)}"]
        for branch in branches:
            given = {"ohm": repr(ohm[k][branch]), "enabled": str(enabled[k][branch])}
            words += [f"{key}{branch}={given[key]}" for key in _own(model)]
        text.append(wrapped([*words, *after]))
    return "\n".join(text)


def subcircuit(name: str, ends: Sequence[str], body: str) -> str:
    """Write a definition around its body."""
    return "\n".join((wrapped([f".subckt {name}", *ends]), body, f".ends {name}"))


def instance(name: str, nodes: Sequence[str], of: str | None = None) -> str:
    """Write the instance ``X<name>`` of a subcircuit, the one of the same name if not given."""
    return wrapped([f"X{name}", *nodes, of or name])


def ports(array: Array) -> list[str]:
    """Ports of a tile in their order: word lines, then bit lines."""
    return [f"in{i}" for i in range(array.rows)] + [f"s{j}" for j in range(array.lines)]


def wrapped(words: Sequence[str]) -> str:
    """Join words into a line, continued after every ten."""
    parts = [" ".join(words[k : k + _WRAP]) for k in range(0, len(words), _WRAP)]
    return "\n+ ".join(parts)


def _name(model: CellModel, there: NDArray[np.bool_], prefix: str) -> str:
    return f"{prefix}{model.name}_cell_{''.join('01'[int(bit)] for bit in there)}"


def _own(model: CellModel) -> list[str]:
    """Parameters that each branch of a cell has of its own."""
    has_state = "enabled" in model.takes or "enable" in model.ports
    return (["ohm"] if "ohm" in model.takes else []) + (["enabled"] if has_state else [])


def _definition(name: str, of: str, model: CellModel, branches: Sequence[int]) -> str:
    shared = [key for key in ("on_ohm", "off_ohm") if key in model.takes]
    defaults = [f"{key}{k}={_DEFAULTS[key]}" for k in branches for key in _own(model)]
    defaults += [f"{key}={_DEFAULTS[key]}" for key in shared]
    off, on = (repr(volt) for volt in model.enable_volt)
    passed = [f"{key}={{{key}}}" for key in shared]
    passed += [f"{key}={value!r}" for key, value in model.parameters.items()]
    body = []
    for k in branches:
        nodes = {"word": "word", "bit": "bit", "enable": f"en{k}", "ground": "0"}
        own = [f"{key}={{{key}{k}}}" for key in ("ohm", "enabled") if key in model.takes]
        ends = [nodes[port] for port in model.ports]
        body.append(" ".join([f"Xbranch{k}", *ends, of, *own, *passed]))
        if "enable" in model.ports:
            body.append(f"Ven{k} en{k} 0 {{enabled{k} > 0.5 ? {on} : {off}}}")
    return subcircuit(name, ["word", "bit", *defaults], "\n".join(body))

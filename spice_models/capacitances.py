"""Capacitances of an array: their values, and between which nodes each lies."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from spice_models.array import Array
from spice_models.cells import node_names
from spice_models.checks import finite_number
from spice_models.errors import CircuitError
from spice_models.topology import topology

__all__ = ["Capacitances", "capacitors_text", "places"]


@dataclass(frozen=True)
class Capacitances:
    """Capacitances of an array, the same at each cell.

    Parameters
    ----------
    bit_farad, word_farad : float
        From the node of a cell on its bit line, and on its word line, to ground [F].
    cell_farad : float
        Across the cell, from word line to bit line [F].

    Raises
    ------
    CircuitError
        If a capacitance is negative or not finite, or all are 0.
    """

    bit_farad: float = 0.0
    word_farad: float = 0.0
    cell_farad: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = finite_number(f"capacitances.{field.name}", getattr(self, field.name))
            if not 0 <= value <= 1:
                raise CircuitError(f"capacitances.{field.name} = {value!r}; give 0 to 1 farad")
            object.__setattr__(self, field.name, value)
        if not (self.bit_farad or self.word_farad or self.cell_farad):
            raise CircuitError("capacitances are all 0; give one of them above 0")


def capacitors_text(array: Array, capacitances: Capacitances) -> list[str]:
    """One capacitor a cell and kind; one between nodes that are held needs no line."""
    names = node_names(array.rows, array.lines, array.wires)
    text = []
    for kind, tail, head, farad in places(array, capacitances):
        cells = zip(tail.tolist(), head.tolist(), strict=True)
        for k, (first, second) in enumerate(cells):
            ends = f"{names[first]} {names[second] if second >= 0 else 0}"
            i, j = divmod(k, array.lines)
            text.append(f"C{kind}{i}_{j} {ends} {farad!r}")
    return text


def places(
    array: Array, capacitances: Capacitances
) -> list[tuple[str, NDArray[np.intp], NDArray[np.intp], float]]:
    """Kind, nodes (head -1 for ground) and farads of the capacitors that are above 0."""
    plan = topology(array.rows, array.lines, array.wires)
    word, bit = plan.word.ravel(), plan.bit.ravel()
    ground = np.full(word.size, -1)
    every = (
        ("bit", bit, ground, capacitances.bit_farad),
        ("word", word, ground, capacitances.word_farad),
        ("cell", word, bit, capacitances.cell_farad),
    )
    return [place for place in every if place[3] > 0]

"""Which word line takes which input of a layer, which column gives which output, in what tiles.

The currents of two cells share their bit line from the nearer one to the sense, or their word line
from the driver to the nearer one: what they do to each other grows with that. So lines of large
weights lie next to drivers and senses. All that wires cost falls, above all the currents that reach
pruned crossings, which no switch there can take back. The order is free: digital undoes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.programming import checked_weights
from crossbar.simulation import Tile
from spice_models import Wires

__all__ = ["Placement", "place"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Placement:
    """Where the weights of a layer lie.

    Parameters
    ----------
    outputs : ndarray of int, (columns,)
        Which output each column gives.
    inputs : ndarray of int, (rows,)
        Which input each word line takes.
    shape : tuple of int, (outputs, inputs)
        Of the layer's weights; what is in neither list has no line.
    tile : Tile
        How the array is cut.

    Raises
    ------
    InputError
        For an output or input that the layer does not have, or that has two lines.
    """

    outputs: NDArray[np.int64]
    inputs: NDArray[np.int64]
    shape: tuple[int, int]
    tile: Tile

    def __post_init__(self) -> None:
        for name, count in zip(("outputs", "inputs"), self.shape, strict=True):
            lines = np.array(getattr(self, name))
            if lines.ndim != 1 or lines.dtype.kind not in "iu":
                raise InputError(f"{name} = {lines!r:.60}: give a list of whole numbers")
            if lines.size and not 0 <= lines.min() <= lines.max() < count:
                raise InputError(
                    f"{name}: from {lines.min()} to {lines.max()}; the layer has 0 to {count - 1}"
                )
            if np.unique(lines).size < lines.size:
                raise InputError(f"{name}: one is named twice; give each a single line")
            lines.setflags(write=False)
            object.__setattr__(self, name, lines)

    @classmethod
    def whole(cls, weights: Floats, tile: Tile) -> Placement:
        """Every line, in the order of the weights."""
        outputs, inputs = weights.shape
        return cls(np.arange(outputs), np.arange(inputs), (outputs, inputs), tile)

    @classmethod
    def of_weights(cls, weights: Floats, tile: Tile) -> Placement:
        """Lines in the order of the weights; those without weights get none."""
        outputs, inputs = (np.flatnonzero(weights.any(axis=axis)) for axis in (1, 0))
        return cls(outputs, inputs, (weights.shape[0], weights.shape[1]), tile)

    @property
    def cells(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Indices of the placed elements of the weights: ``weights[placement.cells]``."""
        return self.outputs[:, None], self.inputs[None, :]

    def product(self, matrix: Floats) -> Floats:
        """A matrix of the array, (columns, rows), in the order of the layer; 0 without a line."""
        placed = (self.outputs.size, self.inputs.size)
        if np.shape(matrix) != placed:
            raise InputError(f"matrix has shape {np.shape(matrix)}: the array has {placed}")
        found = np.zeros(self.shape)
        found[self.cells] = matrix
        return found

    def products(self, product: Callable[[Floats], Floats], inputs: Floats) -> Floats:
        """What a function from inputs to products of the array makes of a layer's inputs."""
        if np.ndim(inputs) != 2 or np.shape(inputs)[1] != self.shape[1]:
            raise InputError(
                f"inputs have shape {np.shape(inputs)}: the layer takes (points, {self.shape[1]})"
            )
        found = np.zeros((len(inputs), self.shape[0]))
        found[:, self.outputs] = product(inputs[:, self.inputs])
        return found

    def grid_row(self) -> NDArray[np.int64]:
        """In which row of the grid of tiles each input stands, from 0; -1 where in none."""
        found = np.full(self.shape[1], -1, dtype=np.int64)
        found[self.inputs] = np.arange(self.inputs.size) // self.tile.rows
        return found

    def comments(self) -> list[str]:
        """For a netlist: the input of each word line and the output of each column, from 0."""
        lists = (("input of each word line", self.inputs), ("output of each column", self.outputs))
        return [
            f"{name}, from {start}: {' '.join(map(str, lines[start : start + 20]))}"
            for name, lines in lists
            for start in range(0, lines.size, 20)
        ]


def place(
    design: Design,
    weights: ArrayLike,
    wires: Wires,
    tile: Tile | None = None,
) -> Placement:
    """Place a layer so that its wires cost little.

    Lines without weights are dropped, the rest is cut into equal tiles, no more than were needed,
    and lines are dealt to these by what their weights add up to, the largest next to drivers and
    senses.

    Parameters
    ----------
    design : Design
        The cell, which says how many lines a column has.
    weights : array_like, (outputs, inputs)
        An exact zero is a pruned weight.
    wires : Wires
        At which ends lines have drivers and senses.
    tile : Tile, optional
        The largest circuit; default 32 x 32 lines.

    Raises
    ------
    InputError
        For bad weights, or all of them zero.
    """
    matrix = np.abs(checked_weights(weights))
    given = Placement.of_weights(matrix, tile or Tile())
    matrix = matrix[given.cells]
    even = _even(given, design)
    rows = _by_distance(
        matrix.shape[1], even.rows, first=_ends(wires.far_sense_ohm), last=_ends(wires.sense_ohm)
    )
    columns = _by_distance(
        matrix.shape[0],
        even.lines // design.lines_per_column,
        first=_ends(wires.driver_ohm),
        last=_ends(wires.far_driver_ohm),
    )
    return Placement(
        outputs=_dealt(given.outputs, matrix.sum(axis=1), columns),
        inputs=_dealt(given.inputs, matrix.sum(axis=0), rows),
        shape=given.shape,
        tile=even,
    )


def _even(given: Placement, design: Design) -> Tile:
    """Tiles of equal size, as many as `Placement.tile` needs."""
    rows, columns = given.inputs.size, given.outputs.size + design.has_reference
    down = math.ceil(rows / given.tile.rows)
    across = math.ceil(columns / (given.tile.lines // design.lines_per_column))
    lines = design.lines_per_column * math.ceil(columns / across)
    return Tile(math.ceil(rows / down), lines + lines % 2)


def _ends(ohm: object) -> bool:
    """Whether lines are connected there."""
    return ohm is not None and bool(np.isfinite(np.asarray(ohm, dtype=float)).any())


def _by_distance(length: int, step: int, *, first: bool, last: bool) -> NDArray[np.int64]:
    """Positions along all tiles, those next to a connected end of theirs first."""
    here = np.arange(length) % step
    behind = np.minimum(length - np.arange(length) + here, step) - 1 - here
    far = np.full(length, length)
    distance = np.minimum(here if first else far, behind if last else far)
    return np.argsort(distance, kind="stable")


def _dealt(
    lines: NDArray[np.int64], heavy: Floats, positions: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Lines in the order of the array, the heaviest in the first of the positions."""
    found = np.empty_like(lines)
    found[positions] = lines[np.argsort(-heavy, kind="stable")]
    return found

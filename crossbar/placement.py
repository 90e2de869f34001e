"""Which word line takes which input of a layer, which column gives which output, in what tiles.

The currents of two cells share their bit line from the nearer one to the sense, or their word line
from the driver to the nearer one: what they do to each other grows with that. So lines of large
weights lie next to drivers and senses. All that wires cost falls, above all the currents that reach
pruned crossings, which no switch there can take back. The order is free: digital undoes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.programming import checked_weights
from crossbar.scaling import Scaling, check_scaling, scaled_siemens_per_weight
from crossbar.simulation import Tile, listed
from spice_models import Wires

__all__ = ["Placement", "place", "uniform"]

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
        For an output or input that the layer does not have, or that has two lines; from its
        methods for arrays of another shape.
    """

    outputs: NDArray[np.int64]
    inputs: NDArray[np.int64]
    shape: tuple[int, int]
    tile: Tile

    def __post_init__(self) -> None:
        shape = np.array(self.shape)
        if shape.shape != (2,) or shape.dtype.kind not in "iu" or shape.min() < 1:
            raise InputError(
                f"shape = {self.shape!r:.60}: give two whole numbers, outputs and inputs"
            )
        object.__setattr__(self, "shape", tuple(shape.tolist()))
        _check_tile(self.tile)
        for name, count in zip(("outputs", "inputs"), self.shape, strict=True):
            lines = _array(getattr(self, name), name)
            if lines.ndim != 1 or not lines.size or lines.dtype.kind not in "iu":
                raise InputError(
                    f"{name} of shape {lines.shape} and type {lines.dtype}: give a list of whole "
                    "numbers, at least one"
                )
            if not 0 <= lines.min() <= lines.max() < count:
                raise InputError(
                    f"{name}: from {lines.min()} to {lines.max()}; the layer has 0 to {count - 1}"
                )
            if np.unique(lines).size < lines.size:
                raise InputError(f"{name}: one is named twice; give each a single line")
            lines.setflags(write=False)
            object.__setattr__(self, name, lines)

    @classmethod
    def whole(cls, weights: ArrayLike, tile: Tile) -> Placement:
        """Every line, in the order of the weights."""
        outputs, inputs = checked_weights(weights).shape
        return cls(np.arange(outputs), np.arange(inputs), (outputs, inputs), tile)

    @classmethod
    def of_weights(cls, weights: ArrayLike, tile: Tile) -> Placement:
        """Lines in the order of the weights; those without weights get none."""
        matrix = checked_weights(weights)
        outputs, inputs = (np.flatnonzero(matrix.any(axis=axis)) for axis in (1, 0))
        return cls(outputs, inputs, (matrix.shape[0], matrix.shape[1]), tile)

    @property
    def cells(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Indices of the placed elements of the weights: ``weights[placement.cells]``."""
        return self.outputs[:, None], self.inputs[None, :]

    def restored(self, matrix: ArrayLike) -> Floats:
        """A matrix of the array, (columns, rows), in the order of the layer; 0 without a line."""
        found = np.zeros(self.shape)
        found[self.cells] = _reals(matrix, "matrix", self.outputs.size, self.inputs.size)
        return found

    def products(self, product: Callable[[Floats], ArrayLike], inputs: ArrayLike) -> Floats:
        """What a function from inputs to products of the array makes of a layer's inputs."""
        given = _reals(inputs, "inputs", None, self.shape[1])
        found = np.zeros((len(given), self.shape[0]))
        placed = product(given[:, self.inputs])
        found[:, self.outputs] = _reals(placed, "products", len(given), self.outputs.size)
        return found

    def grid_row(self) -> NDArray[np.int64]:
        """In which row of the grid of tiles each input stands, from 0; -1 where in none."""
        found = np.full(self.shape[1], -1, dtype=np.int64)
        found[self.inputs] = np.arange(self.inputs.size) // self.tile.rows
        return found

    def comments(self) -> list[str]:
        """For a netlist: the input of each word line and the output of each column, from 0."""
        return [
            *listed("input of each word line", self.inputs.tolist()),
            *listed("output of each column", self.outputs.tolist()),
        ]


def _array(values: object, name: str) -> NDArray[Any]:
    """A copy, so that the caller's own stays writable."""
    try:
        return np.array(values)
    except ValueError:
        raise InputError(f"{name} are ragged: give rows of equal length") from None


def _reals(values: object, name: str, rows: int | None, columns: int) -> Floats:
    """A matrix; of any number of points where `rows` is None."""
    found = _array(values, name)
    if found.ndim != 2 or found.shape[1] != columns or rows not in (None, len(found)):
        wanted = "points" if rows is None else rows
        raise InputError(f"{name} of shape {found.shape}: give ({wanted}, {columns})")
    if found.dtype.kind not in "biuf":
        raise InputError(f"{name} of type {found.dtype}: give real numbers")
    return found.astype(float, copy=False)


def uniform(wires: Wires) -> bool:
    """Whether all lines have the same wires, so that any may lie anywhere."""
    return all(np.ndim(getattr(wires, field.name)) == 0 for field in fields(wires))


def place(
    design: Design,
    weights: ArrayLike,
    wires: Wires,
    tile: Tile | None = None,
    *,
    scaling: Scaling = "layer",
) -> Placement:
    """Place a layer so that its wires cost little.

    Lines without weights are dropped, and the rest is cut into tiles that are as small as their
    number allows. Lines are dealt to these by the conductances that stand for their weights, the
    largest next to drivers and senses. Wires that are given line by line are those of one tile,
    made already: then all lines stay where they are.

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
    scaling : {"layer", "column", "tile"}
        As for `produce`. Where tiles have a full scale of their own, one is filled after the
        other, so that small weights share theirs.

    Raises
    ------
    InputError
        For bad weights or options.
    """
    tile = Tile() if tile is None else tile
    _check_tile(tile)
    if not isinstance(design, Design):
        raise InputError(f"design = {design!r:.40}: give a crossbar.Design")
    if not isinstance(wires, Wires):
        raise InputError(f"wires = {wires!r:.40}: give a spice_models.Wires")
    matrix = checked_weights(weights)
    check_scaling(scaling)
    if not uniform(wires):
        return Placement.whole(matrix, tile)
    given = Placement.of_weights(matrix, tile)
    per_weight = scaled_siemens_per_weight(
        design, matrix, "column" if scaling == "column" else "layer"
    )
    heavy = np.abs(matrix * per_weight)[given.cells]
    even = _even(given, design)
    together = scaling == "tile"
    rows = _by_distance(
        heavy.shape[1],
        even.rows,
        from_last=True,
        both=wires.far_sense_ohm is not None,
        together=together,
    )
    columns = _by_distance(
        heavy.shape[0] + design.has_reference,
        even.lines // design.lines_per_column,
        from_last=False,
        both=wires.far_driver_ohm is not None,
        together=together,
    )
    return Placement(
        outputs=_dealt(given.outputs, heavy.sum(axis=1), columns),
        inputs=_dealt(given.inputs, heavy.sum(axis=0), rows),
        shape=given.shape,
        tile=even,
    )


def _check_tile(tile: object) -> None:
    if not isinstance(tile, Tile):
        raise InputError(f"tile = {tile!r:.40}: give a crossbar.Tile")


def _even(given: Placement, design: Design) -> Tile:
    """The smallest tile of which no more are needed than of the given one."""
    rows, columns = given.inputs.size, given.outputs.size + design.has_reference
    down = math.ceil(rows / given.tile.rows)
    across = math.ceil(columns / (given.tile.lines // design.lines_per_column))
    lines = design.lines_per_column * math.ceil(columns / across)
    return Tile(math.ceil(rows / down), lines + lines % 2)


def _by_distance(
    length: int, step: int, *, from_last: bool, both: bool, together: bool
) -> NDArray[np.int64]:
    """Positions along all tiles, those next to an end of theirs that is connected before others.

    That end is the last or the first, or `both` are; of all tiles alike, or tile by tile
    (`together`).
    """
    here = np.arange(length) % step
    start = np.arange(length) - here
    behind = np.minimum(length - start, step) - 1 - here
    distance = np.minimum(here, behind) if both else behind if from_last else here
    return np.lexsort((start, distance, start if together else np.zeros(length)))


def _dealt(
    which: NDArray[np.int64], heavy: Floats, positions: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Outputs or inputs in the order of the array, the heaviest in the first of the positions."""
    found = np.empty_like(which)
    found[positions[positions < which.size]] = which[np.argsort(-heavy, kind="stable")]
    return found

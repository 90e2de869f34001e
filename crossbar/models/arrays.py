"""One weight matrix on its arrays: what it multiplies by then, and what that took."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from crossbar.design import Design
from crossbar.nonidealities import Nonidealities
from crossbar.placement import Placement, place, uniform
from crossbar.production import produce
from crossbar.scaling import Scaling
from crossbar.simulation import SimulatorName, Tile, transfer
from spice_models import Wires


@dataclass(frozen=True)
class Making:
    """How every array of a model is made and simulated; the fields are those of `convert`."""

    design: Design
    wires: Wires
    tile: Tile
    simulator: SimulatorName
    measurement_error: float
    method: str
    executor: Executor | None = None
    nonidealities: Nonidealities = field(default_factory=Nonidealities)
    wire_aware: bool = False
    scaling: Scaling = "layer"


@dataclass(frozen=True)
class AnalogMatrix:
    """A weight matrix on its arrays.

    Parameters
    ----------
    product : ndarray, (outputs, inputs)
        What the arrays really multiply by, wires included; zero where nothing was placed.
    grid_row : ndarray of int, (inputs,)
        In which row of the grid of tiles each input stands, from 0; -1 where it has no weights.
    cell_errors, matrix_errors : ndarray
        Errors relative to the largest weight: of the kept cells without wires, and of every placed
        element of `product`.
    tiles, resistors, enabled, unreachable : int
        Arrays; resistors on them, those of them whose switch is closed; cells that cannot
        reach their weight.
    mismatch : float
        See `crossbar.Transfer`.
    programming_seconds, extraction_seconds : float
        From fabrication to switches, and from these to the transfer matrix [s].
    """

    product: NDArray[np.float64]
    grid_row: NDArray[np.int64]
    cell_errors: NDArray[np.float64]
    matrix_errors: NDArray[np.float64]
    tiles: int = 0
    resistors: int = 0
    enabled: int = 0
    unreachable: int = 0
    mismatch: float = 0.0
    programming_seconds: float = 0.0
    extraction_seconds: float = 0.0


def make_matrix(
    weights: NDArray[np.float64],
    making: Making,
    seed: np.random.SeedSequence,
    points: NDArray[np.float64] | None = None,
) -> AnalogMatrix:
    """Fabricate, program and simulate the arrays of one weight matrix.

    Outputs and inputs whose weights are all zero get no line: only the rest is cut into tiles.
    Where switches know the wires, `placement.place` orders the lines.

    Parameters
    ----------
    weights : ndarray, (outputs, inputs)
        Finite; when all are zero, no array is made.
    seed : numpy.random.SeedSequence
        As for `produce`.
    points : ndarray, (points, inputs), optional
        Such as it will be multiplied by, with products that are not all 0.
    """
    if not weights.any():
        nowhere = np.full(weights.shape[1], -1, dtype=np.int64)
        return AnalogMatrix(np.zeros(weights.shape), nowhere, np.zeros(0), np.zeros(0))
    start = time.perf_counter()
    placement = _placement(weights, making)
    made = produce(
        making.design,
        weights[placement.cells],
        seed,
        measurement_error=making.measurement_error,
        method=making.method,
        nonidealities=making.nonidealities,
        scaling=making.scaling,
        wires=making.wires if making.wire_aware else None,
        tile=placement.tile,
        inputs=None if points is None else points[:, placement.inputs],
        executor=making.executor,
    )
    programmed = time.perf_counter()
    found = transfer(
        made.chip,
        made.program,
        making.wires,
        tile=placement.tile,
        simulator=making.simulator,
        executor=making.executor,
    )
    product = placement.restored(found.siemens / made.siemens_per_weight)
    return AnalogMatrix(
        product=product,
        grid_row=placement.grid_row(),
        cell_errors=made.cell_errors,
        matrix_errors=(product - weights)[placement.cells].ravel() / np.abs(weights).max(),
        tiles=found.tiles,
        resistors=made.chip.true_ohm.size,
        enabled=int(np.count_nonzero(made.program.enabled)),
        unreachable=int((~made.program.reachable).sum()),
        mismatch=found.mismatch,
        programming_seconds=programmed - start,
        extraction_seconds=time.perf_counter() - programmed,
    )


def _placement(weights: NDArray[np.float64], making: Making) -> Placement:
    # wires that are given line by line are those of the lines with weights, see checks.check_wires
    if making.wire_aware and uniform(making.wires):
        return place(making.design, weights, making.wires, making.tile, scaling=making.scaling)
    return Placement.of_weights(weights, making.tile)


def with_bias_row(
    weights: NDArray[np.float64], bias: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Weights with one more input, driven by a constant, that adds the bias.

    The constant is the largest bias over the largest weight, so that the largest bias takes the
    whole full scale and no weight loses any of it; 1 where there is no bias or no weight.

    Returns
    -------
    matrix : ndarray, (outputs, inputs + 1)
    constant : float
        In the units of the inputs.
    """
    largest_bias = float(np.abs(bias).max(initial=0))
    largest_weight = float(np.abs(weights).max(initial=0))
    constant = largest_bias / largest_weight if largest_bias and largest_weight else 1.0
    return np.column_stack([weights, bias / constant]), constant


def joined_errors(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Errors of several matrices together; a single 0 where there are none."""
    return np.concatenate([*parts]) if any(part.size for part in parts) else np.zeros(1)

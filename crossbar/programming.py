"""Measured branches and weights to switch states, one subset-sum problem a cell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.calibration import Measurement
from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.searching import search


@dataclass(frozen=True)
class Program:
    """Which switches of a chip are closed.

    Parameters
    ----------
    enabled : ndarray of bool or int8, (rows, columns, branches)
        The switch states. Where a branch can take either line, int8: 1 on the positive line,
        -1 on the negative one, 0 on neither. A reference line is one more column, the last.
    target_siemens : ndarray, (rows, columns)
        Signed conductance asked of each cell, for offset cells above the reference [S].
    reachable : ndarray of bool, (rows, columns)
        False where the values that the cell was programmed by cannot reach the target,
        by more than its open switches leak and its reference is off the middle.

    Raises
    ------
    InputError
        When the shapes do not fit.
    """

    enabled: NDArray[np.bool_] | NDArray[np.int8]
    target_siemens: NDArray[np.float64]
    reachable: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shape = self.enabled.shape
        if self.enabled.dtype not in (np.bool_, np.int8) or len(shape) != 3:
            raise InputError(
                f"enabled is {self.enabled.dtype} of shape {shape}: give booleans (rows, columns, "
                "branches), or int8 where a branch can take either line"
            )
        if self.enabled.dtype == np.int8 and not np.isin(self.enabled, (-1, 0, 1)).all():
            raise InputError("enabled: every state must be -1, 0 or 1")
        without_reference = (shape[0], shape[1] - 1)
        for field in ("target_siemens", "reachable"):
            array = getattr(self, field)
            if array.shape not in (shape[:2], without_reference):
                raise InputError(f"{field} has shape {array.shape}: enabled needs {shape[:2]}")
        if self.target_siemens.shape != self.reachable.shape:
            raise InputError(
                f"reachable has shape {self.reachable.shape}: target_siemens has "
                f"{self.target_siemens.shape}; make them equal"
            )
        if not np.isfinite(self.target_siemens).all():
            raise InputError("target_siemens: every target must be finite")
        for field in ("enabled", "target_siemens", "reachable"):
            array = np.array(getattr(self, field))
            array.setflags(write=False)
            object.__setattr__(self, field, array)


def target_siemens(design: Design, weights: ArrayLike) -> NDArray[np.float64]:
    """Conductances that stand for a weight matrix, the largest weight at full scale.

    Parameters
    ----------
    design : Design
        Gives the full scale.
    weights : array_like, (outputs, inputs)
        A layer's weights.

    Returns
    -------
    ndarray, (rows, columns)
        Signed conductances, inputs on the rows and outputs on the columns [S].

    Raises
    ------
    InputError
        For a wrong shape, NaN or infinity, or weights that are all zero.
    """
    return np.asarray(checked_weights(weights).T * siemens_per_weight(design, weights))


def siemens_per_weight(design: Design, weights: ArrayLike) -> float:
    """Conductance that stands for a weight of one [S]."""
    return design.full_scale_siemens / float(np.abs(checked_weights(weights)).max())


def checked_weights(weights: ArrayLike) -> NDArray[np.float64]:
    """Weights as a float matrix (outputs, inputs), or an InputError that says what is wrong."""
    if isinstance(weights, np.ma.MaskedArray):
        raise InputError("weights are masked: give weights.filled(0), where a masked one is pruned")
    if hasattr(weights, "detach"):
        weights = weights.detach().cpu()  # a torch.nn.Parameter's values
    try:
        matrix = np.asarray(weights)
    except ValueError:
        raise InputError("weights are ragged: give rows of equal length") from None
    if matrix.dtype.kind not in "iuf":
        raise InputError(f"weights have type {matrix.dtype}: give real numbers")
    if matrix.ndim != 2:
        raise InputError(f"weights have shape {matrix.shape}: give a matrix (outputs, inputs)")
    if not matrix.size:
        raise InputError(f"weights have shape {matrix.shape}: give at least one")
    if not np.isfinite(matrix).all():
        output, entry = np.argwhere(~np.isfinite(matrix))[0]
        raise InputError(
            f"weights[{output}, {entry}] = {matrix[output, entry]}: every weight must be finite"
        )
    if not matrix.any():
        raise InputError("weights are all zero: a layer needs at least one other weight")
    if not 1e-300 < (largest := float(np.abs(matrix).max())) < 1e300:
        raise InputError(f"weights of up to {largest}: scale them to a usual size")
    return matrix.astype(float)


def program(
    measurement: Measurement,
    target: ArrayLike,
    *,
    method: str = "auto",
    seed: int = 0,
) -> Program:
    """Choose the switches of every cell.

    Each cell takes the switch states with which its signed, measured conductances, the
    leakage of open switches included, sum closest to its target (with `Design.enough_bits`:
    close enough, and conduct little). A target of exactly zero
    is a pruned weight: every switch of a paired or steered cell then stays open, while flip
    and offset cells come as close to zero as they can. The switch of a branch that the
    measurement knows to be open stays open, except in flip cells, which cannot. Branches
    known to be stuck closed are part of the sum, and the others make up for them, in pruned
    cells too.

    The reference cells of offset designs are programmed first, to the middle of the range
    (`Design.reference_siemens`); what they are measured to conduct then is added to the
    targets of their row.

    Parameters
    ----------
    measurement : Measurement
        What is known about the chip. A design with ``programmed_by="nominal"`` uses
        the nominal values in its stead, those of open branches excepted.
    target : array_like, (rows, columns)
        Signed conductances [S], at most full scale.
    method : str
        A method of `solvers.solve_batch`.
    seed : int
        For randomized methods; the others need none.

    Raises
    ------
    InputError
        For a wrong shape, NaN, or a target above full scale.
    """
    design = measurement.design
    wanted = _checked_target(measurement, target)
    find = partial(search, design, method=method, seed=seed)
    known, stuck = _known_siemens(measurement), measurement.stuck_closed
    if stuck is None:
        stuck = np.zeros(known.shape, dtype=bool)
    enabled = np.zeros(known.shape, dtype=np.int8 if design.takes_either_line else bool)
    slack = np.full(wanted.shape, design.leakage_siemens)
    lines = wanted
    if design.has_reference:
        middle = np.full(len(wanted), design.reference_siemens)
        reference = find(known[:, -1], middle, stuck[:, -1])
        enabled[:, -1] = reference.states
        lines = wanted + (middle + reference.error)[:, None]
        slack += np.where(reference.reachable, np.abs(reference.error), 0)[:, None]
    columns = slice(measurement.columns)
    cells = (wanted != 0) | (design.polarity in ("offset", "flip"))
    cells |= stuck[:, columns].any(axis=2)
    reachable = np.ones(wanted.shape, dtype=bool)
    found = find(known[:, columns][cells], lines[cells], stuck[:, columns][cells])
    enabled[:, columns][cells] = found.states
    reachable[cells] = found.reachable | (np.abs(found.error) <= slack[cells])
    return Program(enabled, wanted, reachable)


def _known_siemens(measurement: Measurement) -> NDArray[np.float64]:
    """The conductances to program by, (rows, columns, branches) [S]; 0 where open."""
    if measurement.design.programmed_by == "measured":
        return measurement.on_siemens
    return np.where(measurement.open, 0, measurement.design.nominal_siemens)


def _checked_target(measurement: Measurement, target: ArrayLike) -> NDArray[np.float64]:
    wanted = np.asarray(target)
    if wanted.dtype.kind not in "iuf":
        raise InputError(f"target has type {wanted.dtype}: give real numbers")
    wanted = wanted.astype(float)
    shape = (measurement.rows, measurement.columns)
    if wanted.shape != shape:
        raise InputError(
            f"target has shape {wanted.shape}, the chip {shape}: give (rows, columns), "
            "inputs on the rows (weights transposed: see target_siemens)"
        )
    full_scale = measurement.design.full_scale_siemens
    wrong = ~(np.abs(wanted) <= full_scale * (1 + 1e-12))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise InputError(
            f"target[{row}, {column}] = {wanted[row, column]} S: must be finite and at most "
            f"full_scale_siemens = {full_scale}; scale the weights with target_siemens"
        )
    return wanted

"""Measured branches and weights to switch states, one subset-sum problem a cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

import solvers
from crossbar.calibration import Measurement, off_siemens
from crossbar.design import Design
from crossbar.errors import InputError


@dataclass(frozen=True)
class Program:
    """Which switches of a chip are closed.

    Parameters
    ----------
    enabled : ndarray of bool, (rows, columns, branches)
        The switch states.
    target_siemens : ndarray, (rows, columns)
        Signed conductance asked of each cell [S].
    reachable : ndarray of bool, (rows, columns)
        False where the values that the cell was programmed by cannot reach the target,
        by more than its open switches leak.

    Raises
    ------
    InputError
        When the shapes do not fit.
    """

    enabled: NDArray[np.bool_]
    target_siemens: NDArray[np.float64]
    reachable: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shape = self.enabled.shape
        if self.enabled.dtype != np.bool_ or len(shape) != 3:
            raise InputError(
                f"enabled is {self.enabled.dtype} of shape {shape}: "
                "give booleans (rows, columns, branches)"
            )
        for field in ("target_siemens", "reachable"):
            array = getattr(self, field)
            if array.shape != shape[:2]:
                raise InputError(f"{field} has shape {array.shape}: enabled needs {shape[:2]}")
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
    try:
        matrix = np.asarray(weights)
    except ValueError:
        raise InputError("weights are ragged: give rows of equal length") from None
    if matrix.dtype.kind not in "iuf":
        raise InputError(f"weights have type {matrix.dtype}: give real numbers")
    if matrix.ndim != 2 or not matrix.size:
        raise InputError(
            f"weights have shape {matrix.shape}: give a matrix (outputs, inputs), not empty"
        )
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

    Each cell closes the subset of its branches whose signed, measured conductances,
    the leakage of the open ones included, sum closest to its target. A target of
    exactly zero is a pruned weight: every switch of its cell stays open. So does the
    switch of every branch that the measurement knows to be open. Branches known to be stuck
    closed are part of the sum, and the others make up for them, in pruned cells too.

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
    known = measurement.stuck_closed
    cells = wanted != 0 if known is None else (wanted != 0) | known.any(axis=2)
    stuck = None if known is None else known[cells]
    on = measurement.on_siemens[cells]
    conducts = on > 0
    if design.programmed_by == "nominal":
        on = np.where(conducts, design.nominal_siemens, 0)
    off = off_siemens(design, on)
    signs = design.signs.astype(float)
    values = (on - off) * signs
    if design.programmed_by == "nominal":
        usable = values * wanted[cells][:, None] > 0
        values = np.where(usable if stuck is None else usable | stuck, values, 0)
    solution = solvers.solve_batch(
        values,
        wanted[cells] - off @ signs,
        method=method,
        fixed=None if stuck is None else np.where(stuck, stuck, np.nan),
        seed=seed if method in ("auto", "random") else None,
    )
    enabled = np.zeros(measurement.on_siemens.shape, dtype=bool)
    enabled[cells] = np.asarray(solution.mask, dtype=bool) & conducts
    reachable = np.ones(wanted.shape, dtype=bool)
    leakage = design.resistors / design.off_ohm
    reachable[cells] = solution.reachable | (np.abs(solution.error) <= leakage)
    return Program(enabled, wanted, reachable)


def _checked_target(measurement: Measurement, target: ArrayLike) -> NDArray[np.float64]:
    wanted = np.asarray(target)
    if wanted.dtype.kind not in "iuf":
        raise InputError(f"target has type {wanted.dtype}: give real numbers")
    wanted = wanted.astype(float)
    shape = measurement.on_siemens.shape[:2]
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

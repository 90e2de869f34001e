"""Weights to a programmed chip in one step: fabricate, measure, program."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.calibration import Measurement, as_measured, measure
from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.fabrication import Chip, fabricate
from crossbar.programming import (
    Program,
    checked_weights,
    program,
    siemens_per_weight,
    target_siemens,
)


@dataclass(frozen=True)
class ProgrammedChip:
    """A chip with what is known about it and its switches.

    Parameters
    ----------
    chip, measurement, program : Chip, Measurement, Program
        True resistances, measured conductances, switch states.
    siemens_per_weight : float
        Conductance that stands for a weight of one [S].
    """

    chip: Chip
    measurement: Measurement
    program: Program
    siemens_per_weight: float

    def __post_init__(self) -> None:
        self.chip.check_switches(self.program.enabled)
        if self.measurement.on_siemens.shape != self.chip.true_ohm.shape:
            raise InputError(
                f"measurement has shape {self.measurement.on_siemens.shape}, the chip "
                f"{self.chip.true_ohm.shape}: measure this chip"
            )
        if self.program.target_siemens.shape != (self.chip.rows, self.chip.columns):
            raise InputError(
                f"target_siemens has shape {self.program.target_siemens.shape}: the chip has "
                f"{self.chip.rows} rows and {self.chip.columns} columns; program this chip"
            )

    @property
    def cell_errors(self) -> NDArray[np.float64]:
        """Error of every cell that is not pruned, relative to full scale, without wires."""
        kept = self.program.target_siemens != 0
        error = self.chip.cell_siemens(self.program.enabled) - self.program.target_siemens
        return np.asarray(error[kept] / self.chip.design.full_scale_siemens)


def produce(
    design: Design,
    weights: ArrayLike,
    seed: np.random.SeedSequence,
    *,
    measurement_error: float,
    method: str = "auto",
) -> ProgrammedChip:
    """Fabricate a chip for a weight matrix, measure it and program it.

    Parameters
    ----------
    design : Design
        The cell.
    weights : array_like, (outputs, inputs)
        An exact zero is a pruned weight.
    seed : numpy.random.SeedSequence
        Its first three children seed fabrication, measurement and solver.
    measurement_error : float
        Relative standard deviation of the measurement.
    method : str
        Subset-sum method, see `solvers.solve_batch`.

    Raises
    ------
    InputError
        For bad weights.
    """
    target = target_siemens(design, weights)
    making, measuring, solving = (_child(seed, number) for number in range(3))
    chip = fabricate(design, rows=target.shape[0], columns=target.shape[1], seed=making)
    measurement = measure(chip, error=measurement_error, seed=measuring)
    solver_seed = int(solving.generate_state(1)[0])
    programmed = program(measurement, target, method=method, seed=solver_seed)
    return ProgrammedChip(chip, measurement, programmed, siemens_per_weight(design, weights))


def program_real(
    measurement: Measurement,
    weights: ArrayLike,
    *,
    method: str = "auto",
    seed: int = 0,
    source: str = "",
) -> ProgrammedChip:
    """Program a real array; its measured values stand for the true ones, see `as_measured`.

    Parameters
    ----------
    measurement : Measurement
        Of the array.
    weights : array_like, (outputs, inputs)
        As many as the array has columns and rows; an exact zero is a pruned weight.
    method : str
        Subset-sum method, see `solvers.solve_batch`.
    seed : int
        For randomized methods.
    source : str
        Where the measurement comes from.

    Raises
    ------
    InputError
        For bad weights, or weights of another size than the array.
    """
    matrix = checked_weights(weights)
    rows, columns = measurement.rows, measurement.columns
    if matrix.shape != (columns, rows):
        raise InputError(
            f"weights have shape {matrix.shape}: the chip has {rows} rows and {columns} columns; "
            f"give ({columns}, {rows}), outputs by inputs, with zeros for what is not used"
        )
    chip = as_measured(measurement, source)
    target = target_siemens(measurement.design, matrix)
    programmed = program(measurement, target, method=method, seed=seed)
    return ProgrammedChip(
        chip, measurement, programmed, siemens_per_weight(measurement.design, matrix)
    )


def _child(seed: np.random.SeedSequence, number: int) -> np.random.SeedSequence:
    """The child that a fresh `seed` would spawn, whatever it has spawned before."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, number))

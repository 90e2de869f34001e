"""Weights to a programmed chip in one step: fabricate, measure, program."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.calibration import MeasuredChip, Measurement, as_measured, measure
from crossbar.compensation import Compensation, check_wire_aware, compensate
from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.fabrication import Chip, Seed, fabricate
from crossbar.nonidealities import Child, Nonidealities, as_made, as_used
from crossbar.programming import Program, checked_weights, program
from crossbar.scaling import (
    Scaling,
    SiemensPerWeight,
    check_scaling,
    scaled_siemens_per_weight,
)
from crossbar.simulation import Tile
from spice_models import Wires

COMMON = 1.0
"""Of wire-aware programs whose inputs are not known: activations of a network are mostly of one
sign, see `compensate`."""


@dataclass(frozen=True)
class ProgrammedChip:
    """A chip with what is known about it and its switches.

    Parameters
    ----------
    chip, measurement, program : Chip, Measurement, Program
        True resistances, measured conductances, switch states.
    siemens_per_weight : float or ndarray
        Conductance that stands for a weight of one [S]; an array, to divide a matrix (outputs,
        inputs), where columns or tiles have their own (`scaling`).
    compensation : Compensation, optional
        Where the program knows the wires, how it was found.
    matrix_siemens : ndarray, (rows, columns), optional
        Entries of the transfer matrix that are asked for; default the targets of the cells, as
        for wires without resistance [S].
    """

    chip: Chip
    measurement: Measurement
    program: Program
    siemens_per_weight: SiemensPerWeight
    compensation: Compensation | None = None
    matrix_siemens: NDArray[np.float64] | None = None

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
    def wanted_siemens(self) -> NDArray[np.float64]:
        """Entries of the transfer matrix that are asked for, (rows, columns) [S]."""
        wanted = self.matrix_siemens
        return self.program.target_siemens if wanted is None else wanted

    @property
    def ideal_product(self) -> NDArray[np.float64]:
        """What it would multiply by without any wire resistance, (outputs, inputs).

        Where the program knows the wires, with the switches that would be right without them.
        """
        program, per_weight = self.program, self.siemens_per_weight
        if self.compensation is not None:
            program = self.compensation.plain
            per_weight = per_weight / self.compensation.weight_scale
        return np.asarray(self.chip.cell_siemens(program.enabled).T / per_weight)

    @property
    def cell_errors(self) -> NDArray[np.float64]:
        """Error of every cell that is not pruned, relative to full scale, without wires.

        Where the program knows the wires, against the conductance that these ask for.
        """
        kept = self.wanted_siemens != 0
        error = self.chip.cell_siemens(self.program.enabled) - self.program.target_siemens
        return np.asarray(error[kept] / self.chip.design.full_scale_siemens)


def produce(
    design: Design,
    weights: ArrayLike,
    seed: Seed,
    *,
    measurement_error: float = 1e-4,
    method: str = "auto",
    nonidealities: Nonidealities | None = None,
    scaling: Scaling = "layer",
    wires: Wires | None = None,
    tile: Tile | None = None,
    inputs: ArrayLike | None = None,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ProgrammedChip:
    """Fabricate a chip for a weight matrix, measure it and program it.

    What happens to the chip afterwards is in the `chip` that is returned, and only there.

    Parameters
    ----------
    design : Design
        The cell.
    weights : array_like, (outputs, inputs)
        An exact zero is a pruned weight.
    seed : int or numpy.random.SeedSequence
        Its first three children seed fabrication, measurement and solver, those from the
        fourth on the non-idealities (`nonidealities.Child`).
    measurement_error : float
        Relative standard deviation of the measurement.
    method : str
        Subset-sum method, see `solvers.solve_batch`.
    nonidealities : Nonidealities, optional
        What the chip suffers before it is measured and after it is programmed; default nothing.
    scaling : {"layer", "column", "tile"}
        What has a full scale of its own, see `scaled_siemens_per_weight`.
    wires : Wires, optional
        Wires that the program is to make up for, see `compensate`, which scales the targets so
        that all can be met; default as if there were none.
    tile : Tile, optional
        For both of these; default 32 x 32 lines.
    inputs : array_like, (points, inputs), optional
        Such as the chip will be given: with `wires`, what products with them need counts, see
        `compensate`. In the order of the weights' inputs, as placed (`placement.place`).
    executor : concurrent.futures.Executor, optional
        Where tiles are compensated.
    progress : callable, optional
        Called with the tiles that are compensated and with all of them.

    Raises
    ------
    InputError
        For bad weights or options.
    """
    _check_inputs_have_wires(inputs, wires)
    suffered = nonidealities or Nonidealities()
    seed = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    per_weight = scaled_siemens_per_weight(design, weights, scaling, tile)
    target = (checked_weights(weights) * per_weight).T
    making, measuring, solving = (_child(seed, number) for number in range(3))
    chip = fabricate(design, rows=target.shape[0], columns=target.shape[1], seed=making)
    chip = as_made(chip, suffered, seed)
    made = _programmed(
        measure(chip, error=measurement_error, seed=measuring),
        chip,
        target,
        per_weight,
        method=method,
        seed=int(solving.generate_state(1)[0]),
        by_column=scaling == "column",
        wires=wires,
        tile=tile,
        inputs=inputs,
        executor=executor,
        progress=progress,
    )
    return replace(made, chip=as_used(chip, suffered, seed))


def _programmed(
    measurement: Measurement,
    chip: Chip,
    target: NDArray[np.float64],
    per_weight: SiemensPerWeight,
    *,
    method: str,
    seed: int,
    by_column: bool,
    wires: Wires | None,
    tile: Tile | None,
    inputs: ArrayLike | None,
    executor: Executor | None,
    progress: Callable[[int, int], None] | None,
) -> ProgrammedChip:
    """Program a chip by its measurement, for wires or as if there were none."""
    if wires is None:
        found = program(measurement, target, method=method, seed=seed)
        return ProgrammedChip(chip, measurement, found, per_weight)
    scale: Literal["fit", "fit columns"] = "fit columns" if by_column else "fit"
    how = compensate(
        measurement,
        target,
        wires,
        tile=tile,
        scale=scale,
        inputs=inputs,
        common=COMMON if inputs is None else None,
        method=method,
        seed=seed,
        executor=executor,
        progress=progress,
    )
    per_weight = per_weight * how.weight_scale
    return ProgrammedChip(chip, measurement, how.program, per_weight, how, how.wanted)


def reprogram(
    made: ProgrammedChip,
    *,
    measurement_error: float = 1e-4,
    seed: Seed,
    method: str = "auto",
    wires: Wires | None = None,
    tile: Tile | None = None,
    inputs: ArrayLike | None = None,
    executor: Executor | None = None,
) -> ProgrammedChip:
    """Measure a chip again, as it is now, and program it again for the same weights.

    Parameters
    ----------
    made : ProgrammedChip
        What `produce` made, drifted, warmed, or with faults since it was programmed.
    measurement_error : float
        Of the new measurement.
    seed : int or numpy.random.SeedSequence
        Of the new measurement and the solver; that of the chip will do, other children of it
        are used (`nonidealities.Child`).
    method : str
        Subset-sum method, see `solvers.solve_batch`.
    wires, tile, inputs, executor
        As for `produce`; a chip whose switches were chosen for its wires needs these again.

    Raises
    ------
    InputError
        For anything but a `ProgrammedChip`, or a real chip, of which no more is known than its
        first measurement; for a chip that was programmed for wires, without any.
    """
    if not isinstance(made, ProgrammedChip):
        raise InputError(f"made = {made!r:.40}: give a ProgrammedChip, such as crossbar.produce's")
    if isinstance(made.chip, MeasuredChip):
        raise InputError(
            f"chip = {made.chip.source or 'a real chip'}: nothing is known of it besides its "
            "measurement; measure it again and use program_real"
        )
    _check_inputs_have_wires(inputs, wires)
    if made.matrix_siemens is not None and wires is None:
        raise InputError(
            "wires = None: the switches of this chip were chosen for its wires; give them, and the "
            "tile and the inputs that it was programmed with"
        )
    root = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    target, per_weight, how = made.wanted_siemens, made.siemens_per_weight, made.compensation
    if how is not None:
        target, per_weight = how.plain.target_siemens, per_weight / how.weight_scale
    return _programmed(
        measure(made.chip, error=measurement_error, seed=_child(root, Child.MEASURED_AGAIN)),
        made.chip,
        target,
        per_weight,
        method=method,
        seed=int(_child(root, Child.SOLVED_AGAIN).generate_state(1)[0]),
        by_column=how is not None and not isinstance(how.scale, float),
        wires=wires,
        tile=tile,
        inputs=inputs,
        executor=executor,
        progress=None,
    )


def _check_inputs_have_wires(inputs: object, wires: Wires | None) -> None:
    if inputs is not None and wires is None:
        raise InputError(
            "inputs without wires: switches are chosen for inputs only together with wires; give "
            "wires, or drop inputs"
        )


def check_programming(
    wire_aware: object,
    scaling: object,
    simulator: str,
    designs: Iterable[Design],
    nonidealities: Nonidealities | None = None,
) -> None:
    """Raise an InputError for ways to program that designs, simulator or noise do not take."""
    check_scaling(scaling)
    if scaling == "tile" and nonidealities is not None and nonidealities.noisy:
        raise InputError(
            "scaling = 'tile': the noise of a read is that of whole columns; use 'column' or "
            "'layer', or drop noise_bandwidth_hertz and flicker_relative"
        )
    if not isinstance(wire_aware, bool):
        raise InputError(f"wire_aware = {wire_aware!r}: give True or False")
    if not wire_aware:
        return
    if simulator == "ideal":
        raise InputError(
            "wire_aware = True: the simulator 'ideal' neglects the wires; use 'nodal' or 'ngspice'"
        )
    for design in designs:
        check_wire_aware(design)


def program_real(
    measurement: Measurement,
    weights: ArrayLike,
    *,
    method: str = "auto",
    seed: int = 0,
    source: str = "",
    scaling: Scaling = "layer",
    wires: Wires | None = None,
    tile: Tile | None = None,
    inputs: ArrayLike | None = None,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
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
    scaling, wires, tile, inputs, executor, progress
        As for `produce`.

    Raises
    ------
    InputError
        For bad weights or options, or weights of another size than the array.
    """
    _check_inputs_have_wires(inputs, wires)
    matrix = checked_weights(weights)
    rows, columns = measurement.rows, measurement.columns
    if matrix.shape != (columns, rows):
        raise InputError(
            f"weights have shape {matrix.shape}: the chip has {rows} rows and {columns} columns; "
            f"give ({columns}, {rows}), outputs by inputs, with zeros for what is not used"
        )
    chip = as_measured(measurement, source)
    per_weight = scaled_siemens_per_weight(measurement.design, matrix, scaling, tile)
    return _programmed(
        measurement,
        chip,
        (matrix * per_weight).T,
        per_weight,
        method=method,
        seed=seed,
        by_column=scaling == "column",
        wires=wires,
        tile=tile,
        inputs=inputs,
        executor=executor,
        progress=progress,
    )


def _child(seed: np.random.SeedSequence, number: int) -> np.random.SeedSequence:
    """The child that a fresh `seed` would spawn, whatever it has spawned before."""
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, number))

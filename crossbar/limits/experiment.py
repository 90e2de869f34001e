"""One row: a layer on one chip that suffers one case, its products beside the exact ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from crossbar.limits.cases import IDEAL_WIRES, Case
from crossbar.limits.study import LimitsStudy
from crossbar.metrics import effective_bits
from crossbar.nonidealities import Ranges, Reading
from crossbar.production import ProgrammedChip, produce
from crossbar.simulation import Tile, transfer
from crossbar.tables import WholeRow

Floats = NDArray[np.float64]
_DATA = 2**32 - 1
"""Chip number whose seed draws weights and inputs: no chip has it."""


@dataclass(frozen=True)
class LimitRow(WholeRow):
    """One line of ``results.csv``.

    Parameters
    ----------
    case : str
        What is on; see `cases.cases`.
    resistors_per_weight, chip : int
        Branches in a cell; which chip.
    effective_bits : float
        Of the layer's products, behind one gain (`metrics.effective_bits`).
    effective_bits_without_gain : float
        The same with the gain that the design promises, 1.
    gain : float
        That the products are multiplied by, fitted on other inputs.
    weight_effective_bits : float
        Of the cells on the chip as it is used, wires and readout not included.
    unreachable_weights : int
        Cells whose measured branches cannot reach their target.
    """

    case: str
    resistors_per_weight: int
    chip: int
    effective_bits: float
    effective_bits_without_gain: float
    gain: float
    weight_effective_bits: float
    unreachable_weights: int

    @property
    def key(self) -> tuple[str, int, int]:
        """What names the row's task."""
        return self.case, self.resistors_per_weight, self.chip


@dataclass(frozen=True)
class Data:
    """The layer and its inputs, the same for all chips.

    Parameters
    ----------
    weights : ndarray, (size, size)
        Uniform from -1 to 1.
    inputs, others : ndarray, (inputs, size)
        Uniform from 0 to 1: those that are compared, and those that ranges and gain come from.
    """

    weights: Floats
    inputs: Floats
    others: Floats

    @staticmethod
    def of(study: LimitsStudy) -> Data:
        """Drawn from the study's seed."""
        random = np.random.default_rng(np.random.SeedSequence(study.seed, spawn_key=(_DATA,)))
        weights = random.uniform(-1, 1, (study.size, study.size))
        inputs, others = random.uniform(0, 1, (2, study.inputs, study.size))
        return Data(weights, inputs, others)


def limit_row(study: LimitsStudy, data: Data, case: Case, count: int, chip: int) -> LimitRow:
    """Make, program and read one chip.

    All cases of a chip have the same resistors but for what the case does to them.
    """
    seed = np.random.SeedSequence(study.seed, spawn_key=(chip, 0))
    made = produce(
        replace(case.design, resistors=count),
        data.weights,
        seed,
        measurement_error=case.measurement_error,
        nonidealities=case.nonidealities,
        wires=case.wires if case.wire_aware else None,
        tile=_tile(study),
    )
    read = reading(study, data, case, made, seed)
    gain = fitted_gain(read(data.others), data.others @ data.weights.T)
    found, exact = read(data.inputs), data.inputs @ data.weights.T
    extent = float(np.ptp(exact))
    return LimitRow(
        case=case.name,
        resistors_per_weight=count,
        chip=chip,
        effective_bits=effective_bits(gain * found - exact, extent),
        effective_bits_without_gain=effective_bits(found - exact, extent),
        gain=gain,
        weight_effective_bits=effective_bits(made.cell_errors, 2),
        unreachable_weights=int((~made.program.reachable).sum()),
    )


def reading(
    study: LimitsStudy, data: Data, case: Case, made: ProgrammedChip, seed: np.random.SeedSequence
) -> Reading:
    """How the layer is read: its matrix with wires, noise and converters."""
    ideal = case.wires == IDEAL_WIRES
    answer = transfer(
        made.chip,
        made.program,
        case.wires,
        tile=_tile(study),
        simulator="ideal" if ideal else "nodal",
    )
    return Reading(
        matrix=answer.siemens / made.siemens_per_weight,
        chip=made.chip,
        enabled=made.program.enabled,
        siemens_per_weight=made.siemens_per_weight,
        read_volt=study.read_volt,
        ranges=Ranges.of(data.others, data.others @ data.weights.T),
        nonidealities=case.nonidealities,
        seed=seed,
    )


def _tile(study: LimitsStudy) -> Tile:
    """All of the layer."""
    return Tile(study.size, 2 * study.size)


def fitted_gain(found: Floats, exact: Floats) -> float:
    """The one factor that brings the products closest to the exact ones, by least squares."""
    return float((found * exact).sum() / ((found**2).sum() or 1.0))

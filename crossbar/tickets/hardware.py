"""A ticket on hardware: the random weights are the imprecise resistors themselves.

A chip is fabricated whose cells hold n resistors that are random, half of them on each line of
their column, so that an input meets n random weights of either sign. Then resistors are pruned
(switched off) by a random subset sum for each target weight, and the chip that is left is the
network. Nothing else is chosen: no resistor is made or trimmed for a weight, only which of those
that are there stay. In software the proofs need two random layers for one, since a pair of
neurons has one connection; in parallel lie as many resistors as one likes, so here the sums are
of plain random numbers, as in `plain.plain_sums`.

**And `crossbar.program`?** It does the same: it measures, solves one subset sum for each cell, and
closes these switches; for the same measurement and targets both close the same ones. What differs
is what is known before. `program` starts from a design: a ladder of nominal values, and weights
scaled to a full scale that is promised for all chips; the tolerance is an error, to be made good
by measuring. Here no nominal value is used. All resistors of a chip are made alike, so that with
perfect ones there would be next to nothing to choose from; the tolerance is the randomness that
the sums live on. The one number that stands for all weights of a layer, siemens for a weight of
one, comes from the measured values too (`siemens_per_weight_reached`): it fits the chip at hand.

The proofs ask for n in the order of log(1/eps) random weights for each target weight (A. Pensia
et al., "Optimal lottery tickets via subset sum", NeurIPS 2020, arXiv 2006.07990).
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.calibration import Measurement, measure
from crossbar.design import Design
from crossbar.errors import InputError
from crossbar.fabrication import fabricate
from crossbar.production import ProgrammedChip
from crossbar.programming import Program, checked_weights
from crossbar.simulation import SimulatorName, Tile, transfer
from crossbar.tickets.checks import check_paired, check_run
from crossbar.tickets.choices import subset_sum
from crossbar.tickets.neurons import check_counts, check_seed
from spice_models import Wires

Floats = NDArray[np.float64]

SIMULATORS: tuple[SimulatorName, ...] = ("ideal", "nodal", "ngspice")
USABLE = 0.5
"""Share of the reach of a cell that targets take: sums are dense only in the middle."""


def random_resistors(tolerance: float, lognormal: bool = False) -> Design:
    """Cells of equal nominal resistors whose values are as random as a tolerance makes them.

    Parameters
    ----------
    tolerance : float
        Half-width of the uniform distribution, relative; or sigma of the logarithm.
    lognormal : bool
        Which of the two.
    """
    return Design(
        ladder="identical",
        tolerance=tolerance,
        distribution="lognormal" if lognormal else "uniform",
        full_scale_siemens=1e-6,
    )


RESISTORS: Mapping[str, Design] = MappingProxyType(
    {
        "perfect": random_resistors(0.0),
        "uniform 20 %": random_resistors(0.2),
        "lognormal 50 %": random_resistors(0.5, lognormal=True),
    }
)
"""Kinds of resistors that are compared; of the perfect ones nothing is random."""


@dataclass(frozen=True, kw_only=True)
class HardwareRow:
    """One line: a network on one pruned chip, by one simulator.

    Parameters
    ----------
    kind : str
        The resistors, a key of `RESISTORS` or of the designs that were given.
    resistors_per_weight, chip : int
        Random resistors for each weight; which chip.
    simulator : str
        ``ideal`` without wires, ``nodal`` and ``ngspice`` with them.
    weights, kept_weights : int
        Of the target; those that are not zero.
    resistors, closed_resistors : int
        Fabricated; left after pruning.
    unreachable_weights : int
        Weights beyond all resistors of their cell.
    weight_error : float
        Largest error of a weight, wires included, relative to the largest weight of its layer.
    logit_error_percent : float
        Rms error of the logits over their range [%].
    flips : int
        Test images whose label is not that of the target network.
    target_percent, percent : float
        Test accuracy of the target and of the chip [%].
    simulator_mismatch : float
        See `crossbar.Transfer`.
    """

    kind: str
    resistors_per_weight: int
    chip: int
    simulator: str
    weights: int
    kept_weights: int
    resistors: int
    closed_resistors: int
    unreachable_weights: int
    weight_error: float
    logit_error_percent: float
    flips: int
    target_percent: float
    percent: float
    simulator_mismatch: float

    @property
    def key(self) -> tuple[str, int, int]:
        """What names the task: a chip is run by all simulators."""
        return self.kind, self.resistors_per_weight, self.chip

    @property
    def layer(self) -> str:
        """The simulator."""
        return self.simulator


def siemens_per_weight_reached(measurement: Measurement, weights: ArrayLike) -> float:
    """Conductance for a weight of one that all measured cells reach, with as much to spare [S].

    Half (`USABLE`) of the smallest, over all weights that are not zero, of what the resistors of
    that sign in its cell add up to, divided by the weight's magnitude.

    Parameters
    ----------
    measurement : Measurement
        Of the chip.
    weights : array_like, (outputs, inputs)
        As many as the chip has columns and rows.

    Raises
    ------
    InputError
        For weights of another shape, not finite or all zero, or a cell without a resistor of its
        weight's sign that conducts.
    """
    matrix = _fitting(measurement, weights)
    signs, kept = measurement.design.signs, matrix != 0
    lines = {sign: measurement.on_siemens[..., signs == sign].sum(axis=2) for sign in (1, -1)}
    reach = np.where(matrix > 0, lines[1], lines[-1])
    per_weight = float(USABLE * np.min(reach[kept] / np.abs(matrix[kept])))
    if not per_weight > 0:
        raise InputError("on_siemens: a cell has no resistor for its weight; prune the weight")
    return per_weight


def prune_resistors(
    measurement: Measurement, weights: ArrayLike, siemens_per_weight: float
) -> Program:
    """Choose which resistors of a measured chip stay, so that it multiplies by some weights.

    Parameters
    ----------
    measurement : Measurement
        All that is known about the chip; its nominal values are not used.
    weights : array_like, (outputs, inputs)
        The target; where it is exactly zero no resistor stays.
    siemens_per_weight : float
        Conductance for a weight of one [S].

    Raises
    ------
    InputError
        For weights of another shape than the chip, or not finite.
    """
    target = _fitting(measurement, weights) * siemens_per_weight
    cells = target != 0
    on, off = measurement.on_siemens[cells], measurement.off_siemens[cells]
    signs = measurement.design.signs.astype(float)
    values, wanted = (on - off) * signs, target[cells] - off @ signs
    enabled = np.zeros(measurement.on_siemens.shape, np.bool_)
    enabled[cells] = subset_sum(values, wanted) & (on > 0)
    reachable = np.ones(target.shape, np.bool_)
    low, high = np.minimum(values, 0).sum(axis=1), np.maximum(values, 0).sum(axis=1)
    reachable[cells] = (low <= wanted) & (wanted <= high)
    return Program(enabled, target, reachable)


def hardware_ticket(
    weights: Sequence[ArrayLike],
    design: Design,
    *,
    chip: int = 0,
    seed: int = 0,
    measurement_error: float = 1e-4,
) -> list[ProgrammedChip]:
    """Fabricate random resistors for each layer of a network and prune them to it.

    Parameters
    ----------
    weights : sequence of array_like, (outputs, inputs)
        The target's layers; of each only the shape is known when its resistors are drawn.
    design : Design
        Of the cells, for example from `random_resistors`.
    chip, seed : int
        Layer k draws from ``SeedSequence(seed, spawn_key=(chip, k))``, whose first two children
        are fabrication and measurement.
    measurement_error : float
        See `crossbar.measure`.

    Raises
    ------
    InputError
        For weights that no chip can hold, or a bad argument.
    """
    made = []
    for number, layer in enumerate(weights):
        matrix = checked_weights(layer)
        making, measuring = (
            np.random.SeedSequence(seed, spawn_key=(chip, number, child)) for child in range(2)
        )
        fabricated = fabricate(design, matrix.shape[1], matrix.shape[0], making)
        measurement = measure(fabricated, error=measurement_error, seed=measuring)
        per_weight = siemens_per_weight_reached(measurement, matrix)
        program = prune_resistors(measurement, matrix, per_weight)
        made.append(ProgrammedChip(fabricated, measurement, program, per_weight))
    return made


def matrices(
    made: Sequence[ProgrammedChip],
    simulator: SimulatorName,
    wires: Wires | None = None,
    tile: Tile | None = None,
) -> tuple[list[Floats], float]:
    """What the pruned chips multiply by, (outputs, inputs) of each, and the largest mismatch."""
    answers = [
        transfer(one.chip, one.program, wires or Wires(), tile=tile, simulator=simulator)
        for one in made
    ]
    found = [
        answer.siemens / one.siemens_per_weight for answer, one in zip(answers, made, strict=True)
    ]
    return found, max(answer.mismatch for answer in answers)


def logits(weights: Sequence[Floats], images: Floats) -> Floats:
    """Outputs (images, outputs) of matrices with a digital ReLU between them."""
    values = images
    for number, matrix in enumerate(weights):
        values = (np.maximum(values, 0) if number else values) @ matrix.T
    return values


def hardware_rows(
    weights: Sequence[ArrayLike],
    images: ArrayLike,
    labels: NDArray[np.int64],
    *,
    designs: Mapping[str, Design] = RESISTORS,
    resistors: Sequence[int] = (2, 4, 6, 8, 10, 12, 16),
    chips: int = 3,
    seed: int = 0,
    wires: Wires | None = None,
    tile: Tile | None = None,
    skip: Collection[tuple[Hashable, ...]] = (),
) -> Iterator[HardwareRow]:
    """Prune chips of each kind and number of resistors to a network, and run its test images.

    Parameters
    ----------
    weights : sequence of array_like, (outputs, inputs)
        The target, without biases, ReLU between the layers.
    images, labels : array_like (images, inputs), ndarray (images,)
        Test part.
    designs : mapping of str to Design
        Kinds of resistors; ``resistors`` replaces their numbers.
    resistors : sequence of int
        Random resistors for each weight.
    chips, seed : int
        Chips of each; see `hardware_ticket`.
    wires, tile : Wires, Tile, optional
        Of the circuits.
    skip : collection of keys
        Chips that are left out, and not computed.

    Yields
    ------
    HardwareRow
        For each chip one of each of `SIMULATORS`.

    Raises
    ------
    InputError
        As `hardware_ticket`; for layers that do not fit each other or the images, labels that are
        not one whole number for each image, a number of chips or resistors below 1, or a negative
        seed. Before the first chip is made.
    """
    target = [checked_weights(layer) for layer in weights]
    pixels = np.asarray(images, np.float64)
    check_run(target, pixels, labels)
    check_counts("resistors", resistors)
    check_counts("chips", [chips])
    check_seed(seed)
    for kind, design in designs.items():
        for count in resistors:
            cell = replace(design, resistors=count)
            for chip in range(chips):
                if (kind, count, chip) in skip:
                    continue
                made = hardware_ticket(target, cell, chip=chip, seed=seed)
                for simulator in SIMULATORS:
                    found = matrices(made, simulator, wires, tile)
                    yield _row((kind, count, chip), simulator, made, target, found, pixels, labels)


def _row(
    key: tuple[str, int, int],
    simulator: str,
    made: Sequence[ProgrammedChip],
    target: Sequence[Floats],
    found: tuple[list[Floats], float],
    images: Floats,
    labels: NDArray[np.int64],
) -> HardwareRow:
    kind, count, chip = key
    products, mismatch = found
    wanted, answers = logits(target, images), logits(products, images)
    errors = [
        np.abs(product - layer).max() / np.abs(layer).max()
        for product, layer in zip(products, target, strict=True)
    ]
    rms = float(np.sqrt(np.mean(np.square(answers - wanted))))
    classes, target_classes = answers.argmax(axis=1), wanted.argmax(axis=1)
    return HardwareRow(
        kind=kind,
        resistors_per_weight=count,
        chip=chip,
        simulator=simulator,
        weights=sum(layer.size for layer in target),
        kept_weights=sum(int(np.count_nonzero(layer)) for layer in target),
        resistors=sum(one.chip.true_ohm.size for one in made),
        closed_resistors=sum(int(one.program.enabled.sum()) for one in made),
        unreachable_weights=sum(int((~one.program.reachable).sum()) for one in made),
        weight_error=float(max(errors)),
        logit_error_percent=100 * rms / float(np.ptp(wanted)),
        flips=int((classes != target_classes).sum()),
        target_percent=100 * float((target_classes == labels).mean()),
        percent=100 * float((classes == labels).mean()),
        simulator_mismatch=mismatch,
    )


def _fitting(measurement: Measurement, weights: ArrayLike) -> Floats:
    """Weights as the cells stand, (rows, columns)."""
    matrix = checked_weights(weights).T
    check_paired(measurement.design)
    if matrix.shape != measurement.on_siemens.shape[:2]:
        raise InputError(
            f"weights have shape {matrix.T.shape}: the chip has "
            f"{measurement.on_siemens.shape[1]} columns and {measurement.on_siemens.shape[0]} "
            "rows; give (columns, rows)"
        )
    return np.asarray(matrix)

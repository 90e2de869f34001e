"""Cells fabricated and judged by their worst target, until the yield is decided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import solvers
from crossbar.branches import closed_siemens, off_siemens
from crossbar.design import Design
from crossbar.designing.specification import Specification
from crossbar.fabrication import Seed, fabricate

Floats = NDArray[np.float64]

FIRST_BATCH, SUMS_A_BATCH = 256, 1 << 26
"""Cells of the first batch, and sums of the largest: a batch takes a second at most."""


def worst_errors(
    design: Design,
    cells: int,
    seed: Seed,
    *,
    measurement_error: float = 0.0,
    stuck: float = 0.0,
    workers: int = 1,
) -> Floats:
    """Fabricate cells and find the largest error of each over every target in range.

    Parameters
    ----------
    design : Design
        The cell. The targets are all between minus and plus its full scale.
    cells : int
        How many.
    seed : int or numpy.random.SeedSequence
        Its children seed fabrication, measurement and faults.
    measurement_error : float
        Relative, one standard deviation; the switches are chosen by measured values. Where a
        design chooses by nominal ones, nothing is measured.
    stuck : float
        Share of branches that are stuck, half open and half closed, known.
    workers : int
        Threads; the answers do not depend on it.

    Returns
    -------
    ndarray, (cells,)
        Relative to full scale. The targets of an offset cell lie around the conductance that its
        reference is measured to have; what that misses of the true one is part of the error.

    Raises
    ------
    solvers.InvalidInput
        For cells with too many sums, see `solvers.covering_radius`.
    """
    root = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    making, measuring, breaking, referring = (
        np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, k)) for k in range(4)
    )
    true_ohm = fabricate(design, rows=cells, columns=1, seed=making).true_ohm[:, 0]
    on = closed_siemens(design, true_ohm)
    stay = _stuck(design, on.shape, stuck, breaking)
    if design.programmed_by == "nominal":
        return _nominal_errors(design, on, stay, referring, workers)
    noise = np.random.default_rng(measuring).standard_normal(on.shape)
    seen = on * (1 + measurement_error * noise)
    true, fixed = cell_values(design, on, stay)
    believed, fixed_seen = cell_values(design, seen, stay)
    low = design.reference_siemens - fixed_seen
    full_scale = design.full_scale_siemens
    true, low, high = true / full_scale, low / full_scale - 1, low / full_scale + 1
    if not measurement_error:
        found = solvers.covering_radius(true, low, high, workers, coefficients=design.coefficients)
        return found.radius
    bias = fixed - fixed_seen
    if design.has_reference:
        bias = bias - _reference_errors(design, cells, referring, measurement_error)
    return solvers.misjudged_radius(
        true,
        believed / full_scale,
        low,
        high,
        workers,
        coefficients=design.coefficients,
        bias=bias / full_scale,
    )


def _reference_errors(
    design: Design, cells: int, seed: np.random.SeedSequence, error: float
) -> Floats:
    """What reference cells truly conduct less what they are believed to, (cells,) [S]."""
    making, measuring = seed.spawn(2)
    ohm = fabricate(design, rows=cells, columns=1, seed=making).true_ohm[:, 0]
    on = closed_siemens(design, ohm)
    seen = on * (1 + error * np.random.default_rng(measuring).standard_normal(on.shape))
    if design.programmed_by == "nominal":
        seen = np.broadcast_to(design.nominal_siemens, on.shape)
    chosen = solvers.solve_batch(seen, np.full(cells, design.reference_siemens)).mask
    return np.asarray(np.where(chosen, on - seen, 0).sum(axis=1))


def cell_values(design: Design, on: Floats, stay: Floats | None = None) -> tuple[Floats, Floats]:
    """What each branch adds for each step of its coefficient [S], and what a cell has for good.

    A branch that is closed adds what it conducts less what its open switch leaks: the same one
    when it is open, or that of the other line.

    Parameters
    ----------
    design : Design
        The cell.
    on : ndarray, (cells, branches)
        What each branch conducts when it is closed [S].
    stay : ndarray, (cells, branches), optional
        Coefficients of branches that are stuck; NaN where a branch is none.

    Returns
    -------
    values : ndarray, (cells, branches)
    fixed : ndarray, (cells,)
    """
    if stay is None:
        stay = np.full(on.shape, np.nan)
    off = off_siemens(design, on)
    values = (on - off) * design.signs
    steady = 0.0 if design.takes_either_line else off @ design.signs.astype(float)
    fixed = np.where(np.isnan(stay), 0, stay * values).sum(axis=1)
    return np.where(np.isnan(stay), values, 0), np.asarray(steady + fixed)


def _stuck(
    design: Design, shape: tuple[int, ...], share: float, seed: np.random.SeedSequence
) -> Floats:
    """Coefficients that stuck branches have for good; NaN where a branch is none."""
    stay = np.full(shape, np.nan)
    if not share:
        return stay
    draw = np.random.default_rng(seed).uniform(size=shape)
    stay[draw < share] = min(design.coefficients)  # open, or a change-over switch on one line
    stay[draw < share / 2] = 1.0
    if design.coefficients == (-1, 0, 1):
        stay[draw < share] = 0.0
        stay[draw < share / 2] = -1.0
        stay[draw < share / 4] = 1.0
    return stay


def _nominal_errors(
    design: Design, on: Floats, stay: Floats, referring: np.random.SeedSequence, workers: int
) -> Floats:
    """Chosen by the nominal values; of two lines only that of the target's sign carries any."""
    full_scale = design.full_scale_siemens
    true, fixed = cell_values(design, on, stay)
    believed, fixed_seen = cell_values(
        design, np.broadcast_to(design.nominal_siemens, on.shape), stay
    )
    bias = fixed - fixed_seen
    if design.has_reference:
        bias = bias - _reference_errors(design, len(on), referring, 0.0)

    def errors(factor: float, branches: NDArray[np.bool_], low: float, high: float) -> Floats:
        """Those branches, multiplied by what the factor and the coefficients allow."""
        middle = design.reference_siemens - fixed_seen
        return solvers.misjudged_radius(
            factor * true[:, branches] / full_scale,
            factor * believed[:, branches] / full_scale,
            middle / full_scale + low,
            middle / full_scale + high,
            workers,
            coefficients=(-1, 1) if design.polarity == "flip" else (0, 1),
            bias=bias / full_scale,
        )

    every = np.full(design.resistors, True)
    if design.polarity in ("offset", "flip"):
        return errors(1, every, -1, 1)
    if design.polarity == "steered":
        return np.maximum(errors(1, every, 0, 1), errors(-1, every, -1, 0))
    return np.maximum(errors(1, design.signs > 0, 0, 1), errors(1, design.signs < 0, -1, 0))


@dataclass(frozen=True)
class Trial:
    """Cells that were simulated, and what they say about the yield.

    Parameters
    ----------
    met : bool
        Whether the test of the yield was passed.
    cells, failures : int
        Cells simulated, and those that miss the bits somewhere.
    worst_bits, one_percent_bits, median_bits : float
        Of the cells' worst targets: the lowest, the 1 % quantile and the median.
    """

    met: bool
    cells: int
    failures: int
    worst_bits: float
    one_percent_bits: float
    median_bits: float


def try_cells(
    specification: Specification, design: Design, *, whole: bool = False, workers: int = 1
) -> Trial:
    """Simulate cells of a design until its yield is decided.

    Parameters
    ----------
    specification : Specification
        What is asked.
    design : Design
        The cell. Designs of as many resistors meet the same draws.
    whole : bool
        Go on to the last cell of the test though it is decided.
    workers : int
        Threads.
    """
    test, errors = specification.test, np.empty(0)
    if alike(specification, design):
        return _trial(specification, worst_errors(design, 1, specification.seed), alone=True)
    sums = len(design.coefficients) ** design.resistors
    batch = 0
    while errors.size < test.cells:
        if not whole and test.decided(errors > specification.largest_error) is not None:
            break
        cells = min(FIRST_BATCH << batch, max(SUMS_A_BATCH // sums, 16), test.cells - errors.size)
        seed = np.random.SeedSequence(specification.seed, spawn_key=(design.resistors, batch))
        found = worst_errors(
            design,
            cells,
            seed,
            measurement_error=specification.measurement_error,
            stuck=specification.stuck,
            workers=workers,
        )
        errors, batch = np.concatenate((errors, found)), batch + 1
    return _trial(specification, errors)


def alike(specification: Specification, design: Design) -> bool:
    """Whether all cells of a design are one and the same: nothing about them is random."""
    s = specification
    return design.tolerance == 0 and not s.measurement_error and not s.stuck


def _trial(specification: Specification, errors: Floats, alone: bool = False) -> Trial:
    failed = errors > specification.largest_error
    with np.errstate(divide="ignore"):
        bits = -np.log2(errors)
    one_percent, median = np.quantile(bits, (0.01, 0.5), method="lower").tolist()
    return Trial(
        met=not failed.any() if alone else specification.test.decided(failed) is True,
        cells=errors.size,
        failures=int(failed.sum()),
        worst_bits=float(bits.min()),
        one_percent_bits=one_percent,
        median_bits=median,
    )

"""A chip as it is made, and as it is when it is used: each is a new `Chip`."""

from __future__ import annotations

from dataclasses import replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from crossbar.errors import InputError
from crossbar.fabrication import Chip, Switches
from crossbar.nonidealities.fields import plane, smooth_field
from crossbar.nonidealities.settings import Nonidealities


class Child(IntEnum):
    """Which child of a layer's seed draws what; 0 to 2 are fabrication, measurement, solver."""

    PLANE = 3
    FIELD = 4
    FAULTS = 5
    TEMPERATURE = 6
    DRIFT = 7
    NOISE = 8
    MEASURED_AGAIN = 9
    SOLVED_AGAIN = 10


def generator(seed: np.random.SeedSequence, child: Child) -> np.random.Generator:
    """The generator of one non-ideality, so that none moves the draws of another."""
    key = (*seed.spawn_key, int(child))
    return np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=key))


def as_made(chip: Chip, nonidealities: Nonidealities, seed: np.random.SeedSequence) -> Chip:
    """The chip that the tester gets: with gradients, and with the faults that it can find.

    Parameters
    ----------
    chip : Chip
        As fabricated, every branch independent.
    seed : numpy.random.SeedSequence
        The layer's, see `Child`.
    """
    n = nonidealities
    rows, columns, _ = chip.true_ohm.shape
    if n.gradient_relative or n.gradient_field_relative:
        factor = 1 + n.gradient_relative * plane(rows, columns, generator(seed, Child.PLANE))
        if n.gradient_field_relative:
            random = generator(seed, Child.FIELD)
            field = smooth_field(rows, columns, n.gradient_correlation_cells, random)
            factor = factor * np.exp(n.gradient_field_relative * field)
        chip = replace(chip, true_ohm=chip.true_ohm * factor[:, :, None])
    return with_faults(chip, n, seed, known_only=True)


def as_used(chip: Chip, nonidealities: Nonidealities, seed: np.random.SeedSequence) -> Chip:
    """The same chip when it is read: drifted, warm, and with faults that nobody has found.

    Programming never sees this chip, unless it is measured again (`production.reprogram`).

    Raises
    ------
    InputError
        When the temperature leaves a branch no resistance.
    """
    n = nonidealities
    if n.drift_seconds:
        chip = replace(chip, true_ohm=chip.true_ohm * drift_factor(chip, n, seed))
    if n.temperature_rise_kelvin:
        chip = replace(chip, true_ohm=chip.true_ohm * temperature_factor(chip, n, seed))
    return with_faults(chip, n, seed) if n.stuck_unknown_share else chip


def with_faults(
    chip: Chip,
    nonidealities: Nonidealities,
    seed: np.random.SeedSequence,
    known_only: bool = False,
) -> Chip:
    """The chip with branches stuck open, which lose their resistor, and stuck closed.

    The same branches every time; those that get stuck late are left out with `known_only`.
    """
    n = nonidealities
    if not n.stuck_open_probability and not n.stuck_closed_probability:
        return chip
    random = generator(seed, Child.FAULTS)
    drawn, late = random.random(chip.true_ohm.shape), random.random(chip.true_ohm.shape)
    there = late >= n.stuck_unknown_share if known_only else np.ones(late.shape, dtype=bool)
    is_open = there & (drawn < n.stuck_open_probability)
    closed = there & (drawn >= 1 - n.stuck_closed_probability)
    stuck: Switches = closed
    if chip.design.takes_either_line:
        lines = np.where(random.random(closed.shape) < 0.5, -1, 1)
        stuck = np.where(closed, lines, 0).astype(np.int8)
    if chip.stuck_closed is not None:
        stuck = np.where(chip.stuck_closed, chip.stuck_closed, stuck)
    return replace(chip, true_ohm=np.where(is_open, np.inf, chip.true_ohm), stuck_closed=stuck)


def drift_factor(
    chip: Chip, nonidealities: Nonidealities, seed: np.random.SeedSequence
) -> NDArray[np.float64]:
    """Factor (t / t0)^nu of each resistance, t counted from the same moment as t0."""
    n = nonidealities
    spread = generator(seed, Child.DRIFT).standard_normal(chip.true_ohm.shape)
    exponent = n.drift_exponent + n.drift_exponent_sigma * spread
    return np.asarray((1 + n.drift_seconds / n.drift_start_seconds) ** exponent)


def temperature_factor(
    chip: Chip, nonidealities: Nonidealities, seed: np.random.SeedSequence
) -> NDArray[np.float64]:
    """Factor 1 + alpha dT of each resistance, alpha the branch's own coefficient."""
    n = nonidealities
    spread = generator(seed, Child.TEMPERATURE).standard_normal(chip.true_ohm.shape)
    ppm = (
        n.temperature_coefficient_ppm_per_kelvin
        + n.temperature_coefficient_sigma_ppm_per_kelvin * spread
    )
    factor = 1 + 1e-6 * ppm * n.temperature_rise_kelvin
    if not (factor > 0).all():
        raise InputError(
            f"temperature_rise_kelvin = {n.temperature_rise_kelvin}: with these coefficients a "
            "branch has no resistance left; give a smaller rise or smaller coefficients"
        )
    return np.asarray(factor)

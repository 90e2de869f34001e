"""What the programmed arrays take by themselves: power, settling time, energy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spice_models import Array, Capacitances, nodal, step_response
from spice_models.transient import slowest_seconds

__all__ = ["ArrayCost", "Settling", "array_cost", "settling_constants"]

Settling = Literal["estimate", "transient"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ArrayCost:
    """One product on one array, the mean over inputs.

    Parameters
    ----------
    power_watt : float
        Static, from all word-line sources [W].
    settling_seconds : float
        Until every bit-line current is within the precision [s]; of the slowest input.
    static_joule : float
        The static power over that time [J].
    charging_joule : float
        Drawn to charge the lines [J].
    driver_joule, sense_joule : float
        What linear drivers turn into heat beside the array, and what the sense amplifiers take to
        sink the lines' currents [J].
    """

    power_watt: float
    settling_seconds: float
    static_joule: float
    charging_joule: float
    driver_joule: float
    sense_joule: float


def array_cost(
    array: Array,
    inputs_volt: Floats,
    capacitances: Capacitances,
    *,
    precision: float,
    supply_volt: float,
    settling: Settling = "estimate",
) -> ArrayCost:
    """Take one array's power, time and energy for some inputs.

    Voltages and currents are those of `nodal.operating_point`, exact and with wires.

    Parameters
    ----------
    array : Array
    inputs_volt : ndarray, shape (points, rows)
        Word-line voltages [V].
    capacitances : Capacitances
        Of a cell's nodes.
    precision : float
        Of the settled currents, relative to the largest.
    supply_volt : float
        Where drivers and sense amplifiers take the currents from [V].
    settling : {"estimate", "transient"}
        Settling time from the slowest time constant, see `settling_constants`, with the charge of
        the word lines; or both from ngspice, `spice_models.step_response`, for small arrays.

    Raises
    ------
    spice_models.CircuitError, spice_models.NgspiceError
        As the functions named.
    """
    points = [nodal.operating_point(array, volts) for volts in inputs_volt]
    power = [float(point.source_power.sum()) for point in points]
    farad = (capacitances.word_farad + capacitances.cell_farad) * array.lines  # a word line's
    if settling == "transient":
        steps = [
            step_response(array, volts, capacitances, precision=precision) for volts in inputs_volt
        ]
        seconds = max(float(step.settling_seconds.max()) for step in steps)
        energy = [step.energy_joule for step in steps]
        times = [float(step.settling_seconds.max()) for step in steps]
        static = [watt * time for watt, time in zip(power, times, strict=True)]
        charging = [max(all_ - own, 0.0) for all_, own in zip(energy, static, strict=True)]
    else:
        seconds = slowest_seconds(array, capacitances) * settling_constants(precision)
        static = [watt * seconds for watt in power]
        charging = [farad * float((volts**2).sum()) for volts in inputs_volt]
    drivers = [
        float(((np.abs(point.inputs) * seconds + farad * size) * (supply_volt - size)).sum())
        for point, size in zip(points, np.abs(inputs_volt), strict=True)
    ]
    senses = [float(np.abs(point.currents).sum()) * supply_volt * seconds for point in points]
    parts = (_mean(part) for part in (static, charging, drivers, senses))
    return ArrayCost(_mean(power), seconds, *parts)


def settling_constants(precision: float) -> float:
    """Slowest time constants until a step has settled, where word and bit lines charge in turn.

    The x with ``(1 + x) exp(-x) = precision``: the response of two equal poles, the slowest that
    two lines one after the other can have. On arrays that ngspice also solved it is 3 % below to
    40 % above the time found there.
    """
    x = math.log(1 / precision)
    for _ in range(50):
        x = math.log((1 + x) / precision)
    return x


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

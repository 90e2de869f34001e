"""All voltages, currents and powers of an array at given inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spice_models.array import Array
from spice_models.direct import check_currents
from spice_models.errors import CircuitError
from spice_models.network import TOO_FAR_APART, Network
from spice_models.topology import lifted

__all__ = ["OperatingPoint", "at"]

Floats = NDArray[np.float64]

_WORST = 1e-6
_ZERO = 1e-25


@dataclass(frozen=True, eq=False)
class OperatingPoint:
    """One input vector's voltages [V], currents [A] and powers [W]; 0 in parts that are cut off.

    Parameters
    ----------
    word, bit : ndarray, shape (rows, lines)
        Node voltages of the word lines and the bit lines [V].
    cells : ndarray, shape (rows, lines)
        Currents from word to bit line [A].
    branches : ndarray, shape (rows, lines, branches)
        The same of each branch [A].
    currents : ndarray, shape (lines,)
        Into the sense ground, both ends together [A].
    inputs : ndarray, shape (rows,)
        Out of the sources, both ends together [A].
    wires : dict of str to ndarray
        Current of each wire [A] by kind: "word" (rows, lines - 1), "bit" (rows - 1, lines),
        "driver", "far_driver" (rows,), "sense", "far_sense" (lines,); away from the input and
        towards the sense ground, along growing indices in the segments; NaN where nodes are
        merged, since how the current divides there has no answer.
    cell_power, switch_power : ndarray, shape (rows, lines, branches)
        Dissipated in the branch resistors and in their switches [W].
    wire_power : dict of str to ndarray
        Dissipated in the wires, by kind as in `wires` [W]; 0 where nodes are merged.
    source_power : ndarray, shape (rows,)
        Given by the sources [W].
    mismatch : float
        Power given less power dissipated, relative to the power given.
    """

    word: Floats
    bit: Floats
    cells: Floats
    branches: Floats
    currents: Floats
    inputs: Floats
    wires: dict[str, Floats]
    cell_power: Floats
    switch_power: Floats
    wire_power: dict[str, Floats]
    source_power: Floats
    mismatch: float

    @property
    def heat(self) -> dict[str, float]:
        """What is dissipated by all "cells", "switches", "wires", "drivers", "senses" [W]."""
        wire = {kind: float(power.sum()) for kind, power in self.wire_power.items()}
        return {
            "cells": float(self.cell_power.sum()),
            "switches": float(self.switch_power.sum()),
            "wires": wire["word"] + wire["bit"],
            "drivers": wire["driver"] + wire["far_driver"],
            "senses": wire["sense"] + wire["far_sense"],
        }

    @property
    def dissipated(self) -> float:
        """All that cells, switches and wires turn into heat [W]."""
        return sum(self.heat.values())


def at(array: Array, inputs: Floats) -> OperatingPoint:
    """Solve for one input vector (rows,) directly.

    Raises
    ------
    CircuitError
        If the resistances lie too far apart for a trustworthy answer: a current is wrong, or the
        powers do not balance to 1e-6.
    """
    network = Network(array)
    plan = network.plan
    driven, _ = array.wires.connected(array.rows, array.lines)
    common = np.where(network.alive, lifted(plan, array.siemens, inputs), 0.0)
    driving = np.where(driven, inputs - common[plan.source], 0.0)
    if network.siemens.size:
        drops, edges = network.operating_point(driving)
    else:
        drops, edges = np.zeros(plan.unknowns), np.zeros(0)
    start = np.zeros(plan.nodes)
    start[plan.word] = np.where(network.alive[plan.word], driving[:, None], 0.0)
    start[plan.source] = driving
    start[plan.sense] = 0.0
    volts = start + common
    volts[: plan.unknowns] += drops
    word, bit = volts[plan.word], volts[plan.bit]
    cells = np.zeros((array.rows, array.lines))
    count = network.cells[0].size
    cells[network.cells] = edges[:count]
    conductance = np.where(array.siemens > 0, array.siemens, 1.0)
    branches = (cells / conductance)[:, :, None] / array.path_ohm
    resistor = np.where(np.isfinite(array.ohm), array.ohm, 0.0)
    switch = np.where(np.isfinite(array.path_ohm), array.path_ohm - resistor, 0.0)
    ohm = array.wires.each(array.rows, array.lines)
    wires = {kind: np.where(value == 0, np.nan, 0.0) for kind, value in ohm.items()}
    power = {kind: np.zeros(value.shape) for kind, value in ohm.items()}
    for part in plan.segments:
        current = edges[count : count + part.tail.size]
        count += part.tail.size
        where = tuple(part.index.T)
        wires[part.kind][where] = current
        power[part.kind][where] = part.ohm * current**2
    currents = np.asarray(network.inward @ edges)
    check_currents(array, driving, currents)
    given = np.asarray(-(network.outward @ edges))
    point = OperatingPoint(
        word,
        bit,
        cells,
        branches,
        currents,
        given,
        wires,
        resistor * branches**2,
        switch * branches**2,
        power,
        inputs * given,
        0.0,
    )
    total = float(point.source_power.sum())
    off = abs(total - point.dissipated)
    negligible = _ZERO * float(array.siemens.max() * np.square(inputs).max())
    if not (off <= _WORST * float(np.abs(point.source_power).sum()) or off <= negligible):
        raise CircuitError(TOO_FAR_APART)
    object.__setattr__(point, "mismatch", off / abs(total) if total else off)
    return point

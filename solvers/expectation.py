"""What the load of a cell comes to if its states are chosen for their net, and to draw little."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from solvers.settling import AT_REST, DOWN, UP, Choices

Floats = NDArray[np.float64]

_TURNS, _LONGEST = 40, 1.0
"""Steps of the multiplier, and the longest, in standard deviations of the net."""

_PRECISION = 1e-3
"""Step, in the same measure, that is the last one."""


@dataclass(frozen=True)
class Expectation:
    """Load of each cell over all states whose net is near to what is asked.

    Parameters
    ----------
    load, spread : ndarray, (rows, columns)
        Mean and standard deviation.
    nearest : ndarray, (rows, columns)
        How far the nearest of these states is from the net, rms; 0 where the net cannot change,
        and towards the ends and beyond.
    """

    load: Floats
    spread: Floats
    nearest: Floats


def expected_load(choices: Choices, net: Floats, lightness: float = 0.0) -> Expectation:
    """Load of the states that have a net, if no more is asked of them than to draw little.

    Branches are taken as independent, each state weighed by ``exp(multiplier x its net -
    lightness x its load)``, the multiplier such that the mean net is the one asked for: of all
    distributions with these means the one of largest entropy S, which that of the states tends to
    (Jaynes, Phys. Rev. 106, 620, 1957). So these are ``exp(S)`` states about, with nets of the
    standard deviation s; the nearest of as many normal ones is ``sqrt(pi) s exp(-S)`` off. The
    spread is of the load at a fixed net.

    Parameters
    ----------
    choices : Choices
    net : ndarray, (rows, columns)
        Beyond the ends of what a cell's states make, the load of the state at the end.
    lightness : float
        Of two states, how much more the one counts, by its logarithm, that draws a unit less.
    """
    values = np.stack([np.zeros(choices.up.shape), choices.up, choices.down])
    bits = np.array([AT_REST, UP, DOWN])[:, None, None, None]
    allowed = (choices.allowed & bits) != 0
    multiplier = np.zeros(net.shape)
    for _ in range(_TURNS):
        power = multiplier[..., None] * values[..., 0] - lightness * values[..., 1]
        power = np.where(allowed, power, -np.inf)
        weight = np.exp(power - power.max(axis=0))
        weight = (weight / weight.sum(axis=0))[..., None]
        mean = (weight * values).sum(axis=0)
        off = values - mean
        square, product, load = (
            (weight[..., 0] * off[..., i] * off[..., j]).sum(axis=(0, 3))
            for i, j in ((0, 0), (0, 1), (1, 1))
        )
        missing = net - choices.base[..., 0] - mean[..., 0].sum(axis=2)
        once = np.zeros(net.shape)  # one over the net's standard deviation, 0 where it has none
        np.divide(1, np.sqrt(square), out=once, where=square > 0)
        step = np.clip(missing * once, -_LONGEST, _LONGEST)
        if (np.abs(step) <= _PRECISION).all():
            break
        multiplier += step * once
    explained = np.divide(product**2, square, out=np.zeros(net.shape), where=square > 0)
    total = choices.base[..., 1] + mean[..., 1].sum(axis=2)
    entropy = special.entr(weight[..., 0]).sum(axis=(0, 3))
    nearest = np.sqrt(np.pi * square) * np.exp(-entropy)
    return Expectation(total, np.sqrt(np.maximum(load - explained, 0)), nearest)

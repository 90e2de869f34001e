"""What a branch conducts to its line, or to either of two lines that share its resistor.

A branch that can take either line is a star: one resistor R from the word line to a node, and
from there a switch to each bit line. Seen from its three ends it is a triangle of conductances
``g_i g_j / (g_1 + g_2 + g_3)`` (Kennelly, Electrical World and Engineer 34, 413, 1899):

===============  =================================  ==========================================
one closed       to the line of the closed switch   ``1 / (R + on_ohm + R on_ohm / off_ohm)``
one closed       to the other line                  ``1 / (R + off_ohm + R off_ohm / on_ohm)``
none closed      to each line                       ``1 / (off_ohm + 2 R)``
===============  =================================  ==========================================

The third side, the bridge between the two bit lines, conducts at most ``1 / off_ohm``. It is left
out of circuits: a column's net current lacks twice its sum over the column times the difference
of the two lines' voltages, which wires alone keep from 0. Its noise is not left out.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
States = NDArray[np.bool_] | NDArray[np.int8]


class Switched(Protocol):
    """What of a `crossbar.Design` matters here."""

    @property
    def on_ohm(self) -> float:
        """Of a closed switch [ohm]."""

    @property
    def off_ohm(self) -> float:
        """Of an open switch [ohm]."""

    @property
    def open_share(self) -> float:
        """See `crossbar.Design`."""

    @property
    def takes_either_line(self) -> bool:
        """See `crossbar.Design`."""


def closed_siemens(design: Switched, ohm: Floats) -> Floats:
    """Conductance of branches to the line of their closed switch [S].

    Parameters
    ----------
    design : Switched
        The switches.
    ohm : ndarray
        Resistances without switches [ohm]; infinite where the branch is open.
    """
    return np.asarray(1 / (ohm * (1 + design.open_share) + design.on_ohm), dtype=float)


def resistor_ohm(design: Switched, siemens: Floats) -> Floats:
    """Resistances whose `closed_siemens` these are [ohm]."""
    return np.asarray((1 / siemens - design.on_ohm) / (1 + design.open_share), dtype=float)


def off_siemens(design: Switched, on_siemens: Floats) -> Floats:
    """What branches conduct through an open switch, from what they conduct when closed [S].

    Of two lines, to the line of the open switch while the other one is closed.
    """
    if design.takes_either_line:
        return np.asarray(on_siemens * design.open_share, dtype=float)
    with np.errstate(divide="ignore"):  # an open branch leaks nothing
        return np.asarray(1 / (1 / on_siemens - design.on_ohm + design.off_ohm), dtype=float)


def equivalent_ohm(
    design: Switched, ohm: Floats, here: NDArray[np.bool_], there: NDArray[np.bool_]
) -> Floats:
    """Resistances that stand for branches towards one of two lines, in series with its switch.

    Parameters
    ----------
    design : Switched
        The switches.
    ohm : ndarray
        Resistances without switches [ohm].
    here, there : ndarray of bool
        Whether the switch to this line, or that to the other one, is closed.

    Returns
    -------
    ndarray
        ``R (1 + on_ohm / off_ohm)``, ``R (1 + off_ohm / on_ohm)`` and ``2 R`` in the order of the
        module's table [ohm]; infinite where nothing is conducted.
    """
    share = design.open_share
    leaking = 1 + 1 / share if share else np.inf
    return np.asarray(ohm * np.where(here, 1 + share, np.where(there, leaking, 2.0)))


def noise_siemens(design: Switched, ohm: Floats, states: States) -> Floats:
    """Conductance whose thermal noise is that of branches in the difference of their lines [S].

    A network of resistances has the noise of its conductance as it is seen, here from the
    difference of the two short-circuited lines: what the branch conducts to both, and four times
    the bridge, since what leaves one line enters the other (Nyquist, Phys. Rev. 32, 110, 1928).
    """
    on, off = design.on_ohm, design.off_ohm
    if not design.takes_either_line:
        return np.asarray(1 / (ohm + np.where(states, on, off)), dtype=float)
    bridge = 1 / (on + off + on * off / ohm) if np.isfinite(off) else 0.0
    closed = closed_siemens(design, ohm) * (1 + design.open_share) + 4 * bridge
    return np.asarray(np.where(states != 0, closed, 2 / off), dtype=float)

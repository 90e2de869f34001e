"""How far a change of one cell's conductance moves the other entries of a transfer matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spice_models import Wires

Floats = NDArray[np.float64]


def leverage(wires: Wires, net: Floats, lines: Floats) -> tuple[Floats, Floats]:
    """Squared effect of a siemens more in a cell on the rest of its row and of its columns.

    A current drawn at one place of a line lowers the voltage at every place by the resistance of
    the way to the supply that the two share. So a change d of a cell's total moves entry (i, l)
    of its row by d R(j, l) of its value, and one of a bit line's conductance moves the line's
    entries likewise. To first order in the wires, loads on the way neglected.

    Parameters
    ----------
    wires : Wires
        Of a tile.
    net : ndarray, (rows, columns)
        Entries of the transfer matrix that are to be met, 0 where nothing is asked [S].
    lines : ndarray, (rows, 2 columns)
        Entries of the single bit lines, 0 likewise [S].

    Returns
    -------
    word : ndarray, (rows, columns)
        For the total of a cell, by the word line: a sum of squares of [S] per [S].
    bit : ndarray, (rows, 2 columns)
        For the conductance to each bit line, by that line.
    """
    rows, count = lines.shape
    ohm = wires.each(rows, count)
    along_words = shared_ohm(ohm["word"], ohm["driver"], ohm["far_driver"])
    # bit lines are sensed behind their last row
    along_bits = shared_ohm(ohm["bit"].T[:, ::-1], ohm["sense"], ohm["far_sense"])[:, ::-1, ::-1]
    pairs = along_words.reshape(rows, count // 2, 2, count // 2, 2).mean(axis=(2, 4))
    word = np.einsum("ijl,il->ij", pairs**2, net**2)
    bit = np.einsum("jik,kj->ij", along_bits**2, lines**2)
    return np.asarray(word), np.asarray(bit)


def shared_ohm(segments: Floats, near: Floats, far: Floats) -> Floats:
    """Resistance that the ways from two places of a line to its supply share.

    Parameters
    ----------
    segments : ndarray, (lines, places - 1)
        Between neighbouring places [ohm].
    near, far : ndarray, (lines,)
        From the supply to the first place, and to the last one; infinite where not connected.

    Returns
    -------
    ndarray, (lines, places, places)
        [ohm]; 0 where a line is not connected at all, and for ways through open segments.
    """
    first = np.concatenate([near[:, None], segments], axis=1).cumsum(axis=1)
    last = np.concatenate([segments, far[:, None]], axis=1)[:, ::-1].cumsum(axis=1)[:, ::-1]
    closer = np.minimum(first[:, :, None], first[:, None, :])
    beyond = np.minimum(last[:, :, None], last[:, None, :])
    loop = (first[:, 0] + last[:, 0])[:, None, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        both = np.where(loop > 0, closer * beyond / loop, 0.0)
    shared = np.where(np.isfinite(loop), both, np.minimum(closer, beyond))
    return np.where(np.isfinite(shared), shared, 0.0)

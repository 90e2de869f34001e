"""How far a change of one cell's conductance moves the other entries of a transfer matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spice_models import Wires

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Leverage:
    """What a siemens more in a cell does to the rest of its row and of its columns.

    A current drawn at one place of a line lowers the voltage at every place by the resistance of
    the way to the supply that the two share. So a change d of a cell's total moves entry (i, l)
    of its row by d R(j, l) of its value, and one of a bit line's conductance moves the line's
    entries likewise. To first order in the wires, loads on the way neglected.

    Parameters
    ----------
    words : ndarray, (rows or 1, columns, columns)
        Squared shared resistance of the word lines, between columns [ohm^2].
    bits : ndarray, (2 columns or 1, rows, rows)
        That of the bit lines, between rows; one matrix where all lines are alike [ohm^2].
    """

    words: Floats
    bits: Floats

    @classmethod
    def of(cls, wires: Wires, rows: int, columns: int) -> Leverage:
        """Of a tile of paired cells, two bit lines a column."""
        ohm = wires.each(rows, 2 * columns)
        word = shared_ohm(*_alike(ohm["word"], ohm["driver"], ohm["far_driver"]))
        # bit lines are sensed behind their last row
        ends = (ohm["bit"].T[:, ::-1], ohm["sense"], ohm["far_sense"])
        bit = shared_ohm(*_alike(*ends))[:, ::-1, ::-1]
        pairs = word.reshape(-1, columns, 2, columns, 2).mean(axis=(2, 4))
        return cls(pairs**2, bit**2)

    def __bool__(self) -> bool:
        """Whether any current can be felt elsewhere."""
        return bool(self.words.any() or self.bits.any())

    def moved(self, net: Floats, lines: Floats) -> Floats:
        """Sum of the squares of what a cell's change moves, (rows, columns, 3).

        For its total by the word line, and for its conductance to each of its bit lines; both
        per [S].

        Parameters
        ----------
        net : ndarray, (rows, columns)
            Entries of the transfer matrix that are to be met, 0 where nothing is asked [S].
        lines : ndarray, (2, rows, columns)
            Entries of the positive and the negative bit lines, 0 likewise [S].
        """
        rows, columns = net.shape
        side_by_side = lines.transpose(2, 0, 1).reshape(2 * columns, rows)
        word = np.matmul(self.words, net[:, :, None] ** 2)[:, :, 0]
        bit = np.matmul(self.bits, side_by_side[:, :, None] ** 2)[:, :, 0]
        bit = bit.reshape(columns, 2, rows).transpose(2, 0, 1)
        return np.concatenate([word[:, :, None], bit], axis=2)


def _alike(segments: Floats, near: Floats, far: Floats) -> tuple[Floats, Floats, Floats]:
    """Only the first line, where all lines are alike."""
    whole = np.column_stack([near, segments, far])
    count = 1 if (whole == whole[0]).all() else len(whole)
    return segments[:count], near[:count], far[:count]


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

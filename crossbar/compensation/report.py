"""What wire-aware programming found: the switches, the bits before and after, how far it came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossbar.programming import Program


@dataclass(frozen=True)
class Compensation:
    """Switches for an array with its wires, and how far they meet the weights.

    All bits are effective bits of the matrix elements, or of the products with the inputs that
    were given, by the measured values; where all are alike, relative to their distance from 0,
    and NaN where no target differs from 0.

    Parameters
    ----------
    program : Program
        The switches; its targets are what each cell was asked for by itself. Its `reachable` is
        False where open wires cut a cell off, and where its entry is missed. Of paired and
        steered cells that is by more than a hundredth of scaled full scale and five times the
        precision (the rms error of subsets without wires); where it is pruned by a hundredth
        alone; and by a hundredth or the precision, whichever is less, where no subset of the
        branches makes what is asked or conductances of any size within reach were left a
        hundredth from the target. Of flip and offset cells it is either of these two alone.
        Without wire resistance it is what `crossbar.program` says of `wanted`.
    plain : Program
        The switches for wires without resistance, at full scale.
    scale : float or ndarray, (columns,)
        What all targets were multiplied by: a weight of one stands for `scale` times
        `siemens_per_weight`.
    wanted : ndarray, (rows, columns)
        Entries of the transfer matrix that were asked for, scaled [S].
    ideal_wires_bits : float
        Of the plain program without any wire resistance.
    uncompensated_bits, one_gain_bits : float
        Of the plain program with its wires, as it is and with the one gain for the whole layer
        that fits best; NaN of the latter with a single target that is not 0, which any wires
        meet with one gain.
    compensated_bits : float
        Of this program with its wires, no gain but `scale` taken out.
    updates : int
        Most updates of continuous conductances that a tile took.
    residual : float
        What these left, rms over the kept cells of the worst tile relative to full scale.
    errors : tuple of float
        Rms error of the kept cells after each pass of choosing subsets, relative to full scale,
        all tiles together; of paired and steered cells that of errors with nothing in common that
        the inputs would feel as much. Fewer than `passes` where more gained nothing, up to twice
        as many where cells that were chosen in turn missed by much and settled anew.
    changed : float
        Share of a tile's kept cells that the last pass still changed, at most.
    """

    program: Program
    plain: Program
    scale: float | NDArray[np.float64]
    wanted: NDArray[np.float64]
    ideal_wires_bits: float
    uncompensated_bits: float
    one_gain_bits: float
    compensated_bits: float
    updates: int
    residual: float
    errors: tuple[float, ...]
    changed: float

    @property
    def out_of_reach(self) -> NDArray[np.bool_]:
        """Weights that the array cannot meet at this scale, (rows, columns)."""
        return np.asarray(~self.program.reachable)

    @property
    def weight_scale(self) -> float | NDArray[np.float64]:
        """`scale` as it multiplies weights (outputs, inputs): a number, or (columns, 1)."""
        return self.scale if isinstance(self.scale, float) else self.scale[:, None]

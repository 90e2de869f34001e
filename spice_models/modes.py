"""Smooth modes of an array, which its iteration takes long to find, and what to do about them.

Where wires carry much, the drops of neighbouring nodes go together, and what a smooth pattern
draws flows back through the bit lines: ``S`` is far below ``Aw`` there (see `spice_models.lines`).
Of an array of equal cells G and equal lines, the patterns ``a_m(row) b_n(line)``, a and b the
slowest modes of a bit and of a word line with eigenvalues beta and alpha, have
``w . Aw w = alpha + G`` and ``w . S w = alpha + G beta / (G + beta)``. So the preconditioner
``Aw^-1 + sum of w (1 / (w . S w) - 1 / (w . Aw w)) w^T`` undoes them, the others as before (a
two-level method: Saad, Iterative Methods for Sparse Linear Systems, 2nd ed., section 13.2). It is
positive for any array; how much it helps is a matter of how near the means of an array come.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Modes"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

COUNT = 4
"""Modes of each line family."""
_LONG = 25.0
"""Length of lines from which on their modes are worth their time, see `_length`."""
_DEGREE = 16
"""Of the polynomials that modes are sought among."""
_STIFF = 1e3
"""Conductance of an end, relative to the largest segment, above which it is eased."""
_LEAST = 1e-4
"""Smallest ``w . S w`` relative to G that is believed."""
_NONE = np.zeros((0, 0), np.float32)


@dataclass(frozen=True, eq=False)
class Modes:
    """Patterns ``down[:, m] x right[:, n]`` of the word lines' drops, and their weights.

    Parameters
    ----------
    down : ndarray, (rows, modes)
        Of the bit lines.
    right : ndarray, (lines + 2, modes)
        Of the word lines, with a 0 at either end.
    weight : ndarray, (modes, modes)
        What each adds to the preconditioner [ohm].
    """

    down: Singles
    right: Singles
    weight: Singles

    @classmethod
    def of(cls, cell: Floats, word: Floats, bit: Floats) -> Modes:
        """Modes of an array's mean conductances, see `spice_models.lines.Lines`; none if short."""
        rows, lines = cell.shape
        chains, mean = (bit.mean(axis=1), word.mean(axis=0)), float(cell.mean())
        if min(_length(chain, mean) for chain in chains) < _LONG:
            return cls(np.zeros((rows, 0), np.float32), np.zeros((lines + 2, 0), np.float32), _NONE)
        (beta, down), (alpha, right) = (_slowest(chain) for chain in chains)
        behind = (mean * beta / (mean + beta))[:, None]
        drawn = np.maximum(alpha + behind, _LEAST * mean)
        weight = np.maximum(1 / drawn - 1 / (alpha + mean), 0.0)
        padded = np.pad(right, ((1, 1), (0, 0)))
        # rounded, so that they are the same whatever adds up the last digits
        return cls(*(part.astype(np.float32) for part in (down, padded, weight)))


def _length(chain: Floats, cell: float) -> float:
    """Drop along a line whose cells all draw, relative to the voltage they draw from.

    As for all that current at its far end, and through its ends to the supply; 0 for few nodes.
    """
    nodes, segments, ends = chain.size - 1, chain[1:-1], chain[0] + chain[-1]
    if nodes <= COUNT or not (segments.all() and ends > 0):
        return 0.0
    return float(nodes * cell * ((1 / segments).sum() + 1 / ends))


def _slowest(chain: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues [S] and vectors (nodes, modes) of a line's tridiagonal matrix, lowest first.

    By Rayleigh and Ritz's method among polynomials. Ends that are as good as merged with the
    supply are eased for that, since they would cost the eigenvalues their digits; their nodes
    then stay where so much conductance holds them.
    """
    eased = np.minimum(chain, _STIFF * chain[1:-1].max())
    places = np.linspace(-1, 1, chain.size - 1)
    smooth, _ = np.linalg.qr(
        np.polynomial.chebyshev.chebvander(places, min(_DEGREE, places.size - 1))
    )
    drops = np.diff(np.pad(smooth, ((1, 1), (0, 0))), axis=0)
    values, mixed = np.linalg.eigh(drops.T @ (eased[:, None] * drops))
    vectors = smooth @ mixed[:, :COUNT]
    for end in (0, -1):
        if chain[end] > eased[end]:
            vectors[end] *= eased[end] / chain[end]
    return np.maximum(values[:COUNT], 0.0), vectors

"""Which node is which: the one definition of an array's wiring.

Input ``in_i`` feeds word line ``w_i_0 .. w_i_{lines-1}`` through the driver resistance; cell
``(i, j)`` joins ``w_i_j`` and ``b_i_j``; bit line ``b_0_j .. b_{rows-1}_j`` ends through the
sense resistance in ``s_j``, which an ammeter holds at 0 V. A resistance of 0 merges its nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spice_models.array import Wires

__all__ = ["Segments", "Topology", "topology"]

Ints = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Segments:
    """Equal resistors of one kind, each from node `tail` to node `head`, both (count,)."""

    kind: str
    index: Ints
    tail: Ints
    head: Ints
    ohm: float


@dataclass(frozen=True, eq=False)
class Topology:
    """Node numbers of an array after merging.

    Nodes below `unknowns` have unknown voltages; after them come the inputs, then the sense
    nodes.

    Parameters
    ----------
    word, bit : ndarray of int, shape (rows, lines)
        The nodes that cell (i, j) joins.
    source : ndarray of int, shape (rows,)
    sense : ndarray of int, shape (lines,)
    unknowns : int
    segments : tuple of Segments
        The wires that have resistance.
    origin : ndarray of int, shape (nodes,)
        The number each node had before merging, from which its name is made.
    """

    word: Ints
    bit: Ints
    source: Ints
    sense: Ints
    unknowns: int
    segments: tuple[Segments, ...]
    origin: Ints

    @property
    def nodes(self) -> int:
        """Number of nodes, fixed ones included."""
        return int(self.origin.size)

    def names(self) -> list[str]:
        """Name of each node: w0_0 (word line), b0_0 (bit line), in0 (input), s0 (sense)."""
        rows, lines = self.word.shape
        crosspoints = [f"{i}_{j}" for i in range(rows) for j in range(lines)]
        every = [f"w{name}" for name in crosspoints] + [f"b{name}" for name in crosspoints]
        every += [f"in{i}" for i in range(rows)] + [f"s{j}" for j in range(lines)]
        return [every[k] for k in self.origin.tolist()]


@lru_cache(maxsize=4)
def topology(rows: int, lines: int, wires: Wires) -> Topology:
    """Number the nodes of an array, merging those joined by wires of 0 ohm.

    Parameters
    ----------
    rows, lines : int
        Number of word lines and of bit lines.
    wires : Wires
    """
    cells = rows * lines
    word = np.arange(cells).reshape(rows, lines)
    bit = word + cells
    source = 2 * cells + np.arange(rows)
    sense = 2 * cells + rows + np.arange(lines)
    if wires.driver_ohm == 0:
        word[:, 0] = source
    if wires.word_segment_ohm == 0:
        word[:] = word[:, :1]
    if wires.sense_ohm == 0:
        bit[-1] = sense
    if wires.bit_segment_ohm == 0:
        bit[:] = bit[-1:]

    origin = np.unique(np.concatenate([word.ravel(), bit.ravel(), source, sense]))
    word, bit, source, sense = (np.searchsorted(origin, k) for k in (word, bit, source, sense))
    crosspoint = np.indices((rows, lines)).transpose(1, 2, 0)
    wiring = (
        ("driver", np.arange(rows)[:, None], source, word[:, 0], wires.driver_ohm),
        ("word", crosspoint[:, :-1], word[:, :-1], word[:, 1:], wires.word_segment_ohm),
        ("bit", crosspoint[:-1], bit[:-1], bit[1:], wires.bit_segment_ohm),
        ("sense", np.arange(lines)[:, None], bit[-1], sense, wires.sense_ohm),
    )
    segments = tuple(
        Segments(kind, index.reshape(tail.size, -1), tail.ravel(), head.ravel(), ohm)
        for kind, index, tail, head, ohm in wiring
        if ohm > 0 and tail.size
    )
    return Topology(word, bit, source, sense, int(source[0]), segments, origin)

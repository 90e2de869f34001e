"""Which node is which: the one definition of an array's wiring.

Input ``in_i`` feeds word line ``w_i_0 .. w_i_{lines-1}`` through the driver resistance; cell
``(i, j)`` joins ``w_i_j`` and ``b_i_j``; bit line ``b_0_j .. b_{rows-1}_j`` ends through the
sense resistance in ``s_j``, which an ammeter holds at 0 V. A resistance of 0 merges its nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spice_models.array import Array, Wires

__all__ = ["Segments", "Topology", "connected", "lifted", "may_float", "reached", "topology"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Segments:
    """Resistors of one kind, each from node `tail` to node `head`, all (count,); none open."""

    kind: str
    index: Ints
    tail: Ints
    head: Ints
    ohm: Floats


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
    crosspoint = np.indices((rows, lines)).transpose(1, 2, 0)
    ohm = wires.each(rows, lines)
    row, line = np.arange(rows)[:, None], np.arange(lines)[:, None]
    wiring = (
        ("driver", row, source, word[:, 0]),
        ("word", crosspoint[:, :-1], word[:, :-1], word[:, 1:]),
        ("bit", crosspoint[:-1], bit[:-1], bit[1:]),
        ("sense", line, bit[-1], sense),
        ("far_driver", row, source, word[:, -1]),
        ("far_sense", line, bit[0], sense),
    )
    merged = _merged(2 * cells + rows + lines, cells, [(t, h, ohm[k]) for k, _, t, h in wiring])
    origin = np.flatnonzero(np.bincount(merged))
    number = np.searchsorted(origin, merged)
    segments = []
    for kind, index, tail, head in wiring:
        value = ohm[kind].ravel()
        kept = (value > 0) & np.isfinite(value)
        if kept.any():
            labels = index.reshape(tail.size, -1)[kept]
            ends = (number[tail.ravel()[kept]], number[head.ravel()[kept]])
            segments.append(Segments(kind, labels, *ends, value[kept]))
    return Topology(
        number[word],
        number[bit],
        number[source],
        number[sense],
        int(number[source[0]]),
        tuple(segments),
        origin,
    )


def _merged(nodes: int, cells: int, wires: Sequence[tuple[Ints, Ints, Floats]]) -> Ints:
    """For each node the one that stands for it: a source or sense, else the first of its word
    line or the last of its bit line.
    """
    zero = [(tail[ohm == 0], head[ohm == 0]) for tail, head, ohm in wires]
    tail, head = (np.concatenate(ends) for ends in zip(*zero, strict=True))
    if not tail.size:
        return np.arange(nodes)
    group = _groups(nodes, tail, head)
    last, first = np.zeros(nodes, np.intp), np.full(nodes, nodes)
    np.maximum.at(last, group, np.arange(nodes))
    np.minimum.at(first, group, np.arange(nodes))
    return np.where(last[group] < cells, first[group], last[group])


def _groups(nodes: int, tail: Ints, head: Ints) -> Ints:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = coo_array((np.ones(tail.size), (tail, head)), shape=(nodes, nodes))
    return np.asarray(connected_components(edges, directed=False)[1], np.intp)


def connected(plan: Topology, siemens: Floats) -> Bools:
    """Which nodes have a path to an input or a sense ground, (nodes,).

    The others float: open wires or missing cells cut them off, and no current flows there.
    """
    group = _parts(plan, siemens)
    return np.isin(group, group[plan.unknowns :])


def lifted(plan: Topology, siemens: Floats, inputs: Floats) -> Floats:
    """For each node the voltage that its part of the circuit has in common, (nodes,) [V].

    That is 0 where a part has a path to ground, and elsewhere the voltage of its first input:
    only what other inputs differ from it drives a current.
    """
    group = _parts(plan, siemens)
    common = np.zeros(plan.nodes)
    for row in reversed(range(inputs.size)):
        common[group[plan.source[row]]] = inputs[row]
    common[group[plan.sense]] = 0.0
    return np.asarray(common[group])


def _parts(plan: Topology, siemens: Floats) -> Ints:
    """For each node the number of the part of the circuit that it is connected with."""
    row, line = np.nonzero(siemens)
    tails = [plan.word[row, line], *(part.tail for part in plan.segments)]
    heads = [plan.bit[row, line], *(part.head for part in plan.segments)]
    return _groups(plan.nodes, np.concatenate(tails), np.concatenate(heads))


def reached(array: Array) -> Bools:
    """Which cells open wires have not cut off from all inputs and grounds, (rows, lines)."""
    if not may_float(array):
        return np.ones((array.rows, array.lines), np.bool_)
    plan = topology(array.rows, array.lines, array.wires)
    return connected(plan, array.siemens)[plan.word]


def may_float(array: Array) -> bool:
    """Whether a wire is open without which a node may float; far ends only add paths."""
    ohm = array.wires.each(array.rows, array.lines)
    return any(np.isinf(ohm[kind]).any() for kind in ("word", "bit", "driver", "sense"))

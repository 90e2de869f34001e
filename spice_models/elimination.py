"""Currents of arrays whose resistances lie very far apart, by eliminating node after node.

A node that joins its neighbours by conductances g_a, g_b, ... is replaced by conductances
``g_a g_b / sum(g)`` between each two of them (star and mesh; Rosen, Journal IEE 62, 916 (1924)),
until only inputs and sense grounds are left. Nothing is ever subtracted, so each entry of the
transfer matrix has nearly all its digits, whatever the ratio of the resistances (Grassmann,
Taksar, Heyman, Operations Research 33, 1107 (1985)). A factorisation with pivots lacks that: a part
that hangs on the rest by little conductance, or by little resistance on a large one, drowns in
the rounding of its diagonal. `strain` says how far it does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spice_models.array import Array
from spice_models.topology import Topology, topology

__all__ = ["rounding", "strain", "transfer_matrix"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

LARGEST_WORK = 4e10
"""Multiplications up to which an array is eliminated: about half a minute."""

_EPS = float(np.finfo(np.float64).eps)
_ROUNDINGS = 4


def strain(array: Array) -> float:
    """How much a factorisation magnifies rounding, at most: a number without unit.

    The conductance at a node times the resistance from there to the nearest input or ground (by
    the shortest way, which is at least the resistance of all ways together), at the worst node.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    plan = topology(array.rows, array.lines, array.wires)
    tail, head, siemens = _edges(array, plan)
    at_node = np.bincount(np.r_[tail, head], np.r_[siemens, siemens], plan.nodes)
    first = plan.unknowns
    if first == 0 or not siemens.size:
        return 0.0
    # All fixed nodes are one for distances; of several edges between two nodes the best counts.
    low, high = np.sort(np.minimum(np.c_[tail, head], first), axis=1).T
    pair = low * (first + 1) + high
    order = np.lexsort((-siemens, pair))
    _, best = np.unique(pair[order], return_index=True)
    best = order[best]
    graph = csr_array((1 / siemens[best], (low[best], high[best])), shape=(first + 1, first + 1))
    distance = dijkstra(graph, directed=False, indices=np.array([first]))[0, :first]
    reached = np.isfinite(distance)
    return float((at_node[:first][reached] * distance[reached]).max(initial=0.0))


def transfer_matrix(array: Array) -> Floats | None:
    """Currents of all bit lines for 1 V on each word line in turn, (lines, rows) [S].

    Each entry is right to `rounding` of itself. None if the array is too large for this way.
    """
    plan = topology(array.rows, array.lines, array.wires)
    tail, head, siemens = _edges(array, plan)
    number = _ordered(plan, tail, head)
    low, high = np.sort(number[np.c_[tail, head]], axis=1).T
    inner = high < plan.unknowns
    width = int((high - low)[inner].max(initial=0))
    terminals = array.rows + array.lines
    work = plan.unknowns * (width * (width / 2 + terminals) + array.rows * array.lines)
    if work > LARGEST_WORK:
        return None
    order = np.argsort(low, kind="stable")
    start = np.searchsorted(low[order], np.arange(plan.unknowns + 1))
    outer = low >= plan.unknowns
    found = np.zeros((array.lines, array.rows))
    between = low[outer] < plan.unknowns + array.rows
    joins = (high[outer] - plan.unknowns - array.rows, low[outer] - plan.unknowns)
    crossing = between & (joins[0] >= 0)
    np.add.at(found, (joins[0][crossing], joins[1][crossing]), siemens[outer][crossing])
    from spice_models.elimination_kernel import eliminate

    eliminate(start, high[order], siemens[order], width, found)
    return found


def rounding(array: Array) -> float:
    """Bound of the relative error of each entry of `transfer_matrix`."""
    return _ROUNDINGS * _EPS * 2 * array.rows * array.lines


def _edges(array: Array, plan: Topology) -> tuple[Ints, Ints, Floats]:
    """All conductances between different nodes."""
    row, line = np.nonzero(array.siemens)
    tail = np.concatenate([plan.word[row, line], *(part.tail for part in plan.segments)])
    head = np.concatenate([plan.bit[row, line], *(part.head for part in plan.segments)])
    siemens = np.concatenate([array.siemens[row, line], *(1 / p.ohm for p in plan.segments)])
    apart = tail != head
    return tail[apart], head[apart], siemens[apart]


def _ordered(plan: Topology, tail: Ints, head: Ints) -> Ints:
    """For each node its place, neighbours close together; inputs and senses keep theirs."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    inner = (tail < plan.unknowns) & (head < plan.unknowns)
    pairs = (np.r_[tail[inner], head[inner]], np.r_[head[inner], tail[inner]])
    shape = (plan.unknowns, plan.unknowns)
    graph = csr_array((np.ones(pairs[0].size), pairs), shape=shape)
    number = np.arange(plan.nodes)
    if plan.unknowns:
        number[reverse_cuthill_mckee(graph, symmetric_mode=True)] = np.arange(plan.unknowns)
    return number

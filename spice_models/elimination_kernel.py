"""The compiled loop of `spice_models.elimination`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spice_models.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@compiled
def eliminate(start: Ints, head: Ints, siemens: Floats, width: int, found: Floats) -> None:
    """Eliminate all nodes in order and add what then joins inputs and senses to `found`.

    Parameters
    ----------
    start : ndarray, shape (nodes + 1,)
        The conductances of node k to later nodes are those from ``start[k]`` to ``start[k + 1]``.
    head, siemens : ndarray, shape (edges,)
        The later node, or after all nodes an input and after these a sense; and how much [S].
    width : int
        The largest distance of two nodes that are joined.
    found : ndarray, shape (lines, rows)
        Conductances between senses and inputs [S].
    """
    nodes = start.size - 1
    lines, rows = found.shape
    near = np.zeros((width + 1, width + 1))  # [k % (width + 1), d]: from node k to node k + d
    ends = np.zeros((width + 1, rows + lines))
    joined = np.zeros(width, np.intp)
    for k in range(nodes):
        place = k % (width + 1)
        own, outer = near[place], ends[place]
        for edge in range(start[k], start[k + 1]):
            if head[edge] < nodes:
                own[head[edge] - k] += siemens[edge]
            else:
                outer[head[edge] - nodes] += siemens[edge]
        count, total = 0, outer.sum()
        for d in range(1, width + 1):
            if own[d] > 0:
                joined[count] = d
                count += 1
                total += own[d]
        if total > 0:
            for one in range(count):
                share = own[joined[one]] / total
                other = (k + joined[one]) % (width + 1)
                for two in range(one + 1, count):
                    near[other, joined[two] - joined[one]] += share * own[joined[two]]
                for t in range(rows + lines):
                    ends[other, t] += share * outer[t]
            for j in range(lines):
                share = outer[rows + j] / total
                if share > 0:
                    for i in range(rows):
                        found[j, i] += share * outer[i]
        own[:] = 0.0
        outer[:] = 0.0

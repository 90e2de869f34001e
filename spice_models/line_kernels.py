"""Compiled sweeps over the lines of an array, for `spice_models.lines` alone.

Arrays of nodes have shape (rows + 1, lines + 1, lanes), one lane an input; the last row and line
are earth and stay 0. Index -1 means them too, so that no sweep needs a branch at an end. The
length of the tuple `lanes` is a constant to the compiler, which unrolls the innermost loops.
Conductances [S]: `cell` (rows, lines); `word` (rows, lines + 1), segment j leads to node j from
the one before; `bit` (rows + 1, lines), segment i leads to node i from the one before.
Each pass touches the large arrays once, since memory is what takes the time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spice_models.compiled import compiled

Floats = NDArray[np.float64]
Lanes = tuple[int, ...]


@compiled
def factor_words(cell: Floats, along: Floats, first: Floats, last: Floats) -> Floats:
    """Inverse pivots of the tridiagonal word lines, bit lines grounded; 0 where nothing connects.

    A pivot is the conductance to ground seen from its node, so no digits cancel.
    """
    rows, lines = cell.shape
    inverse = np.zeros((rows, lines))
    for i in range(rows):
        seen = first[i]
        for j in range(lines):
            seen += cell[i, j]
            if j == lines - 1:
                seen += last[i]
                onward = 0.0
            else:
                onward = along[i, j]
            if seen + onward > 0:
                inverse[i, j] = 1 / (seen + onward)
            seen *= onward * inverse[i, j]
    return inverse


@compiled
def balance(
    cell: Floats,
    word: Floats,
    bit: Floats,
    bit_inverse: Floats,
    applied: Floats,
    x: Floats,
    r: Floats,
    t: Floats,
    flow: Floats,
    lanes: Lanes,
) -> None:
    """Fill in, for word drops x: bit voltages t, the currents missing at word nodes r, flow.

    `flow` (lines, lanes) is the current of all cells of a line.
    """
    rows, lines = cell.shape
    flow[:] = 0.0
    for i in range(rows):
        for j in range(lines):
            g, above = cell[i, j], bit[i, j] * bit_inverse[i - 1, j]
            for k in range(len(lanes)):
                t[i, j, k] = g * (applied[i, k] + x[i, j, k]) + above * t[i - 1, j, k]
    for i in range(rows - 1, -1, -1):
        for j in range(lines):
            g, below, inverse = cell[i, j], bit[i + 1, j], bit_inverse[i, j]
            before, behind = word[i, j], word[i, j + 1]
            for k in range(len(lanes)):
                drop = x[i, j, k]
                voltage = (t[i, j, k] + below * t[i + 1, j, k]) * inverse
                through = g * (applied[i, k] + (drop - voltage))
                arriving = before * (x[i, j - 1, k] - drop)
                leaving = behind * (drop - x[i, j + 1, k])
                t[i, j, k] = voltage
                flow[j, k] += through
                r[i, j, k] = arriving - leaving - through


@compiled
def search(
    cell: Floats,
    word: Floats,
    bit: Floats,
    bit_inverse: Floats,
    beta: Floats,
    p: Floats,
    t: Floats,
    flow: Floats,
    power: Floats,
    lanes: Lanes,
) -> None:
    """Turn the direction, p = t + beta p, and let the bit lines follow it: t = Ab^-1 G p.

    Fills in `flow` (lines, lanes), the current of all cells of a line, and `power`
    (lines, lanes), whose sum over the lines is p . S p.
    """
    rows, lines = cell.shape
    flow[:] = 0.0
    power[:] = 0.0
    for i in range(rows):
        for j in range(lines):
            g, above = cell[i, j], bit[i, j] * bit_inverse[i - 1, j]
            for k in range(len(lanes)):
                turned = t[i, j, k] + beta[k] * p[i, j, k]
                p[i, j, k] = turned
                t[i, j, k] = g * turned + above * t[i - 1, j, k]
    for i in range(rows - 1, -1, -1):
        for k in range(len(lanes)):
            power[0, k] += word[i, 0] * p[i, 0, k] ** 2
        for j in range(lines):
            g, below, inverse = cell[i, j], bit[i + 1, j], bit_inverse[i, j]
            behind = word[i, j + 1]
            for k in range(len(lanes)):
                drop = p[i, j, k]
                step = drop - p[i, j + 1, k]
                voltage = (t[i, j, k] + below * t[i + 1, j, k]) * inverse
                through = g * (drop - voltage)
                t[i, j, k] = voltage
                flow[j, k] += through
                power[j, k] += through * drop + behind * step * step


@compiled
def update(
    cell: Floats,
    word: Floats,
    word_inverse: Floats,
    alpha: Floats,
    x: Floats,
    r: Floats,
    p: Floats,
    t: Floats,
    power: Floats,
    lanes: Lanes,
) -> None:
    """Step along p: x += alpha p, r -= alpha S p, t = Aw^-1 r.

    Fills in `power` (lines, lanes), whose sum over the lines is r . t.
    """
    rows, lines = cell.shape
    power[:] = 0.0
    for i in range(rows):
        for j in range(lines):
            g, before, behind = cell[i, j], word[i, j], word[i, j + 1]
            onward = before * word_inverse[i, j - 1]
            for k in range(len(lanes)):
                drop = p[i, j, k]
                arriving = before * (p[i, j - 1, k] - drop)
                leaving = behind * (drop - p[i, j + 1, k])
                net = leaving - arriving + g * (drop - t[i, j, k])
                missing = r[i, j, k] - alpha[k] * net
                x[i, j, k] += alpha[k] * drop
                r[i, j, k] = missing
                t[i, j, k] = missing + onward * t[i, j - 1, k]
        for j in range(lines - 1, -1, -1):
            behind, inverse = word[i, j + 1], word_inverse[i, j]
            for k in range(len(lanes)):
                drop = (t[i, j, k] + behind * t[i, j + 1, k]) * inverse
                t[i, j, k] = drop
                power[j, k] += r[i, j, k] * drop

"""Compiled sweeps over the lines of an array, for `spice_models.lines` alone.

Arrays of nodes have shape (rows, lines, lanes): one lane an input. `lanes` only tells how many;
as a tuple of one it lets the compiler drop the innermost loops. Conductances
[S]: `cell` (rows, lines), `along` the segments of a line, `first` and `last` at its two ends.
Each pass touches the large arrays once, since memory is what takes the time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spice_models.compiled import compiled

Floats = NDArray[np.float64]
Lanes = tuple[int] | Floats


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
    word_first: Floats,
    word_last: Floats,
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
            for k in range(len(lanes)):
                t[i, j, k] = cell[i, j] * (applied[i, k] + x[i, j, k])
        if i > 0:
            for j in range(lines):
                factor = bit[i - 1, j] * bit_inverse[i - 1, j]
                for k in range(len(lanes)):
                    t[i, j, k] += factor * t[i - 1, j, k]
    for i in range(rows - 1, -1, -1):
        if i < rows - 1:
            for j in range(lines):
                for k in range(len(lanes)):
                    t[i, j, k] += bit[i, j] * t[i + 1, j, k]
        for j in range(lines):
            for k in range(len(lanes)):
                t[i, j, k] *= bit_inverse[i, j]
                through = cell[i, j] * (applied[i, k] + (x[i, j, k] - t[i, j, k]))
                flow[j, k] += through
                r[i, j, k] = -through
        for j in range(lines - 1):
            for k in range(len(lanes)):
                through = word[i, j] * (x[i, j, k] - x[i, j + 1, k])
                r[i, j, k] -= through
                r[i, j + 1, k] += through
        for k in range(len(lanes)):
            r[i, 0, k] -= word_first[i] * x[i, 0, k]
            r[i, lines - 1, k] -= word_last[i] * x[i, lines - 1, k]


@compiled
def search(
    cell: Floats,
    word: Floats,
    word_first: Floats,
    word_last: Floats,
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
        if i == 0:
            for j in range(lines):
                for k in range(len(lanes)):
                    p[i, j, k] = t[i, j, k] + beta[k] * p[i, j, k]
                    t[i, j, k] = cell[i, j] * p[i, j, k]
        else:
            for j in range(lines):
                factor = bit[i - 1, j] * bit_inverse[i - 1, j]
                for k in range(len(lanes)):
                    p[i, j, k] = t[i, j, k] + beta[k] * p[i, j, k]
                    t[i, j, k] = cell[i, j] * p[i, j, k] + factor * t[i - 1, j, k]
    for i in range(rows - 1, -1, -1):
        if i < rows - 1:
            for j in range(lines):
                for k in range(len(lanes)):
                    t[i, j, k] += bit[i, j] * t[i + 1, j, k]
        for j in range(lines):
            for k in range(len(lanes)):
                t[i, j, k] *= bit_inverse[i, j]
                through = cell[i, j] * (p[i, j, k] - t[i, j, k])
                flow[j, k] += through
                power[j, k] += through * p[i, j, k]
        for j in range(lines - 1):
            for k in range(len(lanes)):
                step = p[i, j, k] - p[i, j + 1, k]
                power[j, k] += word[i, j] * step * step
        for k in range(len(lanes)):
            power[0, k] += word_first[i] * p[i, 0, k] ** 2
            power[lines - 1, k] += word_last[i] * p[i, lines - 1, k] ** 2


@compiled
def update(
    cell: Floats,
    word: Floats,
    word_first: Floats,
    word_last: Floats,
    word_inverse: Floats,
    alpha: Floats,
    x: Floats,
    r: Floats,
    p: Floats,
    t: Floats,
    lanes: Lanes,
) -> Floats:
    """Step along p: x += alpha p, r -= alpha S p, t = Aw^-1 r. Returns r . t, (lanes,)."""
    rows, lines = cell.shape
    product = np.zeros(len(lanes))
    arriving = np.zeros(len(lanes))
    for i in range(rows):
        for k in range(len(lanes)):
            arriving[k] = -word_first[i] * p[i, 0, k]
        for j in range(lines):
            for k in range(len(lanes)):
                leaving = 0.0
                if j < lines - 1:
                    leaving = word[i, j] * (p[i, j, k] - p[i, j + 1, k])
                else:
                    leaving = word_last[i] * p[i, j, k]
                net = leaving - arriving[k] + cell[i, j] * (p[i, j, k] - t[i, j, k])
                arriving[k] = leaving
                x[i, j, k] += alpha[k] * p[i, j, k]
                r[i, j, k] -= alpha[k] * net
                t[i, j, k] = r[i, j, k]
                if j > 0:
                    t[i, j, k] += word[i, j - 1] * word_inverse[i, j - 1] * t[i, j - 1, k]
        for j in range(lines - 1, -1, -1):
            for k in range(len(lanes)):
                if j < lines - 1:
                    t[i, j, k] += word[i, j] * t[i, j + 1, k]
                t[i, j, k] *= word_inverse[i, j]
                product[k] += r[i, j, k] * t[i, j, k]
    return product

"""Compiled sweeps over the lines of an array, for `spice_models.lines` alone.

Arrays of nodes have shape (rows, lines + 2, lanes), one lane an input, node j at j + 1; the
columns 0 and lines + 1 are the inputs, so that no sweep needs a branch at an end: no sweep writes
to them, and they are 0 but in x where drops are counted from another level. The length of the
tuple `lanes` is a constant to the compiler, which unrolls the innermost loops. The length of
`modes` is one too, of either line family; `down` (rows, modes) and `right` (lines + 2, modes) are
those of `spice_models.modes`.
Conductances [S]: `cell` (rows, lines); `word` (rows, lines + 1) and `bit` (rows + 1, lines), where
segment j leads to node j from the one before. A line's matrix is L D L^T: `word_inverse` and
`bit_inverse` are 1 / D, `onward` (rows, lines + 1) and `above` (rows + 1, lines) are what L takes
on from the node before.
Each pass touches the large arrays once, since memory is what takes the time; `balance` is in
double precision, the others in that of their arguments.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spice_models.compiled import compiled

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Reals = NDArray[Any]
Lanes = tuple[int, ...]

STRIP = 128
"""Lines times lanes that `balance` takes at a time."""


@compiled
def factor_words(cell: Floats, word: Floats) -> tuple[Singles, Singles]:
    """`word_inverse` and `onward` of the word lines, bit lines grounded; 0 where all is open.

    Rounded to single precision.

    A pivot is the conductance to ground seen from its node, so no digits cancel.
    """
    rows, lines = cell.shape
    inverse = np.zeros((rows, lines), np.float32)
    onward = np.zeros((rows, lines + 1), np.float32)
    for i in range(rows):
        seen = word[i, 0]
        for j in range(lines):
            seen += cell[i, j]
            after = word[i, j + 1]
            pivot = 1 / (seen + after) if seen + after > 0 else 0.0
            inverse[i, j] = pivot
            onward[i, j + 1] = after * pivot if j < lines - 1 else 0.0
            seen *= after * pivot
    return inverse, onward


@compiled
def factor_bits(cell: Floats, bit: Floats) -> tuple[Singles, Singles]:
    """`bit_inverse` and `above` of the bit lines, word lines grounded; rounded as above."""
    rows, lines = cell.shape
    inverse, above = np.zeros((rows, lines), np.float32), np.zeros((rows + 1, lines), np.float32)
    seen = bit[0].copy()
    for i in range(rows):
        after = bit[i + 1]
        for j in range(lines):
            here = seen[j] + cell[i, j]
            pivot = 1 / (here + after[j]) if here + after[j] > 0 else 0.0
            inverse[i, j] = pivot
            above[i + 1, j] = after[j] * pivot if i < rows - 1 else 0.0
            seen[j] = here * (after[j] * pivot)
    return inverse, above


@compiled
def balance(
    cell: Floats,
    word: Floats,
    bit: Floats,
    applied: Floats,
    x: Floats,
    r: Reals,
    flow: Floats,
    sensed: Floats,
    square: Floats,
    volts: Floats,
    carry: Floats,
    pivots: Floats,
    lanes: Lanes,
) -> None:
    """Fill in, for word drops x, the currents missing at the word nodes r, and what they give.

    Adds to `flow` the current of all cells of a line and to `square` what sums to |r|^2; puts in
    `sensed` what the two ends of a line pass on; all (lines, lanes). `volts` (rows + 1, strip,
    lanes), the last row 0, `carry` (strip, lanes) and `pivots` (rows, strip) are room for as many
    lines at a time as stay in the cache; the bit lines are factorised anew: that takes no longer
    than to read the factors.
    """
    rows, lines = cell.shape
    strip = volts.shape[1]
    for start in range(0, lines, strip):
        width = min(strip, lines - start)
        seen = bit[0, start:].copy()
        carry[:] = 0.0
        for i in range(rows):
            here, drops = volts[i], x[i, start + 1 :]
            cells, onto, inverse = cell[i, start:], pivots[i - 1], pivots[i]
            nearer, farther = bit[i, start:], bit[i + 1, start:]
            for j in range(width):
                g, carried, reach = cells[j], nearer[j] * onto[j], seen[j] + cells[j]
                pivot = 1 / (reach + farther[j]) if reach + farther[j] > 0 else 0.0
                inverse[j], seen[j] = pivot, reach * (farther[j] * pivot)
                for k in range(len(lanes)):
                    carry[j, k] = g * (applied[i, k] + drops[j, k]) + carried * carry[j, k]
                    here[j, k] = carry[j, k]
        for i in range(rows - 1, -1, -1):
            here, after, drops = volts[i], volts[i + 1], x[i, start:]
            cells, inverse, farther = cell[i, start:], pivots[i], bit[i + 1, start:]
            chain, missing = word[i, start:], r[i, start + 1 :]
            for j in range(width):
                g, pivot, carried = cells[j], inverse[j], farther[j] * inverse[j]
                near, far = chain[j], chain[j + 1]
                for k in range(len(lanes)):
                    drop = drops[j + 1, k]
                    voltage = here[j, k] * pivot + carried * after[j, k]
                    through = g * (applied[i, k] + (drop - voltage))
                    arriving = near * (drops[j, k] - drop)
                    leaving = far * (drop - drops[j + 2, k])
                    net = arriving - leaving - through
                    here[j, k] = voltage
                    flow[start + j, k] += through
                    missing[j, k] = net
                    square[start + j, k] += net * net
        for j in range(width):
            near, far = bit[0, start + j], bit[rows, start + j]
            for k in range(len(lanes)):
                sensed[start + j, k] = near * volts[0, j, k] + far * volts[rows - 1, j, k]


@compiled
def renew(
    onward: Reals,
    word_inverse: Reals,
    fraction: Reals,
    ratio: Reals,
    z: Reals,
    p: Reals,
    t: Reals,
    down: Reals,
    right: Reals,
    share: Reals,
    pull: Floats,
    lanes: Lanes,
    modes: Lanes,
) -> None:
    """Begin again from the residual in t: z = Aw^-1 fraction t; p = ratio (p - old z and modes).

    `share` (modes, modes, lanes) is what p had of each mode; adds to `pull`, alike, the product of
    each with fraction t.
    """
    rows, lines = word_inverse.shape
    last = np.zeros_like(ratio)
    waves, pulled = np.zeros((2, len(modes), len(lanes)), ratio.dtype)
    for i in range(rows):
        drops, along, ways = t[i], p[i], z[i]
        _gather(down[i], share, waves, lanes, modes)
        for k in range(len(lanes)):
            last[k] = 0.0
        for j in range(lines):
            carried = onward[i, j]
            for k in range(len(lanes)):
                missing = fraction[k] * drops[j + 1, k]
                for n in range(len(modes)):
                    pulled[n, k] += right[j + 1, n] * missing
                last[k] = missing + carried * last[k]
                drops[j + 1, k] = last[k]
        for k in range(len(lanes)):
            last[k] = 0.0
        for j in range(lines - 1, -1, -1):
            pivot, carried = word_inverse[i, j], onward[i, j + 1]
            for k in range(len(lanes)):
                drop = pivot * drops[j + 1, k] + carried * last[k]
                last[k] = drop
                before = along[j + 1, k] - ways[j + 1, k]
                for n in range(len(modes)):
                    before -= waves[n, k] * right[j + 1, n]
                along[j + 1, k] = ratio[k] * before
                ways[j + 1, k] = drop
        _spread(down[i], pulled, pull, lanes, modes)


@compiled
def _gather(down: Reals, share: Reals, waves: Reals, lanes: Lanes, modes: Lanes) -> None:
    """Put into `waves` (modes, lanes) what one row has of the modes, as patterns of its line."""
    for n in range(len(modes)):
        for k in range(len(lanes)):
            waves[n, k] = 0.0
            for m in range(len(modes)):
                waves[n, k] += down[m] * share[m, n, k]


@compiled
def _spread(down: Reals, pulled: Reals, pull: Floats, lanes: Lanes, modes: Lanes) -> None:
    """Move a row's `pulled` (modes, lanes) to `pull` (modes, modes, lanes)."""
    for m in range(len(modes)):
        for n in range(len(modes)):
            for k in range(len(lanes)):
                pull[m, n, k] += down[m] * pulled[n, k]
    for n in range(len(modes)):
        for k in range(len(lanes)):
            pulled[n, k] = 0.0


@compiled
def forward(
    cell: Reals,
    word: Reals,
    above: Reals,
    alpha: Reals,
    step: Floats,
    beta: Reals,
    x: Floats,
    z: Reals,
    p: Reals,
    t: Reals,
    down: Reals,
    right: Reals,
    share: Reals,
    power: Reals,
    lanes: Lanes,
    modes: Lanes,
) -> None:
    """Step along p: x += step p, z -= alpha (p - t), p = z + modes + beta p, t = L^-1 G p.

    `share` (modes, modes, lanes) is what p takes on of each mode. Adds to `power` (lines, lanes)
    what sums over the lines to z . Aw z.
    """
    rows, lines = cell.shape
    waves = np.zeros((len(modes), len(lanes)), alpha.dtype)
    for i in range(rows):
        _gather(down[i], share, waves, lanes, modes)
        drops, along, through, before, places = z[i], p[i], t[i], t[i - 1], x[i]
        cells, onto, chain = cell[i], above[i], word[i]
        for j in range(lines):
            g, carried = cells[j], onto[j]
            for k in range(len(lanes)):
                way = along[j + 1, k]
                places[j + 1, k] += step[k] * way
                drop = drops[j + 1, k] - alpha[k] * (way - through[j + 1, k])
                drops[j + 1, k] = drop
                way = drop + beta[k] * way
                for n in range(len(modes)):
                    way += waves[n, k] * right[j + 1, n]
                along[j + 1, k] = way
                through[j + 1, k] = g * way + carried * before[j + 1, k]
        for j in range(lines):
            g, segment = cells[j], chain[j]
            for k in range(len(lanes)):
                drop = drops[j + 1, k]
                across = drop - drops[j, k]
                power[j, k] += g * drop * drop + segment * across * across
        for k in range(len(lanes)):
            power[0, k] += chain[lines] * drops[lines, k] * drops[lines, k]


@compiled
def backward(
    cell: Reals,
    word: Reals,
    above: Reals,
    bit_inverse: Reals,
    onward: Reals,
    word_inverse: Reals,
    p: Reals,
    t: Reals,
    down: Reals,
    right: Reals,
    flow: Reals,
    power: Reals,
    size: Reals,
    volts: Reals,
    last: Reals,
    ahead: Reals,
    pull: Floats,
    lanes: Lanes,
    modes: Lanes,
) -> None:
    """Bit lines follow p and word lines follow them: t = Aw^-1 G Ab^-1 G p.

    Adds, each (lines, lanes), to `flow` the current of all cells of a line, and what sums over
    the lines to p . S p to `power` and to d . Aw d, with d = p - t, to `size`. `volts` (lines,
    lanes) begins as 0; `last` and `ahead` (lanes,) are room. Adds to `pull` (modes, modes, lanes)
    the product of each mode with S p.
    """
    rows, lines = cell.shape
    pulled = np.zeros((len(modes), len(lanes)), p.dtype)
    for i in range(rows - 1, -1, -1):
        along, drops, cells, chain = p[i], t[i], cell[i], word[i]
        onto, inverse, chained, pivots = above[i + 1], bit_inverse[i], onward[i], word_inverse[i]
        for k in range(len(lanes)):
            last[k] = ahead[k] = 0.0
        for j in range(lines):
            g, segment, pivot, carried, behind = cells[j], chain[j], inverse[j], onto[j], chained[j]
            for k in range(len(lanes)):
                way = along[j + 1, k]
                voltage = drops[j + 1, k] * pivot + carried * volts[j, k]
                across = way - along[j, k]
                through = g * (way - voltage)
                volts[j, k] = voltage
                flow[j, k] += through
                power[j, k] += through * way + segment * across * across
                if len(modes):
                    net = ahead[k] - segment * across
                    for n in range(len(modes)):
                        pulled[n, k] += right[j, n] * net
                    ahead[k] = through + segment * across
                last[k] = g * voltage + behind * last[k]
                drops[j + 1, k] = last[k]
        for n in range(len(modes)):
            for k in range(len(lanes)):
                net = ahead[k] + chain[lines] * along[lines, k]
                pulled[n, k] += right[lines, n] * net
        _spread(down[i], pulled, pull, lanes, modes)
        for k in range(len(lanes)):
            last[k] = ahead[k] = 0.0
        for j in range(lines - 1, -1, -1):
            g, segment, pivot, carried = cells[j], chain[j + 1], pivots[j], chained[j + 1]
            for k in range(len(lanes)):
                last[k] = pivot * drops[j + 1, k] + carried * last[k]
                drops[j + 1, k] = last[k]
                step = along[j + 1, k] - last[k]
                across = ahead[k] - step
                ahead[k] = step
                size[j, k] += g * step * step + segment * across * across
        for k in range(len(lanes)):
            power[0, k] += chain[lines] * along[lines, k] * along[lines, k]
            size[0, k] += chain[0] * ahead[k] * ahead[k]

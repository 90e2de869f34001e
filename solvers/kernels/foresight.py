"""States of the cells of a row, each leaving to later ones what they can make up for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled
from solvers.kernels.settling import (
    aligned,
    ascending_states,
    best_state,
    count_states,
    turned,
)

Floats = NDArray[np.float64]
Bytes = NDArray[np.int8]

_LEAST = 1e-6
"""Of what later cells can do, that what is left of it without one of them is not less than; of a
voltage, that what a load leaves of it is not less than."""


@compiled
def without(mending: Floats, squares: Floats, shift: Floats, room: float) -> None:
    """Take from `mending` what one later cell could do."""
    felt = squares @ shift
    left = shift - mending @ felt
    share = room / max(1 - room * float(felt @ left), _LEAST)
    for i in range(left.size):
        mending[i] -= share * left[i] * left


@compiled
def joined(mending: Floats, squares: Floats, entry: Floats) -> None:
    """Add an entry to those that later cells look after."""
    seen = mending @ entry
    share = 1 / (1 + entry @ seen)
    for i in range(seen.size):
        mending[i] -= share * seen[i] * seen
        squares[i] += entry[i] * entry


@compiled
def lowered(drops: Floats, level: Floats, behind: float, place: int, load: float) -> None:
    """Voltages of a line, relative to those to begin with, once a place has more load.

    Row a of `drops` is what a unit of load at a takes from each place, of those relative voltages
    too, if it were at its full one.
    """
    share = load / max(1 + (drops[place, place] + behind) * load, _LEAST)
    level -= drops[place] * (level[place] * share)
    column = drops[:, place].copy()
    here = drops[place].copy()
    for k in range(column.size):
        drops[k] -= column[k] * share * here


@compiled
def felt_by_others(
    missing: Floats,
    along: Floats,
    begun: Floats,
    gained: Floats,
    lost: Floats,
    cell: int,
    net: float,
) -> None:
    """Change what the other entries of the row lack once a cell's net has changed, and voltages.

    These have `lost` something; `along` is in units of what a unit of its load would have taken
    to begin with, `begun`.
    """
    for k in range(missing.size):
        if k == cell:
            continue
        missing[k] -= along[0, k] * net
        if begun[k] > 0:
            missing[k] += (gained[k] - along[1, k] / begun[k]) * lost[k]


@compiled
def choose_row(
    up: Floats,
    down: Floats,
    base: Floats,
    allowed: Bytes,
    order: NDArray[np.int64],
    own: Floats,
    along: Floats,
    drops: Floats,
    behind: Floats,
    by_net: Floats,
    by_load: Floats,
    entries: Floats,
    earlier: Floats,
    weight: Floats,
    room: Floats,
    offset: Floats,
    pull: Floats,
    squares: Floats,
    products: Floats,
    mending: Floats,
    coming: Floats,
    aside: Floats,
    numbers: Floats,
    missing: Floats,
    states: Bytes,
) -> None:
    """Choose the states of the cells in `order`; see `solvers.foresight.settle_row`."""
    branches = allowed.shape[1]
    begun, level, now = drops.copy(), np.ones(missing.size), np.empty(2)
    gained = np.zeros(missing.size)  # by entries since then, if the row had all its voltage
    before, settled = products.copy(), squares.copy()
    half = branches // 2
    curve, slope, shifts = np.empty(3), np.empty(2), np.empty((2, squares.shape[0]))
    for place in range(order.size):
        c = order[place]
        entry = weight[c] * entries[c] + earlier[c]
        now[0], now[1] = own[c, 0] * level[c], own[c, 1] * level[c]
        coming -= offset[c] * by_load[c]
        without(mending, squares, by_load[c], room[c])
        shifts[0] = by_net[c]
        shifts[1] = by_load[c]
        if own[c, 0] > 0:  # its net is chosen with it
            shifts[1] += own[c, 1] / own[c, 0] * by_net[c]
        shifts[1, -1] *= level[c]
        felt = shifts @ squares
        mended = felt @ mending
        cost = felt @ shifts.T - mended @ felt.T
        lacking = products + squares @ coming
        gain = shifts @ lacking - mended @ lacking
        lacks = weight[c] * missing[c] + aside[c] + entry @ coming - (mending @ entry) @ lacking
        reach = weight[c] * now + shifts @ earlier[c] - mended @ entry
        reach[1] -= (drops[c, c] + behind[c]) * lacks  # of a voltage that its own load lowers
        share = 1 / (1 + entry @ (mending @ entry))
        curve[0] = cost[0, 0] + share * reach[0] * reach[0]
        curve[1] = cost[0, 1] + share * reach[0] * reach[1]
        curve[2] = max(cost[1, 1], 0.0) + share * reach[1] * reach[1]
        for k in range(2):
            slope[k] = -gain[k] - reach[k] * share * lacks
        slope[1] += pull[c] * curve[0]
        cos, sin = aligned(curve, slope)
        ups, downs = turned(up[c], cos, sin), turned(down[c], cos, sin)
        one_size = count_states(allowed[c], 0, half)
        two_size = count_states(allowed[c], half, branches)
        one, one_keys = ascending_states(ups, downs, allowed[c], 0, half, one_size)
        two, two_keys = ascending_states(ups, downs, allowed[c], half, branches, two_size)
        origin = turned((numbers[c] - base[c]).reshape(1, 2), cos, sin)[0]
        far, across, key, found = best_state(one, one_keys, two, two_keys, origin, curve, slope)
        if not found:
            continue
        for k in range(branches):
            code = (key >> (2 * k)) & 3
            states[c, k] = -1 if code == 2 else code
        far -= origin[0]
        across -= origin[1]
        net, load = cos * far - sin * across, cos * across + sin * far
        numbers[c, 0] += net
        numbers[c, 1] += load
        gained[c] = own[c, 0] * net + own[c, 1] * load
        moved = net * shifts[0] + load * shifts[1]
        before -= moved @ settled
        aside -= earlier @ moved
        full = level.copy()
        lowered(drops, level, behind[c], c, load)
        if full[c] > 0:
            missing[c] -= (now[0] * net + now[1] * load) * level[c] / full[c]
        felt_by_others(missing, along[c], begun[c], gained, full - level, c, net)
        products[:] = before
        for k in order[: place + 1]:
            lacks = weight[k] * missing[k] + aside[k]
            products += lacks * (weight[k] * entries[k] + earlier[k])
        joined(mending, squares, entry)

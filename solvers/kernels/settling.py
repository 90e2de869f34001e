"""States of cells, one cell after another, each disturbing its row and its column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled

Floats = NDArray[np.float64]
Keys = NDArray[np.int64]
Bytes = NDArray[np.int8]
Influences = NDArray[np.float32]

_LEAST = 1e-3
"""Where a net is felt less than this share once its load makes up for it, as of a cell that has
lost a line, no parabola of the net keeps much out: states are then put in order of the sum of net
and load that is felt most."""


@compiled
def count_states(allowed: Bytes, first: int, last: int) -> int:
    """How many states branches `first` to `last` have together."""
    found = 1
    for k in range(first, last):
        found *= (allowed[k] & 1) + ((allowed[k] >> 1) & 1) + ((allowed[k] >> 2) & 1)
    return found


@compiled
def merged(source: Floats, keys: Keys, starts: Floats, codes: Keys, into: Floats, found: Keys):  # type: ignore[no-untyped-def]
    """Fill `into` and `found` with the pairs of `source`, moved by each start, in order of net.

    Rows of `source`, `starts` and `into` are a net and a load; at most three starts.
    """
    size, moves = source.shape[0], starts.shape[0]
    a, b, c = 0, 0 if moves > 1 else size, 0 if moves > 2 else size
    for place in range(size * moves):
        best, which = np.inf, 0
        if a < size:
            best = source[a, 0] + starts[0, 0]
        if b < size and source[b, 0] + starts[1, 0] < best:
            best, which = source[b, 0] + starts[1, 0], 1
        if c < size and source[c, 0] + starts[2, 0] < best:
            best, which = source[c, 0] + starts[2, 0], 2
        at = a
        if which == 0:
            a += 1
        elif which == 1:
            at = b
            b += 1
        else:
            at = c
            c += 1
        into[place, 0] = best
        into[place, 1] = source[at, 1] + starts[which, 1]
        found[place] = keys[at] | codes[which]


@compiled
def ascending_states(  # type: ignore[no-untyped-def]
    up: Floats, down: Floats, allowed: Bytes, first: int, last: int, size: int
):
    """Net and load of all states of some branches, by ascending net, and two bits a branch."""
    sums, keys = np.zeros((size, 2)), np.zeros(size, np.int64)
    spare, spare_keys = np.empty((size, 2)), np.empty(size, np.int64)
    starts, codes = np.zeros((3, 2)), np.zeros(3, np.int64)
    filled = 1
    for k in range(first, last):
        moves = 0
        for code in range(3):
            if (allowed[k] >> code) & 1:
                for side in range(2):
                    starts[moves, side] = 0.0
                    if code == 1:
                        starts[moves, side] = up[k, side]
                    elif code == 2:
                        starts[moves, side] = down[k, side]
                codes[moves] = code << (2 * k)
                moves += 1
        merged(sums[:filled], keys[:filled], starts[:moves], codes[:moves], spare, spare_keys)
        sums, spare = spare, sums
        keys, spare_keys = spare_keys, keys
        filled *= moves
    return sums, keys


@compiled
def aligned(curve: Floats, slope: Floats) -> tuple[float, float]:
    """Cosine and sine of a turn of net and load, and cost as that turns it.

    None where a parabola of the net will do; else to the axes of the curve, the one that is felt
    most first.
    """
    if curve[2] > 0 and curve[0] - curve[1] ** 2 / curve[2] > _LEAST * curve[0]:
        return 1.0, 0.0
    angle = np.arctan2(2 * curve[1], curve[0] - curve[2]) / 2
    cos, sin = np.cos(angle), np.sin(angle)
    along, across = np.hypot((curve[0] - curve[2]) / 2, curve[1]), (curve[0] + curve[2]) / 2
    curve[0], curve[1], curve[2] = across + along, 0.0, max(across - along, 0.0)
    slope[0], slope[1] = cos * slope[0] + sin * slope[1], cos * slope[1] - sin * slope[0]
    return cos, sin


@compiled
def turned(pairs: Floats, cos: float, sin: float) -> Floats:
    """Pairs of a net and a load, seen from axes that are turned."""
    seen = np.empty(pairs.shape)
    for k in range(pairs.shape[0]):
        seen[k, 0] = cos * pairs[k, 0] + sin * pairs[k, 1]
        seen[k, 1] = cos * pairs[k, 1] - sin * pairs[k, 0]
    return seen


@compiled
def least_across(one: Floats, two: Floats, origin: Floats, curve: Floats, slope: Floats) -> float:
    """Least that the second number of any state may cost by itself."""
    low = one[:, 1].min() + two[:, 1].min() - origin[1]
    high = one[:, 1].max() + two[:, 1].max() - origin[1]
    d1 = low if slope[1] > 0 else high
    if curve[2] > 0:
        d1 = min(max(-slope[1] / curve[2], low), high)
    return float(curve[2] * d1**2 + 2 * slope[1] * d1)


@compiled
def best_state(  # type: ignore[no-untyped-def]
    one: Floats,
    one_keys: Keys,
    two: Floats,
    two_keys: Keys,
    origin: Floats,
    curve: Floats,
    slope: Floats,
):
    """Net, load and key of the state of least cost; or the same two numbers, turned.

    The cost of a state that is d away from the origin is ``curve[0] d0^2 + 2 curve[1] d0 d1 +
    curve[2] d1^2 + 2 slope d``. Whatever its load, a state cannot cost less than a parabola of
    its net: only those within are looked at.
    """
    if not curve[0] > 0:
        return 0.0, 0.0, np.int64(0), False  # nothing is felt of it
    narrow, tilt = curve[0], slope[0]
    if curve[1] == 0:
        floor = least_across(one, two, origin, curve, slope)
    else:
        narrow -= curve[1] ** 2 / curve[2]
        tilt -= curve[1] * slope[1] / curve[2]
        floor = -(slope[1] ** 2) / curve[2]
    vertex = -tilt / narrow
    floor -= narrow * vertex**2
    best, best_i, best_j = np.inf, 0, 0
    for look in range(2):  # neighbours of the vertex first, for a bound
        j = two.shape[0]
        for i in range(one.shape[0]):
            middle = vertex + origin[0] - one[i, 0]
            while j > 0 and two[j - 1, 0] >= middle:
                j -= 1
            for way in range(2):
                k = j if way == 0 else j - 1
                while 0 <= k < two.shape[0]:
                    off = two[k, 0] - middle
                    if look == 1 and floor + narrow * off**2 >= best:
                        break
                    d0 = one[i, 0] + two[k, 0] - origin[0]
                    d1 = one[i, 1] + two[k, 1] - origin[1]
                    cost = curve[0] * d0**2 + 2 * curve[1] * d0 * d1 + curve[2] * d1**2
                    cost += 2 * (slope[0] * d0 + slope[1] * d1)
                    if cost < best:
                        best, best_i, best_j = cost, i, k
                    if look == 0:
                        break
                    k += 1 if way == 0 else -1
    net, load = one[best_i, 0] + two[best_j, 0], one[best_i, 1] + two[best_j, 1]
    return net, load, one_keys[best_i] | two_keys[best_j], True


@compiled
def weigh(  # type: ignore[no-untyped-def]
    own: Floats,
    here: Influences,
    there: Influences,
    counted: Influences,
    weights: Floats,
    alone: float,
    careful: float,
    missing: Floats,
    wanted: Floats,
    place: NDArray[np.int64],
    curve: Floats,
    slope: Floats,
):
    """Add what a change of the cell at `place` costs by its square, and halved, by its size.

    `here` and `there` are what its net and load add to the entries of its row and its column,
    `counted` the latter times `weights`, which make `wanted` of what all entries are missing. Its
    own entry counts by `alone`.
    """
    r, c = place
    n_own, l_own = own[0] + here[0, c], own[1] + here[1, c]
    others = weights[r, r]
    curve[0] += n_own * (2 * counted[0, r] + others * n_own)
    curve[1] += n_own * counted[1, r] + l_own * counted[0, r] + others * n_own * l_own
    curve[2] += l_own * (2 * counted[1, r] + others * l_own)
    slope[0] -= n_own * wanted[c, r]
    slope[1] -= l_own * wanted[c, r]
    for i in range(missing.shape[0]):
        n, load = there[0, i], there[1, i]
        more = careful * weights[i, i] if i != r else 0.0
        curve[0] += n * (counted[0, i] + more * n)
        curve[1] += n * (counted[1, i] + more * load)
        curve[2] += load * (counted[1, i] + more * load)
        slope[0] -= n * wanted[c, i]
        slope[1] -= load * wanted[c, i]
    n_own += there[0, r]
    l_own += there[1, r]
    curve[0] += (alone - others) * n_own * n_own
    curve[1] += (alone - others) * n_own * l_own
    curve[2] += (alone - others) * l_own * l_own
    slope[0] -= (alone - others) * n_own * missing[r, c]
    slope[1] -= (alone - others) * l_own * missing[r, c]
    square = (1 + careful) * others
    for j in range(missing.shape[1]):
        if j != c:
            n, load = here[0, j], here[1, j]
            curve[0] += square * n * n
            curve[1] += square * n * load
            curve[2] += square * load * load
            slope[0] -= n * wanted[j, r]
            slope[1] -= load * wanted[j, r]


@compiled
def take(  # type: ignore[no-untyped-def]
    own: Floats,
    here: Influences,
    there: Influences,
    counted: Influences,
    weights: Floats,
    missing: Floats,
    wanted: Floats,
    place: NDArray[np.int64],
    net: float,
    load: float,
):
    """Subtract what a change of net and load adds to the entries, and from what they want."""
    r, c = place
    by_row = weights[r]
    for j in range(missing.shape[1]):
        taken = here[0, j] * net + here[1, j] * load
        if j == c:
            taken += own[0] * net + own[1] * load
        missing[r, j] -= taken
        wanted[j] -= taken * by_row
    for i in range(missing.shape[0]):
        missing[i, c] -= there[0, i] * net + there[1, i] * load
        wanted[c, i] -= counted[0, i] * net + counted[1, i] * load


@compiled
def sweep(
    up: Floats,
    down: Floats,
    base: Floats,
    allowed: Bytes,
    own: Floats,
    rows: Influences,
    columns: Influences,
    counted: Influences,
    weights: Floats,
    alone: Floats,
    caution: float,
    pull: float,
    order: Keys,
    numbers: Floats,
    missing: Floats,
    states: Bytes,
) -> int:
    """Choose the states of the cells in `order`; see `solvers.settling.settle`."""
    branches = allowed.shape[2]
    half, changed = branches // 2, 0
    wanted = missing.T.copy() @ weights
    curve, slope = np.empty(3), np.empty(2)
    for s in range(order.shape[0]):
        r, c = order[s]
        here, there = rows[r, c], columns[c, r]
        curve[:] = 0.0
        slope[0], slope[1] = 0.0, pull
        weigh(
            own[r, c],
            here,
            there,
            counted[c, r],
            weights,
            alone[r],
            caution,
            missing,
            wanted,
            order[s],
            curve,
            slope,
        )
        cos, sin = aligned(curve, slope)
        ups, downs = turned(up[r, c], cos, sin), turned(down[r, c], cos, sin)
        can = allowed[r, c]
        one_size, two_size = count_states(can, 0, half), count_states(can, half, branches)
        one, one_keys = ascending_states(ups, downs, can, 0, half, one_size)
        two, two_keys = ascending_states(ups, downs, can, half, branches, two_size)
        origin = turned((numbers[r, c] - base[r, c]).reshape(1, 2), cos, sin)[0]
        along, across, key, found = best_state(one, one_keys, two, two_keys, origin, curve, slope)
        if not found:
            continue
        moved = False
        for k in range(branches):
            code = (key >> (2 * k)) & 3
            state = -1 if code == 2 else code
            moved |= states[r, c, k] != state
            states[r, c, k] = state
        changed += moved
        along -= origin[0]
        across -= origin[1]
        net, load = cos * along - sin * across, cos * across + sin * along
        numbers[r, c, 0] += net
        numbers[r, c, 1] += load
        take(
            own[r, c],
            here,
            there,
            counted[c, r],
            weights,
            missing,
            wanted,
            order[s],
            net,
            load,
        )
    return changed

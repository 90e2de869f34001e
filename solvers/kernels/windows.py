"""Random windows: some numbers searched exactly, the others fixed at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled
from solvers.kernels.merge import LARGEST, Integers, Keys, solve_one, write_mask


@compiled
def draw_signs(
    values: Integers, target: int, order: Integers, coins: NDArray[np.float64], window: int
) -> None:
    """Where signs are free, give each number outside the window one for this try.

    A target near the end of the reachable range needs almost all numbers on its side. The
    coins that decide a sign are those of the window, which needs none.
    """
    reach = 1.0
    for k in range(values.size):
        reach += abs(values[k])
    chance = 0.5 + 0.5 * target / reach
    for k in range(window, values.size):
        up = (coins[k % window] + coins[k]) % 1.0 < chance
        values[order[k]] = abs(values[order[k]]) if up else -abs(values[order[k]])


@compiled
def rest_share(values: Integers, target: int, order: Integers, window: int, signed: bool) -> float:
    """Place in the reachable range of the rest that leaves the window its own middle.

    Most sums of a window lie about its middle, so there the search is finest. From 0,
    the sum of the negative numbers outside the window, to 1, that of the positive ones.
    """
    low = 0.0
    high = 0.0
    middle = 0.0
    for k in range(values.size):
        value = values[order[k]]
        if k < window:
            middle += 0.0 if signed else 0.5 * value
        elif value < 0:
            low += value
        else:
            high += value
    return min(max((target - middle - low) / max(high - low, 1.0), 0.0), 1.0)


@compiled
def draw_rest(
    values: Integers,
    share: float,
    order: Integers,
    coins: NDArray[np.float64],
    window: int,
    most: int,
    mask: NDArray[np.int8],
) -> int:
    """Enable numbers outside the window at random, and return their sum.

    A number is enabled with the probability that puts the sum at its share on average;
    once the sum has drifted from that by more than the largest number, the next one is
    chosen to bring it back. After ``most`` numbers no more are enabled.
    """
    limit = 0
    for k in range(values.size):
        limit = max(limit, abs(values[k]))
    drift = 0.0
    total = 0
    count = 0
    for k in range(window, values.size):
        item = order[k]
        value = values[item]
        chance = share if value > 0 else 1.0 - share
        on = coins[k] < chance
        if drift > limit:
            on = value < 0
        elif drift < -limit:
            on = value > 0
        on &= count < most
        count += on
        drift += value * (1.0 - chance) if on else -value * chance
        total += value if on else 0
        mask[item] = on
    return total


@compiled
def solve_windows(
    values: Integers,
    targets: Integers,
    signed: bool,
    most: Integers,
    orders: Integers,
    coins: NDArray[np.float64],
    window: int,
    sums: Integers,
    keys: Keys,
    masks: NDArray[np.int8],
    errors: Integers,
) -> None:
    """Best of several windows for each cell; fills masks (cells, n) and errors (cells,).

    Try t searches the numbers orders[t, :window] exactly and fixes the others. Among
    tries of equal error the fewest numbers enabled win, then the earliest try. Where only
    some may be enabled, the window keeps as many as half of its numbers.
    """
    cells, n = values.shape
    drawn = np.empty(n, dtype=np.int64)
    trial = np.empty(n, dtype=np.int8)
    inside = np.empty(window, dtype=np.int64)
    digits = np.empty(window, dtype=np.int8)
    for cell in range(cells):
        limit = most[cell] if most.size else n
        rest_limit = max(limit - (window + 1) // 2, 0) if most.size else n
        best = LARGEST
        best_count = n + 1
        for t in range(orders.shape[0]):
            order = orders[t]
            drawn[:] = values[cell]
            if signed:
                draw_signs(drawn, targets[cell], order, coins[t], window)
            share = rest_share(drawn, targets[cell], order, window, signed)
            rest = draw_rest(drawn, share, order, coins[t], window, rest_limit, trial)
            used = 0
            for k in range(window, n):
                used += trial[order[k]]
                if drawn[order[k]] != values[cell, order[k]]:
                    trial[order[k]] = -trial[order[k]]
            for k in range(window):
                inside[k] = values[cell, order[k]]
            error, key = solve_one(inside, targets[cell] - rest, signed, limit - used, sums, keys)
            write_mask(key, signed, digits)
            for k in range(window):
                trial[order[k]] = digits[k]
            count = np.count_nonzero(trial)
            if error < best or (error == best and count < best_count):
                best = error
                best_count = count
                masks[cell] = trial
        errors[cell] = best

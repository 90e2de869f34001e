"""Windows: some numbers searched exactly, the others fixed at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from solvers.kernels.compiled import compiled
from solvers.kernels.merge import (
    Integers,
    Keys,
    closest_in_classes,
    sorted_halves,
    write_mask,
)


@compiled
def coin(seed: int, index: int) -> float:
    """A number in [0, 1) that looks random.

    SplitMix64: G. L. Steele, D. Lea and C. H. Flood, OOPSLA 2014, doi:10.1145/2660193.2660195.
    """
    z = np.uint64(seed) + np.uint64(index + 1) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) * 2.0**-53


@compiled
def enabled(mask: NDArray[np.int8]) -> int:
    """How many coefficients differ from 0."""
    count = 0
    for k in range(mask.size):
        count += mask[k] != 0
    return count


@compiled
def window_first(values: Integers, ranked: Integers, window: int, order: Integers) -> None:
    """Order the numbers: a window, small ones where they serve, then the others, large first.

    Sums of small numbers lie densest. But where a number is much larger than all smaller
    ones together, those cannot make up for what the larger ones miss: the window begins
    there. Sums of nearly equal numbers lie in clusters: the window is then spread over all
    magnitudes from there on. Of equal magnitudes one goes first into the window, zeros
    last. ``ranked`` has the numbers in ascending order of magnitude.
    """
    n = values.size
    useful = np.empty(n, dtype=np.int64)
    count = 0
    first = 0
    below = 0.0
    last = 0
    for k in range(n):
        size = abs(values[ranked[k]])
        if size != last:
            if size > 4 * below:
                first = count
            useful[count] = k
            count += 1
        below += size
        last = size
    first = max(min(first, count - window), 0)
    step = 1.0
    if count > window > 0:
        smallest = abs(values[ranked[useful[first]]])
        if abs(values[ranked[useful[first + window - 1]]]) < 4 * smallest:
            step = (count - first) / window
    taken = np.zeros(n, dtype=np.bool_)
    place = 0
    for k in range(min(window, count)):
        taken[useful[first + int(k * step)]] = True
    for k in range(n):
        if taken[k]:
            order[place] = ranked[k]
            place += 1
    for k in range(n - 1, -1, -1):
        if not taken[k]:
            order[place] = ranked[k]
            place += 1


@compiled
def draw_signs(
    values: Integers, target: int, order: Integers, window: int, seed: int, start: int
) -> None:
    """Where signs are free, give each number outside the window one for this try.

    A target near the end of the reachable range needs almost all numbers on its side.
    """
    reach = 1.0
    for k in range(values.size):
        reach += abs(values[k])
    chance = 0.5 + 0.5 * target / reach
    for k in range(window, values.size):
        up = coin(seed, start + k) < chance
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
    window: int,
    most: int,
    seed: int,
    start: int,
    mask: NDArray[np.int8],
) -> int:
    """Enable numbers outside the window at random, and return their sum.

    A number is enabled with the probability that puts the sum at its share on average;
    once the sum has drifted from that by more than the number at hand, that one is chosen
    to bring it back. After ``most`` numbers no more are enabled.
    """
    drift = 0.0
    total = 0
    count = 0
    for k in range(window, values.size):
        item = order[k]
        value = values[item]
        chance = share if value > 0 else 1.0 - share
        on = coin(seed, start + k) < chance
        if drift > abs(value):
            on = value < 0
        elif drift < -abs(value):
            on = value > 0
        on &= (count < most) & (value != 0)
        count += on
        drift += value * (1.0 - chance) if on else -value * chance
        total += value if on else 0
        mask[item] = on
    return total


@compiled
def solve_windows(
    values: Integers,
    ranked: Integers,
    targets: Integers,
    signed: bool,
    most: Integers,
    window: int,
    seed: int,
    tries: tuple[int, int],
    sums: Integers,
    keys: Keys,
    masks: NDArray[np.int8],
    errors: Integers,
) -> None:
    """Improve masks (cells, n) and errors (cells,) by the tries from one number to another.

    A cell whose error is LARGEST has no mask yet. The sums of the window are sorted once;
    each try fixes the other numbers and walks through both halves. Among tries of equal
    error the fewest numbers enabled win, then the earliest try. Where only some may be
    enabled, the window keeps as many as half of its numbers.
    """
    cells, n = values.shape
    order = np.empty(n, dtype=np.int64)
    drawn = np.empty(n, dtype=np.int64)
    trial = np.empty(n, dtype=np.int8)
    digits = np.empty(window, dtype=np.int8)
    for cell in range(cells):
        limit = most[cell] if most.size else n
        rest_limit = max(limit - (window + 1) // 2, 0) if most.size else n
        window_first(values[cell], ranked[cell], window, order)
        low, low_keys, low_starts, high, high_keys, high_starts = sorted_halves(
            values[cell][order[:window]], signed, limit < n, sums, keys
        )
        best_count = enabled(masks[cell])
        for t in range(tries[0], tries[1]):
            for k in range(n):
                drawn[k] = values[cell, k]
            if signed:
                draw_signs(drawn, targets[cell], order, window, seed, (2 * t + 1) * n)
            share = rest_share(drawn, targets[cell], order, window, signed)
            trial[:] = 0
            rest = draw_rest(drawn, share, order, window, rest_limit, seed, 2 * t * n, trial)
            used = enabled(trial)
            for k in range(window, n):
                if drawn[order[k]] != values[cell, order[k]]:
                    trial[order[k]] = -trial[order[k]]
            error, key = closest_in_classes(
                low,
                low_keys,
                low_starts,
                high,
                high_keys,
                high_starts,
                limit - used,
                targets[cell] - rest,
            )
            if error > errors[cell]:
                continue
            write_mask(key, signed, digits)
            for k in range(window):
                trial[order[k]] = digits[k]
            count = enabled(trial)
            if error < errors[cell] or count < best_count:
                errors[cell] = error
                best_count = count
                for k in range(n):  # compiles much faster than an assignment of the row
                    masks[cell, k] = trial[k]

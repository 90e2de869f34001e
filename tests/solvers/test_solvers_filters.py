"""The filters: what their certificate rests on, and sets that they were not made for."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import solvers
from solvers.kernels import filters
from solvers.kernels.merge import LARGEST

SETS = {
    "powers of two twice": ("[2.0**-i for i in range(20)] * 2", 1.0 + 2.0**-30, (0, 1)),
    "the same near an end": ("[2.0**-i for i in range(20)] * 2", 2 - 2.0**-19 + 2.0**-25, (0, 1)),
    "powers of three twice": ("[3.0**-i for i in (*range(12), *range(13))]", 1e-9, (-1, 0, 1)),
    "equal halves": ("[0.1 * k for k in range(1, 20)] * 2", 7.77, (0, 1)),
    "near an end": ("[1 / k for k in range(1, 40)]", 4.25, (0, 1)),
}


@pytest.mark.parametrize("name", SETS)
def test_many_equal_sums_match_another_method(name):
    text, target, coefficients = SETS[name]
    values = eval(text)  # a literal above
    kind = {"coefficients": coefficients}
    halves = solvers.solve(values, target, "meet-in-the-middle", **kind)
    quarters = solvers.solve(values, target, "schroeppel-shamir", **kind)
    assert np.array_equal(halves.mask, quarters.mask)


def test_no_kernel_leaves_its_arrays(tmp_path):
    """The same sets, small ones and a limited one, with every index checked."""
    problems = [(text, target, kind) for text, target, kind in SETS.values()]
    lines = [
        f"solvers.solve({t}, {z!r}, 'meet-in-the-middle', coefficients={c})"
        for t, z, c in problems[:3]
    ]
    lines += ["solvers.solve([0.5, -0.2, 0.1, 0.7], 0.35, fixed=[1, 0, *[float('nan')] * 2])"]
    lines += ["solvers.solve([0.3] * 16, 1.0, at_most=2)"]
    code = "import solvers\n" + "\n".join(lines)
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("n", [15, 20, 24, 31])
@pytest.mark.parametrize("sign", [1, -1])
def test_rounding_moves_no_pair_out_of_reach(n, sign):
    """Numbers just below half a step above a multiple: all roundings go the same way.

    The best pair is planted as far from the target as the certificate covers. A window
    that forgot the roundings would miss it and certify a worse one.
    """
    rng = np.random.default_rng(n)
    reach = filters.certified_steps(n)
    found = 0
    for _ in range(40):
        step = 1 << 20
        values = rng.integers(1 << 30, 1 << 36, n) * step + sign * (step // 2 - 1)
        mask = rng.integers(0, 2, n)
        target = int(values @ mask) + sign * int(reach * step * rng.uniform(0.9, 1))
        base = 1 << (n // 2)
        low, high = np.empty(base, np.uint32), np.empty(1 << (n - n // 2), np.uint32)
        places = [np.empty(high.size + 1, np.int32) for _ in range(2)]
        table = np.empty(max(64, 8 * base), np.uint8)
        goal = int(np.rint(target / step))
        filters.half_sums(values[: n // 2], 1 / step, False, low)
        filters.half_sums(values[n // 2 :], 1 / step, False, high)
        highs = filters.filter_all(low, high, goal, table, places[1])
        lows = filters.filter_some(
            high, places[1][:highs], low, places[1][:0], goal, filters.HASH, table, places[0]
        )
        best, _ = filters.closest_survivors(
            values,
            target,
            False,
            low,
            places[0][:lows],
            high,
            places[1][:highs],
            goal,
            table.view(np.int32),
            np.empty(base, np.int32),
        )
        assert best < LARGEST
        assert best <= abs(int(values @ mask) - target)
        found += 1
    assert found == 40

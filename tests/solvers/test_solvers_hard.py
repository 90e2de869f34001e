"""Single hard instances: exact by intervals of sums, the best so far at any time."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import solvers
from solvers.grid import Grid
from solvers.methods import meet_in_the_middle, schroeppel_shamir
from solvers.solution import Certificate

BINARY, SIGNED = (0, 1), (-1, 0, 1)
NAME = "schroeppel-shamir"


def grid_of(values, target, signed=False):
    values = np.array([values], np.int64)
    return Grid(values, np.array([target]), np.zeros(1, np.int64), np.ones(1, bool), 55, signed)


def draw(n, seed, bits=52):
    rng = np.random.default_rng([seed, n])
    values = np.rint(rng.uniform(-1, 1, n) * 2.0**bits).astype(np.int64)
    return values, int(rng.uniform(-1, 1) * 2.0**bits)


def check_same(grid, certificates=(Certificate.FILTER,)):
    """Mask, error and proof are those of meet in the middle."""
    expected = meet_in_the_middle.run(grid, {})
    answer = schroeppel_shamir.run(grid, {})
    assert answer.mask.tolist() == expected.mask.tolist()
    assert answer.bound == expected.bound
    assert answer.certificate[0] in certificates


@pytest.fixture(params=[1, 7, 100])
def small_intervals(monkeypatch, request):
    """Search in intervals, of so many pairs, whatever the size; from a poor first answer."""
    monkeypatch.setattr(schroeppel_shamir, "_MOST_STORED", 1)
    monkeypatch.setattr(schroeppel_shamir, "_PAIRS", request.param)
    monkeypatch.setattr(schroeppel_shamir, "_START", {"tries": 1, "window": 1})


_RNG = np.random.default_rng(31)
DEGENERATE = {
    "one": ([5], 3),
    "two": ([5, -3], 1),
    "three": ([5, -3, 4], 3),
    "all equal": ([3] * 13, 17),
    "all equal, tie": ([4] * 12, 18),
    "all zero": ([0] * 9, 0),
    "many zeros": ([0, 0, 7, 0, 0, 0, -5, 0, 0, 3, 0, 0], 4),
    "one half zero": ([0] * 6 + [11, 5, -8, 13, 2, 7], 9),
    "small integers": (_RNG.integers(-3, 4, 14), 2),
    "even integers, odd target": (2 * _RNG.integers(-9, 10, 14), 3),
    "duplicates": (np.repeat(_RNG.integers(-(2**40), 2**40, 7), 2), 2**39),
    "opposite pairs": (np.concatenate([np.arange(1, 8), -np.arange(1, 8)]) * 2**30, 5),
    "powers of two": (2 ** np.arange(14), 12345),
    "powers of two, descending": (-(2 ** np.arange(14)[::-1]), -12345),
    "powers of three": (3 ** np.arange(14), 3**13 - 12345),
    "one large among small": ([2**50, *range(1, 14)], 2**49),
    "halves of two scales": ([*range(1, 8), *(10**9 * np.arange(1, 8))], 4 * 10**9 + 3),
    "nearly equal": (10**9 + _RNG.integers(0, 100, 14), 6 * 10**9 + 77),
    "nearly equal, between": (10**9 + _RNG.integers(0, 100, 14), 65 * 10**8),
    "target at the top": ([2**40 + k for k in range(12)], 12 * 2**40 + 60),
    "as large as a grid takes": (_RNG.integers(-(2**57), 2**57, 15), 2**58),
    "as large as a grid takes, one sign": ([2**57 - k for k in range(15)], 2**60),
}


@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("signed", [False, True])
def test_degenerate_cells_are_searched_to_the_end(small_intervals, case, signed):
    values, target = DEGENERATE[case]
    check_same(grid_of(values[:9] if signed else values, target, signed))


@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("signed", [False, True])
def test_degenerate_cells_are_met_in_the_middle(case, signed):
    values, target = DEGENERATE[case]
    check_same(grid_of(values, target, signed), (Certificate.EXHAUSTIVE,))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(-20, 20) | st.integers(-(2**50), 2**50), min_size=1, max_size=10),
    st.floats(0, 1),
    st.booleans(),
    st.sampled_from([1, 5, 60]),
    st.sampled_from([1, 10]),
)
def test_any_cell_has_the_mask_of_meet_in_the_middle(values, share, signed, pairs, stored):
    """Ties included: halves searched in intervals of any size, or stored where they fit."""
    low = -sum(map(abs, values)) if signed else sum(value for value in values if value < 0)
    high = sum(abs(value) for value in values if signed or value > 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schroeppel_shamir, "_MOST_STORED", stored)
        patch.setattr(schroeppel_shamir, "_PAIRS", pairs)
        patch.setattr(schroeppel_shamir, "_START", {"tries": 1, "window": 1})
        grid = grid_of(values, low + int(share * (high - low)), signed)
        check_same(grid, (Certificate.FILTER, Certificate.EXHAUSTIVE))


@pytest.mark.parametrize("n, signed", [(26, False), (31, False), (36, False), (17, True)])
def test_random_cells_in_intervals(monkeypatch, n, signed):
    monkeypatch.setattr(schroeppel_shamir, "_MOST_STORED", 1 << 10)
    monkeypatch.setattr(schroeppel_shamir, "_PAIRS", 1 << 12)
    for seed in range(3):
        check_same(grid_of(*draw(n, seed), signed))


@pytest.mark.parametrize("bits", [8, 16, 20])
def test_ties_among_many_sums(monkeypatch, bits):
    """Small integers: pairs of each interval share sums, and many choices have no error."""
    monkeypatch.setattr(schroeppel_shamir, "_MOST_STORED", 1)
    monkeypatch.setattr(schroeppel_shamir, "_PAIRS", 1 << 10)
    for seed in range(3):
        check_same(grid_of(*draw(26, seed, bits)))


def test_targets_near_the_ends(small_intervals):
    values, _ = draw(14, 9)
    low, high = int(values[values < 0].sum()), int(values[values > 0].sum())
    for share in (0, 0.001, 0.02, 0.98, 0.999, 1):
        check_same(grid_of(values, low + int(share * (high - low))))


def test_planted_subset_is_found_among_48():
    """2**48 choices against some 2**57 sums: another one without error is not expected."""
    values, _ = draw(48, 0, 55)
    planted = np.random.default_rng(2).integers(0, 2, 48)
    answer = schroeppel_shamir.run(grid_of(values, int(planted @ values)), {"seed": 4})
    assert answer.mask[0].tolist() == planted.tolist()
    assert (answer.bound[0], answer.certificate[0]) == (0, Certificate.FILTER)


def test_signed_cell_beyond_meet_in_the_middle():
    """3**30 choices against some 2**57 sums: the planted one is expected to be alone."""
    values, _ = draw(30, 1, 54)
    planted = np.random.default_rng(3).integers(-1, 2, 30)
    answer = schroeppel_shamir.run(grid_of(values, int(planted @ values), True), {})
    assert answer.mask[0].tolist() == planted.tolist()
    assert answer.certificate[0] == Certificate.FILTER


@pytest.mark.parametrize(
    "values, target, certificate",
    [
        (np.full(64, 0.3), 10.0, "every choice was compared"),
        (np.random.default_rng(1).integers(-1000, 1000, 64), 777.5, "every choice was compared"),
        (np.repeat(2.0 ** -np.arange(30), 2), 1.23456, "every choice was compared"),
        (2.5 ** -np.arange(64.0), 0.87654321, "within a bound"),
        (np.where(np.arange(60) < 30, 0, np.random.default_rng(2).random(60)), 3, "within a bound"),
        ([1.0] + [1e-9] * 63, 0.5, "every choice was compared"),
        (np.concatenate([np.ones(30), np.random.default_rng(3).random(24)]), 2.2, "within a"),
    ],
)
def test_few_distinct_sums_make_large_sets_easy(values, target, certificate):
    """Far more choices than could be compared one by one; a blow-up would not come back."""
    solution = solvers.solve(values, target, NAME)
    assert solution.optimal
    assert certificate in solution.certificate


def test_equal_values_take_the_smallest_mask():
    solution = solvers.solve(np.full(64, 1e-5), 10.2e-5, NAME)
    assert np.flatnonzero(solution.mask).tolist() == list(range(10))


def test_seed_only_orders_the_search():
    values, target = draw(44, 5)
    first, second = (
        schroeppel_shamir.run(grid_of(values, target), {"seed": seed}) for seed in (1, 2)
    )
    assert np.array_equal(first.mask, second.mask)
    starts = [next(schroeppel_shamir.search(grid_of(values, target), seed)) for seed in (1, 1, 2)]
    assert np.array_equal(starts[0].mask, starts[1].mask)
    assert not np.array_equal(starts[0].mask, starts[2].mask)


@pytest.mark.parametrize(
    "coefficients, n", [((0, 1), 1), ((0, 1), 12), ((-1, 1), 12), ((-1, 0, 1), 8)]
)
def test_batches_of_small_cells(coefficients, n):
    rng = np.random.default_rng(n)
    values, targets = rng.normal(0, 1e-5, (8, n)), rng.normal(0, 2e-5, 8)
    fixed = np.where(rng.random((8, n)) < 0.2, coefficients[-1], np.nan)
    options = {"coefficients": coefficients, "fixed": fixed}
    found = solvers.solve_batch(values, targets, NAME, **options)
    expected = solvers.solve_batch(values, targets, "meet-in-the-middle", **options)
    assert np.array_equal(found.mask, expected.mask)
    assert np.array_equal(found.lower_bound, expected.lower_bound)


@pytest.mark.parametrize(
    "n, options, message",
    [
        (65, {}, "n = 65: .*at most 64"),
        (41, {"coefficients": (-1, 0, 1)}, "n = 41: .*at most 40"),
        (5, {"at_most": 3}, "at_most: .*cannot limit"),
        (5, {"progress": 1}, "progress = 1: give a function"),
        (5, {"tries": 3}, "tries = 3: .*takes seed, time_limit, progress"),
    ],
)
def test_what_it_cannot_do_is_refused(n, options, message):
    with pytest.raises(solvers.InvalidInput, match=message):
        solvers.solve(np.ones(n), 0.5, NAME, **options)


def test_import_stays_light():
    code = "import sys, solvers.methods.schroeppel_shamir; print('numba' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("n", "coefficients"),
    [(36, BINARY), (39, BINARY), (40, BINARY), (22, SIGNED), (24, SIGNED), (25, SIGNED)],
)
def test_largest_filtered_sets_match(n, coefficients):
    """The filters' tables grow with the set, and their words do not."""
    rng = np.random.default_rng(n)
    values, targets = rng.uniform(-1, 1, (12, n)), rng.uniform(-0.5, 0.5, 12)
    kind = {"coefficients": coefficients}
    filtered = solvers.solve_batch(values, targets, "meet-in-the-middle", **kind)
    assert (filtered.certificates == Certificate.FILTER).all()
    hard = solvers.solve_batch(values, targets, NAME, **kind)
    assert np.array_equal(filtered.mask, hard.mask)


def test_auto_follows_its_rule():
    def chosen(n, **kind):
        options = {key: kind.pop(key) for key in ("time_limit",) if key in kind}
        empty = np.empty((0, n))
        return solvers.solve_batch(empty, [], **kind, **options).method

    signed = {"coefficients": (-1, 0, 1)}
    assert [chosen(n) for n in (0, 14, 15, 40, 41, 60, 61)] == [
        *["enumeration"] * 2,
        *["meet-in-the-middle"] * 2,
        *[NAME] * 2,
        "beam",
    ]
    assert [chosen(n, time_limit=1.0) for n in (61, 64, 65)] == [NAME, NAME, "beam"]
    assert [chosen(n, **signed) for n in (9, 10, 25, 26, 34, 35)] == [
        "enumeration",
        *["meet-in-the-middle"] * 2,
        *[NAME] * 2,
        "beam",
    ]
    assert [chosen(n, at_most=3) for n in (4, 44, 45)] == [*["meet-in-the-middle"] * 2, "random"]

"""Single hard instances: exact by intervals of sums, the best so far at any time."""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import solvers
from solvers.grid import Grid
from solvers.method import Interrupted, checked_options
from solvers.methods import BY_NAME, meet_in_the_middle, schroeppel_shamir
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


def test_errors_never_rise_and_the_share_only_does():
    values, target = draw(44, 6)
    course = list(schroeppel_shamir.search(grid_of(values, target), 0))
    errors, shares = [found.error for found in course], [found.share for found in course]
    assert errors == sorted(errors, reverse=True)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    assert shares.count(1) == 1
    assert errors[-1] < errors[0]
    assert all(abs(int(found.mask @ values) - target) == found.error for found in course)
    assert [found.certificate for found in course[:-1]] == [Certificate.NONE] * (len(course) - 1)


def test_time_limit_leaves_a_valid_answer_that_claims_nothing():
    rng = np.random.default_rng(7)
    values, target = rng.uniform(-1, 1, 62), 0.3
    solution = solvers.solve(values, target, NAME, time_limit=0.3)
    start = solvers.solve(values, target, "random")
    if not solution.optimal:  # an error of zero on the grid would be proof enough
        assert solution.lower_bound == 0
        assert solution.certificate.startswith("none")
    else:
        assert "zero" in solution.certificate
    assert abs(solution.error) <= abs(start.error) + 63 * solution.quantum
    assert solution.error == pytest.approx(values[solution.mask].sum() - target, abs=1e-13)


def test_zero_error_is_proof_before_the_end():
    values, _ = draw(60, 8, 20)  # 2**60 choices, 2**24 sums: hits are everywhere
    seen = []

    def stop(share, error):
        seen.append(error)
        if error == 0:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        schroeppel_shamir.run(grid_of(values, 12345), {"progress": stop})
    answer = caught.value.answer
    assert seen[-1] == 0
    assert (answer.certificate[0], answer.bound[0]) == (Certificate.ZERO, 0)
    assert int(answer.mask[0] @ values) == 12345


def test_interrupt_keeps_the_best_mask_and_the_cells_that_are_done(monkeypatch):
    monkeypatch.setattr(schroeppel_shamir, "_INTERVALS_A_REPORT", 2)
    easy, (values, target) = np.arange(46), draw(46, 11)
    grid = Grid(
        np.stack([easy, values, values]),
        np.array([300, target, target]),
        np.zeros(3, np.int64),
        np.ones(3, bool),
        55,
    )
    reports = []

    def stop(share, error):
        reports.append((share, error))
        if len(reports) == 6:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        schroeppel_shamir.run(grid, {"progress": stop})
    shares, errors = zip(*reports, strict=True)
    assert shares[:3] == (0, 1, 0)
    assert 0 < shares[3] < shares[4] < shares[5] < 1
    assert caught.value.done.tolist() == [True, False, False]
    assert caught.value.begun.tolist() == [True, True, False]
    answer = caught.value.answer
    mask = answer.mask
    assert (mask.shape, mask.dtype) == ((3, 46), np.int8)
    assert easy @ mask[0] == 300
    assert abs(int(values @ mask[1]) - target) == errors[-1]
    assert errors[-1] < errors[2]  # better than the first answer
    assert not mask[2].any()
    assert answer.certificate.tolist() == [Certificate.EXHAUSTIVE, *[Certificate.NONE] * 2]
    assert answer.bound.tolist() == [0, 0, 0]
    assert isinstance(caught.value, KeyboardInterrupt)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no timer signal")
@pytest.mark.parametrize("delay", [0.03, 0.05, 0.08, 0.12, 0.2])
def test_a_signal_in_compiled_code_keeps_the_best_mask(delay):
    values, target = draw(62, 12)
    schroeppel_shamir.run(grid_of(*draw(44, 12)), {})  # compiled from here on

    def interrupt(*_):
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, delay)
        with pytest.raises(Interrupted) as caught:
            schroeppel_shamir.run(grid_of(values, target), {})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert caught.value.answer.mask.any()
    assert abs(int(caught.value.answer.mask[0] @ values) - target) < 2**40  # of 2**52


def test_progress_of_each_cell_ends_at_one():
    reports = []
    values = np.random.default_rng(1).uniform(-1, 1, (3, 42))
    solution = solvers.solve_batch(
        values, [0.1, 0.2, 0.3], NAME, progress=lambda *report: reports.append(report)
    )
    assert [share for share, _ in reports] == [0, 1] * 3
    final = [error for share, error in reports if share == 1]
    step = 2.0**-55  # of a full scale of 1; each of 43 roundings moves a sum by half of it
    assert np.abs(solution.error) == pytest.approx(np.array(final) * step, rel=0, abs=21.5 * step)


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


def test_progress_is_checked_without_a_call():
    calls = []
    checked_options(NAME, {"progress": calls.append}, BY_NAME)
    assert not calls


def test_import_stays_light():
    code = "import sys, solvers.methods.schroeppel_shamir; print('numba' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_batch_carries_a_solution(workers):
    rng = np.random.default_rng(2)
    values, targets = rng.uniform(-1, 1, (8, 62)), rng.uniform(-0.5, 0.5, 8)
    targets[0] = 1e3  # out of reach: answered without a search

    def stop(share, error):
        if share > 0.001:
            raise KeyboardInterrupt

    with pytest.raises(solvers.SearchInterrupted, match=r"of 8 cells done") as caught:
        solvers.solve_batch(values, targets, NAME, progress=stop, workers=workers)
    solution, done = caught.value.solution, caught.value.done
    assert done[0]
    assert not done.all()
    assert set(solution.certificates[~done]) <= {Certificate.NONE, Certificate.ZERO}
    assert (solution.lower_bound[~done] == 0).all()
    begun = ~np.isnan(solution.error)
    assert begun[:2].all()
    assert (np.abs(solution.error[begun & ~done]) < 1e-6).all()
    chosen = np.where(solution.mask, values, 0).sum(axis=1)
    assert solution.achieved[begun] == pytest.approx(chosen[begun], rel=1e-12)


def test_an_interrupted_solve_carries_one_solution():
    values = np.random.default_rng(3).uniform(-1, 1, 62)

    def stop(share, error):
        if share > 0.001:
            raise KeyboardInterrupt

    with pytest.raises(solvers.SearchInterrupted) as caught:
        solvers.solve(values, 0.3, NAME, progress=stop)
    assert caught.value.solution.mask.shape == (62,)
    assert abs(caught.value.solution.error) < 1e-6


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

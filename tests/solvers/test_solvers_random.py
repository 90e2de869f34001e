"""The randomized heuristic: repeatable, honest, and as good as it says."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import solvers


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(1)
    return rng.uniform(-1, 1, (20, 50)), rng.uniform(-3, 3, 20)


def run(cells, **options):
    return solvers.solve_batch(*cells, "random", **{"window": 12, "tries": 8, **options})


def test_same_seed_same_bits(cells):
    first, again, other = run(cells, seed=5), run(cells, seed=5), run(cells, seed=6)
    assert np.array_equal(first.mask, again.mask)
    assert np.array_equal(first.error, again.error)
    assert not np.array_equal(first.mask, other.mask)
    assert np.array_equal(run(cells).mask, run(cells, seed=0).mask)


def test_answer_does_not_depend_on_the_rest_of_the_batch(cells, monkeypatch):
    from solvers.methods import random_window

    whole = run(cells)
    part = run((cells[0][13:17], cells[1][13:17]))
    assert np.array_equal(whole.mask[13:17], part.mask)
    monkeypatch.setattr(random_window, "_SUMS_A_CALL", 1500)
    assert np.array_equal(whole.mask, run(cells).mask)


def test_more_tries_never_worsen(cells):
    errors = [np.abs(run(cells, tries=tries).error) for tries in (1, 2, 5, 20, 60)]
    assert all((more <= fewer).all() for fewer, more in pairwise(errors))
    assert np.median(errors[-1]) < np.median(errors[0]) / 8


def test_it_claims_nothing_that_it_did_not_prove(cells):
    solution = run(cells)
    assert solution.status == "feasible"
    assert not solution.optimal.any()
    assert (solution.lower_bound == 0).all()
    assert solution.certificate.startswith("none")


def test_zero_error_is_proven():
    solution = solvers.solve(np.ones(50), 20.0, "random")
    assert solution.error == 0
    assert solution.optimal


def test_larger_window_gains_bits(cells):
    """About one bit for each number in the window; half of that leaves room for luck."""
    small = np.median(np.log2(np.abs(run(cells, window=8).error)))
    large = np.median(np.log2(np.abs(run(cells, window=20).error)))
    assert small - large > 6


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3, 0.9])
def test_large_one_sided_sets_meet_their_target(share):
    """A drawn rest far from the target could not be repaired by the window."""
    values = np.random.default_rng(2).uniform(0.5e-6, 1e-6, (5, 400))
    targets = share * values.sum(axis=1)
    solution = solvers.solve_batch(values, targets, "random", window=16, tries=16)
    assert (np.abs(solution.error) < 1e-9).all()


def test_small_sets_need_luck_only(brute_force):
    rng = np.random.default_rng(9)
    values, target = rng.uniform(-1, 1, 10), 0.2
    best = brute_force(values, target)
    few = solvers.solve(values, target, "random", window=5, tries=2)
    many = solvers.solve(values, target, "random", window=6, tries=300)
    assert abs(few.error) >= best.error
    assert many.mask.tolist() == best.mask


def test_a_time_limit_goes_on_where_tries_end(cells):
    """Tries are the same ones: as many with a limit as without are no worse."""
    limited = run((cells[0][:3], cells[1][:3]), time_limit=0.05, tries=None)
    fixed = run((cells[0][:3], cells[1][:3]), tries=8)
    assert (np.abs(limited.error) <= np.abs(fixed.error)).all()
    assert limited.seconds > 0.1


def test_a_time_limit_ends_with_the_tries_where_both_are_given(cells):
    limited, fixed = run(cells, time_limit=1e3, tries=20), run(cells, tries=20)
    assert np.array_equal(limited.mask, fixed.mask)


def test_a_time_limit_ends_at_zero_error():
    solution = solvers.solve(np.ones(50), 20.0, "random", time_limit=1e3)
    assert solution.error == 0


def test_tries_in_several_calls_are_the_same(cells, monkeypatch):
    from solvers.methods import random_window

    whole = run(cells, tries=20)
    monkeypatch.setattr(random_window, "_SUMS_A_CALL", 1)
    monkeypatch.setattr(random_window, "_LEAST_TRIES_A_CALL", 3)
    assert np.array_equal(run(cells, tries=20).mask, whole.mask)


@pytest.mark.parametrize("coefficients", [(0, 1), (-1, 0, 1)])
def test_limits_are_kept(cells, coefficients):
    options = {"coefficients": coefficients, "at_most": 9, "tries": 40}
    solution = run(cells, **options)
    assert (np.count_nonzero(solution.mask, axis=1) <= 9).all()
    achieved = (solution.mask * cells[0]).sum(axis=1)
    assert achieved - cells[1] == pytest.approx(solution.error, abs=1e-12)

"""`schroeppel-shamir` while it runs: progress, time limits, Ctrl-C."""

from __future__ import annotations

import signal

import numpy as np
import pytest

import solvers
from solvers.grid import Grid
from solvers.method import Interrupted, checked_options
from solvers.methods import BY_NAME, schroeppel_shamir
from solvers.solution import Certificate

NAME = "schroeppel-shamir"


def grid_of(values, target, signed=False):
    values = np.array([values], np.int64)
    return Grid(values, np.array([target]), np.zeros(1, np.int64), np.ones(1, bool), 55, signed)


def draw(n, seed, bits=52):
    rng = np.random.default_rng([seed, n])
    values = np.rint(rng.uniform(-1, 1, n) * 2.0**bits).astype(np.int64)
    return values, int(rng.uniform(-1, 1) * 2.0**bits)


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


def test_progress_is_checked_without_a_call():
    calls = []
    checked_options(NAME, {"progress": calls.append}, BY_NAME)
    assert not calls


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

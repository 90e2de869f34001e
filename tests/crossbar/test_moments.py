"""What errors of a column cost together, and switches that products with known inputs gain from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import Design, Tile, Wires, fabricate, measure, target_siemens
from crossbar.compensation import compensate
from crossbar.compensation.moments import moments_alike, moments_of, told_apart
from crossbar.metrics import effective_bits


def mixed(seed, points, rows, sources=4):
    """Inputs that a few sources make, some by themselves."""
    ways = np.random.default_rng(7).normal(size=(sources, rows))
    random = np.random.default_rng(seed)
    return random.normal(size=(points, sources)) @ ways + 0.3 * random.normal(size=(points, rows))


def test_moments_of_many_points_are_their_mean_products():
    """With a tenth of the mean square at each, over 1.1."""
    points = mixed(0, 20_000, 6)
    points /= np.sqrt(np.mean(points**2))
    exact = (points.T @ points / len(points) + 0.1 * np.eye(6)) / 1.1
    # they are drawn to the goal by the order of 1 over the points
    assert moments_of(points) == pytest.approx(exact, abs=2e-3)


@pytest.mark.parametrize("points", [1, 3, 30, 300])
def test_inputs_that_are_alike_keep_nothing_of_what_chance_has_put_into_few(points):
    """Independent uniform ones: the goal alone, each mean product 3/4 of the mean square."""
    rows = 60
    found = moments_of(np.random.default_rng(2).random((points, rows)) * np.sqrt(3))
    off = found[~np.eye(rows, dtype=bool)]
    assert np.ptp(np.diag(found)) < (0.1 if points > 3 else 1.0)
    assert off.std() < (0.02 if points > 3 else 0.5)
    assert off.mean() == pytest.approx(0.75 / 1.1, rel=0.15)


def test_moments_of_few_points_are_nearer_to_those_of_many_than_plain_means():
    many, away = moments_of(mixed(0, 50_000, 40)), []
    for seed in range(20):
        points = mixed(seed + 1, 12, 40)
        plain = (points.T @ points / 12 + 0.1 * np.eye(40)) / 1.1
        away.append([np.linalg.norm(found - many) for found in (moments_of(points), plain)])
    ours, theirs = np.sqrt(np.mean(np.square(away), axis=0))
    assert ours < 0.95 * theirs


@pytest.mark.parametrize("points", [np.ones((3, 4)), np.zeros((2, 4)), np.ones((5, 1)), np.eye(4)])
def test_moments_cost_something_whatever_the_error(points):
    found = moments_of(points)
    assert np.array_equal(found, found.T)
    assert np.linalg.eigvalsh(found).min() > 0.09


def test_rows_one_at_a_time_have_nothing_to_do_with_each_other():
    found = moments_of(np.eye(4) * 2)
    assert found == pytest.approx(np.eye(4), rel=1e-12)
    assert moments_alike(4, 0.0) == pytest.approx(np.eye(4), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_sums_told_apart_cost_what_errors_do_and_leave_the_best_to_later_ones(seed):
    random = np.random.default_rng(seed)
    rows, columns = 7, 3
    moments, kept = moments_of(mixed(seed, 20, rows)), random.random((rows, columns)) < 0.7
    sums, errors = told_apart(moments, kept), random.normal(size=(rows, columns))
    found = (sums @ errors.T[..., None])[..., 0]
    for column in range(columns):
        wrong = errors[:, column]
        cost = wrong @ moments @ wrong
        assert (found[column] ** 2).sum() == pytest.approx(cost, rel=1e-9)
        order = np.argsort(kept[:, column], kind="stable")  # pruned ones first
        for settled in range(1, rows):
            early, late = order[:settled], order[settled:]
            best = np.linalg.solve(
                moments[np.ix_(late, late)], -moments[np.ix_(late, early)] @ wrong[early]
            )
            whole = wrong.copy()
            whole[late] = best
            least = whole @ moments @ whole
            assert (found[column, early] ** 2).sum() == pytest.approx(least, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    "design, ohm",
    [
        (Design(ladder="stagger", resistors=16), 100.0),
        (Design(polarity="steered", ladder="stagger", radix=1.1, resistors=8), 100.0),
        (Design(ladder="guaranteed", resistors=10), 100.0),
        (Design(ladder="stagger", resistors=12), 1.0),
    ],
    ids=["in turn", "in turn, steered", "by passes", "by passes, weak wires"],
)
def test_products_with_inputs_like_those_given_gain_bits(design, ohm):
    """Inputs that few sources make, others of the same sources than those that are given.

    Measured: 1.6 to 1.9 bits beside rows that are all alike.
    """
    random = np.random.default_rng(3)
    weights = random.normal(size=(8, 24))
    measured = measure(fabricate(design, 24, 8, 4), error=0.0, seed=5)
    target, wires = target_siemens(design, weights), Wires(ohm, ohm)
    bits = []
    for inputs in (None, mixed(0, 400, 24)):
        found = compensate(
            measured, target, wires, tile=Tile(24, 16), inputs=inputs, scale="fit columns"
        )
        assert not found.out_of_reach.any()
        matrix = achieved(measured, found, wires)
        wanted, others = mixed(1, 500, 24) @ target, mixed(1, 500, 24) @ matrix
        bits.append(effective_bits(others - wanted, float(np.ptp(wanted))))
    assert bits[1] > bits[0] + 0.8


def achieved(measured, found, wires):
    """What the array multiplies by, at full scale."""
    from crossbar import transfer
    from crossbar.calibration import as_measured

    chip = as_measured(measured)
    return transfer(chip, found.program, wires, tile=Tile(24, 16)).siemens.T / found.scale

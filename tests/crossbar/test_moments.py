"""What errors of a column cost together, and switches that products with known inputs gain from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import Design, Tile, Wires, fabricate, measure, program, target_siemens
from crossbar.compensation import compensate, foresight, lightness, passes, programming
from crossbar.compensation.moments import moments_alike, moments_of, whitening
from crossbar.compensation.tiles import TileTask, continuous, tile_tasks
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


@pytest.mark.parametrize("points", [1, 10, 30, 300])
def test_inputs_that_are_alike_keep_nothing_of_what_chance_has_put_into_few(points):
    """Independent uniform ones: the goal alone, each mean product 3/4 of the mean square."""
    rows = 60
    found = moments_of(np.random.default_rng(2).random((points, rows)) * np.sqrt(3))
    off = found[~np.eye(rows, dtype=bool)]
    # plain means of 10 to 300 points have 1.1 to 0.22, and 0.19 to 0.04
    assert np.ptp(np.diag(found)) < 0.1
    assert off.std() < 0.02
    assert off.mean() == pytest.approx(0.75 / 1.1, rel=0.15)  # of one point: 8 % off


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
    assert moments_alike(4, 3.0) == pytest.approx((np.eye(4) + 3) / 4, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_whitened_sums_cost_what_errors_do_and_leave_the_best_to_later_ones(seed):
    random = np.random.default_rng(seed)
    rows, columns = 7, 3
    moments, kept = moments_of(mixed(seed, 20, rows)), random.random((rows, columns)) < 0.7
    sums, errors = whitening(moments, kept), random.normal(size=(rows, columns))
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


STAGGER = Design(ladder="stagger", resistors=12)


def made(rows: int, columns: int, keep: float, design: Design = STAGGER):
    """A measured chip and targets for it, some of them pruned."""
    random = np.random.default_rng(2)
    weights = random.normal(size=(columns, rows)) * (random.random((columns, rows)) < keep)
    measured = measure(fabricate(design, rows, columns, 4), error=0.0, seed=5)
    return measured, target_siemens(design, weights)


def a_tile(rows: int, columns: int, keep: float, design: Design = STAGGER) -> TileTask:
    measured, target = made(rows, columns, keep, design)
    tile, moments = Tile(rows, 2 * columns), moments_of(mixed(0, 200, rows))
    plain, wires = program(measured, target), Wires(100.0, 100.0)
    return tile_tasks(measured, plain, wires, tile, 4, moments=[moments])[0]


def test_settled_entries_count_by_the_sums_that_they_are_in(monkeypatch):
    """Entry by entry: four rows of ten are settled, pruned cells lie before and behind them."""
    task, told = a_tile(10, 4, keep=0.7), []
    monkeypatch.setattr(passes, "chosen_in_turn", lambda *given: told.append(given))
    passes._chosen_in_turn(task, task.target, continuous(task)[0])
    sequence = foresight._Sequence.begun(*told[0])
    sequence.analyse()
    rooms = sequence.shifts.rooms(sequence.room, 0, 8)
    for row in range(4):
        sequence.settle(row, rooms[row], rooms[row + 1])
    shifts, sums = sequence.shifts, whitening(task.moments, task.kept)
    own = np.array([sums[c, r, r] for r, c in np.argwhere(task.kept)])
    sums = sums / own.prod() ** (1 / own.size)
    settled = [(r, c) for r, c in np.argwhere(task.kept) if r < 4]

    def in_sum(r, c, of):
        """What shifts add to some entries in the sum that ends with one, and what they lack."""
        felt, lacks = np.zeros(shifts.count), 0.0
        for other in of:
            if (other, c) in settled:
                felt[c] += sums[c, r, other] * shifts.lines[0, other, c]
                felt[4 + c] += sums[c, r, other] * shifts.lines[1, other, c]
            if (other, c) in settled or not task.kept[other, c]:
                lacks += sums[c, r, other] * sequence.missing[other, c]
        return felt, lacks

    felt, lacks = map(np.array, zip(*[in_sum(*one, range(10)) for one in settled], strict=True))
    squares, products = sequence._settled()
    assert squares == pytest.approx(felt.T @ felt, rel=1e-9, abs=1e-15)
    assert products == pytest.approx(felt.T @ lacks, rel=1e-9, abs=1e-15)
    weight, earlier, aside = sequence._summed(4)
    for c in np.flatnonzero(task.kept[4]):
        felt, lacks = in_sum(4, c, [r for r in range(10) if r != 4])
        assert weight[c] == pytest.approx(sums[c, 4, 4], rel=1e-9)
        assert earlier[c] == pytest.approx(felt, rel=1e-9, abs=1e-15)
        assert aside[c] == pytest.approx(lacks, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("ladder, keep", [("stagger", 1.0), ("stagger", 0.5), ("guaranteed", 1.0)])
def test_moments_count_by_their_ratios_alone(ladder, keep):
    task = a_tile(12, 6, keep, Design(ladder=ladder, resistors=16))
    less = replace(task, moments=task.moments / 1024)
    found, other = task.compensated(), less.compensated()
    assert passes.in_turn(task) == passes.in_turn(less) == (ladder == "stagger")
    assert np.array_equal(found.enabled, other.enabled)
    assert np.array(found.errors) == pytest.approx(32 * np.array(other.errors), rel=1e-9)


def test_sneak_currents_cost_what_kept_cells_leave_of_them():
    task, moments = a_tile(10, 4, keep=0.6), moments_of(mixed(0, 200, 10))
    sneak = np.where(task.kept, 0, np.random.default_rng(1).normal(size=task.kept.shape))

    def left(column, cells, later):
        """What errors of `cells` cost with `later` ones at their best."""
        both = moments[np.ix_(cells, later)]
        rest = moments[np.ix_(cells, cells)] - both @ np.linalg.solve(
            moments[np.ix_(later, later)], both.T
        )
        return sneak[cells, column] @ rest @ sneak[cells, column], np.trace(rest)

    lost = own = 0.0
    for column in range(4):
        kept, pruned = (np.flatnonzero(task.kept[:, column] == which) for which in (True, False))
        lost += left(column, pruned, kept)[0]
        own += sum(left(column, kept[i : i + 1], kept[i + 1 :])[1] for i in range(len(kept)))
    assert lightness.cost_of_sneak(task, sneak) == pytest.approx((lost, own), rel=1e-9)


def test_the_error_of_a_tile_is_what_its_products_are_off_by():
    """Kept cells of a pruned tile, whose other entries count as well."""
    task = a_tile(12, 6, 0.5)
    state, moments = continuous(task)[0], task.moments
    lacking = (task.target - state.net) / task.full_scale
    cost = sum(lacking[:, c] @ moments @ lacking[:, c] for c in range(6))
    assert state.error == pytest.approx(np.sqrt(cost / task.kept.sum()), rel=1e-9)


def test_each_tile_has_the_moments_of_its_rows_whatever_the_unit_of_inputs(monkeypatch):
    told = []

    def spied(*given, moments, **how):
        told.append(moments)
        return tile_tasks(*given, moments=moments, **how)

    monkeypatch.setattr(programming, "tile_tasks", spied)
    measured, target = made(20, 6, 1.0)
    points = mixed(0, 200, 20) * np.geomspace(0.1, 2, 20)
    volts = 2.0**20 * points
    for inputs in (points, volts):
        compensate(measured, target, Wires(9.0, 9.0), tile=Tile(12, 8), inputs=inputs, passes=1)
    points /= np.sqrt(np.mean(points**2))
    first, last = moments_of(points[:, :12]), moments_of(points[:, 12:])
    for moments in told:
        for found, exact in zip(moments, [first, first, last, last], strict=True):
            assert found == pytest.approx(exact, rel=1e-9)


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

"""Cells that settle one after another, against enumeration and against each other."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from solvers import InvalidInput
from solvers.kernels.settling import aligned
from solvers.settling import AT_REST, DOWN, UP, Choices, Influence, settle

ROWS, COLUMNS, BRANCHES = 3, 4, 5
CODES = {0: AT_REST, 1: UP, -1: DOWN}


def made(seed, *, felt=0.05, allowed=(1, 2, 3, 5, 6, 7, 7, 7)):
    """Choices, their influence, numbers to start from, and what is missing."""
    random = np.random.default_rng(seed)
    shape = (ROWS, COLUMNS, BRANCHES)
    up = random.normal(size=(*shape, 2))
    down = 0.2 * random.normal(size=up.shape) - up
    choices = Choices(
        up,
        down,
        random.normal(size=(ROWS, COLUMNS, 2)),
        random.choice(np.array(allowed, np.int8), shape),
    )
    own = np.stack([np.ones(shape[:2]), 0.01 * random.normal(size=shape[:2])], axis=2)
    influence = Influence(
        own,
        (felt * random.normal(size=(ROWS, COLUMNS, 2, COLUMNS))).astype(np.float32),
        (felt * random.normal(size=(COLUMNS, ROWS, 2, ROWS))).astype(np.float32),
    )
    numbers = random.normal(size=(ROWS, COLUMNS, 2))
    return choices, influence, numbers, random.normal(size=(ROWS, COLUMNS))


def lacking(influence, missing, cell, change):
    """What is missing when one cell's net and load have changed."""
    row, column = cell
    left = missing.copy()
    left[row] -= change @ influence.along_row[row, column]
    left[:, column] -= change @ influence.along_column[column, row]
    left[row, column] -= change @ influence.own[row, column]
    return left


def moments_of(seed):
    """Of inputs that have much in common."""
    inputs = np.random.default_rng(seed).normal(size=(10, ROWS)) + 1
    return inputs.T @ inputs / 10


def cost(before, left, cell, *, others, caution, moments, pull, load):
    """What a cell minimises."""
    by_itself = np.diag(moments)[:, None]
    weights = np.full(left.shape, others) * by_itself
    weights[cell] = by_itself[cell[0], 0]
    together = others**2 * (moments - np.diag(np.diag(moments)))
    squares = (weights * left**2).sum() + (left * (together @ left)).sum()
    moved = np.array(left - before)
    moved[cell] = 0.0
    return squares + caution * others * (by_itself * moved**2).sum() + 2 * pull * load


def visit(cell, choices, influence, numbers, missing, **weights):
    """States and what entries lack after one visit of one cell, all branches at rest before."""
    visited = np.zeros(missing.shape, dtype=bool)
    visited[cell] = True
    rest = np.zeros(choices.allowed.shape, np.int8)
    return settle(choices, influence, rest, numbers, missing, visited, sweeps=1, **weights)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1e-3, 0.3, 1.0]),
    st.sampled_from([0.0, 2.0]),
    st.booleans(),
    st.sampled_from([0.0, 0.1]),
)
@example(6, 0.3, 0.0, True, 0.0)
def test_a_cell_takes_the_best_of_all_its_states(seed, others, caution, together, pull):
    choices, influence, numbers, missing = made(seed)
    cell = (seed % ROWS, seed % COLUMNS)
    moments = moments_of(seed) if together else np.eye(ROWS)
    weights = {"others": others, "caution": caution, "moments": moments, "pull": pull}
    states, left = visit(cell, choices, influence, numbers, missing, **weights)
    options = [[s for s, code in CODES.items() if can & code] for can in choices.allowed[cell]]
    assert all(state in can for state, can in zip(states[cell], options, strict=True))
    costs = []
    for picks in product(*options):
        trial = np.zeros_like(states)
        trial[cell] = picks
        change = choices.numbers(trial)[cell] - numbers[cell]
        after = lacking(influence, missing, cell, change)
        costs.append(cost(missing, after, cell, load=change[1], **weights))
    change = choices.numbers(states)[cell] - numbers[cell]
    assert np.allclose(left, lacking(influence, missing, cell, change), rtol=1e-9, atol=1e-12)
    found = cost(missing, left, cell, load=change[1], **weights)
    # numbers of order 1, influences of 24 bits
    assert found == pytest.approx(min(costs), rel=1e-6, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_sweep_is_one_visit_of_each_cell_after_another(seed):
    """Each finds what the ones before it have left, as if it were weighed anew."""
    choices, influence, numbers, missing = made(seed)
    everywhere, moments = np.ones(missing.shape, dtype=bool), moments_of(seed)
    states = np.zeros(choices.allowed.shape, np.int8)
    asked = choices, influence, states, numbers, missing, everywhere
    found, left = settle(*asked, sweeps=1, moments=moments, seed=seed)
    cells = np.argwhere(everywhere)
    for cell in map(tuple, cells[np.random.default_rng(seed).permutation(len(cells))]):
        alone, missing = visit(cell, choices, influence, numbers, missing, moments=moments)
        assert np.array_equal(alone[cell], found[cell])
    assert left == pytest.approx(missing, abs=1e-9)


def lost(seed, branches, ratio, spread, codes):
    """Cells whose load is felt `ratio` times as much as their net, but for a small `spread`."""
    random = np.random.default_rng(seed)
    lines = random.uniform(0, 1, (2, ROWS, COLUMNS, branches))
    up = np.stack([lines[0] - lines[1], lines[0] + lines[1]], axis=3)
    allowed = random.choice(np.array(codes, np.int8), up.shape[:3])
    choices = Choices(up, up * [-1, 1], np.zeros((ROWS, COLUMNS, 2)), allowed)

    def felt(*shape):
        of_net = random.normal(size=shape)
        of_load = ratio * of_net + spread * random.normal(size=shape)
        return (0.3 * np.stack([of_net, of_load], axis=2)).astype(np.float32)

    influence = Influence(
        np.stack([np.ones((ROWS, COLUMNS)), np.full((ROWS, COLUMNS), ratio)], axis=2),
        felt(ROWS, COLUMNS, COLUMNS),
        felt(COLUMNS, ROWS, ROWS),
    )
    numbers = random.normal(size=(ROWS, COLUMNS, 2))
    return choices, influence, numbers, random.normal(size=(ROWS, COLUMNS))


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([(1, (7,)), (7, (2, 3, 6, 7)), (12, (3, 5, 6)), (11, (7,))]),
    st.sampled_from([1.0, -1.0, 0.0, 0.3]),
    st.sampled_from([0.0, 1e-3, 0.02]),
    st.sampled_from([0.0, 1e-2, -0.3]),
    st.sampled_from([0.0, 2.0]),
)
@example(71468018, (11, (7,)), 0.3, 0.02, 0.0, 0.0)  # the curve has its vertex within
def test_a_cell_that_has_lost_a_line_takes_the_best_of_all_its_states(
    seed, branches, ratio, spread, pull, size
):
    """One sum of net and load is felt alone, or hardly more: no parabola of the net holds."""
    choices, influence, numbers, missing = lost(seed, branches[0], ratio, spread, branches[1])
    missing *= size
    cell = (seed % ROWS, seed % COLUMNS)
    states, left = visit(cell, choices, influence, numbers, missing, pull=pull)
    sums = np.zeros((1, 2))
    for up, down, can in zip(
        choices.up[cell], choices.down[cell], choices.allowed[cell], strict=True
    ):
        each = [sums + step for code, step in ((1, 0), (2, up), (4, down)) if can & code]
        sums = np.concatenate(each)
    moved = [missing - lacking(influence, missing, cell, unit) for unit in np.eye(2)]
    changes = sums + choices.base[cell] - numbers[cell]
    after = missing - np.tensordot(changes, np.array(moved), axes=1)
    costs = (after**2).sum(axis=(1, 2)) + 2 * pull * changes[:, 1]
    load = choices.numbers(states)[cell][1] - numbers[cell][1]
    found = (left**2).sum() + 2 * pull * load
    # numbers of order 1 to 100, influences of 24 bits
    assert found == pytest.approx(costs.min(), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize(("share", "turns"), [(2e-3, False), (5e-4, True), (0.0, True)])
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_the_cost_is_turned_to_its_axes_where_hardly_any_net_is_felt_alone(share, turns, side):
    """And stays the same cost, never one that falls without end."""
    for least in np.linspace(0.1, 30, 50):
        curve = np.array([2.0, side * np.sqrt((1 - share) * 2 * least), least])
        slope = np.array([0.3, -0.7])
        before = curve.copy(), slope.copy()
        cos, sin = aligned(curve, slope)
        assert (sin != 0) == turns
        if not turns:
            assert cos == 1
            assert np.array_equal([*curve, *slope], np.concatenate(before))
            continue
        assert curve[1] == 0
        assert curve[0] >= curve[2] >= 0
        for d0, d1 in np.random.default_rng(1).normal(size=(5, 2)):
            a, b = cos * d0 + sin * d1, cos * d1 - sin * d0
            (aa, ab, bb), (sa, sb) = before
            cost = aa * d0**2 + 2 * ab * d0 * d1 + bb * d1**2 + 2 * (sa * d0 + sb * d1)
            found = curve[0] * a**2 + curve[2] * b**2 + 2 * (slope[0] * a + slope[1] * b)
            assert found == pytest.approx(cost, rel=1e-12, abs=1e-12)  # of terms up to 100


@pytest.mark.parametrize("moments", [np.eye(ROWS), moments_of(1)])
def test_no_sweep_makes_it_worse_and_it_comes_to_rest(moments):
    choices, influence, numbers, missing = made(5, allowed=(7,))
    states = np.zeros(choices.allowed.shape, np.int8)
    everywhere, costs = np.ones(missing.shape, dtype=bool), []
    for seed in range(60):
        former = states
        states, missing = settle(
            choices,
            influence,
            states,
            numbers,
            missing,
            everywhere,
            sweeps=1,
            moments=moments,
            seed=seed,
        )
        numbers = choices.numbers(states)
        costs.append((missing * (moments @ missing)).sum())
    assert (np.diff(costs) <= 1e-9).all()
    assert np.array_equal(former, states)


def test_cells_cancel_what_others_did():
    """Alone each cell would be as precise; together they are, though all feel all others."""
    alone, joint = [], []
    for seed in range(5):
        choices, influence, numbers, missing = made(seed, felt=0.3, allowed=(7,))
        states, everywhere = np.zeros(choices.allowed.shape, np.int8), np.ones((ROWS, COLUMNS)) > 0
        for others, found in ((0.0, alone), (1.0, joint)):
            _, left = settle(
                choices,
                influence,
                states,
                numbers,
                missing,
                everywhere,
                sweeps=20,
                others=others,
            )
            found.append(np.sqrt(np.mean(left**2)))
    assert np.median(joint) < 0.5 * np.median(alone)


def test_the_last_of_32_branches_keeps_its_state():
    """Its two bits hold the sign of the key."""
    up = np.zeros((1, 1, 32, 2))
    up[0, 0, :, 0] = 1e-3
    up[0, 0, 31, 0] = 1.0
    allowed = np.full((1, 1, 32), AT_REST, np.int8)
    allowed[0, 0, 31] = AT_REST | UP | DOWN
    choices = Choices(up, -up, np.zeros((1, 1, 2)), allowed)
    alone = Influence(
        np.array([[[1.0, 0.0]]]),
        np.zeros((1, 1, 2, 1), np.float32),
        np.zeros((1, 1, 2, 1), np.float32),
    )
    for wanted in (-1, 0, 1):
        states, left = settle(
            choices,
            alone,
            np.zeros((1, 1, 32), np.int8),
            np.zeros((1, 1, 2)),
            np.array([[float(wanted)]]),
            np.ones((1, 1), dtype=bool),
            sweeps=1,
        )
        assert states[0, 0].tolist() == [0] * 31 + [wanted]
        assert left[0, 0] == pytest.approx(0.0, abs=1e-12)


def test_what_nobody_visits_stays():
    choices, influence, numbers, missing = made(1)
    states = np.zeros(choices.allowed.shape, np.int8)
    nowhere = np.zeros(missing.shape, dtype=bool)
    found, left = settle(choices, influence, states, numbers, missing, nowhere, sweeps=3)
    assert np.array_equal(found, states)
    assert np.array_equal(left, missing)


def test_a_cell_that_is_not_felt_stays():
    choices, _, numbers, missing = made(1)
    nothing = Influence(
        np.zeros((ROWS, COLUMNS, 2)),
        np.zeros((ROWS, COLUMNS, 2, COLUMNS), np.float32),
        np.zeros((COLUMNS, ROWS, 2, ROWS), np.float32),
    )
    states = np.ones(choices.allowed.shape, np.int8)
    everywhere = np.ones(missing.shape, dtype=bool)
    found, _ = settle(choices, nothing, states, numbers, missing, everywhere, sweeps=3)
    assert np.array_equal(found, states)


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"up": np.ones((1, 1, 2, 1))}, "up has shape"),
        ({"base": np.ones((1, 2))}, "base has shape"),
        ({"down": np.full((1, 1, 2, 2), np.nan)}, "finite"),
        ({"allowed": np.zeros((1, 1, 2), np.int8)}, "every branch needs a state"),
    ],
)
def test_choices_that_are_none_are_refused(changed, said):
    given = {
        "up": np.ones((1, 1, 2, 2)),
        "down": np.ones((1, 1, 2, 2)),
        "base": np.ones((1, 1, 2)),
        "allowed": np.full((1, 1, 2), 7, np.int8),
    } | changed
    with pytest.raises(InvalidInput, match=said):
        Choices(**given)


def test_too_many_states_and_other_shapes_are_refused():
    many = np.zeros((1, 1, 22, 2))
    with pytest.raises(InvalidInput, match="half a cell's branches have 177147 states"):
        Choices(many, many, np.zeros((1, 1, 2)), np.full((1, 1, 22), 7, np.int8))
    # one state each, but two bits each, too
    many = np.zeros((1, 1, 33, 2))
    with pytest.raises(InvalidInput, match="33 branches, give at most 32"):
        Choices(many, many, np.zeros((1, 1, 2)), np.full((1, 1, 33), 1, np.int8))
    choices, influence, numbers, missing = made(1)
    states = np.zeros(choices.allowed.shape, np.int8)
    with pytest.raises(InvalidInput, match="visited has shape"):
        settle(choices, influence, states, numbers, missing, np.ones((2, 2)) > 0, sweeps=1)

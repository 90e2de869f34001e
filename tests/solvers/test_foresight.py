"""Rows of cells that leave to later ones what these can mend, against brute force."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers.foresight import Outlook, RowEffects, mending, settle_row
from solvers.settling import AT_REST, DOWN, UP, Choices

COLUMNS, BRANCHES, SHIFTS, SETTLED = 3, 4, 7, 9
CODES = {0: AT_REST, 1: UP, -1: DOWN}


def made(random, columns=COLUMNS, branches=BRANCHES):
    """Choices of one row of cells."""
    shape = (1, columns, branches)
    siemens = random.uniform(0.1, 1, shape)
    up = np.stack([siemens * random.choice([-1, 1], shape), siemens], axis=3)
    allowed = random.choice(np.array([1, 2, 3, 5, 6, 7, 7, 7], np.int8), shape)
    return Choices(up, up * [-1, 1], random.normal(size=(1, columns, 2)), allowed)


def alone(columns, shifts, **changed):
    """Effects of cells that nothing feels but their own entries, and an outlook on nothing."""
    zero = np.zeros
    own = np.stack([np.ones(columns), zero(columns)], axis=1)
    effects = {
        "own": own,
        "along": zero((columns, 2, columns)),
        "drops": zero((columns, columns)),
        "behind": zero(columns),
        "by_net": zero((columns, shifts)),
        "by_load": zero((columns, shifts)),
        "entries": zero((columns, shifts)),
        "earlier": zero((columns, shifts)),
        "weight": np.ones(columns),
        "room": zero(columns),
        "offset": zero(columns),
        "pull": zero(columns),
    }
    square, line = zero((shifts, shifts)), zero(shifts)
    outlook = Outlook(square, line, square, line, zero(columns))
    return replace(RowEffects(**effects), **changed), outlook


def changes(choices, column, number):
    """What each state of a cell changes of its net and load, and the state."""
    options = [[s for s, code in CODES.items() if can & code] for can in choices.allowed[0, column]]
    picks = np.array(list(product(*options)), np.int8)
    up, down = choices.up[0, column], choices.down[0, column]
    steps = np.where(picks[..., None] > 0, up, 0) + np.where(picks[..., None] < 0, down, 0)
    return choices.base[0, column] + steps.sum(axis=1) - number, picks


@pytest.mark.parametrize("seed", range(5))
def test_mending_is_the_best_that_later_loads_can_do(seed):
    """Against least squares of what is left and of the loads, each over its room."""
    random = np.random.default_rng(seed)
    entries, missing = random.normal(size=(SETTLED, SHIFTS)), random.normal(size=SETTLED)
    by_load, room = random.normal(size=(4, SHIFTS)), random.uniform(0.01, 3, 4)
    rows = np.concatenate([entries @ by_load.T, np.diag(room**-0.5)])
    loads = np.linalg.lstsq(rows, np.concatenate([missing, np.zeros(4)]))[0]
    found = mending(entries.T @ entries, (by_load.T * room) @ by_load)
    assert found @ entries.T @ missing == pytest.approx(loads @ by_load, rel=1e-8, abs=1e-10)
    assert np.array_equal(found, found.T)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_without_lines_each_cell_takes_the_state_that_is_nearest_for_its_entry(seed):
    random = np.random.default_rng(seed)
    choices, numbers = made(random), random.normal(size=(COLUMNS, 2))
    own, missing = random.normal(size=(COLUMNS, 2)), random.normal(size=COLUMNS)
    effects, outlook = alone(COLUMNS, SHIFTS, own=own)
    order = random.permutation(COLUMNS)
    states, after, left = settle_row(choices, 0, order, effects, outlook, numbers, missing)
    assert after == pytest.approx(choices.numbers(states[None])[0], rel=1e-12, abs=1e-12)
    assert left == pytest.approx(missing - ((after - numbers) * own).sum(axis=1), abs=1e-12)
    for column in range(COLUMNS):
        change, picks = changes(choices, column, numbers[column])
        errors = np.abs(missing[column] - change @ own[column])
        assert (picks == states[column]).all(axis=1).any()
        assert abs(left[column]) == pytest.approx(errors.min(), abs=1e-9)


@pytest.mark.parametrize("by_net", [0.0, 0.1])
def test_cells_that_their_entries_do_not_feel_are_in_states_that_they_may_be_in(by_net):
    """As behind wires that leave no voltage; stuck branches stay as they are."""
    random = np.random.default_rng(2)
    choices, numbers, missing = made(random), random.normal(size=(COLUMNS, 2)), np.ones(COLUMNS)
    choices.allowed[0, 1] = UP, DOWN, AT_REST, UP | DOWN
    effects, outlook = alone(
        COLUMNS,
        SHIFTS,
        own=np.zeros((COLUMNS, 2)),
        by_net=np.full((COLUMNS, SHIFTS), by_net),
    )
    outlook = replace(outlook, squares=np.eye(SHIFTS))
    states, after, left = settle_row(
        choices, 0, np.arange(COLUMNS), effects, outlook, numbers, missing
    )
    for column in range(COLUMNS):
        _, picks = changes(choices, column, numbers[column])
        assert (picks == states[column]).all(axis=1).any()
    assert np.isfinite(after).all()
    assert np.array_equal(left, missing)


def test_cells_that_are_not_asked_stay_as_they_are():
    random = np.random.default_rng(1)
    choices, numbers, missing = made(random), random.normal(size=(COLUMNS, 2)), np.ones(COLUMNS)
    effects, outlook = alone(COLUMNS, SHIFTS)
    given = numbers.copy(), missing.copy()
    states, after, left = settle_row(choices, 0, np.array([1]), effects, outlook, *given)
    assert not states[[0, 2]].any()
    assert np.array_equal(after[[0, 2]], numbers[[0, 2]])
    assert np.array_equal(left[[0, 2]], missing[[0, 2]])
    assert np.array_equal(given[0], numbers)  # what is handed in is not changed
    assert np.array_equal(given[1], missing)


class Problem:
    """Cells of a row, settled entries that their lines shift, and later loads that can mend these.

    Of the row itself nothing is felt: its shift, the last one, is 0 throughout.
    """

    def __init__(self, seed, later=1.0, room=1.0):
        random = self.random = np.random.default_rng(seed)
        self.choices, self.numbers = made(random), random.normal(size=(COLUMNS, 2))
        self.missing, self.lacks = random.normal(size=COLUMNS), random.normal(size=SETTLED)
        own = np.stack([random.uniform(0.5, 1, COLUMNS), random.normal(size=COLUMNS)], axis=1)

        def shifts(count):
            return np.append(random.normal(size=(count, SHIFTS - 1)), np.zeros((count, 1)), axis=1)

        self.settled, self.loads = shifts(SETTLED), shifts(5)
        self.later = later * random.uniform(0.1, 1, 5)
        self.effects, _ = alone(
            COLUMNS,
            SHIFTS,
            own=own,
            by_net=shifts(COLUMNS),
            by_load=shifts(COLUMNS),
            entries=0.5 * shifts(COLUMNS),
            earlier=0.5 * shifts(COLUMNS),
            weight=random.uniform(0.5, 2, COLUMNS),
            room=room * random.uniform(0.1, 1, COLUMNS),
            offset=random.normal(size=COLUMNS),
            pull=random.choice([-0.3, 0.0, 0.3], COLUMNS),
        )
        self.coming = random.normal(size=SHIFTS) * np.append(np.ones(SHIFTS - 1), 0)
        self.aside = random.normal(size=COLUMNS)

    @property
    def outlook(self):
        squares = self.settled.T @ self.settled
        all_loads = np.concatenate([self.loads, self.effects.by_load])
        room = (all_loads.T * np.concatenate([self.later, self.effects.room])) @ all_loads
        products = self.settled.T @ self.lacks
        return Outlook(squares, products, mending(squares, room), self.coming, self.aside)

    def settle(self, order):
        arguments = self.effects, self.outlook, self.numbers, self.missing
        return settle_row(self.choices, 0, np.array(order), *arguments)

    def shift(self, column):
        """What a unit of net and of load shifts if no net answers to it."""
        own, by_net = self.effects.own[column], self.effects.by_net[column]
        return np.stack([by_net, self.effects.by_load[column] + own[1] / own[0] * by_net])

    def costs(self, order, change):
        """Cost of changes of the last cell of `order`, after the states of those before it.

        What its load costs by itself, and the least squares of the rest.
        """
        unit = self.squares(order, np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]]))
        by_net = (unit[0] + unit[1]) / 2 - unit[2]
        load = 2 * self.effects.pull[order[-1]] * by_net * change[:, 1]
        return self.squares(order, change) + load

    def squares(self, order, change):
        """Least squares after such changes.

        Those of what settled entries, the sums that end with those of the row and loads cost at
        best, of all linear ways in which the loads that are left can mend.
        """
        effects, c = self.effects, order[-1]
        left = [k for k in range(COLUMNS) if k not in order]
        ways = np.concatenate([self.loads, effects.by_load[left]])
        sizes = np.sqrt(np.concatenate([self.later, effects.room[left]]))
        coming = self.coming - (effects.offset[order, None] * effects.by_load[order]).sum(axis=0)
        weight = effects.weight[order]
        sums = weight[:, None] * effects.entries[order] + effects.earlier[order]
        entries = np.concatenate([self.settled, sums])
        rows = np.concatenate([(entries @ ways.T) * sizes, np.eye(len(sizes))])
        lacks = np.concatenate([self.lacks, weight * self.missing[order] + self.aside[order]])
        lacks += entries @ coming
        lacks = np.concatenate([lacks, np.zeros(len(sizes))])[:, None].repeat(len(change), axis=1)
        lacks[: SETTLED + len(order) - 1] -= entries[:-1] @ (change @ self.shift(c)).T
        own = effects.weight[c] * effects.own[c] + self.shift(c) @ effects.earlier[c]
        lacks[SETTLED + len(order) - 1] -= change @ own
        mended = np.linalg.lstsq(rows, lacks)[0]
        return np.square(lacks - rows @ mended).sum(axis=0)

    def follow(self, c, change):
        """Take a cell's change into what settled entries and its own lack."""
        self.lacks = self.lacks - self.settled @ (change @ self.shift(c))
        self.aside = self.aside - self.effects.earlier @ (change @ self.shift(c))
        self.missing[c] -= change @ self.effects.own[c]


def assert_cheapest(problem, settled, state):
    """No state of the cell that is settled last costs less."""
    change, picks = changes(problem.choices, settled[-1], problem.numbers[settled[-1]])
    costs = problem.costs(settled, change)
    (chosen,) = np.flatnonzero((picks == state).all(axis=1))
    # far below what states differ by; costs are of order 1 to 100
    assert costs[chosen] <= costs.min() + 1e-7 * abs(costs.min()) + 1e-9


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.01, 1.0]), st.sampled_from([0.0, 0.1, 1.0])
)
def test_each_cell_takes_the_best_state_if_later_loads_do_their_best(seed, later, room):
    problem = Problem(seed, later, room)
    problem.effects.entries[:] = 0  # cells of the row do not move each other's entries
    order = list(problem.random.permutation(COLUMNS))
    states, after, _ = problem.settle(order)
    for place, c in enumerate(order):
        assert_cheapest(problem, order[: place + 1], states[c])
        problem.follow(c, after[c] - problem.numbers[c])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.01, 1.0]))
def test_a_cell_counts_on_later_ones_for_its_own_entry_too(seed, later):
    problem, c = Problem(seed, later), seed % COLUMNS
    states, *_ = problem.settle([c])
    change, picks = changes(problem.choices, c, problem.numbers[c])
    costs = problem.costs([c], change)
    (chosen,) = np.flatnonzero((picks == states[c]).all(axis=1))
    assert costs[chosen] <= costs.min() + 1e-7 * abs(costs.min()) + 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_what_later_cells_can_mend_is_free_and_what_they_cannot_is_not(seed):
    """Ten branches whose load shifts a hundred settled entries; their nets shift nothing."""
    random = np.random.default_rng(seed)
    choices = made(random, columns=1, branches=10)
    choices = Choices(choices.up, choices.down, choices.base, np.full((1, 1, 10), 3, np.int8))
    by_load, numbers = np.array([[0.2, 0.0]]), np.array([[0.3, 4.0]])
    effects, outlook = alone(1, 2, by_load=by_load)
    squares = np.array([[100.0, 0.0], [0.0, 0.0]])
    change, _ = changes(choices, 0, numbers[0])
    missing = np.array([0.1])
    errors, shifted = np.abs(missing[0] - change[:, 0]), 2.0 * change[:, 1]

    def settled(room):
        mends = mending(squares, np.array([[room, 0.0], [0.0, 0.0]]))
        after = replace(outlook, squares=squares, mending=mends)
        _, found, left = settle_row(choices, 0, np.array([0]), effects, after, numbers, missing)
        return abs(left[0]), 2.0 * (found - numbers)[0, 1]

    free, _ = settled(1e12)
    assert free == pytest.approx(errors.min(), abs=1e-9)
    error, shift = settled(0.0)
    assert error**2 + shift**2 == pytest.approx((errors**2 + shifted**2).min(), rel=1e-9)
    assert error > free


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 1.0]))
def test_entries_of_the_row_count_once_they_are_settled(seed, later):
    """Where only nets move other entries of the row; loads move nothing."""
    problem = Problem(seed, later, later)
    effects = problem.effects
    effects.by_load[:] = -effects.by_net * (effects.own[:, 1] / effects.own[:, 0])[:, None]
    effects.along[:, 0] = effects.by_net @ effects.entries.T
    effects.along[np.arange(COLUMNS), 0, np.arange(COLUMNS)] = 0
    order = list(problem.random.permutation(COLUMNS))
    states, after, left = problem.settle(order)
    for place, c in enumerate(order):
        assert_cheapest(problem, order[: place + 1], states[c])
        taken = after[c] - problem.numbers[c]
        problem.follow(c, taken)
        problem.missing -= effects.along[c, 0] * taken[0]
    assert left == pytest.approx(problem.missing, rel=1e-9, abs=1e-9)


class Line:
    """A line from an input, with cells that end in ideal senses."""

    def __init__(self, seed, columns, ohm):
        random = self.random = np.random.default_rng(seed)
        self.segments = ohm * random.uniform(0.5, 1.5, columns)
        self.nets = random.normal(size=columns)
        self.loads = np.abs(self.nets) + random.uniform(0.5, 1.5, columns)
        self.shared = np.cumsum(self.segments)[
            np.minimum.outer(np.arange(columns), np.arange(columns))
        ]

    def level(self, loads):
        """Voltages for a volt at the input, of the nodal equations, dense."""
        return np.linalg.solve(np.eye(len(loads)) + self.shared * loads, np.ones(len(loads)))

    def effects(self):
        """To first order, of the circuit as it is."""
        level, nets = self.level(self.loads), self.nets
        ohm = np.linalg.solve(np.eye(len(nets)) + self.shared * self.loads, self.shared)
        drops = ohm * level[:, None] / level
        along = np.zeros((len(nets), 2, len(nets)))
        along[:, 1] = -ohm * level[:, None] * nets
        np.fill_diagonal(along[:, 1], 0)
        own = np.stack([level, -np.diag(ohm) * level * nets], axis=1)
        return alone(len(nets), 2 * len(nets) + 1, own=own, along=along, drops=drops)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ohm", [1e-4, 1e-3, 1e-2])
def test_what_a_row_lacks_after_all_is_what_its_circuit_says(seed, ohm):
    columns = 12
    line = Line(seed, columns, ohm)
    choices = made(line.random, columns, branches=8)
    choices = Choices(
        choices.up, choices.down, 0 * choices.base, np.full(choices.allowed.shape, 3, np.int8)
    )
    effects, outlook = line.effects()
    numbers = np.stack([line.nets, line.loads], axis=1)
    before, order = line.nets * line.level(line.loads), np.arange(columns)[::-1]
    missing = 0.01 * line.random.normal(size=columns)
    _, after, left = settle_row(choices, 0, order, effects, outlook, numbers, missing)
    goal, level = before + missing, line.level(after[:, 1])
    exact = goal - after[:, 0] * level
    change = after - numbers
    # the product of a cell's change with the voltage that is left is in; what is not is a tenth
    # of the square of what loads take, were all of one sign
    taken = (line.shared @ np.abs(change[:, 1])).max()
    assert np.abs(left - exact).max() < 0.1 * taken**2 * np.abs(line.nets).max()
    linear = missing - (effects.own * change).sum(axis=1) - change[:, 1] @ effects.along[:, 1]
    if ohm < 1e-3:
        assert np.abs(linear - exact).max() > 10 * np.abs(left - exact).max()

"""Joint shifts of the entries behind a cell, against nodal analysis of the whole circuit."""

from __future__ import annotations

import numpy as np
import pytest

from crossbar.compensation.leverage import Chains, influence
from crossbar.compensation.shifts import Shifts
from spice_models import Array, Wires, nodal

ROWS, COLUMNS, UNIT = 12, 8, 1e-5
STEP = 1e-2
"""Of a load or a net, relative to full scale: moves entries by hardly more than its first order."""


class Circuit:
    """Cells of random conductances on wires that all differ by up to a half."""

    def __init__(self, seed, ohm):
        random = np.random.default_rng(seed)
        self.siemens = random.uniform(0.2, 1.0, (2, ROWS, COLUMNS)) * UNIT
        self.wires = Wires(
            ohm * random.uniform(0.5, 1.5, (ROWS, 2 * COLUMNS - 1)),
            ohm * random.uniform(0.5, 1.5, (ROWS - 1, 2 * COLUMNS)),
            ohm * random.uniform(0.5, 1.5, ROWS),
            ohm * random.uniform(0.5, 1.5, 2 * COLUMNS),
        )
        one, other = self.siemens / UNIT
        self.net, self.load = one - other, one + other
        self.found = influence(self.wires, self.siemens)
        self.shifts = Shifts.of(self.found, np.ones((ROWS, COLUMNS), dtype=bool))
        self.before = self.entries(self.net, self.load)

    def entries(self, net, load):
        """Transfer matrix by nodal analysis, relative to full scale."""
        cells = np.stack([load + net, load - net], axis=2).reshape(ROWS, -1) / 2 * UNIT
        array = Array.from_siemens(cells, self.wires)
        lines = nodal.transfer_matrix(array, method="direct").siemens.T.reshape(ROWS, COLUMNS, 2)
        return (lines[..., 0] - lines[..., 1]) / UNIT

    def answered(self, load, answering):
        """Entries with these loads, once the nets of some cells keep theirs as they were."""
        net = self.net.copy()
        for _ in range(6):
            missing = np.where(answering, self.before - self.entries(net, load), 0)
            net += missing / self.found.own[..., 0]
        assert np.abs(missing).max() < 1e-9 * STEP
        return self.entries(net, load), net

    def lines(self, shifts):
        """What shifts of lines add to all entries, (rows, columns)."""
        plus, minus = shifts[:COLUMNS], shifts[COLUMNS:-1]
        return self.shifts.lines[0] * plus + self.shifts.lines[1] * minus


def apart(found, expected):
    """Difference of two arrays, relative to the second."""
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


def later(row):
    """Cells of a row and of all later ones."""
    return np.arange(ROWS)[:, None] >= np.full((1, COLUMNS), row)


@pytest.mark.parametrize("ohm, most", [(1.0, 2e-3), (10.0, 0.02)])
@pytest.mark.parametrize("row, column", [(5, 3), (9, 0), (11, 7), (2, 4)])
def test_a_planned_load_shifts_settled_entries_as_in_the_circuit(ohm, most, row, column):
    """With the nets of all unsettled cells, which keep their entries as they are.

    Answers to answers are left out: of the order of rows x columns x conductance x `ohm`, some
    parts in a hundred of what is felt at 10 ohm.
    """
    circuit = Circuit(row, ohm)
    load = circuit.load.copy()
    load[row, column] += STEP
    after, _ = circuit.answered(load, later(row))
    told = circuit.lines(circuit.shifts.by_load(row, planned=True)[column])
    assert apart(STEP * told[:row], (after - circuit.before)[:row]) < most


@pytest.mark.parametrize("row, column", [(5, 3), (9, 7), (2, 4)])
def test_a_load_of_the_row_at_hand_shifts_what_lies_farther_along_it_too(row, column):
    """Cells of the row that are nearer to the input are not settled, and answer."""
    circuit = Circuit(row, 1.0)
    load = circuit.load.copy()
    load[row, column] += STEP
    answering = later(row)
    answering[row, column + 1 :] = False
    after, net = circuit.answered(load, answering)
    assert (net[row, column + 1 :] == circuit.net[row, column + 1 :]).all()
    shifts = circuit.shifts.by_load(row, planned=False)[column]
    moved = (after - circuit.before) / STEP
    assert apart(circuit.lines(shifts)[:row], moved[:row]) < 2e-3
    farther = circuit.shifts.entries(row)[column + 1 :] @ shifts
    if column < COLUMNS - 1:
        # sneak paths and uneven wires of lines that are shifted as one: some parts in a hundred
        assert apart(farther, moved[row, column + 1 :]) < 0.03


@pytest.mark.parametrize("row, column", [(5, 3), (11, 7), (2, 4)])
def test_a_net_shifts_its_two_lines_the_one_up_and_the_other_down(row, column):
    circuit = Circuit(row, 1.0)
    net = circuit.net.copy()
    net[row, column] += STEP
    moved = circuit.entries(net, circuit.load) - circuit.before
    told = circuit.lines(circuit.shifts.by_net(row)[column])
    assert apart(STEP * told[:row, column], moved[:row, column]) < 2e-3
    assert not told[:, np.arange(COLUMNS) != column].any()


@pytest.mark.parametrize("row", [0, 4, 11])
def test_planned_loads_shift_by_the_sum_of_what_each_does(row):
    shifts = Circuit(0, 5.0).shifts
    loads = np.random.default_rng(row).normal(size=(ROWS, COLUMNS))
    each = [loads[r] @ shifts.by_load(r, planned=True) for r in range(row, ROWS)]
    assert shifts.coming(loads, row) == pytest.approx(np.sum(each, axis=0), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("row", [0, 4, 11])
def test_what_pulls_at_shifts_pulls_at_loads_by_what_they_shift(row):
    random = np.random.default_rng(row)
    shifts = Circuit(0, 5.0).shifts
    pulls = random.normal(size=shifts.count)
    found = shifts.loads(pulls, row)
    assert not found[:row].any()
    for r in range(row, ROWS):
        assert found[r] == pytest.approx(
            shifts.by_load(r, planned=True) @ pulls, rel=1e-9, abs=1e-12
        )


def test_rooms_are_covariances_of_what_later_loads_shift():
    random = np.random.default_rng(2)
    shifts, room = Circuit(0, 5.0).shifts, random.uniform(0, 1, (ROWS, COLUMNS))
    found = shifts.rooms(room, 3, 7)
    assert len(found) == 5
    for first, covariance in zip(range(3, 8), found, strict=True):
        expected = np.zeros((shifts.count, shifts.count))
        for row in range(first, ROWS):
            by_load = shifts.by_load(row, planned=True)
            expected += np.einsum("c,ci,cj->ij", room[row], by_load, by_load)
        assert np.allclose(covariance, expected, rtol=1e-9, atol=1e-12 * expected.max())
    assert not shifts.rooms(room, ROWS - 2, ROWS)[-1].any()


def test_what_nets_and_loads_add_to_entries_is_what_the_circuit_says():
    circuit = Circuit(1, 1.0)
    random = np.random.default_rng(3)
    nets, loads = random.normal(size=(2, ROWS, COLUMNS)) * 1e-2
    moved = circuit.entries(circuit.net + nets, circuit.load + loads) - circuit.before
    own = circuit.found.own[..., 0] * nets
    # what is not of a cell's own net is a small part of it: judged without
    assert apart(circuit.shifts.added(nets, loads) - own, moved - own) < 0.02


def test_pruned_cells_do_not_answer():
    circuit = Circuit(4, 5.0)
    kept = np.random.default_rng(0).random((ROWS, COLUMNS)) < 0.5
    found = Shifts.of(circuit.found, kept)
    for row in range(ROWS):
        off = ~kept[row]
        assert not found.answer[row][:, off].any()
    alone = Shifts.of(circuit.found, np.zeros(kept.shape, dtype=bool))
    assert not alone.answer.any()
    assert not alone.answered.any()


def test_wires_that_nothing_is_felt_through_shift_nothing():
    siemens = Circuit(0, 1.0).siemens
    found = Shifts.of(influence(Wires.ideal(), siemens), np.ones((ROWS, COLUMNS), dtype=bool))
    for row in (0, 5, 11):
        assert not found.by_load(row, planned=True).any()
        assert not found.by_load(row, planned=False).any()
        assert not found.by_net(row).any()


@pytest.mark.parametrize("near, far", [(2.0, np.inf), (np.inf, 3.0), (2.0, 3.0)])
def test_what_a_load_takes_along_a_line_is_what_its_nodal_equations_say(near, far):
    random = np.random.default_rng(6)
    segments, loads = random.uniform(1, 5, (2, 6)), random.uniform(0, 0.1, (2, 7))
    segments[1, 2] = np.inf  # two pieces

    def solved(line, loads):
        matrix, driven = np.diag(loads), np.zeros(7)
        for k, ohm in enumerate(segments[line]):
            matrix[k : k + 2, k : k + 2] += np.array([[1, -1], [-1, 1]]) / ohm
        matrix[0, 0] += 1 / near
        matrix[-1, -1] += 1 / far
        driven[0], driven[-1] = 1 / near, 1 / far
        return np.linalg.inv(matrix), np.linalg.solve(matrix, driven)

    found = Chains(segments, np.full(2, near), np.full(2, far), loads)
    for line in range(2):
        ohm, level = solved(line, loads[line])
        assert found.alone()[line] == pytest.approx(np.diag(ohm), rel=1e-9)
        lit = level > 1e-9  # a piece without a supply has no voltage to lose
        lowered = found.lowered(line)
        assert not lowered[:, ~lit].any()
        for place in range(7):
            more = loads[line].copy()
            more[place] += 1e-6
            _, after = solved(line, more)
            lost = (level - after)[lit] / level[lit] / 1e-6
            # a step of 1e-6 S on some 10 ohm; differences of 1e-6 lose ten digits of 16
            assert lowered[place, lit] == pytest.approx(lost, rel=1e-4, abs=1e-6)

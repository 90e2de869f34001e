"""What targets are multiplied by: of tasks that only say what cells miss, and what these do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest

from crossbar import Design, Tile, Wires, fabricate, measure, program, target_siemens
from crossbar.compensation import tiles
from crossbar.compensation.passes import in_turn
from crossbar.compensation.scales import fitting_scale
from crossbar.compensation.tiles import tile_tasks
from solvers.settling import AT_REST, DOWN, UP

ROWS = 100


def nothing(scales):
    return np.zeros(scales.shape)


def between(low, high, scales):
    """Cells miss by a hundredth of full scale where the scale is between these."""
    return np.where((low < scales) & (scales < high), ROWS * 1e-4, ROWS * 1e-8)


def falling(share, scales):
    """Squares that fall to a share of themselves below a scale of 0.92."""
    return np.where(scales < 0.92, share, 1.0) * ROWS * 1e-4 * scales**2


@dataclass(frozen=True)
class Told:
    """A tile; `misses` says what each of its columns does at each scale of it."""

    misses: tuple[Callable[[np.ndarray], np.ndarray], ...]
    share: float = 0.5
    rows: int = ROWS
    scale: np.ndarray | float = 1.0

    @property
    def kept(self):
        return np.ones((self.rows, len(self.misses)), dtype=bool)

    def scaled(self, size):
        return replace(self, scale=self.scale * size)

    def needed_share(self):
        return self.share * self.scale * np.ones(len(self.misses))

    def gaps(self, sizes):
        scales = np.multiply.outer(self.scale * np.ones(len(self.misses)), sizes)
        return np.array([one(row) for one, row in zip(self.misses, scales, strict=True)])


def fitted(*tiles, by_column=True):
    """Of tiles one above the other."""
    columns = slice(len(tiles[0].misses))
    places = [(slice(ROWS * k, ROWS * (k + 1)), columns) for k in range(len(tiles))]
    return fitting_scale(tiles, places, by_column, None)


@pytest.mark.parametrize("share", [0.5, 1.25])
def test_the_scale_is_what_cells_may_need_where_there_are_no_gaps(share):
    least = min(1.0, 1 / (1.005 * share))
    for misses in (nothing, partial(between, 0.5, 2.0)):
        assert fitted(Told((misses,), share)) == pytest.approx(least, rel=1e-12)
        assert fitted(Told((misses,), share), by_column=False) == pytest.approx(least, rel=1e-12)


@pytest.mark.parametrize("share, low", [(0.5, 0.95), (0.5, 0.89), (1.25, 0.72)])
def test_it_leaves_a_gap_by_as_much_as_needs_are_unsure(share, low):
    scale = fitted(Told((partial(between, low, 2.0), nothing), share))
    assert 0.993 < 1.02 * scale[0] / low < 1.001
    assert scale[1] == pytest.approx(min(1.0, 1 / (1.005 * share)))


def test_it_is_out_of_the_gaps_of_all_tiles_above_each_other():
    upper, lower = partial(between, 0.95, 1.1), partial(between, 0.89, 0.94)
    for each in ((upper, lower), (lower, upper)):
        scale = fitted(*(Told((one,)) for one in each))
        assert 0.993 < 1.02 * scale[0] / 0.89 < 1.001


def test_one_scale_is_out_of_the_gaps_of_all_columns():
    told = Told((partial(between, 0.95, 1.1), nothing, partial(between, 0.89, 0.94)))
    assert 0.993 < 1.02 * fitted(told, by_column=False) / 0.89 < 1.001
    assert (fitted(told) > [0.92, 0.99, 0.99]).all()


def test_it_stays_within_one_gap_that_is_wider_than_what_may_be_lost():
    assert fitted(Told((partial(between, 0.5, 1.1),)))[0] == 1.0


@pytest.mark.parametrize("share, below", [(0.95, False), (0.8, True)])
def test_targets_are_not_scaled_for_a_gain_that_is_small(share, below):
    """Errors count relative to the targets: what falls with their square is no gain at all."""
    scale = fitted(Told((partial(falling, share),)))[0]
    assert scale == 1.0 or below
    assert (scale < 0.95) == below


def test_gaps_that_are_small_beside_other_errors_are_none():
    def slightly(scales):
        return 1e-4 * between(0.95, 1.1, scales) / 100

    assert fitted(Told((slightly,)))[0] < 0.95
    assert fitted(Told((slightly,)), Told((nothing,), rows=100 * ROWS))[0] == 1.0
    assert fitted(Told((nothing,), rows=100 * ROWS), Told((slightly,)))[0] == 1.0


def nets(cells, row, column):
    """Of all states of a cell that its branches allow [S]."""
    found = np.array([np.subtract(*cells.base[row, column])])
    for up, down, can in zip(
        cells.up[row, column], cells.down[row, column], cells.allowed[row, column], strict=True
    ):
        steps = ((AT_REST, (0.0, 0.0)), (UP, up), (DOWN, down))
        found = np.add.outer(found, [np.subtract(*each) for code, each in steps if can & code])
        found = found.ravel()
    return found


@pytest.mark.parametrize("polarity, resistors", [("paired", 9), ("steered", 5)])
def test_gaps_are_what_the_nearest_of_all_states_miss(polarity, resistors, monkeypatch):
    """With a pruned cell, a dead one, a faulty one, and one that reaches less than it needs."""
    design = Design(polarity=polarity, ladder="stagger", resistors=resistors)
    random = np.random.default_rng(0)
    measured = measure(fabricate(design, 8, 3, 0), error=0.0, seed=1)
    on = np.array(measured.on_siemens)
    on[1, 0] = on[2, 0, 2:] = on[6, 1, 1:] = 0
    stuck = np.zeros(on.shape, dtype=np.int8 if polarity == "steered" else bool)
    stuck[3, 1, 0] = stuck[4, 2] = 1
    measured = replace(measured, on_siemens=on, stuck_closed=stuck)
    target = target_siemens(design, random.normal(size=(3, 8)))
    target[2, 0], target[5, 1] = design.full_scale_siemens, 0
    target[6, 1] = on[6, 1, 0] / 2
    ohm = 1e-3 / design.full_scale_siemens
    (task,) = tile_tasks(
        measured, program(measured, target), Wires(ohm, ohm, 0.0, 0.0), Tile(8, 6), 4
    )
    sizes = np.array([1.02, 1.0, 0.9])
    assert not in_turn(task)
    assert np.array_equal(task.gaps(sizes), np.zeros((3, 3)))
    monkeypatch.setattr(tiles, "in_turn", lambda task: True)
    needed, expected = tiles.continuous(task)[0].needed, np.zeros((3, 3))
    asked = []
    for row, column in np.argwhere(task.kept):
        states = nets(task.cells, row, column)
        reach = states.max() if needed[row, column] > 0 else -states.min()
        if reach >= max(abs(needed[row, column]), design.full_scale_siemens / 2):
            asked.append((row, column))
            missed = np.subtract.outer(needed[row, column] * sizes, states)
            expected[column] += (missed**2).min(axis=1) / design.full_scale_siemens**2
    assert not {(1, 0), (2, 0), (5, 1), (6, 1)} & set(asked)
    assert (3, 1) in asked
    assert len(asked) > 15
    assert task.gaps(sizes) == pytest.approx(expected, rel=1e-9, abs=8 * 4e-12)

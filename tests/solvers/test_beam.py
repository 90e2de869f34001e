"""The beam: sound on every kind of set, deterministic, and as good as it says."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import solvers
from solvers.methods.beam import plans

BINARY, FLIP, SIGNED = (0, 1), (-1, 1), (-1, 0, 1)
SETTINGS = settings(deadline=None, max_examples=40)


@pytest.fixture(scope="module")
def cells():
    rng = np.random.default_rng(1)
    return rng.uniform(-1, 1, (10, 80)), rng.uniform(-3, 3, 10)


def run(cells, **options):
    return solvers.solve_batch(*cells, "beam", **{"width": 256, **options})


def check(solution, values, target, coefficients=BINARY):
    """The mask is allowed and has the error that is reported."""
    assert np.isin(solution.mask, coefficients).all()
    terms = zip(values, solution.mask.tolist(), strict=True)
    total = sum((int(one) * Fraction(float(value)) for value, one in terms), Fraction(0))
    assert solution.error == float(total - Fraction(float(target)))
    assert solution.lower_bound <= abs(solution.error)


@SETTINGS
@given(
    st.lists(st.integers(-40, 40) | st.floats(-1e3, 1e3), min_size=9, max_size=40),
    st.floats(-200, 200),
    st.sampled_from([BINARY, FLIP, SIGNED]),
)
def test_any_numbers_give_an_allowed_choice(values, target, coefficients):
    solution = solvers.solve(values, target, "beam", width=16, coefficients=coefficients)
    check(solution, values, target, coefficients)


@pytest.mark.parametrize("coefficients", [BINARY, FLIP, SIGNED])
def test_bits_grow_with_the_width(cells, coefficients):
    """At least 1.5 bits for each doubling, of the 3 and more that random numbers promise."""
    options = {"coefficients": coefficients}
    narrow, wide = (np.abs(run(cells, width=width, **options).error) for width in (64, 1024))
    assert np.median(np.log2(narrow)) - np.median(np.log2(wide)) > 1.5 * 4


def test_it_beats_the_windows_of_the_same_size(cells):
    """Lists of 2**12 sums, as in a window of 24 numbers, leave far smaller errors."""
    beam = np.abs(run(cells, width=1 << 12).error)
    windows = np.abs(solvers.solve_batch(*cells, "random", window=24, tries=8).error)
    assert np.median(beam) < np.median(windows) / 2**8


SETS = {
    "one-sided": lambda rng, n: rng.uniform(0.5, 1, n),
    "nearly equal": lambda rng, n: rng.uniform(0.8, 1.2, n),
    "six decades": lambda rng, n: 10 ** rng.uniform(-6, 0, n),
    "two sizes": lambda rng, n: rng.uniform(0.5, 1, n) * np.where(np.arange(n) % 2, 1e-9, 1),
    "ladder": lambda rng, n: 1.2 ** -np.arange(n) * rng.uniform(0.9, 1.1, n),
    "many zeros": lambda rng, n: np.where(np.arange(n) % 2, 0, rng.uniform(0.1, 1, n)),
}


@pytest.mark.parametrize("n", [48, 150])
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("method", ["beam", "random"])
def test_sets_of_every_kind_meet_their_target(method, name, n):
    """As bits of the sum of all: a search of 20 numbers alone would give about 20."""
    rng = np.random.default_rng(7)
    values = np.stack([SETS[name](rng, n) for _ in range(5)])
    targets = 0.37 * values.sum(axis=1)
    options = {"width": 1 << 12} if method == "beam" else {}
    error = np.abs(solvers.solve_batch(values, targets, method, **options).error)
    assert np.median(error / values.sum(axis=1)) < 2.0**-16


@pytest.mark.parametrize("share", [0.001, 0.03, 0.5, 0.97, 0.999])
def test_targets_near_the_ends(share):
    """Few choices lead there; the windows find the same ones."""
    values = np.random.default_rng(3).uniform(0, 1, 60)
    target = share * values.sum()
    beam = solvers.solve(values, target, "beam", width=1 << 12)
    windows = solvers.solve(values, target, "random")
    assert abs(beam.error) <= abs(windows.error)


def test_it_repeats_itself_and_batches_are_loops(cells):
    whole = run(cells)
    assert np.array_equal(whole.mask, run(cells, workers=3).mask)
    for k in range(len(cells[0])):
        alone = solvers.solve(cells[0][k], cells[1][k], "beam", width=256)
        assert np.array_equal(alone.mask, whole.mask[k])
        assert alone.error == whole.error[k]


def test_it_claims_nothing_that_it_did_not_prove(cells):
    solution = run(cells)
    assert solution.status == "feasible"
    assert (solution.lower_bound == 0).all()


def test_zero_error_is_proven():
    solution = solvers.solve(np.ones(50), 20.0, "beam", width=64)
    assert solution.error == 0
    assert solution.optimal


def test_it_is_exact_where_two_lists_hold_all_sums(brute_force):
    values = np.random.default_rng(9).uniform(-1, 1, 8)
    solution = solvers.solve(values, 0.3, "beam", width=16)
    assert solution.mask.tolist() == brute_force(values, 0.3).mask
    assert solution.optimal


def test_fixed_coefficients_are_kept(cells):
    fixed = np.full(80, np.nan)
    fixed[::4], fixed[1::4] = 1, 0
    solution = run(cells, fixed=fixed)
    assert solution.mask[:, ::4].all()
    assert not solution.mask[:, 1::4].any()
    assert np.median(np.abs(solution.error)) < 2.0**-15


def test_plans_use_more_groups_of_more_numbers():
    assert [plan.groups for plan in plans(64, 1 << 16, False, 60)] == [4, 2]
    assert plans(200, 1 << 16, False, 60)[0].groups == 8
    assert plans(200, 1 << 16, False, 40)[0].groups == 4
    assert plans(1, 16, False, 60)[-1].groups == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 8}, r"width = 8: give an integer, from 16 to 4194304"),
        ({"width": 1 << 23}, r"width = 8388608"),
        ({"seed": 1}, r"option seed = 1: method 'beam' takes width"),
        ({"at_most": 3}, r"at_most: method 'beam' cannot limit"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(solvers.InvalidInput, match=message):
        solvers.solve(np.ones(50), 0.5, "beam", **options)

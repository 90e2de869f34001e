"""One set, many targets: as solve answers, and its worst case as rational arithmetic has it."""

from __future__ import annotations

import doctest
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import solvers
from solvers import prepared as module
from solvers.prepared import Halves, Table, prepare

BINARY, FLIP, SIGNED = (0, 1), (-1, 1), (-1, 0, 1)
NAN = float("nan")
SETTINGS = settings(deadline=None, max_examples=60)

# Multiples of 1/4 of few different sizes: equal sums, equal errors and hits are common.
coarse = st.integers(-12, 12).map(lambda k: k / 4)
halves_of_coarse = st.integers(-100, 100).map(lambda k: k / 8)


@st.composite
def problems(draw, most=7):
    values = draw(st.lists(coarse, max_size=most))
    coefficients = draw(st.sampled_from([BINARY, FLIP, SIGNED]))
    given_one = st.sampled_from([NAN, NAN, *coefficients])
    fixed = draw(st.none() | st.lists(given_one, min_size=len(values), max_size=len(values)))
    at_most = None
    if 0 in coefficients:
        stuck = 0 if fixed is None else sum(one in (-1, 1) for one in fixed)
        at_most = draw(st.none() | st.integers(stuck, len(values) + 1))
    return values, {"coefficients": coefficients, "fixed": fixed, "at_most": at_most}


@pytest.fixture(params=["table", "halves"])
def store(request, monkeypatch):
    """Both ways to keep the sums, at sizes that the tests can afford."""
    if request.param == "halves":
        monkeypatch.setattr(module, "MOST_IN_TABLE", -1)
        monkeypatch.setattr(module, "MOST_SIGNED_IN_TABLE", -1)
    return request.param


def all_sums(values, coefficients=BINARY, fixed=None, at_most=None):
    """Every sum that can be reached, exactly, ascending."""
    stuck = [NAN] * len(values) if fixed is None else fixed
    choices = [coefficients if one != one else (int(one),) for one in stuck]
    exact = [Fraction(float(value)) for value in values]
    return sorted(
        {
            sum((c * v for c, v in zip(chosen, exact, strict=True)), Fraction(0))
            for chosen in product(*choices)
            if at_most is None or np.count_nonzero(chosen) <= at_most
        }
    )


def same(found, wanted):
    for name in (
        "mask",
        "achieved",
        "error",
        "reachable",
        "lower_bound",
        "quantum",
    ):
        mine, other = getattr(found, name), getattr(wanted, name)
        assert mine.dtype == other.dtype, name
        assert np.array_equal(mine, other), name


@SETTINGS
@given(problems(), st.lists(halves_of_coarse | st.floats(-20, 20), max_size=6))
def test_each_target_is_answered_as_solve_would(problem, targets):
    values, options = problem
    prepared = prepare(values, **options)
    found = prepared.solve(targets)
    assert isinstance(prepared.store, Table)
    assert found.mask.shape == (len(targets), len(values))
    for k, target in enumerate(targets):
        same(found.cell(k), solvers.solve(values, target, "meet-in-the-middle", **options))


@SETTINGS
@given(problems(), st.lists(halves_of_coarse, min_size=1, max_size=6))
def test_halves_answer_as_the_table_does(problem, targets):
    values, options = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_IN_TABLE", -1)
        patch.setattr(module, "MOST_SIGNED_IN_TABLE", -1)
        halves = prepare(values, **options)
    assert isinstance(halves.store, Halves)
    table = prepare(values, **options)
    same(halves.solve(targets), table.solve(targets))
    assert np.array_equal(halves.error(targets), table.error(targets))


@SETTINGS
@given(problems(), st.lists(halves_of_coarse, min_size=1, max_size=6))
def test_error_is_that_of_solve_where_nothing_is_rounded(problem, targets):
    values, options = problem
    prepared = prepare(values, **options)
    assert np.array_equal(prepared.error(targets), prepared.solve(targets).error)


@pytest.mark.parametrize("coefficients", [BINARY, FLIP, SIGNED])
@pytest.mark.parametrize("unit", [1.0, 1e-4, 1e-300, 1e300])
def test_error_keeps_its_promise_where_numbers_are_rounded(coefficients, unit):
    rng = np.random.default_rng(4)
    values = rng.uniform(-unit, unit, 5) * 10.0 ** -rng.uniform(0, 12, 5)
    targets = rng.uniform(-3 * unit, 3 * unit, 40)
    prepared = prepare(values, coefficients=coefficients)
    exact = all_sums(values, coefficients)
    allowed = Fraction(len(values) + 1, 2) * Fraction(prepared.step)
    for target, error in zip(targets.tolist(), prepared.error(targets).tolist(), strict=True):
        best = min(abs(one - Fraction(target)) for one in exact)
        assert abs(abs(Fraction(error)) - best) <= allowed + best / 2**52


@SETTINGS
@given(problems())
def test_sums_are_all_that_can_be_reached(problem):
    values, options = problem
    wanted = all_sums(values, **options)
    assert [Fraction(one) for one in prepare(values, **options).sums.tolist()] == wanted


@SETTINGS
@given(problems(), halves_of_coarse, halves_of_coarse)
def test_covering_radius_is_the_largest_of_all_gaps(problem, one_end, other_end):
    values, options = problem
    low, high = sorted((one_end, other_end))
    prepared = prepare(values, **options)
    found = prepared.covering_radius(low, high)
    radius, target = worst_target(all_sums(values, **options), low, high)
    assert (Fraction(float(found.radius)), Fraction(float(found.target))) == (radius, target)
    assert abs(prepared.error(found.target)) == found.radius


def worst_target(sums, low, high):
    """Largest distance to the nearest sum, and the smallest target that has it."""
    ends = [Fraction(low), Fraction(high)]
    middles = [(below + above) / 2 for below, above in pairwise(sums)]
    targets = sorted([*ends, *(one for one in middles if ends[0] <= one <= ends[1])])
    distances = [min(abs(one - target) for one in sums) for target in targets]
    return max(distances), targets[distances.index(max(distances))]


@pytest.mark.parametrize("coefficients", [BINARY, FLIP, SIGNED])
def test_covering_radius_of_rounded_numbers(coefficients):
    rng = np.random.default_rng(5)
    values = rng.uniform(-1e-4, 1e-4, 5)
    prepared = prepare(values, coefficients=coefficients)
    sums = all_sums(values, coefficients)
    for low, high in [(-1e-5, 1e-5), (-1.0, 2.0), (2e-4, 3.0), (-1e300, 2e300)]:
        found = prepared.covering_radius(low, high)
        radius, target = worst_target(sums, low, high)
        assert found.radius == pytest.approx(float(radius), rel=1e-12)
        assert found.target == pytest.approx(float(target), rel=1e-12)
        assert low <= found.target <= high


DEGENERATE = {
    "no number": [],
    "one number": [0.7],
    "zeros": [0.0, -0.0, 0.0],
    "equal": [0.1] * 9,
    "opposite": [0.3, -0.3, 0.3, -0.3],
    "powers of two": [2.0**-k for k in range(10)],
    "huge": [1e300, 3e300, -2e300],
    "tiny": [1e-300, 3e-300, -2e-300],
    "subnormal": [5e-324, 1e-323, 4e-323],
    "huge beside tiny": [1e300, 1e-300, -3e-300],
    "integers": [3, 34, 4, 12, 5, 2],
}


@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_sets(case, store):
    values = DEGENERATE[case]
    targets = [0.0, 0.3, -0.2, 1e300, -1e300, 2e-300, 5e-324, 9.0]
    found = prepare(values).solve(targets)
    for k, target in enumerate(targets):
        same(found.cell(k), solvers.solve(values, target, "meet-in-the-middle"))
    assert np.isfinite(prepare(values).error(targets)).all()


@pytest.mark.parametrize(
    ("n", "options"),
    [
        (20, {}),
        (13, {"coefficients": SIGNED}),
        (30, {}),
        (30, {"at_most": 5}),
        (20, {"coefficients": FLIP}),
        (18, {"coefficients": SIGNED, "at_most": 4}),
    ],
)
def test_larger_sets_are_answered_as_solve_would(n, options):
    rng = np.random.default_rng(n)
    values, targets = rng.uniform(-1, 1, n), rng.uniform(-1, 1, 5)
    found = prepare(values, **options).solve(targets)
    wanted = solvers.solve_batch(np.tile(values, (5, 1)), targets, "meet-in-the-middle", **options)
    same(found, wanted)


def test_fixed_numbers_do_not_count_for_the_table():
    values = np.random.default_rng(1).uniform(-1, 1, 60)
    fixed = np.full(60, NAN)
    fixed[10:] = np.arange(50) % 2
    prepared = prepare(values, fixed=fixed)
    assert len(prepared.sums) == 2**10
    mask = prepared.solve(values[fixed == 1].sum() + 0.1).mask
    assert np.array_equal(mask[10:], fixed[10:] == 1)


def test_many_targets_in_several_calls_are_the_same(monkeypatch, store):
    values = np.random.default_rng(2).uniform(-1, 1, 9)
    targets = np.random.default_rng(3).uniform(-2, 2, 50)
    whole, errors = prepare(values).solve(targets), prepare(values).error(targets)
    for name in ("_TARGETS_AT_ONCE", "_LOOKUPS_A_CALL"):
        monkeypatch.setattr(module, name, 7)
    monkeypatch.setattr(module, "_STEPS_A_CALL", 100)
    same(prepare(values).solve(targets), whole)
    assert np.array_equal(prepare(values).error(targets), errors)


def test_shapes_follow_the_targets(store):
    prepared = prepare([0.5, -0.25, 0.125])
    assert prepared.solve(0.3).mask.shape == (3,)
    assert prepared.solve([]).mask.shape == (0, 3)
    assert prepared.solve([]).method == "prepared"
    assert prepared.error(0.3) == pytest.approx(0.25 - 0.3)
    assert prepared.error(np.zeros((2, 5))).shape == (2, 5)


def test_the_set_is_not_repeated_in_memory():
    problem = prepare(np.ones(20)).solve(np.zeros(1000)).problem
    assert problem.values.shape == (1000, 20)
    assert problem.values.strides[0] == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: prepare([[1.0]]), r"values has shape \(1, 1\)"),
        (lambda: prepare([1.0, NAN]), r"values\[1\] = nan: must be finite"),
        (lambda: prepare([1.0], coefficients=(0, 2)), r"coefficients = \(0, 2\)"),
        (lambda: prepare([1.0], coefficients=FLIP, at_most=1), r"leave at_most out"),
        (lambda: prepare(np.ones(45)), r"45 free numbers: prepare at most 44"),
        (lambda: prepare(np.ones(29), coefficients=SIGNED), r"29 free numbers.* 28"),
        (lambda: prepare([1.0]).solve([[1.0]]), r"targets has shape \(1, 1\)"),
        (lambda: prepare([1.0]).solve([1.0, NAN]), r"targets\[1\] = nan"),
        (lambda: prepare([1.0]).solve("a"), r"targets has type <U1"),
        (lambda: prepare([1e308]).solve([0.0, 1e308]), r"cell 1 sum to more than"),
        (lambda: prepare([1.0]).error([NAN]), r"targets\[0\] = nan"),
        (lambda: prepare([1.0]).covering_radius(1, 0), r"low = 1, high = 0: .*smaller first"),
        (lambda: prepare([1.0]).covering_radius(0, NAN), r"low, high\[1\] = nan"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(solvers.InvalidInput, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "ask", [lambda one: one.sums, lambda one: one.covering_radius(0, 1)], ids=["sums", "radius"]
)
def test_without_a_table_there_is_no_list_of_sums(ask):
    with pytest.raises(solvers.InvalidInput, match="25 free numbers, too many for a table"):
        ask(prepare(np.ones(25)))


def test_the_example_runs():
    assert doctest.testmod(module).failed == 0

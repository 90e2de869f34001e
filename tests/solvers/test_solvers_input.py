"""Bad input is refused in one line that names the field, the value and the remedy."""

from __future__ import annotations

import doctest
import subprocess
import sys

import numpy as np
import pytest

import solvers
from solvers.grid import grid_bits

NAN, INF = float("nan"), float("inf")

BAD = [
    (([1.0, NAN], 0.5), {}, r"values\[1\] = nan: must be finite"),
    (([1.0, -INF], 0.5), {}, r"values\[1\] = -inf: must be finite"),
    (([1.0], NAN), {}, r"target = nan: must be finite"),
    (([1.0], INF), {}, r"target = inf: must be finite"),
    (([1e308, 1e308], 0.5), {}, r"divide both by a power of two"),
    (([[1.0]], 0.5), {}, r"values has shape \(1, 1\).*solve_batch"),
    ((1.0, 0.5), {}, r"values has shape \(\)"),
    (([1.0], [0.5]), {}, r"target has shape \(1,\).*solve_batch"),
    (([True], 0.5), {}, r"values has type bool: give real numbers"),
    (([1j], 0.5), {}, r"values has type complex128"),
    ((["0.5"], 0.5), {}, r"values has type <U3"),
    (([None], 0.5), {}, r"values has type object"),
    (([1.0, [2.0]], 0.5), {}, r"values is ragged"),
    (([1.0], "0.5"), {}, r"target has type <U3"),
    (([1.0], True), {}, r"target has type bool"),
    (([1.0], 0.5, "milpp"), {}, r"method = 'milpp': choose one of .*did you mean 'milp'\?"),
    (([1.0], 0.5, None), {}, r"method = None: choose one of auto"),
    (([1.0], 0.5), {"sed": 1}, r"option sed = 1 is unknown: .*did you mean 'seed'\?"),
    (([1.0], 0.5, "milp"), {"seed": 1}, r"option seed = 1: method 'milp' takes time_limit"),
    (([1.0], 0.5, "meet-in-the-middle"), {"tries": 1}, r"takes no options; leave it out"),
    (([1.0], 0.5, "milp"), {"time_limit": 0.0}, r"time_limit = 0.0: give a positive"),
    (([1.0], 0.5, "milp"), {"time_limit": NAN}, r"time_limit = nan"),
    (([1.0], 0.5), {"seed": -1}, r"seed = -1: give an integer, at least 0"),
    (([1.0], 0.5), {"seed": 1.5}, r"seed = 1.5: give an integer"),
    (([1.0], 0.5), {"seed": True}, r"seed = True: give an integer"),
    (([1.0], 0.5), {"tries": 0}, r"tries = 0: give an integer, at least 1"),
    (([1.0], 0.5), {"window": 45}, r"window = 45: give an integer, from 1 to 44"),
    ((np.ones(45), 0.5, "meet-in-the-middle"), {}, r"n = 45: .* at most 44 numbers.*auto"),
]


@pytest.mark.parametrize(("arguments", "options", "message"), BAD)
def test_solve_refuses(arguments, options, message):
    with pytest.raises(solvers.InvalidInput, match=message) as caught:
        solvers.solve(*arguments, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "targets", "message"),
    [
        (np.ones(3), np.ones(3), r"values has shape \(3,\): .*or use solve"),
        (np.ones((3, 2)), np.ones(2), r"targets has shape \(2,\): give one for each row.*\(3,\)"),
        (np.ones((3, 2)), 1.0, r"targets has shape \(\)"),
        (np.array([[1, 2], [NAN, 1]]), np.ones(2), r"values\[1, 0\] = nan"),
        (np.ones((2, 2)), [1, INF], r"targets\[1\] = inf"),
    ],
)
def test_solve_batch_refuses(values, targets, message):
    with pytest.raises(solvers.InvalidInput, match=message):
        solvers.solve_batch(values, targets)


def test_too_many_numbers_are_refused_even_without_a_cell():
    with pytest.raises(solvers.InvalidInput, match="n = 60"):
        solvers.solve_batch(np.ones((0, 60)), [], "meet-in-the-middle")


def test_options_of_none_are_not_given():
    assert solvers.solve([1.0], 0.7, "milp", seed=None, time_limit=None).mask.all()


def test_seed_may_be_a_numpy_integer():
    assert solvers.solve([1.0], 0.7, seed=np.int64(3)).mask.all()


@pytest.mark.parametrize("kind", [np.int8, np.uint64, np.float16, np.float32, ">f8"])
def test_every_real_type_is_taken(kind):
    solution = solvers.solve(np.array([3, 5, 9], dtype=kind), 11.0)
    assert solution.mask.tolist() == [True, False, True]


def test_input_is_left_alone_and_may_be_strided():
    values = np.random.default_rng(0).uniform(-1, 1, (12, 10))
    kept = values.copy()
    strided = solvers.solve_batch(values[::2, ::-1], np.full(6, 0.1))
    plain = solvers.solve_batch(values[::2, ::-1].copy(), np.full(6, 0.1))
    assert np.array_equal(values, kept)
    assert np.array_equal(strided.mask, plain.mask)


@pytest.mark.parametrize("method", solvers.METHODS)
def test_shapes_of_empty_batches(method):
    solution = solvers.solve_batch(np.empty((0, 5)), [], method)
    assert solution.mask.shape == (0, 5)
    assert solution.error.shape == (0,)
    assert solution.status == "optimal"
    assert solvers.solve_batch(np.empty((3, 0)), np.zeros(3), method).mask.shape == (3, 0)


def test_solution_refuses_shapes_that_do_not_belong_together():
    solution = solvers.solve([1.0], 0.7)
    fields = {name: getattr(solution, name) for name in solution.__dataclass_fields__}
    with pytest.raises(ValueError, match="error has shape"):
        solvers.Solution(**{**fields, "error": np.zeros(2)})


@pytest.mark.parametrize("n", [1, 2, 3, 16, 17, 44, 1000, 10**6])
def test_the_grid_cannot_overflow(n):
    """Sum and target are at most n * 2**bits each, half a step more after rounding."""
    assert 2 * n * 2 ** grid_bits(n) + 1 < 2**63


def test_extreme_sums_do_not_overflow():
    values = np.tile([1.0, -1.0], 22)
    assert solvers.solve(values, 21.9999).error == pytest.approx(1e-4, rel=1e-9)
    assert solvers.solve(values, -21.9999).error == pytest.approx(-1e-4, rel=1e-9)


def test_import_is_light():
    code = "import sys, solvers; print([m for m in ('numba', 'ortools') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_example_in_the_package_runs():
    assert doctest.testmod(solvers).failed == 0

"""Exact binomial bounds against their definition."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar import InputError
from crossbar.designing.yields import YieldTest, cells_needed, yield_at_least, yield_at_most


def at_most(cells: int, failures: int, good: Fraction) -> Fraction:
    """Probability of so many failures or fewer."""
    return sum(comb(cells, k) * (1 - good) ** k * good ** (cells - k) for k in range(failures + 1))


def test_a_yield_of_999_permille_takes_2995_cells_without_a_failure_and_4742_with_one():
    assert cells_needed(0.999, 0.95, 0) == 2995
    assert cells_needed(0.999, 0.95, 1) == 4742


@given(st.integers(1, 40), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_at_its_bound_the_yield_would_fail_so_rarely_with_one_minus_the_confidence(
    cells, data, confidence
):
    failures = data.draw(st.integers(0, cells - 1))
    bound = yield_at_least(cells, failures, confidence)
    # scipy inverts the incomplete beta function to about 1e-12
    assert float(at_most(cells, failures, Fraction(bound))) == pytest.approx(
        1 - confidence, rel=1e-9
    )
    assert yield_at_most(cells, cells - failures, confidence) == pytest.approx(1 - bound, rel=1e-9)


@given(st.sampled_from([0.5, 0.9, 0.95]), st.integers(0, 3))
def test_one_cell_less_would_not_show_it(wanted, failures):
    cells = cells_needed(wanted, 0.95, failures)
    good, error = Fraction(wanted), Fraction(5, 100)
    assert at_most(cells, failures, good) <= error < at_most(cells - 1, failures, good)


def test_a_test_stops_as_soon_as_its_outcome_is_sure():
    test = YieldTest(0.9, failures=1)  # 46 cells
    assert test.cells == 46
    good = np.zeros(46, bool)
    assert test.decided(good[:44]) is None
    assert test.decided(good[:45]) is True  # the last one may fail
    one, two = good.copy(), good.copy()
    one[7] = two[7] = two[30] = True
    assert test.decided(one[:45]) is None
    assert test.decided(one) is True
    assert test.decided(two[:30]) is None
    assert test.decided(two[:31]) is False


def test_a_yield_that_is_just_missed_passes_in_five_percent_of_tests():
    test = YieldTest(0.9, failures=1)
    rng = np.random.default_rng(1)
    passed = [test.decided(rng.uniform(size=46) < 0.1) for _ in range(4000)]
    # 4.8 % by the exact sum; five standard errors of 4000 tests are 1.7 %
    exact = float(at_most(46, 1, Fraction(9, 10)))
    assert 0.04 < exact < 0.05
    assert np.mean(passed) == pytest.approx(exact, abs=0.017)


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: cells_needed(1.0), "yield = 1.0"),
        (lambda: cells_needed(0.9, 0.0), "confidence = 0.0"),
        (lambda: cells_needed(0.9, 0.95, -1), "failures = -1"),
        (lambda: cells_needed(1 - 1e-12), "more than 100,000,000 cells"),
        (lambda: yield_at_least(0, 0), "failures = 0 of 0"),
        (lambda: yield_at_least(5, 6), "failures = 6 of 5"),
    ],
)
def test_what_cannot_be_shown_is_refused(ask, told):
    with pytest.raises(InputError, match=told):
        ask()

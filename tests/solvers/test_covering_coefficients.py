"""The covering radius of signed sets, and of sets that are not what they are believed to be."""

from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solvers import InvalidInput, covering_radius, misjudged_radius, prepare

ALPHABETS = [(0, 1), (-1, 1), (-1, 0, 1)]
dyadic = st.integers(-(2**10), 2**10).map(lambda k: k / 2**8)


def exact_radius(values, coefficients, low, high):
    sums = {
        sum((c * Fraction(v) for c, v in zip(chosen, values, strict=True)), Fraction(0))
        for chosen in product(coefficients, repeat=len(values))
    }
    ordered = sorted(sums)
    middles = [(a + b) / 2 for a, b in pairwise(ordered)]
    targets = [Fraction(low), Fraction(high), *(m for m in middles if low <= m <= high)]
    return max(min(abs(one - target) for one in sums) for target in targets)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(dyadic, max_size=4),
    dyadic,
    st.integers(0, 2**10).map(lambda k: k / 2**8),
    st.sampled_from(ALPHABETS),
)
def test_every_alphabet_agrees_with_fractions(values, low, width, coefficients):
    high = low + width
    found = covering_radius([values], low, high, coefficients=coefficients)
    radius = exact_radius(values, coefficients, low, high)
    assert Fraction(float(found.radius[0])) == radius
    assert found.quantum[0] == 0
    target = Fraction(float(found.target[0]))
    assert low <= target <= high
    assert exact_radius(values, coefficients, target, target) == radius
    other = misjudged_radius([values], [values], low, high, coefficients=coefficients)
    assert other[0] == float(radius)  # dyadic sums of this size are exact in floats


@pytest.mark.parametrize(("coefficients", "n"), [((0, 1), 16), ((-1, 1), 16), ((-1, 0, 1), 11)])
def test_random_sets_agree_with_a_table_of_all_sums(coefficients, n):
    values = np.random.default_rng(1).uniform(0.2, 1, (5, n))
    found = covering_radius(values, -1, 1.5, coefficients=coefficients)
    for row, radius in zip(values, found.radius, strict=True):
        table = prepare(row, coefficients=coefficients).covering_radius(-1, 1.5)
        # both round each value to a grid of 2**-51 of the largest or finer
        assert radius == pytest.approx(float(table.radius), rel=0, abs=n * 2**-50)


def test_a_misjudged_set_is_as_bad_as_its_worst_chosen_subset():
    rng = np.random.default_rng(2)
    true = rng.uniform(-1, 1, (4, 7))
    believed = true * (1 + 1e-3 * rng.standard_normal(true.shape))
    bias = np.array([0.0, 1e-3, -2e-3, 0.1])
    found = misjudged_radius(true, believed, -0.5, 0.5, bias=bias)
    for row, seen, more, radius in zip(true, believed, bias, found, strict=True):
        masks = np.array(list(product((0, 1), repeat=7)))
        targets = np.linspace(-0.5, 0.5, 20_001)
        chosen = np.abs((masks @ seen)[:, None] - targets).argmin(axis=0)
        error = np.abs((masks @ row)[chosen] + more - targets).max()
        # targets every 5e-5 miss the worst by that at most
        assert error <= radius + 1e-12
        assert radius <= error + 5e-5


def test_what_cannot_be_passed_is_refused():
    with pytest.raises(InvalidInput, match=r"n = 17: all 3\*\*n sums.* at most 16"):
        covering_radius([[1.0] * 17], 0, 1, coefficients=(-1, 0, 1))
    with pytest.raises(InvalidInput, match="n = 25: .*at most 24"):
        misjudged_radius([[1.0] * 25], [[1.0] * 25], 0, 1)
    with pytest.raises(InvalidInput, match="believed has shape"):
        misjudged_radius([[1.0, 2.0]], [[1.0]], 0, 1)
    with pytest.raises(InvalidInput, match="coefficients"):
        covering_radius([[1.0]], 0, 1, coefficients=(0, 2))

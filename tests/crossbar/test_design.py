import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import Design, InputError, fabricate, measure, program
from crossbar.metrics import median_bits, worst_bits

LADDERS = ("stagger", "guaranteed", "identical", "binary")


@pytest.mark.parametrize("ladder", LADDERS)
@pytest.mark.parametrize("resistors", [2, 3, 7, 16])
def test_both_lines_reach_full_scale_at_nominal_values(ladder, resistors):
    if ladder == "binary" and resistors % 2:
        pytest.skip("a binary cell is even")
    design = Design(ladder=ladder, resistors=resistors)
    for sign in (1, -1):
        reach = design.nominal_siemens[design.signs == sign].sum()
        assert reach >= design.full_scale_siemens * (1 - 1e-12)


@given(
    resistors=st.integers(2, 14),
    tolerance=st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.3]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_no_cell_of_a_guaranteed_ladder_breaks_its_guarantee(resistors, tolerance, seed):
    design = Design(ladder="guaranteed", resistors=resistors, tolerance=tolerance)
    chip = fabricate(design, 20, 20, seed)
    full_scale = design.full_scale_siemens
    target = np.random.default_rng(seed).uniform(-full_scale, full_scale, (20, 20))
    programmed = program(measure(chip, error=0, seed=0), target)
    error = chip.cell_siemens(programmed.enabled) - target
    assert design.guaranteed_bits is not None
    assert worst_bits(error, full_scale) >= design.guaranteed_bits * (1 - 1e-9)


def test_only_what_is_proven_is_called_guaranteed():
    assert Design(ladder="guaranteed").guaranteed_bits is not None
    assert Design(ladder="guaranteed", radix=1.7).guaranteed_bits is None  # beyond 1.667
    assert Design(ladder="guaranteed", distribution="lognormal").guaranteed_bits is None
    assert Design(ladder="stagger").guaranteed_bits is None


def test_the_guaranteed_ladder_gives_the_bits_measured_before():
    """An earlier program found 6.9 bits for the worst of 2,500 cells at n=8 and 20 %.

    It related the error to the whole range, from -full scale to full scale: one bit more.
    """
    design = Design(ladder="guaranteed", resistors=8)
    chip = fabricate(design, 50, 50, seed=3)
    full_scale = design.full_scale_siemens
    target = np.random.default_rng(4).uniform(-full_scale, full_scale, (50, 50))
    error = chip.cell_siemens(program(measure(chip, error=0, seed=0), target).enabled) - target
    # the worst of a finite sample scatters by some tenths of a bit
    assert worst_bits(error, 2 * full_scale) == pytest.approx(6.9, abs=0.3)


def cell_bits(design: Design) -> tuple[float, float]:
    chip = fabricate(design, 40, 25, seed=7)
    full_scale = design.full_scale_siemens
    target = np.random.default_rng(8).uniform(-full_scale, full_scale, (40, 25))
    programmed = program(measure(chip, error=0, seed=0), target)
    error = chip.cell_siemens(programmed.enabled) - target
    return median_bits(error, full_scale), worst_bits(error, full_scale)


@pytest.mark.parametrize(("ladder", "slope"), [("stagger", 0.8), ("guaranteed", 0.6)])
def test_bits_grow_linearly_with_resistors(ladder, slope):
    counts = np.array([4, 6, 8, 10, 12, 14, 16])
    median = [cell_bits(Design(ladder=ladder, resistors=int(n)))[0] for n in counts]
    fit = np.polynomial.Polynomial.fit(counts, median, 1)
    assert fit.deriv()(0) > slope
    assert np.abs(fit(counts) - median).max() < 0.6  # a straight line within about half a bit


def test_the_conventional_cell_stays_flat():
    """At 20 % a binary ladder by nominal values keeps 2 to 3 bits however long it is."""
    worst = [
        cell_bits(Design(ladder="binary", programmed_by="nominal", resistors=n))[1]
        for n in (8, 12, 16)
    ]
    assert np.ptp(worst) < 0.7
    assert max(worst) < 4


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"resistors": 0}, "resistors = 0"),
        ({"resistors": 1}, "resistors = 1"),
        ({"resistors": 2.5}, "resistors = 2.5"),
        ({"tolerance": -0.1}, "tolerance = -0.1"),
        ({"tolerance": 1.0}, "tolerance = 1.0"),
        ({"tolerance": math.nan}, "tolerance = nan"),
        ({"ladder": "stager"}, "ladder = 'stager'"),
        ({"polarity": "folded"}, "polarity = 'folded'"),
        ({"distribution": "normal"}, "distribution = 'normal'"),
        ({"programmed_by": "guess"}, "programmed_by = 'guess'"),
        ({"radix": 1.0}, "radix = 1.0"),
        ({"radix": 2.0, "ladder": "binary"}, "radix = 2.0"),
        ({"usable": 0.0}, "usable = 0.0"),
        ({"full_scale_siemens": -1e-5}, "full_scale_siemens = -1e-05"),
        ({"full_scale_siemens": math.inf}, "full_scale_siemens = inf"),
        ({"on_ohm": -1.0}, "on_ohm = -1.0"),
        ({"off_ohm": 10.0}, "off_ohm = 10.0"),
        ({"full_scale_siemens": 1e-2}, "on_ohm = 1000.0"),
    ],
)
def test_a_bad_field_is_named_with_its_value(fields, named):
    with pytest.raises(InputError, match=f"^{named.replace('(', '.')}"):
        Design(**fields)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"resistors": math.nan}, "resistors = nan"),
        ({"resistors": None}, "resistors = None"),
        ({"resistors": 8.0}, "resistors = 8.0"),
        ({"resistors": 10**30}, "resistors = 10"),
        ({"resistors": 5, "ladder": "binary"}, "resistors = 5"),
        ({"tolerance": "0.2"}, "tolerance = '0.2'"),
        ({"radix": 1e300}, "radix = 1e.300"),
        ({"radix": math.nan}, "radix = nan"),
        ({"on_ohm": 1e-300}, "on_ohm = 1e-300"),
        ({"full_scale_siemens": 1e-300}, "full_scale_siemens = 1e-300"),
        ({"name": "two\nlines"}, "name = "),
        ({"name": "_hidden"}, "name = "),
        ({"name": "x" * 31}, "name = "),
    ],
)
def test_what_would_fail_later_is_refused_at_once(fields, named):
    with pytest.raises(InputError, match=f"^{named}"):
        Design(**fields)


def test_a_design_cannot_be_changed_through_its_arrays():
    design = Design()
    for array in (design.signs, design.nominal_siemens):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1

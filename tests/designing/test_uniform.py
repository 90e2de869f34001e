"""Conductances uniform from 0 up, the slides' model: made, judged, searched, never proven."""

from dataclasses import replace

import numpy as np
import pytest

from crossbar import Design, InputError, fabricate, fabrication, measure, program
from crossbar.designing import Specification, recommended, search
from crossbar.designing.families import families
from crossbar.designing.outputs import design_of, design_toml
from crossbar.designing.proofs import guaranteed_design, spread_of
from crossbar.designing.searching import cliff, leaky
from crossbar.designing.trials import worst_errors
from crossbar.designing.wording import asked, found
from crossbar.simulation import transfer
from spice_models import Wires


def uniform(polarity="paired", resistors=8, **given):
    cell = {"ladder": "identical", "distribution": "uniform conductance", "tolerance": 1.0}
    return Design(polarity=polarity, resistors=resistors, **(cell | given))


def bits(polarity, resistors, cells, seed=0):
    """Counted against the whole range from minus to plus full scale, as the earlier ones."""
    return -np.log2(worst_errors(uniform(polarity, resistors), cells, seed)) + 1


@pytest.mark.parametrize("tolerance", [0.25, 1.0])
def test_a_branch_conducts_anything_within_the_tolerance_alike_often(tolerance):
    design = uniform(tolerance=tolerance)
    chip = fabricate(design, 100, 100, seed=1)
    spread = (chip.closed_siemens / design.nominal_siemens - 1) / tolerance
    assert -1 < spread.min() < -0.9999
    assert 0.9999 < spread.max() <= 1 + 1e-12
    # shares of 80,000 draws have a standard deviation of 0.0014
    shares = np.histogram(spread, bins=8, range=(-1, 1))[0] / spread.size
    assert shares == pytest.approx(1 / 8, abs=0.006)


class Extreme:
    """Draws the ends of [-1, 1)."""

    def uniform(self, low, high, shape):
        ends = np.full(shape, -1.0)
        ends[..., ::2] = np.nextafter(1.0, 0.0)
        return ends


def test_the_smallest_and_the_largest_conductance_are_resistors_too(monkeypatch):
    monkeypatch.setattr(fabrication.np.random, "default_rng", lambda seed: Extreme())
    design = uniform(on_ohm=1e4)
    chip = fabricate(design, 2, 2, seed=0)
    assert np.isfinite(chip.true_ohm).all()
    assert (chip.true_ohm > 0).all()
    share = chip.closed_siemens / design.nominal_siemens
    assert share[..., 1] == pytest.approx(2, rel=1e-12)
    assert (share[..., 0] < 1e-14).all()


def test_a_branch_that_is_almost_open_is_simulated():
    design = uniform(resistors=4)
    chip = fabricate(design, 3, 2, seed=1)
    ohm = chip.true_ohm.copy()
    ohm[0, 0, 0] = 1e21
    chip = replace(chip, true_ohm=ohm)
    target = np.full((3, 2), 0.2 * design.full_scale_siemens)
    programmed = program(measure(chip, error=0, seed=0), target)
    for simulator in ("nodal", "ngspice"):
        answer = transfer(chip, programmed, Wires(0, 0, 0, 0), simulator=simulator)
        # both agree with the sums to 1e-12 of full scale
        expected = chip.cell_siemens(programmed.enabled).T
        assert answer.siemens == pytest.approx(expected, abs=1e-11 * design.full_scale_siemens)


@pytest.mark.parametrize(
    ("n", "cells", "flip", "offset"),
    [
        (8, 2500, (2.0, 6.3), (0.0, 5.8)),
        (12, 2500, (5.0, 9.5), (0.8, 8.8)),
        (16, 300, (9.5, 12.7), (1.2, 11.9)),
    ],
)
def test_the_bits_are_those_measured_before_and_paired_cells_lie_in_between(n, cells, flip, offset):
    """Worst and median of 2,500 cells, of 16 resistors of fewer.

    The median of 2,500 cells is known to 0.03 bit, of 300 to 0.1; the earlier ones have two
    digits. The worst is the luck of the draw: over eight seeds of 2,500 flip cells it lies
    between 1.9 and 3.0 at n = 8 and between 2.6 and 6.6 at n = 12.
    """
    made = {polarity: bits(polarity, n, cells) for polarity in ("offset", "paired", "flip")}
    for polarity, (worst, median) in (("flip", flip), ("offset", offset)):
        assert np.median(made[polarity]) == pytest.approx(median, abs=0.25 if n == 16 else 0.1)
        assert made[polarity].min() == pytest.approx(worst, abs=2.5 if polarity == "flip" else 1.5)
    # the 1 % quantile is steadier: the three are a bit or more apart
    quantiles = [float(np.quantile(made[one], 0.01)) for one in ("offset", "paired", "flip")]
    assert quantiles[0] + 0.7 < quantiles[1] < quantiles[2] - 0.7


ASKED = Specification(
    bits=6,
    yield_=0.9,
    polarities=("paired", "flip"),
    ladders=("uniform", "stagger"),
    radix=1.2,
    most_sums=1 << 16,
)


def test_the_search_finds_uniform_cells_and_says_what_they_are():
    rows = [row for row in search(ASKED) if row.ladder == "uniform"]
    assert {row.family for row in rows} == {"paired uniform", "flip uniform"}
    last = rows[-1]
    assert (last.met, last.certainty, last.spread) == (True, "statistic", 1)
    design = design_of(ASKED, last)
    assert design == uniform("flip", last.resistors, name="flip uniform")
    said = "\n".join(found(ASKED, last))
    assert "the slides' model, conductances uniform from 0 to twice nominal" in said
    assert 'distribution = "uniform conductance"' in design_toml(ASKED, last)


def test_uniform_cells_are_taken_only_where_no_other_cell_will_do():
    rows = search(ASKED)
    cheap = [replace(row, total_ohm=1.0) if row.ladder == "uniform" else row for row in rows]
    assert recommended(cheap)[0].ladder == "stagger"
    alone = [row for row in cheap if row.family == "flip uniform"]
    row, why = recommended(alone)
    assert row.met
    assert why.startswith("being the only cell that meets the specification; its yield is a")


def test_uniform_cells_are_looked_at_unless_something_else_is_asked_for():
    assert "steered uniform" in [family.name for family in families(Specification(bits=8))]


def test_no_guarantee_takes_uniform_conductances():
    with pytest.raises(InputError, match="ladder = 'guaranteed': nothing is"):
        uniform(ladder="guaranteed", tolerance=0.1)
    assert uniform(ladder="stagger").guaranteed_bits is None
    given = Specification(bits=8, distribution="uniform conductance", tolerance=1.0, radix=1.9)
    assert not any(family.ladder == "guaranteed" for family in families(given))
    assert cliff(given) is leaky(replace(given, off_ohm=1e7)) is None
    with pytest.raises(InputError, match="nothing is proven"):
        spread_of(given, 8)
    with pytest.raises(InputError, match="nothing is proven"):
        guaranteed_design(given, "paired", 8)
    with pytest.raises(InputError, match="a guaranteed one not at all of uniform conductances"):
        families(replace(given, ladders=("guaranteed",)))


@pytest.mark.parametrize("distribution", ["uniform", "truncated normal", "lognormal"])
def test_a_tolerance_of_one_is_for_uniform_conductances_alone(distribution):
    with pytest.raises(InputError, match=r"tolerance = 1.0: give a fraction from 0 to below 1"):
        Design(tolerance=1.0, distribution=distribution)
    with pytest.raises(InputError, match=r"tolerance = 1.0: give a fraction from 0 to 0.9"):
        Specification(bits=8, tolerance=1.0, distribution=distribution)
    for more in (1.01, float("nan")):
        with pytest.raises(InputError, match=r"tolerance = .*: give a fraction from 0 to 1$"):
            uniform(tolerance=more)


def test_a_switch_that_the_largest_branch_has_no_room_for_is_refused():
    """Each of eight identical branches has 4 / 8 of 10 uS and up to twice that: 100 kohm."""
    assert uniform(on_ohm=9.9e4).nominal_ohm.min() == pytest.approx(2e5 - 9.9e4)
    with pytest.raises(InputError, match="on_ohm = 101000.0: the largest branch"):
        uniform(on_ohm=1.01e5)


def test_each_distribution_is_said_as_what_it_is():
    said = {
        "uniform": "+-20 %, uniform;",
        "truncated normal": "+-20 %, normal of a third of it, cut at it;",
        "lognormal": "lognormal, sigma 0.2;",
        "uniform conductance": "of conductances uniform within +-20 %;",
    }
    for distribution, words in said.items():
        lines = asked(Specification(bits=8, distribution=distribution))
        assert f"resistors {words}" in "\n".join(lines)


def test_full_scale_is_a_share_of_what_is_really_sure():
    rows = {row.ladder: row for row in search(ASKED)}
    nominal = replace(rows["stagger"], programmed_by="nominal")
    lognormal = replace(ASKED, distribution="lognormal")
    anything = replace(ASKED, distribution="uniform conductance")
    for asked_for, row, words in (
        (ASKED, rows["stagger"], "every cell"),
        (ASKED, nominal, "a nominal cell"),
        (ASKED, rows["uniform"], "a nominal cell"),
        (anything, rows["stagger"], "a nominal cell"),
        (lognormal, rows["stagger"], "a cell of resistors 20 % large"),
    ):
        assert found(asked_for, row)[-1].endswith(f"full scale is 50 % of what {words} reaches")

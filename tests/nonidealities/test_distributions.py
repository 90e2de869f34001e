"""Resistances around their nominal values."""

from __future__ import annotations

import numpy as np
import pytest

from crossbar import Design, fabricate


def relative(distribution, tolerance=0.2):
    design = Design(ladder="identical", resistors=4, distribution=distribution, tolerance=tolerance)
    chip = fabricate(design, 200, 200, seed=1)
    return chip.true_ohm / design.nominal_ohm - 1


def test_a_normal_tolerance_has_a_third_for_sigma_and_ends_at_it():
    spread = relative("truncated normal")
    assert np.abs(spread).max() <= 0.2
    # cut at three sigma, a normal distribution keeps 0.98658 of its sigma; 160,000 draws: 0.2 %
    assert spread.std() == pytest.approx(0.98658 * 0.2 / 3, rel=0.01)
    assert spread.mean() == pytest.approx(0, abs=5 * 0.2 / 3 / 400)
    # 0.68269 of all lie within one sigma: 0.68454 of the 0.99730 that are left
    assert (np.abs(spread) < 0.2 / 3).mean() == pytest.approx(0.68454, abs=0.006)


def test_the_guarantee_holds_for_a_normal_tolerance_too():
    for distribution, held in (("uniform", True), ("truncated normal", True), ("lognormal", False)):
        design = Design(ladder="guaranteed", distribution=distribution)
        assert (design.guaranteed_bits is not None) == held


def test_no_tolerance_is_nominal():
    assert np.abs(relative("truncated normal", 0.0)).max() < 1e-12

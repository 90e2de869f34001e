"""The example of wire-aware programming on layers that are small."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from crossbar import Design

EXAMPLE = Path(__file__).parents[2] / "examples" / "wire_aware.py"
CELLS = (
    Design(ladder="stagger", resistors=8),
    Design(polarity="flip", ladder="stagger", resistors=8),
    Design(polarity="offset", ladder="stagger", resistors=8),
)


@pytest.fixture(scope="module")
def row():
    found = runpy.run_path(str(EXAMPLE))["row"]
    found.__globals__.update(INPUTS=12, OUTPUTS=5)
    return found


@pytest.mark.parametrize("design", CELLS, ids=lambda one: one.polarity)
def test_without_errors_of_the_measurement_true_bits_are_those_that_were_measured(design, row):
    """With them, they are others."""
    for error, alike in ((0.0, True), (3e-3, False)):
        done = row((design, "dense", 1e-3, 0), error)
        for true, measured in (
            (done.ideal_wires_true_bits, done.ideal_wires_bits),
            (done.by_column_true_bits, done.by_column_bits),
        ):
            assert (true == pytest.approx(measured, abs=1e-6)) == alike

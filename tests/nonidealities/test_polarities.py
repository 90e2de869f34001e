"""Faults, drift and noise of every polarity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crossbar import Design, InputError, Nonidealities, Wires, produce, reprogram
from crossbar.nonidealities.noise import cell_square_siemens, column_siemens
from crossbar.simulation import place_tiles, transfer

WEIGHTS = np.random.default_rng(0).uniform(-1, 1, (12, 15))
SEED = np.random.SeedSequence(1)
FAULTY = Nonidealities(stuck_open_probability=0.01, stuck_closed_probability=0.05)
POLARITIES = ("paired", "offset", "flip", "steered")


def make(polarity, nonidealities=None, resistors=12):
    design = Design(polarity=polarity, resistors=resistors)
    return produce(design, WEIGHTS, SEED, measurement_error=0, nonidealities=nonidealities)


@pytest.mark.parametrize("polarity", POLARITIES)
def test_programming_works_around_stuck_branches(polarity):
    none, known = make(polarity), make(polarity, FAULTY)
    late = make(polarity, replace(FAULTY, stuck_unknown_share=1.0))
    stuck = known.chip.stuck_closed
    assert np.array_equal(known.program.enabled[stuck != 0], stuck[stuck != 0])
    rms = [np.sqrt(np.mean(one.cell_errors**2)) for one in (known, late)]
    assert rms[1] > 10 * rms[0]
    again = reprogram(late, measurement_error=0, seed=1)
    for one in (known, again):  # half a branch of twelve is lost, a bit or so
        median = np.median(np.abs(one.cell_errors))
        assert median < 3 * np.median(np.abs(none.cell_errors))


@pytest.mark.parametrize("polarity", POLARITIES)
def test_the_circuit_has_its_switches_stuck(polarity):
    late = make(polarity, replace(FAULTY, stuck_unknown_share=1.0))
    answer = transfer(late.chip, late.program, Wires(), simulator="ideal")
    cells = late.chip.cell_siemens(late.program.enabled).T
    np.testing.assert_allclose(answer.siemens, cells, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("polarity", POLARITIES)
def test_noise_is_that_of_all_conductances_of_a_columns_lines(polarity):
    """But for open switches of branches that can take either line: 1e-10 S each."""
    made = make(polarity)
    ((tile,),) = place_tiles(made.chip, made.program, Wires())
    lines = tile.array.siemens.sum(axis=0)
    columns = lines[:-1] + lines[-1] if polarity == "offset" else lines[::2] + lines[1::2]
    found = column_siemens(made.chip, made.program.enabled)
    np.testing.assert_allclose(found, columns, rtol=1e-3)
    assert cell_square_siemens(made.chip, made.program.enabled).shape == (15, 12)


def test_only_what_produce_made_is_programmed_again():
    with pytest.raises(InputError, match="made = None: give a ProgrammedChip"):
        reprogram(None, measurement_error=0, seed=1)  # type: ignore[arg-type]


def test_the_range_of_a_temperature_reads_like_one():
    with pytest.raises(InputError, match=r"ambient_kelvin = 0: give a number from 0\.001 to 2000"):
        Nonidealities(ambient_kelvin=0)

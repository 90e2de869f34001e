"""Cells that are content with some bits, and conduct less."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import Design, InputError, Tile, Wires, fabricate, measure, program, transfer
from crossbar.metrics import effective_bits
from crossbar.programming import target_siemens

POLARITIES = ("paired", "steered")


def programmed(polarity, enough_bits, rows=8, columns=6, seed=1, **fields):
    fields = {"resistors": 8, **fields}
    design = Design(polarity=polarity, enough_bits=enough_bits, **fields)
    chip = fabricate(design, rows, columns, seed)
    full_scale = design.full_scale_siemens
    target = np.random.default_rng(seed).uniform(-full_scale, full_scale, (rows, columns))
    return chip, target, program(measure(chip, error=0.0, seed=2), target)


def closed_siemens(chip, found):
    """What the closed branches of each cell conduct together [S]."""
    return (chip.closed_siemens * (found.enabled != 0)).sum(axis=2)


@given(
    polarity=st.sampled_from(POLARITIES),
    bits=st.integers(1, 16),
    resistors=st.integers(2, 9),
    ladder=st.sampled_from(["stagger", "guaranteed", "identical"]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_every_cell_is_near_enough_or_as_near_as_it_can(polarity, bits, resistors, ladder, seed):
    fields = {"resistors": resistors, "ladder": ladder, "seed": seed}
    chip, target, light = programmed(polarity, bits, 4, 4, **fields)
    best = programmed(polarity, None, 4, 4, **fields)[2]
    errors = [np.abs(chip.cell_siemens(one.enabled) - target) for one in (light, best)]
    enough = chip.design.full_scale_siemens * 2.0**-bits
    # the search knows sums to their rounding
    assert (errors[0] <= np.maximum(errors[1], enough) + 1e-12 * enough).all()
    assert np.array_equal(light.reachable, best.reachable)
    assert light.enabled.dtype == best.enabled.dtype


@pytest.mark.parametrize("polarity", POLARITIES)
def test_cells_conduct_hardly_more_than_the_lightest_of_all_states(polarity):
    chip, target, found = programmed(polarity, 5, resistors=8 if polarity == "paired" else 6)
    design, on = chip.design, chip.closed_siemens
    values = (on - 1 / (chip.true_ohm + design.off_ohm)) * design.signs
    choices = (0, 1) if polarity == "paired" else (-1, 0, 1)
    states = np.array(list(itertools.product(choices, repeat=design.resistors)))
    leak = 0 if polarity == "steered" else (1 / (chip.true_ohm + design.off_ohm)) @ design.signs
    errors = np.abs(values @ states.T + np.expand_dims(leak - target, 2))
    enough = np.maximum(design.full_scale_siemens / 2**5, errors.min(axis=2, keepdims=True))
    load = np.where(errors <= enough * (1 + 1e-9), on @ np.abs(states).T, np.inf).min(axis=2)
    mine = closed_siemens(chip, found)
    assert (mine >= load * (1 - 1e-9)).all()
    assert mine.mean() < 1.1 * load.mean()
    nearest = closed_siemens(chip, programmed(polarity, None, resistors=design.resistors)[2])
    assert mine.mean() < 0.8 * nearest.mean()


@pytest.mark.parametrize("polarity", POLARITIES)
def test_light_cells_lose_less_to_wires(polarity):
    weights = np.random.default_rng(0).normal(size=(16, 32))
    inputs = np.random.default_rng(1).uniform(size=(200, 32))
    bits, tile = [], Tile(32, 32)
    for enough in (None, 10):
        design = Design(polarity=polarity, resistors=12, enough_bits=enough)
        chip = fabricate(design, 32, 16, seed=1)
        target = target_siemens(design, weights)
        found = program(measure(chip, error=1e-5, seed=2), target)
        wanted = inputs @ target
        errors = transfer(chip, found, Wires(), tile=tile).currents(inputs) - wanted
        bits.append(effective_bits(errors, float(np.ptp(wanted))))
    assert bits[1] > bits[0] + 0.3


@pytest.mark.parametrize("polarity", POLARITIES)
def test_the_guarantee_is_that_of_the_bits_that_are_enough(polarity):
    ideal = {"polarity": polarity, "ladder": "guaranteed", "resistors": 10}
    full = Design(**ideal).guaranteed_bits
    assert Design(**ideal, enough_bits=full - 2).guaranteed_bits == full - 2
    assert Design(**ideal, enough_bits=full + 2).guaranteed_bits == full


def test_pruned_weights_and_open_branches_stay_off():
    chip, _, _ = programmed("paired", 6)
    known = measure(chip, error=0.0, seed=2)
    siemens = np.array(known.on_siemens)
    siemens[:, :, 5] = 0
    target = np.full((8, 6), 3e-6)
    target[0] = 0
    found = program(type(known)(chip.design, siemens), target)
    assert not found.enabled[:, :, 5].any()
    assert not found.enabled[0].any()
    assert found.enabled[1:].any(axis=2).all()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"enough_bits": 0.5}, "enough_bits = 0.5: give 1 to 60"),
        ({"enough_bits": float("nan")}, "enough_bits = nan: give 1 to 60"),
        ({"enough_bits": "8"}, "enough_bits = '8': give a number"),
        ({"enough_bits": 8, "polarity": "flip"}, "enough_bits = 8: only paired and steered"),
        ({"enough_bits": 8, "polarity": "offset"}, "enough_bits = 8: only paired and steered"),
        ({"enough_bits": 8, "programmed_by": "nominal"}, "enough_bits = 8: only paired and"),
    ],
)
def test_cells_that_cannot_conduct_less_are_refused(fields, named):
    with pytest.raises(InputError, match=f"^{named}"):
        Design(**fields)

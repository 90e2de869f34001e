"""Simulated cells: against programmed chips, and against what was measured before.

The earlier measurements count bits against the range from minus to plus full scale: one more
than here. They are the worst of 2,500 cells; those of fewer are a little better.
"""

import numpy as np
import pytest

from crossbar import Design, fabricate, measure, program
from crossbar.designing import trials
from crossbar.designing.trials import worst_errors
from crossbar.fabrication import Chip

POLARITIES = ("paired", "offset", "flip", "steered")


def bits(cells, n=None, seed=0, measurement_error=0.0, stuck=0.0, **design):
    made = Design(resistors=n, **design)
    errors = worst_errors(made, cells, seed, measurement_error=measurement_error, stuck=stuck)
    return -np.log2(errors) + 1


@pytest.mark.parametrize("polarity", POLARITIES)
@pytest.mark.parametrize("ladder", ["guaranteed", "stagger"])
@pytest.mark.parametrize("error", [0.0, 1e-2])
def test_the_worst_target_is_that_of_brute_force(polarity, ladder, error, monkeypatch):
    """The same cells, every setting of them tried; the reference of offset ones exact here."""
    monkeypatch.setattr(trials, "_reference_errors", lambda *given: 0.0)
    design = Design(polarity=polarity, ladder=ladder, resistors=6, off_ohm=1e8)
    full_scale, cells = design.full_scale_siemens, 3
    found = worst_errors(design, cells, 5, measurement_error=error)
    root = np.random.SeedSequence(5)
    making, measuring = (np.random.SeedSequence(root.entropy, spawn_key=(k,)) for k in range(2))
    ohm = fabricate(design, rows=cells, columns=1, seed=making).true_ohm[:, 0]
    noise = 1 + error * np.random.default_rng(measuring).standard_normal(ohm.shape)
    targets = np.linspace(-1, 1, 2001) * full_scale
    worst = []
    for row, factor in zip(ohm, noise, strict=True):
        worst.append(np.abs(_errors(design, row, factor, targets)).max() / full_scale)
    # targets are 1e-3 of full scale apart, so the worst one is missed by half of that or less;
    # where the choice changes between two of them, by the whole
    assert (np.array(worst) <= found * (1 + 1e-9)).all()
    assert found == pytest.approx(worst, abs=1e-3)


def test_the_reference_of_an_offset_cell_is_measured_too(monkeypatch):
    design = Design(polarity="offset", resistors=8)
    found = worst_errors(design, 200, 5, measurement_error=1e-2)
    monkeypatch.setattr(trials, "_reference_errors", lambda *given: 0.0)
    exact = worst_errors(design, 200, 5, measurement_error=1e-2)
    # some four of eight branches of about 0.4 full scale each conduct, each known to 1 %
    moved = np.abs(found - exact)
    assert 0.003 < np.median(moved) < 0.02
    assert np.median(found) > np.median(exact)


@pytest.mark.parametrize("polarity", ["paired", "offset", "flip"])
@pytest.mark.parametrize(("off_ohm", "share"), [(1e7, 0.0), (np.inf, 0.2)])
def test_the_worst_target_of_nominal_programming_is_that_of_programmed_chips(
    polarity, off_ohm, share, monkeypatch
):
    """The cells of a trial as chips, each at 801 targets; a reference that is as it should be."""
    monkeypatch.setattr(trials, "_reference_errors", lambda *given: 0.0)
    common = {"ladder": "binary", "programmed_by": "nominal", "resistors": 8}
    design = Design(polarity=polarity, off_ohm=off_ohm, **common)
    found = worst_errors(design, 12, 5, stuck=share)
    making, breaking = (np.random.SeedSequence(5, spawn_key=(k,)) for k in (0, 2))
    ohm = fabricate(design, 12, 1, seed=making).true_ohm[:, :1]
    stay = trials._stuck(design, ohm[:, 0].shape, share, breaking)[:, None]
    if polarity != "flip":
        ohm = np.where(stay == 0, np.inf, ohm)
    closed = np.where(np.isnan(stay), 0, stay).astype(np.int8 if polarity == "flip" else bool)
    targets = np.linspace(-1, 1, 801) * design.full_scale_siemens
    ohm, closed = np.repeat(ohm, targets.size, axis=1), np.repeat(closed, targets.size, axis=1)
    if design.has_reference:
        spare = np.broadcast_to(design.nominal_ohm, (12, 1, 8))
        ohm = np.concatenate([ohm, spare], axis=1)
        closed = np.concatenate([closed, np.zeros(spare.shape, bool)], axis=1)
    chip = Chip(design, ohm, stuck_closed=closed)
    wanted = np.broadcast_to(targets, (12, targets.size))
    programmed = program(measure(chip, error=0, seed=0), wanted)
    errors = np.abs(chip.cell_siemens(programmed.enabled) - wanted)
    if polarity != "flip" and not share:  # a pruned cell is left open: no worst target
        errors[:, 400] = 0
    worst = errors.max(axis=1) / design.full_scale_siemens
    # targets are 2.5e-3 of full scale apart; an ideal reference conducts its nearest sum, which
    # is half a step of 1 / 127.5 or less off the middle
    away = 4e-3 if design.has_reference else 0
    assert (worst <= found * (1 + 1e-9) + away).all()
    assert found == pytest.approx(worst, abs=2.6e-3 + away)


def test_the_reference_of_a_nominal_offset_cell_is_as_imprecise_as_the_cell():
    design = Design(polarity="offset", ladder="binary", resistors=10, programmed_by="nominal")
    paired = Design(ladder="binary", resistors=10, programmed_by="nominal")
    # the reference, half of what a cell conducts, errs beside the cell
    both = [np.median(worst_errors(one, 1000, 1)) for one in (design, paired)]
    assert 1.5 < both[0] / both[1] < 2.2
    chips = []
    for seed in range(10):
        chip = fabricate(design, 30, 10, seed=seed)
        target = np.random.default_rng(seed).uniform(-1, 1, (30, 10)) * design.full_scale_siemens
        programmed = program(measure(chip, error=0, seed=0), target)
        chips.append(chip.cell_siemens(programmed.enabled) - target)
    worst = np.abs(chips).max() / design.full_scale_siemens
    assert worst <= worst_errors(design, 5000, 1).max()


def _errors(design, ohm, factor, targets):
    """All settings of one cell by brute force: circuit arithmetic, nothing shared with solvers."""
    n = ohm.size
    levels = len(design.coefficients)
    index = np.arange(levels**n)[:, None] // levels ** np.arange(n) % levels
    states = np.array(design.coefficients)[index]
    on, off = 1 / (ohm + design.on_ohm), 1 / (ohm + design.off_ohm)
    seen_on = on * factor
    seen_off = 1 / (1 / seen_on - design.on_ohm + design.off_ohm)
    if design.takes_either_line:  # the resistor's current, divided between two switches
        share = (1 / design.off_ohm) / (1 / design.on_ohm + 1 / design.off_ohm)
        both = 1 / (ohm + 1 / (1 / design.on_ohm + 1 / design.off_ohm))
        on, off = (1 - share) * both, share * both
        seen_on, seen_off = on * factor, off * factor

    def conductance(on, off):
        if design.takes_either_line:
            return (states * (on - off)).sum(axis=1)  # one that is on neither is on both alike
        return (np.where(states == 1, on, off) * design.signs).sum(axis=1)

    wanted = targets + design.reference_siemens
    chosen = np.abs(conductance(seen_on, seen_off)[:, None] - wanted).argmin(axis=0)
    return conductance(on, off)[chosen] - wanted


def test_cells_of_a_chip_never_do_worse_than_their_trial():
    design = Design(polarity="paired", resistors=8)
    chip = fabricate(design, 20, 20, seed=3)
    rng = np.random.default_rng(4)
    target = rng.uniform(-1, 1, (20, 20)) * design.full_scale_siemens
    programmed = program(measure(chip, error=0, seed=0), target)
    error = np.abs(chip.cell_siemens(programmed.enabled) - target) / design.full_scale_siemens
    worst = worst_errors(design, 2000, 6)
    assert np.median(error) < np.median(worst)
    assert error.max() <= worst.max()  # 2,000 cells at every target against 400 at one


@pytest.mark.parametrize(
    ("polarity", "n", "expected"),
    [
        ("paired", 8, (7.9, 6.9, 5.9)),
        ("paired", 12, (11.3, 9.8, 8.5)),
        ("steered", 8, (12.2, 10.8, 9.6)),
    ],
)
def test_the_guaranteed_ladder_gives_the_worst_bits_measured_before(polarity, n, expected):
    for tolerance, worst in zip((0.1, 0.2, 0.3), expected, strict=True):
        found = bits(600, n, polarity=polarity, ladder="guaranteed", tolerance=tolerance).min()
        # two tables of two digits; fewer cells miss the last tenths of the tail at 30 %
        assert found == pytest.approx(worst, abs=0.3)


@pytest.mark.parametrize(
    ("cell", "n", "cells", "expected"),
    [
        ({"polarity": "paired", "radix": 1.2}, 8, 2500, 5.3),
        ({"polarity": "paired", "radix": 1.2}, 12, 2500, 7.7),
        ({"polarity": "paired", "radix": 1.2}, 16, 600, 11.6),
        ({"polarity": "steered", "radix": 1.2}, 8, 2500, 7.8),
        ({"polarity": "steered", "radix": 1.2}, 12, 300, 13.7),
        ({"polarity": "flip", "radix": 1.05}, 16, 2000, 10.7),
    ],
)
def test_the_stagger_gives_the_worst_bits_measured_before(cell, n, cells, expected):
    found = bits(cells, n, ladder="stagger", tolerance=0.1, **cell).min()
    # its tail is heavier than the ladder's: another seed moves the worst by half a bit or more
    assert found == pytest.approx(expected, abs=0.8)


def test_identical_flipped_resistors_of_ten_percent_need_a_stagger():
    same = bits(300, 16, polarity="flip", ladder="identical", tolerance=0.1).min()
    unequal = bits(300, 16, polarity="flip", ladder="stagger", radix=1.05, tolerance=0.1).min()
    assert same == pytest.approx(4.7, abs=0.7)
    assert unequal > same + 5


@pytest.mark.parametrize(("polarity", "median"), [("offset", 5.9), ("flip", 6.3)])
def test_identical_lognormal_resistors_give_the_median_bits_measured_before(polarity, median):
    cell = {"ladder": "identical", "distribution": "lognormal", "tolerance": 0.3}
    found = bits(1000, 8, polarity=polarity, **cell)
    # a median of 1,000 cells is known to some hundredths; full scale may be counted a little apart
    assert np.median(found) == pytest.approx(median, abs=0.2)
    assert found.min() < median - 2  # the tail is heavy


def test_a_binary_ladder_programmed_by_nominal_values_saturates_at_any_size():
    """6.9, 4.5, 3.5 and 2.2 bits for 1, 5, 10 and 20 %."""
    for tolerance, expected in ((0.01, 6.9), (0.05, 4.5), (0.1, 3.5), (0.2, 2.2)):
        for n in (16, 18):
            found = bits(
                400, n, ladder="binary", programmed_by="nominal", tolerance=tolerance
            ).min()
            # these are counted against full scale, as here; without the 1 that `bits` adds
            assert found - 1 == pytest.approx(expected, abs=0.4)


def lost(share, n, cells=1500, **cell):
    """Bits lost at the 1 % quantile to stuck branches."""
    both = [np.quantile(bits(cells, n, stuck=s, tolerance=0.1, **cell), 0.01) for s in (0, share)]
    return both[0] - both[1]


def test_a_stagger_bears_stuck_branches_that_a_guaranteed_ladder_does_not():
    """Bits lost at the 1 % quantile for 0.1, 1 and 5 %: ladder 1.2/13.4/13.7, stagger
    0.3/1.8/7.4 (paired, r = 1.3), 0.6/1.8/4.0 (flip, r = 1.1). Sizes and draws differ here, and
    the quantile of a ladder jumps from intact to broken cells: only the order is certain.
    """
    ladder = {"ladder": "guaranteed", "n": 12}
    paired = {"ladder": "stagger", "radix": 1.3, "n": 12}
    flip = {"ladder": "stagger", "radix": 1.1, "polarity": "flip", "n": 12}
    assert lost(0.01, **ladder) > 8
    for cell in (paired, flip):
        assert lost(0.001, **cell) < 1
        assert lost(0.01, **cell) < 3
        assert 2 < lost(0.05, **cell) < 8


def test_the_error_of_the_measurement_caps_the_bits_whatever_n_is():
    """1e-3 caps bits near 10, the worst cells at 8 to 9.7; 1e-4 gives about 3 more."""
    ladder = {"ladder": "guaranteed", "tolerance": 0.1}
    median = {n: np.median(bits(40, n, measurement_error=1e-3, **ladder)) for n in (14, 17)}
    assert 8.5 < median[14] < 10.5
    assert median[17] < median[14] + 1  # exact ones: 2.5 bits more
    assert 2 < np.median(bits(40, 17, measurement_error=1e-4, **ladder)) - median[17] < 4


def test_seed_and_threads_decide_nothing_else():
    design = Design(resistors=8)
    one = worst_errors(design, 300, 7, stuck=0.01)
    assert np.array_equal(one, worst_errors(design, 300, 7, stuck=0.01, workers=3))
    assert not np.array_equal(one, worst_errors(design, 300, 8, stuck=0.01))


@pytest.mark.parametrize(
    ("polarity", "shares"),
    [
        ("paired", {0: 0.2, 1: 0.2}),
        ("offset", {0: 0.2, 1: 0.2}),
        ("flip", {-1: 0.2, 1: 0.2}),
        ("steered", {-1: 0.1, 0: 0.2, 1: 0.1}),
    ],
)
def test_half_of_the_stuck_branches_are_open_and_half_closed_on_either_line(polarity, shares):
    design = Design(polarity=polarity, resistors=4)
    stay = trials._stuck(design, (5000, 4), 0.4, np.random.SeedSequence(1))
    assert np.isnan(stay).mean() == pytest.approx(0.6, abs=0.02)
    for coefficient in (-1, 0, 1):
        # 20,000 branches: five standard deviations of a share are 0.014
        share = (stay == coefficient).mean()
        assert share == pytest.approx(shares.get(coefficient, 0), abs=0.014)

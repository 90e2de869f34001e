"""`crossbar limits`: the numbers that it shows, and the command as a user runs it."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from crossbar import Design, InputError, Nonidealities, Wires, fabricate
from crossbar.limits.cases import ALL, NONE, cases
from crossbar.limits.experiment import Data, LimitRow, fitted_gain, limit_row
from crossbar.limits.plots import limits_figure, spread
from crossbar.limits.runs import run_limits
from crossbar.limits.study import LimitsStudy
from crossbar.nonidealities import as_made
from crossbar.production import produce
from crossbar.settings import build, read_toml
from crossbar.studies import load_study
from crossbar.tables import read_table
from solvers import covering_radius

SMALL = LimitsStudy(resistors=(4, 8), chips=2, size=6, inputs=40)


def by_name(study):
    return {case.name: case for case in cases(study)}


def bits(study, name, count=16, **changes):
    case = replace(by_name(study)[name], **changes)
    return limit_row(study, Data.of(study), case, count, 0)


def test_every_limit_is_alone_once_and_all_are_together():
    study = LimitsStudy()
    found = by_name(study)
    assert len(found) == len(cases(study)) == 16
    assert found[ALL].nonidealities == study.nonidealities
    assert found[NONE].nonidealities == replace(
        Nonidealities(),
        **{
            name: getattr(study.nonidealities, name)
            for name in ("drift_exponent", "drift_exponent_sigma")
        },
    )
    for name, case in found.items():
        differs = [
            case.design.off_ohm < math.inf,
            case.design.distribution != "uniform",
            case.measurement_error > 0,
            case.wires != found[NONE].wires,
            case.nonidealities != found[NONE].nonidealities,
        ]
        assert sum(differs) == {NONE: 0, ALL: 5}.get(name, 1), name


def test_wires_that_are_known_limit_less():
    study = replace(SMALL, size=32)
    aware = by_name(study)["wires, wire-aware"]
    assert aware.text == "wires of 1 ohm a segment, wire-aware"
    assert [case.name for case in cases(study) if case.wire_aware] == [aware.name]
    found = {name: bits(study, name, 12).effective_bits for name in (NONE, "wires", aware.name)}
    assert found["wires"] + 2 < found[aware.name]
    assert found[aware.name] > found[NONE] - 1
    steered = replace(study, design=Design(polarity="steered", resistors=8))
    assert "wires, wire-aware" in by_name(steered)
    assert "wires, wire-aware" not in by_name(replace(steered, resistors=[17]))
    assert "wires" in by_name(steered)


def test_what_is_off_has_no_curve():
    study = replace(
        SMALL,
        nonidealities=Nonidealities(adc_bits=6),
        measurement_error=0.0,
        lognormal_sigma=0.0,
        wires=Wires(0, 0, 0, 0),
        design=Design(on_ohm=0, off_ohm=math.inf),
    )
    assert list(by_name(study)) == [NONE, "ADC", ALL]


@pytest.mark.parametrize("distribution", ["truncated normal", "lognormal"])
def test_the_distribution_of_the_design_is_a_limit_like_the_others(distribution):
    design = Design(distribution=distribution)
    found = by_name(replace(SMALL, design=design, lognormal_sigma=0.0))
    alone = [one for one in found.values() if one.design.distribution == distribution]
    assert [one.name for one in alone] == [distribution, ALL]
    assert alone[0].text == f"{distribution} tolerance, 20 %"
    assert (alone[0].design.on_ohm, alone[0].design.off_ohm) == (0, math.inf)


def test_uniform_conductances_are_the_resistors_of_every_curve():
    design = Design(ladder="identical", distribution="uniform conductance", tolerance=1.0)
    found = by_name(replace(SMALL, design=design, lognormal_sigma=0.0))
    assert {one.design.distribution for one in found.values()} == {"uniform conductance"}
    assert "uniform conductance" not in found


def test_branches_that_get_stuck_late_are_their_share_of_all():
    late = by_name(LimitsStudy())["stuck, unknown"].nonidealities
    assert late.stuck_unknown_share == 1
    chances = (late.stuck_open_probability, late.stuck_closed_probability)
    assert chances == pytest.approx((5e-4, 5e-4))


def test_the_names_say_values_and_units():
    texts = {case.name: case.text for case in cases(LimitsStudy())}
    assert texts["temperature"] == "+30 K at 25 ± 5 ppm/K"
    assert texts["drift"] == "drift of 0.09 ± 0.03 % in 8,000 h"  # 1e-4 and 3e-5 times ln 8,001
    assert texts["thermal noise"] == "thermal noise, 10 MHz at 0.2 V"
    assert texts["stuck, known"] == "1 % of branches stuck, known"
    assert texts["stuck, unknown"] == "0.1 % of branches stuck later"
    assert texts["switches"] == "switches 1 kohm, 10 Gohm"


def test_calibration_of_1e_3_caps_the_bits_near_10_and_1e_4_gives_3_more():
    """Whatever n is; 3.3 bits are a factor of ten."""
    study = LimitsStudy(size=32)
    coarse, same, fine = (
        bits(study, "measurement", n, measurement_error=error).effective_bits
        for n, error in ((20, 1e-3), (16, 1e-3), (20, 1e-4))
    )
    assert coarse == pytest.approx(10.2, abs=0.5)
    assert same == pytest.approx(coarse, abs=0.4)
    assert fine - coarse == pytest.approx(math.log2(10), abs=0.3)


@pytest.mark.parametrize("full_scale, useful", [(1e-6, {8}), (1e-5, {10}), (1e-4, {10, 12})])
def test_noise_over_10_megahertz_says_how_many_resistors_are_useful(full_scale, useful):
    """With 0.2 V and calibration to 1e-3: where two more bring less than half of their two bits.

    Published: 8, 10 and 10 to 12 for 1, 10 and 100 uS. Chips differ by 0.3 bit."""
    design = Design(full_scale_siemens=full_scale, on_ohm=10.0)
    study = LimitsStudy(design=design, size=64)
    noise = {"measurement_error": 1e-3}
    found = {n: bits(study, "thermal noise", n, **noise).effective_bits for n in (6, 8, 10, 12, 14)}
    first = min(n for n in (6, 8, 10, 12) if found[n + 2] - found[n] < 1)
    assert first in useful


def lost_bits(design, probability, cells=500):
    """Of the 1 % quantile of cells, every target in range, when so many branches are stuck."""
    quantiles = []
    for share in (0.0, probability):
        stuck = Nonidealities(stuck_open_probability=share / 2, stuck_closed_probability=share / 2)
        chip = as_made(fabricate(design, cells, 1, 1), stuck, np.random.SeedSequence(3))
        on = chip.branch_siemens(np.ones(chip.true_ohm.shape, dtype=bool))[:, 0] * design.signs
        fixed = np.zeros(on.shape, dtype=bool)
        if chip.stuck_closed is not None:
            fixed = chip.stuck_closed[:, 0]
        moved = (on * fixed).sum(axis=1)
        full = design.full_scale_siemens
        found = covering_radius(np.where(fixed, 0, on), -full - moved, full - moved)
        quantiles.append(float(np.quantile(found.radius, 0.99)))
    return math.log2(quantiles[1] / quantiles[0])


def test_known_stuck_branches_break_a_guaranteed_ladder_and_not_a_stagger():
    """Published: at 1 % the ladder loses 13.4 bits, its range has an edge; r = 1.3 in the central
    half loses 1.8, and 0.3 at 0.1 %. Of 500 cells five are beyond the quantile: a bit or so."""
    common = {"tolerance": 0.1, "resistors": 14, "off_ohm": math.inf}
    assert lost_bits(Design(ladder="guaranteed", **common), 0.01) > 9
    stagger = Design(radix=1.3, **common)
    few, some, many = (lost_bits(stagger, probability) for probability in (0.001, 0.01, 0.05))
    assert few < 0.8
    assert some == pytest.approx(1.8, abs=1.0)
    assert some < many < 8


def test_the_gain_comes_from_other_inputs_than_those_that_are_compared():
    case = by_name(SMALL)["wires"]
    data = Data.of(SMALL)
    row = limit_row(SMALL, data, case, 8, 0)
    compared = limit_row(SMALL, replace(data, inputs=data.inputs[:20] ** 2), case, 8, 0)
    assert compared.gain == row.gain
    assert compared.effective_bits != row.effective_bits
    fitted = limit_row(SMALL, replace(data, others=data.others[:20] ** 2), case, 8, 0)
    assert fitted.gain != row.gain
    assert fitted.effective_bits_without_gain == row.effective_bits_without_gain


def test_one_gain_takes_out_what_is_common():
    exact = np.array([[1.0, 2.0], [-3.0, 0.5]])
    assert fitted_gain(exact / 1.25, exact) == pytest.approx(1.25, rel=1e-12)
    assert fitted_gain(np.zeros((2, 2)), exact) == 0
    common = Nonidealities(drift_seconds=1e8, drift_exponent=0.01, drift_exponent_sigma=0.0)
    study = LimitsStudy(size=16)
    none, drifted = bits(study, NONE), bits(study, NONE, nonidealities=common)
    assert drifted.gain == pytest.approx((1 + 1e8 / 3600) ** 0.01, rel=1e-4)
    assert drifted.effective_bits == pytest.approx(none.effective_bits, abs=0.01)
    assert drifted.effective_bits_without_gain < 6


def test_an_adc_of_8_bits_gives_about_8():
    """Its range is twice the largest product of other inputs, the products fill nearly all."""
    assert bits(LimitsStudy(size=32), "ADC").effective_bits == pytest.approx(8, abs=0.5)


def test_a_row_reproduces_and_chips_differ():
    study, data = SMALL, Data.of(SMALL)
    case = by_name(study)[ALL]
    assert limit_row(study, data, case, 8, 0) == limit_row(study, data, case, 8, 0)
    assert limit_row(study, data, case, 8, 0) != limit_row(study, data, case, 8, 1)


def test_a_stopped_run_goes_on_and_gives_the_same_bytes(tmp_path):
    run_limits(SMALL, tmp_path / "whole")

    class Stop(Exception):
        pass

    def stop(done, total):
        assert total == 16 * 2 * 2
        if done == 20:
            raise Stop

    with pytest.raises(Stop):
        run_limits(SMALL, tmp_path / "parts", progress=stop)
    assert len(read_table(tmp_path / "parts/results.csv", LimitRow, "")) == 20
    run_limits(SMALL, tmp_path / "parts")
    for name in ("results.csv", "limits.png", "limits.svg"):
        one, two = ((tmp_path / folder / name).read_bytes() for folder in ("whole", "parts"))
        assert one == two, name
    with pytest.raises(InputError, match="belongs to another study .*seed was 0, is 1"):
        run_limits(replace(SMALL, seed=1), tmp_path / "parts")


def test_the_figure_names_every_curve_once_in_its_panel_and_once_in_order(tmp_path):
    rows = run_limits(SMALL, tmp_path / "out")
    figure = limits_figure(rows, cases(SMALL), "about")
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    for case in cases(SMALL):
        assert texts.count(case.text) == (2 if case.panel else len(figure.axes))
    assert figure.get_suptitle() == "about"


def test_names_do_not_touch():
    heights = [5.0, 5.1, 1.0, 5.05, 20.0, 19.9]
    found = spread(heights, 1.0, 20.0)
    assert found[2] == 1.0
    assert np.diff(np.sort(found)).min() == pytest.approx(1.0)
    assert max(found) == 20.0
    assert np.array_equal(np.argsort(found), np.argsort(heights))


@pytest.fixture
def command(crossbar, tmp_path):
    """Run ``crossbar limits`` in this process."""
    return partial(crossbar, "limits", cwd=tmp_path)


TOML = """
size = 5
inputs = 20
chips = 1

[nonidealities]
adc_bits = 5

[design]
full_scale_siemens = 1e-6
"""


def test_a_file_gives_other_values(command, tmp_path):
    (tmp_path / "mine.toml").write_text(TOML)
    options = ("mine.toml", "--out", "out", "--resistors", "4,6", "--ladder", "guaranteed")
    status, said, error = command(*options)
    assert status == 0, error
    assert "ADC of 5 bits" in said
    assert "thermal" not in said
    assert "Cells: paired guaranteed. Table and figure: out\n" in said
    rows = read_table(tmp_path / "out/results.csv", LimitRow, "")
    assert {row.resistors_per_weight for row in rows} == {4, 6}
    assert {row.chip for row in rows} == {0}
    assert (tmp_path / "out/limits.png").stat().st_size > 10_000
    assert command(*options, "--quiet")[1] == ""


@pytest.mark.parametrize(
    "text, said",
    [
        ("sise = 4", "sise: no such setting; did you mean 'size'?"),
        ("chips = 0", "chips = 0: give a whole number from 1"),
        ("chips = 2.5", "chips = 2.5"),
        ("resistors = [4, 4]", "give each number once"),
        ("resistors = [1]", "resistors = 1: a paired cell needs at least 2"),
        ("measurement_error = 0.5", "measurement_error = 0.5: give 0 to 0.1"),
        ("read_volt = 0.0", "read_volt = 0.0: give a positive voltage"),
        ("[nonidealities]\nadc_bits = 30", "adc_bits = 30: give a whole number from 1 to 24"),
    ],
)
def test_a_mistake_is_one_line_before_any_work(command, tmp_path, text, said):
    (tmp_path / "mine.toml").write_text(text)
    status, _, error = command("mine.toml", "--out", "out")
    assert status == 2
    assert error.count("\n") == 1
    assert said in error
    assert not (tmp_path / "out").exists()


def test_a_design_has_its_own_ladder(command, tmp_path):
    (tmp_path / "cell.toml").write_text(
        'polarity = "steered"\nladder = "guaranteed"\nresistors = 4'
    )
    status, _, error = command("--design", "cell.toml", "--ladder", "stagger", "--out", "out")
    assert status == 2
    told = "--ladder: the cell of --design has its own ladder; drop one of the two\n"
    assert error == f"crossbar: error: {told}"
    assert not (tmp_path / "out").exists()


def test_the_example_has_every_default():
    path = Path(__file__).parents[2] / "examples" / "limits.toml"
    values = read_toml(path)
    assert build(LimitsStudy, values, path) == LimitsStudy()
    assert {field.name for field in fields(Nonidealities)} == set(values["nonidealities"])
    assert {field.name for field in fields(LimitsStudy)} == set(values)


def test_a_study_of_chips_takes_the_same_section(tmp_path):
    path = tmp_path / "study.toml"
    start = 'resistors = [4]\nsimulator = "nodal"\n[[designs]]\n[nonidealities]\n'
    path.write_text(start + "temperature_rise_kelvin = 10.0\nread_bits = 3\n")
    with pytest.raises(InputError, match=r"nonidealities\.read_bits: no such setting"):
        load_study(path)
    path.write_text(start + "temperature_rise_kelvin = 10.0\n")
    study = load_study(path)
    assert study.nonidealities == Nonidealities(temperature_rise_kelvin=10.0)
    assert study.setting().nonidealities == study.nonidealities


@pytest.mark.parametrize(
    "given",
    [{"chips": 2.5}, {"size": "a"}, {"inputs": True}, {"seed": 0.5}, {"read_volt": "1"},
     {"measurement_error": "no"}, {"lognormal_sigma": 1.0}],
)  # fmt: skip
def test_a_study_of_wrong_values_is_refused_by_name(given):
    with pytest.raises(InputError, match=f"{next(iter(given))} = .*: give"):
        LimitsStudy(**given)


def test_weights_have_their_bits_of_the_range_from_minus_to_plus_full_scale():
    study = replace(SMALL, resistors=(8,))
    data = Data.of(study)
    row = bits(study, NONE, 8)
    seed = np.random.SeedSequence(study.seed, spawn_key=(0, 0))
    design = replace(by_name(study)[NONE].design, resistors=8)
    errors = produce(design, data.weights, seed, measurement_error=0).cell_errors
    by_hand = math.log2(2 / math.sqrt(12 * np.mean(errors**2)))
    assert row.weight_effective_bits == pytest.approx(by_hand, rel=1e-12)

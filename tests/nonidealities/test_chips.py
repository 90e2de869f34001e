"""What happens to a chip: each formula by a sentence, and none of it by default."""

from __future__ import annotations

from dataclasses import asdict, fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar import Design, InputError, Nonidealities, Tile, Wires, fabricate, measure, reprogram
from crossbar.calibration import as_measured
from crossbar.files import load_chip, save_chip
from crossbar.nonidealities import Child, as_made, as_used
from crossbar.nonidealities.fields import plane, smooth_field
from crossbar.production import produce
from crossbar.settings import build
from crossbar.simulation import place_tiles, transfer

SEED = np.random.SeedSequence(7, spawn_key=(2, 1))
DESIGN = Design(resistors=10)
WEIGHTS = np.random.default_rng(0).uniform(-1, 1, (12, 15))
GRADIENTS = Nonidealities(gradient_relative=0.05, gradient_field_relative=0.03)
WARM = Nonidealities(temperature_rise_kelvin=40.0)
DRIFTED = Nonidealities(drift_seconds=3.6e6, drift_exponent=0.01, drift_exponent_sigma=2e-3)
FAULTY = Nonidealities(stuck_open_probability=0.02, stuck_closed_probability=0.03)


def make(nonidealities=None, design=DESIGN, weights=WEIGHTS, error=1e-6):
    return produce(design, weights, SEED, measurement_error=error, nonidealities=nonidealities)


def rms(made):
    return float(np.sqrt(np.mean(made.cell_errors**2)))


def test_by_default_nothing_happens_to_a_chip():
    plain, same = make(), make(Nonidealities())
    assert np.array_equal(plain.chip.true_ohm, same.chip.true_ohm)
    assert np.array_equal(plain.program.enabled, same.program.enabled)
    assert plain.chip.stuck_closed is None
    chip = fabricate(DESIGN, 3, 2, seed=1)
    assert as_made(chip, Nonidealities(), SEED) is chip
    assert as_used(chip, Nonidealities(), SEED) is chip


@pytest.mark.parametrize("one", [GRADIENTS, WARM, DRIFTED, FAULTY])
def test_a_non_ideality_moves_no_draw_of_another(one):
    everything = replace(
        GRADIENTS,
        **{
            name: value
            for part in (WARM, DRIFTED, FAULTY)
            for name, value in asdict(part).items()
            if value != getattr(Nonidealities(), name)
        },
    )
    chip = fabricate(DESIGN, 6, 5, seed=1)
    without = {
        name: getattr(Nonidealities(), name)
        for name, value in asdict(one).items()
        if value != getattr(Nonidealities(), name)
    }
    rest = replace(everything, **without)

    def result(n):
        return as_used(as_made(chip, n, SEED), n, SEED)

    both, others, alone = result(everything), result(rest), result(one)
    product = others.true_ohm / chip.true_ohm * alone.true_ohm
    # factors commute but for rounding, a few units of 2^-53 each
    np.testing.assert_allclose(both.true_ohm, product, rtol=1e-14)


def test_programming_never_sees_what_comes_afterwards():
    plain = make()
    for later in (WARM, DRIFTED, replace(FAULTY, stuck_unknown_share=1.0)):
        made = make(later)
        assert np.array_equal(made.measurement.on_siemens, plain.measurement.on_siemens)
        assert np.array_equal(made.program.enabled, plain.program.enabled)
        assert not np.array_equal(made.chip.cell_siemens(made.program.enabled),
                                  plain.chip.cell_siemens(plain.program.enabled))  # fmt: skip


def test_a_resistor_warmed_by_40_kelvin_at_100_ppm_has_0_4_percent_more():
    chip = fabricate(DESIGN, 2, 2, seed=1)
    warm = Nonidealities(
        temperature_rise_kelvin=40.0,
        temperature_coefficient_ppm_per_kelvin=100.0,
        temperature_coefficient_sigma_ppm_per_kelvin=0.0,
    )
    np.testing.assert_allclose(
        as_used(chip, warm, SEED).true_ohm, chip.true_ohm * 1.004, rtol=1e-15
    )


def test_the_branches_coefficients_spread_by_their_sigma():
    chip = fabricate(DESIGN, 60, 60, seed=1)
    warm = replace(WARM, temperature_coefficient_sigma_ppm_per_kelvin=15.0)
    relative = as_used(chip, warm, SEED).true_ohm / chip.true_ohm - 1
    # 36,000 branches: sigma is known to 0.4 %, the mean to 0.08 ppm/K
    assert relative.std() == pytest.approx(40 * 15e-6, rel=0.02)
    assert relative.mean() == pytest.approx(40 * 25e-6, rel=0.02)


def test_conductance_drifts_by_the_power_of_time():
    chip = fabricate(DESIGN, 2, 2, seed=1)
    tenfold = Nonidealities(drift_seconds=9 * 3600.0, drift_exponent=0.05, drift_exponent_sigma=0.0)
    drifted = as_used(chip, tenfold, SEED)
    np.testing.assert_allclose(1 / drifted.true_ohm, 10**-0.05 / chip.true_ohm, rtol=1e-14)


def test_drift_spreads_by_sigma_times_the_logarithm_of_time():
    chip = fabricate(DESIGN, 60, 60, seed=1)
    drifted = as_used(chip, DRIFTED, SEED)
    logs = np.log(drifted.true_ohm / chip.true_ohm)
    assert logs.std() == pytest.approx(2e-3 * np.log(1001), rel=0.02)


def test_common_drift_costs_nothing_behind_one_gain():
    """Ideal switches: then every branch falls by the same factor, and so does every product."""
    design = replace(DESIGN, on_ohm=0.0, off_ohm=np.inf)
    common = replace(DRIFTED, drift_exponent_sigma=0.0)
    fresh, old = make(design=design), make(common, design)
    inputs = np.random.default_rng(1).uniform(0, 1, (50, 15))
    before, after = (inputs @ one.chip.cell_siemens(one.program.enabled) for one in (fresh, old))
    gain = (before * after).sum() / (after**2).sum()
    assert gain == pytest.approx(1001**0.01, rel=1e-12)
    np.testing.assert_allclose(gain * after, before, rtol=1e-9, atol=1e-12 * np.abs(before).max())


def test_a_stuck_closed_branch_always_conducts():
    chip = fabricate(DESIGN, 4, 3, seed=1)
    faulty = as_made(chip, replace(FAULTY, stuck_closed_probability=0.3), SEED)
    stuck = faulty.stuck_closed
    assert stuck is not None
    assert 0 < stuck.sum() < stuck.size
    opened = np.zeros(stuck.shape, dtype=bool)
    np.testing.assert_allclose(
        faulty.branch_siemens(opened)[stuck], 1 / (chip.true_ohm[stuck] + DESIGN.on_ohm), rtol=1e-15
    )
    made = make(replace(FAULTY, stuck_unknown_share=1.0))
    ((tile, *_), *_) = place_tiles(made.chip, made.program, Wires())
    lines = tile.array.siemens
    cells = made.chip.cell_siemens(made.program.enabled)[tile.rows, tile.columns]
    np.testing.assert_allclose(lines[:, ::2] - lines[:, 1::2], cells, rtol=1e-9, atol=1e-18)


def test_a_stuck_open_branch_never_conducts():
    chip = fabricate(DESIGN, 4, 3, seed=1)
    faulty = as_made(chip, replace(FAULTY, stuck_open_probability=0.3), SEED)
    lost = np.isinf(faulty.true_ohm)
    assert 0 < lost.sum() < lost.size
    assert (faulty.branch_siemens(np.ones(lost.shape, dtype=bool))[lost] == 0).all()
    assert not (lost & faulty.stuck_closed).any()


def test_shares_of_stuck_branches_are_their_probabilities():
    chip = fabricate(DESIGN, 100, 100, seed=1)
    faulty = as_made(chip, FAULTY, SEED)
    # 100,000 branches: five sigma of the binomial counts
    assert np.isinf(faulty.true_ohm).mean() == pytest.approx(0.02, abs=5 * (0.02 / 1e5) ** 0.5)
    assert faulty.stuck_closed.mean() == pytest.approx(0.03, abs=5 * (0.03 / 1e5) ** 0.5)


def test_some_branches_are_stuck_before_and_some_after_the_measurement():
    made = make(replace(FAULTY, stuck_closed_probability=0.2, stuck_unknown_share=0.25))
    known, stuck = made.measurement.stuck_closed, made.chip.stuck_closed
    assert (stuck >= known).all()
    # of 360 stuck ones a quarter, within five sigma
    assert 1 - known.sum() / stuck.sum() == pytest.approx(0.25, abs=0.12)
    every = make(replace(FAULTY, stuck_closed_probability=0.2)).chip
    assert np.array_equal(stuck, every.stuck_closed)
    assert np.array_equal(np.isinf(made.chip.true_ohm), np.isinf(every.true_ohm))


def test_programming_works_around_what_is_known():
    known, unknown, none = make(FAULTY), make(replace(FAULTY, stuck_unknown_share=1.0)), make()
    assert np.array_equal(known.measurement.stuck_closed, known.chip.stuck_closed)
    assert (known.program.enabled >= known.chip.stuck_closed).all()
    # 1 % of full scale and more when a branch conducts unasked; less than twice the error if known
    assert rms(unknown) > 30 * rms(none)
    assert np.median(np.abs(known.cell_errors)) < 2 * np.median(np.abs(none.cell_errors))


def test_a_pruned_cell_makes_up_for_its_stuck_branch():
    weights = np.where(WEIGHTS < 0.3, 0.0, WEIGHTS)
    made = make(replace(FAULTY, stuck_closed_probability=0.1), weights=weights)
    pruned = made.program.target_siemens == 0
    stuck = made.chip.stuck_closed.any(axis=2)
    assert (pruned & stuck).any()
    cells = np.abs(made.chip.cell_siemens(made.program.enabled)) / DESIGN.full_scale_siemens
    assert np.median(cells[pruned & stuck]) < 0.01
    assert not made.program.enabled[pruned & ~stuck].any()
    smallest = DESIGN.nominal_siemens.min() / DESIGN.full_scale_siemens / 1.2
    alone = np.abs(made.chip.cell_siemens(made.chip.stuck_closed)) / DESIGN.full_scale_siemens
    assert np.median(alone[pruned & stuck]) > smallest


@pytest.mark.parametrize("stuck", [0, 7])
def test_a_fixed_branch_is_the_best_of_the_other_choices(stuck):
    """Against all 2^9 choices of the other branches."""
    design = Design(resistors=10, off_ohm=np.inf)
    chip = fabricate(design, 1, 1, seed=3)
    closed = np.zeros((1, 1, 10), dtype=bool)
    closed[0, 0, stuck] = True
    measured = measure(replace(chip, stuck_closed=closed), error=0, seed=1)
    from crossbar import program

    target = np.array([[3e-6]])
    found = program(measured, target)
    masks = (np.arange(1024)[:, None] >> np.arange(10)) & 1
    sums = masks[masks[:, stuck] == 1] @ (measured.on_siemens[0, 0] * design.signs)
    best = np.abs(sums - 3e-6).min()
    got = abs(float(found.enabled[0, 0] @ (measured.on_siemens[0, 0] * design.signs)) - 3e-6)
    assert got == pytest.approx(best, rel=1e-6, abs=1e-18)


def test_a_conventional_cell_knows_its_stuck_branches_too():
    design = Design(ladder="binary", resistors=8, programmed_by="nominal")
    made = make(FAULTY, design)
    assert (made.program.enabled >= made.chip.stuck_closed).all()


@pytest.mark.parametrize(
    "later, most", [(DRIFTED, 1.5), (WARM, 1.5), (replace(FAULTY, stuck_unknown_share=1.0), 3.0)]
)
def test_programming_again_from_a_new_measurement_recovers_the_bits(later, most):
    design = replace(DESIGN, resistors=16)
    fresh, old = make(design=design), make(later, design)
    again = reprogram(old, measurement_error=1e-6, seed=3)
    assert again.chip is old.chip
    # at 16 resistors 1e-3 by warming is 20 times the error; what is left differs by chance, and
    # of 16 branches 0.8 are stuck, each a bit less
    assert rms(old) > 5 * rms(fresh)
    assert np.median(np.abs(again.cell_errors)) < most * np.median(np.abs(fresh.cell_errors))


@pytest.mark.parametrize("polarity", ["paired", "flip"])
@pytest.mark.parametrize("scaling", ["layer", "column", "tile"])
def test_a_chip_that_knows_its_wires_is_programmed_again_for_these(polarity, scaling):
    design, tile = Design(polarity=polarity, resistors=10), Tile(16, 16)
    wires = Wires(20.0, 20.0)
    weights = np.random.default_rng(2).normal(size=(6, 20))
    inputs = np.random.default_rng(3).random((100, 20))
    options = {"wires": wires, "tile": tile, "inputs": inputs}
    old = produce(
        design,
        weights,
        SEED,
        measurement_error=0,
        nonidealities=DRIFTED,
        scaling=scaling,
        **options,
    )
    with pytest.raises(InputError, match=r"wires = None: .* chosen for its wires; give them"):
        reprogram(old, seed=3)
    again = reprogram(old, seed=3, **options)
    assert again.chip is old.chip
    error = []
    for made in (old, again):
        found = transfer(made.chip, made.program, wires, tile=tile).siemens
        error.append(np.sqrt(np.mean((found / made.siemens_per_weight - weights) ** 2)))
    assert error[1] < error[0] / 2


def test_inputs_without_wires_are_refused():
    with pytest.raises(InputError, match="inputs without wires"):
        produce(DESIGN, np.eye(3), 1, inputs=np.eye(3))
    with pytest.raises(InputError, match="inputs without wires"):
        reprogram(make(), seed=1, inputs=np.eye(3))


def test_a_real_chip_cannot_be_measured_again():
    made = make()
    real = replace(made, chip=as_measured(made.measurement, "mine.csv"))
    with pytest.raises(InputError, match=r"mine.csv: nothing is known .* use program_real"):
        reprogram(real, measurement_error=0, seed=1)


def test_a_gradient_is_common_to_a_cell_and_reaches_its_value_at_the_edge():
    chip = fabricate(DESIGN, 20, 30, seed=1)
    factor = as_made(chip, Nonidealities(gradient_relative=0.05), SEED).true_ohm / chip.true_ohm
    np.testing.assert_allclose(factor, np.broadcast_to(factor[:, :, :1], factor.shape), rtol=1e-14)
    assert np.abs(factor - 1).max() == pytest.approx(0.05, rel=1e-9)
    cell = factor[:, :, 0]
    np.testing.assert_allclose(np.diff(cell, 2, axis=0), 0, atol=1e-14)
    assert plane(1, 1, np.random.default_rng(0)).tolist() == [[0.0]]


def test_the_smooth_field_has_variance_1_and_its_correlation():
    """Over 400 correlated areas; the estimates are good to about 5 %."""
    length, far = 5.0, 7
    field = smooth_field(400, 400, length, np.random.default_rng(1))
    assert field.shape == (400, 400)
    assert field.var() == pytest.approx(1, abs=0.1)
    for axis in (0, 1):
        moved = np.moveaxis(field, axis, 0)
        found = (moved[:-far] * moved[far:]).mean()
        assert found == pytest.approx(np.exp(-(far**2) / (2 * length**2)), abs=0.08)


def test_gradients_are_measured_and_cost_little():
    assert rms(make(GRADIENTS)) < 2 * rms(make())


@given(st.integers(1, 12), st.integers(1, 12), st.floats(1, 20))
def test_any_die_has_a_field(rows, columns, length):
    field = smooth_field(rows, columns, length, np.random.default_rng(0))
    assert field.shape == (rows, columns)
    assert np.isfinite(field).all()


def test_a_chip_with_stuck_branches_is_kept(tmp_path):
    made = make(FAULTY)
    save_chip(tmp_path / "chip.npz", made, {"version": "1", "seed": 0, "measurement_error": 0,
                                            "method": "auto"})  # fmt: skip
    found, _ = load_chip(tmp_path / "chip.npz")
    assert np.array_equal(found.chip.stuck_closed, made.chip.stuck_closed)
    assert np.array_equal(found.measurement.stuck_closed, made.measurement.stuck_closed)
    ideal = [transfer(one.chip, one.program, Wires(), simulator="ideal") for one in (made, found)]
    assert np.array_equal(ideal[0].siemens, ideal[1].siemens)


def test_what_is_out_of_range_is_refused_by_name():
    for field in fields(Nonidealities):
        with pytest.raises(InputError, match=f"{field.name} = "):
            Nonidealities(**{field.name: "x"})
        with pytest.raises(InputError, match=f"{field.name} = "):
            Nonidealities(**{field.name: float("nan")})
    with pytest.raises(InputError, match="at most 1 in all"):
        Nonidealities(stuck_open_probability=0.6, stuck_closed_probability=0.6)
    with pytest.raises(InputError, match="below 0 K"):
        Nonidealities(temperature_rise_kelvin=-300)
    steep = replace(WARM, temperature_coefficient_ppm_per_kelvin=-9e4)
    with pytest.raises(InputError, match="no resistance left"):
        as_used(fabricate(DESIGN, 1, 1, seed=1), steep, SEED)
    with pytest.raises(InputError, match="stuck_closed is bool of shape"):
        replace(fabricate(DESIGN, 1, 1, seed=1), stuck_closed=np.zeros((2, 1, 10), dtype=bool))


def test_toml_names_them():
    read = build(Nonidealities, {"dac_bits": 8, "stuck_open_probability": 0.01}, "s.toml")
    assert read == Nonidealities(dac_bits=8, stuck_open_probability=0.01)
    with pytest.raises(InputError, match="did you mean 'drift_seconds'"):
        build(Nonidealities, {"drift_second": 1.0}, "s.toml")


def test_the_seed_of_the_chip_measures_it_again_with_noise_of_its_own():
    design = replace(DESIGN, distribution="lognormal", on_ohm=0.0)
    made = make(design=design, error=1e-3)
    again = reprogram(made, measurement_error=1e-3, seed=SEED)
    noise = [one.measurement.on_siemens / made.chip.closed_siemens - 1 for one in (made, again)]
    spread = np.log(made.chip.true_ohm / design.nominal_ohm)
    # 1,800 draws: independent ones correlate by 0.024
    for one, two in ((noise[0], noise[1]), (noise[0], spread), (noise[1], spread)):
        assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.12


def test_no_two_draws_of_a_chip_share_a_child():
    assert sorted({0, 1, 2, *map(int, Child)}) == list(range(11))


def test_branches_that_were_stuck_before_stay_so():
    chip = fabricate(DESIGN, 4, 3, seed=1)
    before = np.zeros(chip.true_ohm.shape, dtype=bool)
    before[0, 0] = True
    later = as_used(
        replace(chip, stuck_closed=before), replace(FAULTY, stuck_unknown_share=1.0), SEED
    )
    alone = as_used(chip, replace(FAULTY, stuck_unknown_share=1.0), SEED).stuck_closed
    assert alone is not None
    assert not alone[0, 0].all()
    assert np.array_equal(later.stuck_closed, alone | before)


def test_the_smooth_field_has_its_variance_at_the_corner_too():
    fields_ = [smooth_field(3, 3, 4.0, np.random.default_rng(seed)) for seed in range(600)]
    # of 600 squares of unit normals: a standard deviation of 0.058
    assert np.mean([one[0, 0] ** 2 for one in fields_]) == pytest.approx(1, abs=0.25)

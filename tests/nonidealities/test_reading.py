"""Noise and converters: what is read from a chip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crossbar import Design, InputError, Nonidealities
from crossbar.datasets import Dataset
from crossbar.evaluation import Setting, analog_layer, evaluate
from crossbar.fabrication import Chip
from crossbar.networks import Layer, Network
from crossbar.nonidealities import Ranges, Reading
from crossbar.nonidealities.noise import cell_square_siemens, column_siemens, thermal_variance
from crossbar.nonidealities.quantisation import quantise
from crossbar.production import produce
from crossbar.simulation import Tile, place_tiles
from spice_models import Wires

SEED = np.random.SeedSequence(1)


def one_branch(ohm=1e5):
    """A cell of two branches on ideal switches, of which the positive one conducts."""
    design = Design(ladder="identical", resistors=2, on_ohm=0.0, off_ohm=np.inf)
    chip = Chip(design, np.full((1, 1, 2), ohm))
    enabled = (design.signs > 0)[None, None]
    return chip, enabled


def reading(nonidealities, matrix=((1.0,),), ohm=1e5, **ranges):
    chip, enabled = one_branch(ohm)
    return Reading(
        matrix=np.asarray(matrix),
        chip=chip,
        enabled=enabled,
        siemens_per_weight=1 / ohm,
        read_volt=0.2,
        ranges=Ranges(**{"largest_input": 1.0, "largest_output": 1.0, "signed": False, **ranges}),
        nonidealities=nonidealities,
        seed=SEED,
    )


def test_one_resistor_of_100_kilohm_over_10_megahertz_has_1_29_nanoampere():
    """sqrt(4 k T B / R) at 300 K, by hand: sqrt(4 x 1.380649e-23 x 300 x 1e7 / 1e5) A."""
    (variance,) = thermal_variance(np.array([1e-5]), 1e7, 300.0)
    assert variance**0.5 == pytest.approx(1.2872e-9, rel=1e-4, abs=0)
    n = Nonidealities(noise_bandwidth_hertz=1e7)
    drawn = reading(n)(np.full((40_000, 1), 0.5)) - 0.5
    ampere = drawn * 0.2 / 1e5  # a product of 1 is 0.2 V through the resistor
    # 40,000 draws: sigma to 0.35 %
    assert ampere.std() == pytest.approx(1.2872e-9, rel=0.02, abs=0)
    assert ampere.mean() == pytest.approx(0, abs=4 * 1.3e-9 / 200)


def test_thermal_noise_does_not_ask_for_the_voltage_and_flicker_goes_with_it():
    thermal = reading(Nonidealities(noise_bandwidth_hertz=1e7))
    flicker = reading(Nonidealities(flicker_relative=1e-3))
    inputs = np.array([[0.0], [0.5], [1.0]])
    assert np.ptp(thermal.noise(inputs)) == 0
    np.testing.assert_allclose(flicker.noise(inputs)[:, 0], [0, 0.5e-3, 1e-3], rtol=1e-12)


def test_warm_resistors_are_noisier():
    cold = reading(Nonidealities(noise_bandwidth_hertz=1e7))
    warm = reading(Nonidealities(noise_bandwidth_hertz=1e7, temperature_rise_kelvin=100.0))
    one = np.ones((1, 1))
    assert warm.noise(one) / cold.noise(one) == pytest.approx((400 / 300) ** 0.5, rel=1e-12)


def test_the_same_seed_reads_the_same_noise_and_inputs_differ():
    noisy = reading(Nonidealities(flicker_relative=1e-2))
    inputs = np.ones((5, 1))
    assert np.array_equal(noisy(inputs), noisy(inputs))
    assert len(np.unique(noisy(inputs))) == 5
    other = replace(noisy, seed=np.random.SeedSequence(2))
    assert not np.array_equal(noisy(inputs), other(inputs))


def test_converters_round_and_saturate():
    rounded = reading(Nonidealities(dac_bits=2), largest_input=3.0)
    assert rounded(np.array([[0.4], [1.6], [9.0]])).ravel().tolist() == [0, 2, 3]
    rounded = reading(Nonidealities(adc_bits=3), largest_output=7.0)
    # signed: 8 levels 2 apart, from -8 to 6
    found = rounded(np.array([[0.9], [1.1], [-9.0], [9.0]])).ravel().tolist()
    assert found == [0, 2, -8, 6]


@pytest.mark.parametrize("bits", [1, 4, 8])
@pytest.mark.parametrize("signed", [0.0, 1.0])
def test_numpy_and_torch_share_the_arithmetic(bits, signed):
    torch = pytest.importorskip("torch")
    from crossbar.models import converters

    values = np.random.default_rng(0).normal(size=200)
    theirs = converters.quantise(
        torch.as_tensor(values), torch.tensor(1.5), bits, torch.tensor(bool(signed))
    )
    assert np.array_equal(quantise(values, 1.5, bits, signed), theirs.numpy())


def setting(scaling="layer", **nonidealities):
    random = np.random.default_rng(0)
    network = Network(
        (
            Layer(random.normal(size=(7, 5)), np.zeros(7)),
            Layer(random.normal(size=(3, 7)), np.zeros(3)),
        )
    )
    images = random.uniform(0, 1, (60, 5))
    labels = np.arange(60) % 3
    return Setting(
        network=network,
        dataset=Dataset("noise", images, labels, images, labels),
        seed=5,
        measurement_error=1e-5,
        simulator="nodal",
        method="auto",
        wires=Wires(),
        tile=Tile(),
        nonidealities=Nonidealities(**nonidealities),
        scaling=scaling,
    )


def bits(**nonidealities):
    rows = evaluate(setting(**nonidealities), Design(resistors=12), chip=0)
    return np.array([row.product_effective_bits for row in rows])


def test_a_study_reads_with_noise_and_converters():
    exact = bits()
    assert (bits(adc_bits=4) < 5).all()
    assert (bits(dac_bits=4) < 6).all()
    assert (bits(flicker_relative=0.01) < exact - 1).all()
    assert (bits(noise_bandwidth_hertz=1e12) < exact - 1).all()
    assert (bits(adc_bits=4, noise_bandwidth_hertz=1.0) < 5).all()


def test_an_adc_of_8_bits_leaves_8_bits_of_its_range():
    """Of a signed range the products of a layer fill a part; the rest of the bits is lost."""
    exact = bits(adc_bits=None)
    at_8, at_9 = bits(adc_bits=8), bits(adc_bits=9)
    assert (at_8[:2] < exact[:2]).all()
    assert at_8[:2] == pytest.approx(8, abs=1.2)
    # where the converter is the limit, a bit is a bit
    assert (at_9 - at_8)[:2] == pytest.approx(1, abs=0.5)


def test_many_bits_and_no_noise_change_nothing_but_rounding():
    plain, fine = setting(), setting(dac_bits=24, adc_bits=24)
    design = Design(resistors=8)
    a, b = (analog_layer(one, design, 0, 0) for one in (plain, fine))
    assert a.reading is None
    assert b.reading is not None
    inputs = plain.dataset.test_inputs
    np.testing.assert_allclose(b.read(inputs), inputs @ a.product.T, atol=1e-5)
    np.testing.assert_allclose(b.ideal_read(inputs), inputs @ a.ideal_product.T, atol=1e-5)


@pytest.mark.parametrize("polarity", ["paired", "offset", "flip", "steered"])
def test_all_that_conducts_is_noisy_open_switches_too(polarity):
    """Added up from the circuit: each line of each column, and the reference that all share.

    Of a branch of two lines there is also the path between them, through its two switches: it
    makes a current that leaves one line and enters the other, twice as large in the difference.
    """
    design = Design(polarity=polarity, resistors=4, off_ohm=1e5)
    made = produce(design, np.eye(3) - 0.3, SEED, measurement_error=0)
    ((tile,),) = place_tiles(made.chip, made.program, Wires(0, 0, 0, 0))
    lines = tile.array.siemens.sum(axis=0)
    expected = lines[:-1] + lines[-1] if polarity == "offset" else lines[::2] + lines[1::2]
    if design.takes_either_line:
        enabled = made.program.enabled
        resistor, open_one = 1 / made.chip.true_ohm, 1 / design.off_ohm
        other = np.where(enabled != 0, 1 / design.on_ohm, open_one)
        bridge = other * open_one / (resistor + other + open_one)
        expected = expected + 4 * bridge.sum(axis=(0, 2))
    found = column_siemens(made.chip, made.program.enabled)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_branches_of_a_reference_flicker_in_every_column():
    design = Design(polarity="offset", resistors=4, off_ohm=np.inf)
    made = produce(design, np.eye(3) - 0.3, SEED, measurement_error=0)
    conducting = np.where(made.program.enabled, made.chip.closed_siemens, 0)
    squares = (conducting**2).sum(axis=2)
    found = cell_square_siemens(made.chip, made.program.enabled)
    np.testing.assert_allclose(found, squares[:, :3] + squares[:, 3:], rtol=1e-12)


def test_noise_of_a_column_is_divided_by_the_scale_of_the_column():
    """The same current of noise is less of a weight where a weight of 1 has more conductance."""
    inputs = setting().dataset.test_inputs
    found = analog_layer(setting("column", noise_bandwidth_hertz=1e7), Design(resistors=12), 0, 0)
    reading, scale = found.reading, found.made.siemens_per_weight
    assert scale.shape == (7, 1)
    assert np.ptp(scale) > 0
    volt = reading.read_volt / reading.ranges.largest_input
    current = reading.noise(inputs) * scale.T * volt
    alone = replace(reading, siemens_per_weight=1.0).noise(inputs) * volt
    np.testing.assert_allclose(current, alone, rtol=1e-12)
    missed = (reading(inputs) - inputs @ found.product.T) / reading.noise(inputs)
    # 60 draws for each of 7 outputs: sigma of each to 9 %
    assert missed.std(axis=0) == pytest.approx(1, abs=0.4)


def test_noise_of_tiles_with_scales_of_their_own_is_refused():
    with pytest.raises(InputError, match="scaling = 'tile': the noise of a read"):
        setting("tile", flicker_relative=1e-4)
    assert setting("tile", adc_bits=8).scaling == "tile"

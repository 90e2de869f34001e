"""Every number of a study's table, computed again by other means on a small hand-made network."""

import re
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from crossbar import Design, InputError, Wires, evaluation
from crossbar.datasets import Dataset
from crossbar.evaluation import Setting, analog_layer, evaluate, layer_netlists, produce_layer
from crossbar.networks import Layer, Network
from crossbar.nonidealities import Nonidealities
from crossbar.production import produce
from crossbar.simulation import Tile, place_tiles, transfer
from spice_models import nodal

DESIGN = Design(ladder="guaranteed", resistors=8)
STRONG = Wires(word_segment_ohm=20.0, bit_segment_ohm=30.0, driver_ohm=100.0, sense_ohm=50.0)


def small_setting(**changes):
    random = np.random.default_rng(0)
    first = random.normal(size=(7, 5))
    first[random.uniform(size=first.shape) < 0.4] = 0
    network = Network(
        (
            Layer(first, 0.3 * random.normal(size=7)),
            Layer(random.normal(size=(3, 7)), np.array([0.3, -0.1, 0.0])),
        )
    )
    images = random.normal(size=(60, 5))
    labels = np.arange(60) % 3
    setting = Setting(
        network=network,
        dataset=Dataset("noise", images[:20], labels[:20], images[20:], labels[20:]),
        seed=5,
        measurement_error=1e-3,
        simulator="nodal",
        method="auto",
        wires=STRONG,
        tile=Tile(rows=4, lines=6),
    )
    return replace(setting, **changes)


def effective_matrix(setting, made):
    """Tiles solved one by one, partial sums added, the pairs subtracted."""
    siemens = np.zeros((made.chip.columns, made.chip.rows))
    for row in place_tiles(made.chip, made.program, setting.wires, setting.tile):
        for one in row:
            lines = nodal.currents(one.array, np.eye(one.array.rows)).T
            siemens[one.columns, one.rows] += lines[::2] - lines[1::2]
    return siemens


def recomputed(setting, design, chip):
    """The rows of a chip as dicts, by arithmetic that shares nothing with the package's own."""
    images, labels = setting.dataset.test_inputs, setting.dataset.test_labels
    digital = analog = ideal = images
    rows, all_errors = [], []
    for number, layer in enumerate(setting.network.layers):
        made, _ = produce_layer(setting, design, chip, number)
        per_weight = 1e-5 / np.abs(layer.weights).max()
        closed = 1 / (made.chip.true_ohm + 1e3)
        opened = 1 / (made.chip.true_ohm + 1e10)
        branches = np.where(made.program.enabled, closed, opened)
        positive, negative = (branches[:, :, design.signs == sign].sum(2) for sign in (1, -1))
        cells = (positive - negative).T
        errors = (cells - layer.weights * per_weight)[layer.weights != 0] / 1e-5
        all_errors.append(errors)
        wired = effective_matrix(setting, made) / per_weight
        product = digital @ layer.weights.T
        rows.append(
            figures(errors)
            | {
                "layer": str(number + 1),
                "product_worst_bits": -np.log2(
                    np.abs(digital @ wired.T - product).max() / np.abs(product).max()
                ),
                "product_effective_bits": enob(digital @ wired.T - product, product),
                "ideal_wires_product_effective_bits": enob(
                    digital @ (cells / per_weight).T - product, product
                ),
            }
        )
        digital = product + layer.bias
        analog = analog @ wired.T + layer.bias
        ideal = ideal @ (cells / per_weight).T + layer.bias
        if number == 0:
            digital, analog, ideal = (np.clip(x, 0, None) for x in (digital, analog, ideal))
    error = analog - digital
    rows.append(
        figures(np.concatenate(all_errors))
        | {
            "layer": "network",
            "product_worst_bits": -np.log2(np.abs(error).max() / np.abs(digital).max()),
            "product_effective_bits": enob(error, digital),
            "ideal_wires_product_effective_bits": enob(ideal - digital, digital),
            "logit_error_percent": 100
            * np.linalg.norm(error)
            / np.sqrt(error.size)
            / (digital.max() - digital.min()),
            "flips": sum(a.argmax() != d.argmax() for a, d in zip(analog, digital, strict=True)),
            "accuracy_percent": 100
            * sum(a.argmax() == label for a, label in zip(analog, labels, strict=True))
            / len(labels),
        }
    )
    return rows


def figures(errors):
    return {
        "weight_worst_bits": -np.log2(np.abs(errors).max()),
        "weight_median_bits": -np.log2(np.sort(np.abs(errors))[[(errors.size - 1) // 2,
                                                                errors.size // 2]].mean()),
        "weight_effective_bits": np.log2(2 / np.sqrt(12 * np.mean(errors**2))),
    }  # fmt: skip


def enob(error, signal):
    return np.log2((signal.max() - signal.min()) / np.sqrt(12 * np.mean(error**2)))


@pytest.mark.parametrize("chip", [0, 1])
def test_every_number_of_the_table(chip):
    setting = small_setting()
    coarse = Design(ladder="guaranteed", resistors=4)
    rows = evaluate(setting, coarse, chip)
    for row, wanted in zip(rows, recomputed(setting, coarse, chip), strict=True):
        for column, value in wanted.items():
            found = getattr(row, column)
            # the transfer matrices come from solves of other right-hand sides
            assert found == value or found == pytest.approx(value, rel=1e-8), column
        assert row.chip == chip
    assert rows[-1].flips > 0  # so that the comparison above means something
    kept = [int(np.count_nonzero(layer.weights)) for layer in setting.network.layers]
    assert [row.kept_weights for row in rows] == [*kept, sum(kept)]
    assert [row.weights for row in rows] == [35, 21, 56]
    assert [row.tiles for row in rows] == [2 * 3, 2 * 1, 8]
    enabled = [produce_layer(setting, coarse, chip, k)[0].program.enabled.sum() for k in range(2)]
    assert [row.enabled_resistors for row in rows] == [*enabled, sum(enabled)]


def values(setting, chip=0):
    row = evaluate(setting, DESIGN, chip)[-1]
    return row.weight_worst_bits, row.product_effective_bits, row.logit_error_percent


def test_chips_seeds_and_measurements_differ():
    base = values(small_setting())
    assert base == values(small_setting())
    assert base != values(small_setting(), chip=1)
    assert base != values(small_setting(seed=6))
    assert base != values(small_setting(measurement_error=0))


def test_measurement_has_random_numbers_of_its_own():
    made, _ = produce_layer(small_setting(measurement_error=0.01), DESIGN, 0, 0)
    exact = 1 / (made.chip.true_ohm + DESIGN.on_ohm)
    noise = (made.measurement.on_siemens / exact - 1).ravel()
    spread = (made.chip.true_ohm / DESIGN.nominal_ohm - 1).ravel()
    assert np.std(noise) == pytest.approx(0.01, rel=0.2)  # 280 draws scatter by 4 %
    assert abs(np.corrcoef(noise, spread)[0, 1]) < 0.25  # 4 standard errors


def test_a_large_measurement_error_caps_the_bits():
    caps = [values(small_setting(measurement_error=error))[0] for error in (0, 0.03, 0.1)]
    assert caps[0] > caps[1] > caps[2]
    assert caps[2] < 5  # 10 % a branch leaves no more


def test_wires_cost_bits_and_ideal_ones_none():
    fine = Design(ladder="guaranteed", resistors=14)
    wired = evaluate(small_setting(measurement_error=0), fine, 0)
    ideal = evaluate(small_setting(wires=Wires.ideal(), measurement_error=0), fine, 0)
    for with_wires, without in zip(wired, ideal, strict=True):
        gain = without.product_effective_bits - with_wires.product_effective_bits
        assert gain > 1
        assert without.product_effective_bits == pytest.approx(
            with_wires.ideal_wires_product_effective_bits, rel=1e-9
        )
        assert without.weight_worst_bits == with_wires.weight_worst_bits


def test_a_pruned_cell_leaks_nothing_net():
    """With as many branches on each line the leaks of the open switches cancel."""
    for ladder in ("stagger", "guaranteed", "identical", "binary"):
        for resistors in (2, 4, 14, 16):
            design = Design(ladder=ladder, resistors=resistors)
            assert (design.signs > 0).sum() == (design.signs < 0).sum()
    made, _ = produce_layer(small_setting(), DESIGN, 0, 0)
    pruned = made.program.target_siemens == 0
    net = made.chip.cell_siemens(made.program.enabled)[pruned]
    one_switch = 1 / DESIGN.off_ohm
    assert np.abs(net).max() < 0.01 * one_switch


def test_wire_aware_layers_are_cut_as_they_were_placed(monkeypatch):
    """Programming, simulation and netlists; five inputs in tiles of 4 are placed in tiles of 3."""
    setting, cut = small_setting(wire_aware=True), []

    def noted(function):
        def called(*arguments, **options):
            cut.append(options["tile"] if "tile" in options else arguments[-1])
            return function(*arguments, **options)

        return called

    for function in (produce, transfer, place_tiles):
        monkeypatch.setattr(evaluation, function.__name__, noted(function))
    analog_layer(setting, DESIGN, 0, 0)
    layer_netlists(setting, DESIGN, 0, 0.2)
    assert cut[:4] == [Tile(3, 6)] * 4
    assert len(cut) == 2 + 2 * 2


def test_inputs_without_a_line_set_no_range():
    setting = small_setting(wire_aware=True, nonidealities=Nonidealities(dac_bits=6))
    first = setting.network.layers[0]
    weights = first.weights.copy()
    weights[:, 1] = 0.0
    network = Network((replace(first, weights=weights), *setting.network.layers[1:]))
    images = setting.dataset.train_inputs * np.array([1, 100, 1, 1, 1])
    dataset = replace(setting.dataset, train_inputs=images)
    setting = replace(setting, network=network, dataset=dataset)
    reading = analog_layer(setting, DESIGN, 0, 0).reading
    assert reading.ranges.largest_input == np.abs(images[:, [0, 2, 3, 4]]).max()
    text = layer_netlists(setting, DESIGN, 0, 0.2)["layer_1.cir"]
    assert f"{0.2 / float(images[:, [0, 2, 3, 4]].max())!r} V for an activation of 1" in text


@pytest.mark.parametrize("wire_aware", [False, True])
def test_netlists_print_the_digital_product(tmp_path, wire_aware):
    setting = small_setting(wires=Wires.ideal(), measurement_error=0, wire_aware=wire_aware)
    texts = layer_netlists(setting, DESIGN, chip=0, read_volt=0.3)
    images = setting.network.activations(setting.dataset.test_inputs)
    train = setting.network.activations(setting.dataset.train_inputs)
    assert list(texts) == ["layer_1.cir", "layer_2.cir"]
    for number, (name, text) in enumerate(texts.items()):
        design = f"{DESIGN.label}, {DESIGN.resistors} resistors per weight"
        assert f"\n* design: {design}; seed: {setting.seed}\n" in text
        assert "\n* written by resistive-crossbar " in text
        (tmp_path / name).write_text(text)
        done = subprocess.run(
            ["ngspice", "-b", name], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        printed = printed_currents(done.stdout)
        layer = setting.network.layers[number]
        made, placement = produce_layer(setting, DESIGN, 0, number)
        columns = np.zeros(made.chip.columns)
        for (_, across, line), current in printed.items():
            column = placement.tile.lines // 2 * across + line // 2
            columns[column] += -current if line % 2 else current
        per_weight = 1e-5 / np.abs(layer.weights).max()
        product = np.zeros(len(layer.weights))
        product[placement.outputs] = columns / per_weight / (0.3 / train[number].max())
        assert (
            ("input of each word line" in text) == ("output of each column" in text) == wire_aware
        )
        wanted = images[number][0] @ layer.weights.T
        # eight guaranteed resistors keep 5.9 bits of each weight
        assert np.abs(product - wanted).max() < 2**-5 * np.abs(layer.weights).max() * np.sum(
            np.abs(images[number][0])
        )
        cells = placement.restored(made.chip.cell_siemens(made.program.enabled).T / per_weight)
        exact = cells @ images[number][0]
        # printed with seven digits, of lines that nearly cancel
        np.testing.assert_allclose(product, exact, atol=1e-4 * np.abs(exact).max())


def printed_currents(text):
    """Current by (grid row, grid column, line), from the tables that plain ngspice prints."""
    currents = {}
    for header, values in re.findall(r"^Index\s+v-sweep\s+(.*)\n-+\n0\s+(.*)$", text, re.M):
        names = [tuple(map(int, name.split("#")[0][2:].split("_"))) for name in header.split()]
        currents.update(zip(names, map(float, values.split()[1:]), strict=True))
    assert currents
    return currents


def test_the_conventional_cell_uses_the_line_of_its_sign_only():
    design = Design(ladder="binary", programmed_by="nominal", resistors=12)
    made = evaluation.produce(
        design, np.array([[0.9, -0.4, 0.0]]), np.random.SeedSequence(1), measurement_error=0
    )
    positive, negative, pruned = made.program.enabled[:, 0]
    assert set(design.signs[positive]) == {1}
    assert set(design.signs[negative]) == {-1}
    assert not pruned.any()
    # 0.4 / 0.9 of 63 codes is 28: the nearest integer, in binary, on the negative line
    codes = np.round(design.nominal_siemens / design.nominal_siemens.min())
    assert codes[negative].sum() == 28


def test_producing_twice_with_one_seed_gives_one_chip():
    seed = np.random.SeedSequence(3)
    weights = np.array([[1.0, -0.5]])
    first, again = (
        evaluation.produce(DESIGN, weights, seed, measurement_error=0.01) for _ in range(2)
    )
    assert np.array_equal(first.chip.true_ohm, again.chip.true_ohm)
    assert np.array_equal(first.measurement.on_siemens, again.measurement.on_siemens)


@pytest.mark.parametrize(
    ("scale", "bias", "named"),
    [(1e200, 0.0, "overflow"), (0.5, -1e3, "gives the same for every image")],
)
def test_a_network_that_cannot_be_compared_is_refused(scale, bias, named):
    layers = small_setting().network.layers
    network = Network((Layer(layers[0].weights * scale, np.full(7, bias)), layers[1]))
    with pytest.raises(InputError, match=f"layer 1 of 2 {named}|outputs of layer 1 of 2 {named}"):
        small_setting(network=network)


def test_wire_aware_programming_gains_bits():
    design = replace(DESIGN, resistors=12)
    plain = evaluate(small_setting(measurement_error=0.0), design, 0)
    aware = evaluate(small_setting(measurement_error=0.0, wire_aware=True), design, 0)
    assert aware[-1].product_effective_bits > plain[-1].product_effective_bits + 1
    for before, after in zip(plain, aware, strict=True):  # other cells of the chip, as precise
        gained = after.ideal_wires_product_effective_bits
        assert gained == pytest.approx(before.ideal_wires_product_effective_bits, abs=1.5)
    scaled = evaluate(small_setting(measurement_error=0.0, scaling="column"), design, 0)
    assert scaled[-1].product_effective_bits != plain[-1].product_effective_bits


def test_wire_aware_layers_are_programmed_for_what_they_see_of_the_training_images(monkeypatch):
    setting, given = small_setting(wire_aware=True), []

    def produced(*arguments, inputs, **options):
        given.append(inputs)
        return produce(*arguments, inputs=inputs, **options)

    monkeypatch.setattr(evaluation, "produce", produced)
    monkeypatch.setattr(evaluation, "CALIBRATION_IMAGES", 5)
    evaluate(setting, DESIGN, 0)
    seen = setting.network.activations(setting.dataset.train_inputs[:5])
    assert len(given) == 2
    for number, points in enumerate(given[:2]):
        _, placement = produce_layer(setting, DESIGN, 0, number)
        assert np.array_equal(points, seen[number][:, placement.inputs])
    given.clear()
    evaluate(small_setting(), DESIGN, 0)
    assert given == [None, None]


def test_wire_aware_layers_are_read_in_the_order_of_the_network():
    """Noise so small that it is not seen, of chips whose lines were placed."""
    exact = small_setting(wire_aware=True, measurement_error=0.0)
    setting = replace(exact, nonidealities=Nonidealities(noise_bandwidth_hertz=1e-6))
    one, other = (analog_layer(given, DESIGN, 0, 0) for given in (exact, setting))
    assert not np.array_equal(one.placement.inputs, np.arange(one.placement.inputs.size))
    inputs = setting.dataset.test_inputs
    for read, product in ((other.read, one.product), (other.ideal_read, one.ideal_product)):
        assert not np.array_equal(read(inputs), inputs @ product.T)
        np.testing.assert_allclose(read(inputs), inputs @ product.T, rtol=1e-5, atol=1e-5)


def test_wire_aware_layers_that_make_0_of_the_training_images_are_programmed_without(monkeypatch):
    """Blank images, and a network that adds up what cancels."""
    setting = small_setting(wire_aware=True)
    blank = replace(setting.dataset, train_inputs=np.zeros((4, 5)))
    made, _ = produce_layer(replace(setting, dataset=blank), DESIGN, 0, 0)
    known, _ = produce_layer(setting, DESIGN, 0, 0)
    assert not np.array_equal(made.program.enabled, known.program.enabled)
    sums = Network((Layer(np.outer([1.0, -0.5, 0.7], [1, -1, 1, -1, 0]), np.zeros(3)),))
    alike = replace(setting.dataset, train_inputs=np.ones((4, 5)))
    assert produce_layer(replace(setting, network=sums, dataset=alike), DESIGN, 0, 0)

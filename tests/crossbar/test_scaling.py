"""Full scale for a layer, a column or a tile, through production and evaluation."""

from __future__ import annotations

import numpy as np
import pytest

from crossbar import Design, InputError, Tile, Wires, siemens_per_weight
from crossbar.files import load_chip, save_chip
from crossbar.metrics import effective_bits
from crossbar.production import check_programming, produce
from crossbar.scaling import described, scaled_siemens_per_weight
from crossbar.simulation import transfer
from crossbar.studies import load_study

DESIGN = Design(ladder="guaranteed", resistors=8)
TILE = Tile(4, 6)


def uneven():
    """Weights (7, 9) whose columns and tiles differ in size; one output has none at all."""
    weights = np.random.default_rng(2).normal(size=(7, 9))
    weights *= np.geomspace(3, 3e-3, 7)[:, None]
    weights[2] = 0
    return weights


def test_each_part_reaches_full_scale():
    weights = uneven()
    assert scaled_siemens_per_weight(DESIGN, weights) == siemens_per_weight(DESIGN, weights)
    by_column = scaled_siemens_per_weight(DESIGN, weights, "column")
    assert by_column.shape == (7, 1)
    largest = np.abs(weights * by_column).max(axis=1)
    assert np.allclose(np.delete(largest, 2), 1e-5, rtol=1e-12)
    # an output without weights takes the layer's
    assert by_column[2, 0] == siemens_per_weight(DESIGN, weights)
    by_tile = scaled_siemens_per_weight(DESIGN, weights, "tile", TILE)
    for outputs in (slice(0, 3), slice(3, 6), slice(6, 7)):
        for inputs in (slice(0, 4), slice(4, 8), slice(8, 9)):
            part = by_tile[outputs, inputs]
            assert np.ptp(part) == 0
            assert np.abs(weights[outputs, inputs] * part).max() == pytest.approx(
                1e-5, rel=1e-12, abs=0
            )


@pytest.mark.parametrize("wires", [None, Wires(5.0, 5.0, 20.0, 20.0)])
def test_products_are_those_of_the_weights_and_small_columns_gain_bits(wires):
    weights, gained = uneven(), []
    for scaling in ("layer", "column", "tile"):
        made = produce(
            DESIGN,
            weights,
            np.random.SeedSequence(3),
            measurement_error=0.0,
            scaling=scaling,
            wires=wires,
            tile=TILE,
        )
        found = transfer(made.chip, made.program, wires or Wires.ideal(), tile=TILE)
        product = found.siemens / made.siemens_per_weight
        small = effective_bits(product[-1] - weights[-1], np.ptp(weights[-1]))
        gained.append(small)
        assert effective_bits(product - weights, np.ptp(weights)) > 6
        ideal = made.ideal_product
        assert effective_bits(ideal - weights, np.ptp(weights)) > 6
    assert gained[1] > gained[0] + 5  # 1,000 times smaller weights: up to 10 bits
    assert gained[2] > gained[0] + 5


def test_a_chip_with_scales_of_its_own_is_kept(tmp_path):
    made = produce(
        DESIGN, uneven(), np.random.SeedSequence(3), measurement_error=0.0, scaling="column"
    )
    settings = {"version": "0", "seed": 3, "measurement_error": 0.0, "method": "auto"}
    save_chip(tmp_path / "chip.npz", made, settings)
    again, _ = load_chip(tmp_path / "chip.npz")
    assert np.array_equal(again.siemens_per_weight, made.siemens_per_weight)
    said = described(again.siemens_per_weight)
    assert "by column or tile" in said[0]
    values = [float(value) for line in said[1:] for value in line.split(": ")[1].split()]
    assert values == made.siemens_per_weight[:, 0].tolist()
    assert [line.split(":")[0].rsplit(" ", 1)[1] for line in said[1:]] == ["0"]
    assert described(2e-6) == ["weights: 2e-06 S for a weight of 1"]
    assert len(described(np.array([[1e-6, 2e-6]]))) == 1


def test_what_is_wrong_is_said():
    with pytest.raises(InputError, match="scaling = 'row': choose one of layer, column, tile"):
        scaled_siemens_per_weight(DESIGN, uneven(), "row")
    with pytest.raises(InputError, match="neglects the wires"):
        check_programming(True, "layer", "ideal", [DESIGN])
    with pytest.raises(InputError, match="wire_aware = 1: give True or False"):
        check_programming(1, "layer", "nodal", [DESIGN])
    nominal = Design(ladder="binary", resistors=8, programmed_by="nominal")
    with pytest.raises(InputError, match="programmed_by"):
        check_programming(True, "layer", "nodal", [DESIGN, nominal])


def test_a_study_takes_both_from_its_file(tmp_path):
    text = 'resistors = [6]\nchips = 1\nsimulator = "nodal"\n{}\n[[designs]]\nladder = "stagger"\n'
    path = tmp_path / "study.toml"
    path.write_text(text.format('wire_aware = true\nscaling = "column"'))
    setting = load_study(path).setting()
    assert setting.wire_aware
    assert setting.scaling == "column"
    for lines, said in (
        ('scaling = "row"', "scaling"),
        ('wire_aware = true\nsimulator = "ideal"', "neglects the wires"),
    ):
        path.write_text(text.replace('simulator = "nodal"\n', "").format(lines))
        with pytest.raises(InputError, match=said):
            load_study(path)

"""One image through a network: its layers one after another."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from crossbar import Design, InputError, Tile, Wires
from crossbar.cli import cli
from crossbar.costs.assumptions import Assumptions
from crossbar.costs.comparison import compare_cost
from crossbar.costs.estimate import estimate
from crossbar.costs.listing import cost_rows
from crossbar.costs.networks import NetworkCost, UsedChip, estimate_network
from crossbar.costs.sources import of_model, of_study
from crossbar.evaluation import produce_layer
from crossbar.production import produce
from crossbar.studies import load_study, run

STUDY = """
resistors = [2, 4]
chips = 1
seed = 3
first_chip = 2
simulator = "ideal"
tile = {rows = 16, lines = 8}

[sweep]
"wires.driver_ohm" = [25, 50]

[[designs]]
ladder = "stagger"
distribution = "uniform"
"""
CELL = Design(resistors=2, full_scale_siemens=1e-5)


@pytest.fixture
def toml(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    return path


def crossbar(*arguments):
    done = CliRunner().invoke(cli, [*map(str, arguments)])
    if done.exception:
        raise done.exception
    return done.output


def made(outputs, inputs, seed):
    weights = np.random.default_rng(seed).normal(size=(outputs, inputs))
    return produce(CELL, weights, np.random.SeedSequence(seed), measurement_error=0)


def test_an_image_takes_all_products_of_all_layers_but_each_chip_once():
    first, second = made(4, 6, 0), made(3, 4, 1)
    one, other = estimate(first), estimate(second)
    cost = estimate_network([UsedChip("a", first, 5), UsedChip("b", second)])
    assert cost.joule == pytest.approx(5 * one.joule + other.joule, rel=1e-12, abs=0)
    assert cost.seconds == pytest.approx(5 * one.seconds + other.seconds, rel=1e-12, abs=0)
    assert sum(cost.energy_joule.values()) == pytest.approx(cost.joule, rel=1e-12, abs=0)
    assert sum(cost.latency_seconds.values()) == pytest.approx(cost.seconds, rel=1e-12, abs=0)
    assert cost.latency_seconds["ADC"] == pytest.approx(6 * 10e-9, rel=1e-12, abs=0)
    area = one.square_metre + other.square_metre
    assert sum(cost.area_square_metre.values()) == pytest.approx(area, rel=1e-12, abs=0)
    assert (cost.multiplications, cost.kept) == (5 * 24 + 12, 5 * 24 + 12)
    assert (cost.resistors, cost.tiles) == (2 * 36, 2)
    assert cost.shape == "5 (6 x 4) + 4 x 3"
    assert cost.power_watt == max(one.power_watt, other.power_watt)
    digital = compare_cost(cost, Assumptions())[1]
    assert digital.joule == pytest.approx(132 * 4.6e-12, rel=1e-12, abs=0)


def test_the_table_has_energy_and_latency_of_each_layer_and_of_the_image():
    cost = estimate_network([UsedChip("a", made(4, 6, 0), 5), UsedChip("b", made(3, 4, 1))])
    rows = cost_rows(cost, Assumptions())
    value = {row.key: row.value for row in rows}
    assert len(value) == len(rows)
    for kind, total in (("energy", cost.joule), ("latency", cost.seconds)):
        parts = [row for row in rows if row.table == f"{kind} of layers"]
        assert [row.name for row in parts] == ["a", "b"]
        assert sum(row.value for row in parts) == pytest.approx(total, rel=1e-12, abs=0)
        assert sum(row.share for row in parts) == pytest.approx(1, rel=1e-12, abs=0)
        assert value[kind, "total"] == pytest.approx(total, rel=1e-12, abs=0)
    assert value["image", "multiply-accumulates"] == 132


def test_no_layer_is_one_line():
    with pytest.raises(InputError, match="network: has no layer on a chip"):
        NetworkCost(())


def test_a_study_is_costed_by_its_file_and_by_its_folder(toml, tmp_path):
    study, out = load_study(toml), tmp_path / "out"
    run(study, out)
    point = study.points[0]
    setting, design = point.setting(), replace(study.designs[0], resistors=4)
    wires, tile = replace(Wires(), driver_ohm=25), Tile(16, 8)
    wanted = [
        estimate(produce_layer(setting, design, 2, number), wires=wires, tile=tile)
        for number in range(3)
    ]
    for path in (toml, out):
        table = tmp_path / "cost.csv"
        said = crossbar("cost", path, "--out", table)
        assert "One image through all layers" in said
        with table.open() as file:
            rows = [row for row in csv.DictReader(file) if row["table"] == "energy of layers"]
        assert [float(row["value"]) for row in rows] == [each.joule for each in wanted]


def test_a_studys_wires_and_tile_give_way_to_options(toml, tmp_path):
    table = tmp_path / "cost.csv"
    crossbar(
        "cost", toml, "--out", table, "--driver-ohm", 70, "--segment-ohm", 9, "--tile-lines", 64
    )
    found = of_study(toml)
    wires, tile = Wires(9, 9, 70, found.wires.sense_ohm), Tile(16, 64)
    cost = estimate_network(found.chips, wires=wires, tile=tile)
    with table.open() as file:
        value = {(row["table"], row["name"]): row["value"] for row in csv.DictReader(file)}
    assert float(value["energy", "total"]) == pytest.approx(cost.joule, rel=1e-12, abs=0)
    assert float(value["image", "tiles"]) == cost.tiles


def test_a_folder_without_its_network_is_one_line(toml, tmp_path):
    run(load_study(toml), tmp_path / "out")
    state = tmp_path / "out/run.json"
    kept = json.loads(state.read_text())
    for change in ({"study": kept["identity"]["study"] | {"network": "own.npz"}},
                   {"network_sha256": "another"}):  # fmt: skip
        state.write_text(json.dumps(kept | {"identity": kept["identity"] | change}))
        with pytest.raises(InputError, match="is not in it; give the study's TOML file"):
            of_study(tmp_path / "out")


def test_options_for_another_kind_of_source_are_refused(toml):
    with pytest.raises(InputError, match="--inputs = x.csv: is for a chip alone"):
        crossbar("cost", toml, "--inputs", "x.csv")
    with pytest.raises(InputError, match="--design = y.toml: is for a .safetensors file alone"):
        crossbar("cost", toml, "--design", "y.toml")


def test_a_convolution_takes_a_product_for_each_place_of_its_kernel(tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    from crossbar.models import convert
    from crossbar.models.lenet import build_model
    from crossbar.models.model_files import About, save_model

    model = build_model("lenet-5-digits", (1, 8, 8))
    path = tmp_path / "model.safetensors"
    save_model(path, model, About("lenet-5-digits", (1, 8, 8), 10, {}))
    chips = of_model(path, CELL).chips
    assert [used.products for used in chips] == [64, 16, 1, 1]
    layers = convert(model, CELL, simulator="ideal").conversion.converted
    assert [used.name for used in chips] == [layer.path for layer in layers]
    for used, layer in zip(chips, layers, strict=True):
        assert np.count_nonzero(used.made.program.enabled) == layer.enabled
    (tmp_path / "cell.toml").write_text("resistors = 2\nfull_scale_siemens = 1e-5\n")
    said = crossbar("cost", path, "--design", tmp_path / "cell.toml")
    assert " 7920 " in said

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
        estimate(produce_layer(setting, design, 2, number)[0], wires=wires, tile=tile)
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


def test_layers_of_a_wire_aware_study_are_cut_as_they_were_placed(toml, tmp_path):
    text = STUDY.replace('"ideal"', '"nodal"\nwire_aware = true').replace("rows = 16", "rows = 28")
    toml.write_text(text.replace("[2, 4]", "[2]"))
    table = tmp_path / "cost.csv"
    crossbar("cost", toml, "--out", table)
    study, wanted = load_study(toml), 0.0
    for number in range(3):
        made, placement = produce_layer(study.points[0].setting(), study.designs[0], 2, number)
        assert placement.tile != Tile(28, 8)
        wanted += estimate(made, wires=study.points[0].wires, tile=placement.tile).joule
    with table.open() as file:
        value = {(row["table"], row["name"]): row["value"] for row in csv.DictReader(file)}
    assert float(value["energy", "total"]) == pytest.approx(wanted, rel=1e-12, abs=0)


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
    with pytest.raises(
        InputError, match="--design = y.toml: is for a .safetensors or .onnx file alone"
    ):
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


def save_onnx(path, shape, nodes, arrays):
    """A file of these nodes, each (operator, inputs, output, attributes), from x to y."""
    onnx = pytest.importorskip("onnx")
    helper, float_ = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node(kind, names, [to], **how) for kind, names, to, how in nodes],
        "net",
        [helper.make_tensor_value_info("x", float_, shape)],
        [helper.make_tensor_value_info("y", float_, ["n", "m"])],
        [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    return path


WEIGHT = np.eye(3, 16, dtype=np.float32)
GEMM = [("Flatten", ["x"], "flat", {}), ("Gemm", ["flat", "w"], "y", {"transB": 1})]


def test_an_onnx_file_costs_what_the_same_network_does(tmp_path):
    pytest.importorskip("safetensors")
    torch = pytest.importorskip("torch")
    from crossbar.models.lenet import build_model
    from crossbar.models.model_files import About, save_model

    model = build_model("lenet-300-100", (1, 4, 4))
    ours = tmp_path / "model.safetensors"
    save_model(ours, model, About("lenet-300-100", (1, 4, 4), 10, {}))
    nodes, arrays = [("Flatten", ["x"], "v0", {})], {}
    layers = [one for one in model.modules() if isinstance(one, torch.nn.Linear)]
    for k, layer in enumerate(layers):
        names = [f"v{k}", f"l{k}.weight", f"l{k}.bias"]
        arrays |= {name: getattr(layer, name[3:]).detach().numpy() for name in names[1:]}
        last = k == len(layers) - 1
        nodes.append(("Gemm", names, "y" if last else f"g{k}", {"transB": 1}))
        nodes += [] if last else [("Relu", [f"g{k}"], f"v{k + 1}", {})]
    wanted = of_model(ours, CELL)
    found = of_model(save_onnx(tmp_path / "model.onnx", ["n", 1, 4, 4], nodes, arrays), CELL)
    assert found.digital == wanted.digital == ()
    assert [one.products for one in found.chips] == [1, 1, 1]
    for one, other in zip(found.chips, wanted.chips, strict=True):
        assert np.array_equal(one.made.program.enabled, other.made.program.enabled)


def test_what_of_an_onnx_file_stays_digital_is_said(tmp_path):
    norm = ("BatchNormalization", ["x", *"sbmv"], "normed", {})
    arrays = {"w": WEIGHT} | {name: np.ones(1, np.float32) for name in "sbmv"}
    nodes = [norm, ("Flatten", ["normed"], "flat", {}), GEMM[1]]
    path = save_onnx(tmp_path / "net.onnx", [1, 1, 4, 4], nodes, arrays)
    (tmp_path / "cell.toml").write_text("resistors = 2\n")
    said = crossbar("cost", path, "--design", tmp_path / "cell.toml")
    (digital,) = of_model(path, CELL).digital
    assert f"{path}: digital, and not counted: {digital}" in said
    assert "3 x 3" in said  # outputs x inputs of WEIGHT that are not all zero


@pytest.mark.parametrize(
    ("shape", "nodes", "told"),
    [
        (["n", 1, 4, "w_"], GEMM, "net.onnx: input: its sizes are open; export"),
        ([4, 1, 4, 2], [("Reshape", ["x", "to"], "flat", {}), GEMM[1]], "net.onnx: fails on one"),
    ],
)
def test_an_onnx_file_without_a_single_image_is_refused(shape, nodes, told, tmp_path):
    pytest.importorskip("torch")
    arrays = {"w": WEIGHT, "to": np.array([2, 16])}
    path = save_onnx(tmp_path / "net.onnx", shape, nodes, arrays)
    with pytest.raises(InputError, match=told):
        of_model(path, CELL)

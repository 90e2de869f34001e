"""`crossbar lenets` and `crossbar evaluate` as commands: files, figures, refusals."""

import importlib.util
import re
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402

from crossbar import Design, InputError  # noqa: E402
from crossbar.datasets import load_dataset  # noqa: E402
from crossbar.folders import read_digital_accuracy  # noqa: E402
from crossbar.models.lenet import build_model  # noqa: E402
from crossbar.models.lenets import run_lenets  # noqa: E402
from crossbar.models.model_files import About, save_model  # noqa: E402
from crossbar.models.studies import ModelStudy  # noqa: E402
from crossbar.tables import NETWORK  # noqa: E402

FASHION = Path("/usr/share/datasets/fashion-mnist")
NO_FASHION = "no Fashion-MNIST: install Debian's dataset-fashion-mnist"


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


@pytest.fixture(scope="module")
def model(digits):
    return build_model("lenet-5-digits", digits.image_shape)


def no_figure(draw, folder, name):
    """In place of those that another test has drawn."""


def test_lenets_on_digits_from_one_command(tmp_path, crossbar, monkeypatch):
    out = tmp_path / "out"
    sizes = ["--resistors", "4", "--chips", "1", "--epochs", "2", "--quiet"]
    command = ["lenets", "--out", out, *sizes]
    status, text, error = crossbar(*command, "--images", "40")
    assert status == 0, error
    assert text.count("digital [%]") == 2
    for name in ("lenet-300-100", "lenet-5-digits"):
        assert name in text
        digital = read_digital_accuracy(out / f"{name}-pruned")
        assert re.search(rf"{name}\n(.*\n)* *pruned .* {digital:.2f}\n", text)
        assert (out / f"{name}.png").stat().st_size > 10_000
        for version in ("dense", "pruned"):
            assert (out / f"{name}-{version}.safetensors").is_file()
    monkeypatch.setattr("crossbar.models.lenets.save_figure", no_figure)
    table = out / "lenet-5-digits-pruned" / "results.csv"
    before = table.read_bytes()
    assert crossbar(*command, "--images", "40")[0] == 0
    assert table.read_bytes() == before
    status, _, error = crossbar(*command, "--images", "41")
    assert status == 2
    assert "another study" in error
    network = out / "lenet-5-digits-pruned.safetensors"
    settings = ["--resistors", 8, "--bits", 6, "--images", 40, "--quiet"]
    status, text, error = crossbar("evaluate", network, *settings)
    assert status == 0, error
    assert "conv2" in text
    assert "40 images" in text


@pytest.mark.parametrize("options", [[], ["--wire-aware"], ["--bits", 6]])
def test_training_images_calibrate_what_uses_them(options, tmp_path, crossbar, model, monkeypatch):
    given = []

    def converted(*_, calibration, **__):
        given.append(calibration)
        raise InputError("seen")

    monkeypatch.setattr("crossbar.models.conversion.convert", converted)
    save_model(tmp_path / "net.safetensors", model, About("lenet-5-digits", (1, 8, 8), 10, {}))
    status, _, error = crossbar("evaluate", tmp_path / "net.safetensors", "--quiet", *options)
    assert (status, "seen" in error) == (2, True), error
    (batches,) = given
    assert (batches is None) == (not options)
    if batches is not None:
        assert [len(images) for images in batches] == [1000]


def test_a_coarser_measurement_costs_bits(tmp_path, crossbar, model):
    save_model(tmp_path / "net.safetensors", model, About("lenet-5-digits", (1, 8, 8), 10, {}))
    bits = []
    for error in (0, 0.01):
        status, text, said = crossbar(
            "evaluate",
            tmp_path / "net.safetensors",
            *("--ohm", 0, "--images", 20, "--measurement-error", error, "--quiet"),
        )
        assert status == 0, said
        bits.append(float(re.search(r"logits ([\d.]+) bits", text)[1]))
    assert bits[1] < bits[0] - 3
    status, _, said = crossbar(
        "evaluate", tmp_path / "net.safetensors", "--measurement-error", -1, "--quiet"
    )
    assert status == 2
    assert "measurement error = -1" in said


@pytest.mark.skipif(not FASHION.is_dir(), reason=NO_FASHION)
def test_lenets_on_a_part_of_fashion_mnist(tmp_path, monkeypatch):
    monkeypatch.setattr("crossbar.models.lenets.save_figure", no_figure)
    whole = load_dataset("fashion-mnist", FASHION)
    part = replace(
        whole,
        train_inputs=whole.train_inputs[:300],
        train_labels=whole.train_labels[:300],
        test_inputs=whole.test_inputs[:60],
        test_labels=whole.test_labels[:60],
    )
    study = ModelStudy(design=Design(full_scale_siemens=1e-6), resistors=(2, 8), chips=1)
    results = run_lenets(part, study, tmp_path, settings={"epochs": 2})
    assert list(results) == ["lenet-300-100", "lenet-5"]
    for rows_of in results.values():
        for rows in rows_of.values():
            network = [row for row in rows if row.layer == NETWORK and row.converter_bits is None]
            few, many = (
                [row for row in network if row.resistors_per_weight == count] for count in (2, 8)
            )
            assert max(row.flips for row in many) <= min(row.flips for row in few)
            assert min(row.weight_effective_bits for row in many) > 5
            assert {row.tiles > 1 for row in many} == {True}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lenets", "--resistors", "4,x", "--out", "out"], "--resistors"),
        (["lenets", "--resistors", "4", "--out", "out", "--bits", "99"], "--bits"),
        (["lenets", "--dataset", "fashion-mnist", "--out", "out"], "give the folder"),
        (["evaluate", "nothing.safetensors"], "no such file"),
        (["evaluate", "nothing.onnx"], "no such file"),
        (["evaluate", "nothing.onnx", "--images", "-4"], "--images"),
        (["evaluate", "net.onnx", "--bits", "0"], "--bits"),
        (["evaluate", "net.onnx", "--images", "0"], "--images"),
        (["evaluate", "net.onnx", "--tile", "7"], "--tile = 7: give an even number"),
    ],
)
def test_bad_commands_are_one_line(arguments, said, crossbar):
    status, _, error = crossbar(*arguments)
    assert status == 2
    assert said in error
    assert error.count("\n") == 1, error


def test_a_file_of_doubles_is_evaluated(tmp_path, crossbar, model):
    arrays = {name: value.double().numpy() for name, value in model.state_dict().items()}
    np.savez(tmp_path / "doubles.npz", **arrays)
    named = ["evaluate", tmp_path / "doubles.npz", "--architecture", "lenet-5-digits"]
    status, text, error = crossbar(*named, "--resistors", 4, "--images", 20, "--bits", 6, "--quiet")
    assert status == 0, error
    assert "20 images" in text


def test_a_network_for_other_images_is_not_evaluated(tmp_path, crossbar):
    torch.save(build_model("lenet-300-100", (1, 28, 28)).state_dict(), tmp_path / "large.pt")
    status, _, error = crossbar(
        "evaluate", tmp_path / "large.pt", "--architecture", "lenet-300-100"
    )
    assert status == 2
    assert "is for images (1, 28, 28)" in error
    assert error.count("\n") == 1, error


@pytest.mark.parametrize(
    ("shape", "classes", "said"),
    [
        ((1, 9, 9), 10, "is for images (1, 9, 9) and 10 classes; digits"),
        ((1, 8, 8), 11, "is for images (1, 8, 8) and 11 classes; digits"),
    ],
)
def test_a_network_of_other_images_is_not_evaluated(shape, classes, said, crossbar, tmp_path):
    model = build_model("perceptron-16", shape, classes)
    file = tmp_path / "net.safetensors"
    save_model(file, model, About("perceptron-16", shape, classes, {}))
    status, text, error = crossbar("evaluate", file)
    assert (status, text, error.count("\n")) == (2, "", 1)
    assert said in error


@pytest.mark.parametrize(
    ("inputs", "classes", "said"),
    [(63, 10, "does not take images (1, 8, 8) of digits"), (64, 9, "returns (1, 9) for an image")],
)
def test_an_onnx_file_of_other_images_is_not_evaluated(inputs, classes, said, crossbar, tmp_path):
    onnx = pytest.importorskip("onnx")
    weight = onnx.numpy_helper.from_array(np.ones((inputs, classes), np.float32), "w")
    float_ = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Flatten", ["x"], ["flat"]),
            onnx.helper.make_node("MatMul", ["flat", "w"], ["y"]),
        ],
        "net",
        [onnx.helper.make_tensor_value_info("x", float_, ["n", "c", "h", "w_"])],
        [onnx.helper.make_tensor_value_info("y", float_, ["n", "m"])],
        [weight],
    )
    opset = onnx.helper.make_opsetid("", 17)
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), tmp_path / "net.onnx"
    )
    status, text, error = crossbar("evaluate", tmp_path / "net.onnx")
    assert (status, text, error.count("\n")) == (2, "", 1)
    assert said in error


def test_more_images_than_there_are_is_said(crossbar, tmp_path):
    model = build_model("perceptron-16", (1, 8, 8), 10)
    file = tmp_path / "net.safetensors"
    save_model(file, model.double(), About("perceptron-16", (1, 8, 8), 10, {}))
    settings = ["--images", 9999, "--resistors", 4, "--simulator", "ideal", "--quiet"]
    status, text, error = crossbar("evaluate", file, *settings)
    assert status == 0, error
    assert "--images 9999: there are" in text


def test_each_kind_of_file_needs_its_own_library_only(tmp_path, crossbar, model, monkeypatch):
    named = ["--architecture", "lenet-5-digits", "--resistors", 4, "--images", 5, "--quiet"]
    torch.save(model.state_dict(), tmp_path / "plain.pt")
    (tmp_path / "named.safetensors").touch()
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "crossbar.models.optional.find_spec",
        lambda name: None if name == "safetensors" else find(name),
    )
    monkeypatch.setitem(sys.modules, "onnx", None)
    status, text, error = crossbar("evaluate", tmp_path / "plain.pt", *named)
    assert status == 0, error
    assert "5 images" in text
    for name, library in (("named.safetensors", "safetensors: not"), ("a.onnx", '"onnx": pip')):
        status, _, error = crossbar("evaluate", tmp_path / name, *named)
        assert (status, error.count("\n")) == (2, 1)
        assert library in error
    status, _, error = crossbar("train", "lenet-5-digits", "--out", tmp_path / "a.safetensors")
    assert (status, "safetensors: not installed" in error) == (2, True)

"""What is wrong with an ONNX file is said in one line that names the file and the place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from crossbar.errors import InputError  # noqa: E402
from crossbar.models.onnx import load_onnx  # noqa: E402

WEIGHTS = np.arange(12, dtype=np.float32).reshape(4, 3)


def value(name: str) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "m"])


def network(
    nodes: list[Any] | None = None,
    weights: dict[str, Any] | None = None,
    inputs: tuple[str, ...] = ("x",),
    outputs: tuple[str, ...] = ("y",),
    opset: int = 17,
) -> Any:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"], name="fc")] if nodes is None else nodes
    weights = {"w": WEIGHTS} if weights is None else weights
    tensors = [numpy_helper.from_array(np.asarray(v), name) for name, v in weights.items()]
    graph = helper.make_graph(nodes, "net", [*map(value, inputs)], [*map(value, outputs)], tensors)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def message(path: Path, model: Any = None) -> str:
    if model is not None:
        path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError) as caught:
        load_onnx(path)
    text = str(caught.value)
    assert "\n" not in text
    assert path.name in text
    return text


def test_the_plain_network_loads(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(network().SerializeToString())
    assert torch.equal(load_onnx(tmp_path / "net.onnx").fc.weight, torch.from_numpy(WEIGHTS.T))
    assert load_onnx(str(tmp_path / "net.onnx")) is not None


@pytest.mark.parametrize("content", [b"", b"no model", b"\x00" * 100, b"PK\x03\x04" + b"a" * 50])
def test_no_onnx_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.onnx").write_bytes(content)
    assert "not an ONNX file" in message(tmp_path / "net.onnx")


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    assert "no such file" in message(tmp_path / "missing.onnx")
    assert "not a file" in message(tmp_path)


def test_a_truncated_file_never_gives_a_model(tmp_path: Path) -> None:
    model = network()
    del model.opset_import[1:]
    content = model.SerializeToString()
    for length in range(len(content)):
        (tmp_path / "net.onnx").write_bytes(content[:length])
        message(tmp_path / "net.onnx")


def test_all_unsupported_operators_are_named_with_their_nodes(tmp_path: Path) -> None:
    nodes = [helper.make_node("LSTM", ["x", "w", "w"], ["a"], name="recurrent")]
    nodes += [helper.make_node("Det", ["a"], [f"d{i}"], name=f"det{i}") for i in range(5)]
    nodes += [helper.make_node("FusedConv", ["d0"], ["y"], name="f", domain="com.microsoft")]
    text = message(tmp_path / "net.onnx", network(nodes))
    assert "LSTM ('recurrent'); Det ('det0', 'det1', 'det2', and 2 more)" in text
    assert "com.microsoft.FusedConv ('f')" in text
    assert "simpler operators" in text


@pytest.mark.parametrize("operator", ["QLinearConv", "DequantizeLinear", "MatMulInteger"])
def test_a_quantised_model(tmp_path: Path, operator: str) -> None:
    nodes = [helper.make_node(operator, ["x", "w"], ["y"])]
    text = message(tmp_path / "net.onnx", network(nodes))
    assert f"{operator} ('y')" in text
    assert "before quantisation" in text


def test_control_flow(tmp_path: Path) -> None:
    body = network([helper.make_node("Identity", ["w"], ["b"])], outputs=("b",), inputs=()).graph
    nodes = [helper.make_node("If", ["x"], ["y"], name="if", then_branch=body, else_branch=body)]
    assert "If ('if'): export the model for one path" in message(
        tmp_path / "net.onnx", network(nodes)
    )


@pytest.mark.parametrize("opset", [1, 6, 29, 99])
def test_an_opset_that_is_not_supported(tmp_path: Path, opset: int) -> None:
    text = message(tmp_path / "net.onnx", network(opset=opset))
    assert f"opset {opset}: 7 to 28" in text
    assert "convert_version" in text


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    assert "2 inputs ('x', 'z')" in message(path, network(inputs=("x", "z")))
    assert "2 outputs ('y', 'x')" in message(path, network(outputs=("y", "x")))
    assert "2 inputs ('x', 'w')" in message(path, network(weights={}, inputs=("x", "w")))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(tmp_path: Path, bad: float) -> None:
    weights = WEIGHTS.copy()
    weights[2, 1] = bad
    text = message(tmp_path / "net.onnx", network(weights={"w": weights}))
    assert f"initialiser 'w' is {bad} at (2, 1)" in text


def test_weights_that_are_not_finite_in_a_constant_node(tmp_path: Path) -> None:
    tensor = numpy_helper.from_array(np.full((4, 3), np.nan, np.float32))
    nodes = [helper.make_node("Constant", [], ["w"], value=tensor)]
    nodes += [helper.make_node("MatMul", ["x", "w"], ["y"], name="fc")]
    text = message(tmp_path / "net.onnx", network(nodes, {}))
    assert "node 'fc' (MatMul): its weights: a value is nan at (0, 0)" in text


def test_weights_that_are_computed(tmp_path: Path) -> None:
    nodes = [helper.make_node("Conv", ["x", "x"], ["y"], name="conv")]
    text = message(tmp_path / "net.onnx", network(nodes))
    assert "node 'conv' (Conv): computes its weights while the model runs: store" in text


def test_a_normalisation_in_training_mode(tmp_path: Path) -> None:
    ones = dict.fromkeys("abcd", np.ones(4, np.float32))
    nodes = [
        helper.make_node("BatchNormalization", ["x", *ones], ["y"], name="bn", training_mode=1)
    ]
    assert "'bn' (BatchNormalization): is in training mode" in message(
        tmp_path / "net.onnx", network(nodes, ones)
    )


def test_weights_of_another_shape_or_type(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    nodes = [helper.make_node("Gemm", ["x", "w"], ["y"], name="fc")]
    text = message(path, network(nodes, {"w": np.float32(1)}))
    assert "node 'fc' (Gemm): its weights have shape (): give a matrix" in text
    text = message(path, network(weights={"w": WEIGHTS.astype(int)}))
    assert "its weights are of type torch.int64" in text
    model = network()
    model.graph.initializer[0].data_type = TensorProto.BFLOAT16
    assert "BFLOAT16" in message(path, model) or "raw_data" in message(path, model)
    model = network()
    model.graph.initializer[0].raw_data = b"1234"
    assert "raw_data size (4 bytes) is too small" in message(path, model)


def external(model: Any, location: str) -> Any:
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], location)
    model.graph.initializer[0].ClearField("raw_data")
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    return model


def test_external_data_beside_the_model_are_read(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(WEIGHTS.tobytes())
    (tmp_path / "net.onnx").write_bytes(external(network(), "w.bin").SerializeToString())
    assert torch.equal(load_onnx(tmp_path / "net.onnx").fc.weight, torch.from_numpy(WEIGHTS.T))


@pytest.mark.parametrize("kind", ["missing", "above", "absolute", "linked", "short"])
def test_external_data_that_are_not_there_or_not_the_models_own(tmp_path: Path, kind: str) -> None:
    (tmp_path / "outside.bin").write_bytes(WEIGHTS.tobytes())
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "short.bin").write_bytes(b"123")
    (folder / "link.bin").symlink_to(tmp_path / "outside.bin")
    location = {
        "missing": "missing.bin",
        "above": "../outside.bin",
        "absolute": str(tmp_path / "outside.bin"),
        "linked": "link.bin",
        "short": "short.bin",
    }[kind]
    text = message(folder / "net.onnx", external(network(), location))
    assert ("too small" if kind == "short" else "external data of 'w'") in text


def test_without_onnx_the_remedy_is_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r'pip install "resistive-crossbar\[onnx\]"$'):
        load_onnx("net.onnx")


def shaped(sizes: list[Any], nodes: list[Any], weights: dict[str, Any]) -> Any:
    model = network(nodes, weights)
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes)
    model.graph.input[0].CopyFrom(entry)
    return model


@pytest.mark.parametrize("batch", ["n", 1, 3, 0, -1])
@pytest.mark.parametrize("operator", ["MatMul", "Gemm"])
def test_a_product_of_shapes_that_do_not_fit(tmp_path: Path, operator: str, batch: Any) -> None:
    nodes = [helper.make_node(operator, ["x", "w"], ["y"], name="fc")]
    said = message(tmp_path / "net.onnx", shaped([batch, 5], nodes, {"w": WEIGHTS}))
    assert "fails on an input of shape" in said
    assert ", 5)" in said


def test_a_batch_that_is_open_and_does_not_fit(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Concat", ["h", "one"], ["y"], axis=1),
    ]
    weights = {"w": WEIGHTS, "one": np.ones((1, 2), dtype=np.float32)}
    said = message(tmp_path / "net.onnx", shaped(["n", 4], nodes, weights))
    assert "fails on an input of shape (2, 4)" in said
    fixed = tmp_path / "fixed.onnx"
    fixed.write_bytes(shaped([1, 4], nodes, weights).SerializeToString())
    assert load_onnx(fixed)(torch.zeros(1, 4)).shape == (1, 5)

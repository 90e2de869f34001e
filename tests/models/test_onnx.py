"""ONNX classifiers as PyTorch models, against onnx's reference evaluator and operator tests."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402
from torch import nn  # noqa: E402

from crossbar.models.onnx import SUPPORTED, load_onnx  # noqa: E402
from crossbar.models.onnx_files import NEWEST_OPSET  # noqa: E402

# Sums of some hundred float32 products in another order: some 1e-7 of the largest output for each
# layer.
CLOSE = 1e-5


def save(path: Path, nodes: list[Any], weights: dict[str, Any], shape: Any, opset: int = 17) -> Any:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    model = onnx.shape_inference.infer_shapes(model)
    onnx.save(model, path)
    return model


def reference(model: Any, x: np.ndarray) -> np.ndarray:
    evaluator = ReferenceEvaluator(model)
    return np.asarray(evaluator.run(None, {evaluator.input_names[0]: x})[0])


def run(net: nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(net(torch.from_numpy(x)))


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert np.abs(found - expected).max() <= CLOSE * np.abs(expected).max()


def draw(*shape: int) -> np.ndarray:
    seed = sum(place * size for place, size in enumerate(shape, 1))
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def kinds(net: nn.Module) -> dict[str, str]:
    return {name: type(module).__name__ for name, module in net.named_modules() if name}


# Each operator: the tests that onnx brings for it


@pytest.fixture(scope="module")
def cases() -> dict[str, list[Any]]:
    """Tests with a float input, by the operator that they are for."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = collect_testcases(None)
    sorted_out: dict[str, list[Any]] = {}
    for case in found:
        graph = getattr(case.model, "graph", None)
        if graph is None or any(word in case.name for word in NOT_MEANT):
            continue
        arrays = [*case.data_sets[0][0], *case.data_sets[0][1]]
        if not arrays or not all(isinstance(array, np.ndarray | np.generic) for array in arrays):
            continue
        floats = arrays[0].dtype in (np.float32, np.float64) or case.name.startswith(INTEGERS)
        if floats and {node.op_type for node in graph.node} <= SUPPORTED:
            sorted_out.setdefault(graph.node[0].op_type, []).append(case)
    return sorted_out


NOT_MEANT = ("expanded", "training", "argmax", "uint", "empty_set", "averagepool_3d_dilations")
NOT_MEANT += ("averagepool_2d_dilations", "split_zero_size")
INTEGERS = ("test_constantofshape", "test_edge_pad", "test_reflect_pad", "test_wrap_pad")
NONE_FITS = {"And", "Cast", "Constant", "Equal", "Identity", "Not", "Or", "Shape", "Where"}
LOOSE = {"test_averagepool_2d_ceil_last_window_starts_on_pad": 1e-4}  # its values have 4 digits


@pytest.mark.parametrize("operator", sorted(SUPPORTED - NONE_FITS))
def test_an_operator_passes_the_tests_that_onnx_brings(
    tmp_path: Path, cases: dict[str, list[Any]], operator: str
) -> None:
    failed = []
    for case in cases[operator]:
        inputs, outputs = case.data_sets[0]
        model, expected = copy.deepcopy(case.model), outputs[0]
        for item, value in list(zip(model.graph.input, inputs, strict=True))[1:]:
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), item.name))
        del model.graph.output[1:]
        onnx.save(model, tmp_path / "net.onnx")
        found = run(load_onnx(tmp_path / "net.onnx"), inputs[0])
        same = found.shape == expected.shape and found.dtype == expected.dtype
        close = same and np.allclose(found, expected, 1e-5, LOOSE.get(case.name, 1e-6))
        failed += [] if close else [case.name]
    assert failed == []


def test_no_supported_operator_is_newer_than_the_opset_that_is_allowed() -> None:
    newest = {
        schema.name: schema.since_version
        for schema in onnx.defs.get_all_schemas()
        if schema.name in SUPPORTED and schema.domain == ""
    }
    assert set(newest) == SUPPORTED
    assert max(newest.values()) <= NEWEST_OPSET


def test_comparisons_and_choices(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Less", ["x", "limit"], ["low"]),
        helper.make_node("Equal", ["x", "x"], ["all"]),
        helper.make_node("Not", ["low"], ["high"]),
        helper.make_node("Or", ["low", "high"], ["either"]),
        helper.make_node("And", ["either", "all"], ["true"]),
        helper.make_node("And", ["true", "low"], ["chosen"]),
        helper.make_node("Where", ["chosen", "limit", "x"], ["a"]),
        helper.make_node("Cast", ["high"], ["b"], to=TensorProto.FLOAT),
        helper.make_node("Identity", ["b"], ["c"]),
        helper.make_node("Sub", ["a", "c"], ["y"]),
    ]
    save(tmp_path / "net.onnx", nodes, {"limit": np.float32(0.25)}, ["n", 4])
    x = draw(5, 4)
    expected = np.maximum(x, np.float32(0.25)) - (x >= 0.25).astype(np.float32)
    assert_close(run(load_onnx(tmp_path / "net.onnx"), x), expected)


# Layers with weights, against the reference evaluator


@pytest.mark.parametrize("alpha, beta", [(1.0, 1.0), (0.5, 2.0)])
@pytest.mark.parametrize("transposed", [0, 1])
@pytest.mark.parametrize("bias_shape", [None, (), (5,), (1, 5), (4, 1), (4, 5)])
def test_gemm_is_a_linear_layer(
    tmp_path: Path, alpha: float, beta: float, transposed: int, bias_shape: tuple[int, ...] | None
) -> None:
    weights = {"fc.weight": draw(5, 7) if transposed else draw(7, 5)}
    if bias_shape is not None:
        weights["fc.bias"] = draw(*bias_shape) if bias_shape else np.float32(0.3)
    node = helper.make_node("Gemm", ["x", *weights], ["y"], alpha=alpha, beta=beta)
    node.attribute.append(helper.make_attribute("transB", transposed))
    model = save(tmp_path / "net.onnx", [node], weights, [4, 7])
    net = load_onnx(tmp_path / "net.onnx")
    assert kinds(net)["fc"] == "Linear"
    x = draw(4, 7)
    assert_close(run(net, x), reference(model, x))


def test_gemm_of_a_transposed_input(tmp_path: Path) -> None:
    node = helper.make_node("Gemm", ["x", "w"], ["y"], name="/head/Gemm", transA=1)
    model = save(tmp_path / "net.onnx", [node], {"w": draw(7, 5)}, [7, 4])
    net = load_onnx(tmp_path / "net.onnx")
    assert kinds(net) == {"head": "Linear"}
    assert_close(run(net, draw(7, 4)), reference(model, draw(7, 4)))


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("shape", [(5,), (1, 5), (1,), ()])
def test_an_addend_is_the_bias_of_a_product(
    tmp_path: Path, swapped: bool, shape: tuple[int, ...]
) -> None:
    weights = {"w": draw(7, 5), "b": np.asarray(draw(*shape), np.float32)}
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"], name="fc")]
    nodes += [helper.make_node("Add", ["b", "p"] if swapped else ["p", "b"], ["y"])]
    model = save(tmp_path / "net.onnx", nodes, weights, ["n", 7])
    net = load_onnx(tmp_path / "net.onnx")
    assert sorted(net.state_dict()) == ["fc.bias", "fc.weight"]
    assert_close(run(net, draw(3, 7)), reference(model, draw(3, 7)))


def test_an_addend_of_a_product_that_is_used_twice_is_no_bias(tmp_path: Path) -> None:
    weights = {"w": draw(5, 5), "b": draw(5)}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Add", ["p", "b"], ["q"]),
        helper.make_node("Mul", ["p", "q"], ["y"]),
    ]
    model = save(tmp_path / "net.onnx", nodes, weights, ["n", 5])
    assert_close(run(load_onnx(tmp_path / "net.onnx"), draw(3, 5)), reference(model, draw(3, 5)))


def test_nodes_that_share_their_weights_share_a_module(tmp_path: Path) -> None:
    weights = {"fc.weight": draw(5, 5), "fc.bias": draw(5)}
    nodes = [
        helper.make_node("Gemm", ["x", *weights], ["p"]),
        helper.make_node("Relu", ["p"], ["q"]),
        helper.make_node("Gemm", ["q", *weights], ["y"]),
    ]
    model = save(tmp_path / "net.onnx", nodes, weights, ["n", 5])
    net = load_onnx(tmp_path / "net.onnx")
    assert kinds(net) == {"fc": "Linear"}
    assert_close(run(net, draw(3, 5)), reference(model, draw(3, 5)))


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"strides": [2, 1], "pads": [1, 2, 1, 2]},
        {"dilations": [2, 1], "pads": [0, 1, 2, 0]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
        {"auto_pad": "VALID"},
        {"group": 2},
    ],
)
def test_convolution(tmp_path: Path, attributes: dict[str, Any]) -> None:
    weights = {"c.weight": draw(6, 4 // attributes.get("group", 1), 3, 2), "c.bias": draw(6)}
    node = helper.make_node("Conv", ["x", *weights], ["y"], **attributes)
    model = save(tmp_path / "net.onnx", [node], weights, ["n", 4, 9, 10])
    net = load_onnx(tmp_path / "net.onnx")
    assert kinds(net) == {"c": "Conv2d"}
    assert_close(run(net, draw(2, 4, 9, 10)), reference(model, draw(2, 4, 9, 10)))


@pytest.mark.parametrize("operator", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize(
    "attributes",
    [
        {"pads": [0, 0, 1, 1], "strides": [2, 2]},
        {"pads": [2, 2, 2, 2]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"ceil_mode": 1, "strides": [2, 2]},
    ],
)
def test_pooling(tmp_path: Path, operator: str, attributes: dict[str, Any]) -> None:
    node = helper.make_node(operator, ["x"], ["y"], kernel_shape=[3, 3], **attributes)
    model = save(tmp_path / "net.onnx", [node], {}, ["n", 2, 8, 8])
    x = draw(2, 2, 8, 8) - 5  # below zero, so that a padding of zeros would win
    assert_close(run(load_onnx(tmp_path / "net.onnx"), x), reference(model, x))


def test_pooling_with_more_padding_at_the_start(tmp_path: Path) -> None:
    attributes = {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_LOWER"}
    node = helper.make_node("MaxPool", ["x"], ["y"], **attributes)
    save(tmp_path / "net.onnx", [node], {}, ["n", 1, 4, 4])
    x = -np.arange(1, 17, dtype=np.float32).reshape(1, 1, 4, 4)
    # onnx 1.23's reference evaluator pads at the end; onnxruntime 1.31 gives these values.
    expected = np.array([[[[-1, -2], [-5, -6]]]], np.float32)
    np.testing.assert_array_equal(run(load_onnx(tmp_path / "net.onnx"), x), expected)


@pytest.mark.parametrize("opset", [7, 9, 11, 12, 13])
@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax"])
def test_softmax_of_older_opsets_covers_all_later_axes(
    tmp_path: Path, operator: str, opset: int
) -> None:
    model = save(
        tmp_path / "net.onnx", [helper.make_node(operator, ["x"], ["y"])], {}, [3, 4, 5], opset
    )
    x = draw(3, 4, 5)
    flat = x.reshape(3, 20) if opset < 13 else x
    expected = np.exp(flat) / np.exp(flat).sum(-1, keepdims=True)
    expected = expected if operator == "Softmax" else np.log(expected)
    assert model.opset_import[0].version == opset
    assert_close(run(load_onnx(tmp_path / "net.onnx"), x), expected.reshape(x.shape))


def test_limits_axes_and_pads_as_attributes_of_older_opsets(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Pad", ["x"], ["a"], pads=[0, 1, 0, 2], value=0.5),
        helper.make_node("Clip", ["a"], ["b"], min=-1.0, max=1.0),
        helper.make_node("Unsqueeze", ["b"], ["c"], axes=[1, 3]),
        helper.make_node("ReduceMean", ["c"], ["d"], axes=[3], keepdims=0),
        helper.make_node("Squeeze", ["d"], ["e"], axes=[1]),
        helper.make_node("Slice", ["e"], ["f"], axes=[1], starts=[1], ends=[-1]),
        helper.make_node("Dropout", ["f"], ["y"], ratio=0.5),
    ]
    save(tmp_path / "net.onnx", nodes, {}, ["n", 4], opset=9)
    x = draw(3, 4)
    padded = np.pad(x, ((0, 0), (1, 2)), constant_values=0.5)
    assert_close(run(load_onnx(tmp_path / "net.onnx"), x), padded.clip(-1, 1)[:, 1:-1])

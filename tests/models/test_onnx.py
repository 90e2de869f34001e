"""ONNX classifiers as PyTorch models, against onnx's reference evaluator and operator tests."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402
from torch import nn  # noqa: E402

from crossbar.errors import InputError  # noqa: E402
from crossbar.models.onnx import SUPPORTED, load_onnx  # noqa: E402
from crossbar.models.onnx_files import NEWEST_OPSET  # noqa: E402

# Sums of some hundred float32 products in another order: some 1e-7 of the largest output for each
# layer, and the deepest network here has twenty.
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


def cases() -> Iterator[Any]:
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = collect_testcases(None)
    for case in found:
        graph = getattr(case.model, "graph", None)
        if graph is None or "expanded" in case.name or "training" in case.name:
            continue
        inputs, outputs = case.data_sets[0]
        arrays = [*inputs, *outputs]
        if not inputs or not all(isinstance(a, np.ndarray) for a in arrays) or not arrays[-1].size:
            continue
        floats = inputs[0].dtype in (np.float32, np.float64)
        if floats and {node.op_type for node in graph.node} <= SUPPORTED:
            yield pytest.param(case.model, inputs, outputs[0], id=case.name.removeprefix("test_"))


REFUSED = ("dilations", "argmax", "dropout_default_mask", "uint64", "uint32", "_set")


@pytest.mark.parametrize("model, inputs, expected", cases())
def test_an_operator_passes_the_tests_that_onnx_brings(
    tmp_path: Path, request: pytest.FixtureRequest, model: Any, inputs: Any, expected: Any
) -> None:
    model = copy.deepcopy(model)
    names = [item.name for item in model.graph.input]
    for name, value in list(zip(names, inputs, strict=True))[1:]:
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    del model.graph.output[1:]
    onnx.save(model, tmp_path / "net.onnx")
    case = request.node.callspec.id
    if any(word in case for word in REFUSED) and "maxpool_2d_dilations" not in case:
        with pytest.raises((InputError, IndexError)):
            run(load_onnx(tmp_path / "net.onnx"), inputs[0])
        return
    found = run(load_onnx(tmp_path / "net.onnx"), inputs[0])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert found.dtype == expected.dtype


def test_no_supported_operator_is_newer_than_the_opset_that_is_allowed() -> None:
    newest = {
        schema.name: schema.since_version
        for schema in onnx.defs.get_all_schemas()
        if schema.name in SUPPORTED and schema.domain == ""
    }
    assert set(newest) == SUPPORTED
    assert max(newest.values()) <= NEWEST_OPSET

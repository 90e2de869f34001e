"""An ONNX file read and checked: whatever is wrong with it is said before any work starts."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crossbar.errors import InputError

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

OLDEST_OPSET, NEWEST_OPSET = 7, 28
DOMAINS = ("", "ai.onnx")
QUANTISED = ("Quant", "quantize", "QLinear", "Integer")
CONTROL_FLOW = {"If", "Loop", "Scan", "SequenceMap"}
TYPES = {"FLOAT", "DOUBLE", "FLOAT16", "INT64", "INT32", "INT16", "INT8", "UINT8", "BOOL"}


def read_model(path: Path, supported: Collection[str]) -> ModelProto:
    """A checked model with its external data, shapes inferred, functions inlined.

    Parameters
    ----------
    path : Path
        The file. External data are read from its own folder only; `onnx` refuses a path
        that leaves it.
    supported : collection of str
        The operators that can be run.

    Returns
    -------
    ModelProto
        One input and one output, opset 7 to 28, supported operators, finite weights.

    Raises
    ------
    InputError
        For everything else.
    """
    try:
        import onnx
        import onnx.inliner
    except ImportError as error:
        raise InputError(
            'ONNX files need the extra "onnx": pip install "resistive-crossbar[onnx]"'
        ) from error
    model = _parsed(path)
    opset = opset_of(model, path)
    try:
        model = onnx.inliner.inline_local_functions(model)
    except Exception as error:
        raise InputError(f"{path}: its functions cannot be expanded: {_line(error)}") from error
    _check_operators(model, path, opset, supported)
    _check_ends(model, path)
    _load_external_data(model, path)
    try:
        onnx.checker.check_model(model)
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:
        raise InputError(
            f"{path}: not a valid ONNX model: {_line(error)}: export the model again"
        ) from error
    _check_initialisers(model, path)
    return model


def opset_of(model: ModelProto, path: Path) -> int:
    """The version of the standard operators that the model uses.

    Raises
    ------
    InputError
        For a version that is not supported.
    """
    versions = [item.version for item in model.opset_import if item.domain in DOMAINS]
    if not versions:
        raise InputError(f"{path}: names no standard opset: export the model again")
    opset = int(versions[0])
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise InputError(
            f"{path}: opset {opset}: {OLDEST_OPSET} to {NEWEST_OPSET} are supported: "
            f"convert it with onnx.version_converter.convert_version(model, 17)"
        )
    return opset


def array(tensor: TensorProto, path: Path) -> NDArray[np.generic]:
    """The values of an initialiser.

    Raises
    ------
    InputError
        For a type that PyTorch's layers do not take, or data of a wrong size.
    """
    import onnx

    kind = onnx.TensorProto.DataType.Name(tensor.data_type)
    if kind not in TYPES:
        raise InputError(
            f"{path}: {tensor.name!r} has type {kind}: give a model in FLOAT, as it was "
            f"before quantisation"
        )
    try:
        return np.array(onnx.numpy_helper.to_array(tensor))
    except Exception as error:
        raise InputError(f"{path}: {tensor.name!r} cannot be read: {_line(error)}") from error


def check_finite(values: NDArray[np.generic], what: str) -> None:
    """Refuse values that are not finite.

    Raises
    ------
    InputError
        Names the first of them.
    """
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
    raise InputError(f"{what} is {values[index]} at {index}: every weight must be finite")


def _line(error: Exception) -> str:
    """The first line of what a library says."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")


def _parsed(path: Path) -> ModelProto:
    import onnx

    if not path.exists():
        raise InputError(f"{path}: no such file: give the path of an .onnx file")
    if not path.is_file():
        raise InputError(f"{path}: not a file: give the path of an .onnx file")
    remedy = "give a file as torch.onnx.export or another exporter writes it"
    try:
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except Exception as error:
        raise InputError(f"{path}: not an ONNX file ({_line(error)}): {remedy}") from error
    if not model.ir_version or not model.graph.node:
        raise InputError(f"{path}: not an ONNX file (no graph in it): {remedy}")
    return model


def _check_operators(model: ModelProto, path: Path, opset: int, supported: Collection[str]) -> None:
    unknown: dict[str, list[str]] = {}
    for node in model.graph.node:
        if node.domain not in DOMAINS or node.op_type not in supported:
            operator = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
            unknown.setdefault(operator, []).append(node.name or (list(node.output) or ["?"])[0])
    if not unknown:
        return
    found = "; ".join(f"{operator} ({_few(nodes)})" for operator, nodes in unknown.items())
    raise InputError(f"{path}: operators that are not supported: {found}: {_remedy(unknown)}")


def _few(names: list[str], shown: int = 3) -> str:
    more = [f"and {len(names) - shown} more"] if len(names) > shown else []
    return ", ".join([repr(name) for name in names[:shown]] + more)


def _remedy(operators: Collection[str]) -> str:
    if any(part in name for name in operators for part in QUANTISED):
        return "give the model as it was before quantisation"
    if CONTROL_FLOW & set(operators):
        return "export the model for one path of its control flow"
    return "export the model with simpler operators, or cut it with onnx.utils.extract_model"


def _check_ends(model: ModelProto, path: Path) -> None:
    if model.graph.sparse_initializer:
        name = model.graph.sparse_initializer[0].values.name
        raise InputError(f"{path}: {name!r} is stored as a sparse tensor: store it as a dense one")
    initialisers = {tensor.name for tensor in model.graph.initializer}
    inputs = [item.name for item in model.graph.input if item.name not in initialisers]
    for kind, names in (("input", inputs), ("output", [v.name for v in model.graph.output])):
        if len(names) != 1:
            raise InputError(
                f"{path}: has {len(names)} {kind}s ({_few(names, 5)}): one is needed: cut the "
                f"model with onnx.utils.extract_model; weights must be initialisers"
            )


def _load_external_data(model: ModelProto, path: Path) -> None:
    import onnx

    try:
        onnx.external_data_helper.load_external_data_for_model(model, str(path.parent))
    except Exception as error:
        names = [tensor.name for tensor in _external(model)]
        raise InputError(
            f"{path}: the external data of {_few(names)} cannot be read ({_line(error)}): "
            f"put the data files beside the model"
        ) from error


def _external(model: ModelProto) -> Iterator[TensorProto]:
    import onnx

    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            yield tensor


def _check_initialisers(model: ModelProto, path: Path) -> None:
    for tensor in model.graph.initializer:
        check_finite(array(tensor, path), f"{path}: initialiser {tensor.name!r}")

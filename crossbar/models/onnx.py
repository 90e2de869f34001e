"""A classifier in an ONNX file as a PyTorch model, ready for `crossbar.convert`.

The converters on PyPI are not used. `onnx2torch` (last release 1.5.15, August 2024) and
`onnx2pytorch` (0.6.0) both import `torchvision`, whose wheels on PyPI need a CUDA build of PyTorch
and fail beside the CPU one. Of 97 operator tests of opset 6 and 9 that `onnx` brings, the first
refuses a third and pads one wrongly without a word; the second cannot be traced, so that a batch
normalisation is not folded, and keeps every weight twice. Here each node becomes a step of a graph
of `torch.fx`: layers with weights are PyTorch's own modules, all else is a function.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from operator import getitem
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn

from crossbar.errors import InputError
from crossbar.models import onnx_functions as f
from crossbar.models.onnx_files import array, opset_of, read_model
from crossbar.models.onnx_layers import LAYERS, add_bias, layer
from crossbar.models.onnx_operators import OPERATORS, Call, Step, Value

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, ValueInfoProto

_TYPES = {1: torch.float32, 6: torch.int32, 7: torch.int64, 10: torch.float16, 11: torch.float64}
"""Types of `onnx.TensorProto` that an input is tried with."""

SUPPORTED = frozenset({*OPERATORS, *LAYERS, "Constant"})


def load_onnx(path: str | os.PathLike[str]) -> nn.Module:
    """Load a classifier from an ONNX file.

    Fully connected layers (`Gemm`, `MatMul` and a following `Add`), convolutions and batch
    normalisations with constant weights become `nn.Linear`, `nn.Conv1d` to `nn.Conv3d` and
    `nn.BatchNorm1d` to `nn.BatchNorm3d`, named after their weights ("features.0.weight" is in
    "features.0") or their nodes; nodes that share all weights share one module. Everything else
    is a function of PyTorch. A file that leaves the size of the batch open is tried with batches of
    one and two, where it declares all other sizes of its input; one that fixes the size is tried
    with that. Others may work as well then, or be refused when they are run.

    Parameters
    ----------
    path : path
        The file: opset 7 to 28, one input with the batch first, one output, no control flow, not
        quantised. External data are read from the file's own folder.

    Returns
    -------
    Module
        A `torch.fx.GraphModule` in evaluation mode, in the number type of the file. It refuses
        inputs of another shape than the file declares.

    Raises
    ------
    InputError
        If `onnx` is missing, the file is none or is damaged, an operator is not supported (all
        of them are named), weights are missing, computed or not finite, or shapes do not fit.
    """
    path = Path(path)
    return _Builder(read_model(path, SUPPORTED), path).build()


def image_shape(model: nn.Module) -> tuple[int, ...]:
    """Sizes of one image that a model of `load_onnx` takes, without the batch.

    Raises
    ------
    InputError
        Where the file leaves a size open.
    """
    nodes = model.graph.nodes if isinstance(model, fx.GraphModule) else ()
    sizes = next((node.args[1] for node in nodes if node.target is f.checked_input), (None, None))
    image = [size for size in sizes[1:] if isinstance(size, int) and size > 0]
    if len(image) < len(sizes) - 1:
        raise InputError("input: its sizes are open; export the model again with fixed sizes")
    return tuple(image)


class _Builder:
    """Turns the nodes of a file, in their order, into steps of a graph."""

    def __init__(self, model: ModelProto, path: Path) -> None:
        self.model, self.path, self.opset = model, path, opset_of(model, path)
        self.graph = fx.Graph()
        self.targets: dict[str, nn.Module | Tensor] = {}
        self.values: dict[str, Value | None] = {"": None}
        self.buffers: dict[int, fx.Node] = {}
        self.shared: dict[str, str] = {}
        infos = [*model.graph.value_info, *model.graph.input, *model.graph.output]
        self.shapes = {info.name: _sizes(info) for info in infos}
        self.uses = Counter(name for node in model.graph.node for name in node.input)
        self.uses.update(info.name for info in model.graph.output)
        self.batch: int | None = None
        constants = {tensor.name for tensor in model.graph.initializer}
        self.entry = next(info for info in model.graph.input if info.name not in constants)

    def build(self) -> fx.GraphModule:
        """The model."""
        for tensor in self.model.graph.initializer:
            self.values[tensor.name] = torch.from_numpy(array(tensor, self.path))
        self._add_input()
        for node in self.model.graph.node:
            try:
                self._add(node)
            except InputError as error:
                raise InputError(f"{self.path}: {error}") from error
            except (RuntimeError, ValueError, TypeError, IndexError, KeyError) as error:
                line = (str(error).splitlines() or [type(error).__name__])[0]
                raise InputError(
                    f"{self.path}: node {node.name!r} ({node.op_type}) is not valid: {line}: "
                    f"export the model again"
                ) from error
        self.graph.output(self._placed(self.values[self.model.graph.output[0].name]))
        made = fx.GraphModule(self.targets, self.graph, "OnnxModel").eval()
        self._try(made)
        return made

    def _try(self, model: nn.Module) -> None:
        """Run zeros of the declared shape through the model, where it is known."""
        kind = _TYPES.get(self.entry.type.tensor_type.elem_type)
        batch, *image = [size or 0 for size in self.shapes[self.entry.name] or (0, 0)]
        if kind is None or min(image, default=1) < 1:
            return
        counts = (batch,) if batch > 0 else (1, 2)
        failures = {count: self._failure(model, (count, *image), kind) for count in counts}
        for count, line in failures.items():
            if line and self._failure(model, (0, *image), kind):  # a batch of 0 may be meant so
                raise InputError(
                    f"{self.path}: fails on an input of shape {(count, *image)}: {line}: "
                    "export the model again"
                )

    @staticmethod
    def _failure(model: nn.Module, shape: tuple[int, ...], kind: torch.dtype) -> str:
        """What PyTorch says of zeros of a shape, if they do not run."""
        try:
            with torch.inference_mode():
                model(torch.zeros(shape, dtype=kind))
        except Exception as error:  # whatever PyTorch raises of shapes and types
            return (str(error).splitlines() or [type(error).__name__])[0]
        return ""

    def _add_input(self) -> None:
        entry = self.entry
        value = self.graph.placeholder("x")
        sizes = self.shapes[entry.name]
        if sizes:
            self.batch = sizes[0]
            value = self._call(Step(f.checked_input, (value, [None, *sizes[1:]], entry.name)))
        self.values[entry.name] = value

    def _add(self, node: NodeProto) -> None:
        attributes = _attributes(node, self.path)
        if node.op_type == "Constant":
            self.values[node.output[0]] = _constant(attributes)
            return
        call = Call(
            operator=node.op_type,
            name=node.name or node.output[0],
            opset=self.opset,
            attributes=attributes,
            inputs=tuple(self.values[name] for name in node.input),
            shape=self.shapes.get(node.input[0]) if node.input else None,
            batch=self.batch,
        )
        if node.op_type == "Split":
            self._split(node, call)
            return
        if any(self.uses[name] for name in node.output[1:] if name):
            raise call.error("more than its first output is used", "cut the model before it")
        if node.op_type in LAYERS and self._add_layer(node, call):
            return
        if node.op_type == "Add" and self._merge_bias(node, call):
            return
        self.values[node.output[0]] = self._run(OPERATORS[node.op_type](call))

    def _split(self, node: NodeProto, call: Call) -> None:
        counted = {"num_outputs": len(node.output), **call.attributes}
        step = OPERATORS["Split"](Call(**{**vars(call), "attributes": counted}))
        parts = self._run(step)
        for position, name in enumerate(node.output):
            self.values[name] = self._run(Step(getitem, (parts, position)))

    def _add_layer(self, node: NodeProto, call: Call) -> bool:
        weights = [name for name in node.input[1:] if name]
        key = f"{node.op_type} {sorted(call.attributes.items(), key=str)} {weights} {call.shape}"
        found = layer(call)
        if found is None:
            return False
        target = self.shared.get(key)
        if target is None:
            target = self._name(node, weights)
            self.targets[target] = found.module
            self.shared[key] = target
        x = call.input(0) if found.before is None else self._run(found.before)
        value: Value = self.graph.call_module(target, (self._placed(x),))
        if found.offset is not None:
            value = self._run(Step(torch.add, (value, found.offset)))
        self.values[node.output[0]] = value
        return True

    def _merge_bias(self, node: NodeProto, call: Call) -> bool:
        for name, value, other in zip(node.input, call.inputs, call.inputs[::-1], strict=True):
            if not isinstance(value, fx.Node) or not isinstance(other, Tensor):
                continue
            alone = value.op == "call_module" and self.uses[name] == 1
            users = [step for step in self.graph.nodes if step.target == value.target]
            if not alone or len(users) != 1:
                continue
            module = self.targets[str(value.target)]
            if isinstance(module, nn.Module) and add_bias(module, other):
                self.shared = {k: v for k, v in self.shared.items() if v != value.target}
                self.values[node.output[0]] = value
                return True
        return False

    def _run(self, step: Step) -> Value:
        """The step's result, now if all that it takes is constant."""
        if step.function is f.identity:
            found: Value = step.args[0]
        elif _computed(step.args):
            found = self._call(step)
        else:
            with torch.no_grad():
                found = step.function(*step.args, **step.kwargs)
        return found

    def _call(self, step: Step) -> fx.Node:
        node = self.graph.call_function(step.function, self._placed(step.args), dict(step.kwargs))
        node.meta["is_wrapped"] = step.function.__module__ == f.__name__
        return node

    def _placed(self, value: Any) -> Any:
        """The same with constants as buffers of the model."""
        if isinstance(value, list | tuple):
            return type(value)(self._placed(item) for item in value)
        if not isinstance(value, Tensor):
            return value
        if id(value) not in self.buffers:
            names = [name for name, known in self.values.items() if known is value]
            target = self._unique("constants." + re.sub(r"\W", "_", (names or ["folded"])[0]))
            self.targets[target] = value
            self.buffers[id(value)] = self.graph.get_attr(target)
        return self.buffers[id(value)]

    def _name(self, node: NodeProto, weights: list[str]) -> str:
        """A path in the model: that of the weights, or of the node."""
        path = next((w for w in weights if re.search(r"\w\.weight$", w)), None)
        if path is not None:
            return self._unique(path.removesuffix(".weight"))
        parts = [part for part in re.split(r"[/:]+", node.name) if part]
        if len(parts) > 1 and re.fullmatch(rf"{node.op_type}(_\d+)?", parts[-1]):
            parts.pop()
        outer = [a for a, b in pairwise(parts) if not b.startswith(a + ".")]
        return self._unique(".".join(outer + parts[-1:]) or node.op_type.lower())

    def _unique(self, path: str) -> str:
        parts = [re.sub(r"\W", "_", part) for part in path.split(".") if part] or ["layer"]
        taken = dir(fx.GraphModule)
        path = found = ".".join(f"{part}_" if part in taken else part for part in parts)
        number = 1
        while any(_nested(found, target) for target in self.targets):
            number += 1
            found = f"{path}_{number}"
        return found


def _nested(path: str, other: str) -> bool:
    """Whether one path is the other or leads through it."""
    return f"{path}.".startswith(f"{other}.") or f"{other}.".startswith(f"{path}.")


def _computed(value: Any) -> bool:
    """Whether the running model computes any of the values."""
    if isinstance(value, list | tuple):
        return any(_computed(item) for item in value)
    return isinstance(value, fx.Node)


def _sizes(info: ValueInfoProto) -> tuple[int | None, ...] | None:
    kind = info.type.tensor_type
    if not kind.HasField("shape"):
        return None
    return tuple(d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim)


def _attributes(node: NodeProto, path: Path) -> dict[str, Any]:
    import onnx

    found: dict[str, Any] = {}
    for item in node.attribute:
        value = onnx.helper.get_attribute_value(item)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        elif isinstance(value, onnx.TensorProto):
            value = torch.from_numpy(array(value, path))
        elif not isinstance(value, int | float | str):
            value = list(value) if hasattr(value, "__iter__") else value
        found[item.name] = value
    return found


def _constant(attributes: Mapping[str, Any]) -> Tensor:
    """The value of a `Constant` node."""
    if len(attributes) != 1:
        raise InputError(f"a Constant with {len(attributes)} values: export the model again")
    name, value = next(iter(attributes.items()))
    if isinstance(value, Tensor):
        return value
    kinds = {"value_float": torch.float32, "value_floats": torch.float32}
    kinds |= {"value_int": torch.int64, "value_ints": torch.int64}
    if name not in kinds:
        raise InputError(f"a Constant of kind {name}: give numbers")
    return torch.tensor(value, dtype=kinds[name])

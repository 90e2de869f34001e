"""ONNX operators without weights of their own, each as a function of PyTorch tensors.

A translator reads what is fixed (attributes, constant inputs) from a `Call` and gives the function
that runs on the rest. The semantics are those of https://onnx.ai/onnx/operators/, opset 7 to 28.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor, fx

from crossbar.errors import InputError
from crossbar.models import onnx_functions as f

Value = Tensor | fx.Node
"""A constant of the file, or what the running model computes."""


@dataclass(frozen=True)
class Call:
    """A node of the file.

    Parameters
    ----------
    operator, name : str
        What it does; what the file calls it.
    opset : int
        The version of the operators.
    attributes : mapping
        Its attributes.
    inputs : tuple
        Constants and computed values; None for one that is left out.
    shape : tuple, optional
        Sizes of the first input, None for each one that the file leaves open.
    batch : int, optional
        The batch size for which the file was written.
    constants : tuple of str
        Names of the constant inputs, "" where computed.
    """

    operator: str
    name: str
    opset: int
    attributes: Mapping[str, Any]
    inputs: tuple[Value | None, ...]
    shape: tuple[int | None, ...] | None = None
    batch: int | None = None

    def get(self, attribute: str, default: Any = None) -> Any:
        """An attribute."""
        return self.attributes.get(attribute, default)

    def input(self, position: int) -> Value | None:
        """An input, None if it is left out."""
        return self.inputs[position] if position < len(self.inputs) else None

    def constant(self, position: int, what: str) -> Tensor | None:
        """A constant input, None if it is left out.

        Raises
        ------
        InputError
            If the running model computes it.
        """
        value = self.input(position)
        if isinstance(value, fx.Node):
            raise self.error(
                f"computes its {what} while the model runs", "store them as an initialiser"
            )
        return value

    def integers(self, attribute: str, position: int) -> list[int] | None:
        """Integers from an attribute (older opsets) or a constant input (newer ones).

        Raises
        ------
        InputError
            If the running model computes them.
        """
        if attribute in self.attributes:
            return [int(i) for i in self.attributes[attribute]]
        value = self.constant(position, attribute)
        return None if value is None else [int(i) for i in value.flatten().tolist()]

    def error(self, what: str, remedy: str) -> InputError:
        """An error that names this node."""
        return InputError(f"node {self.name!r} ({self.operator}): {what}: {remedy}")


@dataclass(frozen=True)
class Step:
    """A function and its arguments; the values among them are constant or computed."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)


Translator = Callable[[Call], Step]


def _direct(function: Callable[..., Any]) -> Translator:
    """All inputs in order, no attributes."""
    return lambda call: Step(function, call.inputs)


def _many(function: Callable[..., Any]) -> Translator:
    """Any number of inputs, as one list."""
    return lambda call: Step(function, (list(call.inputs),))


def _with(function: Callable[..., Any], **defaults: Any) -> Translator:
    """All inputs in order; attributes under their own names."""

    def translate(call: Call) -> Step:
        return Step(
            function, call.inputs, {key: call.get(key, value) for key, value in defaults.items()}
        )

    return translate


def _clip(call: Call) -> Step:
    limits = [call.get("min", call.input(1)), call.get("max", call.input(2))]
    return Step(f.clip, (call.input(0), *limits))


def _dropout(call: Call) -> Step:
    training = call.constant(2, "training_mode")
    if training is not None and bool(training):
        raise call.error("is in training mode", "export the model in evaluation mode")
    return Step(f.identity, (call.input(0),))


def _softmax(function: Callable[..., Any], older: Callable[..., Any], call: Call) -> Step:
    if call.opset < 13:
        return Step(older, (call.input(0), int(call.get("axis", 1))))
    return Step(function, (call.input(0),), {"dim": int(call.get("axis", -1))})


def _flatten(call: Call) -> Step:
    axis = int(call.get("axis", 1))
    if axis == 1 and len(call.shape or ()) > 1:
        return Step(torch.flatten, (call.input(0), 1))
    return Step(f.flatten, (call.input(0), axis))


def _reshape(call: Call) -> Step:
    sizes: Any = call.input(1)
    if isinstance(sizes, Tensor):
        sizes = [int(i) for i in sizes.tolist()]
        if _keeps_batch(call, sizes):
            return Step(f.reshape_images, (call.input(0), sizes[1:]))
    return Step(f.reshape, (call.input(0), sizes, bool(call.get("allowzero", 0))))


def _keeps_batch(call: Call, sizes: list[int]) -> bool:
    """Whether a reshape leaves the images of the file's own batch apart.

    Exporters write the batch size of the example into the new shape; it stands for any.
    """
    shape = call.shape
    if call.batch is None or not shape or shape[0] != call.batch or not sizes:
        return False
    inside = [size for size in sizes[1:] if size > 0]
    known = [size for size in shape[1:] if size is not None]
    if sizes[0] != call.batch or 0 in sizes or len(known) != len(shape) - 1:
        return False
    return -1 in sizes or prod(inside) == prod(known)


def _transpose(call: Call) -> Step:
    return Step(f.transpose, (call.input(0), call.get("perm")))


def _axes(function: Callable[..., Any], call: Call) -> Step:
    return Step(function, (call.input(0), call.integers("axes", 1)))


def _reduce(function: Callable[..., Any], call: Call) -> Step:
    axes = call.integers("axes", 1)
    if not axes and call.get("noop_with_empty_axes", 0):
        return Step(f.identity, (call.input(0),))
    return Step(function, (call.input(0), axes, bool(call.get("keepdims", 1))))


def _slice(call: Call) -> Step:
    starts, ends = call.integers("starts", 1), call.integers("ends", 2)
    if starts is None or ends is None:
        raise call.error("names no starts or ends", "export the model again")
    axes = call.integers("axes", 3) or list(range(len(starts)))
    steps = call.integers("steps", 4) or [1] * len(starts)
    return Step(f.cut, (call.input(0), list(zip(axes, starts, ends, steps, strict=True))))


def _split(call: Call) -> Step:
    sizes = call.integers("split", 1)
    axis = int(call.get("axis", 0))
    parts = int(call.get("num_outputs", call.get("outputs")))
    return Step(f.split, (call.input(0), sizes, parts, axis))


def _pad(call: Call) -> Step:
    pads = call.integers("pads", 1)
    if pads is None:
        raise call.error("names no pads", "export the model again")
    value = call.constant(2, "constant_value")
    fill = float(call.get("value", 0.0) if value is None else value)
    return Step(f.pad, (call.input(0), pads, call.integers("axes", 3), call.get("mode"), fill))


def _pool(function: Callable[..., Any], call: Call) -> Step:
    window = windows(call, call.get("kernel_shape"))
    ceil = bool(call.get("ceil_mode", 0))
    if ceil and not f.plain(window["pads"], window["kernel"]):
        raise call.error("has ceil_mode with uneven padding", "pad both sides alike, if at all")
    if function is f.average_pool:
        if any(step != 1 for step in window.pop("dilations")):
            raise call.error("has dilations", "export the model without them")
        window["count_padding"] = bool(call.get("count_include_pad", 0))
    return Step(function, (call.input(0),), window | {"ceil": ceil})


def windows(call: Call, kernel: list[int] | None) -> dict[str, Any]:
    """Kernel, strides, dilations and padding of a convolution or pooling.

    Raises
    ------
    InputError
        If the kernel is missing or a number of values is wrong.
    """
    if not kernel:
        raise call.error("names no kernel_shape", "export the model again")
    rank = len(kernel)
    found: dict[str, Any] = {
        "kernel": list(kernel),
        "strides": call.get("strides") or [1] * rank,
        "dilations": call.get("dilations") or [1] * rank,
        "pads": call.get("pads") or [0] * (2 * rank),
    }
    if [len(found[key]) for key in ("strides", "dilations", "pads")] != [rank, rank, 2 * rank]:
        raise call.error(f"its attributes do not fit {rank} dimensions", "export the model again")
    auto = call.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        found["pads"] = auto
    elif auto == "VALID":
        found["pads"] = [0] * (2 * rank)
    return found


def _shape(call: Call) -> Step:
    return Step(f.shape, (call.input(0), int(call.get("start", 0)), call.get("end")))


def _fill(call: Call) -> Step:
    value = call.get("value", torch.zeros(1))
    return Step(f.filled, (call.input(0), value))


def _cast(call: Call) -> Step:
    import onnx

    name = onnx.TensorProto.DataType.Name(int(call.get("to"))).lower()
    found = getattr(torch, {"float": "float32", "double": "float64"}.get(name, name), None)
    if not isinstance(found, torch.dtype):
        raise call.error(f"casts to {name}", "export the model in FLOAT")
    return Step(f.cast, (call.input(0), found))


def _layer_norm(call: Call) -> Step:
    return Step(f.layer_norm, call.inputs, {"axis": call.get("axis", -1), **_epsilon(call)})


def _epsilon(call: Call) -> dict[str, float]:
    return {"epsilon": float(call.get("epsilon", 1e-5))}


def _gemm(call: Call) -> Step:
    names = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}
    return Step(f.gemm, call.inputs, {key: call.get(key, value) for key, value in names.items()})


DIRECT: Mapping[str, Callable[..., Any]] = {
    "Abs": torch.abs,
    "Add": torch.add,
    "And": torch.logical_and,
    "Ceil": torch.ceil,
    "Div": f.divide,
    "Equal": torch.eq,
    "Erf": torch.erf,
    "Exp": torch.exp,
    "Expand": f.expand,
    "Floor": torch.floor,
    "GlobalAveragePool": f.global_average_pool,
    "GlobalMaxPool": f.global_max_pool,
    "Greater": torch.gt,
    "HardSwish": torch.nn.functional.hardswish,
    "Identity": f.identity,
    "Less": torch.lt,
    "Log": torch.log,
    "MatMul": torch.matmul,
    "Mish": torch.nn.functional.mish,
    "Mul": torch.mul,
    "Neg": torch.neg,
    "Not": torch.logical_not,
    "Or": torch.logical_or,
    "PRelu": f.parametric_relu,
    "Pow": f.power,
    "Reciprocal": torch.reciprocal,
    "Relu": torch.relu,
    "Sigmoid": torch.sigmoid,
    "Softplus": f.softplus,
    "Softsign": torch.nn.functional.softsign,
    "Sqrt": torch.sqrt,
    "Sub": torch.sub,
    "Tanh": torch.tanh,
    "Where": torch.where,
}
"""All inputs in order, no attributes."""

OPERATORS: Mapping[str, Translator] = {
    **{name: _direct(function) for name, function in DIRECT.items()},
    "AveragePool": partial(_pool, f.average_pool),
    "Cast": _cast,
    "Clip": _clip,
    "Concat": lambda call: Step(torch.cat, (list(call.inputs), int(call.get("axis", 1)))),
    "ConstantOfShape": _fill,
    "Dropout": _dropout,
    "Elu": _with(f.elu, alpha=1.0),
    "Flatten": _flatten,
    "Gather": _with(f.gather, axis=0),
    "Gelu": _with(torch.nn.functional.gelu, approximate="none"),
    "Gemm": _gemm,
    "HardSigmoid": _with(f.hard_sigmoid, alpha=0.2, beta=0.5),
    "LRN": _with(f.local_response, size=1, alpha=1e-4, beta=0.75, bias=1.0),
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _with(f.leaky_relu, alpha=0.01),
    "LogSoftmax": partial(_softmax, torch.log_softmax, f.flat_log_softmax),
    "Max": _many(f.maximum),
    "MaxPool": partial(_pool, f.max_pool),
    "Mean": _many(f.mean),
    "Min": _many(f.minimum),
    "Pad": _pad,
    "ReduceMax": partial(_reduce, f.reduce_max),
    "ReduceMean": partial(_reduce, f.reduce_mean),
    "ReduceMin": partial(_reduce, f.reduce_min),
    "ReduceSum": partial(_reduce, f.reduce_sum),
    "Reshape": _reshape,
    "Selu": _with(f.selu, alpha=1.6732632423543772, gamma=1.0507009873554805),
    "Shape": _shape,
    "Slice": _slice,
    "Softmax": partial(_softmax, torch.softmax, f.flat_softmax),
    "Split": _split,
    "Squeeze": partial(_axes, f.squeeze),
    "Sum": _many(f.total),
    "Transpose": _transpose,
    "Unsqueeze": partial(_axes, f.unsqueeze),
}

"""ONNX nodes with constant weights as PyTorch's own layers, which `crossbar.convert` finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, fx, nn

from crossbar.models import onnx_functions as f
from crossbar.models.onnx_files import check_finite
from crossbar.models.onnx_operators import Call, Step, windows

CONVOLUTIONS: tuple[Any, ...] = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMALISATIONS = {
    2: nn.BatchNorm1d,
    3: nn.BatchNorm1d,
    4: nn.BatchNorm2d,
    5: nn.BatchNorm3d,
}


@dataclass(frozen=True)
class Layer:
    """A node as a layer.

    Parameters
    ----------
    module : Module
        With the file's weights.
    before : Step, optional
        What happens to its input first.
    offset : Tensor, optional
        What is added afterwards and is no bias.
    """

    module: nn.Module
    before: Step | None = None
    offset: Tensor | None = None


def layer(call: Call) -> Layer | None:
    """The layer of a node, or None if it is a function of tensors.

    Raises
    ------
    InputError
        If its weights are not constant, not finite or of a wrong shape.
    """
    make = LAYERS.get(call.operator)
    return None if make is None else make(call)


def add_bias(module: nn.Module, addend: Tensor) -> bool:
    """Make an addend the bias of a layer that has none.

    Returns
    -------
    bool
        Whether it is one: a value for each output, the same for all images and places.
    """
    if not isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return False
    outputs, places = module.weight.shape[0], 0
    if not isinstance(module, nn.Linear):
        places = module.weight.ndim - 2
    sizes = list(addend.shape)
    shape = [1] * (2 + places - len(sizes)) + sizes
    fits = len(shape) == 2 + places and shape in ([1, outputs] + [1] * places, [1] * len(shape))
    if module.bias is not None or not fits or addend.dtype != module.weight.dtype:
        return False
    module.bias = nn.Parameter(addend.flatten().expand(outputs).clone())
    return True


def _gemm(call: Call) -> Layer | None:
    x, weights, added = call.input(0), call.input(1), call.input(2)
    if not isinstance(x, fx.Node) or not isinstance(weights, Tensor) or isinstance(added, fx.Node):
        return None
    if weights.ndim != 2:
        raise call.error(f"its weights have shape {tuple(weights.shape)}", "give a matrix")
    matrix = weights if call.get("transB", 0) else weights.T
    linear = _linear(call, call.get("alpha", 1.0) * matrix)
    offset = None if added is None else call.get("beta", 1.0) * added
    if offset is not None and add_bias(linear, offset):
        offset = None
    before = Step(torch.t, (x,)) if call.get("transA", 0) else None
    return Layer(linear, before, offset)


def _matmul(call: Call) -> Layer | None:
    x, weights = call.input(0), call.input(1)
    if isinstance(x, fx.Node) and isinstance(weights, Tensor) and weights.ndim == 2:
        return Layer(_linear(call, weights.T))
    return None


def _linear(call: Call, matrix: Tensor) -> nn.Linear:
    outputs, inputs = matrix.shape
    linear = nn.Linear(inputs, outputs, bias=False, device="meta")
    linear.weight = _parameter(call, "weights", matrix)
    return linear


def _conv(call: Call) -> Layer:
    weights, bias = call.constant(1, "weights"), call.constant(2, "bias")
    if weights is None or not 3 <= weights.ndim <= 5:
        raise call.error("has weights for no 1, 2 or 3 dimensions", "export the model again")
    kernel = list(weights.shape[2:])
    if call.get("kernel_shape", kernel) != kernel:
        raise call.error(f"kernel_shape is not that of its weights, {kernel}", "mend the file")
    window = windows(call, kernel)
    groups, pads = int(call.get("group", 1)), window["pads"]
    even = not isinstance(pads, str) and pads[: len(kernel)] == pads[len(kernel) :]
    if weights.shape[0] % groups:
        raise call.error(f"{weights.shape[0]} outputs in {groups} groups", "mend the file")
    module: nn.Module = CONVOLUTIONS[len(kernel) - 1](
        weights.shape[1] * groups,
        weights.shape[0],
        kernel,
        stride=window["strides"],
        padding=pads[: len(kernel)] if even else 0,
        dilation=window["dilations"],
        groups=groups,
        bias=False,
        device="meta",
    )
    module.weight = _parameter(call, "weights", weights)
    if bias is not None:
        module.bias = _parameter(call, "bias", bias)
    return Layer(module, None if even else Step(f.pad_windows, (call.input(0),), window))


def _batch_norm(call: Call) -> Layer:
    if call.get("training_mode", 0):
        raise call.error("is in training mode", "export the model in evaluation mode")
    if not call.get("spatial", 1):
        raise call.error("has spatial = 0", "export the model again with a newer opset")
    names = ("scale", "bias", "mean", "variance")
    values = [call.constant(position, name) for position, name in enumerate(names, 1)]
    scale, bias, mean, variance = (
        _parameter(call, name, value) for name, value in zip(names, values, strict=True)
    )
    kind = NORMALISATIONS.get(len(call.shape) if call.shape else 4)
    if kind is None:
        raise call.error(f"of a tensor of {len(call.shape or ())} dimensions", "give it 2 to 5")
    module = kind(len(scale), eps=float(call.get("epsilon", 1e-5)), dtype=scale.dtype)
    module.weight, module.bias = scale, bias
    module.running_mean, module.running_var = mean.detach(), variance.detach()
    return Layer(module)


def _parameter(call: Call, what: str, values: Tensor | None) -> nn.Parameter:
    if values is None:
        raise call.error(f"names no {what}", "export the model again")
    if not values.is_floating_point():
        raise call.error(f"its {what} are of type {values.dtype}", "give a model in FLOAT")
    check_finite(values.numpy(), f"node {call.name!r} ({call.operator}): its {what}: a value")
    if not prod(values.shape):
        raise call.error(f"its {what} have shape {tuple(values.shape)}", "leave the node out")
    return nn.Parameter(values.contiguous().clone())


LAYERS: Mapping[str, Callable[[Call], Layer | None]] = {
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _matmul,
}

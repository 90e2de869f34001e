"""Functions of PyTorch tensors that do what an ONNX operator does where PyTorch has none alike."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from crossbar.errors import InputError

Pads = Sequence[int] | str
"""Starts of all dimensions, then ends; or SAME_UPPER, SAME_LOWER."""


def checked_input(x: Tensor, sizes: Sequence[int | None], name: str) -> Tensor:
    """The input, if its shape is the declared one; the batch may have any size.

    Raises
    ------
    InputError
        For another shape.
    """
    fits = x.ndim == len(sizes) and all(
        size in (None, actual) for size, actual in zip(sizes, x.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in sizes)
        raise InputError(f"input {name!r} has shape {tuple(x.shape)}: the model takes ({wanted})")
    return x


def identity(x: Tensor, *_: Tensor) -> Tensor:
    """The first input."""
    return x


def clip(x: Tensor, low: Any, high: Any) -> Tensor:
    """Limit to [low, high]; either may be missing."""
    return x if low is None and high is None else torch.clamp(x, low, high)


def divide(a: Tensor, b: Tensor) -> Tensor:
    """Quotient; of integers, rounded towards zero."""
    if a.is_floating_point():
        return torch.div(a, b)
    return torch.div(a, b, rounding_mode="trunc")


def power(a: Tensor, b: Tensor) -> Tensor:
    """A power, in the type of its base."""
    return torch.pow(a, b).to(a.dtype)


def parametric_relu(x: Tensor, slope: Tensor) -> Tensor:
    """x where positive, slope x elsewhere."""
    return torch.where(x < 0, slope * x, x)


def leaky_relu(x: Tensor, alpha: float) -> Tensor:
    """x where positive, alpha x elsewhere."""
    return functional.leaky_relu(x, alpha)


def elu(x: Tensor, alpha: float) -> Tensor:
    """x where positive, alpha (exp(x) - 1) elsewhere."""
    return functional.elu(x, alpha)


def selu(x: Tensor, alpha: float, gamma: float) -> Tensor:
    """gamma times `elu`."""
    return gamma * functional.elu(x, alpha)


def hard_sigmoid(x: Tensor, alpha: float, beta: float) -> Tensor:
    """alpha x + beta within [0, 1]."""
    return torch.clamp(alpha * x + beta, 0, 1)


def softplus(x: Tensor) -> Tensor:
    """log(1 + exp(x))."""
    return torch.logaddexp(x, torch.zeros_like(x))


def flat_softmax(x: Tensor, axis: int) -> Tensor:
    """Softmax of opset 7 to 12: over all axes from `axis` on together."""
    return torch.softmax(flatten(x, axis), 1).reshape(x.shape)


def flat_log_softmax(x: Tensor, axis: int) -> Tensor:
    """Logarithm of `flat_softmax`."""
    return torch.log_softmax(flatten(x, axis), 1).reshape(x.shape)


def flatten(x: Tensor, axis: int) -> Tensor:
    """A matrix: the axes before `axis` together, and the others."""
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(prod(x.shape[:axis]), prod(x.shape[axis:]))


def reshape(x: Tensor, sizes: Tensor | Sequence[int], allowzero: bool) -> Tensor:
    """A new shape; a zero keeps the size, unless `allowzero`."""
    wanted = sizes.tolist() if isinstance(sizes, Tensor) else list(sizes)
    if not allowzero:
        wanted = [x.shape[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    return x.reshape(wanted)


def reshape_images(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """A new shape for each image of the batch."""
    return x.reshape(x.shape[0], *sizes)


def transpose(x: Tensor, order: Sequence[int] | None) -> Tensor:
    """The axes in a new order; reversed without one."""
    return x.permute(*(order or reversed(range(x.ndim))))


def squeeze(x: Tensor, axes: Sequence[int] | None) -> Tensor:
    """Without these axes of size 1; without all such axes if none is named."""
    if axes is None:
        return x.squeeze()
    if any(x.shape[axis] != 1 for axis in axes):
        raise InputError(f"Squeeze of axes {list(axes)} of {tuple(x.shape)}: each must have size 1")
    return x.squeeze(tuple(axes))


def unsqueeze(x: Tensor, axes: Sequence[int]) -> Tensor:
    """With new axes of size 1 at these places of the result."""
    rank = x.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


def _all_axes(x: Tensor, axes: Sequence[int] | None) -> list[int]:
    return list(axes) if axes else list(range(x.ndim))


def reduce_mean(x: Tensor, axes: Sequence[int] | None, keep: bool) -> Tensor:
    """Mean over these axes, or all."""
    return x.mean(_all_axes(x, axes), keep)


def reduce_sum(x: Tensor, axes: Sequence[int] | None, keep: bool) -> Tensor:
    """Sum over these axes, or all."""
    return x.sum(_all_axes(x, axes), keep)


def reduce_max(x: Tensor, axes: Sequence[int] | None, keep: bool) -> Tensor:
    """Largest over these axes, or all."""
    return x.amax(_all_axes(x, axes), keep)


def reduce_min(x: Tensor, axes: Sequence[int] | None, keep: bool) -> Tensor:
    """Smallest over these axes, or all."""
    return x.amin(_all_axes(x, axes), keep)


def total(values: Sequence[Tensor]) -> Tensor:
    """Sum of tensors."""
    return reduce(torch.add, values)


def mean(values: Sequence[Tensor]) -> Tensor:
    """Mean of tensors."""
    return total(values) / len(values)


def maximum(values: Sequence[Tensor]) -> Tensor:
    """Largest of tensors, element by element."""
    return reduce(torch.maximum, values)


def minimum(values: Sequence[Tensor]) -> Tensor:
    """Smallest of tensors, element by element."""
    return reduce(torch.minimum, values)


def gather(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    """The slices of these indices along an axis; negative ones count from the end."""
    axis %= x.ndim
    chosen = torch.where(indices < 0, indices + x.shape[axis], indices).long()
    found = x.index_select(axis, chosen.flatten())
    return found.reshape(x.shape[:axis] + chosen.shape + x.shape[axis + 1 :])


def cut(x: Tensor, slices: Sequence[tuple[int, int, int, int]]) -> Tensor:
    """Slices (axis, start, end, step) as Python's; a step may be negative."""
    for axis, start, end, step in slices:
        size = x.shape[axis]
        if step < 0 and end < -size:
            chosen = range(size)[start::step]
        else:
            chosen = range(size)[start:end:step]
        x = x.index_select(axis, torch.tensor(list(chosen), dtype=torch.long, device=x.device))
    return x


def split(x: Tensor, sizes: Sequence[int] | None, parts: int, axis: int) -> tuple[Tensor, ...]:
    """Parts of these sizes, or equal ones of which the last may be smaller."""
    each = -(-x.shape[axis] // parts)
    return torch.split(x, list(sizes) if sizes else each, axis)


def shape(x: Tensor, start: int, end: int | None) -> Tensor:
    """The sizes of axes."""
    return torch.tensor(tuple(x.shape)[start:end], dtype=torch.int64, device=x.device)


def expand(x: Tensor, sizes: Tensor) -> Tensor:
    """Broadcast with these sizes."""
    return x.expand(np.broadcast_shapes(x.shape, tuple(sizes.tolist())))


def filled(sizes: Tensor, value: Tensor) -> Tensor:
    """One value in all places."""
    return value.reshape(()).expand(tuple(sizes.tolist())).clone()


def cast(x: Tensor, kind: torch.dtype) -> Tensor:
    """Another type."""
    return x.to(kind)


def gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    alpha: float,
    beta: float,
    transA: int,
    transB: int,
) -> Tensor:
    """alpha a b + beta c."""
    found = (a.T if transA else a) @ (b.T if transB else b)
    found = found if alpha == 1 else alpha * found
    return found if c is None else found + (c if beta == 1 else beta * c)


def layer_norm(
    x: Tensor, scale: Tensor, bias: Tensor | None = None, *, axis: int, epsilon: float
) -> Tensor:
    """Normalised over all axes from `axis` on."""
    sizes = x.shape[axis % x.ndim :]
    shift = None if bias is None else bias.expand(sizes)
    return functional.layer_norm(x, sizes, scale.expand(sizes), shift, epsilon)


def local_response(x: Tensor, size: int, alpha: float, beta: float, bias: float) -> Tensor:
    """x / (bias + alpha / size * sum of squares of neighbouring channels)^beta."""
    squares = (x * x).transpose(1, -1)
    padded = functional.pad(squares, ((size - 1) // 2, size // 2))
    sums = padded.unfold(-1, size, 1).sum(-1).transpose(1, -1)
    return x / (bias + alpha / size * sums) ** beta


def pad(
    x: Tensor,
    pads: Sequence[int],
    axes: Sequence[int] | None = None,
    mode: str | None = None,
    value: float = 0.0,
) -> Tensor:
    """Padding of axes: all starts, then all ends; a negative number cuts off."""
    places = _all_axes(x, axes)
    flat_pads = [0] * (2 * x.ndim)
    for axis, before, after in zip(places, pads, pads[len(places) :], strict=False):
        place = 2 * (x.ndim - 1 - axis % x.ndim)
        flat_pads[place : place + 2] = [before, after]
    if mode in (None, "constant"):
        return functional.pad(x, flat_pads, value=value)
    for axis, before, after in zip(places, pads, pads[len(places) :], strict=False):
        x = _continued(x, axis, before, after, mode)
    return x


def _continued(x: Tensor, axis: int, before: int, after: int, mode: str) -> Tensor:
    """Padding of one axis from the tensor's own values."""
    size = x.shape[axis]
    places = torch.arange(-before, size + after, device=x.device)
    if mode == "edge":
        places = places.clamp(0, size - 1)
    elif mode == "wrap":
        places = places % size
    else:
        period = max(2 * (size - 1), 1)
        places = (places % period) if size > 1 else places * 0
        places = torch.where(places >= size, period - places, places)
    return x.index_select(axis, places)


def pad_windows(
    x: Tensor,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Pads,
    value: float = 0.0,
) -> Tensor:
    """Padding of the axes behind batch and channels for windows of this kind."""
    rank = len(kernel)
    if isinstance(pads, str):
        sizes = list(zip(x.shape[-rank:], kernel, strides, dilations, strict=True))
        needs = [max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0) for n, k, s, d in sizes]
        small, large = [need // 2 for need in needs], [need - need // 2 for need in needs]
        pads = small + large if pads == "SAME_UPPER" else large + small
    if not any(pads):
        return x
    return pad(x, pads, list(range(x.ndim - rank, x.ndim)), value=value)


def max_pool(
    x: Tensor,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Pads,
    ceil: bool,
) -> Tensor:
    """Largest value in each window; padding never wins."""
    function = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)[
        len(kernel) - 1
    ]
    margins: Any = 0
    if plain(pads, kernel):
        margins = list(pads[: len(kernel)])
    else:
        x = pad_windows(x, kernel, strides, dilations, pads, -torch.inf)
    found: Tensor = function(x, list(kernel), list(strides), margins, list(dilations), ceil)
    return found


def average_pool(
    x: Tensor,
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Pads,
    ceil: bool,
    count_padding: bool,
) -> Tensor:
    """Mean of each window, with or without its padding."""
    functions: Any = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)
    function = functions[len(kernel) - 1]
    found: Tensor
    if plain(pads, kernel):
        margins = list(pads[: len(kernel)])
        found = function(x, list(kernel), list(strides), margins, ceil, count_padding)
        return found
    arguments = (kernel, strides, [1] * len(kernel), pads)
    found = function(pad_windows(x, *arguments), list(kernel), list(strides))
    if not count_padding:
        ones = pad_windows(torch.ones_like(x), *arguments)
        found = found / function(ones, list(kernel), list(strides))
    return found


def plain(pads: Pads, kernel: Sequence[int]) -> bool:
    """Whether PyTorch's own padding does: equal on both sides, at most half a kernel."""
    if isinstance(pads, str):
        return False
    starts, ends = list(pads[: len(kernel)]), list(pads[len(kernel) :])
    return starts == ends and all(2 * p <= k for p, k in zip(starts, kernel, strict=True))


def global_average_pool(x: Tensor) -> Tensor:
    """Mean over all axes behind the channels, which stay with size 1."""
    return x.mean(list(range(2, x.ndim)), True)


def global_max_pool(x: Tensor) -> Tensor:
    """Largest over all axes behind the channels, which stay with size 1."""
    return x.amax(list(range(2, x.ndim)), True)

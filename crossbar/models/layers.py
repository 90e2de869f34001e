"""Analog layers as PyTorch modules: effective weights, with converters where wanted.

An array of resistors is linear, so without converters an analog layer is its effective weight
matrix, wires, errors and leakage included, and runs at the speed of PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from crossbar.errors import InputError
from crossbar.models.converters import Converters, quantise

Observer = Callable[[str, Tensor], None]


class AnalogLayer(nn.Module):
    """What analog layers share; made by `crossbar.convert`.

    Its weights are buffers, not parameters: they stand for resistors and do not train, in
    train() as in eval(). Gradients still reach the inputs, except through converters.

    Parameters
    ----------
    path : str
        The layer's path in its model, for messages.
    weight : Tensor
        Effective weights, in the shape and type of the digital layer's.
    bias : Tensor, (outputs,), optional
        Digital bias, or what the constant word line adds.
    bias_on_line : bool
        Whether the bias is a word line, so that it passes the ADC.
    groups : int
        Groups of outputs with a matrix each.
    grid_row : Tensor of int, (groups, inputs), optional
        Which row of tiles holds each input, that of the bias line last; -1 for none. Needed for
        converters.
    converters : Converters, optional
    """

    weight: Tensor
    bias: Tensor | None
    dac_range: Tensor
    dac_signed: Tensor
    adc_range: Tensor
    adc_signed: Tensor
    grid_row: Tensor

    def __init__(
        self,
        path: str,
        weight: Tensor,
        bias: Tensor | None,
        *,
        bias_on_line: bool = False,
        groups: int = 1,
        grid_row: Tensor | None = None,
        converters: Converters | None = None,
    ) -> None:
        super().__init__()
        self.path = path
        self.bias_on_line = bias_on_line
        self.groups = groups
        self.converters = converters
        self.observer: Observer | None = None
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        if converters is not None:
            one, yes = torch.ones((), dtype=torch.float64), torch.tensor(True)
            for name, value in (("dac", one), ("adc", one)):
                self.register_buffer(f"{name}_range", value.to(weight.device, copy=True))
                self.register_buffer(f"{name}_signed", yes.to(weight.device, copy=True))
            at_tiles = converters.adc_at == "tile"
            self.register_buffer("grid_row", grid_row, persistent=at_tiles)

    def forward(self, input: Tensor) -> Tensor:
        """The layer's outputs for a batch; the name of the argument is that of torch's layers.

        Raises
        ------
        InputError
            For inputs of a wrong shape.
        """
        self.check(input)
        if self.converters is None:
            return self.product(input, self.bias)
        driven = self._converted("dac", input, self.converters.dac_bits)
        if self.converters.adc_at == "tile":
            total = self.tile_by_tile(driven)
        else:
            bias = self.bias if self.bias_on_line else None
            total = self._read(self.product(driven, bias))
        if self.bias is None or self.bias_on_line:
            return total
        return total + self.bias.reshape(-1, *[1] * (self.weight.ndim - 2))

    def check(self, inputs: Tensor) -> None:
        """Raise an InputError for inputs of a wrong shape."""
        raise NotImplementedError

    def product(self, inputs: Tensor, bias: Tensor | None, weight: Tensor | None = None) -> Tensor:
        """The layer's linear operation, with its effective weights unless others are given."""
        raise NotImplementedError

    def tile_by_tile(self, inputs: Tensor) -> Tensor:
        """The same as a sum of converted partial sums."""
        raise NotImplementedError

    def vectors(self, inputs: Tensor, most: int) -> list[Tensor]:
        """Up to `most` vectors that each group's matrix is multiplied by, at even distances.

        (points, inputs of the group), from the first on.
        """
        raise NotImplementedError

    @property
    def lines(self) -> Tensor:
        """Which inputs have a word line: bool, in the shape of the weights."""
        each = self.weight[0].numel()
        kept = (self.grid_row[:, :each] >= 0)[:, None].to(self.weight.device)
        return kept.expand(-1, len(self.weight) // self.groups, -1).reshape(self.weight.shape)

    def on_lines(self, inputs: Tensor) -> Tensor:
        """Those of the inputs that some word line carries, in one axis.

        They are the inputs that the outputs would depend on if no line had zero weights.
        """
        lines = self.lines.float()
        with torch.enable_grad():
            probe = torch.zeros(inputs.shape, device=inputs.device, requires_grad=True)
            (used,) = torch.autograd.grad(self.product(probe, None, lines).sum(), probe)
        return inputs[used > 0]

    def sum_of_parts(self, inputs: Tensor, group: int) -> Tensor:
        """Converted partial sums of one group's tiles, added up.

        Parameters
        ----------
        inputs : Tensor, (..., inputs of the group)

        Returns
        -------
        Tensor, (..., outputs of the group)
        """
        weight = self.weight.flatten(1).chunk(self.groups)[group]
        total = inputs.new_zeros((*inputs.shape[:-1], len(weight)))
        grid_row = self.grid_row[group]
        for row in range(int(grid_row.max()) + 1 if grid_row.numel() else 0):
            there = grid_row == row
            here = there[: weight.shape[1]].nonzero().squeeze(1)
            part = F.linear(inputs[..., here], weight[:, here])
            if self.bias is not None and self.bias_on_line and there[-1]:
                part = part + self.bias.chunk(self.groups)[group]
            total = total + self._read(part)
        return total

    def _read(self, sums: Tensor) -> Tensor:
        assert self.converters is not None
        return self._converted("adc", sums, self.converters.adc_bits)

    def _converted(self, name: str, values: Tensor, bits: int | None) -> Tensor:
        if self.observer is not None:
            self.observer(name, self.on_lines(values) if name == "dac" else values)
            return values
        if bits is None:
            return values
        return quantise(
            values, getattr(self, f"{name}_range"), bits, getattr(self, f"{name}_signed")
        )

    def extra_repr(self) -> str:
        """What `print` shows of the layer."""
        bias = "none" if self.bias is None else "word line" if self.bias_on_line else "digital"
        return f"weight={tuple(self.weight.shape)}, bias={bias!r}, converters={self.converters}"


class AnalogLinear(AnalogLayer):
    """A fully connected layer on arrays.

    Parameters
    ----------
    layer : nn.Linear
        The digital layer.
    flat : bool
        Whether a batch-norm was folded in, which holds for inputs (batch, features) alone.
    path, weight, bias, options
        As for `AnalogLayer`.
    """

    def __init__(
        self,
        layer: nn.Linear,
        path: str,
        weight: Tensor,
        bias: Tensor | None,
        *,
        flat: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(path, weight, bias, **options)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.flat = flat

    def check(self, inputs: Tensor) -> None:
        """Raise an InputError unless the last axis holds the layer's inputs."""
        if inputs.ndim == 0 or inputs.shape[-1] != self.in_features:
            raise InputError(
                f"layer {self.path!r}: inputs have shape {tuple(inputs.shape)}; "
                f"give (..., {self.in_features})"
            )
        if self.flat and inputs.ndim != 2:
            raise InputError(
                f"layer {self.path!r}: inputs have shape {tuple(inputs.shape)}; its batch-norm is "
                f"folded in, which needs (batch, {self.in_features})"
            )

    def product(self, inputs: Tensor, bias: Tensor | None, weight: Tensor | None = None) -> Tensor:
        """Inputs times the effective weights, or others, and the bias."""
        return F.linear(inputs, self.weight if weight is None else weight, bias)

    def tile_by_tile(self, inputs: Tensor) -> Tensor:
        """The same as a sum of converted partial sums."""
        return self.sum_of_parts(inputs, 0)

    def vectors(self, inputs: Tensor, most: int) -> list[Tensor]:
        """Some of the inputs, (points, inputs)."""
        each = inputs if inputs.ndim > 1 else inputs[None]
        return [_some(each, each.ndim - 1, most)]


class AnalogConv2d(AnalogLayer):
    """A convolution on arrays: each patch of an image is one input vector.

    Each group has its own matrix (outputs, channels x height x width of the kernel).

    Parameters
    ----------
    layer : nn.Conv2d
        The digital layer: its stride, padding, padding mode, dilation and groups are kept.
    path, weight, bias, options
        As for `AnalogLayer`.
    """

    def __init__(
        self, layer: nn.Conv2d, path: str, weight: Tensor, bias: Tensor | None, **options: Any
    ) -> None:
        super().__init__(path, weight, bias, groups=layer.groups, **options)
        self.in_channels, self.out_channels = layer.in_channels, layer.out_channels
        self.kernel_size, self.stride = layer.kernel_size, layer.stride
        self.padding, self.dilation = layer.padding, layer.dilation
        self.padding_mode = layer.padding_mode
        self.sides = list(layer._reversed_padding_repeated_twice)

    def check(self, inputs: Tensor) -> None:
        """Raise an InputError unless the inputs are images of the layer's channels."""
        if inputs.ndim not in (3, 4) or inputs.shape[-3] != self.in_channels:
            raise InputError(
                f"layer {self.path!r}: inputs have shape {tuple(inputs.shape)}; give "
                f"(batch, {self.in_channels}, height, width)"
            )

    def product(self, inputs: Tensor, bias: Tensor | None, weight: Tensor | None = None) -> Tensor:
        """The convolution with the effective weights, or others."""
        weight = self.weight if weight is None else weight
        padding: str | tuple[int, ...] = self.padding
        if self.padding_mode != "zeros":
            inputs, padding = self._padded(inputs), (0, 0)
        return F.conv2d(inputs, weight, bias, self.stride, padding, self.dilation, self.groups)

    def tile_by_tile(self, inputs: Tensor) -> Tensor:
        """The same as a sum of converted partial sums, patch by patch."""
        single = inputs.ndim == 3
        images = self._padded(inputs[None] if single else inputs)
        height, width = (
            (size - dilation * (kernel - 1) - 1) // stride + 1
            for size, dilation, kernel, stride in zip(
                images.shape[-2:], self.dilation, self.kernel_size, self.stride, strict=True
            )
        )
        outputs = []
        for group, channels in enumerate(images.chunk(self.groups, dim=1)):
            patches = F.unfold(
                channels, self.kernel_size, dilation=self.dilation, stride=self.stride
            )
            total = self.sum_of_parts(patches.transpose(1, 2), group)
            outputs.append(total.transpose(1, 2).reshape(*total.shape[::2], height, width))
        joined = torch.cat(outputs, dim=1)
        return joined[0] if single else joined

    def vectors(self, inputs: Tensor, most: int) -> list[Tensor]:
        """Some patches of the images, (points, inputs of the group)."""
        patches = self._padded(inputs[None] if inputs.ndim == 3 else inputs)
        sizes = zip(self.kernel_size, self.dilation, self.stride, strict=True)
        for axis, (kernel, dilation, stride) in enumerate(sizes, 2):
            patches = patches.unfold(axis, dilation * (kernel - 1) + 1, stride)[..., ::dilation]
        each = patches.movedim(1, 3).chunk(self.groups, dim=3)  # views: all together are large
        return [_some(part, 3, most) for part in each]

    def _padded(self, inputs: Tensor) -> Tensor:
        mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
        return F.pad(inputs, self.sides, mode=mode)


class AnalogConv1d(AnalogConv2d):
    """A convolution along one axis on arrays: that of images of height 1.

    Parameters
    ----------
    layer : nn.Conv1d
        The digital layer: its stride, padding, padding mode, dilation and groups are kept.
    path, weight, bias, options
        As for `AnalogLayer`; the weights (outputs, channels, width of the kernel).
    """

    def __init__(
        self, layer: nn.Conv1d, path: str, weight: Tensor, bias: Tensor | None, **options: Any
    ) -> None:
        AnalogLayer.__init__(self, path, weight, bias, groups=layer.groups, **options)
        self.in_channels, self.out_channels = layer.in_channels, layer.out_channels
        self.kernel_size, self.stride = (1, *layer.kernel_size), (1, *layer.stride)
        self.dilation, self.padding_mode = (1, *layer.dilation), layer.padding_mode
        padding = layer.padding
        self.padding = padding if isinstance(padding, str) else (0, *padding)
        self.sides = [*layer._reversed_padding_repeated_twice, 0, 0]

    def check(self, inputs: Tensor) -> None:
        """Raise an InputError unless the inputs are sequences of the layer's channels."""
        if inputs.ndim not in (2, 3) or inputs.shape[-2] != self.in_channels:
            raise InputError(
                f"layer {self.path!r}: inputs have shape {tuple(inputs.shape)}; give "
                f"(batch, {self.in_channels}, length)"
            )

    def product(self, inputs: Tensor, bias: Tensor | None, weight: Tensor | None = None) -> Tensor:
        """The convolution with the effective weights, or others."""
        weight = self.weight if weight is None else weight
        return super().product(inputs.unsqueeze(-2), bias, weight.unsqueeze(-2)).squeeze(-2)

    def tile_by_tile(self, inputs: Tensor) -> Tensor:
        """The same as a sum of converted partial sums, patch by patch."""
        return super().tile_by_tile(inputs.unsqueeze(-2)).squeeze(-2)

    def vectors(self, inputs: Tensor, most: int) -> list[Tensor]:
        """Some parts of the sequences, (points, inputs of the group)."""
        return super().vectors(inputs.unsqueeze(-2), most)


def _some(values: Tensor, axes: int, most: int) -> Tensor:
    """Of the vectors at all places of the first axes, (points, rest)."""
    shape = values.shape[:axes]
    places = torch.arange(0, count := shape.numel(), -(-count // most) or 1, device=values.device)
    return values[torch.unravel_index(places, shape)].flatten(1)

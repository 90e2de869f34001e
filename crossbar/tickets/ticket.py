"""A ticket: a target network, a random one, and the random one pruned to the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from crossbar.errors import InputError
from crossbar.tickets.checks import check_inputs, check_largest_input
from crossbar.tickets.choices import Floats
from crossbar.tickets.pairs import Affine, Approximated

_IMAGES_AT_ONCE = 64
_WEIGHTS_AT_ONCE = 1 << 21


@dataclass(frozen=True, eq=False)
class Ticket:
    """What a construction returns.

    Parameters
    ----------
    construction : str
        Its name.
    n : int
        Candidates for each target weight and sign of its input.
    seed : int
        Of the random weights.
    target : torch.nn.Sequential
        The network that was asked for.
    random : torch.nn.Sequential
        The random network, two layers for each of the target's that has weights.
    network : torch.nn.Sequential
        The same with masks of `torch.nn.utils.prune`: an ordinary network that runs. It shares
        its weights with ``random``.
    layers : tuple of Approximated
        The target's weights and what stands for them.
    nonnegative : bool
        Whether it was made for inputs that are never negative.
    seconds : float
        Wall time that finding the masks took [s].
    """

    construction: str
    n: int
    seed: int
    target: nn.Sequential
    random: nn.Sequential
    network: nn.Sequential
    layers: tuple[Approximated, ...]
    nonnegative: bool
    seconds: float

    @property
    def masks(self) -> dict[str, Tensor]:
        """Mask of each tensor of ``random``, by its name there: 1 where a weight stays."""
        suffix = "_mask"
        buffers = self.network.named_buffers()
        return {name.removesuffix(suffix): one for name, one in buffers if name.endswith(suffix)}

    @property
    def target_parameters(self) -> int:
        """Weights and biases of the target."""
        return sum(layer.wanted.size for layer in self.layers)

    @property
    def random_parameters(self) -> int:
        """Weights and biases of the random network, before it is pruned."""
        return sum(one.numel() for one in self.random.parameters())

    @property
    def random_per_parameter(self) -> float:
        """Random parameters for each one of the target."""
        return self.random_parameters / self.target_parameters

    @property
    def kept_parameters(self) -> int:
        """Weights and biases that stay."""
        return sum(int(torch.count_nonzero(mask)) for mask in self.masks.values())

    @property
    def kept_products(self) -> int:
        """Weights that stay in the second layers: paths from an input to an output.

        That is what A. Pensia et al. count, who take a random number for a product.
        """
        masks = [mask for name, mask in self.masks.items() if name.endswith("weight")]
        return sum(int(torch.count_nonzero(mask)) for mask in masks[1::2])

    @property
    def unreachable(self) -> int:
        """Target weights beyond all that their random products can make."""
        return sum(layer.unreachable for layer in self.layers)

    @property
    def weight_error(self) -> float:
        """Largest error of a target weight, in its unit."""
        return max(float(layer.gap.max()) for layer in self.layers)

    @property
    def relative_weight_error(self) -> float:
        """Largest error of a weight, relative to the largest of its tensor."""
        return relative_weight_error(self.layers)

    def bound(self, largest_input: float = 1.0) -> float:
        """Bound on the error of any output, for inputs of at most this magnitude.

        Raises
        ------
        InputError
            Unless that is a finite number from 0 on.
        """
        check_largest_input(largest_input)
        return propagated_bound(self.layers, largest_input)

    def error(self, inputs: Tensor) -> float:
        """Largest error of an output over some inputs, both networks run in double precision.

        Raises
        ------
        InputError
            For inputs that are none or that the target cannot take, or that are negative where
            the ticket was made for others.
        """
        check_inputs(inputs, self.target)
        if self.nonnegative and bool((inputs < 0).any()):
            raise InputError(
                "inputs: some are negative, this ticket is for inputs from 0 on; make it with "
                "nonnegative=False"
            )
        return max(
            float(
                (run(self.target, part, double=True) - run(self.network, part, double=True))
                .abs()
                .max()
            )
            for part in torch.split(inputs, _IMAGES_AT_ONCE)
        )


def run(network: nn.Module, inputs: Tensor, *, double: bool = False) -> Tensor:
    """Outputs of a network; masks are not applied again, since its weights have them.

    That, and copying only some weights at a time to double precision, is for the sake of memory.
    """
    if not isinstance(network, nn.Sequential):
        return torch.as_tensor(network(inputs))
    values = inputs.double() if double else inputs
    with torch.no_grad():
        for layer in network:
            values = _apply(layer, values) if isinstance(layer, Affine) else run(layer, values)
    return values


def _apply(layer: Affine, values: Tensor) -> Tensor:
    bias = None if layer.bias is None else layer.bias.to(values.dtype)
    if isinstance(layer, nn.Conv2d):
        found: Tensor = layer._conv_forward(values, layer.weight.to(values.dtype), bias)
        return found
    if layer.weight.dtype == values.dtype:
        return nn.functional.linear(values, layer.weight, bias)
    step = max(1, _WEIGHTS_AT_ONCE // layer.weight.shape[1])
    outputs = values.new_zeros(len(values), len(layer.weight))
    for start in range(0, len(layer.weight), step):
        rows = layer.weight[start : start + step].to(values.dtype)
        outputs[:, start : start + step] = values @ rows.T
    return outputs if bias is None else outputs + bias


def relative_weight_error(layers: Sequence[Approximated]) -> float:
    """Largest error of a weight, relative to the largest of its tensor.

    The measure of A. da Cunha et al., ICLR 2022; weights and biases are two tensors. Where a
    tensor is all zeros its error counts as it is.
    """
    return max(
        float(gap.max()) / (float(np.abs(wanted).max()) or 1.0)
        for layer in layers
        for wanted, gap in _tensors(layer)
    )


def propagated_bound(layers: Sequence[Approximated], largest_input: float = 1.0) -> float:
    """Bound on the error of any output, from the errors of the weights.

    Parameters
    ----------
    layers : sequence of Approximated
        With ReLU, pooling or nothing between them.
    largest_input : float
        Largest magnitude of an input.

    Notes
    -----
    By induction over the layers, as E. Malach et al. (arXiv 2002.00585) and A. Pensia et al.
    (arXiv 2006.07990) prove their theorems, here with the largest magnitude as the norm and the
    errors that were found in place of the epsilon that is granted to each layer. With W the
    target's weights, W' what stands for them, b and b' the biases, r a row::

        e <- max_r (|W'|_r e + |W' - W|_r m + |b' - b|_r)
        m <- max_r (|W|_r m + |b|_r)

    from e = 0 and m = ``largest_input``, |.|_r the sum of magnitudes. ReLU and pooling increase
    neither. It holds in exact arithmetic; rounding comes on top.
    """
    error, magnitude = 0.0, float(largest_input)
    for layer in layers:
        count = layer.wanted.shape[1] - layer.biased
        gaps, wanted = layer.gap, np.abs(layer.wanted)
        found = np.maximum(np.abs(layer.positive), np.abs(layer.negative))
        rows = found[:, :count].sum(axis=1) * error + gaps[:, :count].sum(axis=1) * magnitude
        error = float((rows + gaps[:, count:].sum(axis=1)).max())
        sizes = wanted[:, :count].sum(axis=1) * magnitude + wanted[:, count:].sum(axis=1)
        magnitude = float(sizes.max())
    return error


def _tensors(layer: Approximated) -> list[tuple[Floats, Floats]]:
    """Values and errors of the weights, and of the biases."""
    count = layer.wanted.shape[1] - layer.biased
    parts = [slice(0, count)] + [slice(count, count + 1)] * layer.biased
    return [(layer.wanted[:, part], layer.gap[:, part]) for part in parts]

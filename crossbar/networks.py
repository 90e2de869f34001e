"""Layers of weights and biases: read from a file, run digitally or with analog products."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.errors import InputError
from crossbar.programming import checked_weights

Product = NDArray[np.float64] | Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""A matrix (outputs, inputs), or a function from inputs to products."""

DATA = Path(__file__).parent / "data"
KINDS = ("weight", "bias")
SHIPPED_NAMES = ("digits",)


@dataclass(frozen=True)
class Layer:
    """A fully connected layer.

    Parameters
    ----------
    weights : ndarray, (outputs, inputs)
        Weights; an exact zero is a pruned one.
    bias : ndarray, (outputs,)
        Biases, added digitally.
    """

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    def __post_init__(self) -> None:
        weights = checked_weights(self.weights)
        weights.setflags(write=False)
        object.__setattr__(self, "weights", weights)
        bias = np.array(self.bias)
        if bias.dtype.kind not in "iuf":
            raise InputError(f"bias has type {bias.dtype}: give real numbers")
        bias = bias.astype(float)
        if bias.shape != self.weights.shape[:1]:
            raise InputError(
                f"bias has shape {bias.shape}: the weights {self.weights.shape} "
                f"need ({self.weights.shape[0]},), one for each output"
            )
        if not np.isfinite(bias).all():
            raise InputError("bias: every value must be finite")
        bias.setflags(write=False)
        object.__setattr__(self, "bias", bias)


@dataclass(frozen=True)
class Network:
    """Fully connected layers with ReLU between them.

    Parameters
    ----------
    layers : tuple of Layer
        From input to output.
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise InputError("network: needs at least one layer")
        for number, (layer, after) in enumerate(zip(self.layers, self.layers[1:], strict=False), 1):
            if layer.weights.shape[0] != after.weights.shape[1]:
                raise InputError(
                    f"layer {number} has {layer.weights.shape[0]} outputs but layer {number + 1} "
                    f"takes {after.weights.shape[1]} inputs: weights are (outputs, inputs)"
                )

    @property
    def inputs(self) -> int:
        """Inputs of the first layer."""
        return int(self.layers[0].weights.shape[1])

    @property
    def outputs(self) -> int:
        """Outputs of the last layer."""
        return int(self.layers[-1].weights.shape[0])

    @property
    def digest(self) -> str:
        """SHA-256 of all weights and biases."""
        digest = hashlib.sha256()
        for layer in self.layers:
            for array in (layer.weights, layer.bias):
                digest.update(str(array.shape).encode())
                digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
        return digest.hexdigest()

    def activations(
        self, inputs: ArrayLike, products: Sequence[Product] | None = None
    ) -> list[NDArray[np.float64]]:
        """Run a batch through all layers.

        Parameters
        ----------
        inputs : array_like, (images, inputs)
            The batch.
        products : sequence of ndarray or callable, optional
            Matrices (outputs, inputs) that stand in for the layers' weights: what the
            analog arrays really multiply by; or functions from inputs to products.

        Returns
        -------
        list of ndarray
            The input of each layer, and last the network's output (images, outputs).
        """
        matrices: Sequence[Product] = products or [layer.weights for layer in self.layers]
        seen = [np.asarray(inputs, dtype=float)]
        if seen[0].ndim != 2 or seen[0].shape[1] != self.inputs:
            raise InputError(
                f"inputs have shape {seen[0].shape}: the network takes (images, {self.inputs})"
            )
        for number, (layer, matrix) in enumerate(zip(self.layers, matrices, strict=True), 1):
            output = multiplied(seen[-1], matrix) + layer.bias
            seen.append(output if number == len(self.layers) else np.maximum(output, 0))
        return seen


def multiplied(inputs: NDArray[np.float64], product: Product) -> NDArray[np.float64]:
    """Products (points, outputs) of inputs (points, inputs)."""
    return product(inputs) if callable(product) else np.asarray(inputs @ product.T)


def _network_arrays(file: Any) -> dict[str, NDArray[Any]]:
    if not isinstance(file, np.lib.npyio.NpzFile):
        raise ValueError("it holds a single array")
    return {key: file[key] for key in file.files if key != "meta"}


def load_network(source: str | Path) -> Network:
    """Read a network from an ``.npz`` file.

    Parameters
    ----------
    source : str or Path
        ``"digits"`` for the pruned network that ships with the package, else a file
        with arrays ``weight_0`` (outputs, inputs), ``bias_0`` (outputs,; zero when missing),
        ``weight_1``... An array ``meta`` is ignored; others and pickled objects are refused.

    Raises
    ------
    InputError
        For a missing or unreadable file, missing arrays, shapes that do not fit, NaN.
    """
    path = DATA / f"{source}.npz" if source in SHIPPED_NAMES else Path(source)
    try:
        with path.open("rb") as stream:
            arrays = _network_arrays(np.load(stream, allow_pickle=False))
    except FileNotFoundError:
        raise InputError(
            f"network = {str(source)!r}: no such file; give 'digits' or the path of an .npz file"
        ) from None
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        reason = str(error) if "allow_pickle" not in str(error) else "it holds no plain arrays"
        raise InputError(f"network = {str(source)!r}: not a readable .npz file: {reason}") from None
    count = sum(re.fullmatch(r"weight_\d+", key) is not None for key in arrays)
    if not count:
        raise InputError(f"network = {str(source)!r}: has no array weight_0")
    surplus = sorted(arrays.keys() - {f"{kind}_{k}" for k in range(count) for kind in KINDS})
    if surplus:
        raise InputError(
            f"network = {str(source)!r}: array {surplus[0]} fits no layer; name them weight_0, "
            "bias_0, weight_1, ... without a gap"
        )
    layers = []
    for number in range(count):
        weight = arrays[f"weight_{number}"]
        bias = arrays.get(f"bias_{number}", np.zeros(weight.shape[:1]))
        try:
            layers.append(Layer(weight, bias))
        except InputError as error:
            raise InputError(f"network = {str(source)!r}, layer {number + 1}: {error}") from None
    return Network(tuple(layers))

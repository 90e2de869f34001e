"""LeNets and perceptrons as plain torch modules, by name.

- ``lenet-300-100``: fully connected, inputs-300-100-classes (Y. LeCun et al., Gradient-based
  learning applied to document recognition, doi:10.1109/5.726791, section III.C.4).
- ``lenet-5``: the usual variant of the same paper's LeNet-5 for 28 x 28 pixels: 6 filters of 5 x 5
  over an edge of 2 zeros, 16 filters of 5 x 5 over all 6 maps, each with a maximum over 2 x 2, then
  120-84-classes. Its convolutions hold 2,572 parameters, those of A. da Cunha et al., ICLR 2022.
- ``lenet-5-digits``: the same in small, for 8 x 8 pixels: 4 and 8 filters of 3 x 3 over an edge of
  one zero, then 24-classes.
- ``perceptron-500``: inputs-500-classes without biases, the network of A. Pensia et al.
  (arXiv 2006.07990); ``perceptron-16``: the same with 16 hidden neurons, small enough for ngspice.

All have ReLU between the layers and outputs without a softmax, the LeNets biases. Weights are
drawn as PyTorch draws them, Kaiming-uniform; see `build_model` for the seed.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from crossbar.errors import InputError

ImageShape = tuple[int, int, int]


def lenet_300_100(image_shape: ImageShape = (1, 28, 28), classes: int = 10) -> nn.Sequential:
    """Return LeNet-300-100; images may be rows or have their shape."""
    layers: list[tuple[str, nn.Module]] = [
        ("flatten", nn.Flatten()),
        ("fc1", nn.Linear(math.prod(image_shape), 300)),
        ("relu1", nn.ReLU()),
        ("fc2", nn.Linear(300, 100)),
        ("relu2", nn.ReLU()),
        ("fc3", nn.Linear(100, classes)),
    ]
    return nn.Sequential(OrderedDict(layers))


def lenet_5(image_shape: ImageShape = (1, 28, 28), classes: int = 10) -> nn.Sequential:
    """Return LeNet-5 for images (batch, channels, height, width)."""
    channels, height, width = image_shape
    rows, columns = height // 2 - 4, width // 2 - 4
    if min(rows, columns) < 2:
        raise InputError(
            f"lenet-5: images of {height} x {width} pixels are too small; it needs 12 x 12: "
            "choose lenet-5-digits"
        )
    layers: list[tuple[str, nn.Module]] = [
        ("conv1", nn.Conv2d(channels, 6, 5, padding=2)),
        ("relu1", nn.ReLU()),
        ("pool1", nn.MaxPool2d(2)),
        ("conv2", nn.Conv2d(6, 16, 5)),
        ("relu2", nn.ReLU()),
        ("pool2", nn.MaxPool2d(2)),
        ("flatten", nn.Flatten()),
        ("fc1", nn.Linear(16 * (rows // 2) * (columns // 2), 120)),
        ("relu3", nn.ReLU()),
        ("fc2", nn.Linear(120, 84)),
        ("relu4", nn.ReLU()),
        ("fc3", nn.Linear(84, classes)),
    ]
    return nn.Sequential(OrderedDict(layers))


def lenet_5_digits(image_shape: ImageShape = (1, 8, 8), classes: int = 10) -> nn.Sequential:
    """Return the small LeNet-5 for images (batch, channels, height, width)."""
    channels, height, width = image_shape
    if min(height, width) < 4:
        raise InputError(
            f"lenet-5-digits: images of {height} x {width} pixels are too small; it needs 4 x 4"
        )
    layers: list[tuple[str, nn.Module]] = [
        ("conv1", nn.Conv2d(channels, 4, 3, padding=1)),
        ("relu1", nn.ReLU()),
        ("pool1", nn.MaxPool2d(2)),
        ("conv2", nn.Conv2d(4, 8, 3, padding=1)),
        ("relu2", nn.ReLU()),
        ("pool2", nn.MaxPool2d(2)),
        ("flatten", nn.Flatten()),
        ("fc1", nn.Linear(8 * (height // 4) * (width // 4), 24)),
        ("relu3", nn.ReLU()),
        ("fc2", nn.Linear(24, classes)),
    ]
    return nn.Sequential(OrderedDict(layers))


def perceptron(hidden: int, image_shape: ImageShape, classes: int) -> nn.Sequential:
    """Return a network of two matrices, without biases; images may be rows or have their shape."""
    layers: list[tuple[str, nn.Module]] = [
        ("flatten", nn.Flatten()),
        ("fc1", nn.Linear(math.prod(image_shape), hidden, bias=False)),
        ("relu1", nn.ReLU()),
        ("fc2", nn.Linear(hidden, classes, bias=False)),
    ]
    return nn.Sequential(OrderedDict(layers))


BUILDERS: dict[str, Callable[[ImageShape, int], nn.Sequential]] = {
    "lenet-300-100": lenet_300_100,
    "lenet-5": lenet_5,
    "lenet-5-digits": lenet_5_digits,
    "perceptron-500": partial(perceptron, 500),
    "perceptron-16": partial(perceptron, 16),
}


def build_model(
    name: str, image_shape: ImageShape, classes: int = 10, seed: int = 0
) -> nn.Sequential:
    """Build a network by name, its weights drawn from a seed.

    Parameters
    ----------
    name : str
        A key of `BUILDERS`.
    image_shape : tuple of int
        Channels, height and width of an image [pixels].
    classes : int
        Outputs.
    seed : int
        Of the weights; the state of torch's global generator stays as it was.

    Raises
    ------
    InputError
        For an unknown name, or images that are too small for the network.
    """
    if name not in BUILDERS:
        raise InputError(f"model = {name!r}: choose one of {', '.join(BUILDERS)}")
    if classes < 1 or min(image_shape) < 1:
        raise InputError(
            f"{name}: image_shape = {image_shape}, classes = {classes}: give 1 or more"
        )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return BUILDERS[name](image_shape, classes)

"""Whole networks: a ResNet-18, a small LeNet-5 on digits in ngspice, the benchmark."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

import crossbar
from crossbar.metrics import effective_bits
from crossbar.models import digital_twin

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small products take far longer where threads wait for each other on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, images: Tensor) -> Tensor:
        hidden = torch.relu(self.bn1(self.conv1(images)))
        return torch.relu(self.bn2(self.conv2(hidden)) + self.shortcut(images))


class ResNet18(nn.Module):
    """He et al., CVPR 2016 (arXiv 1512.03385), with the stem for images of 32 x 32."""

    def __init__(self, width: int = 64, classes: int = 10) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        blocks = []
        for stage in range(4):
            inputs, outputs = widths[stage : stage + 2]
            blocks += [Block(inputs, outputs, 1 + (stage > 0)), Block(outputs, outputs, 1)]
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(8 * width, classes)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.blocks(torch.relu(self.bn(self.conv(images))))
        return self.fc(hidden.mean((2, 3)))


def layer_outputs(model: nn.Module, batch: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Input and output of each Linear and Conv2d, analog ones included."""
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    hooks = []
    for path, module in model.named_modules():
        if "Linear" in type(module).__name__ or "Conv2d" in type(module).__name__:

            def keep(_: nn.Module, given: Any, output: Tensor, path: str = path) -> None:
                seen[path] = (given[0], output)

            hooks.append(module.register_forward_hook(keep))
    with torch.no_grad():
        model(batch)
    for hook in hooks:
        hook.remove()
    return seen


def test_resnet_18_equals_the_original_within_the_stated_bits() -> None:
    torch.manual_seed(0)
    model = ResNet18(width=8).double()
    model.train()(torch.randn(16, 3, 32, 32, dtype=torch.float64))  # statistics for its norms
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    design = crossbar.Design(resistors=12, full_scale_siemens=1e-7)  # a light load on the wires
    analog = crossbar.convert(model, design, tile=crossbar.Tile(128, 128))
    report = analog.conversion
    assert len(report.converted) == 21
    assert sum(bool(layer.folded) for layer in report.converted) == 20
    assert report.digital == ()
    twin = digital_twin(model)
    seen = layer_outputs(twin, images)
    for layer in report.converted:
        digital = twin.get_submodule(layer.path)
        scale = float(digital.weight.detach().abs().max())
        real = analog.get_submodule(layer.path)
        given, wanted = seen[layer.path]
        with torch.no_grad():
            error = (real(given) - wanted).abs()
        # No output is wrong by more than all inputs times the worst stated error of a weight.
        patches = given.abs()
        if layer.kind == "Conv2d":
            ones = torch.ones_like(digital.weight)
            patches = F.conv2d(given.abs(), ones, None, digital.stride, digital.padding)
        bound = patches.sum(-1, keepdim=True) if layer.kind == "Linear" else patches
        assert (error <= scale * 2**-layer.matrix_worst_bits * bound * (1 + 1e-9)).all()
    with torch.no_grad():
        wanted, found = model.eval()(images), analog(images)
    least = min(layer.matrix_effective_bits for layer in report.converted)
    bits = effective_bits((found - wanted).numpy(), float(wanted.max() - wanted.min()))
    assert least > 7
    # Each product averages the errors of its weights, which outweighs that 21 layers add theirs.
    assert bits > least


@pytest.fixture(scope="module")
def digits(one_thread: None) -> tuple[nn.Module, Tensor, Tensor]:
    """A small LeNet-5 trained for a second, and the test images of scikit-learn's digits."""
    torch.manual_seed(0)
    data = load_digits()
    images = torch.tensor(data.images / 16)[:, None]
    labels = torch.tensor(data.target)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 8, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32, 16),
        nn.ReLU(),
        nn.Linear(16, 10),
    ).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(80):
        optimizer.zero_grad()
        F.cross_entropy(model(images[:500]), labels[:500]).backward()
        optimizer.step()
    return model.eval(), images[1400:], labels[1400:]


@pytest.mark.parametrize("bias", ["digital", "word line"])
def test_digits_in_ngspice_equal_the_nodal_run(
    digits: tuple[nn.Module, Tensor, Tensor], bias: str
) -> None:
    model, images, labels = digits
    logits = {}
    for simulator in ("nodal", "ngspice"):
        analog = crossbar.convert(
            model,
            crossbar.Design(resistors=10),
            tile=crossbar.Tile(16, 16),
            simulator=simulator,
            bias=bias,
        )
        with torch.no_grad():
            logits[simulator] = analog(images)
    full_scale = float(logits["nodal"].abs().max())
    difference = float((logits["ngspice"] - logits["nodal"]).abs().max())
    assert 0 < difference < 1e-9 * full_scale
    digital = model(images).argmax(1)
    assert float((digital == labels).double().mean()) > 0.85
    assert float((logits["ngspice"].argmax(1) == digital).double().mean()) > 0.97


def test_eight_bit_converters_keep_the_digits(digits: tuple[nn.Module, Tensor, Tensor]) -> None:
    model, images, _ = digits
    analog = crossbar.convert(
        model,
        crossbar.Design(resistors=10),
        tile=crossbar.Tile(16, 16),
        converters=crossbar.Converters(),
        calibration=[images[:100], images[100:200]],
    )
    with torch.no_grad():
        agreeing = (analog(images).argmax(1) == model(images).argmax(1)).double().mean()
    assert float(agreeing) > 0.95


def test_the_benchmark_runs(capsys: pytest.CaptureFixture[str]) -> None:
    main = runpy.run_path(str(ROOT / "benchmarks/networks.py"))["main"]
    main(["--layers", "40", "20", "10", "--images", "50", "--resistors", "8"])
    told = capsys.readouterr().out
    assert "all together" in told
    assert "800" in told

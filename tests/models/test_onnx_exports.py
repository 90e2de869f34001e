"""Models that PyTorch exports to ONNX, read back: values, names, copies."""

from __future__ import annotations

import copy
import pickle
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from onnx.reference import ReferenceEvaluator  # noqa: E402
from torch import nn  # noqa: E402

from crossbar.errors import InputError  # noqa: E402
from crossbar.models.onnx import load_onnx  # noqa: E402

# Sums of some hundred float32 products in another order: some 1e-7 of the largest output for each
# layer, and the deepest network here has twenty.
CLOSE = 1e-5


def reference(model: Any, x: np.ndarray) -> np.ndarray:
    evaluator = ReferenceEvaluator(model)
    return np.asarray(evaluator.run(None, {evaluator.input_names[0]: x})[0])


def run(net: nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(net(torch.from_numpy(x)))


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    assert np.abs(found - expected).max() <= CLOSE * np.abs(expected).max()


class Residual(nn.Module):  # type: ignore[misc, unused-ignore]
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        shortcut = [nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)]
        self.shortcut = nn.Identity() if same else nn.Sequential(*shortcut)

    def forward(self, x: Any) -> Any:
        inner = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(inner)) + self.shortcut(x))


class ResNet(nn.Module):  # type: ignore[misc, unused-ignore]
    """ResNet-18 for images of 32 x 32, of a width that a test can bear."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        sizes = [width, width, 2 * width, 4 * width, 8 * width]
        blocks: list[nn.Module] = []
        for stage, (before, after) in enumerate(pairwise(sizes)):
            blocks += [Residual(before, after, 1 if stage == 0 else 2), Residual(after, after, 1)]
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * width, 10)

    def forward(self, x: Any) -> Any:
        x = self.pool(self.blocks(torch.relu(self.bn(self.stem(x)))))
        return self.fc(x.view(x.size(0), -1))


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 30), nn.ReLU(), nn.Linear(30, 10), nn.LogSoftmax(1))


class LeNet5(nn.Module):  # type: ignore[misc, unused-ignore]
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5)
        )
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: Any) -> Any:
        x = nn.functional.max_pool2d(torch.sigmoid(self.features(x)), 2)
        x = x.reshape(x.shape[0], 400)
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


MODELS = {"MLP": (perceptron, (64,)), "LeNet-5": (LeNet5, (1, 28, 28))}
MODELS |= {"ResNet-18": (ResNet, (3, 32, 32))}


def export(name: str, path: Path, **options: Any) -> tuple[nn.Module, Any]:
    make, size = MODELS[name]
    torch.manual_seed(5)
    model = make()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    model.eval()
    images = torch.randn(7, *size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (images[:1],), path, dynamo=False, **options)
    return model, images


@pytest.mark.parametrize("batch", ["fixed", "any"])
@pytest.mark.parametrize("name", MODELS)
def test_an_exported_model_runs_on_batches(tmp_path: Path, name: str, batch: str) -> None:
    path = tmp_path / "net.onnx"
    free = {"input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}}
    model, images = export(name, path, **(free if batch == "any" else {}))
    net = load_onnx(path)
    assert not net.training
    found = run(net, images.numpy())
    assert_close(found, run(model, images.numpy()))
    each = np.concatenate([reference(onnx.load(path), image[None].numpy()) for image in images[:2]])
    assert_close(found[:2], each)


@pytest.mark.parametrize("name", MODELS)
def test_an_exported_model_keeps_names_and_weights(tmp_path: Path, name: str) -> None:
    options = {"do_constant_folding": False, "training": torch.onnx.TrainingMode.PRESERVE}
    model, _ = export(name, tmp_path / "net.onnx", **options)
    net = load_onnx(tmp_path / "net.onnx")
    expected, found = model.state_dict(), net.state_dict()
    assert set(expected) == set(found)
    assert all(torch.equal(expected[key], found[key]) for key in expected if "tracked" not in key)


def test_a_loaded_model_can_be_copied_pickled_and_traced(tmp_path: Path) -> None:
    options = {"do_constant_folding": False, "training": torch.onnx.TrainingMode.PRESERVE}
    _, images = export("ResNet-18", tmp_path / "net.onnx", **options)
    net = load_onnx(tmp_path / "net.onnx")
    expected = run(net, images.numpy())
    copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net)), torch.fx.symbolic_trace(net)]
    for other in copies:
        np.testing.assert_array_equal(run(other, images.numpy()), expected)
    from torch.fx.experimental.optimization import fuse

    fused = fuse(net)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())
    assert_close(run(fused, images.numpy()), expected)
    assert run(net.double(), images.double().numpy()).dtype == np.float64


def test_an_input_of_another_size_is_refused(tmp_path: Path) -> None:
    export("LeNet-5", tmp_path / "net.onnx", input_names=["image"])
    net = load_onnx(tmp_path / "net.onnx")
    with pytest.raises(InputError, match=r"'image' has shape \(2, 1, 32, 32\): .*any, 1, 28, 28"):
        net(torch.zeros(2, 1, 32, 32))

"""Layers as a model refers to them: folded batch-norms, shared, tied, hooked, left digital."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

import crossbar
from crossbar.models import AnalogLinear, digital_twin

DESIGN = crossbar.Design(resistors=8)
FINE = crossbar.Design(ladder="guaranteed", resistors=14, tolerance=0.1)
TILE = crossbar.Tile(8, 8)
IDEAL = {"wires": crossbar.Wires.ideal(), "measurement_error": 0.0, "tile": TILE}


def mlp() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(20, 12), nn.ReLU(), nn.Linear(12, 5))


def close(found: Tensor, wanted: Tensor, relative: float) -> bool:
    with torch.no_grad():
        return float((found - wanted).abs().max()) <= relative * float(wanted.abs().max())


class Residual(nn.Module):
    """A convolution with a batch-norm that can be folded, and one whose output is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.second, self.after = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.head, self.flat = nn.Linear(4, 6), nn.BatchNorm1d(6)

    def forward(self, images: Tensor) -> Tensor:
        hidden = torch.relu(self.norm(self.first(images)))
        other = self.second(hidden)
        return self.flat(self.head((self.after(other) + other).mean((2, 3))))


def with_statistics(model: nn.Module) -> nn.Module:
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return model


def test_batch_norms_directly_behind_layers_are_folded() -> None:
    model = with_statistics(Residual()).double().eval()
    twin = digital_twin(model)
    analog = crossbar.convert(model, FINE, **IDEAL)
    images = torch.randn(7, 2, 5, 5, dtype=torch.float64)
    with torch.no_grad():
        wanted = model(images)
        assert close(twin(images), wanted, 1e-13)
        assert close(analog(images), wanted, 2**-8)
    report = analog.conversion
    assert [layer.folded for layer in report.converted] == ["norm", "", "flat"]
    assert [(one.path, one.kind) for one in report.digital] == [("after", "BatchNorm2d")]
    assert isinstance(analog.norm, nn.Identity)
    assert isinstance(analog.after, nn.BatchNorm2d)
    with pytest.raises(crossbar.InputError, match=r"layer 'head'.*batch-norm is folded"):
        analog.head(torch.zeros(2, 3, 4, dtype=torch.float64))


def test_batch_norms_are_found_while_other_threads_convert_and_run() -> None:
    call = nn.Module.__call__
    model = with_statistics(Residual()).double().eval()
    images = torch.randn(2, 2, 5, 5, dtype=torch.float64)
    wanted = digital_twin(model)(images)

    def fold_and_run(_: int) -> bool:
        return torch.equal(digital_twin(model)(images), wanted)

    with ThreadPoolExecutor(4) as executor:
        assert all(executor.map(fold_and_run, range(60)))
    assert nn.Module.__call__ is call


def test_a_model_that_cannot_be_traced_keeps_its_batch_norms() -> None:
    class Branching(Residual):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images if images.sum() > 0 else -images)

    model = with_statistics(Branching()).double().eval()
    analog = crossbar.convert(model, FINE, **IDEAL)
    images = torch.randn(3, 2, 5, 5, dtype=torch.float64)
    assert close(analog(images), model(images).detach(), 2**-8)
    assert len(analog.conversion.digital) == 3
    assert "cannot be traced" in str(analog.conversion)


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(6, 6)
        self.again = self.one
        self.tied = nn.Linear(6, 6)
        self.tied.weight = self.one.weight

    def forward(self, values: Tensor) -> Tensor:
        return self.tied(self.again(self.one(values)))


def test_shared_layers_and_tied_weights_are_made_once() -> None:
    model = Shared()
    analog = crossbar.convert(model, DESIGN, tile=TILE)
    assert len(analog.conversion.converted) == 1
    assert analog.conversion.converted[0].shared_by == ("again", "tied")
    assert analog.one is analog.again
    assert (analog.tied.weight == analog.one.weight).all()
    assert (analog.tied.bias == model.tied.bias).all()
    on_line = crossbar.convert(model, DESIGN, tile=TILE, bias="word line")
    assert len(on_line.conversion.converted) == 2  # another bias is another row of cells


def test_weights_that_hooks_compute_are_the_current_ones() -> None:
    pruned = mlp()
    prune.random_unstructured(pruned[0], "weight", amount=0.5)
    with torch.no_grad():
        pruned[0].weight_orig.mul_(2)
    analog = crossbar.convert(pruned, FINE, **IDEAL)
    wanted = (pruned[0].weight_orig * pruned[0].weight_mask).detach()
    assert close(analog[0].weight, wanted, 2**-9)
    normed = parametrizations.weight_norm(nn.Linear(4, 3))
    assert close(crossbar.convert(normed, FINE, **IDEAL).weight, normed.weight.detach(), 2**-9)


def test_parametrised_layers_of_one_shape_are_not_taken_for_tied() -> None:
    torch.manual_seed(3)
    layers = [parametrizations.weight_norm(nn.Linear(4, 4)) for _ in range(6)]
    analog = crossbar.convert(nn.Sequential(*layers), FINE, **IDEAL)
    for found, layer in zip(analog, layers, strict=True):
        assert close(found.weight, layer.weight.detach(), 2**-9)


def test_what_is_not_converted_is_listed_with_its_reason() -> None:
    class Odd(nn.Linear):
        def forward(self, values: Tensor) -> Tensor:
            return super().forward(values) * 2

    model = nn.ModuleDict(
        {
            "linear": nn.Linear(4, 4),
            "conv": nn.Conv2d(1, 1, 2),
            "odd": Odd(4, 4),
            "lstm": nn.LSTM(4, 4),
            "attention": nn.MultiheadAttention(4, 2),
        }
    )
    analog = crossbar.convert(model, DESIGN, tile=TILE, kinds=("Linear",))
    reasons = {one.path: one.reason for one in analog.conversion.digital}
    assert "chosen kinds" in reasons["conv"]
    assert "forward method of its own" in reasons["odd"]
    assert "only Linear, Conv1d and Conv2d" in reasons["lstm"]
    assert "inside MultiheadAttention" in reasons["attention.out_proj"]
    assert set(reasons) == {"conv", "odd", "lstm", "attention", "attention.out_proj"}
    assert isinstance(analog["odd"], Odd)


def test_a_batch_norm_behind_one_of_two_calls_of_a_layer_is_not_folded() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)

        def forward(self, values: Tensor) -> Tensor:
            return self.norm(self.layer(torch.relu(self.layer(values))))

    class Read(Twice):
        def forward(self, values: Tensor) -> Tensor:
            return self.norm(self.layer(values)) @ self.layer.weight

    for model in (with_statistics(Twice()).eval(), with_statistics(Read()).eval()):
        values = torch.randn(3, 4)
        assert close(digital_twin(model)(values), model(values).detach(), 1e-6)


def test_layers_that_the_model_finds_past_its_children_are_analog_too() -> None:
    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Linear(4, 4)
            self.calls = [self.one]

        def forward(self, values: Tensor) -> Tensor:
            return self.calls[0](values)

    analog = crossbar.convert(Listed(), DESIGN, tile=TILE)
    assert isinstance(analog.calls[0], AnalogLinear)
    assert analog.calls[0] is analog.one


def test_hooks_of_the_model_stay() -> None:
    model = mlp()
    seen: list[tuple[int, ...]] = []
    model[0].register_forward_hook(lambda *parts: seen.append(tuple(parts[2].shape)))
    crossbar.convert(model, DESIGN, tile=TILE)(torch.rand(3, 20))
    assert seen == [(3, 12)]


def test_a_layer_whose_forward_was_replaced_stays_digital() -> None:
    model = mlp()
    layer = model[2]
    layer.forward = lambda values: 2 * nn.Linear.forward(layer, values)
    analog = crossbar.convert(model, DESIGN, tile=TILE)
    assert [one.path for one in analog.conversion.converted] == ["0"]
    (kept,) = analog.conversion.digital
    assert (kept.path, kept.reason) == ("2", "it has a forward method of its own")

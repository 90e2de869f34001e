"""Wire-aware layers whose switches are chosen for the inputs that calibration shows."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import crossbar
from crossbar import Design, InputError, Tile, Wires
from crossbar.metrics import effective_bits
from crossbar.models import inputs as noting
from crossbar.models.inputs import note_inputs
from crossbar.models.making import works
from crossbar.models.planning import plan_layers

DESIGN = Design(resistors=10)
WIRES = Wires(20.0, 20.0, 20.0, 20.0)


def images(seed: int, count: int, *shape: int) -> Tensor:
    """Positive, of three sources, each with a little of its own."""
    ways = torch.rand((3, *shape), generator=torch.Generator().manual_seed(1))
    random = torch.Generator().manual_seed(seed)
    found = torch.rand((count, 3), generator=random) @ ways.flatten(1)
    return found.reshape(count, *shape) + 0.05 * torch.rand((count, *shape), generator=random)


class Net(nn.Module):
    """Convolutions with groups, padding and stride, one of them used twice, and linear layers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first = nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular")
        self.again = nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)
        self.line = nn.Conv1d(4, 3, 3, stride=2, dilation=2)
        self.last = nn.Linear(15, 5)
        self.idle = nn.Linear(4, 4)
        self.first.bias.data += 1.0  # no channel is dead

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.again(torch.relu(self.again(torch.relu(self.first(x))))))
        return self.last(torch.relu(self.line(x.flatten(2)[..., :14])).flatten(1))


def noted(model: nn.Module, batches: list[Tensor], bias_on_line: bool) -> dict[str, list]:
    planned, _ = plan_layers(model.eval(), ("Linear", "Conv1d", "Conv2d"))
    todo = works(planned, bias_on_line)
    note_inputs(model, todo, [(batch,) for batch in batches])
    return {work.path: list(zip(work.matrices, work.inputs, strict=True)) for work in todo}


@pytest.mark.parametrize("bias_on_line", [False, True])
def test_what_is_noted_makes_the_outputs_of_the_layers(bias_on_line: bool) -> None:
    model, seen = Net(), {}
    hooks = [
        layer.register_forward_hook(
            lambda module, _, out, name=name: seen.setdefault(name, []).append((module, out))
        )
        for name, layer in model.named_children()
    ]
    batches = [images(0, 3, 2, 4, 4), images(1, 2, 2, 4, 4)]
    with torch.no_grad():
        for batch in batches:
            model(batch)
    for hook in hooks:
        hook.remove()
    found = noted(model, batches, bias_on_line)
    for name in ("first", "again", "line", "last"):
        assert all(points is not None for _, points in found[name])
        products = [points @ matrix.T for matrix, points in found[name]]
        wanted = []
        for module, out in seen[name]:
            plain = out.double()
            if module.bias is not None and not bias_on_line:
                plain = plain - module.bias.detach().reshape(-1, *[1] * (plain.ndim - 2))
            groups = plain.chunk(len(products), dim=1)
            wanted.append(
                [part.flatten(2).movedim(1, -1) for part in groups] if plain.ndim > 2 else groups
            )
        for product, parts in zip(products, zip(*wanted, strict=True), strict=True):
            exact = np.concatenate([part.reshape(-1, product.shape[1]).numpy() for part in parts])
            # single precision of the model
            assert product == pytest.approx(exact, abs=1e-5)
    assert found["idle"][0][1] is None
    assert not any(layer._forward_pre_hooks for layer in model.children())


def test_of_many_patches_some_are_drawn_from_all_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every column and row of the images, however many there are in a batch; twice the same."""
    layer = nn.Conv2d(1, 2, 1)
    places = torch.arange(784.0).reshape(1, 1, 28, 28) + 1
    monkeypatch.setattr(noting, "MOST_VECTORS", 300)
    for images_in_batch in (1, 28, 100):
        batches = [places.repeat(images_in_batch, 1, 1, 1)] * 3
        ((_, points),) = noted(nn.Sequential(layer), batches, False)["0"]
        ((_, again),) = noted(nn.Sequential(layer), batches, False)["0"]
        assert len(points) == 300
        assert np.array_equal(points, again)
        at = points[:, 0].astype(int) - 1
        for part in (at % 28, at // 28):
            # 10.7 are expected of each
            assert np.bincount(part, minlength=28).min() >= 1
            assert np.bincount(part, minlength=28).max() <= 30


def test_early_and_late_batches_are_drawn_from_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noting, "MOST_VECTORS", 400)
    batches = [torch.full((500, 3), float(number + 1)) for number in range(4)]
    ((_, points),) = noted(nn.Sequential(nn.Linear(3, 2)), batches, False)["0"]
    assert len(points) == 400
    # 100 of each, by chance 9 more or less
    assert np.bincount(points[:, 0].astype(int))[1:] == pytest.approx([100] * 4, abs=40)


class InPlace(nn.Module):
    """What the second layer got is overwritten behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.one(x)) + 1
        out = self.two(hidden)
        hidden.mul_(0)
        return out


def test_inputs_are_those_when_the_layer_ran() -> None:
    ((_, points),) = noted(InPlace().double(), [images(0, 9, 6).double()], False)["two"]
    assert points.min() >= 1


def test_inputs_of_no_usual_size_are_refused_before_long_work() -> None:
    model = nn.Sequential(nn.Linear(4, 2)).double()
    huge = torch.full((2, 4), 1e120, dtype=torch.float64)
    with pytest.raises(InputError, match=r"layer '0': calibration puts inputs of up to 1e\+120"):
        crossbar.convert(model, DESIGN, wire_aware=True, calibration=[huge])


def test_numbers_that_are_not_finite_are_refused_before_long_work() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(x / (x > 0.5))

    with pytest.raises(InputError, match="layer 'last': sees NaN or infinity"):
        crossbar.convert(Masked(), DESIGN, wire_aware=True, calibration=[images(0, 3, 4)])


@pytest.mark.parametrize("bias", ["digital", "word line"])
def test_what_a_filter_makes_0_of_tells_nothing(bias: str) -> None:
    torch.manual_seed(0)
    model = nn.Conv2d(1, 2, 3)
    ring = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
    model.weight.data[:] = torch.stack([ring, -ring])[:, None]
    options = {"wires": WIRES, "wire_aware": True, "bias": bias}
    plain = crossbar.convert(model, DESIGN, **options)
    known = crossbar.convert(model, DESIGN, calibration=[torch.ones(2, 1, 5, 5)], **options)
    assert torch.equal(known.weight, plain.weight)


def test_inputs_without_weights_are_left_out() -> None:
    """As they get no line: what they see does not matter."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4))
    model[0].weight.data[:, 2] = 0
    options = {"wires": WIRES, "tile": Tile(32, 32), "wire_aware": True}
    points = images(0, 30, 6)
    known = crossbar.convert(model, DESIGN, calibration=[points], **options)
    points[:, 2] = 100
    again = crossbar.convert(model, DESIGN, calibration=[points], **options)
    plain = crossbar.convert(model, DESIGN, **options)
    assert torch.equal(known[0].weight, again[0].weight)
    assert not torch.equal(known[0].weight, plain[0].weight)


def bits(analog: nn.Module, model: nn.Module, others: Tensor) -> float:
    with torch.no_grad():
        wanted = model(others).numpy()
        return effective_bits(analog(others).numpy() - wanted, float(np.ptp(wanted)))


@pytest.mark.parametrize("bias", ["digital", "word line"])
def test_a_calibrated_layer_has_more_bits_on_other_inputs(bias: str) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(24, 8)).double()
    options = {"wires": WIRES, "tile": Tile(32, 32), "wire_aware": True, "bias": bias}
    batches = [images(0, 100, 24).double(), images(1, 100, 24).double()]
    others, gained = images(2, 500, 24).double(), []
    for chip in range(4):
        plain = crossbar.convert(model, DESIGN, chip=chip, **options)
        known = crossbar.convert(model, DESIGN, chip=chip, calibration=batches, **options)
        gained.append(bits(known, model, others) - bits(plain, model, others))
    assert np.mean(gained) > 0.4  # measured: 1.4 and 0.8


def test_layers_without_inputs_are_programmed_as_without_calibration() -> None:
    """The one that no batch reaches, and one that sees nothing but zeros."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
    model[0].bias.data[:] = -100
    options = {"wires": WIRES, "tile": Tile(32, 32), "wire_aware": True}
    plain = crossbar.convert(model, DESIGN, **options)
    known = crossbar.convert(model, DESIGN, calibration=[images(0, 9, 6)], **options)
    assert torch.equal(known[2].weight, plain[2].weight)
    assert not torch.equal(known[0].weight, plain[0].weight)

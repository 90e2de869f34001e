"""What `crossbar.convert` makes of a model: which weights, which layers, which biases."""

from __future__ import annotations

import copy
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import crossbar
from crossbar.models import AnalogConv2d, AnalogLinear
from crossbar.production import produce

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


def test_weights_are_those_of_the_numpy_path_bit_for_bit() -> None:
    model = mlp().double()
    analog = crossbar.convert(model, DESIGN, tile=TILE, seed=5)
    for index, path in enumerate(("0", "2")):
        weights = model.get_parameter(f"{path}.weight").detach().numpy()
        seed = np.random.SeedSequence(5, spawn_key=(0, index))
        made = produce(DESIGN, weights, seed, measurement_error=1e-5)
        found = crossbar.transfer(made.chip, made.program, crossbar.Wires(), tile=TILE)
        expected = found.siemens / made.siemens_per_weight
        assert (analog.get_buffer(f"{path}.weight").numpy() == expected).all()
        assert (expected != weights).any()


def test_the_original_is_untouched_and_the_copy_keeps_its_type() -> None:
    model = mlp()
    before = copy.deepcopy(model.state_dict())
    analog = crossbar.convert(model, DESIGN, tile=TILE)
    assert all((before[name] == value).all() for name, value in model.state_dict().items())
    assert model.training
    assert isinstance(model[0], nn.Linear)
    assert not analog.training
    assert isinstance(analog[0], AnalogLinear)
    assert analog[0].weight.dtype == torch.float32
    assert list(analog.parameters()) == []
    assert set(analog.state_dict()) == set(before)


def test_workers_and_the_choice_of_other_layers_change_no_bit() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(12, 20))
    alone = crossbar.convert(model, DESIGN, tile=TILE, kinds=("Linear",))
    with ThreadPoolExecutor(2) as executor:
        both = crossbar.convert(model, DESIGN, tile=TILE, executor=executor)
    other = crossbar.convert(model, DESIGN, tile=TILE, chip=1)
    assert (alone[2].weight == both[2].weight).all()
    assert isinstance(alone[0], nn.Conv2d)
    assert (other[2].weight != both[2].weight).any()


def test_the_report_says_what_was_made() -> None:
    analog = crossbar.convert(mlp(), DESIGN, tile=TILE)
    first, second = analog.conversion.converted
    assert (first.path, first.kind, first.outputs, first.inputs) == ("0", "Linear", 12, 20)
    assert (first.tiles, second.tiles) == (9, 4)
    assert first.resistors == 12 * 20 * 8
    assert 0 < first.enabled < first.resistors
    assert first.unreachable == 0
    assert 0 < first.mismatch < 1e-6
    assert 3 < first.matrix_worst_bits < first.matrix_effective_bits + 3
    table = str(analog.conversion).splitlines()
    assert table[2].split()[:5] == ["0", "Linear", "12", "x", "20"]
    assert table[4].split()[:3] == ["all", "13", str(12 * 20 * 8 + 12 * 5 * 8)]


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, 3),
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.Conv2d(4, 6, (3, 2), padding="same", dilation=2, bias=False),
        nn.Conv2d(4, 6, 3, padding=(2, 1), padding_mode="reflect"),
        nn.Conv2d(4, 6, 3, groups=2, padding=1, padding_mode="circular"),
        nn.Conv2d(4, 8, 3, groups=4, stride=(1, 2)),
    ],
    ids=["plain", "strided", "dilated", "reflect", "grouped", "depthwise"],
)
@pytest.mark.parametrize("bias", ["digital", "word line"])
def test_convolutions_keep_their_geometry(layer: nn.Conv2d, bias: str) -> None:
    model = copy.deepcopy(layer).double()
    analog = crossbar.convert(model, FINE, bias=bias, **IDEAL)
    images = torch.randn(3, 4, 9, 8, dtype=torch.float64)
    with torch.no_grad():
        wanted, found = model(images), analog(images)
    assert isinstance(analog, AnalogConv2d)
    assert analog.conversion.converted[0].groups == layer.groups
    # 14 resistors of a guaranteed ladder keep 12 bits a weight, and errors add up randomly.
    assert found.shape == wanted.shape
    assert close(found, wanted, 2**-9)
    assert not close(found, wanted, 2**-30)
    patches = analog.product(images, None)
    as_tiles = copy.deepcopy(analog)
    as_tiles.register_buffer("grid_row", torch.zeros(layer.groups, analog.weight[0].numel()).long())
    as_tiles._read = lambda sums: sums  # type: ignore[method-assign]
    as_tiles.bias_on_line = False
    assert close(as_tiles.tile_by_tile(images), patches, 1e-14)


def test_a_convolution_is_the_unfolded_product() -> None:
    layer = nn.Conv2d(2, 3, 3, padding=1).double()
    analog = crossbar.convert(layer, DESIGN, tile=TILE)
    images = torch.randn(2, 2, 5, 5, dtype=torch.float64)
    patches = nn.functional.unfold(images, 3, padding=1)
    wanted = (analog.weight.flatten(1) @ patches + analog.bias[:, None]).reshape(2, 3, 5, 5)
    assert close(analog(images), wanted, 1e-14)


@pytest.mark.parametrize("tall", [True, False])
def test_a_bias_on_a_word_line_is_a_row_of_cells(tall: bool) -> None:
    layer = nn.Linear(8 if tall else 5, 6).double()
    with torch.no_grad():
        layer.bias.mul_(30)
    line = crossbar.convert(layer, FINE, bias="word line", **IDEAL)
    digital = crossbar.convert(layer, FINE, **IDEAL)
    report = line.conversion.converted[0]
    constant = float((layer.bias.abs().max() / layer.weight.abs().max()).detach())
    assert report.constants == pytest.approx((constant,), rel=1e-15)
    assert report.tiles == (4 if tall else 2)  # a ninth row takes two more tiles of eight
    assert (digital.bias == layer.bias).all()
    error = (line.bias - layer.bias).abs().max() / layer.bias.abs().max()
    assert 0 < error < 2**-10
    assert "bias line" in str(line.conversion)


def test_pruned_rows_and_columns_take_no_lines_and_give_exact_zeros() -> None:
    layer = nn.Linear(20, 12, bias=False)
    with torch.no_grad():
        layer.weight[3:9] = 0
        layer.weight[:, 4:16] = 0
    analog = crossbar.convert(layer, DESIGN, tile=TILE)
    report = analog.conversion.converted[0]
    assert report.resistors == 6 * 8 * 8
    assert report.tiles == 2
    assert (analog.weight[3:9] == 0).all()
    assert (analog.weight[:, 4:16] == 0).all()
    assert (analog.weight[:3, :4] != 0).all()


def test_a_layer_without_weights_needs_no_array() -> None:
    model = mlp()
    with torch.no_grad():
        model[0].weight.zero_()
    analog = crossbar.convert(model, DESIGN, tile=TILE)
    assert analog.conversion.converted[0].tiles == 0
    assert (analog[0](torch.ones(2, 20)) == model[0].bias).all()


def test_state_copies_types_and_files_work(tmp_path: Path) -> None:
    model = mlp()
    analog = crossbar.convert(model, DESIGN, tile=TILE)
    other = crossbar.convert(model, DESIGN, tile=TILE, seed=1)
    inputs = torch.rand(3, 20)
    assert (other(inputs) != analog(inputs)).any()
    other.load_state_dict(analog.state_dict())
    assert (other(inputs) == analog(inputs)).all()
    torch.save(analog, file := io.BytesIO())
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert (loaded(inputs) == analog(inputs)).all()
    assert str(loaded.conversion) == str(analog.conversion)
    half = copy.deepcopy(analog).half()
    assert close(half(inputs.half()).float(), analog(inputs), 2**-8)
    trained = analog.train()(inputs.requires_grad_()).sum()
    trained.backward()
    assert inputs.grad is not None


def test_without_converters_an_analog_model_is_linear() -> None:
    model = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.Flatten(), nn.Linear(27, 4, False))
    analog = crossbar.convert(model.double(), DESIGN, tile=TILE)
    one, other = torch.randn(2, 5, 2, 5, 5, dtype=torch.float64)
    assert close(analog(2 * one - 3 * other), 2 * analog(one) - 3 * analog(other), 1e-13)


def test_each_group_has_resistors_of_its_own() -> None:
    layer = nn.Conv2d(2, 4, 3, groups=2)
    with torch.no_grad():
        layer.weight[2:] = layer.weight[:2]
    analog = crossbar.convert(layer, DESIGN, tile=TILE)
    assert (analog.weight[2:] != analog.weight[:2]).any()


def test_progress_counts_matrices() -> None:
    told: list[tuple[int, int]] = []
    model = nn.Sequential(nn.Conv2d(2, 2, 1, groups=2), nn.Flatten(), nn.Linear(2, 2))
    crossbar.convert(model, DESIGN, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_conventional_design_is_programmed_by_its_nominal_values() -> None:
    binary = crossbar.Design(ladder="binary", resistors=12, programmed_by="nominal", tolerance=0.0)
    model = mlp()
    analog = crossbar.convert(model, binary, **IDEAL)
    assert close(analog[0].weight, model[0].weight.detach(), 2**-5)


def test_wires_take_their_share() -> None:
    strong = crossbar.Wires(word_segment_ohm=100.0, bit_segment_ohm=100.0)
    bits = [
        crossbar.convert(mlp(), FINE, wires=wires).conversion.converted[0].matrix_effective_bits
        for wires in (crossbar.Wires.ideal(), crossbar.Wires(), strong)
    ]
    assert bits[0] > bits[1] + 1 > bits[2] + 3


class Nested(nn.Module):
    """Takes a dict with a list of tensors in it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, given: dict[str, list[Tensor]], factor: Tensor) -> Tensor:
        return self.layer(torch.cat(given["parts"], dim=1)) * factor


def test_inputs_in_lists_and_dicts_calibrate() -> None:
    parts = [torch.rand(5, 2), torch.rand(5, 4) * 3]
    converters = crossbar.Converters(adc_bits=None)
    batch = ({"parts": parts}, torch.ones(()))
    analog = crossbar.convert(Nested(), DESIGN, converters=converters, calibration=[batch])
    assert float(analog.layer.dac_range) == float(parts[1].max())


def test_wire_aware_layers_come_closer_and_scaling_is_taken() -> None:
    model = mlp().double()
    wires = crossbar.Wires(20.0, 20.0, 50.0, 50.0)
    options = {"wires": wires, "tile": TILE, "measurement_error": 0.0}
    wanted = model[0].weight.detach()
    errors = []
    for more in ({}, {"wire_aware": True}, {"wire_aware": True, "scaling": "column"}):
        analog = crossbar.convert(model, FINE, **options, **more)
        errors.append(float((analog[0].weight - wanted).abs().max()))
    assert errors[1] < errors[0] / 4
    assert errors[2] < errors[0] / 4
    assert errors[2] != errors[1]
    with pytest.raises(crossbar.InputError, match="scaling = 'row'"):
        crossbar.convert(model, FINE, scaling="row")
    with pytest.raises(crossbar.InputError, match="neglects the wires"):
        crossbar.convert(model, FINE, wire_aware=True, simulator="ideal")

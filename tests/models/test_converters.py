"""Converters: levels, ranges from calibration, and where they stand."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import crossbar
from crossbar import Converters
from crossbar.models.converters import quantise

DESIGN = crossbar.Design(resistors=8)
TILE = crossbar.Tile(8, 8)


def scalar(value: float | bool) -> Tensor:
    return torch.tensor(value, dtype=None if isinstance(value, bool) else torch.float64)


def decibel(wanted: Tensor, found: Tensor) -> float:
    ratio = wanted.double().square().mean() / (found - wanted).double().square().mean()
    return float(10 * torch.log10(ratio))


@settings(deadline=None, max_examples=30)
@given(bits=st.integers(1, 10), signed=st.booleans(), largest=st.floats(1e-6, 1e6))
def test_levels_are_so_many_with_zero_among_them(bits: int, signed: bool, largest: float) -> None:
    ends = 3 * largest * torch.linspace(-1, 1, 9_001, dtype=torch.float64)
    found = quantise(ends, scalar(largest), bits, scalar(signed))
    levels = found.unique()
    step = largest * (1 + signed) / (2**bits - 1)
    assert len(levels) == 2**bits
    assert (levels == 0).any()
    assert torch.allclose(levels.diff(), scalar(step), rtol=1e-9, atol=0)
    inside = ends.abs() <= largest if signed else (ends >= 0) & (ends <= largest)
    assert float((found - ends)[inside].abs().max()) <= step / 2 * (1 + 1e-9)


def test_low_precision_types_are_counted_in_single_precision() -> None:
    values = torch.tensor([-1.0, -0.25, 0.0, 0.5, 1.0], dtype=torch.float16)
    assert (quantise(values, scalar(1.0), 24, scalar(True)) == values).all()


def linear() -> nn.Linear:
    torch.manual_seed(2)
    return nn.Linear(30, 12).double()


@pytest.mark.parametrize("place", ["tile", "layer"])
@pytest.mark.parametrize("bias", ["digital", "word line"])
def test_each_bit_is_worth_six_decibel(place: str, bias: str) -> None:
    batch = torch.randn(500, 30, dtype=torch.float64)
    analog = crossbar.convert(linear(), DESIGN, tile=TILE, bias=bias)
    ratios = []
    for bits in (6, 8, 10):
        converters = Converters(dac_bits=bits, adc_bits=bits, adc_at=place)
        converted = crossbar.convert(
            linear(), DESIGN, tile=TILE, bias=bias, converters=converters, calibration=[batch]
        )
        ratios.append(decibel(analog(batch), converted(batch)))
    steps = np.diff(ratios)
    # The error of 6,000 rounded values is known to a few hundredths of its size: 0.3 dB or so.
    assert steps == pytest.approx([2 * 6.02] * 2, abs=0.6)


def test_one_converter_alone_has_the_textbook_error() -> None:
    batch = torch.rand(2000, 30, dtype=torch.float64) * 2 - 1
    converters = Converters(dac_bits=8, adc_bits=None)
    found = crossbar.convert(
        linear(), DESIGN, tile=TILE, converters=converters, calibration=[batch]
    )
    seen = found._converted("dac", batch, 8)
    # A uniform signal over the whole range: 6.02 dB a bit, with 60,000 samples.
    assert decibel(batch, seen) == pytest.approx(20 * np.log10(2**8 - 1), abs=0.1)


LAYERS = [
    nn.Conv2d(4, 6, 3, stride=2, padding=1),
    nn.Conv2d(4, 6, (3, 2), padding="same", dilation=(2, 1)),
    nn.Conv2d(4, 6, 3, groups=2, padding=(1, 2), padding_mode="reflect"),
    nn.Linear(30, 12),
]


@pytest.mark.parametrize("layer", LAYERS, ids=["strided", "dilated", "grouped", "linear"])
@pytest.mark.parametrize("bias", ["digital", "word line"])
def test_many_bits_at_tiles_change_nothing(layer: nn.Module, bias: str) -> None:
    model = copy.deepcopy(layer).double()
    with torch.no_grad():
        model.weight[:, 1] = 0  # some inputs have no line
    shape = (5, 4, 9, 8) if isinstance(layer, nn.Conv2d) else (5, 30)
    batch = torch.randn(shape, dtype=torch.float64)
    exact = crossbar.convert(model, DESIGN, tile=TILE, bias=bias)
    fine = crossbar.convert(
        model,
        DESIGN,
        tile=TILE,
        bias=bias,
        converters=Converters(dac_bits=24, adc_bits=24),
        calibration=[batch],
    )
    wanted, found = exact(batch), fine(batch)
    assert found.shape == wanted.shape
    error = float((found - wanted).abs().max() / wanted.abs().max())
    assert 0 < error < 1e-5
    assert fine(batch[:0]).shape == model(batch[:0]).shape
    single = batch[0]
    assert torch.allclose(fine(single), fine(batch)[0], rtol=1e-9)


def test_partial_sums_are_converted_one_by_one() -> None:
    """Two tiles whose large currents cancel saturate alone, and not together."""
    layer = nn.Linear(16, 1, bias=False).double()
    with torch.no_grad():
        layer.weight[:] = torch.cat([torch.ones(8), -torch.ones(8)])
    calm = torch.cat([torch.ones(8), torch.zeros(8)])[None].double()
    strong = 4 * torch.ones(1, 16).double()
    strong[0, 0] = 6
    exact = crossbar.convert(layer, DESIGN, tile=TILE)
    found = {}
    for place in ("tile", "layer"):
        converters = Converters(dac_bits=None, adc_bits=12, adc_at=place)
        model = crossbar.convert(
            layer, DESIGN, tile=TILE, converters=converters, calibration=[calm]
        )
        found[place] = float(model(strong) - exact(strong))
    assert abs(found["layer"]) < 0.01
    assert abs(found["tile"]) > 1


def test_inputs_without_sign_use_all_levels() -> None:
    model = nn.Sequential(linear(), nn.ReLU(), nn.Linear(12, 3).double())
    batch = torch.randn(40, 30, dtype=torch.float64)
    converters = Converters(dac_bits=5)
    found = crossbar.convert(
        model, DESIGN, tile=TILE, converters=converters, calibration=[batch[:20], (batch[20:],)]
    )
    assert bool(found[0].dac_signed)
    assert not bool(found[2].dac_signed)
    assert float(found[0].dac_range) == float(batch.abs().max())
    mixed = crossbar.convert(
        linear(), DESIGN, tile=TILE, converters=converters, calibration=[batch, batch.abs()]
    )
    assert bool(mixed.dac_signed)  # one batch with a negative input is enough
    assert len(found[2]._converted("dac", torch.linspace(-1, 99, 9999), 5).unique()) == 32


def test_a_percentile_lets_outliers_saturate() -> None:
    batch = torch.linspace(-1, 1, 30 * 101, dtype=torch.float64).reshape(101, 30)
    batch[0, 0] = 50
    converters = Converters(percentile=99)
    found = crossbar.convert(
        linear(), DESIGN, tile=TILE, converters=converters, calibration=[batch]
    )
    assert float(found.dac_range) == pytest.approx(0.99, abs=0.01)


def test_ranges_are_saved_and_loaded() -> None:
    one, other = (
        crossbar.convert(
            linear(), DESIGN, tile=TILE, converters=Converters(), calibration=[size * batch]
        )
        for batch in [torch.randn(9, 30, dtype=torch.float64)]
        for size in (1, 3)
    )
    inputs = torch.randn(4, 30, dtype=torch.float64)
    assert (one(inputs) != other(inputs)).any()
    other.load_state_dict(one.state_dict())
    assert (one(inputs) == other(inputs)).all()
    half = copy.deepcopy(one).half()(inputs.half())
    assert half.dtype == torch.float16
    # Half precision rounds inputs and weights to 11 bits, which may move a code of 8 bits by one.
    assert float((half - one(inputs)).abs().max() / one(inputs).abs().max()) < 0.05


@pytest.mark.parametrize("place", ["tile", "layer"])
@pytest.mark.parametrize("bias", ["digital", "word line"])
@pytest.mark.parametrize("percentile", [100.0, 90.0])
def test_inputs_without_a_line_set_no_range(place: str, bias: str, percentile: float) -> None:
    layer = linear()
    with torch.no_grad():
        layer.weight[:, 3:6] = 0
    batch = torch.rand(50, 30, dtype=torch.float64)
    wild = batch.clone()
    wild[:, 3:6] *= -1000
    converters = Converters(adc_at=place, percentile=percentile)
    options = {"tile": TILE, "bias": bias, "converters": converters}
    calm, other = (
        crossbar.convert(layer, DESIGN, calibration=[one], **options) for one in (batch, wild)
    )
    assert not bool(other.dac_signed)
    assert float(other.dac_range) == float(calm.dac_range) <= 1
    assert (other(wild) == calm(batch)).all()


@pytest.mark.parametrize("mode", ["zeros", "reflect"])
def test_pixels_without_a_line_set_no_range(mode: str) -> None:
    torch.manual_seed(2)
    layer = nn.Conv2d(4, 6, 3, groups=2, stride=2, padding=1, padding_mode=mode).double()
    with torch.no_grad():
        layer.weight[3:, 1] = 0  # channel 3, and of channel 1 all but the middle
        layer.weight[:3, 1] *= torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]])
    batch = torch.rand(5, 4, 8, 8, dtype=torch.float64)
    wild = batch.clone()
    wild[:, 3] *= -1000
    wild[:, 1, 1::2] *= -1000  # between the middles
    wild[:, 1, :, 1::2] *= -1000
    converters = Converters(adc_bits=None)
    calm, other = (
        crossbar.convert(layer, DESIGN, tile=TILE, converters=converters, calibration=[one])
        for one in (batch, wild)
    )
    assert not bool(other.dac_signed)
    assert float(other.dac_range) == float(calm.dac_range) <= 1


def test_a_layer_without_any_line_is_no_fault() -> None:
    model = nn.Sequential(linear(), nn.Linear(12, 3).double())
    with torch.no_grad():
        model[1].weight.zero_()
    batch = torch.rand(5, 30, dtype=torch.float64)
    found = crossbar.convert(model, DESIGN, converters=Converters(), calibration=[batch])
    assert torch.equal(found(batch), model[1].bias.expand(5, 3))

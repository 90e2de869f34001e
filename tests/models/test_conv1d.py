"""Convolutions along one axis are analog on request."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import crossbar  # noqa: E402
from crossbar import Converters, Design, InputError, Tile  # noqa: E402

IDEAL = {"simulator": "ideal", "measurement_error": 0.0}
LAYERS = {
    "plain": nn.Conv1d(4, 6, 3),
    "strided": nn.Conv1d(4, 6, 3, stride=2, padding=1, bias=False),
    "same": nn.Conv1d(4, 6, 3, padding="same", dilation=2),
    "reflect": nn.Conv1d(4, 6, 3, padding=2, padding_mode="reflect"),
    "grouped": nn.Conv1d(4, 6, 3, groups=2, padding=1, padding_mode="circular"),
}
SIGNALS = torch.randn(5, 4, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bias", ["digital", "word line"])
@pytest.mark.parametrize("name", LAYERS)
def test_it_keeps_the_layers_geometry(name, bias):
    model = nn.Sequential(LAYERS[name]).double()
    analog = crossbar.convert(model, Design(resistors=24), kinds=("Conv1d",), bias=bias, **IDEAL)
    wanted, found = model(SIGNALS).detach(), analog(SIGNALS)
    assert found.shape == wanted.shape
    # 24 resistors keep about 20 bits of each weight
    assert (found - wanted).abs().max() < 1e-4 * wanted.abs().max()
    assert torch.allclose(analog[0](SIGNALS[0]), found[0], rtol=1e-12)  # without a batch


@pytest.mark.parametrize("name", LAYERS)
def test_fine_converters_at_tiles_change_little(name):
    model = nn.Sequential(LAYERS[name]).double()
    options = {"kinds": ("Conv1d",), "tile": Tile(4, 8), **IDEAL}
    converters = Converters(dac_bits=20, adc_bits=20)
    plain = crossbar.convert(model, Design(resistors=8), **options)
    fine = crossbar.convert(
        model, Design(resistors=8), converters=converters, calibration=[SIGNALS], **options
    )
    wanted = plain(SIGNALS)
    # a few partial sums, each within half a step of 2^-20 of its range
    assert 0 < (fine(SIGNALS) - wanted).abs().max() < 1e-4 * wanted.abs().max()
    assert fine.conversion.converted[0].tiles > 1


def test_by_default_it_stays_digital_and_is_named():
    model = nn.Sequential(nn.Conv1d(4, 6, 3), nn.Flatten(), nn.Linear(60, 2))
    conversion = crossbar.convert(model, Design(resistors=8), **IDEAL).conversion
    assert [layer.path for layer in conversion.converted] == ["2"]
    assert (conversion.digital[0].path, conversion.digital[0].kind) == ("0", "Conv1d")


def test_a_comparison_sees_it_and_wrong_channels_are_one_line():
    model = nn.Sequential(nn.Conv1d(4, 6, 3), nn.Flatten(), nn.Linear(60, 2)).double()
    kinds = ("Linear", "Conv1d")
    analog = crossbar.convert(model, Design(resistors=16), kinds=kinds, **IDEAL)
    found = crossbar.compare(model, analog, SIGNALS)
    assert [layer.path for layer in found.layers] == ["0", "2"]
    assert min(layer.effective_bits for layer in found.layers) > 10
    with pytest.raises(InputError, match=r"layer '0': inputs have shape \(5, 3, 12\)"):
        analog[0](SIGNALS[:, :3])

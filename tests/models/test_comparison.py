"""An analog model beside its digital one: the report's figures against a computation by hand."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import crossbar  # noqa: E402
from crossbar import Design, InputError  # noqa: E402
from crossbar.metrics import effective_bits, worst_bits  # noqa: E402
from crossbar.models.comparison import compare  # noqa: E402
from crossbar.models.studies import without_converters  # noqa: E402

DESIGN = Design(resistors=8)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(2, 3, 3, stride=2, bias=False),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(27, 5),
    )
    layers.train()(torch.rand(32, 2, 8, 8))  # statistics of the batch-norm
    return layers.double().eval()


@pytest.fixture(scope="module")
def analog(model):
    return crossbar.convert(model, DESIGN, seed=3)


@pytest.fixture(scope="module")
def images():
    return torch.rand(23, 2, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_the_figures_are_those_of_a_computation_by_hand(model, analog, images):
    labels = torch.arange(23) % 5
    found = compare(model, analog, images, labels, batch=7)
    with torch.no_grad():
        wanted, got = model(images).numpy(), analog(images).numpy()
        folded = nn.utils.fusion.fuse_conv_bn_eval(model[0], model[1])
        products = folded(images) - folded.bias.reshape(-1, 1, 1)
        seen = analog[0](images) - folded.bias.reshape(-1, 1, 1)
        hidden = model[:4](images)
        logits, linear = hidden @ model[4].weight.T, analog[4](hidden) - model[4].bias
    for layer, digital, error in (
        (found.layers[0], products.numpy(), (seen - products).numpy()),
        (found.layers[1], logits.numpy(), (linear - logits).numpy()),
    ):
        assert layer.effective_bits == pytest.approx(effective_bits(error, np.ptp(digital)))
        assert layer.worst_bits == pytest.approx(worst_bits(error, np.abs(digital).max()))
    assert found.effective_bits == pytest.approx(effective_bits(got - wanted, np.ptp(wanted)))
    rms = np.sqrt(((got - wanted) ** 2).mean())
    assert found.logit_error_percent == pytest.approx(100 * rms / np.ptp(wanted))
    assert found.flips == (got.argmax(1) != wanted.argmax(1)).sum()
    right = 100 * (got.argmax(1) == labels.numpy()).mean()
    assert found.accuracy_percent == pytest.approx(right)
    digital = 100 * (wanted.argmax(1) == labels.numpy()).mean()
    assert found.digital_accuracy_percent == pytest.approx(digital)
    assert found.images == 23


def test_the_size_of_a_batch_changes_nothing(model, analog, images):
    once, often = compare(model, analog, images), compare(model, analog, images, batch=1)
    assert once.effective_bits == pytest.approx(often.effective_bits, rel=1e-9)
    assert once.flips == often.flips


def test_ideal_arrays_of_many_resistors_compare_well(model, images):
    analog = crossbar.convert(model, Design(resistors=24), simulator="ideal", measurement_error=0.0)
    found = compare(model, analog, images)
    assert found.flips == 0
    assert found.effective_bits > 15
    assert "23 images" in str(found)


def test_without_converters_the_bits_come_back(model, images):
    options = {"simulator": "ideal", "measurement_error": 0.0, "seed": 3}
    converters = crossbar.models.Converters(dac_bits=3, adc_bits=3)
    coarse = crossbar.convert(model, DESIGN, converters=converters, calibration=[images], **options)
    plain = crossbar.convert(model, DESIGN, **options)
    bare = without_converters(coarse)
    with torch.no_grad():
        assert torch.equal(bare(images), plain(images))
        assert not torch.equal(coarse(images), plain(images))


def test_a_layer_that_is_called_by_name_is_compared_and_one_that_is_not_called_has_no_bits():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(5, 3), nn.Linear(5, 3)

        def forward(self, values):
            return self.used(input=values)

    network = Named()
    used, unused = compare(network, crossbar.convert(network, DESIGN), torch.rand(9, 5)).layers
    assert 2 < used.effective_bits < 20
    assert np.isnan([unused.worst_bits, unused.effective_bits]).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"analog": nn.Linear(2, 2)}, "no converted model"),
        ({"images": torch.zeros(0, 2, 8, 8)}, "images"),
        ({"labels": torch.zeros(4)}, "labels have shape"),
        ({"labels": [1, 2]}, "labels is a list"),
        ({"labels": torch.zeros(23)}, "labels have type torch.float32"),
        ({"labels": torch.arange(23)}, "labels reach from 0 to 22: the model has 5 classes"),
        ({"labels": torch.arange(-1, 22) % 5 - 1}, "labels reach from -1"),
        ({"batch": 0}, "batch = 0"),
        ({"model": 3}, "model is a int"),
        ({"model": nn.Sequential(nn.Linear(2, 2))}, "model: has no layer '0' with weights"),
        ({"model": nn.Linear(2, 2)}, "model: has no layer '0' with weights"),
        ({"images": torch.zeros(2, 2, 8, 8)}, "and type torch.float32: "),
        ({"images": torch.zeros(2, 8, 8, dtype=torch.float64)}, "model: fails on images of shape"),
        ({"images": torch.full((2, 2, 8, 8), float("nan"), dtype=torch.float64)}, "NaN"),
    ],
)
def test_bad_input_is_one_line(model, analog, images, change, said):
    given = {"model": model, "analog": analog, "images": images} | change
    with pytest.raises(InputError, match=said) as error:
        compare(**given)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("scale", [1e-200, 1e290, 1e305])
def test_enormous_logits_have_the_bits_of_usual_ones(scale):
    layer = nn.Linear(6, 4, bias=False).double()
    images = torch.rand(30, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    analog = crossbar.convert(layer, DESIGN, seed=3)
    usual = compare(layer, analog, images, batch=7)
    found = compare(layer, analog, scale * images, batch=7)
    assert found.effective_bits == pytest.approx(usual.effective_bits, rel=1e-12)
    assert found.logit_error_percent == pytest.approx(usual.logit_error_percent, rel=1e-12)
    assert found.layers[0].worst_bits == pytest.approx(usual.layers[0].worst_bits, rel=1e-12)

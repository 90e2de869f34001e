"""What a network takes, against counts by hand."""

import math

import pytest
import torch
from torch import nn

from crossbar import Design, InputError
from crossbar.pruning import Pruned, count, magnitude, prune_filters, quantize
from crossbar.pruning.counting import choice_bits, resistors_for


def linear(weight):
    layer = nn.Linear(len(weight[0]), len(weight))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight, dtype=torch.float32))
    return layer


@pytest.mark.parametrize("places, kept", [(1, 0), (1, 1), (6, 3), (20, 7), (64, 32), (300, 5)])
def test_a_choice_takes_the_logarithm_of_the_number_of_choices(places, kept):
    assert choice_bits(places, kept) == math.ceil(math.log2(math.comb(places, kept)))


def test_a_choice_takes_no_more_bits_than_a_mask_and_about_the_entropy():
    assert choice_bits(10**6, 500_000) <= 10**6
    entropy = -(10**6) * (0.1 * math.log2(0.1) + 0.9 * math.log2(0.9))
    assert choice_bits(10**6, 100_000) == pytest.approx(entropy, rel=1e-4)  # Stirling's terms


def test_counts_by_hand():
    sparse = [[0] * 20 for _ in range(20)]
    sparse[3][4], sparse[3][9], sparse[7][4] = 1, 2, 3
    size = count(linear(sparse), bits=8)
    # lines: 40 bits name them; 3 of the 4 crossings
    lines = 3 * 8 + 40 + choice_bits(4, 3)
    assert size.stored_bits == 32 + min(3 * 8 + choice_bits(400, 3), lines) == 32 + 24 + 24
    assert size.mask_bits == 32 + 3 * 8 + 40 + 4
    assert (size.weights, size.kept_weights) == (400, 3)
    n = size.resistors_per_weight
    assert (size.resistors, size.array_resistors) == (3 * n, 4 * n)
    dense = count(linear([[1.0] * 20] * 20), bits=8)
    assert dense.stored_bits == dense.mask_bits == 32 + 400 * 8


def test_weights_of_a_seed_take_only_their_places():
    layer = linear([[1.0, 0, 0, -1.0], [0, 1.0, 1.0, 0]])
    size = Pruned(layer, seeded=True).size(8)
    assert size.stored_bits == 32 + 64 + choice_bits(8, 4) == 32 + 64 + 7
    assert size.kept_weights == 4


def test_the_groups_of_a_convolution_are_matrices_of_their_own():
    layer = nn.Conv2d(4, 4, 1, groups=2)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.weight[0] = 0
    size = count(layer)
    assert (size.weights, size.kept_weights) == (8, 6)
    assert size.array_resistors == size.resistors == 6 * size.resistors_per_weight


def test_bits_and_scales_of_rounded_weights_count(lenet):
    layers = quantize(lenet, 4).size(8)
    channels = quantize(lenet, 4, per="channel").size(8)
    assert layers.stored_bits <= 4 * layers.weights + 4 * 32
    assert channels.stored_bits == layers.stored_bits + 32 * (4 + 8 + 24 + 10 - 4)
    assert layers.resistors_per_weight == resistors_for(4) < resistors_for(8)


def test_pruning_more_takes_less(lenet):
    sizes = [magnitude(lenet, keep, scope="layer").size() for keep in (1.0, 0.5, 0.25, 0.1)]
    for field in ("kept_weights", "stored_bits", "resistors"):
        values = [getattr(size, field) for size in sizes]
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == 4
    assert all(size.array_resistors >= size.resistors for size in sizes)
    assert all(size.mask_bits >= size.stored_bits for size in sizes)


@pytest.mark.parametrize("prune", [prune_filters, magnitude])
def test_arrays_take_the_resistors_that_are_counted(lenet, prune):
    """Against the arrays that `crossbar.convert` makes."""
    from crossbar.models import convert
    from crossbar.simulation import Tile

    with torch.no_grad():
        lenet.fc1.weight[:5] = 0
    pruned = prune(lenet, 0.5)
    design = Design(resistors=4)
    analog = convert(pruned.model, design, simulator="ideal", tile=Tile(512, 512))
    size = pruned.size()
    made = sum(layer.resistors for layer in analog.conversion.converted)
    assert made == 4 * size.array_resistors // size.resistors_per_weight
    assert made < 4 * size.weights


def test_resistors_are_the_fewest_that_promise_the_bits():
    wanted = [resistors_for(bits) for bits in range(2, 17)]
    assert wanted == sorted(wanted)
    design = Design(ladder="guaranteed", resistors=wanted[6], off_ohm=math.inf)
    fewer = Design(ladder="guaranteed", resistors=wanted[6] - 1, off_ohm=math.inf)
    assert fewer.guaranteed_bits < 8 <= design.guaranteed_bits
    with pytest.raises(InputError, match="bits = 8: no number of resistors guarantees them"):
        resistors_for(8, Design(ladder="stagger"))


@pytest.mark.parametrize(
    "model, said",
    [
        (None, "model is a NoneType"),
        (nn.ReLU(), "no Linear or Conv2d"),
        (nn.Linear(3, 2, device="meta"), "device meta"),
        (nn.LazyLinear(2), "lazy"),
    ],
)
@pytest.mark.parametrize("use", [count, lambda model: quantize(model, 4)])
def test_what_has_no_weights_is_refused(use, model, said):
    with pytest.raises(InputError, match=said) as error:
        use(model)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("per", ["layer", "channel"])
def test_a_layer_of_size_zero_is_not_rounded(per):
    layer = nn.Linear(3, 1)
    layer.weight = nn.Parameter(torch.ones(0, 3))
    with pytest.raises(InputError, match=r"shape \(0, 3\)"):
        quantize(layer, 4, per=per)

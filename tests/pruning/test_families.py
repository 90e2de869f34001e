"""Each family on networks of several kinds: what is kept, what stays as it was, what is refused."""

import copy
import math

import pytest
import torch
from torch import nn

from crossbar import InputError
from crossbar.models.pruning import matrix_layers, plain_state
from crossbar.pruning import (
    edge_popup,
    fine_tune,
    low_rank,
    magnitude,
    prune_filters,
    quantize,
    shrink,
)
from crossbar.pruning.magnitudes import schedule

IMAGES = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(1))
MODELS = ("lenet", "unusual")


def weights(model):
    return {path: layer.weight.detach() for path, layer in matrix_layers(model).items()}


def same(state, other):
    return state.keys() == other.keys() and all(
        torch.equal(state[key], other[key]) for key in state
    )


def no_fit(model, epochs):
    """A training that learns nothing."""


@pytest.fixture(params=MODELS)
def model(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_magnitude_keeps_the_largest_weights_and_nothing_else_changes(model, scope):
    before = plain_state(model)
    pruned = magnitude(model, 0.3, scope=scope).model
    assert same(before, plain_state(model))
    assert type(pruned) is type(model)
    old, new = weights(model), weights(pruned)
    if scope == "global":
        old, new = ({"all": torch.cat([w.flatten() for w in x.values()])} for x in (old, new))
    for path, weight in old.items():
        kept = new[path] != 0
        assert int(kept.sum()) == pytest.approx(0.3 * weight.numel(), abs=1)
        assert weight[kept].abs().min() >= weight[~kept].abs().max()
        assert torch.equal(new[path][kept], weight[kept])
    after = plain_state(pruned)
    for name in before.keys() - {f"{path}.weight" for path in weights(model)}:
        assert torch.equal(after[name], before[name])
    assert not any(hasattr(layer, "weight_mask") for layer in pruned.modules())


def test_pruning_more_keeps_what_is_pruned_and_pruning_less_is_refused(lenet):
    once = magnitude(lenet, 0.2).model
    twice = magnitude(magnitude(lenet, 0.5).model, 0.2).model
    assert same(plain_state(once), plain_state(twice))
    with pytest.raises(InputError, match=r"keep = 0\.5: only 0\.1997 of the weights are left"):
        magnitude(once, 0.5)
    few = magnitude(lenet, 0.2, scope="layer").model
    with pytest.raises(InputError, match=r"only 0\.1944 of the weights of layer 'conv1' are left"):
        magnitude(few, 0.5, scope="layer")
    assert same(plain_state(magnitude(few, 0.2, scope="layer").model), plain_state(few))
    assert magnitude(lenet, 1.0).size().kept_fraction == 1


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_a_layer_that_would_lose_everything_is_named(lenet, scope):
    with torch.no_grad():
        lenet.conv1.weight *= 1e-6
    with pytest.raises(InputError, match=r"keep: leaves layer 'conv1' without any weight"):
        magnitude(lenet, 0.01, scope=scope)
    empty = magnitude(lenet, 0.01, scope=scope, allow_empty=True).model
    assert not empty.conv1.weight.any()
    assert torch.equal(empty(IMAGES)[0], empty(IMAGES)[1])


def test_a_schedule_prunes_a_share_of_what_is_left_and_ends_where_it_should():
    assert schedule(0.8) == [0.8]
    assert schedule(0.5) == pytest.approx([0.8, 0.64, 0.512, 0.5])
    assert schedule(0.512) == pytest.approx([0.8, 0.64, 0.512])
    assert schedule(1.0) == []
    assert len(schedule(0.036)) == 15


@pytest.mark.parametrize("norm", [1, 2])
def test_whole_filters_of_the_smallest_norm_are_zero(model, norm):
    pruned = prune_filters(model, 0.5, norm=norm).model
    last = list(weights(model))[-1]
    for path, layer in matrix_layers(pruned).items():
        rows = layer.weight.detach().flatten(1).any(dim=1)
        if path == last:
            assert rows.all()
            continue
        assert int(rows.sum()) == len(rows) // 2
        norms = weights(model)[path].flatten(1).norm(p=norm, dim=1)
        assert norms[rows].min() >= norms[~rows].max()
        if layer.bias is not None:
            assert not layer.bias.detach()[~rows].any()


def test_a_chain_without_its_dead_filters_computes_the_same(lenet):
    pruned = prune_filters(lenet, 0.5)
    small = shrink(pruned.model)
    assert [tuple(w.shape) for w in weights(small).values()] == [
        (2, 1, 3, 3), (4, 2, 3, 3), (12, 16), (10, 12),
    ]  # fmt: skip
    # 1e-5: sums of 32-bit floats in another order
    assert torch.allclose(small(IMAGES), pruned.model(IMAGES), rtol=1e-5, atol=1e-6)
    assert small.fc1.in_features == 16
    assert small.conv2.in_channels == 2
    size = pruned.size()
    assert size.kept_weights == sum(w.numel() for w in weights(small).values())
    assert size.resistors == size.array_resistors  # no cell of a kept line is unused


def test_a_neuron_of_no_weights_and_a_bias_stays_when_a_chain_shrinks():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        model[0].weight[:2] = 0
        model[0].bias.copy_(torch.tensor([0.0, 0.7, 0.1, 0.2]))
    small = shrink(model)
    assert small[0].out_features == 3
    inputs = torch.eye(3)
    assert torch.allclose(small(inputs), model(inputs), rtol=1e-5)
    filtered = prune_filters(model, 1.0).model
    assert torch.allclose(filtered(inputs), model(inputs), rtol=1e-5)


@pytest.mark.parametrize(
    "layers",
    [
        (nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2)),
        (nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 3)),
        (nn.Conv2d(1, 4, 1), nn.Linear(8, 2)),  # acts on the width, not on the channels
        (nn.Linear(4, 4), nn.Linear(8, 2)),
        (nn.Conv2d(2, 2, 1, groups=2), nn.Conv2d(2, 2, 1)),
        None,  # a layer at two places
    ],
)
def test_what_is_no_chain_does_not_shrink(layers):
    if layers is None:
        twice = nn.Linear(4, 4)
        layers = (nn.Linear(3, 4), twice, nn.ReLU(), twice)
    with pytest.raises(InputError, match="not part of a chain of layers that can shrink"):
        shrink(nn.Sequential(*layers))


@pytest.mark.parametrize("per", ["layer", "channel"])
def test_rounded_weights_are_multiples_of_a_step_and_miss_by_half_of_it(model, per):
    rounded = quantize(model, 4, per=per)
    for path, weight in weights(model).items():
        rows = weight.reshape(1 if per == "layer" else len(weight), -1)
        new = weights(rounded.model)[path].reshape(rows.shape)
        step = rows.abs().amax(dim=1, keepdim=True) / 7
        steps = new / step
        assert torch.allclose(steps, steps.round(), atol=1e-5)
        assert steps.abs().max() <= 7 + 1e-5
        assert ((new - rows).abs() <= 0.5 * step * (1 + 1e-5)).all()
    assert rounded.bits == 4
    layers = weights(model).values()
    assert rounded.scales == (len(layers) if per == "layer" else sum(len(w) for w in layers))
    pruned = magnitude(model, 0.3)
    zeros = quantize(pruned.model, 8).model
    for path, weight in weights(pruned.model).items():
        assert not weights(zeros)[path][weight == 0].any()


def test_a_full_rank_is_exact_and_a_lower_one_is_the_best(lenet):
    half = low_rank(lenet, 0.5).model
    kept = sum(w.numel() for w in weights(half).values())
    total = sum(w.numel() for w in weights(lenet).values())
    assert 0.5 * total - sum(lenet.fc1.weight.shape) < kept <= 0.5 * total  # one more is too many
    weight = lenet.fc1.weight.detach()
    assert torch.equal(half.fc1[1].bias, lenet.fc1.bias)
    product = (half.fc1[1].weight @ half.fc1[0].weight).detach()
    rank = half.fc1[0].out_features
    values = torch.linalg.svdvals(weight)
    # Eckart and Young: the error is what the dropped singular values leave; 1e-4: 32-bit floats
    assert (product - weight).norm() == pytest.approx(float(values[rank:].norm()), rel=1e-4)
    with torch.no_grad():
        lenet.conv2.weight.copy_(_of_rank(lenet.conv2.weight, 2))
    exact = low_rank(lenet, rank={"conv2": 2}).model
    assert isinstance(exact.fc1, nn.Linear)
    assert torch.allclose(exact(IMAGES), lenet(IMAGES), rtol=1e-4, atol=1e-5)


def _of_rank(weight, rank):
    left, values, right = torch.linalg.svd(weight.flatten(1), full_matrices=False)
    return ((left[:, :rank] * values[:rank]) @ right[:rank]).reshape(weight.shape)


def test_ranks_go_where_they_hold_most():
    model = nn.Sequential(nn.Linear(30, 30), nn.Linear(30, 30))
    with torch.no_grad():
        model[0].weight.copy_(_of_rank(model[0].weight, 2) + 1e-4 * model[0].weight)
    made = low_rank(model, 0.4).model
    assert made[0][0].out_features == 2
    assert made[1][0].out_features == 0.4 * 2 * 900 // 60 - 2


def test_ranks_grow_by_shares_of_squares():
    """Second values hold 0.36 / 1.36 and 1 / 3 of the squares, but 0.6 / 1.6 and 1 / 3 as such."""
    model = nn.Sequential(nn.Linear(30, 30), nn.Linear(30, 30))
    with torch.no_grad():
        for layer, values in zip(model, ([1, 0.6], [1, 1, 1]), strict=True):
            layer.weight.copy_(torch.diag(torch.tensor(values + [0.0] * (30 - len(values)))))
    made = low_rank(model, 0.1).model
    assert [pair[0].out_features for pair in made] == [1, 2]


def test_at_least_one_filter_stays(lenet):
    pruned = prune_filters(lenet, 1e-3).model
    kept = [int(weight.flatten(1).any(dim=1).sum()) for weight in weights(pruned).values()]
    assert kept[:-1] == [1, 1, 1]


def test_low_rank_leaves_what_it_cannot_make_smaller_and_takes_a_single_layer(unusual):
    made = low_rank(unusual, 0.9).model
    assert isinstance(made.blocks[0], nn.Conv2d)  # two groups
    assert isinstance(made.head, nn.Sequential)
    alone = low_rank(nn.Linear(20, 20), rank=3).model
    assert [tuple(w.shape) for w in weights(alone).values()] == [(3, 20), (20, 3)]
    assert isinstance(low_rank(nn.Linear(4, 4), rank=2).model, nn.Linear)


def test_a_popup_network_holds_random_weights_only(model):
    made = edge_popup(model, 0.25, no_fit, epochs=1, seed=5)
    for weight in weights(made.model).values():
        kept = weight[weight != 0]
        assert len(kept) == round(0.25 * weight.numel())
        constant = math.sqrt(2 / (0.25 * weight[0].numel()))
        assert torch.allclose(kept.abs(), torch.tensor(constant), rtol=1e-6)
        assert -1 < kept.sign().mean() < 1
    assert made.seeded
    assert made.size(8).weight_bits == 2
    assert quantize(made.model, 2).size().kept_weights == made.size().kept_weights
    assert edge_popup(model, 0.25, no_fit, epochs=0, start="kaiming").size(8).weight_bits == 8
    assert all(value.requires_grad for value in made.model.parameters())
    again = edge_popup(model, 0.25, no_fit, epochs=0, seed=5)
    assert same(plain_state(again.model), plain_state(made.model))
    other = edge_popup(model, 0.25, no_fit, epochs=0, seed=6)
    assert not same(plain_state(other.model), plain_state(made.model))


def test_a_popup_gradient_goes_straight_through_to_every_score():
    layer = nn.Sequential(nn.Linear(4, 3, bias=False))
    inputs = torch.tensor([[1.0, -2.0, 0.5, 3.0]])
    seen = {}

    def fit(model, epochs):
        assert [name for name, value in model.named_parameters() if value.requires_grad] == [
            "0.parametrizations.weight.0.scores"
        ]
        model(inputs).sum().backward()
        chosen = model[0].parametrizations.weight[0]
        seen["gradient"] = chosen.scores.grad
        seen["expected"] = model[0].parametrizations.weight.original * inputs * chosen.scores.sign()

    edge_popup(layer, 0.5, fit, epochs=1, start="kaiming")
    assert torch.allclose(seen["gradient"], seen["expected"], rtol=1e-6)


def test_a_layer_at_two_places_stays_one_and_shared_weights_are_refused():
    layer = nn.Linear(20, 20)
    made = low_rank(nn.Sequential(layer, nn.ReLU(), layer), rank=3).model
    assert made[0] is made[2]
    other = nn.Linear(20, 20)
    other.weight = layer.weight
    with pytest.raises(InputError, match="layer '0' shares its weights with another"):
        magnitude(nn.Sequential(layer, other), 0.5)


def test_fine_tuning_moves_weights_and_leaves_zeros(lenet):
    pruned = prune_filters(lenet, 0.5).model

    def fit(model, epochs):
        assert epochs == 2
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            model(IMAGES).square().sum().backward()
            optimizer.step()

    tuned = fine_tune(pruned, fit, 2)
    before, after = plain_state(pruned), plain_state(tuned)
    for name in before:
        assert torch.equal(before[name] == 0, after[name] == 0)
        assert not torch.equal(before[name], after[name])


@pytest.mark.parametrize("keep", [0.0, -0.1, 1.1, float("nan"), True, "0.5", None])
@pytest.mark.parametrize(
    "prune",
    [
        magnitude,
        prune_filters,
        lambda model, keep: edge_popup(model, keep, no_fit, epochs=1),
        lambda model, keep: low_rank(model, rank=None if keep else 0, keep=keep),
    ],
)
def test_fractions_out_of_range_are_refused(lenet, prune, keep):
    with pytest.raises(InputError, match=r"^(keep|rank)"):
        prune(lenet, keep)


@pytest.mark.parametrize(
    "prune",
    [
        lambda model: magnitude(model, 0.5),
        lambda model: prune_filters(model, 0.5),
        lambda model: edge_popup(model, 0.5, no_fit, epochs=1),
        lambda model: low_rank(model, 0.5),
        lambda model: quantize(model, 4),
        shrink,
    ],
)
def test_models_that_cannot_be_pruned_are_refused(lenet, prune):
    with pytest.raises(InputError, match="no Linear or Conv2d layer"):
        prune(nn.ReLU())
    with pytest.raises(InputError, match=r"give a torch\.nn\.Module"):
        prune(3)
    for strange in (nn.LazyLinear(3), nn.Linear(3, 3, dtype=torch.complex64)):
        with pytest.raises(InputError, match="no weights that are real numbers"):
            prune(nn.Sequential(strange))
    masked = copy.deepcopy(lenet)
    nn.utils.prune.l1_unstructured(masked.fc1, "weight", amount=1)
    with pytest.raises(InputError, match=r"layer 'fc1' has masks"):
        prune(masked)
    with torch.no_grad():
        lenet.fc2.weight[0, 0] = float("nan")
    with pytest.raises(InputError, match=r"layer 'fc2' holds NaN"):
        prune(lenet)


@pytest.mark.parametrize(
    "prune, said",
    [
        (lambda model: quantize(model, 1), "bits = 1: give a whole number, 2 to 16"),
        (lambda model: quantize(model, 17), "bits = 17"),
        (lambda model: quantize(model, 4.0), "bits = 4.0"),
        (lambda model: quantize(model, 4, per="row"), "per = 'row'"),
        (lambda model: low_rank(model, rank=5), r"rank = 5: layer 'conv1' is a matrix of 4 x 9"),
        (lambda model: low_rank(model, rank=0), "rank = 0"),
        (lambda model: low_rank(model), "give one of the two"),
        (lambda model: low_rank(model, rank={"fc9": 1}), r"rank = \['fc9'\]: the layers are"),
        (lambda model: magnitude(model, 0.5, scope="row"), "scope = 'row'"),
        (lambda model: prune_filters(model, 0.5, norm=3), "norm = 3"),
        (lambda model: prune_filters(model, 0.5, spare=["x"]), r"spare = \['x'\]"),
        (lambda model: edge_popup(model, 0.001, no_fit, epochs=1), "leaves layer 'conv1'"),
        (lambda model: edge_popup(model, {"fc1": 0.5}, no_fit, epochs=1), "name each of"),
        (lambda model: edge_popup(model, 0.5, no_fit, epochs=1, start="x"), "start = 'x'"),
        (lambda model: edge_popup(model, 0.5, no_fit, epochs=-1), "epochs = -1"),
        (lambda model: schedule(0.5, 1.0), "rate = 1"),
    ],
)
def test_other_values_out_of_range_are_refused(lenet, prune, said):
    with pytest.raises(InputError, match=said):
        prune(lenet)


def test_low_rank_leaves_layers_whose_weights_attention_reads():
    torch.manual_seed(5)
    block = nn.TransformerEncoderLayer(8, 2, 32, dropout=0.0, batch_first=True).eval()
    model = nn.Sequential(block, nn.Linear(8, 20))
    made = low_rank(model, rank={"1": 2}).model
    assert isinstance(made[1], nn.Sequential)
    inputs = torch.ones(1, 3, 8)
    assert torch.equal(made[0](inputs), block(inputs))
    assert isinstance(low_rank(model, rank=2).model[0].linear1, nn.Linear)
    with pytest.raises(InputError, match="'0.linear1' is read directly by TransformerEncoderLayer"):
        low_rank(model, rank={"0.linear1": 2})

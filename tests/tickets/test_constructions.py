"""The pruned random networks compute the targets, and hold nothing but random weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from crossbar.errors import InputError
from crossbar.tickets.choices import binary_decomposition, one_of_many
from crossbar.tickets.constructions import CONSTRUCTIONS, da_cunha, malach, orseau, pensia
from crossbar.tickets.pairs import Approximated
from crossbar.tickets.ticket import propagated_bound, relative_weight_error

ROUNDING = 1e-12
"""Relative: sums of at most a few thousand numbers in double precision."""


def dense(bias: bool = True) -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 5, bias=bias), nn.ReLU(), nn.Linear(5, 3, bias=bias)).double()


def convolutional() -> nn.Sequential:
    torch.manual_seed(2)
    return nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 2, 2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(2, 4),
    )


def inputs(*shape: int, least: float = -1.0) -> torch.Tensor:
    random = np.random.default_rng(3)
    return torch.tensor(random.uniform(least, 1, shape))


@pytest.mark.parametrize("construct", [malach, pensia, orseau])
@pytest.mark.parametrize("bias", [False, True])
def test_the_error_on_the_function_is_within_the_bound(construct, bias):
    ticket = construct(dense(bias), 12, seed=4)
    measured = ticket.error(inputs(500, 6))
    assert 0 < measured <= ticket.bound() * (1 + ROUNDING)
    assert ticket.bound() < 20 * measured


@pytest.mark.parametrize("construct", [malach, pensia, orseau])
def test_convolutions_too(construct):
    ticket = construct(convolutional(), 10, seed=4)
    assert 0 < ticket.error(inputs(50, 2, 9, 9)) <= ticket.bound() * (1 + ROUNDING)


def test_da_cunha_prunes_every_negative_entry_of_u():
    ticket = da_cunha(convolutional(), 12)
    assert 0 < ticket.error(inputs(50, 2, 9, 9, least=0)) <= ticket.bound() * (1 + ROUNDING)
    assert ticket.weight_error < 0.05
    first = ticket.network[0].weight
    assert (first >= 0).all()
    assert (ticket.random[0].weight < 0).any()


def test_the_bound_is_reached_by_an_input_that_drives_one_row_to_its_worst():
    """One layer without biases: the worst input of a row is the sign of its errors."""
    target = nn.Sequential(nn.Linear(6, 5, bias=False)).double()
    ticket = malach(target, 3, nonnegative=True)
    errors = ticket.layers[0].positive - ticket.layers[0].wanted
    worst = np.maximum(np.abs(np.maximum(errors, 0).sum(1)), np.abs(np.minimum(errors, 0).sum(1)))
    row = int(worst.argmax())
    bits = np.sign(errors[row]) == np.sign(errors[row][np.abs(errors[row]).argmax()])
    seen = ticket.error(torch.tensor(bits[None].astype(float)))
    assert seen <= ticket.bound() * (1 + ROUNDING)
    assert seen == pytest.approx(np.abs(errors[row] @ bits), rel=1e-9)


def test_the_bound_of_two_layers_is_reached_when_all_errors_have_one_sign():
    """By hand: 2 relu(1 x + 1) + 1 at x = 3 is 9, and 2.5 (1.1 x + 1.2) + 1.5 is 12.75."""
    wanted, found = ([[1.0, 1.0]], [[2.0, 1.0]]), ([[1.1, 1.2]], [[2.5, 1.5]])
    layers = [
        Approximated(np.array(one), np.array(other), np.array(one), True, 0)
        for one, other in zip(wanted, found, strict=True)
    ]
    assert propagated_bound(layers, 3.0) == pytest.approx(3.75, rel=1e-12)


def test_a_weight_that_only_one_sign_of_its_input_reaches_is_counted():
    target = nn.Sequential(nn.Linear(1, 1, bias=False)).double()
    signs = set()
    for seed in range(8):
        random = pensia(target, 3, seed=seed).random
        products = (random[0].weight.ravel() * random[2].weight.ravel()).clamp(min=0)
        positive, negative = float(products[0::2].sum()), float(products[1::2].sum())
        signs.add(positive > negative)
        nn.init.constant_(target[0].weight, (positive + negative) / 2)
        assert pensia(target, 3, seed=seed).unreachable == 1
        assert pensia(target, 3, seed=seed, nonnegative=True).unreachable == (positive < negative)
    assert signs == {False, True}


def test_choices_by_hand():
    candidates = np.array([[0.9, -0.6, 0.3], [0.9, -0.6, 0.3], [0.9, -0.6, 0.3]])
    targets = np.array([0.1, 0.2, 0.61])
    assert one_of_many(candidates, targets).tolist() == [
        [False, False, False],  # zero is closer
        [False, False, True],
        [True, False, False],
    ]
    assert binary_decomposition(candidates, targets).tolist() == [
        [False, False, False],
        [False, False, True],
        [True, False, False],  # 0.9 first; none brings -0.29 closer
    ]
    digits = binary_decomposition(np.array([[0.5, 0.3, 0.1, -0.02]]), np.array([0.88]))
    assert digits.tolist() == [[True, True, True, True]]


@pytest.mark.parametrize("name", CONSTRUCTIONS)
def test_no_target_weight_survives(name):
    """Each nonzero weight is bitwise one that a seed drew; the target only chose the mask."""
    target = convolutional()
    ticket = CONSTRUCTIONS[name](target, 7, seed=5)
    other = nn.Sequential(*(_with_other_weights(layer) for layer in target))
    drawn = CONSTRUCTIONS[name](other, 7, seed=5).random.state_dict()
    pruned = dict(_tensors(ticket.network))
    wanted = torch.cat([p.detach().ravel() for p in target.parameters()])
    assert drawn.keys() == pruned.keys() == ticket.masks.keys()
    for key, random in drawn.items():
        mask, tensor = ticket.masks[key], pruned[key]
        assert ((mask == 0) | (mask == 1)).all()
        assert torch.equal(tensor, random * mask)
        assert torch.equal(tensor[mask == 1], random[mask == 1])
        assert not torch.isin(tensor[mask == 1], wanted).any()


def _tensors(network):
    for position, layer in enumerate(network):
        for name in ("weight", "bias"):
            if getattr(layer, name, None) is not None:
                yield f"{position}.{name}", getattr(layer, name)


def _with_other_weights(layer):
    if not isinstance(layer, (nn.Linear, nn.Conv2d)):
        return layer
    kind = type(layer)
    if kind is nn.Linear:
        return nn.Linear(layer.in_features, layer.out_features)
    return nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        stride=layer.stride,
        padding=layer.padding,
    )


@pytest.mark.parametrize("name", CONSTRUCTIONS)
def test_the_seed_decides_everything(name):
    one, two, other = (CONSTRUCTIONS[name](dense(), 6, seed=seed) for seed in (8, 8, 9))
    for key, tensor in one.network.state_dict().items():
        assert torch.equal(tensor, two.network.state_dict()[key])
    assert not torch.equal(one.random[0].weight, other.random[0].weight)


def test_more_random_weights_bring_it_closer():
    errors = [pensia(dense(), n).weight_error for n in (4, 8, 12, 16)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3


def test_a_sum_is_closer_than_a_digit_by_digit_choice_than_a_single_weight():
    single, subset = malach(dense(), 16), pensia(dense(), 16)
    assert subset.weight_error < single.weight_error / 10
    assert orseau(dense(), 40).weight_error < malach(dense(), 40).weight_error


def test_parameters_are_counted():
    target = nn.Sequential(nn.Linear(6, 5, bias=False), nn.ReLU(), nn.Linear(5, 3))
    ticket = malach(target, 4)
    assert ticket.target_parameters == 30 + 18
    assert ticket.random_parameters == 48 * 6 + 5 * 48 + (48 * 5 + 48) + 3 * 48
    assert ticket.random_per_parameter == ticket.random_parameters / 48
    assert ticket.kept_products <= 2 * 30 + 18
    second = [ticket.network[2].weight, ticket.network[6].weight]
    assert ticket.kept_products == sum(int(torch.count_nonzero(one)) for one in second)
    assert ticket.kept_parameters == sum(
        int(torch.count_nonzero(tensor)) for _, tensor in _tensors(ticket.network)
    )


def test_relative_errors_are_per_tensor():
    """Of the weights 0.1 of 4, of the bias 0.05 of 0.1."""
    wanted, found = np.array([[4.0, 1.0, 0.1]]), np.array([[4.1, 1.0, 0.15]])
    layer = Approximated(wanted, found, wanted, True, 0)
    assert relative_weight_error([layer]) == pytest.approx(0.5, rel=1e-12)
    layer = Approximated(wanted[:, :2], found[:, :2], wanted[:, :2], False, 0)
    assert relative_weight_error([layer]) == pytest.approx(0.025, rel=1e-12)


def test_a_pruned_weight_costs_nothing():
    target = nn.Sequential(nn.Linear(3, 2, bias=False))
    nn.init.zeros_(target[0].weight)
    ticket = pensia(target, 8)
    assert ticket.kept_parameters == 0
    assert ticket.bound() == ticket.error(inputs(5, 3)) == 0


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.BatchNorm1d(3), r"target\[0\] is BatchNorm1d"),
        (nn.Conv2d(2, 2, 3, groups=2), "groups = 1"),
        (nn.Conv2d(2, 2, 3, padding="same"), "padding in pixels"),
        (nn.Conv2d(2, 2, 2, padding=1), "padding of at most"),
        (nn.ReLU(), "no Linear or Conv2d"),
        (nn.AvgPool2d(2, divisor_override=1), r"target\[0\] is AvgPool2d.*divisor_override"),
        (nn.MaxPool2d(2, return_indices=True), r"target\[0\] is MaxPool2d.*return_indices"),
    ],
)
def test_other_layers_are_refused(layer, text):
    with pytest.raises(InputError, match=text):
        malach(nn.Sequential(layer), 3)


def test_wrong_arguments_are_refused():
    with pytest.raises(InputError, match="n = 0"):
        pensia(dense(), 0)
    with pytest.raises(InputError, match="scale = 0"):
        pensia(dense(), 3, scale=0)
    with pytest.raises(InputError, match="smallest = 1"):
        orseau(dense(), 3, smallest=1)
    with pytest.raises(InputError, match="give a torch.nn.Sequential"):
        pensia(dense()[0], 3)
    broken = dense()
    with torch.no_grad():
        broken[0].weight[0, 0] = float("nan")
    with pytest.raises(InputError, match=r"target\[0\].weight"):
        pensia(broken, 3)


def test_negative_inputs_are_refused_where_they_were_excluded():
    with pytest.raises(InputError, match="some are negative"):
        da_cunha(dense(), 3).error(inputs(4, 6))


@pytest.mark.parametrize("name", CONSTRUCTIONS)
def test_weights_beyond_all_random_numbers_are_counted(name):
    target = nn.Sequential(nn.Linear(3, 2, bias=False)).double()
    nn.init.constant_(target[0].weight, 0.01)
    with torch.no_grad():
        target[0].weight[1, 2] = 50
    assert CONSTRUCTIONS[name](target, 12).unreachable == 1
    assert CONSTRUCTIONS[name](target, 12, scale=5000).unreachable == 0

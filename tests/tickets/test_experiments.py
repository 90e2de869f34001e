"""The published experiments, in small, on scikit-learn's digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from crossbar.datasets import load_dataset
from crossbar.errors import InputError
from crossbar.tickets.experiments import (
    da_cunha_table,
    measure,
    pensia_experiment,
    plain_sums,
    predictions,
    weight_errors,
)
from crossbar.tickets.ticket import relative_weight_error


@pytest.fixture(scope="module")
def digits():
    data = load_dataset("digits")
    images = torch.tensor(data.test_inputs, dtype=torch.float32)
    return images, data.test_labels


def trained(network: nn.Sequential, shape: tuple[int, ...]) -> nn.Sequential:
    data = load_dataset("digits")
    images = torch.tensor(data.train_inputs, dtype=torch.float32).reshape(-1, *shape)
    labels = torch.tensor(data.train_labels)
    weights = list(network.parameters())
    for batch in torch.arange(len(labels)).repeat(15).split(128):
        loss = nn.functional.cross_entropy(network(images[batch]), labels[batch])
        for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.data -= 0.3 * slope  # torch.optim takes seconds to import
    return network


@pytest.fixture(scope="module")
def dense():
    torch.manual_seed(0)
    return trained(
        nn.Sequential(nn.Linear(64, 16, False), nn.ReLU(), nn.Linear(16, 10, False)), (64,)
    )


@pytest.fixture(scope="module")
def lenet():
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64, 10)),
    )
    trained(network, (1, 8, 8))
    largest = max(float(one.detach().abs().max()) for one in network[0].parameters())
    with torch.no_grad():  # the same function, with weights that sums of random numbers reach
        network[0].weight /= 2 * largest
        network[0].bias /= 2 * largest
        network[4].weight *= 2 * largest
    return network


def test_pensias_experiment_keeps_the_accuracy(dense, digits):
    rows = {row.name: row for row in pensia_experiment(dense, *digits)}
    assert list(rows) == ["their script", "plain sums", "pensia"]
    for row in rows.values():
        assert row.target_percent > 85
        assert row.percent == pytest.approx(row.target_percent, abs=1)
        assert row.weights == 64 * 16 + 16 * 10
        assert 8 < row.kept_per_weight < 11
        assert row.error <= row.bound * (1 + 1e-6)  # the sums are rounded to single precision
    assert rows["plain sums"].random_per_weight == 21
    ticket = rows["pensia"]
    assert ticket.random_per_weight > 42
    assert ticket.network_kept_per_weight > ticket.kept_per_weight


def test_da_cunhas_errors_fall_with_n(lenet, digits):
    images = digits[0].reshape(-1, 1, 8, 8)
    rows = list(da_cunha_table(lenet[:3], lenet[3:], images, digits[1], counts=(5, 15, 25)))
    assert [(row.name, row.n) for row in rows] == [
        (name, n) for name in ("plain sums", "da_cunha") for n in (5, 15, 25)
    ]
    for three in (rows[:3], rows[3:]):
        errors = [row.relative_weight_error for row in three]
        assert errors[0] > errors[1] > 10 * errors[2]
        assert three[2].percent == three[2].target_percent > 85
        assert three[2].flips == 0


def test_other_constructions_stand_in_the_same_table(lenet, digits):
    images = digits[0].reshape(-1, 1, 8, 8)
    rows = list(
        da_cunha_table(
            lenet[:3], lenet[3:], images, digits[1], counts=[20], names=["malach", "orseau"]
        )
    )
    assert [row.name for row in rows] == ["malach", "orseau"]
    with pytest.raises(InputError, match="'none'"):
        list(da_cunha_table(lenet[:3], lenet[3:], images, digits[1], names=["none"]))


def test_draws_differ_and_each_is_that_of_its_seed(lenet):
    rows = list(weight_errors(lenet[:3], counts=[8], names=["plain sums", "malach"], seeds=[0, 1]))
    assert [(row.name, row.seed) for row in rows] == [
        (name, seed) for name in ("plain sums", "malach") for seed in (0, 1)
    ]
    again = relative_weight_error(plain_sums(lenet[:3], 8, seed=1).layers)
    assert rows[1].relative_weight_error == again != rows[0].relative_weight_error


def test_plain_sums_are_sums_of_what_was_drawn():
    torch.manual_seed(0)
    target = nn.Sequential(nn.Linear(2, 1, bias=False)).double()
    made = plain_sums(target, 3, seed=6)
    values = np.random.default_rng(6).uniform(-1, 1, (1, 2, 3))[0]
    subsets = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1],
                        [0, 1, 1], [1, 1, 1]])  # fmt: skip
    sums = subsets @ values.T
    wanted = target[0].weight.detach().numpy()[0]
    best = np.abs(sums - wanted).argmin(axis=0)
    found = made.network[0].weight.detach().numpy()[0]
    assert found == pytest.approx(sums[best, [0, 1]], rel=1e-12)
    assert made.kept == subsets[best].sum()
    assert made.layers[0].gap[0] == pytest.approx(np.abs(sums[best, [0, 1]] - wanted), rel=1e-9)


def test_shared_numbers_are_shared_by_a_row():
    target = nn.Sequential(nn.Linear(3, 2, bias=False))
    nn.init.constant_(target[0].weight, 0.3)
    weight = plain_sums(target, 4, shared=True).network[0].weight
    assert torch.equal(weight[:, :1].expand(2, 3), weight)
    assert weight[0, 0] != weight[1, 0]
    assert len(plain_sums(target, 4).network[0].weight.unique()) == 6
    with pytest.raises(InputError, match="low = 1.0"):
        plain_sums(target, 4, low=1.0, high=1.0)
    with pytest.raises(InputError, match="high = inf: give a finite range"):
        plain_sums(target, 4, high=np.inf)
    with pytest.raises(InputError, match="n = 0"):
        plain_sums(target, 0)
    with pytest.raises(InputError, match="target is Linear"):
        plain_sums(target[0], 4)


def test_rows_count_missed_weights_and_flips(dense, digits):
    made = plain_sums(dense, 1)
    row = measure("one", made, *digits, eps=0.05)
    assert row.missed == sum(int((layer.gap > 0.05).sum()) for layer in made.layers) > 0
    wanted, found = (predictions(one, digits[0]) for one in (made.target, made.network))
    assert row.flips == (wanted != found).sum() > 0

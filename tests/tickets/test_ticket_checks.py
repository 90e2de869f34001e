"""A target that its weights do not describe is refused in one line."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from crossbar.errors import InputError
from crossbar.tickets.constructions import malach, orseau
from crossbar.tickets.plain import plain_sums


class Doubled(nn.Sequential):
    def forward(self, inputs):
        return 2 * super().forward(inputs)


class Squared(nn.Linear):
    def forward(self, inputs):
        return super().forward(inputs) ** 2


def hooked(register: str) -> nn.Module:
    layer = nn.Linear(3, 2)
    getattr(layer, register)(lambda *_: None)
    return layer


def replaced() -> nn.Module:
    layer = nn.ReLU()
    layer.forward = torch.sigmoid
    return layer


def empty() -> nn.Module:
    layer = nn.Linear(3, 1)
    layer.weight = nn.Parameter(torch.ones(0, 3))
    return layer


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Doubled(nn.Linear(3, 2)), "forward of its own"),
        (nn.Sequential(Squared(3, 2)), "forward of its own"),
        (nn.Sequential(nn.Linear(3, 2), replaced()), "forward of its own"),
        (nn.Sequential(hooked("register_forward_hook")), "hooks"),
        (nn.Sequential(hooked("register_forward_pre_hook")), "hooks"),
        (nn.Sequential(nn.Linear(3, 2, dtype=torch.complex64)), "complex64"),
        (nn.Sequential(nn.Linear(3, 2, device="meta")), "no values"),
        (nn.Sequential(empty()), "shape"),
    ],
)
def test_other_targets_are_refused(target, words):
    with pytest.raises(InputError, match=words) as error:
        malach(target, 4)
    assert "\n" not in str(error.value)


def test_a_lazy_layer_is_refused():
    with pytest.raises(InputError, match="no values"):
        malach(nn.Sequential(nn.LazyLinear(2)), 4)


@pytest.mark.parametrize("scale", ["1", None, True, 1j, math.nan, 0])
def test_arguments_that_are_no_numbers_are_refused(scale):
    target = nn.Sequential(nn.Linear(3, 2))
    with pytest.raises(InputError, match="scale"):
        malach(target, 4, scale=scale)
    with pytest.raises(InputError, match="smallest"):
        orseau(target, 4, smallest=scale)


@pytest.mark.parametrize("largest", [-1, math.nan, math.inf, "1", None])
def test_a_bound_needs_a_finite_magnitude(largest):
    with pytest.raises(InputError, match="largest_input"):
        malach(nn.Sequential(nn.Linear(3, 2)), 4).bound(largest)


@pytest.mark.parametrize(
    "inputs",
    [[[1.0, 2.0, 3.0]], torch.ones(0, 3), torch.ones(2, 4), torch.full((2, 3), math.nan)],
)
def test_an_error_needs_inputs_of_the_targets(inputs):
    with pytest.raises(InputError, match="inputs") as error:
        malach(nn.Sequential(nn.Linear(3, 2)), 4).error(inputs)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"seed": -1}, "seed = -1"), ({"seed": 0.5}, "seed = 0.5"), ({"n": 1.5}, "n = 1.5")],
)
def test_plain_sums_take_whole_numbers(arguments, words):
    with pytest.raises(InputError, match=words):
        plain_sums(nn.Sequential(nn.Linear(3, 2)), **({"n": 4} | arguments))

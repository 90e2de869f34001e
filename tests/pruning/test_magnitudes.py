"""How many weights stay: of all layers together, of each, of each its own fraction."""

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import InputError
from crossbar.models.pruning import matrix_layers, prune_smallest
from crossbar.pruning import magnitude


def test_global_and_layer_scope_round_a_half_alike():
    layer = nn.Sequential(nn.Linear(5, 1, bias=False))
    nn.init.uniform_(layer[0].weight, 0.1, 1)
    kept = [magnitude(layer, 0.5, scope=scope).size().kept_weights for scope in ("global", "layer")]
    assert kept[0] == kept[1] == round(0.5 * 5)


def test_each_layer_can_keep_its_own_fraction(lenet):
    paths = list(matrix_layers(lenet))
    keep = dict(zip(paths, np.linspace(0.2, 0.9, len(paths)), strict=True))
    made = magnitude(lenet, keep, scope="layer").model
    for path, layer in matrix_layers(made).items():
        left = int(torch.count_nonzero(layer.weight))
        assert left == round(keep[path] * layer.weight.numel())
    with pytest.raises(InputError, match="is for scope 'layer'"):
        magnitude(lenet, keep)
    with pytest.raises(InputError, match="name each of the layers"):
        magnitude(lenet, {paths[0]: 0.5}, scope="layer")
    with pytest.raises(InputError, match="keep = 0"):
        magnitude(lenet, keep | {paths[0]: 0}, scope="layer")


def test_the_number_to_keep_can_be_given():
    layers = nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 1))
    prune_smallest(layers, kept=3)
    assert sum(int(torch.count_nonzero(one.weight)) for one in layers) == 3
    with pytest.raises(InputError, match="kept = 4: 3 weights are left"):
        prune_smallest(layers, kept=4)
    with pytest.raises(InputError, match="fraction, kept"):
        prune_smallest(layers, 0.5, kept=3)


def test_zeros_without_a_mask_count_as_pruned():
    """A loaded network has zeros and no masks; a second call finds masks and no other zeros."""
    layers = nn.Sequential(nn.Linear(8, 1, bias=False))
    with torch.no_grad():
        layers[0].weight.copy_(torch.tensor([[0, 0, 0, 0, 1.0, 2, 3, 4]]))
    prune_smallest(layers, kept=3)
    assert layers[0].weight.tolist() == [[0, 0, 0, 0, 0, 2, 3, 4]]
    prune_smallest(layers, 0.75)
    assert layers[0].weight.tolist() == [[0, 0, 0, 0, 0, 0, 3, 4]]

"""The network in crossbar/data, with plain numpy: no code of this project takes part."""

from __future__ import annotations

import json
from importlib.resources import as_file, files
from itertools import count, pairwise, takewhile

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

Layers = list[tuple[NDArray[np.float64], NDArray[np.float64]]]


@pytest.fixture(scope="module")
def arrays() -> dict[str, NDArray[np.generic]]:
    with (
        as_file(files("crossbar") / "data/digits.npz") as path,
        np.load(path, allow_pickle=False) as held,
    ):
        return dict(held)


@pytest.fixture(scope="module")
def meta(arrays: dict[str, NDArray[np.generic]]) -> dict[str, object]:
    held: dict[str, object] = json.loads(str(arrays["meta"]))
    return held


@pytest.fixture(scope="module")
def layers(arrays: dict[str, NDArray[np.generic]]) -> Layers:
    numbers = takewhile(lambda k: f"weight_{k}" in arrays, count())
    return [(arrays[f"weight_{k}"], arrays[f"bias_{k}"]) for k in numbers]


def pruned_fraction(layers: Layers) -> float:
    return sum((w == 0).sum() for w, _ in layers) / sum(w.size for w, _ in layers)


def accuracy_on_the_test_part(layers: Layers) -> float:
    digits = load_digits()
    test = np.arange(len(digits.target)) % 4 == 3
    signal = digits.data[test] / 16
    for number, (weight, bias) in enumerate(layers):
        signal = signal @ weight.T + bias
        if number < len(layers) - 1:
            signal = np.maximum(signal, 0)
    return float(np.mean(signal.argmax(axis=1) == digits.target[test]))


def test_arrays_are_finite_doubles_and_none_is_left_over(
    arrays: dict[str, NDArray[np.generic]], layers: Layers
) -> None:
    assert len(arrays) == 1 + 2 * len(layers)
    for weight, bias in layers:
        assert weight.dtype == bias.dtype == np.float64
        assert np.isfinite(weight).all()
        assert np.isfinite(bias).all()


def test_shapes_chain_from_pixels_to_digits(layers: Layers) -> None:
    assert len(layers) >= 2
    assert layers[0][0].shape[1] == 64
    assert layers[-1][0].shape[0] == 10
    assert all(weight.shape[:1] == bias.shape for weight, bias in layers)
    assert all(after[0].shape[1] == before[0].shape[0] for before, after in pairwise(layers))


def test_four_fifths_of_the_weights_are_pruned(layers: Layers) -> None:
    assert 0.79 <= pruned_fraction(layers) <= 0.81


def test_no_weight_stands_out_of_its_layer(layers: Layers) -> None:
    for weight, _ in layers:
        kept = weight[weight != 0]
        assert np.abs(kept).max() <= 6 * np.sqrt(np.mean(kept**2))


def test_accuracy_on_the_fixed_test_part(layers: Layers) -> None:
    assert accuracy_on_the_test_part(layers) >= 0.95


def test_the_description_is_true(layers: Layers, meta: dict[str, object]) -> None:
    assert meta["architecture"] == [64, *(weight.shape[0] for weight, _ in layers)]
    assert meta["accuracy_test"] == pytest.approx(accuracy_on_the_test_part(layers), rel=1e-12)
    assert meta["pruned_fraction"] == pytest.approx(pruned_fraction(layers), rel=1e-12)
    assert {"dataset", "script", "seed", "split", "torch"} <= set(meta)

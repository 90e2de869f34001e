"""PyTorch models on chips that suffer."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from crossbar import Design, InputError, Nonidealities
from crossbar.models import convert

DESIGN = Design(resistors=12)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 4))


def error(model, nonidealities):
    analog = convert(model, DESIGN, simulator="ideal", nonidealities=nonidealities)
    return max(
        float((one.weight - two.weight).detach().abs().max())
        for one, two in zip((model[0], model[2]), (analog[0], analog[2]), strict=True)
    )


def test_a_models_chips_drift_and_by_default_do_not(model):
    plain = error(model, None)
    assert error(model, Nonidealities()) == plain
    drifted = Nonidealities(drift_seconds=1e7, drift_exponent=0.05, drift_exponent_sigma=0.008)
    # (1e7 / 3600)^-0.05 is 0.67: a third of every weight is gone
    assert error(model, drifted) > 10 * plain


def test_noise_and_converters_are_refused_for_models(model):
    with pytest.raises(InputError, match="read without noise"):
        convert(model, DESIGN, nonidealities=Nonidealities(flicker_relative=1e-3))
    with pytest.raises(InputError, match="for models give converters"):
        convert(model, DESIGN, nonidealities=Nonidealities(adc_bits=8))
    with pytest.raises(InputError, match=r"give a crossbar\.Nonidealities"):
        convert(model, DESIGN, nonidealities=3)

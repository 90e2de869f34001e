"""The table of an experiment on networks, as a reader gets it."""

import pytest

pytest.importorskip("torch")

from crossbar.models.console import network_table
from crossbar.models.rows import ModelRow
from crossbar.tables import NETWORK


def row(chip, layer=NETWORK, **changed):
    whole = layer == NETWORK
    values = {
        "design": "paired",
        "resistors_per_weight": 4,
        "chip": chip,
        "wires": "ideal",
        "converter_bits": None,
        "layer": layer,
        "tiles": 1,
        "resistors": 40,
        "enabled_resistors": 20,
        "weights": 10,
        "kept_weights": 10,
        "unreachable_weights": 0,
        "weight_worst_bits": 3.0,
        "weight_effective_bits": 4.0,
        "product_worst_bits": 5.0,
        "product_effective_bits": 6.0,
        "logit_error_percent": 1.5 if whole else None,
        "flips": 1 if whole else None,
        "accuracy_percent": 90.0 if whole else None,
        "simulator_mismatch": 0.0,
    }
    return ModelRow(**(values | changed))


def lines(text):
    return [line.split() for line in text.splitlines()]


def test_chips_of_one_setting_are_averaged_and_layers_left_out():
    first = row(0, weight_effective_bits=4.0, logit_error_percent=1.0, flips=2)
    second = row(
        1,
        weight_effective_bits=7.0,
        product_effective_bits=9.0,
        logit_error_percent=4.0,
        flips=5,
        accuracy_percent=70.0,
    )
    other = row(0, wires="real", converter_bits=8, flips=9)
    inner = row(0, "fc1", weight_effective_bits=100.0)
    name, _, _, *told = lines(network_table("net", {"dense": [inner, first, second, other]}))
    assert name == ["net"]
    assert told == [
        ["dense", "ideal", "-", "4", "5.5", "7.5", "2.50", "3.5", "80.00"],
        ["dense", "real", "8", "4", "4.0", "6.0", "1.50", "9.0", "90.00"],
    ]


def test_each_version_stands_beside_its_digital_accuracy():
    rows_of = {"dense": [row(0)], "pruned": [row(0)]}
    text = network_table("net", rows_of, {"dense": 91.25, "pruned": 88.0})
    _, headings, _, *told = text.splitlines()
    assert headings.rstrip().endswith("accuracy [%]  digital [%]")
    assert [line.split()[-2:] for line in told] == [["90.00", "91.25"], ["90.00", "88.00"]]
